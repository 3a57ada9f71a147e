"""What a conditioned network makes of maps that are not what it is told: bias, coverage, and flags."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.config import LogUniformMasses, SurveyConfig
from szmass_cli.estimation.meters import build_meter
from szmass_cli.estimation.reading import Meter, Stamps
from szmass_cli.evaluation.testsets import at_instrument
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.instruments import InstrumentSimulator
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.clusters import mass_range
from szmass_cli.sky.cutouts import CutoutBlock, Stream
from szmass_cli.system.progress import Progress

INSTRUMENTS = ((1.0, 5.0), (1.4, 15.0))
"""Beam FWHM [arcmin] and noise [µK-arcmin] that the network is told."""

REDSHIFT, MASSES_MSUN = 0.7, (3e14, 1.2e15)
"""The clusters there are; these and the instruments are as near to this as it was trained for."""

SOURCE_MJY = 5.0
MISCENTRED_ARCMIN = 0.5
FOREGROUNDS_TIMES = 1.3
BEAM_TIMES = 1.1

PERCENTILES = (2.275, 15.865, 50.0, 84.135, 97.725)

SUSPECT = Flag.UNLIKE_TRAINING | Flag.NOISE_MISMATCH | Flag.CENTRAL_SOURCE | Flag.OFF_CENTRE


@dataclass(frozen=True)
class MismatchRow:
    """One way of being wrong about a map.

    Parameters
    ----------
    case : str
    beam_fwhm_arcmin, noise_uk_arcmin, redshift : float
        What the network is told.
    n_cutouts : int
    median_bias : float
        Median of ln(M_est / M_true).
    coverage_68, coverage_95 : float
        Fraction of true masses in the central intervals.
    flagged : float
        Fraction of rows with a flag of `SUSPECT`.
    """

    case: str
    beam_fwhm_arcmin: float
    noise_uk_arcmin: float
    redshift: float
    n_cutouts: int
    median_bias: float
    coverage_68: float
    coverage_95: float
    flagged: float


@dataclass(frozen=True)
class _Case:
    """A map as it is: what is simulated in place of what the network is told."""

    name: str
    beam_times: float = 1.0
    noise_times: float = 1.0
    change: Callable[[SurveyConfig], SurveyConfig] = lambda recipe: recipe
    add_uk: Callable[[Band], np.ndarray | float] = lambda band: 0.0


def mismatch_rows(bundle: Bundle, n: int, seed: int, progress: Progress) -> tuple[MismatchRow, ...]:
    """Estimate n clusters in each case of a map that is not as stated.

    Parameters
    ----------
    bundle : Bundle
        With a posterior head.
    n, seed : int
    progress : Progress
    """
    ranges = bundle.recipe.trained_instruments
    instruments = dict.fromkeys(
        (
            float(np.clip(fwhm, *ranges.beam_range_arcmin)),
            float(np.clip(noise, *ranges.noise_range_uk_arcmin)),
        )
        for fwhm, noise in INSTRUMENTS
    )
    redshift = float(np.clip(REDSHIFT, *bundle.metadata.trained_redshift))
    rows = []
    for fwhm, noise in instruments:
        told = Band(bundle.bands[0].frequency_ghz, Beam(fwhm), noise)
        meter = build_meter(bundle, [told], PERCENTILES)
        for case in CASES:
            instrument = round(fwhm * case.beam_times, 6), noise * case.noise_times
            recipe = at_instrument(bundle.recipe, *instrument)
            rows.append(_row(case, meter, _simulated(recipe, redshift, case, n, seed), told))
            progress("mismatch", len(rows), len(instruments) * len(CASES))
    return tuple(rows)


def _simulated(recipe: SurveyConfig, redshift: float, case: _Case, n: int, seed: int) -> CutoutBlock:
    low, high = np.clip(MASSES_MSUN, *mass_range(recipe.clusters))
    masses = LogUniformMasses(min_m200c_msun=float(low), max_m200c_msun=float(high))
    clusters = recipe.clusters.model_copy(update={"masses": masses, "redshift": redshift})
    recipe = recipe.model_copy(update={"clusters": clusters})
    changed = case.change(recipe)
    simulator = InstrumentSimulator(changed)
    # the same clusters and skies in every case, as far as they can be
    blocks = list(simulator.blocks(changed.clusters, n, seed, Stream.TEST, salt=50))
    block = CutoutBlock.concatenate(blocks)
    (instrument,) = simulator.instruments.values()
    return replace(block, image=(block.image + case.add_uk(instrument.band)).astype(np.float32))


def _row(case: _Case, meter: Meter, block: CutoutBlock, told: Band) -> MismatchRow:
    noise = np.full(len(block), told.noise_uk_arcmin)
    found = meter(Stamps(block.image, block.redshift, np.zeros(len(block)), noise))
    p2, p16, p50, p84, p97 = found.m200c_msun.T
    true = block.m200c
    return MismatchRow(
        case.name,
        told.beam.fwhm_arcmin,
        told.noise_uk_arcmin,
        float(block.redshift[0]),
        len(block),
        float(np.nanmedian(np.log(p50 / true))),
        float(np.mean((p16 <= true) & (true <= p84))),
        float(np.mean((p2 <= true) & (true <= p97))),
        float(np.mean((found.flags & int(SUSPECT)) != 0)),
    )


def _source(band: Band) -> np.ndarray:
    """A point source in the middle, behind the beam, (40, 40, 1) [µK]."""
    assert isinstance(band.beam, Beam)
    sigma = band.beam.fwhm_arcmin / np.sqrt(8.0 * np.log(2.0))
    shape = np.exp(-0.5 * (pixel_radii_arcmin() / sigma) ** 2) / (2.0 * np.pi * sigma**2)
    return SOURCE_MJY * uk_per_mjy(band.frequency_ghz) * shape[..., None]


def _miscentred(recipe: SurveyConfig) -> SurveyConfig:
    per_axis = MISCENTRED_ARCMIN / np.sqrt(2.0)
    clusters = recipe.clusters.model_copy(update={"miscentring_arcmin": float(per_axis)})
    return recipe.model_copy(update={"clusters": clusters})


def _more_foregrounds(recipe: SurveyConfig) -> SurveyConfig:
    each = recipe.sky.foregrounds_dl3000_uk2
    more = each.model_copy(update={name: FOREGROUNDS_TIMES * value for name, value in each})
    return recipe.model_copy(update={"sky": recipe.sky.model_copy(update={"foregrounds_dl3000_uk2": more})})


CASES = (
    _Case("as stated"),
    _Case("beam 10 % wider than stated", beam_times=BEAM_TIMES),
    _Case("beam 10 % narrower than stated", beam_times=1.0 / BEAM_TIMES),
    _Case("noise twice that stated", noise_times=2.0),
    _Case("noise half that stated", noise_times=0.5),
    _Case("0.5' off centre (rms)", change=_miscentred),
    _Case("5 mJy source at the centre", add_uk=_source),
    _Case("foregrounds x 1.3", change=_more_foregrounds),
)
