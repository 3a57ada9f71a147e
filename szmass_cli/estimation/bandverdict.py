"""Whether the maps of a run agree about its clusters, or are not the bands that they are said to be."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.measured import Measured
from szmass_cli.likelihood.bandagreement import (
    DECREMENT,
    BandSignal,
    band_signal,
    misfit,
    order_that_agrees,
)
from szmass_cli.physics.passbands import Passband

SIGMAS = 5.0
TOLERATED = 1.2
"""Of the signal of one band over another's: sources and dust of clusters change it by some per cent, by 15
where they are many, and calibration by one."""

EXCHANGED_WITHIN, EXCHANGED_BETTER = 0.35, 0.5
"""Misfit that maps in another order may have, and over that in their own order: beams were exchanged, too."""

REFERENCE_GHZ = 150.0


@dataclass(frozen=True)
class Departure:
    """A band whose clusters are not as bright as another band says.

    Parameters
    ----------
    band, reference : int
        The two bands.
    ratio, error : float
        Signal over the expected one, relative to the reference; of bands where no decrement is expected, over
        that of the reference.
    """

    band: int
    reference: int
    ratio: float
    error: float


def bands_agree(measured: Measured, maps: Sequence[BandMap]) -> tuple[int, tuple[str, ...]]:
    """Return the flag of every row where bands contradict each other, 0 where they do not, with notes.

    Parameters
    ----------
    measured : Measured
        All rows of the run.
    maps : sequence of BandMap, length f
        Its maps.

    Raises
    ------
    InputError
        The maps would agree in another order.
    """
    if len(maps) < 2:
        return 0, ()
    expected = expected_signal([one.passband or Passband.monochromatic(one.frequency_ghz) for one in maps])
    found = band_signal(measured.by_band, expected)
    if found is None:
        return 0, ()
    wrong = departures(found, expected)
    if not wrong:
        return 0, ()
    said = [_in_words(one, maps, expected, found.n_rows) for one in wrong]
    order, off = order_that_agrees(found.signal, expected)
    own = misfit(found.signal, expected)
    if off < min(EXCHANGED_WITHIN, EXCHANGED_BETTER * own):
        raise InputError(
            f"The maps look exchanged. {' '.join(said)} {_other_order(order, maps)}",
            "Check which map belongs to which frequency; beams and noise go with them.",
        )
    why = "Unit, calibration, frequency or beam of a map is wrong, two are exchanged, or one was filtered."
    return int(Flag.UNCALIBRATED_MAP), (f"{' '.join(said)} {why} Every row is flagged UNCALIBRATED_MAP.",)


def expected_signal(responses: Sequence[Passband]) -> np.ndarray:
    """Return the signal of cold gas in each band (f,) over the size of that at 150 GHz.

    Parameters
    ----------
    responses : sequence of Passband, length f
        Of the bands.
    """
    unit = abs(float(Passband.monochromatic(REFERENCE_GHZ).tsz_uk_per_y()))
    return np.array([float(one.tsz_uk_per_y()) for one in responses]) / unit


def departures(found: BandSignal, expected: np.ndarray) -> list[Departure]:
    """Return the bands that contradict the one that agrees with the others best.

    Parameters
    ----------
    found : BandSignal
        Of the clusters of a run.
    expected : numpy.ndarray, shape (f,)
        As `expected_signal` gives it.
    """
    plain = np.flatnonzero(expected < -DECREMENT)
    if not plain.size:
        return []
    relative = found.signal[plain] / expected[plain]
    reference = int(plain[np.argmin(np.abs(relative - np.median(relative)))])

    def over_reference(band: int) -> tuple[float, float]:
        return found.of(lambda g: float(g[band] / g[reference]))

    found_off = []
    for band in np.flatnonzero(np.arange(len(expected)) != reference):
        is_plain = expected[band] < -DECREMENT
        scale = float(expected[reference] / expected[band]) if is_plain else 1.0
        ratio, error = (scale * value for value in over_reference(int(band)))
        if is_plain:
            is_off = not 1.0 / TOLERATED < ratio < TOLERATED and abs(ratio - 1.0) > SIGMAS * error
        else:  # dust makes such a band brighter than it should be, and never fainter
            excess = ratio - float(expected[band] / expected[reference])
            is_off = excess > max(DECREMENT, SIGMAS * error)
        if is_off:
            found_off.append(Departure(int(band), reference, ratio, error))
    return found_off


def _in_words(one: Departure, maps: Sequence[BandMap], expected: np.ndarray, n_rows: int) -> str:
    """Return what a band shows of the clusters, by how much it departs from the reference."""
    band, reference = (
        f"{maps[index].request.path.name} ({maps[index].name})" for index in (one.band, one.reference)
    )
    what = f"{one.ratio:.2f} ± {one.error:.2f} times"
    if expected[one.band] < -DECREMENT:
        return f"{n_rows} clusters are {what} as bright in {band} as they should be by {reference}."
    return f"{n_rows} clusters show {what} the decrement of {reference} in {band}, which should have none."


def _other_order(order: Sequence[int], maps: Sequence[BandMap]) -> str:
    moved = [
        f"{one.request.path.name} at {maps[other].name}"
        for index, (one, other) in enumerate(zip(maps, order, strict=True))
        if index != other
    ]
    return f"They would agree with {' and '.join(moved)}."
