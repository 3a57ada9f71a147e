"""Strict models of every YAML file: unknown keys and impossible values are errors that name the key."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from szmass_cli.errors import ConfigError

MassMsun = Annotated[float, Field(ge=1e13, le=5e15)]
Redshift = Annotated[float, Field(ge=0.02, le=2.5)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _check_mass_order(section):
    if section.min_m200c_msun >= section.max_m200c_msun:
        raise ValueError("min_m200c_msun must be below max_m200c_msun")
    return section


class Foregrounds(Strict):
    """Power D_ell [µK^2] at ell = 3000 of each foreground, at the survey's frequency; 0 leaves it out.

    The defaults are those of George et al. (2015) at 150 GHz.
    """

    tsz: float = Field(3.68, ge=0, le=1e4)
    ksz: float = Field(2.9, ge=0, le=1e4)
    dusty_poisson: float = Field(9.16, ge=0, le=1e4)
    dusty_clustered: float = Field(3.46, ge=0, le=1e4)
    radio: float = Field(1.06, ge=0, le=1e4)


class SkyConfig(Strict):
    """What a survey sees apart from its clusters."""

    frequency_ghz: float = Field(150.0, ge=20, le=900)
    beam_fwhm_arcmin: float = Field(1.0, ge=0.5, le=5)
    noise_uk_arcmin: float = Field(5.0, gt=0, le=1000)
    cmb: bool = True
    foregrounds_dl3000_uk2: Foregrounds = Foregrounds()

    @model_validator(mode="after")
    def _foregrounds_of_this_frequency(self) -> Self:
        given = self.foregrounds_dl3000_uk2
        unset = Foregrounds.model_fields.keys() - given.model_fields_set
        if abs(self.frequency_ghz - 150.0) > 10.0 and (unset or given == Foregrounds()):
            missing = ", ".join(name for name in Foregrounds.model_fields if name in unset) or "all"
            raise ValueError(
                f"at {self.frequency_ghz:g} GHz each of foregrounds_dl3000_uk2 must be given, and these are "
                f"still those at 150 GHz: {missing}"
            )
        return self


class UniformMasses(Strict):
    """Masses drawn uniformly in M200c."""

    kind: Literal["uniform"] = "uniform"
    min_m200c_msun: MassMsun = 1e14
    max_m200c_msun: MassMsun = 8e14

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _check_mass_order(self)


class LogUniformMasses(Strict):
    """Masses drawn uniformly in ln M200c."""

    kind: Literal["log_uniform"] = "log_uniform"
    min_m200c_msun: MassMsun = 1e14
    max_m200c_msun: MassMsun = 8e14

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _check_mass_order(self)


class ListedMasses(Strict):
    """Masses taken from a list in turn, equally often."""

    kind: Literal["list"] = "list"
    m200c_msun: tuple[MassMsun, ...] = Field(min_length=1)


class ClusterConfig(Strict):
    """The clusters in the cutouts."""

    redshift: Redshift = 0.7
    sz_scatter_ln: float = Field(0.2, ge=0, le=1, description="log-normal scatter of the SZ amplitude")
    masses: UniformMasses | LogUniformMasses | ListedMasses = Field(UniformMasses(), discriminator="kind")


class NetworkConfig(Strict):
    """The mResUNet."""

    base_filters: int = Field(16, ge=2, le=128)
    dropout_rate: float = Field(0.3, ge=0, lt=1)
    dropout_in: Literal["decoder", "encoder"] = "decoder"
    input: Literal["plain", "filtered"] = "plain"
    batch_norm_momentum: float = Field(0.99, gt=0, lt=1)


class TrainingConfig(Strict):
    """How the network is trained."""

    seed: int = Field(1, ge=0, lt=2**32)
    cutouts: Literal["fresh", "fixed"] = "fresh"
    cutouts_per_epoch: int = Field(20_480, ge=2, le=100_000_000)
    validation_cutouts: int = Field(2_048, ge=2, le=10_000_000)
    batch_size: int = Field(64, ge=1, le=65_536)
    max_epochs: int = Field(40, ge=1, le=100_000)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    schedule: Literal["plateau", "cosine"] = "cosine"
    halve_after_epochs: int = Field(5, ge=1, description="plateau: epochs without gain before halving")
    stop_after_epochs: int = Field(15, ge=1, description="epochs without gain before stopping")
    mass_pixel_weight: float = Field(300.0, gt=0)
    mass_error: Literal["absolute", "relative"] = "absolute"

    @model_validator(mode="after")
    def _at_least_one_batch(self) -> Self:
        if self.batch_size > self.cutouts_per_epoch:
            raise ValueError("batch_size must not exceed cutouts_per_epoch")
        return self


class CalibrationConfig(Strict):
    """The held-out simulations that turn network outputs into percentiles."""

    cutouts_per_redshift: int = Field(20_000, ge=100, le=10_000_000)
    redshifts: tuple[Redshift, ...] = Field((0.7,), min_length=1)
    min_m200c_msun: MassMsun = 1e14
    max_m200c_msun: MassMsun = 8e14

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_mass_order(self)
        if list(self.redshifts) != sorted(set(self.redshifts)):
            raise ValueError("redshifts must ascend")
        return self


class FieldConfig(Strict):
    """A mock survey map in the CAR projection."""

    center_ra_deg: float = Field(0.0, ge=-360, le=360)
    center_dec_deg: float = Field(-55.0, ge=-85, le=85)
    width_deg: float = Field(20.0, gt=0.2, le=40, description="extent in right ascension")
    height_deg: float = Field(10.0, gt=0.2, le=20)
    pixel_arcmin: float = Field(0.5, ge=0.1, le=2)

    @model_validator(mode="after")
    def _within_the_sphere(self) -> Self:
        if abs(self.center_dec_deg) + self.height_deg / 2 > 87:
            raise ValueError("center_dec_deg and height_deg reach beyond |dec| = 87 deg")
        return self


class SurveyConfig(Strict):
    """Everything a YAML file can state; each stage reads the sections it needs."""

    sky: SkyConfig = SkyConfig()
    clusters: ClusterConfig = ClusterConfig()
    network: NetworkConfig = NetworkConfig()
    training: TrainingConfig = TrainingConfig()
    calibration: CalibrationConfig = CalibrationConfig()
    field: FieldConfig = FieldConfig()

    def to_yaml(self) -> str:
        """The whole configuration as YAML text, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def preset_names() -> list[str]:
    """Names that ``--config`` takes besides files."""
    return sorted(
        p.name.removesuffix(".yaml")
        for p in (files("szmass_cli") / "presets").iterdir()
        if p.name.endswith(".yaml")
    )


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
        text = (files("szmass_cli") / "presets" / f"{source}.yaml").read_text()
    else:
        text = _read_text(path)
    return parse_config(text, str(source))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        names = ", ".join(preset_names())
        raise ConfigError(
            f"There is no configuration {path}.", f"Give a YAML file or a preset: {names}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Give a YAML text file.") from None


