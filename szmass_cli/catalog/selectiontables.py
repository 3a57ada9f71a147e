"""Selection files of SZ surveys as nemo writes them: noise of ỹ0 by area, Q by size, areas of tiles."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from szmass_cli.catalog.tables.formats import read_table
from szmass_cli.errors import InputError

AREA, NOISE, TILE, SIZE, MISMATCH = "areaDeg2", "y0RMS", "tileName", "theta500Arcmin", "Q"
RMS_TABLE, Q_TABLE, TILE_AREAS = "RMSTab.fits", "QFit.fits", "tileAreas.txt"


@dataclass(frozen=True, eq=False)
class SurveyTiles:
    """Effective tiles of a survey: parts of the sky of one depth each.

    Parameters
    ----------
    names : tuple of str, length t
        What they are called.
    area_deg2 : numpy.ndarray, shape (t,)
        Their areas [deg^2].
    y0_rms : numpy.ndarray, shape (t,)
        Noise of ỹ0 in each: sigma(y0) of clusters for which Q is 1.
    theta500_arcmin : numpy.ndarray, shape (k,)
        Ascending angular sizes that Q is tabulated for [arcmin].
    q : numpy.ndarray, shape (k,) or (k, t)
        Q: the ratio of ỹ0 to the central Compton y; sigma(y0) is y0_rms / Q. One for all tiles, or one each.
    """

    names: tuple[str, ...]
    area_deg2: np.ndarray
    y0_rms: np.ndarray
    theta500_arcmin: np.ndarray
    q: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    @property
    def q_of_tiles(self) -> np.ndarray:
        """Return Q of each tile, (k, t)."""
        return self.q if self.q.ndim == 2 else np.repeat(self.q[:, None], len(self), axis=1)

    @property
    def sigma_y0(self) -> np.ndarray:
        """Return sigma(y0) by size in each tile, (k, t)."""
        return self.y0_rms / self.q_of_tiles


def rms_table(tiles: SurveyTiles) -> Table:
    """Return areas and noise as nemo's ``RMSTab.fits`` has them: areaDeg2, y0RMS, tileName."""
    return Table({AREA: tiles.area_deg2, NOISE: tiles.y0_rms, TILE: np.array(tiles.names)})


def q_tables(tiles: SurveyTiles) -> fits.HDUList:
    """Return Q as nemo's ``QFit.fits`` has it: a table ``theta500Arcmin``, ``Q``, ``z`` named as each tile.

    A column ``PRIMARY`` repeats Q for readers of surveys of one tile (SOLikeT), which go by that name. Q does
    not depend on redshift (``ZDEPQ`` is 0), so that z is 0.
    """
    hdus = [fits.PrimaryHDU()]
    for name, q in zip(tiles.names, tiles.q_of_tiles.T, strict=True):
        columns = {SIZE: tiles.theta500_arcmin, MISMATCH: q, "z": np.zeros(q.size), "PRIMARY": q}
        hdus.append(fits.BinTableHDU(Table(columns), fits.Header({"ZDEPQ": 0}), name))
    return fits.HDUList(hdus)


def tile_areas_text(tiles: SurveyTiles) -> str:
    """Return the text of nemo's ``tileAreas.txt``: name and area [deg^2] of each tile."""
    pairs = zip(tiles.names, tiles.area_deg2, strict=True)
    return "".join(f"{name} {area:.6f}\n" for name, area in pairs)


def read_depths(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read areas [deg^2] and noise of ỹ0, shape (r,) each, out of a table like nemo's ``RMSTab.fits``.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or holds something that is not positive.
    """
    table = read_table(path)[0]
    missing = [name for name in (AREA, NOISE) if name not in table.colnames]
    if missing:
        raise InputError(f"{path}: there is no column {' or '.join(missing)}.", "Give nemo's RMSTab.fits.")
    area, noise = (np.asarray(table[name], float) for name in (AREA, NOISE))
    if not (
        np.all(area >= 0.0) and np.all(noise > 0.0) and np.isfinite(area + noise).all() and area.sum() > 0
    ):
        raise InputError(f"{path}: areas and noises must be positive numbers.", "Give nemo's RMSTab.fits.")
    return area, noise
