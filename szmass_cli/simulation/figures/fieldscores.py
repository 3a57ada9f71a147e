"""The y score image of a patch of a simulated field: its clusters without the CMB that hides them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table
from scipy.signal.windows import tukey

from szmass_cli.config import SurveyConfig
from szmass_cli.maps import open_map
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.simulation.figures.fieldpatches import lay_patches, sample_patch
from szmass_cli.simulation.figures.fieldspectra import seen_instrument
from szmass_cli.sky.measured import beamed_dl_uk2
from szmass_cli.sky.power import SkyPower

if TYPE_CHECKING:
    from matplotlib.figure import FigureBase

LOWEST_ELL = 100.0
"""Larger modes are left out: a patch has few of them, and no cluster is so large."""

TAPERED = 0.1
"""Part of the side of a patch over which each of its edges is tapered, so that they do not ring."""

CIRCLED = 60
"""Heaviest clusters of a patch, in circles."""


@dataclass(frozen=True)
class PatchScores:
    """A patch of a field on a plane that touches the sky; rows to the north, columns to the west.

    Parameters
    ----------
    map_uk : numpy.ndarray, shape (n, n)
        Map of one band [µK_CMB].
    score : numpy.ndarray, shape (n, n)
        Score image of Compton y from all bands, in standard deviations of bare sky.
    half_deg : float
        Half the side of the patch [deg].
    clusters_deg : numpy.ndarray, shape (k, 2)
        Offsets of the heaviest clusters to the west and north [deg].
    """

    map_uk: np.ndarray
    score: np.ndarray
    half_deg: float
    clusters_deg: np.ndarray


def patch_scores(config: SurveyConfig, maps: Sequence[Path], shown: int, truth: Table) -> PatchScores | None:
    """Return a patch in the middle of a field; None of fields too small, or filtered by direction.

    In Fourier space the score is sum_nu f_nu B_nu [C^-1 d]_nu, with C the power between bands of CMB,
    foregrounds and noise as they are seen: what `szmass_cli.likelihood.scores` does for cutouts.

    Parameters
    ----------
    config : SurveyConfig
        Configuration with the bands of the maps.
    maps : sequence of Path, length f
        Maps of the bands.
    shown : int
        Index of the band whose map is shown beside the score.
    truth : astropy.table.Table
        Clusters of the field.
    """
    instrument = seen_instrument(config)
    if not instrument.is_isotropic:
        return None
    sky_maps = [open_map(path) for path in maps]
    grid = lay_patches(config.field, sky_maps[0].pixel_arcmin)
    if not len(grid):
        return None
    number = len(grid) // 2
    directions = grid.directions(number)
    data = np.stack([sample_patch(sky_map, directions) for sky_map in sky_maps])
    edge, pixel = tukey(grid.size, 2.0 * TAPERED), grid.pixel_arcmin * ARCMIN
    waves = 2.0 * np.pi * np.fft.fftfreq(grid.size, pixel)
    ell = np.hypot(waves[:, None], waves[None, :])
    seen = ell > LOWEST_ELL
    at = np.linspace(LOWEST_ELL, ell.max(), 2000)
    power = np.moveaxis(
        beamed_dl_uk2(SkyPower.from_config(config.sky, instrument.bands), instrument, at), -1, 0
    )
    power = power * (2.0 * np.pi / (at * (at + 1.0)))[:, None, None]
    signal = np.stack(
        [band.response.tsz_uk_per_y() * band.optics.b_ell(at) for band in instrument.bands], axis=-1
    )
    weights = np.linalg.solve(power, signal[..., None])[..., 0]
    spectrum = np.zeros(ell.shape, complex)
    for band, values in enumerate(data):
        weight = np.interp(ell[seen], at, weights[:, band])
        spectrum[seen] += weight * np.fft.fft2(values * edge[:, None] * edge[None, :])[seen]
    # of bare sky: (1 / area) sum over modes of f B C^-1 B f
    information = np.interp(ell[seen], at, np.sum(weights * signal, axis=-1))
    deviation = np.sqrt(information.sum()) / (grid.size * pixel)
    half_deg = grid.size * grid.pixel_arcmin / 120.0
    offsets = _heaviest_deg(directions, half_deg, truth)
    return PatchScores(data[shown], np.fft.ifft2(spectrum).real / deviation, half_deg, offsets)


def _heaviest_deg(directions: np.ndarray, half_deg: float, truth: Table) -> np.ndarray:
    """Return the offsets (k, 2) to the west and north [deg] of the heaviest clusters within a patch."""
    size = len(directions)
    middle = directions[size // 2, size // 2]
    north = directions[-1, size // 2] - directions[0, size // 2]
    north = north - (north @ middle) * middle
    north /= np.linalg.norm(north)
    west = np.cross(middle, north)
    ra, dec = np.radians(truth["ra_painted"]), np.radians(truth["dec_painted"])
    where = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)
    towards = where @ middle
    plane = np.degrees(np.stack([where @ west, where @ north], axis=-1) / np.maximum(towards, 1e-3)[:, None])
    inside = (towards > 0.0) & (np.abs(plane).max(axis=-1) < (1.0 - 2.0 * TAPERED) * half_deg)
    order = np.argsort(-np.asarray(truth["M200c_true"])[inside], kind="stable")
    return plane[inside][order][:CIRCLED]


def draw_scores(figure: "FigureBase", scores: PatchScores, band_name: str) -> None:
    """Draw the map of one band and the score image of all, side by side.

    Parameters
    ----------
    figure : matplotlib figure or subfigure
        What the panels are added to.
    scores : PatchScores
        The patch.
    band_name : str
        Name of the band of the map.
    """
    half = scores.half_deg
    limit = float(np.percentile(np.abs(scores.map_uk), 99.5)) or 1.0
    panels = (
        (scores.map_uk, "RdBu_r", limit, f"{band_name}, a patch of {2.0 * half:.2g}°", "µK"),
        (scores.score, "PuOr_r", 8.0, "y score image of all bands, the same patch", "σ of bare sky"),
    )
    for axes, (image, colours, reach, title, unit) in zip(figure.subplots(1, 2), panels, strict=True):
        # columns run to the west
        extent = (half, -half, -half, half)
        shown = axes.imshow(image, origin="lower", extent=extent, cmap=colours, vmin=-reach, vmax=reach)
        axes.scatter(
            *(scores.clusters_deg * (-1.0, 1.0)).T, s=90, facecolors="none", edgecolors="k", linewidths=0.6
        )
        axes.set_title(title, fontsize=10)
        axes.set(xlabel="east [deg]", ylabel="north [deg]", xlim=(half, -half), ylim=(-half, half))
        axes.figure.colorbar(shown, ax=axes, label=unit, shrink=0.85)
