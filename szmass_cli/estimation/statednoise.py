"""Noise that is stated of maps, against what is measured in them: levels, and errors behind a filter."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.noisemeasure import NoiseMeasurement, NoiseMeter
from szmass_cli.estimation.noiseregions import SIDE_DEG
from szmass_cli.estimation.noiseverdict import advice, missing_modes
from szmass_cli.estimation.rows import Rows
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.profiles import form_factor
from szmass_cli.sky.lags import red_noise_cl_uk2_sr
from szmass_cli.system.progress import Progress, silent

THETA500_ARCMIN = 2.0
"""Of the cluster whose errors are compared: 4e14 Msun at a redshift of 0.7."""

MOST_REGIONS = 4
"""They know the white level to some per cent, which tells a factor."""

LEVEL_OFF = 1.5
"""Factor by which a white level may differ from what is stated: foregrounds that are not the model's pass for
a quarter of one."""

ERRORS_RANGE = (0.8, 1.15)
"""Errors of clusters over those that are promised: 68 per cent are 61 at the upper end. Chance, and
foregrounds that are not quite the model's, make 0.9 to 1.06."""

_FLAGGED = "Every row is flagged UNCALIBRATED_MAP."


@dataclass(frozen=True)
class Comparison:
    """Noise as stated and as it is in the maps.

    Parameters
    ----------
    stated_uk_arcmin, measured_uk_arcmin : numpy.ndarray, shape (f,)
        White noise [µK-arcmin] at the typical depth of the regions.
    errors : float
        Errors of a matched filter for clusters in these maps, over those that what is stated promises.
    errors_by_band : numpy.ndarray, shape (f,)
        The same of filters for each band alone.
    """

    stated_uk_arcmin: np.ndarray
    measured_uk_arcmin: np.ndarray
    errors: float
    errors_by_band: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        """Return for which bands (f,) what is stated cannot be: for all where only all together tell."""
        levels = np.log(self.measured_uk_arcmin / self.stated_uk_arcmin)
        low, high = ERRORS_RANGE
        wrong = np.abs(levels) > np.log(LEVEL_OFF)
        wrong |= (self.errors_by_band < low) | (self.errors_by_band > high)
        return wrong if wrong.any() or low < self.errors < high else np.ones_like(wrong)


@dataclass(frozen=True)
class StatedVerdict:
    """What the maps say of the noise that is stated of them.

    Parameters
    ----------
    notes : tuple of str
        Messages for the user: a reason each; nothing where all is as stated.
    wrong : bool
        Whether the noise cannot be that of the maps, so that no row can be trusted.
    """

    notes: tuple[str, ...] = ()
    wrong: bool = False


def judged_noise(
    maps: Sequence[BandMap],
    instrument: Instrument,
    sky: SkyModel,
    rows: Rows,
    known: Rows | None = None,
    progress: Progress = silent,
) -> StatedVerdict:
    """Return whether the noise that is stated of maps can be theirs, in one message for each reason.

    Where no region has enough blank sky to measure the noise in, the message is that nothing was compared.

    Parameters
    ----------
    maps : sequence of BandMap, length f
        The opened maps.
    instrument : Instrument
        Their bands, with the noise that is stated.
    sky : SkyModel
        The sky that likelihoods assume.
    rows : Rows
        All rows of the catalogue.
    known : Rows, optional
        Clusters that are masked; the rows themselves by default.
    progress : Progress
        Called while noise is measured in the maps.
    """
    meter = NoiseMeter(maps, instrument, sky)
    found = meter(rows, MOST_REGIONS, known, progress)
    if found is None:
        return StatedVerdict((_not_compared(maps),))
    missing = [
        f"{advice(one.request.path.name, lacking, one.transfer is not None)} {_FLAGGED}"
        for one, lacking in zip(maps, missing_modes(found, instrument), strict=True)
        if lacking is not None
    ]
    reasons = tuple(missing) or _contradictions(maps, found, compared(found, instrument))
    return StatedVerdict(reasons, bool(reasons))


def _not_compared(maps: Sequence[BandMap]) -> str:
    """Return the message that stated noise was compared with nothing, and why."""
    names = ", ".join(one.request.path.name for one in maps)
    return (
        f"The noise that was stated is used as it is: it could not be compared with {names}, where no region "
        f"of {SIDE_DEG:g} x {SIDE_DEG:g} degrees has enough blank sky around rows to measure it in. Neither "
        "would a filter that --transfer does not state have been seen."
    )


