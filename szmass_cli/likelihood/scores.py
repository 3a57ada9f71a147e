"""Score images: how much brighter or fainter each pixel wants a component of the sky to be.

For a component of spectrum r the derivative of the ln likelihood with respect to its brightness in a pixel is
sum_nu r_nu B_nu [C^-1 d]_nu. Over its standard deviation on bare sky it looks alike for all instruments, and
there is one such image whatever the number of bands. B_nu is the beam, with what a filter takes of small
scales: where a map shows no sky, no component can be brighter.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from szmass_cli.likelihood.depth import Depth, PerDepth
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Removed, Weighed
from szmass_cli.likelihood.templates import spectra_pairs
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import AnyBeam, TabulatedBeam
from szmass_cli.physics.foregrounds import ForegroundSpectra, band_scaling
from szmass_cli.physics.transfers import small_scales_left
from szmass_cli.sky.cutoutsky import cutout_smoothing
from szmass_cli.sky.symmetry import HALF, all_pixels, operator_blocks
from szmass_cli.system.blas import one_blas_thread

SPECTRA = ForegroundSpectra(radio_index=-0.7)
"""Of the components that are looked for: radio sources of flux nu^-0.7, dust as in George et al. (2015)."""

COMPONENTS = ("tsz", "radio", "dusty_poisson")
"""Components of score images, by the names of foregrounds."""

SMALL_SCALES_KEPT = 0.99
"""Filters that leave more of their amplitude than this at all small scales are no part of score images."""

NOTHING_LEFT = 0.01
"""Of the variance of a score: less is left only where all brightness is that of sources taken away."""


def component_spectrum(name: str, bands: tuple[Band, ...]) -> np.ndarray:
    """Return the temperature of a component in each band over that at 150 GHz, (f,)."""
    return band_scaling(SPECTRA, name, [band.response for band in bands])


@dataclass(frozen=True)
class ScoreNorm:
    """What score images are like on bare sky at one depth.

    Parameters
    ----------
    deviation : dict of numpy.ndarray, shape (40, 40)
        Standard deviation of each component's score in each pixel.
    n_independent : float
        Independent numbers that a tSZ score image is worth: its mean square, over the expected one, scatters
        by (2 / n_independent)^1/2.
    """

    deviation: Mapping[str, np.ndarray]
    n_independent: float

    @property
    def nbytes(self) -> int:
        """Return the memory that the arrays take [bytes]."""
        return sum(values.nbytes for values in self.deviation.values())


class ScoreImages:
    """Score images of the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Gives the instrument's bands, and the symmetry in which products C^-1 d are kept.
    """

    def __init__(self, likelihood: GaussianLikelihood):
        self._likelihood = likelihood
        bands = likelihood.instrument.bands
        self.spectra = {name: component_spectrum(name, bands) for name in COMPONENTS}
        with one_blas_thread():
            self._optics = np.stack(
                [operator_blocks(cutout_smoothing(_sharpest(band)).T, likelihood.symmetry) for band in bands]
            )
        self._norms = PerDepth(self._make_norm)

    def beamed(self, weighted: np.ndarray) -> np.ndarray:
        """Return B_nu [C^-1 d]_nu of each band, (f, p, n, q), of products C^-1 d (p, n, q f)."""
        symmetry = self._likelihood.symmetry
        by_band = weighted.reshape(*weighted.shape[:2], symmetry.n_pixels, -1)
        with one_blas_thread():
            return np.stack(
                [by_band[..., band] @ self._optics[band].swapaxes(1, 2) for band in range(by_band.shape[-1])]
            )

    def __call__(
        self, weighed: Weighed, names: tuple[str, ...] = COMPONENTS, weighted: np.ndarray | None = None
    ) -> np.ndarray:
        """Return score images of components (n, 40, 40, c), of unit standard deviation on bare sky.

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        names : tuple of str
            Components to score, any of `COMPONENTS`.
        weighted : numpy.ndarray, shape (p, n, q f), optional
            Products C^-1 d of other data than the cutouts' own, such as what is left without the cluster.
        """
        beamed = self.beamed(weighed.weighted if weighted is None else weighted)
        norms = [self.norm(depth) for depth in weighed.depths]
        deviation = np.stack([[norm.deviation[name] for norm in norms] for name in names], axis=-1)
        deviation = deviation[weighed.depth_of]
        for row, removed in weighed.changed:
            deviation[row] = self._less(deviation[row], removed, names)
        return np.stack([self._images(beamed, name) for name in names], axis=-1) / deviation

    def _images(self, beamed: np.ndarray, name: str) -> np.ndarray:
        """Return the sum over bands (n, 40, 40) of a component's spectrum times `beamed`."""
        fields = np.tensordot(self.spectra[name], beamed, axes=1)
        return self._likelihood.symmetry.unfold(fields)[..., 0]

    def _less(self, deviation: np.ndarray, removed: Removed, names: tuple[str, ...]) -> np.ndarray:
        """Return standard deviations (40, 40, c) of scores without what images take from the covariance."""
        beamed = self.beamed(removed.products)
        variance = deviation**2
        left = variance.copy()
        for number, name in enumerate(names):
            seen = np.moveaxis(self._images(beamed, name), 0, -1)
            left[..., number] -= removed.between(seen, seen)
        # where nothing else is seen than what was taken away, the score is nothing, too
        return np.sqrt(np.maximum(left, NOTHING_LEFT * variance))

    def norm(self, depth: Depth) -> ScoreNorm:
        """Return what score images are like on bare sky at a depth."""
        return self._norms(depth)

    def _make_norm(self, depth: Depth) -> ScoreNorm:
        symmetry, optics = self._likelihood.symmetry, self._optics
        n_bands, n_parities, n_pixels = len(optics), len(symmetry.parities), symmetry.n_pixels
        variance = {name: np.zeros((n_parities, n_pixels)) for name in COMPONENTS}
        tsz = np.zeros((n_parities, n_pixels, n_pixels))
        with one_blas_thread():
            for parity in range(n_parities):
                inverse = depth.inverse[parity].reshape(n_pixels, n_bands, n_pixels, n_bands)
                for i, j in spectra_pairs(n_bands):
                    pair = optics[i, parity] @ inverse[:, i, :, j] @ optics[j, parity].T
                    pair = pair if i == j else pair + pair.T
                    for name, spectrum in self.spectra.items():
                        variance[name][parity] += spectrum[i] * spectrum[j] * np.diagonal(pair)
                    tsz[parity] += self.spectra["tsz"][i] * self.spectra["tsz"][j] * pair
        share = 1.0 / len(symmetry.flips)
        deviation = {
            name: all_pixels(np.sqrt(np.maximum(share * values.sum(axis=0), 1e-300)), symmetry)
            for name, values in variance.items()
        }
        own = deviation["tsz"][:HALF, : symmetry.n_columns].ravel()
        correlation = tsz / (own[:, None] * own[None, :])
        n_independent = (np.trace(correlation, axis1=1, axis2=2).sum()) ** 2 / np.sum(correlation**2)
        return ScoreNorm(deviation, float(n_independent))


def _sharpest(band: Band) -> AnyBeam:
    """Return the beam of a band, with the small scales that its filter takes away."""
    if band.transfer is None:
        return band.beam
    ell = np.linspace(0.0, band.beam.ell_max, 4000)
    left = small_scales_left(band.transfer, ell)
    return band.beam if left.min() > SMALL_SCALES_KEPT else TabulatedBeam(ell, band.beam.b_ell(ell) * left)
