"""Features of simulated cutouts of many instruments, made in blocks for training."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from szmass_cli.config import ClusterConfig
from szmass_cli.likelihood.depth import LN_STEP
from szmass_cli.likelihood.features import LabelledFeatures, features, reference_band
from szmass_cli.likelihood.gaussian import Weighed
from szmass_cli.likelihood.oddness import Oddness, OddnessTest
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.sky.clusters import mass_range
from szmass_cli.sky.cutouts import Stream
from szmass_cli.training.drawing import InstrumentCutouts
from szmass_cli.training.turns import Turns


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
        self._cutouts = InstrumentCutouts(
            sky_model, instrument, self._likelihood.templates, removed_above_mjy
        )
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
        block = self._cutouts.draw(clusters, rng, n, level)
        m200c, redshift = block.m200c, block.redshift
        ratio = np.full((n, block.image.shape[-1]), np.exp(LN_STEP * level))
        weighed = self._likelihood.weigh(block.image, ratio)
        seen = features(self._likelihood, self._scores, self._contamination, weighed, redshift, self._ln_mass)
        labelled = LabelledFeatures(seen, m200c, redshift, self._true_y(block.sz, m200c, redshift))
        return DrawnCutouts(labelled, weighed, self)

    @cached_property
    def oddness(self) -> OddnessTest:
        """Return what tells how odd cutouts of the instrument are."""
        return OddnessTest(self._likelihood, self._scores, mass_range(self._config.clusters))

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
        self._turns = Turns(sky_model.config)
        self._kept: OrderedDict[tuple[Stream, int], InstrumentFeatures] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        # hundreds of MB for each instrument: a worker that is sent this works them out again
        return {**self.__dict__, "_kept": OrderedDict()}

    @property
    def block_size(self) -> int:
        """Return the number of cutouts of a block of training."""
        return self._turns.block_size

    def instruments(self, stream: Stream) -> list[Instrument]:
        """Return all instruments of a stream."""
        return self._turns.instruments[stream]

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
        parts = []
        for turn in self._turns.mixed(seed, number):
            drawer = self._features(Stream.TRAINING, turn.instrument)
            parts.append(drawer.draw(clusters, turn.rng, turn.n, turn.level))
        return LabelledFeatures.concatenate(parts)[turn.rng.permutation(self.block_size)]

    def one_by_one(
        self, clusters: ClusterConfig, n: int, seed: int, stream: Stream, first: int = 0
    ) -> Iterator[DrawnCutouts]:
        """Draw equally many cutouts of each instrument, in parts that memory has room for; see `blocks`."""
        for turn in self._turns.one_by_one(n, seed, stream, first):
            drawer = self._features(stream, turn.instrument)
            yield drawer.drawn(clusters, turn.rng, turn.n, turn.level)

    def _features(self, stream: Stream, index: int) -> InstrumentFeatures:
        key = stream, index
        if key not in self._kept:
            removed_above_mjy = self._turns.removed_above_mjy(stream, index)
            instrument = self._turns.instruments[stream][index]
            self._kept[key] = InstrumentFeatures(self.sky_model, instrument, removed_above_mjy)
        self._kept.move_to_end(key)
        n_kept = self._turns.in_epoch if stream == Stream.TRAINING else 1
        while len(self._kept) > n_kept:
            self._kept.popitem(last=False)
        return self._kept[key]
