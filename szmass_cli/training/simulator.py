"""Features of simulated cutouts of many instruments, made in blocks for training."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from szmass_cli.config import ClusterConfig, SurveyConfig
from szmass_cli.likelihood.depth import LN_STEP, Depths
from szmass_cli.likelihood.features import LabelledFeatures, features, reference_band
from szmass_cli.likelihood.gaussian import Weighed
from szmass_cli.likelihood.oddness import Oddness, OddnessTest
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.sky.clusters import draw_masses, draw_redshifts, mass_range
from szmass_cli.sky.cutouts import CutoutSimulator, Stream, block_generator
from szmass_cli.sky.observing import BareCutouts
from szmass_cli.system.blas import one_blas_thread
from szmass_cli.training.instruments import draw_instruments

TOGETHER = 64
"""Cutouts of one instrument and depth in a block of training."""


class InstrumentFeatures:
    """Draws cutouts of one instrument, and gives their features.

    Parameters
    ----------
    sky_model : SkyModel
        The sky, painted objects included, and the SZ signal of its clusters; its power is what likelihoods
        assume.
    instrument : Instrument
        Bands, beams, filters and noise of the maps.
    removed_above_mjy : float, optional
        Flux at 150 GHz above which this survey's sources are removed; that of the sky otherwise.
    """

    def __init__(self, sky_model: SkyModel, instrument: Instrument, removed_above_mjy: float | None = None):
        self._config = sky_model.config
        self._likelihood = sky_model.likelihood(instrument)
        self._scores = ScoreImages(self._likelihood)
        self._contamination = sky_model.contamination(self._likelihood)
        self._cosmology = self._config.sky.cosmology.build()
        self._cutouts = CutoutSimulator(
            _seen_by_survey(self._config.drawn, removed_above_mjy), instrument, sky_model.cmb_dl
        )
        self._depths = Depths(self._cutouts.gaussian_power, instrument, self._likelihood.templates)
        self._factors: dict[int, np.ndarray] = {}
        self._reference = reference_band(instrument)
        self._ln_mass = mass_grid(mass_range(self._config.clusters))

    def draw(
        self, clusters: ClusterConfig, rng: np.random.Generator, n: int, level: int = 0
    ) -> LabelledFeatures:
        """Return features of n new cutouts.

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
        return self.drawn(clusters, rng, n, level).labelled

    def drawn(
        self, clusters: ClusterConfig, rng: np.random.Generator, n: int, level: int = 0
    ) -> "DrawnCutouts":
        """Return new cutouts themselves, as `draw` gives the features of."""
        redshift = draw_redshifts(clusters, rng, n, cosmology=self._cosmology)
        m200c = draw_masses(clusters, rng, n, redshift=redshift, cosmology=self._cosmology)
        drawn = clusters.realistic() if self._config.training.sky == "realistic" else clusters
        bare = BareCutouts(self._sky_and_noise(rng, n, level), self._cutouts.observer.errors(rng, n))
        block, _ = self._cutouts.painted(bare, drawn, m200c, redshift, rng)
        ratio = np.full((n, block.image.shape[-1]), np.exp(LN_STEP * level))
        weighed = self._likelihood.weigh(block.image, ratio)
        seen = features(self._likelihood, self._scores, self._contamination, weighed, redshift, self._ln_mass)
        labelled = LabelledFeatures(seen, m200c, redshift, self._true_y(block.sz, m200c, redshift))
        return DrawnCutouts(labelled, weighed, self)

    @cached_property
    def oddness(self) -> OddnessTest:
        """Return what tells how odd cutouts of the instrument are."""
        return OddnessTest(self._likelihood, self._scores, mass_range(self._config.clusters))

    def _sky_and_noise(self, rng: np.random.Generator, n: int, level: int) -> np.ndarray:
        """Return cutouts of Gaussian sky and noise at one depth (n, 40, 40, f) [µK]."""
        symmetry = self._likelihood.symmetry
        with one_blas_thread():
            if level not in self._factors:
                n_bands = len(self._likelihood.instrument)
                covariance = self._depths.covariance(np.full(n_bands, np.exp(LN_STEP * level)))
                self._factors[level] = np.linalg.cholesky(covariance).astype(np.float32)
            factor = self._factors[level]
            white = rng.standard_normal((len(factor), n, factor.shape[-1]), dtype=np.float32)
            return symmetry.unfold(white @ factor.swapaxes(1, 2))

    def _true_y(self, own_uk: np.ndarray, m200c: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        response = self._likelihood.instrument.bands[self._reference].response
        scales = cluster_scales(m200c, redshift, self._likelihood.model)
        uk_per_y = np.broadcast_to(response.tsz_uk_per_y(scales.kt_kev), m200c.shape)
        return own_uk[..., self._reference] / uk_per_y[:, None, None].astype(np.float32)


@dataclass(frozen=True)
class DrawnCutouts:
    """Simulated cutouts of one instrument.

    Parameters
    ----------
    labelled : LabelledFeatures
        Their features, and the truth.
    weighed : Weighed
        The cutouts, with their products with the inverse covariance.
    instrument : InstrumentFeatures
        What drew them.
    """

    labelled: LabelledFeatures
    weighed: Weighed
    instrument: InstrumentFeatures

    def __len__(self) -> int:
        return len(self.labelled)

    def oddness(self, ln_mass: np.ndarray) -> Oddness:
        """Return how odd they are with clusters of the masses (n,) [ln Msun] that are found."""
        return self.instrument.oddness(self.weighed, ln_mass, self.labelled.redshift)


def _seen_by_survey(config: SurveyConfig, removed_above_mjy: float | None) -> SurveyConfig:
    """Return the sky that a survey sees: its sources removed to its own flux, depths as it states them."""
    sky = config.sky
    # a survey's own depth is stated for each cutout: see `InstrumentFeatures.draw`
    known = {"min_noise_factor": 1.0, "max_noise_factor": 1.0}
    sky = sky.model_copy(update={"observing": sky.observing.model_copy(update=known)})
    if removed_above_mjy is not None:
        objects = sky.objects.model_copy(update={"removed_above_mjy": removed_above_mjy})
        sky = sky.model_copy(update={"objects": objects})
    return config.model_copy(update={"sky": sky})


class FeatureSimulator:
    """Draws blocks of labelled features, instruments and depths mixed in each.

    Parameters
    ----------
    sky_model : SkyModel
        Its configuration says which instruments there are.

    Notes
    -----
    An epoch of training has some of the instruments, all of them in every block: what is worked out for an
    instrument is kept for as long as its epoch lasts. Blocks of other streams are of one instrument each.
    """

    def __init__(self, sky_model: SkyModel):
        self.sky_model = sky_model
        config = sky_model.config.instruments
        counts = {
            Stream.TRAINING: config.training,
            Stream.VALIDATION: config.validation,
            Stream.CALIBRATION: config.calibration,
        }
        self._instruments = {
            stream: draw_instruments(config, n, block_generator(config.seed, stream, 0))
            for stream, n in counts.items()
        }
        lowest, highest = np.log([config.min_removed_above_mjy, config.max_removed_above_mjy])
        self._removed_above_mjy = {
            stream: np.exp(block_generator(config.seed, stream, 1).uniform(lowest, highest, n))
            for stream, n in counts.items()
        }
        half = 0.5 * np.log(config.depth_ratio) / LN_STEP
        self._levels = np.unique(np.round(np.linspace(-half, half, config.depths)).astype(int))
        self._in_epoch = min(config.in_each_epoch, config.training)
        self._kept: OrderedDict[tuple[Stream, int], InstrumentFeatures] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        # hundreds of MB for each instrument: a worker that is sent this works them out again
        return {**self.__dict__, "_kept": OrderedDict()}

    @property
    def block_size(self) -> int:
        """Return the number of cutouts of a block of training."""
        return self._in_epoch * TOGETHER

    def instruments(self, stream: Stream) -> list[Instrument]:
        """Return all instruments of a stream."""
        return self._instruments[stream]

    def blocks(
        self, clusters: ClusterConfig, n: int, seed: int, stream: Stream, first_block: int = 0
    ) -> Iterator[LabelledFeatures]:
        """Draw blocks that add up to n cutouts.

        Parameters
        ----------
        clusters : ClusterConfig
            Masses, redshifts and scatter to draw from.
        n : int
            Number of cutouts in all blocks together.
        seed : int
            Seed of the random streams; the same seed gives the same cutouts.
        stream : Stream
            Training mixes its instruments in each block; validation and calibration have their own, one a
            block.
        first_block : int
            Number of the first block, counted through all epochs of training; of other streams the blocks
            before it are left out of the n cutouts.
        """
        if stream != Stream.TRAINING:
            for drawn in self.one_by_one(clusters, n, seed, stream, first_block):
                yield drawn.labelled
            return
        for index in range(-(-n // self.block_size)):
            number = first_block + index
            yield self._mixed(clusters, seed, number)[: n - index * self.block_size]

    def _mixed(self, clusters: ClusterConfig, seed: int, number: int) -> LabelledFeatures:
        """Return a block of training: some cutouts of each instrument of its epoch, in any order."""
        rng = block_generator(seed, Stream.TRAINING, number)
        n_all = len(self._instruments[Stream.TRAINING])
        per_epoch = -(-self.sky_model.config.training.cutouts_per_epoch // self.block_size)
        first = number // per_epoch * self._in_epoch
        parts = []
        for index in range(first, first + self._in_epoch):
            level = int(rng.choice(self._levels))
            drawer = self._features(Stream.TRAINING, index % n_all)
            parts.append(drawer.draw(clusters, rng, TOGETHER, level))
        return LabelledFeatures.concatenate(parts)[rng.permutation(self.block_size)]

    def one_by_one(
        self, clusters: ClusterConfig, n: int, seed: int, stream: Stream, first: int = 0
    ) -> Iterator[DrawnCutouts]:
        """Draw equally many cutouts of each instrument, in parts that memory has room for; see `blocks`."""
        shares = np.array_split(np.arange(n), len(self._instruments[stream]))
        number = 0
        for index, share in enumerate(shares):
            for start in range(0, share.size, 4 * TOGETHER):
                rng = block_generator(seed, stream, number, salt=1)
                number += 1
                if number <= first:
                    continue
                level = int(rng.choice(self._levels))
                size = min(4 * TOGETHER, share.size - start)
                yield self._features(stream, index).drawn(clusters, rng, size, level)

    def _features(self, stream: Stream, index: int) -> InstrumentFeatures:
        key = stream, index
        if key not in self._kept:
            has_sources = self.sky_model.config.drawn.sky.objects.has_sources
            removed_above_mjy = float(self._removed_above_mjy[stream][index]) if has_sources else None
            instrument = self._instruments[stream][index]
            self._kept[key] = InstrumentFeatures(self.sky_model, instrument, removed_above_mjy)
        self._kept.move_to_end(key)
        n_kept = self._in_epoch if stream == Stream.TRAINING else 1
        while len(self._kept) > n_kept:
            self._kept.popitem(last=False)
        return self._kept[key]
