"""What made a catalogue, in the form in which its metadata hold it, and how the maps are opened again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from szmass_cli.config.massscale import MassScaleConfig
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.bench import Bench, Job, inputs_identity
from szmass_cli.estimation.method import Method, method_of
from szmass_cli.estimation.request import MapRequest, SkyRequest
from szmass_cli.estimation.settled import Settled, Wanted
from szmass_cli.maps.inmemory import was_in_memory
from szmass_cli.network.backend import fitting_batch_size
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.bands import FREQUENCY_TOLERANCE
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.posterior.tempering import Tempering
from szmass_cli.system.fileparts import file_of

RECIPE_KEY = "SZM_REQ"
"""Key of the recipe among the metadata of a catalogue."""

_MTIME = "changed_ns"


@dataclass(frozen=True)
class Recipe:
    """All that is needed to measure rows of a catalogue as they were, given the files.

    Parameters
    ----------
    maps : tuple of MapRequest, length f
        The maps in the order of the bands, with absolute paths.
    identities : tuple of dict, length f
        What told the files of each map apart: sizes and hashes, as from `identity_of`.
    model : str
        Name of a shipped model, or absolute path of a bundle.
    model_sha256 : str
        Hash of the model.
    sky : SkyRequest
        Properties of sky and clusters that were stated.
    settled : Settled
        Noise and pixels as they were assumed or measured.
    wanted : Wanted
        Percentiles and prior.
    mass_definitions : tuple of str
        Mass definitions that were written.
    roles : dict
        Column of the catalogue for each role.
    added : tuple of str
        Names of the added columns, without the suffix.
    suffix : str
        What was appended to them.
    recalibration : Tempering, optional
        What the check by injection asked for, where it was applied to the masses.
    """

    maps: tuple[MapRequest, ...]
    identities: tuple[dict[str, Any], ...]
    model: str
    model_sha256: str
    sky: SkyRequest
    settled: Settled
    wanted: Wanted
    mass_definitions: tuple[str, ...]
    roles: dict[str, str]
    added: tuple[str, ...]
    suffix: str
    recalibration: Tempering | None = None

    def to_json(self) -> str:
        """Return the recipe as one line of JSON; without the batch size, which is chosen for the device."""
        wanted, scale = self.wanted, self.wanted.scale
        stated = {
            **{name: getattr(self, name) for name in _PLAIN},
            "maps": [one.stated() for one in self.maps],
            "sky": asdict(self.sky),
            "settled": self.settled.stated(),
            "percentiles": wanted.percentiles,
            "prior": str(wanted.prior),
            "largest_position_error_arcmin": wanted.largest_position_error_arcmin,
            "mass_scale": scale and {"name": scale.name, "config": scale.config.model_dump(mode="json")},
            "recalibration": self.recalibration and self.recalibration.stated(),
        }
        return json.dumps(stated, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Return the recipe whose JSON form is given.

        Raises
        ------
        InputError
            It is of another version of szmass, or damaged.
        """
        try:
            stated = json.loads(text)
            scale = stated["mass_scale"]
            wanted = Wanted(
                tuple(stated["percentiles"]),
                Prior(stated["prior"]),
                1,
                float(stated["largest_position_error_arcmin"]),
                scale=scale and MassScale(scale["name"], MassScaleConfig.model_validate(scale["config"])),
            )
            change = stated.get("recalibration")
            settled = {name: _tuples(value) for name, value in stated["settled"].items()}
            return cls(
                maps=tuple(MapRequest.from_stated(one) for one in stated["maps"]),
                sky=SkyRequest(**stated["sky"]),
                settled=Settled(**settled),
                wanted=wanted,
                recalibration=change and Tempering.from_stated(change),
                **{name: _tuples(stated[name]) for name in _PLAIN},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{RECIPE_KEY} among the metadata cannot be used: {error}",
                "It is what szmass writes of a run. Measure the catalogue again with this version.",
            ) from error


_PLAIN = ("identities", "model", "model_sha256", "mass_definitions", "roles", "added", "suffix")


