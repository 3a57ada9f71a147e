"""Likelihoods of clusters whose positions are uncertain: summed over where the centre may be.

L(M) = int d^2 o N(o; 0, sigma^2) L(M, o), with L(M, o) of a cluster whose centre lies at o. Few nodes are
enough if they lie where a cutout wants its cluster: for each cutout a Gaussian is put where a cluster of its
best size is likely to be, and the integral is one of Gauss and Hermite over it, with each node weighed by the
prior over that Gaussian.
"""

from functools import cached_property

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli.errors import UsageError
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Placed, Weighed, largest_snr
from szmass_cli.likelihood.scatter import Profiles
from szmass_cli.physics.profiles import BeamedProfile, ClusterScales, cluster_scales
from szmass_cli.system.blas import one_blas_thread

MAX_ERROR_ARCMIN = 1.0
"""Largest error per axis: further out a cutout no longer holds the cluster and its surroundings."""

STEP_ARCMIN = 0.25
REACH_SIGMA = 3.5
N_SIZES = 20
N_NODES = 5
"""Nodes of each of the two axes of a cutout's Gaussian."""

WIDER = 1.4
"""The Gaussian is wider than what the best cluster says: heavier tails of other masses must fit in."""

N_MASSES = 64
FINE = 4
"""Points of the finer lattice on which a Gaussian is sought, per step of the coarse one."""


