"""Labelled cutouts of many instruments: another beam from block to block, another noise in every cutout."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from szmass_cli.config import ClusterConfig, SurveyConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.sky.clusters import ClusterStamps, draw_masses, draw_redshifts
from szmass_cli.sky.cutouts import CutoutBlock, Stream, block_generator
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.signals import SignalSource, signal_source
from szmass_cli.sky.stamps import StampSky, pixel_noise_uk

BEAM_STEP = 0.05
"""Neighbouring beams of a training set differ by this fraction: less than a network could tell apart."""

BEAMS_MIXED, SAME_BEAM = 16, 256
"""Beams in a block at most, and cutouts of each: batches of few would swing the batch normalisation."""


def beams_between(low_arcmin: float, high_arcmin: float, step: float = BEAM_STEP) -> list[float]:
    """FWHM [arcmin] from the first to the last, evenly in their logarithm, no further apart than a step."""
    n = int(np.ceil(np.log(high_arcmin / low_arcmin) / step)) + 1
    return [round(float(fwhm), 6) for fwhm in np.geomspace(low_arcmin, high_arcmin, n)]


class Instrument:
    """One beam: draws of its cutouts at any noise, and the modes that filter them.

    Parameters
    ----------
    config : SurveyConfig
    power : SkyPower
        Of the sky before the beam.
    fwhm_arcmin, noise_uk_arcmin : float
        Its beam, and the noise of draws that do not say their own.
    """

    def __init__(self, config: SurveyConfig, power: SkyPower, fwhm_arcmin: float, noise_uk_arcmin: float):
        self._config, self._power, self.fwhm_arcmin = config, power, fwhm_arcmin
        self.band = Band(config.sky.bands[0].frequency_ghz, Beam(fwhm_arcmin), noise_uk_arcmin)
        self._model = config.clusters.sz_model(config.sky.cosmology.build())

    def __getstate__(self) -> dict[str, Any]:
        # what is worked out weighs tens of MB for each beam: a worker that is sent this does it again
        worked_out = ("sky", "stamps", "signals", "modes")
        return {name: value for name, value in self.__dict__.items() if name not in worked_out}

    @cached_property
    def sky(self) -> StampSky:
        return StampSky(self._power, [self.band])

    @cached_property
    def stamps(self) -> ClusterStamps:
        return ClusterStamps([self.band], self._model)

    @cached_property
    def signals(self) -> SignalSource:
        return signal_source(self._config.clusters, [self.band], self.stamps, self._model)

    @cached_property
    def modes(self) -> BeamModes:
        return BeamModes(self._power, self.band, self._model)


class InstrumentModes(Mapping[float, BeamModes]):
    """`BeamModes` by beam FWHM [arcmin], worked out when they are first asked for."""

    def __init__(self, instruments: Mapping[float, Instrument]):
        self._instruments = instruments

    def __getitem__(self, fwhm_arcmin: float) -> BeamModes:
        return self._instruments[fwhm_arcmin].modes

    def __iter__(self) -> Iterator[float]:
        return iter(self._instruments)

    def __len__(self) -> int:
        return len(self._instruments)


class InstrumentSimulator:
    """Draws labelled cutouts of all instruments that a network is trained for.

    Parameters
    ----------
    config : SurveyConfig
    power : SkyPower, optional
        Of the sky, where it is already known.
    """

    def __init__(self, config: SurveyConfig, power: SkyPower | None = None):
        ranges = config.trained_instruments
        beams = beams_between(*ranges.beam_range_arcmin)
        frequency = config.sky.bands[0].frequency_ghz
        sharpest = Band(frequency, Beam(beams[0]), ranges.min_noise_uk_arcmin)
        self.power = SkyPower.from_config(config.sky, [sharpest]) if power is None else power
        self.instruments = {
            fwhm: Instrument(config, self.power, fwhm, ranges.min_noise_uk_arcmin) for fwhm in beams
        }
        low, high = ranges.noise_range_uk_arcmin
        self._ln_noise = float(np.log(low)), float(np.log(high))
        self._cosmology = config.sky.cosmology.build()

    @property
    def block_size(self) -> int:
        """Cutouts of one random stream."""
        return min(BEAMS_MIXED, len(self.instruments)) * SAME_BEAM

    @property
    def modes(self) -> "InstrumentModes":
        """The modes that filter cutouts of each beam."""
        return InstrumentModes(self.instruments)

    def block(
        self,
        clusters: ClusterConfig,
        rng: np.random.Generator,
        fwhm_arcmin: float,
        noise_uk_arcmin: np.ndarray,
    ) -> CutoutBlock:
        """As many cutouts behind one beam as there are values of noise, (n,)."""
        instrument, n = self.instruments[fwhm_arcmin], len(noise_uk_arcmin)
        redshift = draw_redshifts(clusters, rng, n, cosmology=self._cosmology)
        m200c = draw_masses(clusters, rng, n, redshift=redshift, cosmology=self._cosmology)
        noise = rng.standard_normal((n, N_PIXELS, N_PIXELS, 1), dtype=np.float32)
        noise *= pixel_noise_uk(noise_uk_arcmin).astype(np.float32)[:, None, None, None]
        image = instrument.sky.draw_sky(rng, n) + noise
        signals = instrument.signals.draw(clusters, m200c, redshift, rng, n)
        beam = np.full(n, fwhm_arcmin)
        return CutoutBlock(
            image + signals.all,
            signals.own,
            m200c,
            redshift,
            signals.amplitude,
            signals.offset_arcmin,
            beam,
            noise_uk_arcmin,
        )

    def blocks(
        self, clusters: ClusterConfig, n: int, seed: int, stream: Stream, first_block: int = 0, salt: int = 0
    ) -> Iterator[CutoutBlock]:
        """Blocks that add up to n cutouts, instruments mixed in each; the last is cut, not drawn short."""
        for index in range(-(-n // self.block_size)):
            rng = block_generator(seed, stream, first_block + index, salt)
            yield self._mixed(clusters, rng)[: n - index * self.block_size]

    def _mixed(self, clusters: ClusterConfig, rng: np.random.Generator) -> CutoutBlock:
        beams = list(self.instruments)
        # every beam about as often as any other
        chosen = rng.permutation(len(beams))[:BEAMS_MIXED]
        blocks = []
        for index in chosen:
            noise = np.exp(rng.uniform(*self._ln_noise, SAME_BEAM))
            blocks.append(self.block(clusters, rng, beams[index], noise))
        return CutoutBlock.concatenate(blocks)[rng.permutation(self.block_size)]
