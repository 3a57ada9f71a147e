"""Which noise the maps of a run are taken to have: stated, measured in them, or assumed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.depthcheck import check_depth, check_ivar
from szmass_cli.estimation.looks import Look, measured_noise
from szmass_cli.estimation.noisemeasure import NoiseMeasurement, NoiseMeter
from szmass_cli.estimation.noiseplane import noise_plane
from szmass_cli.estimation.noiseverdict import advice, ends_of_range, missing_modes
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.settled import MeasuredNoise, Settled
from szmass_cli.estimation.statednoise import StatedVerdict, judged_noise
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.physics.planenoise import PlaneNoise
from szmass_cli.system.progress import Progress, silent

NOISE_CORRELATION = 0.9
"""Of the atmosphere's noise between bands, as forecasts have it (Simons Observatory 2019, JCAP 02, 056)."""

ASSUMED_NOISE_UK_ARCMIN = 10.0
"""White noise of a map whose noise nobody states, and of which no cutout is whole: ACT's and SPT's depth."""

SPLITS_ELL = (400.0, 2000.0)
"""Multipoles at which the mean of two splits is compared with their map: both show the CMB."""

SPLITS_SMALL = 0.7
"""Of the highest multipole: beyond it most power is noise, which splits of another map do not share."""

SPLITS_TOLERANCE, SPLITS_NOISE_TOLERANCE = 0.1, 0.7
"""Power that may be left of the map without the mean of its splits, at large and small scales, which need
not be weighted alike. Where one has a fifth of the other's weight 0.7 of the noise is left, of others all."""


@dataclass(frozen=True)
class _Given:
    """What is known of one map before its noise is."""

    band_map: BandMap
    look: Look
    pixel_arcmin: float


def settled_noise(
    maps: Sequence[BandMap],
    rows: Rows,
    looks: Sequence[Look],
    pixel_arcmin: Sequence[float],
    sky: SkyModel,
    correlation: float | None,
    known: Rows | None = None,
    progress: Progress = silent,
) -> tuple[Settled, tuple[str, ...]]:
    """Return the noise of the maps of a run, with notes for the user.

    Parameters
    ----------
    maps : sequence of BandMap, length f
        The opened maps.
    rows : Rows
        All rows of the catalogue, whatever share of them is measured.
    looks : sequence of Look, length f
        Cutouts around some of the rows.
    pixel_arcmin : sequence of float, length f
        Side of pixels that are means over their area, else 0 [arcmin].
    sky : SkyModel
        The sky that likelihoods assume.
    correlation : float, optional
        What the user states of the correlation of 1/f noise between bands.
    known : Rows, optional
        Clusters that are masked where noise is measured; the rows themselves by default.
    progress : Progress
        Called while noise is measured in the maps.

    Raises
    ------
    InputError
        Inverse variances are in another unit than the map, or splits are not of it.
    UsageError
        Only some of the maps have splits.
    """
    with_splits = [bool(one.splits) for one in maps if one.request.noise is None]
    if any(with_splits) and not all(with_splits):
        raise UsageError(
            "--split is given for some of the maps whose noise is to be measured, and not for others.",
            "Give it for all of them, or for none.",
        )
    unstated = [index for index, one in enumerate(maps) if one.request.noise is None]
    noise = ["" if one.request.noise is None else str(one.request.noise) for one in maps]
    sources = ["option"] * len(maps)
    notes: list[str] = []
    flags = 0
    found, measured = None, None
    if unstated:
        chosen = [maps[index] for index in unstated]
        bands = [
            maps[index].band(NoiseLevel(ASSUMED_NOISE_UK_ARCMIN), pixel_arcmin[index]) for index in unstated
        ]
        instrument = Instrument(tuple(bands))
        meter = NoiseMeter(chosen, instrument, sky)
        found = meter(rows, known=known, progress=progress)
        problems = _problems(found, chosen, instrument)
        if found is not None:
            _check_splits(found, chosen)
        if found is not None and not problems:
            for one, stated, white in zip(
                chosen, found.reference_uk_arcmin, found.shape.white_uk_arcmin, strict=True
            ):
                check_depth(one, float(stated), float(white))
            for index, words in zip(unstated, found.shape.words, strict=True):
                noise[index], sources[index] = words, "measured"
            if len(unstated) == len(maps):
                measured = _kept(found, noise_plane(meter, instrument, found))
                correlation = found.shape.correlation if correlation is None else correlation
            notes += _notes(found, chosen)
        else:
            notes += problems
            flags = int(Flag.UNCALIBRATED_MAP)
            for index in unstated:
                given = _Given(maps[index], looks[index], pixel_arcmin[index])
                noise[index], sources[index] = _white(given, sky)
                notes += _white_notes(maps[index], noise[index], sources[index])
    red = [NoiseLevel.parse(level).red is not None for level in noise]
    if correlation is None:
        correlation = NOISE_CORRELATION
        if sum(red) > 1:
            notes.append(
                f"The 1/f noise of the bands is taken to be correlated by {NOISE_CORRELATION:g}, as "
                "that of the atmosphere; --noise-correlation states it."
            )
    verdict = _of_stated_noise(maps, pixel_arcmin, rows, sky, correlation, known, progress)
    notes += verdict.notes
    if verdict.wrong:
        flags |= int(Flag.UNCALIBRATED_MAP)
    settled = Settled(tuple(noise), tuple(sources), tuple(pixel_arcmin), correlation, measured, flags)
    return settled, tuple(notes)


