"""A whole configuration, and how it is read from YAML."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, get_args

import yaml
from pydantic import ValidationError, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.config.clusters import ClusterConfig, IrregularShape
from szmass_cli.config.instruments import InstrumentsConfig
from szmass_cli.config.network import CalibrationConfig, NetworkConfig, TrainingConfig
from szmass_cli.config.objects import REALISTIC_OBJECTS, ObjectsConfig
from szmass_cli.config.observing import ObservingConfig
from szmass_cli.config.products import CutoutConfig, FieldConfig
from szmass_cli.config.sky import BandConfig, SkyConfig
from szmass_cli.config.yamltext import parse_yaml, read_text
from szmass_cli.errors import ConfigError, did_you_mean
from szmass_cli.physics.bands import FREQUENCY_TOLERANCE
from szmass_cli.system.presets import SkyKind, preset_names, presets_folder

SHOWN_PROBLEMS = 12


class SurveyConfig(Strict):
    """Everything a YAML file can state; each stage reads the sections it needs."""

    sky: SkyConfig = SkyConfig()
    clusters: ClusterConfig = ClusterConfig()
    instruments: InstrumentsConfig = InstrumentsConfig()
    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()
    calibration: CalibrationConfig = CalibrationConfig()
    cutouts: CutoutConfig = CutoutConfig()
    field: FieldConfig = FieldConfig()

    def with_frequencies(self, frequencies_ghz: Sequence[float]) -> Self:
        """Return the survey with only the bands nearest to the given frequencies; all bands if none is given.

        Raises
        ------
        ConfigError
            If there is no such band.
        """
        if not frequencies_ghz:
            return self
        bands = {band.frequency_ghz: band for band in self.sky.bands}
        chosen = {}
        for wanted in frequencies_ghz:
            nearest = min(bands, key=lambda frequency: abs(frequency - wanted))
            if abs(nearest / wanted - 1.0) > FREQUENCY_TOLERANCE:
                there = ", ".join(f"{frequency:g}" for frequency in bands)
                raise ConfigError(f"--freq: there is no band at {wanted:g} GHz.", f"There are {there}.")
            chosen[nearest] = bands[nearest]
        return self.model_copy(update={"sky": self.sky.model_copy(update={"bands": tuple(chosen.values())})})

    @model_validator(mode="after")
    def _halos_once(self) -> Self:
        shape, objects = self.clusters.shape, self.sky.objects
        if isinstance(shape, IrregularShape) and shape.other_halos and objects.has_halos:
            raise ValueError(
                "clusters.shape.other_halos and sky.objects.halos are the same halos: set one to false"
            )
        return self

    def with_sky(self, kind: SkyKind) -> Self:
        """Return the survey with Gaussian foregrounds, or with everything as it is published.

        Parameters
        ----------
        kind : SkyKind
            ``gaussian``: nothing is painted but the configuration's clusters, and seen as stated.
            ``realistic``: `REALISTIC_OBJECTS`, and clusters of many shapes (`ClusterConfig.realistic`),
            observed as the configuration says that such a sky is.
        """
        if kind is SkyKind.REALISTIC:
            sky = self.sky.realistically_observed().model_copy(update={"objects": REALISTIC_OBJECTS})
            return self.model_copy(update={"sky": sky, "clusters": self.clusters.realistic()})
        bare = {"objects": ObjectsConfig(), "observing": ObservingConfig()}
        return self.model_copy(update={"sky": self.sky.model_copy(update=bare)})

    @property
    def drawn(self) -> Self:
        """Return the survey whose sky training draws: as it is stated, or realistic."""
        return self.with_sky(SkyKind.REALISTIC) if self.training.sky == "realistic" else self

    @property
    def simulations(self) -> str:
        """Return all that the simulations of a training follow from, as YAML text."""
        parts = self.model_dump(
            mode="json", include={"sky", "clusters", "instruments", "network", "training"}
        )
        network, training = parts.pop("network"), parts.pop("training")
        drawn = {name: training[name] for name in ("seed", "sky", "cutouts_per_epoch", "validation_cutouts")}
        shown = {name: network[name] for name in ("head", "contamination")}
        return yaml.safe_dump({**parts, **shown, **drawn})

    @property
    def data_files(self) -> list[Path]:
        """Return where the files lie that the configuration names: beams, passbands, noise, filters."""
        return self.sky.files

    @property
    def cutout_clusters(self) -> ClusterConfig:
        """Return the clusters of simulated cutouts: those of training, or with other masses of their own."""
        masses = self.cutouts.masses
        return self.clusters if masses is None else self.clusters.model_copy(update={"masses": masses})

    @property
    def field_clusters(self) -> ClusterConfig:
        """Return the clusters of simulated maps: those of training, with the field section's own settings."""
        own = {"masses": self.field.masses, "redshift": self.field.redshift}
        return self.clusters.model_copy(
            update={key: value for key, value in own.items() if value is not None}
        )

    def to_yaml(self) -> str:
        """Return the whole configuration as YAML text, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def load_config(source: str | Path) -> SurveyConfig:
    """Read a configuration from a YAML file or a shipped preset.

    Parameters
    ----------
    source : str or Path
        A file, or the name of a preset.

    Raises
    ------
    ConfigError
        If there is no such file or preset, it is not YAML, or a key or value is not allowed.
    """
    path = Path(source)
    if not path.is_file() and str(source) in preset_names():
        text = (presets_folder() / f"{source}.yaml").read_text(encoding="utf-8")
    else:
        text = _read_text(path)
    return parse_config(text, str(source), path.resolve().parent)


def _read_text(path: Path) -> str:
    try:
        return read_text(path)
    except FileNotFoundError:
        names = preset_names()
        raise ConfigError(
            f"There is no configuration {path}.{did_you_mean(str(path), names)}",
            f"Give a YAML file or a preset: {', '.join(names)}.",
        ) from None


def parse_config(text: str, name: str, folder: Path | None = None) -> SurveyConfig:
    """Validate YAML text that came from `name`, for errors; relative paths in it start at `folder`."""
    values = parse_yaml(text, name)
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise ConfigError(
            f"{name} holds no sections.", f"Sections are {', '.join(SurveyConfig.model_fields)}."
        )
    try:
        return SurveyConfig.model_validate(values, context={"folder": folder})
    except ValidationError as error:
        raise ConfigError(
            _describe(error, name, values), "`szmass config survey` prints every key."
        ) from None


# a discriminated union puts its tag into the location; the user's file does not have it
_TAGS = frozenset(
    {"number", "uniform", "log_uniform", "list", "mass_function", "volume"}
    | {"round", "elliptical", "irregular", "gaussian", "optical", "xray"}
)


def _describe(error: ValidationError, name: str, values: dict[str, Any]) -> str:
    lines = []
    problems = error.errors()
    for problem in problems[:SHOWN_PROBLEMS]:
        place = [part for part in problem["loc"] if part not in _TAGS]
        if place[:3] == ["sky", "bands", 0] and "bands" not in values["sky"]:
            del place[1:3]  # the band's keys stand in sky itself
        key = ".".join(map(str, place))
        if problem["type"] == "extra_forbidden":
            reason = f"is not a known key.{did_you_mean(str(place[-1]), _keys_beside(problem['loc']))}"
        else:
            reason = problem["msg"]
        shown = (
            "" if problem["type"] in ("missing", "extra_forbidden") else f" (got {problem['input']!r:.60})"
        )
        lines.append(f"{name}: {key or 'the file'}: {reason}{shown}")
    if len(problems) > SHOWN_PROBLEMS:
        lines.append(f"{name}: and {len(problems) - SHOWN_PROBLEMS} more")
    return "\n".join(lines)


def _keys_beside(location: Sequence[str | int]) -> set[str]:
    """Return the keys that are known at the place where pydantic found an unknown one."""
    sections: list[type[Strict]] = [SurveyConfig]
    for part in location[:-1]:
        fields = [section.model_fields[part] for section in sections if part in section.model_fields]
        if fields:
            sections = [found for field in fields for found in _sections_in(field.annotation)]
        elif part in _TAGS:
            sections = [section for section in sections if _kind(section) in (None, part)]
    keys = {key for section in sections for key in section.model_fields}
    return keys | BandConfig.model_fields.keys() if SkyConfig in sections else keys


def _sections_in(annotation: Any) -> list[type[Strict]]:
    """Return the sections that a field may hold, including those of a union or of a list."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _sections_in(argument)]


def _kind(section: type[Strict]) -> str | None:
    field = section.model_fields.get("kind")
    return get_args(field.annotation)[0] if field else None
