"""Which HDU of a file is the map, or the weights that go with one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from astropy.io import fits

from szmass_cli.errors import InputError
from szmass_cli.maps.cards import text_of, weight_card
from szmass_cli.maps.frames import wcs_of
from szmass_cli.maps.units import is_inverse_square


def _word(*words: str) -> re.Pattern[str]:
    """Return the pattern of any of these words between characters other than letters and digits."""
    return re.compile(rf"(?<![a-z0-9])({'|'.join(words)})(?![a-z0-9])")


_OF_WEIGHTS = ("wts?", "wght", "weights?", "ivar", "invvar", "inv_?var", "div", "tt", "ii")
_WEIGHTS, _MASK, _POLARISATION = _word(*_OF_WEIGHTS), _word("mask"), _word("q", "u")
_NOT_TEMPERATURE = _word(
    *(*_OF_WEIGHTS, "tq", "tu", "qq", "qu", "uu", "iq", "iu", "n?hits?", "n_?obs", "cov", "covariance"),
    *("coverage", "rms", "sigma", "err", "errors?", "std", "var", "variance", "noise", "mask", "flags?"),
)
_OFF_DIAGONAL = _word("tq", "tu", "qq", "qu", "uu", "iq", "iu")


class Role(Enum):
    """What a file is opened for."""

    MAP = "map"
    MASK = "mask"
    IVAR = "map of inverse variances"


@dataclass(frozen=True)
class Part:
    """An HDU that holds a map.

    Parameters
    ----------
    number : int
        In the file, 0 for the primary one.
    hdu : astropy.io.fits HDU
        The image or table itself, unscaled.
    is_healpix : bool
        Whether it is a HEALPix table; an image with a celestial WCS otherwise.
    column : str, optional
        The HEALPix column that was chosen by name.
    """

    number: int
    hdu: fits.PrimaryHDU
    is_healpix: bool
    column: str | None = None

    @property
    def names(self) -> str:
        """Return the names by which the header calls the part, joined in lower case."""
        keys = ("EXTNAME", "POLTYPE", "WTYPE", "STOKES")
        return " ".join(text_of(self.hdu.header, key) for key in keys).lower()

    @property
    def is_weights(self) -> bool:
        """Return whether the part says that it is weights or noise of some kind."""
        header = self.hdu.header
        unit = text_of(header, "BUNIT")
        said = weight_card(header) is not None or is_inverse_square(unit)
        return said or _NOT_TEMPERATURE.search(self.names) is not None

    @property
    def is_polarisation(self) -> bool:
        return _POLARISATION.search(self.names) is not None

    def suits(self, role: Role) -> bool:
        """Return whether the part says that it is what is looked for, or at least says nothing against it."""
        if role is Role.MAP:
            return not (self.is_weights or self.is_polarisation)
        if role is Role.MASK:
            return _MASK.search(self.names) is not None
        unit = text_of(self.hdu.header, "BUNIT")
        said = weight_card(self.hdu.header) is not None or is_inverse_square(unit)
        return (said and not _OFF_DIAGONAL.search(self.names)) or _WEIGHTS.search(self.names) is not None


def chosen_part(path: Path, hdus: fits.HDUList, part: str | None, role: Role) -> tuple[Part, tuple[str, ...]]:
    """Return the HDU to read, and a note where others would have done as well.

    Parameters
    ----------
    path : Path
        The map's file, named in messages.
    hdus : astropy.io.fits.HDUList
        All HDUs of the open file.
    part : str, optional
        Number or name of an HDU, or name of a HEALPix column, where the user has chosen one.
    role : Role
        What the file is opened for.

    Raises
    ------
    InputError
        There is no such HDU, none that holds a map, or none but weights where a map is looked for.
    """
    parts = [found for number, hdu in enumerate(hdus) if (found := _part(number, hdu)) is not None]
    if part is not None:
        found = _named(path, hdus, parts, part)
        if role is Role.MAP and weight_card(found.hdu.header) is not None:
            raise _no_temperature(path, found, "Give the temperature map.")
        return found, ()
    if not parts:
        raise _no_map(path, hdus)
    suiting = [one for one in parts if one.suits(role)]
    if role is Role.MAP and not suiting:
        otherwise = f"choose it: {path.name}[{parts[0].number}]"
        raise _no_temperature(
            path, parts[0], f"Give the temperature map; or, if this is it all the same, {otherwise}."
        )
    first = (suiting or parts)[0]
    others = [one for one in suiting or parts if one is not first and one.is_healpix == first.is_healpix]
    if not others:
        return first, ()
    numbers = ", ".join(str(one.number) for one in others)
    return first, (
        f"HDU {first.number} is read as the {role.value}; so might be HDU {numbers}: "
        f"{path.name}[{others[0].number}] chooses.",
    )


def _part(number: int, hdu) -> Part | None:
    if is_healpix(hdu):
        return Part(number, hdu, True)
    if image_axes(hdu) >= 2 and wcs_of(hdu.header).has_celestial:
        return Part(number, hdu, False)
    return None


def _named(path: Path, hdus: fits.HDUList, parts: Sequence[Part], wanted: str) -> Part:
    if wanted.isdecimal():
        found = [part for part in parts if part.number == int(wanted)]
        if not found and int(wanted) < len(hdus):
            raise InputError(
                f"{path}: HDU {wanted} is neither an image with a celestial WCS nor a HEALPix table.",
                _what_there_is(parts),
            )
    else:
        found = [part for part in parts if text_of(part.hdu.header, "EXTNAME").lower() == wanted.lower()]
        found = found or [
            Part(part.number, part.hdu, True, name)
            for part in parts
            if part.is_healpix
            for name in part.hdu.columns.names
            if name.lower() == wanted.lower()
        ]
    if not found:
        raise InputError(f"{path}: there is no HDU or column {wanted}.", _what_there_is(parts))
    return found[0]


def _what_there_is(parts: Sequence[Part]) -> str:
    names = [f"{part.number} {text_of(part.hdu.header, 'EXTNAME')}".strip() for part in parts]
    return f"Maps are in HDU {', '.join(names)}." if parts else "There is no map in the file."


def is_healpix(hdu) -> bool:
    """Return whether an HDU is a table that says it holds a HEALPix map."""
    header = hdu.header
    if header.get("XTENSION", "").strip() != "BINTABLE" or header.get("ZIMAGE", False):
        return False
    said = text_of(header, "PIXTYPE").upper() == "HEALPIX" or text_of(header, "MAPTYPE").upper() == "HEALPIX"
    return said or ("NSIDE" in header and "ORDERING" in header)


def image_axes(hdu) -> int:
    """Return the number of axes of an image HDU, 0 for anything else."""
    is_image = isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU)
    return hdu.header["NAXIS"] if is_image else 0


def _no_temperature(path: Path, part: Part, hint: str) -> InputError:
    header = part.hdu.header
    unit = text_of(header, "BUNIT")
    named = f"it is called {text_of(header, 'EXTNAME') or part.names!r}"
    why = weight_card(header) or (f"BUNIT = {unit!r}" if is_inverse_square(unit) else named)
    what = "weights or noise" if part.is_weights else "polarisation"
    return InputError(f"{path}, HDU {part.number}: {what}, no temperature: {why}.", hint)


def _no_map(path: Path, hdus: fits.HDUList) -> InputError:
    axes = max(image_axes(hdu) for hdu in hdus)
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