class _UniqueKeys(yaml.SafeLoader):
    """YAML's safe loader, but a key given twice is an error: the reader would silently take the last."""

    def construct_mapping(self, node, deep=False):
        keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
        seen = [key.value for key in keys]
        twice = next((key for key in keys if seen.count(key.value) > 1), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(
                problem=f"{twice.value!r} is there twice", problem_mark=twice.start_mark
            )
        return super().construct_mapping(node, deep)


def parse_config(text: str, name: str) -> SurveyConfig:
    """Validate YAML text; `name` says in errors where it came from."""
    try:
        values = yaml.load(text, Loader=_UniqueKeys)
    except Exception as error:  # its readers of dates, numbers and tags raise whatever comes
        mark = getattr(error, "problem_mark", None)
        reason = f"line {mark.line + 1}: {getattr(error, 'problem', error)}" if mark else error
        raise ConfigError(
            f"{name} is not valid YAML: {reason}.", "Check its keys, indentation and colons."
        ) from None
    if not isinstance(values, dict | None):
        raise ConfigError(
            f"{name} holds no sections.", f"Sections are {', '.join(SurveyConfig.model_fields)}."
        )
    try:
        return SurveyConfig.model_validate(values or {})
    except ValidationError as error:
        raise ConfigError(_describe(error, name), "`szmass config paper` prints every key.") from None


def _describe(error: ValidationError, name: str) -> str:
    lines = []
    for problem in error.errors():
        # a discriminated union puts its tag into the location; the user's file does not have it
        key = ".".join(str(part) for part in problem["loc"] if part not in ("uniform", "log_uniform", "list"))
        reason = "is not a known key" if problem["type"] == "extra_forbidden" else problem["msg"]
        shown = (
            "" if problem["type"] in ("missing", "extra_forbidden") else f" (got {problem['input']!r:.60})"
        )
        lines.append(f"{name}: {key or 'the file'}: {reason}{shown}")
    return "\n".join(lines)
