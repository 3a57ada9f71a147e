"""The exact posterior of ln M for any redshift, beam and noise: what conditioned networks aim at."""

from collections.abc import Mapping

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import logsumexp

from szmass_cli.geometry import N_PIXELS
from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.network.conditioned import Conditions

COARSE = 3
"""The likelihood is worked out at every third mass of the grid, and interpolated by cubic splines."""

AMPLITUDE_NODES = np.linspace(-4.5, 4.5, 226)
"""In standard deviations of ln A: at 20 per cent scatter close enough for S/N of 200."""

AT_ONCE = 32


class ExactPosterior:
    """p(ln M | cutout, redshift, beam, noise) on a Gaussian sky, under a prior flat in ln M.

    With d = A t(M) + n, n Gaussian of covariance C and ln A ~ N(0, scatter^2), the likelihood of M is
    int dA p(A) exp(A t^T C^-1 d - A^2 t^T C^-1 t / 2), up to a factor without M.

    Parameters
    ----------
    modes : mapping of float to BeamModes
        By beam FWHM [arcmin].
    ln_mass : numpy.ndarray, shape (m,)
        Even grid of ln M200c [ln Msun].
    sz_scatter_ln : float
        Log-normal scatter of the SZ amplitude.
    """

    def __init__(self, modes: Mapping[float, BeamModes], ln_mass: np.ndarray, sz_scatter_ln: float):
        self._modes, self._ln_mass = modes, ln_mass
        self._coarse = np.append(ln_mass[:-1:COARSE], ln_mass[-1])
        self._amplitudes = np.exp(sz_scatter_ln * AMPLITUDE_NODES)
        ln_weights = -0.5 * AMPLITUDE_NODES**2
        self._ln_weights = ln_weights - logsumexp(ln_weights)

    def __call__(self, images_uk: np.ndarray, conditions: Conditions) -> np.ndarray:
        """Posteriors (n, m), rows summing to one, of cutouts (n, 40, 40) [µK]."""
        images = np.asarray(images_uk).reshape(len(conditions), N_PIXELS, N_PIXELS)
        density = np.empty((len(images), self._ln_mass.size))
        for fwhm in np.unique(conditions.beam_fwhm_arcmin):
            rows = np.flatnonzero(conditions.beam_fwhm_arcmin == fwhm)
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                density[some] = self._of_one_beam(images[some], conditions[some], self._modes[float(fwhm)])
        return density

    def _of_one_beam(self, images: np.ndarray, at: Conditions, modes: BeamModes) -> np.ndarray:
        coefficients = modes.coefficients(images)
        projection, fisher = modes.matched(
            coefficients, at.noise_uk_arcmin, np.exp(self._coarse), at.redshift
        )
        a = self._amplitudes
        terms = self._ln_weights + a * projection[..., None] - 0.5 * a**2 * fisher[..., None]
        ln_likelihood = CubicSpline(self._coarse, logsumexp(terms, axis=2), axis=1)(self._ln_mass)
        density = np.exp(ln_likelihood - ln_likelihood.max(axis=1, keepdims=True))
        return density / density.sum(axis=1, keepdims=True)
