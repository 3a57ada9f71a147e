"""Posteriors p(ln M | cutout) on a grid of masses: recalibration, priors, uncertain redshifts."""

from szmass_cli.posterior.masses import MassPosterior, mixture

__all__ = ["MassPosterior", "mixture"]
