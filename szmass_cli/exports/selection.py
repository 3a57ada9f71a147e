"""The selection of a survey as files of nemo's: noise of ỹ0 and area of tiles, Q by size, maps of both."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from szmass_cli.catalog.selectiontables import (
    Q_TABLE,
    RMS_TABLE,
    TILE_AREAS,
    SurveyTiles,
    q_tables,
    rms_table,
    tile_areas_text,
)
from szmass_cli.exports.nemomaps import write_tile_maps
from szmass_cli.exports.survey import REFERENCE_ARCMIN

APART = 1e-3
"""Depths of the two halves of a survey of one depth differ by as much."""


def tiles_of_noise(
    names: Sequence[str], area_deg2: np.ndarray, theta500_arcmin: np.ndarray, sigma_y0: np.ndarray
) -> SurveyTiles:
    """Return tiles whose noise of the central Compton y is known by size.

    Parameters
    ----------
    names : sequence of str, length t
        What they are called.
    area_deg2 : numpy.ndarray, shape (t,)
        Their areas [deg^2].
    theta500_arcmin : numpy.ndarray, shape (k,)
        Ascending sizes, around `REFERENCE_ARCMIN` [arcmin].
    sigma_y0 : numpy.ndarray, shape (t, k)
        Noise of the central Compton y of clusters of these sizes.
    """
    at_reference = [
        np.exp(np.interp(np.log(REFERENCE_ARCMIN), np.log(theta500_arcmin), np.log(one))) for one in sigma_y0
    ]
    y0_rms = np.array(at_reference)
    return SurveyTiles(tuple(names), area_deg2, y0_rms, theta500_arcmin, (y0_rms[:, None] / sigma_y0).T)


def at_least_two(tiles: SurveyTiles) -> SurveyTiles:
    """Return a survey of one tile as one of two halves; any other as it is.

    SOLikeT reads no list of a single tile, and spreads noise that has one value only over a factor of ten.
    """
    if len(tiles) > 1:
        return tiles
    return replace(
        tiles,
        names=(f"{tiles.names[0]}A", f"{tiles.names[0]}B"),
        area_deg2=np.repeat(tiles.area_deg2 / 2.0, 2),
        y0_rms=tiles.y0_rms[0] * np.array([1.0 - APART, 1.0 + APART]),
        q=tiles.q if tiles.q.ndim == 1 else np.repeat(tiles.q, 2, axis=1),
    )


def write_selection(tiles: SurveyTiles, folder: Path) -> None:
    """Write what nemo, SOLikeT and `szmass export --depths` read of a survey's selection into a folder.

    Parameters
    ----------
    tiles : SurveyTiles
        Areas, noise and Q of two tiles at least.
    folder : Path
        Gets ``RMSTab.fits``, ``QFit.fits``, ``tileAreas.txt``, and masks and maps of the noise.
    """
    rms_table(tiles).write(folder / RMS_TABLE)
    q_tables(tiles).writeto(folder / Q_TABLE)
    (folder / TILE_AREAS).write_text(tile_areas_text(tiles), encoding="utf-8")
    write_tile_maps(tiles, folder)