def _tuples(value: Any) -> Any:
    """Return a list of JSON as the tuple that it was, and those in it."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def identity_of(band_map: BandMap) -> dict[str, Any]:
    """Return what tells the files of a map apart, copies of them not from one another."""
    found = {
        name: {key: one for key, one in value.items() if key != _MTIME} if isinstance(value, dict) else value
        for name, value in band_map.identity.items()
    }
    if band_map.request.noise_file is None:
        del found["noise"]
    return found


@dataclass(frozen=True)
class Reopened:
    """Maps and model of a recipe, opened again.

    Parameters
    ----------
    bench : Bench
        Measures rows as the run did; the network is not loaded yet.
    method : Method
        How the model turns maps into masses.
    change : PriorChange
        Change from the model's own prior to that of the percentiles.
    notes : tuple of str
        What is not as it was.
    """

    bench: Bench
    method: Method
    change: PriorChange
    notes: tuple[str, ...]


def reopened(recipe: Recipe, moved: Mapping[float, Path], beside: Path | None) -> Reopened:
    """Open the maps and the model that made a catalogue.

    Parameters
    ----------
    recipe : Recipe
        What made it.
    moved : mapping
        Map to use in place of that of the recipe, by frequency [GHz]; 0 stands for the only one.
    beside : Path, optional
        A folder in which files that are not where they were are looked for.

    Raises
    ------
    InputError
        A file is not to be found, or is not what was measured and nobody said to use it instead.
    UsageError
        A map is given for a band that there is not.
    """
    bundle = read_bundle(recipe.model)
    notes = []
    if bundle.sha256 != recipe.model_sha256:
        notes.append(f"The model {recipe.model} has changed since.")
    method = method_of(bundle, recipe.sky)
    places = _places(recipe, moved)
    for index, measured in enumerate(recipe.maps):
        if was_in_memory(measured.path) and index not in places:
            band = f"{recipe.identities[index]['frequency']:g}"
            raise InputError(
                f"The map at {band} GHz was in memory when it was measured.",
                f"Give its file: --map {band}=FILE.",
            )
    requests = [
        replace(one, path=places[index]) if index in places else _found(one, beside)
        for index, one in enumerate(recipe.maps)
    ]
    maps = method.open_maps(requests)
    for index, (one, was) in enumerate(zip(maps, recipe.identities, strict=True)):
        changed = _changes(identity_of(one), was)
        if changed and index not in places:
            raise InputError(
                f"{one.request.path}: not what was measured: {', '.join(changed)} differ.",
                f"Give the map that was, or this one all the same: --map {one.frequency_ghz:g}=FILE.",
            )
        if changed:
            notes.append(f"{one.request.path.name} is not what was measured: {', '.join(changed)} differ.")
    wanted = replace(recipe.wanted, batch_size=fitting_batch_size(bundle.recipe.network))
    resolved = tuple(one.request.resolved() for one in maps)
    identity = inputs_identity(maps, bundle.sha256)
    job = Job(resolved, bundle.path.resolve(), recipe.sky, recipe.settled, wanted, identity)
    change = method.prior_change(wanted.prior, wanted.scale)
    return Reopened(Bench(job, method, maps), method, change, tuple(notes))


def _places(recipe: Recipe, moved: Mapping[float, Path]) -> dict[int, Path]:
    """Return the maps given in place of the recipe's, by their place among the bands."""
    settled = [float(identity["frequency"]) for identity in recipe.identities]
    places: dict[int, Path] = {}
    for frequency, path in moved.items():
        near = [index for index, own in enumerate(settled) if _same(own, frequency, len(settled))]
        if len(near) != 1 or near[0] in places:
            bands = ", ".join(f"{own:g}" for own in settled)
            raise UsageError(
                f"--map {frequency:g}={path}: not one of the bands that were measured.",
                f"Those are {bands} GHz.",
            )
        places[near[0]] = path
    return places


def _same(own: float, given: float, n_bands: int) -> bool:
    return (given == 0.0 and n_bands == 1) or (given > 0.0 and abs(own / given - 1.0) <= FREQUENCY_TOLERANCE)


def _found(request: MapRequest, beside: Path | None) -> MapRequest:
    """Return a request whose files are there, where they were or in another folder."""
    if beside is None:
        return request
    changed = {}
    for name in ("path", "mask", "ivar", "passband", "transfer"):
        file = getattr(request, name)
        if file is not None and not file_of(file).exists() and file_of(beside / file.name).exists():
            changed[name] = beside / file.name
    return replace(request, **changed)


def _changes(now: Mapping[str, Any], was: Mapping[str, Any]) -> Sequence[str]:
    """Return what differs between two identities of a map, as they are after JSON."""
    same = json.loads(json.dumps(now))
    return [name for name in was if same.get(name) != was[name]]
