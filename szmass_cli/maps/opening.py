"""What a map is opened for, and what is said of it beside its file."""

from __future__ import annotations

from dataclasses import dataclass

from szmass_cli.maps.cards import SPT3G_UNITS, stated_unit, text_of
from szmass_cli.maps.hdus import Role
from szmass_cli.maps.instrument import StatedInstrument, stated_instrument
from szmass_cli.maps.units import MapUnits, ivar_units, resolve_units


@dataclass(frozen=True)
class Opening:
    """How a file is to be opened.

    Parameters
    ----------
    role : Role
        As the map itself, as its mask, or as its inverse variances.
    units : str, optional
        What the user says of the map's unit.
    frequency_ghz : float
        Turns Compton y into µK_CMB.
    of_map : MapUnits, optional
        The unit of the map that inverse variances go with.
    notes : tuple of str
        What choosing the HDU had to assume.
    primary : astropy.io.fits.Header, optional
        Of the primary HDU, which speaks for the others.
    """

    role: Role = Role.MAP
    units: str | None = None
    frequency_ghz: float = 150.0
    of_map: MapUnits | None = None
    notes: tuple[str, ...] = ()
    primary: object = None

    def units_of(self, header, own: str | None, where: str) -> tuple[MapUnits, tuple[str, ...]]:
        """Return the unit of the values, by what the header says, and what had to be assumed.

        Parameters
        ----------
        header : astropy.io.fits.Header
            Header of the map's HDU.
        own : str or None
            Unit stated for the column itself.
        where : str
            File name, for messages.

        Raises
        ------
        InputError
            The header says something else than such a file holds.
        """
        stated = own or stated_unit(header)
        if self.role is Role.MASK:  # whatever theirs says is not to be converted
            return MapUnits("uK", 1.0, "assumed"), ()
        if self.role is Role.IVAR:
            units, note = ivar_units(stated, self.of_map, where)
            return units, (note,) if note else ()
        units = resolve_units(self.units, stated, self.frequency_ghz, where)
        if units.source != "assumed":
            return units, ()
        spt3g = text_of(header, "UNITS") == SPT3G_UNITS
        why = " but for UNITS = 'Tcmb', which spt3g writes into any" if spt3g else ""
        return units, (f"The map does not state its unit{why}: µK_CMB assumed.",)

    def instrument_of(self, header) -> StatedInstrument:
        """Return what the headers say of the instrument."""
        return stated_instrument(header, self.primary)

    @property
    def name(self) -> str:
        """Return the name by which notes call the file."""
        return {Role.MAP: "The map", Role.MASK: "The mask", Role.IVAR: "The map of inverse variances"}[
            self.role
        ]
