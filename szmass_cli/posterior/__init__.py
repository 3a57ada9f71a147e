"""p(ln M | cutout): weighted masses, the calibration that gives them, and priors that reweight them."""

from szmass_cli.posterior.calibration import N_SIGMA, Calibration, fit_calibration, stretch
from szmass_cli.posterior.masses import MassPosterior, mixture

__all__ = ["N_SIGMA", "Calibration", "MassPosterior", "fit_calibration", "mixture", "stretch"]