class PositionLikelihood:
    """Likelihoods of the masses of cutouts, whatever the exact positions of the clusters.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood for clusters centred on their cutouts.
    largest_error_arcmin : float
        Largest error per axis that is asked for [arcmin].

    Raises
    ------
    UsageError
        If the error is larger than `MAX_ERROR_ARCMIN`.

    Notes
    -----
    t^T C^-1 t is taken to be that of the middle: over 1' it changes by a few per mille.
    """

    def __init__(self, likelihood: GaussianLikelihood, largest_error_arcmin: float):
        if largest_error_arcmin > MAX_ERROR_ARCMIN:
            raise UsageError(
                f"A position error of {largest_error_arcmin:.2g}' is more than the {MAX_ERROR_ARCMIN:g}' per "
                "axis that cutouts of 10' hold.",
                "Give better positions, or leave those rows out.",
            )
        self._likelihood = likelihood
        steps = max(int(np.ceil(REACH_SIGMA * largest_error_arcmin / STEP_ARCMIN)), 3)
        self._axis = STEP_ARCMIN * np.arange(-steps, steps + 1)
        low, high = (float(np.log(size)) for size in BeamedProfile.THETA500_RANGE_ARCMIN)
        self._ln_size = np.linspace(low, high, N_SIZES)
        to_tabulated = CubicSpline(self._ln_size, np.eye(N_SIZES))(likelihood.templates.ln_size)
        self._to_fine = np.ascontiguousarray(likelihood.templates.fine(to_tabulated.T).T)  # (N_FINE, S)
        self._between = CubicSpline(self._axis, np.eye(self._axis.size))

    @cached_property
    def _templates(self) -> np.ndarray:
        """Return unit clusters on the lattice of offsets, (f, p q, S a a) in the blocks of the symmetry."""
        symmetry, n = self._likelihood.symmetry, self._axis.size
        north, west = (grid.ravel() for grid in np.meshgrid(self._axis, self._axis, indexing="ij"))
        offsets = np.stack([north, west], axis=1)
        templates = []
        for ln_size in self._ln_size:
            scales = ClusterScales(np.full(n * n, np.exp(ln_size)), np.ones(n * n))
            images = self._likelihood.templates.images.offset_images(scales, offsets).astype(float)
            templates.append(
                symmetry.fold(images).reshape(len(symmetry.parities), n * n, symmetry.n_pixels, -1)
            )
        stacked = np.stack(templates)  # (S, p, a a, q, f)
        return np.ascontiguousarray(stacked.transpose(4, 1, 3, 0, 2)).reshape(
            stacked.shape[4], -1, N_SIZES * n * n
        )

    def ln_likelihood(
        self, weighed: Weighed, ln_mass: np.ndarray, redshift: np.ndarray, error_arcmin: np.ndarray
    ) -> np.ndarray:
        """Return ln L of masses (m,) [ln Msun] for cutouts (n,), shape (n, m), up to a constant in each row.

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        ln_mass : numpy.ndarray, shape (m,)
            ln M200c [ln Msun], ascending.
        redshift : numpy.ndarray, shape (n,)
            Of each cluster, taken as exact.
        error_arcmin : numpy.ndarray, shape (n,)
            Standard deviation of the position along each axis, above 0.
        """
        maps = self._maps(weighed)
        redshift, error = np.asarray(redshift, float), np.asarray(error_arcmin, float)
        nodes, ln_weights = self._nodes(weighed, maps, redshift, error, np.exp(ln_mass[[0, -1]]))
        coarse = np.linspace(ln_mass[0], ln_mass[-1], min(N_MASSES, ln_mass.size))
        at_nodes = self._at(maps, nodes)  # (f, n, k, S)
        scales = cluster_scales(np.exp(coarse), redshift[:, None], self._likelihood.model)
        usual = Profiles(*self._likelihood.scatter.stretches())
        total, snr = self._summed(weighed, at_nodes, ln_weights, scales, usual)
        for row, profiles in self._likelihood.finer_profiles(scales, snr):
            of_row = weighed[[row]], at_nodes[:, [row]], ln_weights[[row]], scales[[row]]
            total[row] = self._summed(*of_row, profiles)[0][0]
        return CubicSpline(coarse, total, axis=1)(ln_mass)

    def _summed(
        self,
        weighed: Weighed,
        at_nodes: np.ndarray,
        ln_weights: np.ndarray,
        scales: ClusterScales,
        profiles: Profiles,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ln L of clusters (n, m), summed over places and profiles, and the largest S/N (n,)."""
        placed = self._likelihood.placed(scales, profiles.ln_stretch)
        fisher = self._likelihood.fisher(weighed, placed)
        total, snr = np.empty(scales.y_scale.shape), np.empty(len(weighed))
        with one_blas_thread():
            for row, ln_weight in enumerate(ln_weights):  # one at a time, its arrays stay in the cache
                projection = self._projection(at_nodes[:, row], placed, row)
                values = self._likelihood.amplitude(projection, fisher[row])
                values += ln_weight[:, None, None] + profiles.ln_weight
                total[row] = _ln_sum(values.transpose(1, 0, 2).reshape(len(total[row]), -1))
                snr[row] = largest_snr(projection, fisher[row])
        return total, snr

    def _maps(self, weighed: Weighed) -> np.ndarray:
        """Return t^T C^-1 d of unit clusters in each band on the lattice, (f, n, S, a, a)."""
        symmetry, n = self._likelihood.symmetry, len(weighed)
        by_band = weighed.weighted.reshape(len(symmetry.parities), n, symmetry.n_pixels, -1)
        flat = by_band.transpose(3, 1, 0, 2).reshape(by_band.shape[3], n, -1)
        with one_blas_thread():
            maps = np.stack([data @ templates for data, templates in zip(flat, self._templates, strict=True)])
        return maps.reshape(len(maps), n, N_SIZES, self._axis.size, self._axis.size)

    def _nodes(
        self,
        weighed: Weighed,
        maps: np.ndarray,
        redshift: np.ndarray,
        error: np.ndarray,
        mass_range_msun: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return offsets (n, k, 2) north and west [arcmin], and ln of their weights (n, k)."""
        mean, covariance = self._likely_place(weighed, maps, redshift, error, mass_range_msun)
        roots, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
        unit = np.stack([grid.ravel() for grid in np.meshgrid(roots, roots, indexing="ij")], axis=1)
        ln_gauss = np.log(np.outer(weights, weights).ravel() / (2.0 * np.pi))
        lower = np.linalg.cholesky(covariance)
        nodes = mean[:, None] + np.einsum("nab,kb->nka", lower, unit)
        # Gauss and Hermite hold a weight of N(0, 1): each node counts by the prior over the Gaussian there
        ln_prior = -0.5 * np.sum(nodes**2, axis=2) / error[:, None] ** 2 - 2.0 * np.log(error[:, None])
        ln_own = -0.5 * np.sum(unit**2, axis=1) - 0.5 * np.linalg.slogdet(covariance)[1][:, None]
        return nodes, ln_gauss + ln_prior - ln_own

    def _likely_place(
        self,
        weighed: Weighed,
        maps: np.ndarray,
        redshift: np.ndarray,
        error: np.ndarray,
        mass_range_msun: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (n, 2) and covariance (n, 2, 2) [arcmin] of where a cluster of the best size is."""
        projection, fisher = maps.sum(axis=0), self._fisher_of_sizes(weighed)
        prior = -0.5 * (self._axis[:, None] ** 2 + self._axis**2) / error[:, None, None] ** 2
        gain = 0.5 * np.maximum(projection, 0.0) ** 2 / fisher[..., None, None] + prior[:, None]
        smallest, largest = np.log(
            cluster_scales(mass_range_msun, redshift[:, None], self._likelihood.model).theta500_arcmin
        ).T[..., None]
        half = 0.5 * (self._ln_size[1] - self._ln_size[0])
        possible = (self._ln_size > smallest - half) & (self._ln_size < largest + half)
        gain[~possible] = -np.inf
        best = gain.max(axis=(2, 3)).argmax(axis=1)
        rows = np.arange(len(best))
        found = projection[rows, best] / np.sqrt(fisher[rows, best])[:, None, None]
        fine = np.linspace(self._axis[0], self._axis[-1], FINE * (self._axis.size - 1) + 1)
        between = self._between(fine)
        found = between @ found @ between.T
        ln_density = 0.5 * np.maximum(found, 0.0) ** 2
        ln_density -= 0.5 * (fine[:, None] ** 2 + fine**2) / error[:, None, None] ** 2
        density = np.exp(ln_density - ln_density.max(axis=(1, 2), keepdims=True))
        density /= density.sum(axis=(1, 2), keepdims=True)
        moments = np.einsum("nab,ka,lb->nkl", density, *[np.stack([fine**0, fine, fine**2])] * 2)
        mean = np.stack([moments[:, 1, 0], moments[:, 0, 1]], axis=1)
        cross = moments[:, 1, 1] - mean[:, 0] * mean[:, 1]
        spread = [moments[:, 2, 0] - mean[:, 0] ** 2, moments[:, 0, 2] - mean[:, 1] ** 2]
        floor = 0.03**2
        covariance = WIDER**2 * np.array([[spread[0] + floor, cross], [cross, spread[1] + floor]])
        # never wider than the prior: where nothing is found it is the prior that is integrated over
        covariance = np.moveaxis(covariance, 2, 0)
        shrink = np.minimum(1.0, error**2 / np.linalg.eigvalsh(covariance)[:, -1])
        return mean, covariance * shrink[:, None, None]

    def _fisher_of_sizes(self, weighed: Weighed) -> np.ndarray:
        """Return t^T C^-1 t of unit clusters in the middle, in all bands, (n, S)."""
        low, upper = self._likelihood.templates.place(np.exp(self._ln_size))
        of_depths = [depth.fisher.sum(axis=0) for depth in weighed.depths]
        return np.stack([table[low] * (1 - upper) + table[low + 1] * upper for table in of_depths])[
            weighed.depth_of
        ]

    def _at(self, maps: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """Return maps (f, n, S, a, a) at offsets (n, k, 2), by cubic splines: (f, n, k, S)."""
        inside = np.clip(nodes, self._axis[0], self._axis[-1])
        north, west = (self._between(inside[..., axis]) for axis in (0, 1))
        with one_blas_thread():
            columns = maps @ west.swapaxes(1, 2)[None, :, None]  # (f, n, S, a, k)
        return np.einsum("fnsak,nka->fnks", columns, north)

    def _projection(self, at_nodes: np.ndarray, placed: Placed, row: int) -> np.ndarray:
        """Return t^T C^-1 d (k, m, c) of clusters of one row at its nodes, of products (f, k, S) there."""
        low, upper = placed.low[row], placed.upper[row][..., None]
        to_sizes = self._to_fine[low] * (1.0 - upper) + self._to_fine[low + 1] * upper
        to_sizes *= placed.y_scale[row][..., None]
        found = np.zeros((at_nodes.shape[1], low.size))
        for band, spectrum in zip(at_nodes, placed.spectrum[:, row], strict=True):
            found += band @ (to_sizes * spectrum[..., None]).reshape(low.size, -1).T
        return found.reshape(-1, *low.shape)


def _ln_sum(ln_terms: np.ndarray) -> np.ndarray:
    """Return ln of the sums of rows (m,) of which ln is given, (m, t)."""
    largest = ln_terms.max(axis=1)
    return np.log(np.exp(ln_terms - largest[:, None]).sum(axis=1)) + largest