def _of_stated_noise(
    maps: Sequence[BandMap],
    pixel_arcmin: Sequence[float],
    rows: Rows,
    sky: SkyModel,
    correlation: float,
    known: Rows | None,
    progress: Progress,
) -> StatedVerdict:
    """Return whether noise that is stated can be that of its maps."""
    chosen, bands = [], []
    for one, side in zip(maps, pixel_arcmin, strict=True):
        if one.noise is not None:
            chosen.append(one)
            bands.append(one.band(one.noise, side))
    if not chosen:
        return StatedVerdict()
    return judged_noise(chosen, Instrument(tuple(bands), correlation), sky, rows, known, progress)


def _problems(found: NoiseMeasurement | None, maps: Sequence[BandMap], instrument: Instrument) -> list[str]:
    """Return why measured noise cannot be used, a message for each band that is the reason."""
    if found is None:
        names = ", ".join(one.request.path.name for one in maps)
        return [
            f"No region of {names} has enough blank sky around rows to measure the noise in: every row is "
            "flagged UNCALIBRATED_MAP. Give --noise."
        ]
    problems = []
    missing, ends = missing_modes(found, instrument), ends_of_range(found, instrument)
    for one, lacking, end in zip(maps, missing, ends, strict=True):
        if lacking is not None:
            text = advice(one.request.path.name, lacking, one.transfer is not None)
            problems.append(f"{text} Every row is flagged UNCALIBRATED_MAP.")
        elif end:
            problems.append(
                f"The noise of {one.request.path.name} was measured at the end of its range, {end}: every "
                "row is flagged UNCALIBRATED_MAP. Check --units and --beam, or give --noise."
            )
    return problems


def _check_splits(found: NoiseMeasurement, maps: Sequence[BandMap]) -> None:
    """Refuse splits whose mean is not the map.

    Raises
    ------
    InputError
        What they have in common is not what the map shows.
    """
    if found.regions[0].halves_uk is None:
        return
    modes = found.modes
    large = (modes.ell > SPLITS_ELL[0]) & (modes.ell < SPLITS_ELL[1])
    small = modes.ell > SPLITS_SMALL * modes.ell.max()
    for band, one in enumerate(maps):
        left, there = np.zeros(2), np.zeros(2)
        for region in found.regions:
            assert region.halves_uk is not None
            pair = np.stack([region.images_uk[band] - region.halves_uk[band], region.images_uk[band]])
            power = np.abs(modes.transform(pair, region.window, region.broad)) ** 2
            sums = np.array([power[large].sum(axis=0), power[small].sum(axis=0)])
            left, there = left + sums[:, 0], there + sums[:, 1]
        share = left / there
        for number, what in enumerate(("fluctuations", "noise")):
            if share[number] > (SPLITS_TOLERANCE, SPLITS_NOISE_TOLERANCE)[number]:
                names = " and ".join(str(path) for path in one.request.split or ())
                raise InputError(
                    f"{names} do not match {one.request.path}: their mean differs from it by "
                    f"{100.0 * np.sqrt(share[number]):.0f} per cent of its {what}.",
                    "Give two splits of this very map, in its unit and with its filter and sources.",
                )


