"""Simulated cutouts of one instrument: clusters, a sky with all that is painted on it, and noise."""

import numpy as np

from szmass_cli.config import ClusterConfig, SurveyConfig
from szmass_cli.likelihood.depth import LN_STEP, Depths
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.likelihood.templates import Templates
from szmass_cli.physics.bands import Instrument
from szmass_cli.sky.clusters import draw_masses, draw_redshifts
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator
from szmass_cli.sky.observing import BareCutouts
from szmass_cli.system.blas import one_blas_thread


class InstrumentCutouts:
    """Draws cutouts of one instrument.

    Parameters
    ----------
    sky_model : SkyModel
        The sky, painted objects included, and the SZ signal of its clusters.
    instrument : Instrument
        Bands, beams, filters and noise of the maps.
    templates : Templates
        Clusters seen by the instrument.
    removed_above_mjy : float, optional
        Flux at 150 GHz above which this survey's sources are removed; that of the sky otherwise.
    """

    def __init__(
        self,
        sky_model: SkyModel,
        instrument: Instrument,
        templates: Templates,
        removed_above_mjy: float | None = None,
    ):
        self._config = sky_model.config
        self._cosmology = self._config.sky.cosmology.build()
        self._cutouts = CutoutSimulator(
            _seen_by_survey(self._config.drawn, removed_above_mjy), instrument, sky_model.cmb_dl
        )
        self._depths = Depths(self._cutouts.gaussian_power, instrument, templates)
        self._factors: dict[int, np.ndarray] = {}

    def draw(self, clusters: ClusterConfig, rng: np.random.Generator, n: int, level: int = 0) -> CutoutBlock:
        """Return n new cutouts.

        Parameters
        ----------
        clusters : ClusterConfig
            Masses, redshifts and scatter to draw from.
        rng : numpy.random.Generator
            Draws clusters, sky and noise.
        n : int
            Number of cutouts, all of one depth.
        level : int
            ln of the variance of the noise over the instrument's, in the steps of the likelihood.
        """
        redshift = draw_redshifts(clusters, rng, n, cosmology=self._cosmology)
        m200c = draw_masses(clusters, rng, n, redshift=redshift, cosmology=self._cosmology)
        drawn = clusters.realistic() if self._config.training.sky == "realistic" else clusters
        bare = BareCutouts(self.sky_and_noise(rng, n, level), self._cutouts.observer.errors(rng, n))
        block, _ = self._cutouts.painted(bare, drawn, m200c, redshift, rng)
        return block

    def sky_and_noise(self, rng: np.random.Generator, n: int, level: int = 0) -> np.ndarray:
        """Return cutouts of Gaussian sky and noise at one depth (n, 40, 40, f) [µK]; see `draw`."""
        symmetry = self._depths.symmetry
        with one_blas_thread():
            if level not in self._factors:
                ratio = np.full(len(self._cutouts.bands), np.exp(LN_STEP * level))
                covariance = self._depths.covariance(ratio)
                self._factors[level] = np.linalg.cholesky(covariance).astype(np.float32)
            factor = self._factors[level]
            white = rng.standard_normal((len(factor), n, factor.shape[-1]), dtype=np.float32)
            return symmetry.unfold(white @ factor.swapaxes(1, 2))


def _seen_by_survey(config: SurveyConfig, removed_above_mjy: float | None) -> SurveyConfig:
    """Return the sky that a survey sees: its sources removed to its own flux, depths as it states them."""
    sky = config.sky
    # a survey's own depth is stated for each cutout: see `InstrumentCutouts.draw`
    known = {"min_noise_factor": 1.0, "max_noise_factor": 1.0}
    sky = sky.model_copy(update={"observing": sky.observing.model_copy(update=known)})
    if removed_above_mjy is not None:
        objects = sky.objects.model_copy(update={"removed_above_mjy": removed_above_mjy})
        sky = sky.model_copy(update={"objects": objects})
    return config.model_copy(update={"sky": sky})
