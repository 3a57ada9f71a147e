"""The exact likelihood of a cluster's mass on a Gaussian sky, for any instrument.

d = A t(M, z) + n with n of covariance C and ln A ~ N(0, s^2): the likelihood of M follows from
p(M) = t^T C^-1 d and F(M) = t^T C^-1 t alone, L(M) = int dA p(A) exp(A p - A^2 F / 2) up to a factor without
M. Profiles that scatter in concentration at fixed Y500 are summed over: sum_k w_k L(M; theta500 e^x_k).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import logsumexp

from szmass_cli.likelihood.amplitude import V_RANGE, AmplitudeLikelihood
from szmass_cli.likelihood.depth import Depth, Depths
from szmass_cli.likelihood.scatter import Profiles, Scatter
from szmass_cli.likelihood.templates import Templates, read_tables, spectra_pairs
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.profiles import ClusterScales, SzModel, cluster_scales, ln_fixed_y500
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.symmetry import symmetry_of
from szmass_cli.system.blas import one_blas_thread

COARSE_MASSES = 112
"""Masses at which the likelihood of scattering amplitudes is worked out; a cubic spline between them."""


@dataclass(frozen=True)
class Removed:
    """What k images of unknown brightness take from the inverse covariance of one cutout: C^-1 - P^T G^-1 P.

    Parameters
    ----------
    products : numpy.ndarray, shape (p, k, q f)
        P, the images' products with C^-1.
    gram : numpy.ndarray, shape (k, k)
        G, their products with the images, and the inverse variances of what they are multiplied with.
    """

    products: np.ndarray
    gram: np.ndarray

    def between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return by how much the products between fields (..., k), as the images see them, get less."""
        columns = second.reshape(-1, second.shape[-1]).T  # side by side: one factorisation serves all of them
        solved = np.linalg.solve(self.gram, columns).T.reshape(second.shape)
        return np.einsum("...k,...k->...", first, solved)


@dataclass(frozen=True)
class Weighed:
    """Cutouts, and their products with the inverse covariance.

    Parameters
    ----------
    fields_uk : numpy.ndarray, shape (p, n, q f)
        d in the blocks of the symmetry [µK].
    weighted : numpy.ndarray, shape (p, n, q f)
        Products C^-1 d with the inverse covariance [1/µK].
    depths : tuple of Depth
        The distinct depths of these cutouts.
    depth_of : numpy.ndarray, shape (n,)
        Index into `depths` for each cutout.
    lost : numpy.ndarray, shape (n, pairs, N_FINE), optional
        By how much t_i^T C^-1 t_j of each cutout is less than that of its depth, see `sources`.
    removed : tuple of Removed or None, length n or 0
        What was taken from the inverse covariance of each cutout; empty where nothing was from any.
    """

    fields_uk: np.ndarray
    weighted: np.ndarray
    depths: tuple[Depth, ...]
    depth_of: np.ndarray
    lost: np.ndarray | None = None
    removed: tuple[Removed | None, ...] = ()

    def __len__(self) -> int:
        return len(self.depth_of)

    def __getitem__(self, rows: np.ndarray | list[int]) -> "Weighed":
        lost = None if self.lost is None else self.lost[rows]
        fields, weighted = self.fields_uk[:, rows], self.weighted[:, rows]
        removed = tuple(self.removed[row] for row in np.arange(len(self))[rows]) if self.removed else ()
        return Weighed(fields, weighted, self.depths, self.depth_of[rows], lost, removed)

    @property
    def changed(self) -> list[tuple[int, Removed]]:
        """Return the cutouts whose inverse covariance something was taken from, and what."""
        return [(row, one) for row, one in enumerate(self.removed) if one is not None]


@dataclass(frozen=True)
class Placed:
    """Clusters as the tables of matched filters have them.

    Parameters
    ----------
    low : numpy.ndarray of int, shape (n, m) or (n, m, k)
        Lower neighbour of each size among those tabulated.
    upper : numpy.ndarray, same shape
        Weight of the upper neighbour.
    spectrum : numpy.ndarray, shape (f, n, m) or (f, n, m, 1)
        Signal in each band over that of cold gas.
    y_scale : numpy.ndarray, same shape as `low`
        Central Compton scale.
    """

    low: np.ndarray
    upper: np.ndarray
    spectrum: np.ndarray
    y_scale: np.ndarray


