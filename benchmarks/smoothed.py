"""Draws the cutouts of a training again, and keeps maps of three bands of them, smoothed to one resolution.

    python benchmarks/smoothed.py BANDS [--blocks 64] [--config survey]

Draws the validation cutouts and the first blocks of training cutouts that `szmass train --config survey`
draws, without their likelihood, and writes to BANDS what `benchmarks/recipe.py --bands BANDS` shows to a
network beside score images: cutouts in the bands nearest to 95, 150 and 220 GHz, smoothed to 2', over the rms
of a Gaussian sky with the noise of the instrument at the same depth, as arcsinh of a third of that, in pixels
of 0.5'. Where an instrument has no such band within 15 per cent, its image is zero. Blocks that are there are
kept.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from szmass_cli.config import SurveyConfig, load_config
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.likelihood.features import IMAGE_SCALE, IMAGE_SIDE
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.likelihood.templates import Templates
from szmass_cli.network.fit.blockstore import BlockStore
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.sky.cutouts import Stream
from szmass_cli.sky.symmetry import symmetry_of
from szmass_cli.training.drawing import InstrumentCutouts
from szmass_cli.training.turns import Turn, Turns

CENTRES_GHZ = (95.0, 150.0, 220.0)
WITHIN_LN = 0.15
"""How far a band may be from these, in ln frequency."""

FWHM_ARCMIN = 2.0
BARE = 512
"""Cutouts of sky and noise from which the rms is taken."""


def bands_store(folder: Path, config: SurveyConfig) -> BlockStore:
    """Return where smoothed bands of the cutouts of a configuration are kept."""
    drawn = f"smoothed bands {CENTRES_GHZ} {WITHIN_LN} {FWHM_ARCMIN} {BARE}"
    return BlockStore(folder, f"{config.simulations}{drawn}\n")


def nearest_bands(bands: tuple[Band, ...]) -> list[int | None]:
    """Return the number of the band nearest to each of `CENTRES_GHZ`, None where there is none."""
    found: list[int | None] = []
    for centre in CENTRES_GHZ:
        apart = [abs(np.log(band.frequency_ghz / centre)) for band in bands]
        number = int(np.argmin(apart))
        found.append(number if apart[number] <= WITHIN_LN else None)
    return found


def smoothed(images: np.ndarray, band: Band) -> np.ndarray:
    """Return images (n, 40, 40) of a band as a beam of `FWHM_ARCMIN` sees them, or a wider one of its own."""
    missing = np.sqrt(max(FWHM_ARCMIN**2 - band.beam.fwhm_arcmin**2, 0.0))
    sigma = missing / np.sqrt(8.0 * np.log(2.0)) / PIXEL_ARCMIN
    return gaussian_filter(images, sigma, axes=(1, 2))


class SmoothedBands:
    """Draws smoothed bands of cutouts of an instrument.

    Parameters
    ----------
    sky_model : SkyModel
        Sky and clusters.
    instrument : Instrument
        Its bands.
    removed_above_mjy : float or None
        As of `InstrumentCutouts`.
    """

    def __init__(self, sky_model: SkyModel, instrument: Instrument, removed_above_mjy: float | None):
        templates = Templates(instrument, sky_model.sz_model, symmetry_of(instrument))
        self._clusters, self._bands = sky_model.config.clusters, instrument.bands
        self._cutouts = InstrumentCutouts(sky_model, instrument, templates, removed_above_mjy)
        self._rms: dict[int, np.ndarray] = {}

    def draw(self, turn: Turn) -> dict[str, np.ndarray]:
        """Return the bands of a turn (n, 20, 20, 3), and ln z (n,) by which cutouts are known again."""
        block = self._cutouts.draw(self._clusters, turn.rng, turn.n, turn.level)
        rms = self._rms_of(turn.level)
        images = np.zeros((turn.n, N_PIXELS, N_PIXELS, len(CENTRES_GHZ)), np.float32)
        for place, number in enumerate(nearest_bands(self._bands)):
            if number is not None:
                images[..., place] = smoothed(block.image[..., number], self._bands[number]) / rms[number]
        halved = images.reshape(turn.n, IMAGE_SIDE, 2, IMAGE_SIDE, 2, -1).mean(axis=(2, 4))
        return {"bands": np.arcsinh(halved / IMAGE_SCALE), "ln_redshift": np.log(block.redshift)}

    def _rms_of(self, level: int) -> np.ndarray:
        """Return the rms of smoothed Gaussian sky and noise of a depth in each band [µK]."""
        if level not in self._rms:
            bare = self._cutouts.sky_and_noise(np.random.default_rng(1), BARE, level)
            each = (smoothed(bare[..., number], band).std() for number, band in enumerate(self._bands))
            self._rms[level] = np.array(list(each))
        return self._rms[level]


class Drawer:
    """Draws smoothed bands of the cutouts of a training, one instrument after the other.

    Parameters
    ----------
    config : SurveyConfig
        Of the training.
    """

    def __init__(self, config: SurveyConfig):
        self._config, self._sky_model, self.turns = config, SkyModel.from_config(config), Turns(config)

    def training(self, numbers: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """Return what belongs to some blocks of one epoch of training, by their numbers."""
        turns = [self.turns.mixed(self._config.training.seed, number) for number in numbers]
        parts: list[list[dict[str, np.ndarray]]] = [[] for _ in numbers]
        # the turns of a block come from one stream, in their order; only one instrument is held at a time
        for of_blocks in zip(*turns, strict=True):
            for of_block, part in zip(parts, self._drawn(Stream.TRAINING, of_blocks), strict=True):
                of_block.append(part)
        size = self.turns.block_size
        return [
            joined(of_block, turn.rng.permutation(size))
            for of_block, turn in zip(parts, of_blocks, strict=True)
        ]

    def validation(self) -> dict[str, np.ndarray]:
        """Return what belongs to the cutouts of the validation."""
        training = self._config.training
        turns = self.turns.one_by_one(training.validation_cutouts, training.seed, Stream.VALIDATION)
        parts = []
        for _, of_instrument in groupby(turns, key=lambda turn: turn.instrument):
            parts += self._drawn(Stream.VALIDATION, list(of_instrument))
        return joined(parts, np.arange(training.validation_cutouts))

    def _drawn(self, stream: Stream, turns: Sequence[Turn]) -> list[dict[str, np.ndarray]]:
        """Return what is drawn in turns of one instrument."""
        index = turns[0].instrument
        removed_above_mjy = self.turns.removed_above_mjy(stream, index)
        bands = SmoothedBands(self._sky_model, self.turns.instruments[stream][index], removed_above_mjy)
        return [bands.draw(turn) for turn in turns]


def joined(parts: list[dict[str, np.ndarray]], order: np.ndarray) -> dict[str, np.ndarray]:
    """Return all cutouts of several parts, in an order."""
    return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}


def main() -> None:
    """Draw what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("bands", type=Path)
    parser.add_argument("--config", default="survey")
    parser.add_argument("--blocks", type=int, default=64)
    options = parser.parse_args()
    config = load_config(options.config)
    store, drawer = bands_store(options.bands, config), Drawer(config)
    store.block("validation", drawer.validation)
    missing = [n for n in range(options.blocks) if not (options.bands / f"{n:05d}.h5").exists()]
    for _, numbers in groupby(missing, key=lambda number: number // drawer.turns.blocks_per_epoch):
        of_epoch = list(numbers)
        for number, block in zip(of_epoch, drawer.training(of_epoch), strict=True):
            store.block(f"{number:05d}", partial(dict, block))
        print(f"{of_epoch[-1] + 1} of {options.blocks} blocks", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