def _contradictions(
    maps: Sequence[BandMap], found: NoiseMeasurement, comparison: "Comparison"
) -> tuple[str, ...]:
    """Return one message that names all maps whose noise is not what is stated; none where there is none."""
    numbers = zip(maps, comparison.stated_uk_arcmin, found.shape.words, comparison.wrong, strict=True)
    each = [
        f"{_in_words(one, stated)} of {one.request.path.name}, where {_measured_in_words(words)} are measured"
        for one, stated, words, wrong in numbers
        if wrong
    ]
    if not each:
        return ()
    return (
        f"The noise that was stated is not that of the map: {'; '.join(each)}. Error bars would have to be "
        f"{comparison.errors:.2g} times what they are. {_FLAGGED} Correct --noise, or leave it out to use "
        "what is measured.",
    )


def _in_words(one: BandMap, level_uk_arcmin: float) -> str:
    """Return the noise that is stated of a map."""
    words = f"{level_uk_arcmin:.3g} µK-arcmin"
    red = None if one.noise is None else one.noise.red
    if isinstance(red, KneeNoise):
        words += f" (l_knee {red.ell_knee:g}, slope {red.slope:g})"
    elif red is not None:
        words += " (and more at large scales)"
    return words if one.weights.ivar is None else f"{words}, by the inverse variances,"


def _measured_in_words(noise: str) -> str:
    """Return noise in the form of the option ``--noise`` in words."""
    white, *red = noise.split(",")
    words = f"{float(white):.3g} µK-arcmin"
    return f"{words} (l_knee {red[0]}, slope {red[1]})" if red else words


def compared(found: NoiseMeasurement, instrument: Instrument) -> Comparison:
    """Return stated noise beside measured noise.

    Parameters
    ----------
    found : NoiseMeasurement
        Modes of the regions, and the noise that was fitted to them.
    instrument : Instrument
        The f bands with the noise that is stated.

    Notes
    -----
    A filter w = E^-1 s for a signal s in sky and noise of power E has the variance w^T P w in maps of power
    P, and w^T E w by what is stated: the ratio of the two is the square of how far quoted errors are off.
    """
    modes, stated = found.modes, instrument.noise_uk_arcmin
    noise = np.moveaxis(red_noise_cl_uk2_sr(instrument, modes.ell), -1, 0)
    noise = noise + np.diag((stated * ARCMIN) ** 2)
    signal = _signal(instrument, modes.ell_x, modes.ell_y)
    together, alone = np.zeros(2), np.zeros((2, len(instrument)))
    levels = []
    for one in found.powers:
        by_ivar = one.region.depth()
        level = np.where(np.isfinite(by_ivar), by_ivar, stated)
        levels.append(level)
        root = level / stated
        # with stated noise, likelihoods take the foregrounds to be the model's
        sky = one.sky - (found.foregrounds - 1.0) * one.foregrounds
        total = sky + noise * root[:, None] * root[None, :]
        weight = np.linalg.solve(total, signal[..., None])[..., 0]
        together += (
            float(np.sum(np.abs(np.einsum("mf,mf->m", weight, one.modes)) ** 2)),
            float(np.sum(weight * signal)),
        )
        own = np.einsum("mff->mf", total)
        alone += np.sum((signal / own) ** 2 * np.abs(one.modes) ** 2, axis=0), np.sum(signal**2 / own, axis=0)
    ratio = np.sqrt(alone[0] / np.maximum(alone[1], 1e-300))
    return Comparison(
        np.median(levels, axis=0),
        found.shape.white_uk_arcmin,
        float(np.sqrt(together[0] / together[1])),
        ratio,
    )


def _signal(instrument: Instrument, ell_x: np.ndarray, ell_y: np.ndarray) -> np.ndarray:
    """Return the transform of a cluster (m, f) in the maps, up to a factor."""
    ell = np.hypot(ell_x, ell_y)
    shape = form_factor(ell * THETA500_ARCMIN * ARCMIN)
    columns = []
    for band in instrument.bands:
        passed = 1.0 if band.plane_transfer is None else band.plane_transfer(ell_x, ell_y)
        columns.append(shape * band.optics.b_ell(ell) * passed * float(band.response.tsz_uk_per_y()))
    return np.stack(columns, axis=-1)