def _kept(found: NoiseMeasurement, plane: PlaneNoise) -> MeasuredNoise:
    white = found.shape.white_uk_arcmin
    return MeasuredNoise(
        plane,
        found.reference_uk_arcmin,
        np.array([one.ra_deg for one in found.regions]),
        np.array([one.dec_deg for one in found.regions]),
        white * np.sqrt(found.depth),
        np.isnan(found.reference_uk_arcmin) & (np.ptp(found.depth, axis=0) == 0.0),
        found.foregrounds,
    )


def _notes(found: NoiseMeasurement, maps: Sequence[BandMap]) -> list[str]:
    """Return what was measured, a line for each band."""
    notes = []
    for one, words, stated, depth in zip(
        maps, found.shape.words, found.reference_uk_arcmin, found.depth.T, strict=True
    ):
        white, *red = words.split(",")
        note = (
            f"The noise of the map at {one.name} was measured in {len(found.regions)} regions: {white} "
            f"µK-arcmin, {f'l_knee {red[0]}, slope {red[1]}' if red else 'no 1/f noise seen'}"
        )
        if np.isfinite(stated):
            note += f", where its inverse variances say {stated:.3g}"
        elif np.ptp(depth) > 0.0:
            low, high = float(white) * np.sqrt([depth.min(), depth.max()])
            note += f"; {low:.3g} to {high:.3g} by region"
        if one.splits:
            note += ", from half the difference of its splits"
        notes.append(f"{note}.")
    if len(maps) > 1 and found.shape.ell_knee.any():
        notes.append(f"Its 1/f part is correlated by {found.shape.correlation:.2g} between bands.")
    return notes


def _white(given: _Given, sky: SkyModel) -> tuple[str, str]:
    """Return the white noise of a map that is not what was stated of it, and its source."""
    one = given.band_map
    by_ivar = one.noise_uk_arcmin(given.look.rows)
    if by_ivar is not None and np.isfinite(by_ivar).any():
        level = f"{np.nanmedian(by_ivar):.3g}{_shape_by_survey(one)}"
        check_ivar(one, given.look, one.band(NoiseLevel.parse(level), given.pixel_arcmin), sky)
        return level, "ivar"
    band = one.band(NoiseLevel(ASSUMED_NOISE_UK_ARCMIN), given.pixel_arcmin)
    found = measured_noise(given.look, band, sky, one.sky_map.pixel_arcmin)
    if found is None:
        return f"{ASSUMED_NOISE_UK_ARCMIN:g}", "assumed"
    return f"{found.white_uk_arcmin:g}", "cutouts"


def _shape_by_survey(one: BandMap) -> str:
    """Return knee and slope of the 1/f noise that the map's survey publishes, as ``--noise`` has them."""
    published = None if one.facts is None else one.facts.noise
    if published is None or "," not in published.value:
        return ""
    return "," + published.value.partition(",")[2]


def _white_notes(one: BandMap, level: str, source: str) -> list[str]:
    """Return what was used for the noise of such a map."""
    if source == "cutouts":
        return [f"White noise of {level} µK-arcmin, as measured in its cutouts, is used at {one.name}."]
    if source == "assumed":
        return [
            f"The noise of the map at {one.name} was not given, and no whole cutout was found to measure it "
            f"in: {level} µK-arcmin was assumed. --noise or --ivar states it."
        ]
    return []
