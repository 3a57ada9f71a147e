"""Opening a map, whatever its pixels."""

from __future__ import annotations

from pathlib import Path

from astropy.io import fits
from astropy.wcs import WCS

from szmass_cli.errors import InputError
from szmass_cli.maps.fitsfile import open_fits
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.maps.wcsmap import open_wcs_map


def open_map(path: str | Path, *, units: str | None = None, frequency_ghz: float = 150.0) -> SkyMap:
    """Open a sky map: an image with a celestial WCS in any HDU, or a HEALPix table.

    Parameters
    ----------
    path : str or Path
        FITS file; may be tile-compressed or gzipped, which is slower and takes memory for the whole map.
    units : str, optional
        'K', 'mK', 'uK' (CMB temperature) or 'y'; wins over the header. Without either, µK_CMB is assumed and
        said so in the map's `assumptions`.
    frequency_ghz : float
        Observing frequency [GHz], used to turn Compton y into µK_CMB.

    Returns
    -------
    SkyMap
        The map; nothing but headers (and, for compressed files, the intensity plane) is read yet.

    Raises
    ------
    InputError
        A missing, foreign, truncated or corrupt file; neither celestial WCS nor HEALPix; an unknown unit; no
        data.
    """
    path = Path(path)
    with open_fits(path) as hdus:
        for hdu in hdus:
            if _is_healpix(hdu):
                # late, as healpy loads all of matplotlib
                from szmass_cli.maps.healpixmap import open_healpix_map

                return open_healpix_map(path, hdu, units, frequency_ghz)
            if _image_axes(hdu) >= 2 and WCS(hdu.header).has_celestial:
                return open_wcs_map(path, hdu, units, frequency_ghz)
        raise _no_map(path, hdus)


def _is_healpix(hdu) -> bool:
    """Whether an HDU is a table that says it holds a HEALPix map."""
    header = hdu.header
    if header.get("XTENSION", "").strip() != "BINTABLE" or header.get("ZIMAGE", False):
        return False
    said = str(header.get("PIXTYPE", "")).strip().upper() == "HEALPIX"
    return said or ("NSIDE" in header and "ORDERING" in header)


def _image_axes(hdu) -> int:
    """Number of axes of an image HDU, 0 for anything else."""
    is_image = isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU)
    return hdu.header["NAXIS"] if is_image else 0


def _no_map(path: Path, hdus: fits.HDUList) -> InputError:
    axes = max(_image_axes(hdu) for hdu in hdus)
    if axes >= 2:
        return InputError(
            f"{path}: its image has no celestial WCS, so its pixels have no place on the sky.",
            "Write it with CTYPE1/CTYPE2, CRVAL, CRPIX and CDELT, as pixell.enmap.write_map does.",
        )
    if axes == 1:
        return InputError(f"{path}: its image has one axis; a map needs two.", "Give a WCS image.")
    return InputError(
        f"{path} holds neither an image with a celestial WCS nor a HEALPix table.",
        "If it is a HEALPix table, its header must say PIXTYPE = 'HEALPIX' and NSIDE.",
    )
