"""All that is understood of a map without measuring anything, each property with where it is from."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from szmass_cli.estimation.bandmaps import WIDEST_BEAM_ARCMIN, Y_SCALE_GHZ, width_arcmin
from szmass_cli.estimation.completion import OPTION, Completed, completed, stated_frequency
from szmass_cli.estimation.request import MapRequest
from szmass_cli.maps.layout import layout_of
from szmass_cli.maps.reader import open_map
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.maps.surveys import Facts
from szmass_cli.physics.beams import Beam, read_beam
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.physics.passbands import Passband

_HEADER = "header"


@dataclass(frozen=True)
class Property:
    """One property of a map.

    Parameters
    ----------
    name : str
        What it is.
    value : str
        The property in words; empty where it is not known.
    source : str
        Where it is from: a header's card, the file's name, a preset, a default.
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True)
class Understood:
    """What is known of a map before any work.

    Parameters
    ----------
    path : Path
        File of the map.
    properties : tuple of Property
        In the order in which they are shown.
    missing : tuple of str
        Options that have to be given before masses can be measured.
    notes : tuple of str
        Assumptions, and anything else worth knowing.
    """

    path: Path
    properties: tuple[Property, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return everything in JSON form."""
        return {
            "map": str(self.path),
            "properties": {
                one.name: {"value": one.value or None, "source": one.source} for one in self.properties
            },
            "missing": list(self.missing),
            "notes": list(self.notes),
        }


def understand(request: MapRequest) -> Understood:
    """Return what is understood of a map and of what is stated of it.

    Parameters
    ----------
    request : MapRequest
        The file, and whatever the user states.

    Raises
    ------
    InputError
        The file is no map that can be used, or header and options contradict each other.
    """
    sky_map = open_map(request.path, units=request.units, survey=request.survey)
    facts = sky_map.instrument.facts
    full = completed(request, facts)
    passband = None if full.request.passband is None else Passband.read(full.request.passband)
    frequency_ghz, source, _ = stated_frequency(full.request, sky_map.instrument, passband)
    missing = []
    if frequency_ghz is None and sky_map.units.label == "y":
        frequency_ghz, source = Y_SCALE_GHZ, "default: scale of a map of Compton y"
    if frequency_ghz is None:
        missing.append("--freq")
    if full.request.beam is None:
        missing.append("--beam")
    properties = (
        Property(
            "survey",
            "" if facts is None else facts.survey,
            "not recognised" if facts is None else facts.found,
        ),
        Property(
            "frequency", "" if frequency_ghz is None else f"{frequency_ghz:g} GHz", source or "give --freq"
        ),
        _passband(passband, full),
        _unit(sky_map, facts),
        _beam(full),
        _pixel_window(full),
        _file("inverse variance", "ivar", "--ivar", full),
        _noise(full, facts),
        _transfer(full, facts),
        *_layout(sky_map),
    )
    notes = (*sky_map.assumptions, *(facts.notes if facts is not None else ()))
    return Understood(request.path, properties, tuple(missing), notes)


def _passband(passband: Passband | None, full: Completed) -> Property:
    if passband is None:
        return Property("passband", "", "none: the frequency alone")
    name = "" if full.request.passband is None else full.request.passband.name
    return Property("passband", f"{name}, {passband.effective_tsz_ghz:.1f} GHz", full.sources["passband"])


def _unit(sky_map: SkyMap, facts: Facts | None) -> Property:
    units = sky_map.units
    source = {"assumed": "assumed: the map does not state it"}.get(units.source, units.source)
    if units.source == "survey" and facts is not None and facts.units is not None:
        source = facts.units.source
    return Property("unit", units.label if units.label == "y" else f"{units.label} (CMB)", source)


def _beam(full: Completed) -> Property:
    given = full.request.beam
    if given is None:
        return Property("beam", "", "give --beam")
    width = width_arcmin(read_beam(given) if isinstance(given, str) else Beam(given))
    table = f" ({Path(given).name})" if isinstance(given, str) else ""
    wide = ", too wide for a cutout" if width > WIDEST_BEAM_ARCMIN else ""
    return Property("beam", f"{width:.3g}'{table}{wide}", full.sources["beam"])


def _pixel_window(full: Completed) -> Property:
    value = "pixels are means" if full.request.pixel_window else "pixels are samples"
    return Property("pixel window", value, full.sources.get("pixel_window", "default: --pixel-window"))


def _file(name: str, field: str, option: str, full: Completed) -> Property:
    file = getattr(full.request, field)
    if file is None:
        return Property(name, "", f"none found: {option}")
    return Property(name, Path(file).name, full.sources[field])


def _noise(full: Completed, facts: Facts | None) -> Property:
    if full.request.noise is not None:
        return Property("noise", _in_words(str(full.request.noise)), OPTION)
    published = None if facts is None else facts.noise
    if published is None:
        return Property("noise", "", "to be measured in the map")
    how = "depth by inverse variance" if full.request.ivar is not None else "to be measured in the map"
    return Property("noise", f"published {_in_words(published.value)}", f"{published.source}; {how}")


def _in_words(noise: str) -> str:
    """Return noise as people write it."""
    NoiseLevel.parse(noise)
    parts = noise.split(",")
    try:
        float(parts[0])
    except ValueError:
        return Path(noise).name
    names = ("µK-arcmin", "knee", "slope")
    words = [
        f"{parts[0]} {names[0]}",
        *(f"{name} {part}" for name, part in zip(names[1:], parts[1:], strict=False)),
    ]
    return ", ".join(words)


def _transfer(full: Completed, facts: Facts | None) -> Property:
    if full.request.transfer is None and facts is not None and facts.filtered:
        return Property("transfer", "filtered, and not known how", "give --transfer")
    return _file("transfer", "transfer", "--transfer if it is filtered", full)


def _layout(sky_map: SkyMap) -> tuple[Property, ...]:
    layout = asdict(layout_of(sky_map))
    layout["pixel_arcmin"] = f"{layout['pixel_arcmin']:.3g}'"
    names = {"pixel_arcmin": "pixel size", "frame": "coordinates", "direction": "RA direction"}
    return tuple(Property(names.get(name, name), value, _HEADER) for name, value in layout.items())
