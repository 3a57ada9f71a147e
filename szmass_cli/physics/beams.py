"""Instrument beams: what the sky is convolved with before it is a map."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.physics.quadrature import panel_nodes

ARCMIN = np.pi / 180.0 / 60.0
FWHM_PER_SIGMA = np.sqrt(8.0 * np.log(2.0))


@dataclass(frozen=True)
class Beam:
    """A circular Gaussian beam.

    Parameters
    ----------
    fwhm_arcmin : float
        Full width at half maximum [arcmin]. A map's pixel window, where it has one, is part of its beam.
    """

    fwhm_arcmin: float

    @property
    def sigma_rad(self) -> float:
        return self.fwhm_arcmin * ARCMIN / FWHM_PER_SIGMA

    def b_ell(self, ell):
        """Beam transfer function at multipoles ell, 1 at ell = 0."""
        ell = np.asarray(ell, float)
        return np.exp(-0.5 * (ell * self.sigma_rad) ** 2)

    @property
    def ell_max(self) -> float:
        """Multipole beyond which the beam passes less than 1e-8 of an amplitude."""
        return 6.1 / self.sigma_rad

    def harmonic_nodes(self, theta_max_arcmin: float) -> tuple[np.ndarray, np.ndarray]:
        """Gauss-Legendre nodes and weights in ell that resolve J0(ell theta) out to theta_max_arcmin."""
        oscillations = self.ell_max * theta_max_arcmin * ARCMIN / (2.0 * np.pi)
        panels = int(np.ceil(oscillations / 2.0)) + 40
        # panels widen outwards: low multipoles carry the extended clusters
        return panel_nodes(self.ell_max * np.linspace(0.0, 1.0, panels + 1) ** 1.5)
