"""Whether the power of a map can be that of its sky and of noise, or modes of it are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import gamma

from szmass_cli.estimation.noisemeasure import NoiseMeasurement
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.planenoise import shape_of_filter
from szmass_cli.sky.planeratio import WINDOW_CORRELATION

STRIP_ELL = 200.0
"""Half width of the strips along the axes in which filters of scans are looked for."""

SKY_ELL = (300.0, 3500.0)
"""Multipoles at which the CMB is well known, and stronger than the noise of any map that shows clusters."""

STRIP_ELL_FROM = 700.0
MISSING = 0.6
"""Less of the power than this is not what a filter leaves that clusters need not know of."""

CHANCE = 1e-5
MOST_OF_TOTAL = 0.5


@dataclass(frozen=True)
class Missing:
    """Modes that are not there.

    Parameters
    ----------
    where : str
        Which modes, in words.
    fraction : float
        What there is of their power over what there should be.
    """

    where: str
    fraction: float


def missing_modes(measured: NoiseMeasurement, instrument: Instrument) -> list[Missing | None]:
    """Return for each band which modes are missing most, None where none are.

    The power of the CMB is known: where a map has less, it was filtered, or is no map of temperature. Of a
    map without a sky of its own, power only falls towards small scales, and does so in all directions.
    """
    modes = measured.modes
    power = np.mean([np.abs(one.modes) ** 2 for one in measured.powers], axis=0)
    sky = np.mean([np.einsum("mii->mi", one.sky) for one in measured.powers], axis=0)
    noise = np.einsum("iim->mi", measured.shape.power_uk2_sr(modes.ell)) * measured.depth.mean(axis=0)
    found: list[Missing | None] = []
    for index, band in enumerate(instrument.bands):
        passed = shape_of_filter(band.transfer, modes.ell_x, modes.ell_y)
        usable = np.square(passed) > MOST_OF_TOTAL
        if band.sky_free:
            even = power[:, index] / np.square(np.maximum(passed, MOST_OF_TOTAL))
            worst = _uneven(modes, even, usable, len(measured.powers))
        else:
            total = sky[:, index] + noise[:, index]
            usable &= sky[:, index] > MOST_OF_TOTAL * total
            worst = _less_than_sky(modes, power[:, index] / total, usable, len(measured.powers))
        found.append(worst)
    return found


def _sectors(modes) -> list[tuple[str, np.ndarray]]:
    """Return sets of modes in which filters show, with their names."""
    ell, x, y = modes.ell, np.abs(modes.ell_x), np.abs(modes.ell_y)
    inner = (ell > STRIP_ELL_FROM) & (ell < SKY_ELL[1])
    whole = (ell > SKY_ELL[0]) & (ell < SKY_ELL[1])
    return [
        ("all modes", whole),
        (f"modes with |l_x| < {STRIP_ELL:g}", inner & (x < STRIP_ELL)),
        (f"modes with |l_y| < {STRIP_ELL:g}", inner & (y < STRIP_ELL)),
        ("modes with l < 700", whole & (ell < STRIP_ELL_FROM)),
    ]


def _less_than_sky(modes, ratio: np.ndarray, usable: np.ndarray, n_regions: int) -> Missing | None:
    for name, sector in _sectors(modes):
        chosen = sector & usable
        n = np.count_nonzero(chosen) * n_regions / WINDOW_CORRELATION
        if n >= 4.0:
            mean = float(ratio[chosen].mean())
            if mean < MISSING and gamma.cdf(mean, n, scale=1.0 / n) < CHANCE:
                return Missing(name, mean)
    return None


def _uneven(modes, power: np.ndarray, usable: np.ndarray, n_regions: int) -> Missing | None:
    """Return modes that have less power than others of their multipole, or than those of higher ones."""
    ell = modes.ell
    for name, sector in _sectors(modes)[1:3]:
        ratios = []
        for low in np.arange(STRIP_ELL_FROM, SKY_ELL[1], 400.0):
            ring = usable & (ell >= low) & (ell < low + 400.0)
            strip, rest = ring & sector, ring & ~sector
            if np.count_nonzero(strip) * n_regions / WINDOW_CORRELATION >= 4.0 and rest.any():
                ratios.append(power[strip].mean() / power[rest].mean())
        if len(ratios) >= 2 and np.mean(ratios) < MISSING:
            return Missing(name, float(np.mean(ratios)))
    large = usable & (ell < 500.0)
    small = usable & (ell >= STRIP_ELL_FROM) & (ell < 1200.0)
    if np.count_nonzero(large) * n_regions / WINDOW_CORRELATION >= 4.0 and small.any():
        ratio = float(power[large].mean() / power[small].mean())
        if ratio < MISSING:
            return Missing("modes with l < 500", ratio)
    return None


def advice(name: str, missing: Missing, filtered: bool) -> str:
    """Return what to tell of a map whose modes are missing.

    Parameters
    ----------
    name : str
        The map, for the message.
    missing : Missing
        What it lacks.
    filtered : bool
        Whether a transfer function was given.
    """
    found = f"The map {name} holds {100.0 * missing.fraction:.0f} per cent of the power that it should"
    if missing.where == "all modes":
        found += ": CMB was taken out of it by filtering, or it is a component map (--units y)."
    else:
        found += f" in {missing.where}: it was filtered."
    if filtered:
        return f"{found} The transfer function given does not say so: check its grid, units and axes."
    return f"{found} Filtering lowers masses, and its shape must be known: give --transfer."


def ends_of_range(measured: NoiseMeasurement, instrument: Instrument) -> Sequence[str]:
    """Return for each band what was measured at the end of its range, empty words where nothing was."""
    found = measured.shape.at_an_end()
    # what is left of a sky behind a beam need not look like an atmosphere's noise
    return [
        "" if band.sky_free and text.startswith("a knee") else text
        for band, text in zip(instrument.bands, found, strict=True)
    ]
