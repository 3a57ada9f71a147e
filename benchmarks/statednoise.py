"""Is noise that is stated wrongly told from noise that is stated rightly? Mock fields of known noise.

Usage: python benchmarks/statednoise.py [--survey survey act-dr6 spt-3g so-goal s4-wide] [--fields 3]

Fields are those of `measurednoise.py`, of 5 x 5 degrees, measured without inverse variances, in each band
alone and in all of them together. Stated is the true noise at the typical depth, twice and half of it, and
its white part alone. Prints the range over fields and bands of the white level that is measured over the
stated one, and of errors behind the matched filter over promised ones, and how many runs would be flagged.
"""

import argparse
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import measurednoise
import numpy as np

from szmass_cli.config import load_config
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.noisemeasure import NoiseMeter
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.statednoise import MOST_REGIONS, Comparison, compared
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.noise import KneeNoise

N_PIXELS, HALF_WIDTH_DEG, N_ROWS = 600, 2.2, 60
FACTORS = {"as it is": 1.0, "twice": 2.0, "half": 0.5}
WHITE = "without 1/f"
CALM = measurednoise.Mock(0.0, 90.0, 0.0)


def with_noise(band: Band, stated: str) -> Band:
    """Return a band with the noise that is stated of it."""
    if stated == WHITE:
        return replace(band, red_noise=None)
    white, red = FACTORS[stated] * band.noise_uk_arcmin, band.red_noise
    if isinstance(red, KneeNoise):
        red = replace(red, white_uk_arcmin=FACTORS[stated] * red.white_uk_arcmin)
    return replace(band, noise_uk_arcmin=white, red_noise=red)


def compared_in(name: str, seed: int) -> dict[str, list[Comparison]]:
    """Return what is found in one field, by what is stated: each band alone, and all together."""
    survey, mock = load_config(name), measurednoise.MOCKS.get(name, CALM)
    sky, correlation = SkyModel.from_config(survey), survey.sky.noise_correlation
    low, high = measurednoise.BANDS_GHZ
    chosen = [one for one in survey.sky.bands if low < one.frequency_ghz < high]
    bands = tuple(replace(one.build(), transfer=measurednoise.filter_of(mock)) for one in chosen)
    ra, dec = np.random.default_rng([2, seed]).uniform(-HALF_WIDTH_DEG, HALF_WIDTH_DEG, (2, N_ROWS))
    none = np.zeros(N_ROWS)
    rows = Rows(40.0 + ra, dec, np.full(N_ROWS, 0.5), none, none, np.zeros(N_ROWS, np.int32))
    found: dict[str, list[Comparison]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        requests = measurednoise.made_field(Path(folder), chosen, bands, correlation, sky, mock, seed)
        maps = [BandMap.open(replace(request, ivar=None)) for request in requests]
        everything = tuple(range(len(bands)))
        for which in {*((index,) for index in everything), everything}:
            some = tuple(bands[index] for index in which)
            measured = NoiseMeter([maps[index] for index in which], Instrument(some, correlation), sky)(
                rows, MOST_REGIONS
            )
            assert measured is not None
            red = any(band.red_noise is not None for band in some)
            for stated in (*FACTORS, WHITE) if red else FACTORS:
                told = tuple(with_noise(band, stated) for band in some)
                found[stated].append(compared(measured, Instrument(told, correlation)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    surveys = ["survey", "act-dr6", "spt-3g", "so-goal", "s4-wide"]
    parser.add_argument("--survey", nargs="+", default=surveys)
    parser.add_argument("--fields", type=int, default=3)
    given = parser.parse_args()
    measurednoise.N_PIXELS = N_PIXELS
    print(f"{'':10s} {'noise stated':12s} {'white level':13s} {'errors':13s} flagged")
    for name in given.survey:
        found: dict[str, list[Comparison]] = defaultdict(list)
        for seed in range(given.fields):
            for stated, some in compared_in(name, seed).items():
                found[stated] += some
        for stated, some in found.items():
            level = np.concatenate([one.measured_uk_arcmin / one.stated_uk_arcmin for one in some])
            errors = np.array([one.errors for one in some])
            flagged = sum(bool(one.wrong.any()) for one in some)
            print(
                f"{name:10s} {stated:12s} {level.min():.2f} to {level.max():.2f}  {errors.min():.2f} to "
                f"{errors.max():.2f}  {flagged} of {len(some)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
