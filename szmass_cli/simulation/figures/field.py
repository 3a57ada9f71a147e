"""The picture of `szmass simulate field`: its maps with their clusters, and power spectra."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table

from szmass_cli.config import FieldConfig, SurveyConfig
from szmass_cli.maps import SkyMap, open_map
from szmass_cli.physics.bands import Band
from szmass_cli.simulation.figures.fieldscores import PatchScores, draw_scores, patch_scores
from szmass_cli.simulation.figures.fieldspectra import field_spectra, seen_instrument
from szmass_cli.simulation.figures.spectra import InputSpectra, draw_spectra
from szmass_cli.sky.measured import MeasuredSpectra
from szmass_cli.sky.patch import Patch
from szmass_cli.system.pictures import save_picture
from szmass_cli.system.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BANDS = 3
REFERENCE_GHZ = 150.0
_WIDTH_INCHES = 13.0
_MAP_PIXELS = 1200
_MAP_WIDTH, _MAP_HEIGHT = 10.5, 6.0  # inches, at most
_ABSURD = 1e25  # UNSEEN is -1.6e30
_CIRCLES = 400
"""More clusters than these would hide the map; the heaviest ones are marked."""


def plot_field(
    config: SurveyConfig,
    maps: Sequence[Path],
    mask: Path,
    truth: Table,
    picture: Path,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> None:
    """Draw a simulated field: maps with their clusters, and power spectra against their input.

    Of more than three bands those nearest to 150 GHz are shown.

    Parameters
    ----------
    config : SurveyConfig
        What the field was made with.
    maps : sequence of Path
        FITS map of each of the configuration's bands, in order.
    mask : Path
        FITS map of what the maps were multiplied by, from 0 to 1.
    truth : astropy.table.Table
        Clusters of the field, as from `truth_table`.
    picture : Path
        PNG, PDF or SVG; appears when it is complete.
    overwrite : bool
        Whether a picture already there is replaced.
    progress : Progress
        Called with ``spectra`` after each patch, then with ``picture``.

    Raises
    ------
    OutputError
        If the picture is already there or cannot be written.
    """
    frequencies = np.array([band.frequency_ghz for band in config.sky.bands])
    nearest = np.argsort(np.abs(np.log(frequencies / REFERENCE_GHZ)), kind="stable")
    chosen = sorted(nearest[:MAX_BANDS])
    part, paths = config.with_frequencies(frequencies[chosen].tolist()), [maps[i] for i in chosen]
    spectra = field_spectra(part, paths, mask, truth, progress)
    progress("picture", 0, 1)
    reference = chosen.index(nearest[0])
    scores = patch_scores(part, paths, reference, truth)
    figure = draw_picture(part, [open_map(path) for path in paths], truth, spectra, scores)
    save_picture(figure, picture, overwrite)
    progress("picture", 1, 1)


def draw_picture(
    config: SurveyConfig,
    maps: Sequence[SkyMap],
    truth: Table,
    spectra: MeasuredSpectra | None,
    scores: PatchScores | None = None,
) -> "Figure":
    """Draw the whole figure: a row for each map; where there is room, a patch's score image, and spectra."""
    from matplotlib.figure import Figure

    bands = config.sky.build_bands()
    aspect = _aspect(config.field)
    # narrow fields stand side by side, wide ones one above the other
    n_columns = len(bands) if aspect * len(bands) < _MAP_WIDTH / _MAP_HEIGHT * 1.5 else 1
    n_rows = -(-len(bands) // n_columns)
    row_height = min(_MAP_WIDTH / n_columns / aspect, _MAP_HEIGHT) + 1.0
    heights = [row_height * n_rows]
    heights += [5.6] if scores is not None else []
    heights += [4.6] if spectra is not None else []
    figure = Figure(figsize=(_WIDTH_INCHES, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    panels = parts[0].subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, sky_map, band in zip(panels, maps, bands, strict=True):
        draw_map(axes, sky_map, band, config.field, truth)
    if scores is not None:
        reference = min(bands, key=lambda band: abs(np.log(band.frequency_ghz / REFERENCE_GHZ)))
        draw_scores(parts[1], scores, f"{reference.frequency_ghz:g} GHz")
    if spectra is not None:
        ell_max = max(1.2 * float(spectra.ell[-1]), 3000.0)
        draw_spectra(parts[-1], InputSpectra.of(config.sky, seen_instrument(config), ell_max), [spectra])
    return figure


def _aspect(field: FieldConfig) -> float:
    """Return the width over height of a field as drawn: degrees of right ascension as long as on the sky."""
    return field.width_deg * np.cos(np.radians(field.center_dec_deg)) / field.height_deg


def draw_map(axes: "Axes", sky_map: SkyMap, band: Band, field: FieldConfig, truth: Table) -> None:
    """Draw one map over right ascension and declination, its clusters in circles."""
    patch = Patch.of(field)
    east, west = patch.center_ra_deg + patch.width_deg / 2.0, patch.center_ra_deg - patch.width_deg / 2.0
    image = _picture_of(sky_map, patch)
    limit = float(np.nanpercentile(np.abs(image), 99.5)) or 1.0
    shown = axes.imshow(
        image,
        origin="lower",
        extent=(east, west, patch.south_deg, patch.north_deg),
        aspect=1.0 / np.cos(np.radians((patch.south_deg + patch.north_deg) / 2.0)),
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
    )
    bar = min(0.02 * max(1.0, 1.5 / _aspect(field)), 0.12)
    # beside the image, however much of its panel that leaves free
    axes.figure.colorbar(shown, cax=axes.inset_axes((1.01, 0.0, bar, 1.0)), label="µK")
    _circle_clusters(axes, patch, truth)
    axes.grid(color="k", lw=0.4, alpha=0.35)
    axes.set(xlim=(east, west), ylim=(patch.south_deg, patch.north_deg))
    axes.xaxis.set_major_formatter(lambda ra_deg, _: f"{ra_deg % 360.0:g}°")
    axes.yaxis.set_major_formatter(lambda dec_deg, _: f"{dec_deg:g}°")
    axes.set(xlabel="right ascension", ylabel="declination")
    marked = (
        "its clusters" if len(truth) <= _CIRCLES else f"the {_CIRCLES} heaviest of {len(truth):,} clusters"
    )
    axes.set_title(f"{band.frequency_ghz:g} GHz, {marked} in circles\n{sky_map.description}", fontsize=10)


def _circle_clusters(axes: "Axes", patch: Patch, truth: Table) -> None:
    heaviest = np.argsort(truth["M200c_true"])[::-1][:_CIRCLES]
    ra_deg = patch.center_ra_deg + patch.offset_deg(np.asarray(truth["ra"])[heaviest])
    mass = np.asarray(truth["M200c_true"])[heaviest]
    # areas by mass, so that the eye finds the decrements that matter
    area = np.clip(12.0 * mass, 12.0, 200.0)
    dec_deg = np.asarray(truth["dec"])[heaviest]
    axes.scatter(ra_deg, dec_deg, s=area, facecolors="none", edgecolors="k", linewidths=0.8)


def _picture_of(sky_map: SkyMap, patch: Patch) -> np.ndarray:
    """Return the values [µK] of a map on a grid in right ascension and declination.

    They are those of the nearest pixels, NaN outside the map.
    """
    height = patch.north_deg - patch.south_deg
    middle = np.radians((patch.south_deg + patch.north_deg) / 2.0)
    n_columns = _MAP_PIXELS
    n_rows = int(np.clip(n_columns * height / (patch.width_deg * np.cos(middle)), 50, 2 * _MAP_PIXELS))
    across = (np.arange(n_columns) + 0.5) / n_columns
    ra = np.radians(patch.center_ra_deg - patch.width_deg * (across - 0.5))
    dec = np.radians(patch.south_deg + height * (np.arange(n_rows)[:, None] + 0.5) / n_rows)
    directions = np.stack(
        np.broadcast_arrays(np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec))
    )
    values = sky_map.nearest(np.moveaxis(directions, 0, -1))
    return np.where(np.abs(values) < _ABSURD, values, np.nan) * sky_map.units.to_uk
