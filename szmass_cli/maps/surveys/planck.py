"""Maps of Planck, which are recognised to be refused."""

from __future__ import annotations

import re

from szmass_cli.errors import InputError
from szmass_cli.maps.surveys.facts import Facts, Seen

_NAMED = re.compile(r"(?<![a-z])[hl]fi_skymap_|(?<![a-z])com_(compmap|cmb)_|(?<![a-z])npipe6v20")


class Planck:
    """The adapter of Planck."""

    name = "planck"

    def recognised(self, seen: Seen) -> str:
        """Return how a map shows that it is Planck's; nothing if it does not."""
        if seen.text("TELESCOP").lower() == "planck":
            return seen.card("TELESCOP")
        return "file name" if seen.has_words(_NAMED) else ""

    def facts(self, seen: Seen, found: str) -> Facts:
        """Refuse a map of Planck.

        Parameters
        ----------
        seen : Seen
            The map's name and headers.
        found : str
            How it was recognised.

        Raises
        ------
        InputError
            In any case.
        """
        raise InputError(
            f"{seen.path}: a map of Planck ({found}), whose beams are 5' to 33' wide: in a cutout of 10' "
            "nothing tells a cluster behind them from the CMB.",
            "Give a map of ACT, SPT or SO. Maps that ACT has combined with Planck's can be used.",
        )
