"""Images of a survey's area and noise, as nemo has them for each tile, for programs that count pixels."""

import gzip
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.io import fits

from szmass_cli.catalog.selectiontables import SurveyTiles

N_PIXELS = 1 << 14
"""Pixels of a whole survey: its areas are rounded to as many parts."""

MASK, NOISE_MAP = "areaMask", "RMSMap_Arnaud_M2e14_z0p4"
COMMENT = "Effective tiles: pixels of equal area and their noise, not where they lie on the sky."


def pixel_tiles(area_deg2: np.ndarray) -> np.ndarray:
    """Return the tile of each pixel of an image of a survey, -1 where there is none.

    Pixels are of equal area. Tiles follow each other row by row, in an image as wide as it takes
    for a survey of nearly the whole sky to fit on the sphere.

    Parameters
    ----------
    area_deg2 : numpy.ndarray, shape (t,)
        Areas of the tiles [deg^2]; each has one pixel at least.

    Returns
    -------
    numpy.ndarray of int, shape (height, width)
        Numbers of tiles.
    """
    numbers = np.maximum(np.rint(N_PIXELS * area_deg2 / area_deg2.sum()).astype(int), 1)
    width = round(np.sqrt(np.pi * N_PIXELS))
    filled = np.repeat(np.arange(numbers.size), numbers)
    image = np.full((-(-filled.size // width), width), -1)
    image.flat[: filled.size] = filled
    return image


def write_tile_maps(tiles: SurveyTiles, folder: Path) -> None:
    """Write masks and maps of noise, of each tile and of the whole survey, into a folder.

    Parameters
    ----------
    tiles : SurveyTiles
        Areas and noise.
    folder : Path
        Gets ``areaMask#TILE.fits.gz``, ``RMSMap_Arnaud_M2e14_z0p4#TILE.fits.gz``, and both without a tile.
    """
    tile_of_pixel = pixel_tiles(tiles.area_deg2)
    noise = np.where(tile_of_pixel >= 0, tiles.y0_rms[tile_of_pixel], 0.0)
    side_deg = float(np.sqrt(tiles.area_deg2.sum() / N_PIXELS))
    middle = 0.5 * (tile_of_pixel.shape[0] + 1)
    _write(folder, "", tile_of_pixel >= 0, noise, side_deg, middle)
    for number, name in enumerate(tiles.names):
        rows = np.flatnonzero((tile_of_pixel == number).any(axis=1))
        part = slice(rows[0], rows[-1] + 1)
        inside = tile_of_pixel[part] == number
        _write(folder, f"#{name}", inside, np.where(inside, noise[part], 0.0), side_deg, middle - rows[0])


def _write(
    folder: Path, label: str, inside: np.ndarray, noise: np.ndarray, side_deg: float, equator_row: float
) -> None:
    """Write the mask and the noise of one tile, on a cylinder of equal area."""
    header = fits.Header(
        {
            "CTYPE1": "RA---CEA",
            "CTYPE2": "DEC--CEA",
            "CRVAL1": 0.0,
            "CRVAL2": 0.0,
            "CDELT1": -side_deg,
            "CDELT2": side_deg,
            "CRPIX1": 0.5 * (inside.shape[1] + 1),
            "CRPIX2": equator_row,
            "PV2_1": 1.0,
            "COMMENT": COMMENT,
        }
    )
    for name, image in ((MASK, inside.astype(np.int16)), (NOISE_MAP, noise)):
        plain = BytesIO()
        fits.PrimaryHDU(image, header).writeto(plain)
        # without the time of day the same survey gives the same bytes
        (folder / f"{name}{label}.fits.gz").write_bytes(gzip.compress(plain.getvalue(), mtime=0))
