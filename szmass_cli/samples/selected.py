"""Which clusters enter a sample that was cut in S/N."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from szmass_cli.physics.profiles import SzModel, cluster_scales
from szmass_cli.physics.sizenoise import SizeNoise

N_AMPLITUDES = 11


@dataclass(frozen=True)
class SnrCut:
    """A sample of those clusters of which the matched filter has an S/N above a limit.

    Parameters
    ----------
    least_snr : float
        The limit.
    model : SzModel
        How the SZ signal follows from mass and redshift.
    scatter_ln : float
        Log-normal scatter of the SZ amplitude at given mass.
    """

    least_snr: float
    model: SzModel
    scatter_ln: float

    def probability(
        self, ln_mass: np.ndarray, redshift: np.ndarray, noise: SizeNoise, depth: np.ndarray
    ) -> np.ndarray:
        """Return the probability (n, m), float32, that clusters of masses (m,) [ln Msun] are in the sample.

        Parameters
        ----------
        ln_mass : numpy.ndarray, shape (m,)
            ln M200c [ln Msun].
        redshift : numpy.ndarray, shape (n,)
            Of each row.
        noise : SizeNoise
            sigma(y0) by size.
        depth : numpy.ndarray, shape (n,)
            Noise of each row over the typical one.

        Notes
        -----
        S/N ~ N(A y0(M, z) / sigma(theta500(M, z)), 1) with ln A ~ N(0, s^2), for a cluster at its own place.
        """
        scales = cluster_scales(np.exp(ln_mass), redshift[:, None], self.model)
        expected = scales.y0 / noise(scales.theta500_arcmin) / depth[:, None]
        nodes, weights = np.polynomial.hermite_e.hermegauss(N_AMPLITUDES)
        amplitudes = np.exp(self.scatter_ln * nodes)
        found = np.zeros(expected.shape)
        for amplitude, weight in zip(amplitudes, weights / weights.sum(), strict=True):
            found += weight * ndtr(amplitude * expected - self.least_snr)
        return found.astype(np.float32)
