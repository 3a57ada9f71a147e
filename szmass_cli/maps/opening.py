"""What a map is opened for, and what is said of it beside its file."""

from __future__ import annotations

from dataclasses import dataclass

from szmass_cli.maps.cards import SPT3G_UNITS, stated_unit, text_of
from szmass_cli.maps.hdus import Role
from szmass_cli.maps.instrument import StatedInstrument
from szmass_cli.maps.mapfrequency import stated_band
from szmass_cli.maps.surveys.facts import Facts
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
    survey : str, optional
        The survey whose adapter is asked; by default the one that recognises the map.
    facts : Facts, optional
        What that adapter knows of the map.
    """

    role: Role = Role.MAP
    units: str | None = None
    frequency_ghz: float = 150.0
    of_map: MapUnits | None = None
    notes: tuple[str, ...] = ()
    primary: object = None
    survey: str | None = None
    facts: Facts | None = None

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
        stated = own if own and own != SPT3G_UNITS else stated_unit(header)
        if self.role is Role.MASK:  # whatever theirs says is not to be converted
            return MapUnits("uK", 1.0, "assumed"), ()
        if self.role is Role.IVAR:
            units, note = ivar_units(stated, self.of_map, where)
            return units, (note,) if note else ()
        by_survey = None if self.facts is None or self.facts.units is None else self.facts.units.value
        units = resolve_units(self.units, stated, self.frequency_ghz, where, by_survey)
        if units.source != "assumed":
            return units, ()
        spt3g = text_of(header, "UNITS") == SPT3G_UNITS
        why = " but for UNITS = 'Tcmb', which spt3g writes into any" if spt3g else ""
        return units, (f"The map does not state its unit{why}: µK_CMB assumed.",)

    def instrument_of(self, header) -> StatedInstrument:
        """Return what the headers, and the adapter of the map's survey, say of the instrument."""
        band = stated_band(header) if self.primary is None else stated_band(header, self.primary)
        return StatedInstrument(band, self.facts)

    @property
    def name(self) -> str:
        """Return the name by which notes call the file."""
        return {Role.MAP: "The map", Role.MASK: "The mask", Role.IVAR: "The map of inverse variances"}[
            self.role
        ]