class GaussianLikelihood:
    """Likelihoods of the masses of cutouts of one instrument.

    Parameters
    ----------
    power : SkyPower
        Power of the sky before any beam, between the f bands.
    instrument : Instrument
        Beams, filters and noise of the f bands.
    model : SzModel
        How the SZ signal follows from mass and redshift.
    scatter : Scatter
        Of amplitudes and concentrations at one mass and redshift, which the likelihood is averaged over.
    """

    def __init__(self, power: SkyPower, instrument: Instrument, model: SzModel, scatter: Scatter):
        self.instrument, self.model, self.scatter = instrument, model, scatter
        self.symmetry = symmetry_of(instrument)
        self.templates = Templates(instrument, model, self.symmetry)
        self.depths = Depths(power, instrument, self.templates)
        self.amplitude = AmplitudeLikelihood(scatter.amplitude_ln)

    def weigh(self, images_uk: np.ndarray, variance_ratio: np.ndarray | None = None) -> Weighed:
        """Return the products of cutouts with the inverse covariance of their depths.

        Parameters
        ----------
        images_uk : numpy.ndarray, shape (n, 40, 40, f)
            Cutouts without holes [µK_CMB].
        variance_ratio : numpy.ndarray, shape (n, f), optional
            Variance of the noise of each cutout over the instrument's; 1 otherwise.
        """
        n = len(images_uk)
        ratio = np.ones((n, len(self.instrument))) if variance_ratio is None else variance_ratio
        levels, depth_of = np.unique(self.depths.levels(ratio), axis=0, return_inverse=True)
        depths = tuple(self.depths(level) for level in levels)
        fields = self.symmetry.fold(np.asarray(images_uk, float))
        weighted = np.empty_like(fields)
        depth_of = depth_of.reshape(n)
        with one_blas_thread():
            for index, depth in enumerate(depths):
                rows = np.flatnonzero(depth_of == index)
                weighted[:, rows] = fields[:, rows] @ depth.inverse
        return Weighed(fields, weighted, depths, depth_of)

    def matched(
        self, weighed: Weighed, scales: ClusterScales, ln_stretch: np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the matched filters of clusters of given sizes and scales.

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        scales : ClusterScales
            Arrays of shape (n, m).
        ln_stretch : array_like, shape (k,) or (m, k), optional
            Stretches of each profile at fixed Y500.

        Returns
        -------
        projection, fisher : numpy.ndarray, shape (n, m), or (n, m, k)
            t^T C^-1 d and t^T C^-1 t (Melin et al. 2006, eqs. 7-9): the amplitude is their ratio, and
            S/N = projection / fisher^1/2.
        """
        placed = self.placed(scales, ln_stretch)
        return self.projection(self.projections_of(weighed.weighted[0]), placed), self.fisher(weighed, placed)

    def placed(self, scales: ClusterScales, ln_stretch: np.ndarray | float = 0.0) -> Placed:
        """Return where clusters (n, m) fall in the tables, for stretches (k,) or (m, k) of their profiles."""
        ln_stretch = np.asarray(ln_stretch, float)
        theta = scales.theta500_arcmin[(..., None)[: 1 + min(ln_stretch.ndim, 1)]]
        y_scale = scales.y_scale.reshape(theta.shape) * np.exp(ln_fixed_y500(ln_stretch))
        low, upper = self.templates.place(theta * np.exp(ln_stretch))
        spectrum = self.templates.spectrum(scales.kt_kev)
        spectrum = np.broadcast_to(spectrum, (*scales.y_scale.shape, spectrum.shape[-1]))
        return Placed(low, upper, np.moveaxis(spectrum, -1, 0).reshape(-1, *theta.shape), y_scale)

    def projection(self, projections: list[np.ndarray], placed: Placed) -> np.ndarray:
        """Return t^T C^-1 d (n, m) or (n, m, k), from those of unit clusters in each band (n, N_FINE)."""
        found = read_tables(projections, np.arange(len(placed.low)), placed.low, placed.upper)
        return sum(s * p for s, p in zip(placed.spectrum, found, strict=True)) * placed.y_scale

    def fisher(self, weighed: Weighed, placed: Placed) -> np.ndarray:
        """Return t^T C^-1 t (n, m) or (n, m, k) at the depths of cutouts."""
        pairs, spectrum = spectra_pairs(len(self.instrument)), placed.spectrum
        products = self.products(weighed, placed)
        fisher = sum(spectrum[i] * spectrum[j] * p for (i, j), p in zip(pairs, products, strict=True))
        return fisher * placed.y_scale**2

    def products(self, weighed: Weighed, placed: Placed) -> list[np.ndarray]:
        """Return t_i^T C^-1 t_j of unit clusters in bands i <= j, twice for i < j, each (n, ...).

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        placed : Placed
            Clusters (n, ...).
        """
        tables = np.stack([depth.fisher for depth in weighed.depths], axis=1)
        products = read_tables(list(tables), weighed.depth_of, placed.low, placed.upper)
        if weighed.lost is None:
            return products
        of_rows = np.arange(len(weighed)), placed.low, placed.upper
        lost = read_tables(list(np.moveaxis(weighed.lost, 1, 0)), *of_rows)
        return [whole - part for whole, part in zip(products, lost, strict=True)]

    def by_band(self, weighed: Weighed, placed: Placed) -> np.ndarray:
        """Return t_i^T C^-1 d and t_i^T C^-1 t_j of single bands for cold gas, (n, ..., f, 1 + f).

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        placed : Placed
            Clusters (n, m) or (n, m, k).
        """
        f = len(self.instrument)
        found = np.empty((*placed.y_scale.shape, f, 1 + f))
        at = np.arange(len(weighed)), placed.low, placed.upper
        found[..., 0] = np.stack(read_tables(self.projections_of(weighed.weighted[0]), *at), axis=-1)
        for (i, j), product in zip(spectra_pairs(f), self.products(weighed, placed), strict=True):
            found[..., i, 1 + j] = found[..., j, 1 + i] = product if i == j else 0.5 * product
        found[..., 0] *= placed.y_scale[..., None]
        found[..., 1:] *= placed.y_scale[..., None, None] ** 2
        return found

    def projections_of(self, even: np.ndarray) -> list[np.ndarray]:
        """Return the products of unit clusters in each band (n, N_FINE) with even fields (n, q f)."""
        even = even.reshape(len(even), self.symmetry.n_pixels, -1)
        with one_blas_thread():
            return [
                self.templates.fine(even[:, :, band] @ self.templates.even[:, :, band].T)
                for band in range(len(self.instrument))
            ]

    def ln_likelihood(self, weighed: Weighed, ln_mass: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return ln L of masses (m,) [ln Msun] for cutouts at redshifts (n,), shape (n, m).

        Up to a constant in each row.
        """
        coarse = self._coarse(ln_mass)
        scales = cluster_scales(np.exp(coarse), np.asarray(redshift, float)[:, None], self.model)
        values, snr = self._summed(weighed, scales, Profiles(*self.scatter.stretches()))
        for row, profiles in self.finer_profiles(scales, snr):
            values[row] = self._summed(weighed[[row]], scales[[row]], profiles)[0][0]
        return values if coarse is ln_mass else CubicSpline(coarse, values, axis=1)(ln_mass)

    def finer_profiles(self, scales: ClusterScales, snr: np.ndarray) -> Iterator[tuple[int, Profiles]]:
        """Yield cutouts that are too bright for the usual profiles, and those that they are summed over.

        Parameters
        ----------
        scales : ClusterScales
            Mean clusters (n, m).
        snr : numpy.ndarray, shape (n,)
            Largest S/N of clusters in each cutout.
        """
        sizes = self.templates.ln_fine_size
        strides = self.scatter.strides(snr, sizes[1] - sizes[0])
        for row in np.flatnonzero(strides):
            ln_theta500 = np.log(scales.theta500_arcmin[row])
            yield int(row), self.scatter.at_sizes(sizes[:: strides[row]], ln_theta500)

    def _summed(
        self, weighed: Weighed, scales: ClusterScales, profiles: Profiles
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ln L (n, m) of clusters (n, m), summed over profiles, and the largest S/N (n,)."""
        projection, fisher = self.matched(weighed, scales, profiles.ln_stretch)
        values = logsumexp(self.amplitude(projection, fisher) + profiles.ln_weight, axis=-1)
        return values, largest_snr(projection, fisher, (1, 2))

    def _coarse(self, ln_mass: np.ndarray) -> np.ndarray:
        """Return the masses to work at: a likelihood is never narrower than its scatter of amplitudes."""
        if self.scatter.amplitude_ln < 0.1 or ln_mass.size <= COARSE_MASSES:
            return ln_mass
        return np.linspace(ln_mass[0], ln_mass[-1], COARSE_MASSES)


def largest_snr(
    projection: np.ndarray, fisher: np.ndarray, axis: tuple[int, ...] | None = None
) -> np.ndarray:
    """Return the largest S/N of matched filters along axes, by default along all of them."""
    return np.max(projection / np.sqrt(np.maximum(fisher, V_RANGE[0] ** 2)), axis=axis)
