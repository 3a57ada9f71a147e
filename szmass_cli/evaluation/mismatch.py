"""What a conditioned network makes of maps that are not what it is told: bias, coverage, and flags."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.config import LogUniformMasses, SurveyConfig
from szmass_cli.evaluation.testsets import at_instrument
from szmass_cli.meters import Meter, Stamps, build_meter
from szmass_cli.network.bundle import Bundle
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.progress import Progress
from szmass_cli.sky.cutouts import CutoutBlock, Stream
from szmass_cli.sky.instruments import InstrumentSimulator
from szmass_cli.stamp import pixel_radii_arcmin

FWHM_ARCMIN, NOISE_UK_ARCMIN, REDSHIFT = 1.4, 15.0, 0.7
"""What the network is told in all cases."""

MASSES = LogUniformMasses(min_m200c_msun=3e14, max_m200c_msun=1.2e15)
SOURCE_MJY = 5.0
MISCENTRED_ARCMIN = 0.5
FOREGROUNDS_TIMES = 1.3
BEAM_TIMES = 1.1

SUSPECT = Flag.UNLIKE_TRAINING | Flag.NOISE_MISMATCH


@dataclass(frozen=True)
class MismatchRow:
    """One way of being wrong about a map.

    Parameters
    ----------
    case : str
    n_cutouts : int
    median_bias : float
        Median of ln(M_est / M_true).
    coverage_68, coverage_95 : float
        Fraction of true masses in the central intervals.
    flagged : float
        Fraction of rows with `UNLIKE_TRAINING` or `NOISE_MISMATCH`.
    """

    case: str
    n_cutouts: int
    median_bias: float
    coverage_68: float
    coverage_95: float
    flagged: float


@dataclass(frozen=True)
class _Case:
    """A map as it is: what is simulated in place of what the network is told."""

    name: str
    fwhm_arcmin: float = FWHM_ARCMIN
    noise_uk_arcmin: float = NOISE_UK_ARCMIN
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
    told = Band(bundle.bands[0].frequency_ghz, Beam(FWHM_ARCMIN), NOISE_UK_ARCMIN)
    meter = build_meter(bundle, [told], PERCENTILES)
    rows = []
    for index, case in enumerate(CASES):
        rows.append(_row(case, meter, _simulated(bundle, case, n, seed), told))
        progress("mismatch", index + 1, len(CASES))
    return tuple(rows)


PERCENTILES = (2.275, 15.865, 50.0, 84.135, 97.725)


def _simulated(bundle: Bundle, case: _Case, n: int, seed: int) -> CutoutBlock:
    recipe = at_instrument(bundle.recipe, REDSHIFT, case.fwhm_arcmin, case.noise_uk_arcmin)
    recipe = recipe.model_copy(update={"clusters": recipe.clusters.model_copy(update={"masses": MASSES})})
    simulator = InstrumentSimulator(case.change(recipe))
    clusters = case.change(recipe).clusters
    # the same clusters and skies in every case, as far as they can be
    blocks = list(simulator.blocks(clusters, n, seed, Stream.TEST, salt=50))
    block = CutoutBlock.concatenate(blocks)
    added = case.add_uk(simulator.instruments[case.fwhm_arcmin].band)
    return replace(block, image=(block.image + np.float32(1) * added).astype(np.float32))


def _row(case: _Case, meter: Meter, block: CutoutBlock, told: Band) -> MismatchRow:
    found = meter(
        Stamps(block.image, block.redshift, np.zeros(len(block)), np.full(len(block), told.noise_uk_arcmin))
    )
    p2, p16, p50, p84, p97 = found.m200c_msun.T
    true = block.m200c
    return MismatchRow(
        case.name,
        len(block),
        float(np.median(np.log(p50 / true))),
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
    _Case("beam 10 % wider than stated", fwhm_arcmin=round(FWHM_ARCMIN * BEAM_TIMES, 6)),
    _Case("beam 10 % narrower than stated", fwhm_arcmin=round(FWHM_ARCMIN / BEAM_TIMES, 6)),
    _Case("noise twice that stated", noise_uk_arcmin=2.0 * NOISE_UK_ARCMIN),
    _Case("noise half that stated", noise_uk_arcmin=0.5 * NOISE_UK_ARCMIN),
    _Case("0.5' off centre (rms)", change=_miscentred),
    _Case("5 mJy source at the centre", add_uk=_source),
    _Case("foregrounds x 1.3", change=_more_foregrounds),
)
