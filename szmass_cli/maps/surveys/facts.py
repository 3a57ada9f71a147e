"""What an adapter knows of a map of its survey, each fact with where it is from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from szmass_cli.maps.cards import text_of

T = TypeVar("T")

BY_OPTION = "--survey"
"""How a map was recognised whose survey the user names."""

_F_BAND = re.compile(r"(?<![a-z0-9])f(\d{3})(?!\d)")
_GHZ_BAND = re.compile(r"(?<![\d.])(\d{2,3})_?ghz")


@dataclass(frozen=True)
class Fact(Generic[T]):
    """A property of a map, and where it is from.

    Parameters
    ----------
    value : object
        The property.
    source : str
        In words: a header's card, the file's name, a preset.
    """

    value: T
    source: str


@dataclass(frozen=True)
class Seen:
    """A map as an adapter sees it: its file's name and its headers, but none of its pixels.

    Parameters
    ----------
    path : Path
        File of the map.
    header, primary : astropy.io.fits.Header
        Header of the map's HDU, and that of the file's primary HDU.
    """

    path: Path
    header: Any
    primary: Any

    @property
    def name(self) -> str:
        """Return the file's name in lower case."""
        return self.path.name.lower()

    def text(self, key: str) -> str:
        """Return a card of the map's own, else of the primary header, as text; empty where neither has it."""
        return text_of(self.header, key) or text_of(self.primary, key)

    def card(self, key: str) -> str:
        """Return a card as it is quoted as a source."""
        text = self.text(key)
        if not text:
            return f"header: no {key}"
        try:
            float(text)
        except ValueError:
            return f"header: {key} = {text!r}"
        return f"header: {key} = {text}"

    def has_words(self, pattern: re.Pattern[str]) -> bool:
        """Return whether a pattern is found in the file's name."""
        return pattern.search(self.name) is not None

    def named_band(self) -> Fact[int] | None:
        """Return the nominal frequency [GHz] in the file's name, as f150 or 150ghz; None without one."""
        found = {int(text) for text in (*_F_BAND.findall(self.name), *_GHZ_BAND.findall(self.name))}
        return Fact(found.pop(), "file name") if len(found) == 1 else None

    def beside(self, *names: str) -> Path | None:
        """Return the first of these files that lies in the map's folder, None if none does."""
        files = (self.path.with_name(name) for name in names if name != self.path.name)
        return next((file for file in files if file.is_file()), None)


@dataclass(frozen=True)
class Facts:
    """What the adapter of a survey knows of one of its maps; None is not known.

    Parameters
    ----------
    survey : str
        Name of the survey, for people.
    found : str
        How the map was recognised as one of the survey.
    frequency_ghz : Fact of float, optional
        Effective frequency of the band for the thermal SZ effect.
    nominal_ghz : int, optional
        Frequency that the survey calls the band by.
    passband, ivar, transfer : Fact of Path, optional
        Files of the band's response, of inverse variances, and of the filter's transfer function.
    units : Fact of str, optional
        Unit of values whose header states none.
    beam : Fact of float or str, optional
        FWHM [arcmin], or file of a table.
    pixel_window : Fact of bool, optional
        Whether pixels are means over their area that the beam does not include.
    noise : Fact of str, optional
        Level and shape that the survey publishes, in the form of ``--noise``.
    filtered : str
        How maps of the survey are filtered, where that changes clusters and no transfer function is known.
    notes : tuple of str
        Anything else worth knowing.
    """

    survey: str
    found: str
    frequency_ghz: Fact[float] | None = None
    nominal_ghz: int | None = None
    passband: Fact[Path] | None = None
    units: Fact[str] | None = None
    beam: Fact[float] | Fact[str] | None = None
    pixel_window: Fact[bool] | None = None
    ivar: Fact[Path] | None = None
    noise: Fact[str] | None = None
    transfer: Fact[Path] | None = None
    filtered: str = ""
    notes: tuple[str, ...] = ()


class Survey(Protocol):
    """The adapter of a survey."""

    @property
    def name(self) -> str:
        """Return the name that ``--survey`` takes."""
        ...

    def recognised(self, seen: Seen) -> str:
        """Return how a map shows that it is one of the survey; nothing if it does not."""
        ...

    def facts(self, seen: Seen, found: str) -> Facts:
        """Return what is known of a map of the survey.

        Parameters
        ----------
        seen : Seen
            The map's name and headers.
        found : str
            How it was recognised.

        Raises
        ------
        InputError
            The map cannot be used, for a reason that holds for maps of its kind.
        """
        ...
