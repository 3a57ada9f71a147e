"""Opening a map, whatever its pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from szmass_cli.errors import InputError
from szmass_cli.maps.cards import weighted_card
from szmass_cli.maps.fitsfile import open_fits
from szmass_cli.maps.hdus import Role, chosen_part
from szmass_cli.maps.opening import Opening
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.maps.surveys import facts_of
from szmass_cli.maps.surveys.facts import Seen
from szmass_cli.maps.units import MapUnits
from szmass_cli.maps.wcsmap import open_wcs_map
from szmass_cli.system.fileparts import split_part


def open_map(
    path: str | Path, *, units: str | None = None, frequency_ghz: float = 150.0, survey: str | None = None
) -> SkyMap:
    """Open a sky map: an image with a celestial WCS in any HDU, or a HEALPix table.

    Parameters
    ----------
    path : str or Path
        FITS file; may be tile-compressed or gzipped, which is slower and takes memory for the whole map.
        ``map.fits[2]`` and ``map.fits[NAME]`` choose an HDU or a HEALPix column, see
        `system.fileparts.split_part`; otherwise it is the first that does not say that it is weights, noise
        or polarisation.
    units : str, optional
        'K', 'mK', 'uK' (CMB temperature) or 'y'; wins over the header. Without either, µK_CMB is assumed and
        said so in the map's `assumptions`.
    frequency_ghz : float
        Observing frequency [GHz], used to turn Compton y into µK_CMB.
    survey : str, optional
        One of `surveys.SURVEY_NAMES`, whose adapter is asked for what the header does not say; by default the
        one that recognises the map.

    Returns
    -------
    SkyMap
        The map; nothing but headers (and, for compressed files, the intensity plane) is read yet.

    Raises
    ------
    InputError
        A missing, foreign, truncated or corrupt file; neither celestial WCS nor HEALPix; a map that was
        multiplied by its weights; an unknown unit; no data; a survey whose maps cannot be used.
    """
    return _opened(path, Opening(Role.MAP, units, frequency_ghz, survey=survey))


def open_mask(path: str | Path) -> SkyMap:
    """Open a mask, see `open_map`; its values have no unit."""
    return _opened(path, Opening(Role.MASK))


def open_ivar(path: str | Path, of_map: MapUnits | None = None) -> SkyMap:
    """Open a map of inverse variances, see `open_map`.

    Parameters
    ----------
    path : str or Path
        FITS file, which may choose an HDU or column as in `open_map`.
    of_map : MapUnits, optional
        Unit of the map that they go with, which they are in where they state no other.

    Returns
    -------
    SkyMap
        Its `units` are those whose inverse square the values are in.
    """
    return _opened(path, Opening(Role.IVAR, of_map=of_map))


def _opened(path: str | Path, opening: Opening) -> SkyMap:
    file, chosen = split_part(path)
    with open_fits(file) as hdus:
        part, notes = chosen_part(file, hdus, chosen, opening.role)
        primary = hdus[0].header
        opening = replace(opening, notes=notes, primary=primary)
        if opening.role is Role.MAP:
            _refuse_weighted(file, part.hdu.header, primary)
            facts = facts_of(Seen(file, part.hdu.header, primary), opening.survey)
            opening = replace(opening, facts=facts)
        if part.is_healpix:
            # late, as healpy loads all of matplotlib
            from szmass_cli.maps.healpixmap import open_healpix_map

            return open_healpix_map(file, part, opening)
        return open_wcs_map(file, part, opening)


def _refuse_weighted(path: Path, *headers) -> None:
    """Refuse a map whose own header, or else the primary one, says that it is weighted."""
    card = next((card for header in headers if (card := weighted_card(header)) is not None), None)
    own = headers[0]
    if card is not None and (weighted_card(own) is not None or "WEIGHTED" not in own):
        raise InputError(
            f"{path}: {card}: the map is multiplied by its weights, and is no temperature.",
            "Divide it by its weights, as spt3g's RemoveWeights does, and write WEIGHTED = F.",
        )
