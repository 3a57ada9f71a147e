"""Large maps into FITS files, a block of pixels at a time: nothing is copied as a whole."""

import gzip
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import healpy
import numpy as np
from astropy.io import fits

from szmass_cli.sky.carpixels import CarPixels
from szmass_cli.sky.healpixpixels import HealpixPixels
from szmass_cli.sky.pixels import BLOCK_PIXELS, Part, blocks
from szmass_cli.system.progress import Progress, silent

_FITS_BLOCK = 2880
_ROW_PIXELS = 1024  # of a full-sky table, as healpy writes them

Values = Callable[[Part], np.ndarray]
"""Map values of pixels of a part of the map."""


Cards = Mapping[str, tuple]
"""Header cards: keyword -> (value, comment)."""


def write_map(
    path: Path,
    pixels: CarPixels | HealpixPixels,
    values: Values,
    cards: Cards,
    progress: Progress = silent,
) -> None:
    """Write one map, a block of pixels at a time.

    Parameters
    ----------
    path : Path
        FITS file, compressed if it ends in ``.gz``.
    pixels : CarPixels or HealpixPixels
        Order, frame and number of the values; the map's WCS or nside follow from them.
    values : callable
        Gives the values of a slice of pixels, or of pixels by number.
    cards : dict
        Keywords and values for the header.
    progress : Progress
        Called with ``writing`` and how many pixels are written.
    """
    if isinstance(pixels, CarPixels):
        headers, rows = _car_headers(pixels, cards), _car_rows(pixels, values)
    else:
        headers, rows = _healpix_headers(pixels, cards), _healpix_rows(pixels, values)
    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else open(path, "wb") as file:
        for header in headers:
            file.write(header.tostring().encode("ascii"))
        written = done = 0
        for data, n in rows:
            file.write(data.tobytes())
            written, done = written + data.nbytes, done + n
            progress("writing", done, pixels.size)
        file.write(bytes(-written % _FITS_BLOCK))


def _car_headers(pixels: CarPixels, cards: Cards) -> list[fits.Header]:
    header = fits.Header()
    header["SIMPLE"] = (True, "conforms to FITS standard")
    header["BITPIX"], header["NAXIS"] = -32, 2
    header["NAXIS1"], header["NAXIS2"] = pixels.n_columns, pixels.n_rows
    header.update(pixels.wcs.to_header())
    header.update(cards)
    return [header]


def _car_rows(pixels: CarPixels, values: Values) -> Iterator[tuple[np.ndarray, int]]:
    for part in blocks(pixels.size):
        yield np.asarray(values(part), ">f4"), part.stop - part.start


def _healpix_headers(pixels: HealpixPixels, cards: Cards) -> list[fits.Header]:
    """Return a primary header and that of the table, with the keywords of healpy.write_map."""
    unit = cards["BUNIT"][0] if "BUNIT" in cards else None
    name = {"uK": "TEMPERATURE", "uK-2": "IVAR", None: "MASK"}[unit]
    n_rows, a_row = pixels.size, "E"
    if pixels.numbers is None:
        n_rows, a_row = pixels.size // _ROW_PIXELS, f"{_ROW_PIXELS}E"
    columns = [fits.Column(name=name, format=a_row, unit=unit)]
    if pixels.numbers is not None:
        columns.insert(0, fits.Column(name="PIXEL", format="J"))
    header = fits.BinTableHDU.from_columns(columns, nrows=0).header
    header["NAXIS2"] = n_rows
    header["PIXTYPE"] = ("HEALPIX", "HEALPIX pixelisation")
    header["ORDERING"] = ("NESTED" if pixels.nested else "RING", "Pixel ordering, either RING or NESTED")
    header["COORDSYS"] = ("G" if pixels.galactic else "C", "Ecliptic, Galactic or Celestial (equatorial)")
    header["NSIDE"] = (pixels.nside, "Resolution parameter of HEALPIX")
    if pixels.numbers is None:
        header["FIRSTPIX"], header["LASTPIX"] = 0, pixels.size - 1
        header["INDXSCHM"] = ("IMPLICIT", "Indexing: IMPLICIT or EXPLICIT")
        header["OBJECT"] = ("FULLSKY", "Sky coverage, either FULLSKY or PARTIAL")
    else:
        header["OBS_NPIX"] = pixels.size
        header["INDXSCHM"] = ("EXPLICIT", "Indexing: IMPLICIT or EXPLICIT")
        header["OBJECT"] = ("PARTIAL", "Sky coverage, either FULLSKY or PARTIAL")
    header.update(cards)
    return [fits.PrimaryHDU().header, header]


def _healpix_rows(pixels: HealpixPixels, values: Values) -> Iterator[tuple[np.ndarray, int]]:
    if pixels.numbers is None:
        for part in blocks(pixels.size):
            of = healpy.nest2ring(pixels.nside, np.arange(part.start, part.stop)) if pixels.nested else part
            yield np.asarray(values(of), ">f4"), part.stop - part.start
        return
    numbers, order = pixels.numbers, None
    if pixels.nested:
        numbers = healpy.ring2nest(pixels.nside, pixels.numbers)
        order = np.argsort(numbers)
    for start in range(0, pixels.size, BLOCK_PIXELS):
        part = slice(start, start + BLOCK_PIXELS)
        of = part if order is None else order[part]
        rows = np.empty(len(numbers[of]), [("PIXEL", ">i4"), ("VALUE", ">f4")])
        rows["PIXEL"], rows["VALUE"] = numbers[of], values(of)
        yield rows, len(rows)
