"""The sky that likelihoods assume: how it looks to any instrument, and how clusters scatter."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from szmass_cli.config import ObjectsConfig, SurveyConfig
from szmass_cli.likelihood.contamination import KINDS, Contamination, contamination
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.profiles import SzModel
from szmass_cli.physics.spectra import cmb_dl_uk2
from szmass_cli.sky.power import SkyPower, tabulated_ell

CMB_ELL = tabulated_ell(59_980.0)
"""Multipoles at which the power of the CMB is kept."""


@dataclass(frozen=True, eq=False)
class SkyModel:
    """A sky for any instrument.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky`` section for the components (not the bands), ``clusters`` for the SZ signal.
    cmb_dl_uk2 : numpy.ndarray, shape (n,)
        D_ell [µK^2] of the CMB at `CMB_ELL`, so that CAMB need not run again.
    """

    config: SurveyConfig
    cmb_dl_uk2: np.ndarray

    @classmethod
    def from_config(cls, config: SurveyConfig) -> "SkyModel":
        """Return the sky of a configuration; CAMB runs."""
        return cls(config, cmb_dl_uk2(CMB_ELL, config.sky.cosmology.build()))

    def power(self, bands: tuple[Band, ...]) -> SkyPower:
        """Return the power of the sky between bands, before any beam."""
        return SkyPower.from_config(self.config.sky, bands, self.cmb_dl)

    def cmb_dl(self, ell: np.ndarray) -> np.ndarray:
        """Return D_ell [µK^2] of the CMB at multipoles."""
        return np.interp(ell, CMB_ELL, self.cmb_dl_uk2)

    def with_foregrounds(self, factor: float) -> "SkyModel":
        """Return the sky with so many times the power of all components but the CMB."""
        if factor == 1.0:
            return self
        sky = self.config.sky
        brighter = {name: factor * power for name, power in sky.foregrounds_dl3000_uk2}
        foregrounds = sky.foregrounds_dl3000_uk2.model_copy(update=brighter)
        changed = sky.model_copy(update={"foregrounds_dl3000_uk2": foregrounds})
        return SkyModel(self.config.model_copy(update={"sky": changed}), self.cmb_dl_uk2)

    @cached_property
    def sz_model(self) -> SzModel:
        """Return how the SZ signal follows from mass and redshift."""
        return self.config.clusters.sz_model(self.config.sky.cosmology.build())

    @property
    def scatter(self) -> Scatter:
        """Return how clusters of one mass and redshift differ."""
        clusters = self.config.clusters
        return Scatter(clusters.sz_scatter_ln, clusters.concentration_scatter_ln)

    def likelihood(self, instrument: Instrument, scatter: Scatter | None = None) -> GaussianLikelihood:
        """Return the likelihood for an instrument, with the sky's own scatter or another."""
        return GaussianLikelihood(
            self.power(instrument.bands), instrument, self.sz_model, scatter or self.scatter
        )

    @property
    def members(self) -> ObjectsConfig:
        """Return what clusters shine with besides their gas, as far as the model reckons with it."""
        return KINDS[self.config.network.contamination].OBJECTS

    def contamination(self, likelihood: GaussianLikelihood) -> Contamination:
        """Return what else than gas the model reckons with in the cutouts of a likelihood."""
        return contamination(self.config.network.contamination, likelihood)
