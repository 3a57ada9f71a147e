"""The clusters: their masses, redshifts, shapes and SZ signal."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from szmass_cli.config.base import MassMsun, Redshift, Strict, check_mass_order
from szmass_cli.config.clustershapes import (
    EllipticalShape,
    GaussianMiscentring,
    IrregularShape,
    OpticalMiscentring,
    ProfileWeights,
    RoundShape,
    SecondPeak,
    XrayMiscentring,
)
from szmass_cli.physics.cosmology import Cosmology
from szmass_cli.physics.profiles import SZ_SLOPE, SzModel


class UniformMasses(Strict):
    """Masses drawn uniformly in M200c."""

    kind: Literal["uniform"] = "uniform"
    min_m200c_msun: MassMsun = 1e14
    max_m200c_msun: MassMsun = 8e14

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return check_mass_order(self)


class LogUniformMasses(Strict):
    """Masses drawn uniformly in ln M200c."""

    kind: Literal["log_uniform"] = "log_uniform"
    min_m200c_msun: MassMsun = 1e14
    max_m200c_msun: MassMsun = 8e14

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return check_mass_order(self)


class ListedMasses(Strict):
    """Masses taken from a list in turn, equally often."""

    kind: Literal["list"] = "list"
    m200c_msun: tuple[MassMsun, ...] = Field(min_length=1)


class MassFunctionMasses(Strict):
    """Masses as many as the universe has: the halo mass function of Tinker et al. (2008)."""

    kind: Literal["mass_function"] = "mass_function"
    min_m200c_msun: MassMsun = 2e14
    max_m200c_msun: MassMsun = 3e15

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return check_mass_order(self)


Masses = Annotated[
    UniformMasses | LogUniformMasses | ListedMasses | MassFunctionMasses, Field(discriminator="kind")
]


class ListedRedshifts(Strict):
    """Redshifts taken from a list in turn; beside listed masses, once through it for each mass."""

    kind: Literal["list"] = "list"
    redshifts: tuple[Redshift, ...] = Field(min_length=1)


class UniformRedshifts(Strict):
    """Redshifts drawn uniformly."""

    kind: Literal["uniform"] = "uniform"
    min: Redshift = 0.1
    max: Redshift = 2.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _check_redshift_order(self)


class LogUniformRedshifts(Strict):
    """Redshifts drawn uniformly in ln z."""

    kind: Literal["log_uniform"] = "log_uniform"
    min: Redshift = 0.1
    max: Redshift = 2.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _check_redshift_order(self)


class VolumeRedshifts(Strict):
    """Redshifts as the sky has them: by comoving volume, and with a mass function by abundance."""

    kind: Literal["volume"] = "volume"
    min: Redshift = 0.1
    max: Redshift = 2.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _check_redshift_order(self)


def _check_redshift_order(section):
    if section.min >= section.max:
        raise ValueError("min must be below max")
    return section


def _redshift_kind(values: Any) -> str | None:
    if isinstance(values, dict):
        return values.get("kind")
    return getattr(values, "kind", "number")


Redshifts = Annotated[
    Annotated[Redshift, Tag("number")]
    | Annotated[ListedRedshifts, Tag("list")]
    | Annotated[UniformRedshifts, Tag("uniform")]
    | Annotated[LogUniformRedshifts, Tag("log_uniform")]
    | Annotated[VolumeRedshifts, Tag("volume")],
    Discriminator(
        _redshift_kind,
        custom_error_type="kind",
        custom_error_message="must be a number, or have a kind: list, uniform, log_uniform or volume",
    ),
]


Miscentring = Annotated[
    GaussianMiscentring | OpticalMiscentring | XrayMiscentring, Field(discriminator="kind")
]


class ClusterConfig(Strict):
    """The clusters that are simulated."""

    redshift: Redshifts = 0.7
    masses: Masses = UniformMasses()
    sz_scatter_ln: float = Field(0.2, ge=0, le=1, description="log-normal scatter of the SZ amplitude")
    sz_mass_bias: float = Field(0.0, ge=-0.5, le=0.7, description="b: SZ signal of (1 - b) M500c")
    sz_slope: float = Field(SZ_SLOPE, ge=1, le=3, description="exponent of Y500 with M500c")
    concentration_scatter_ln: float = Field(
        0.2, ge=0, le=0.5, description="log-normal scatter of c500 at fixed Y500"
    )
    profiles: ProfileWeights = ProfileWeights()
    outer_slope_scatter: float = Field(0.0, ge=0, le=0.7, description="of the slope beta, at fixed Y500")
    concentration_amplitude_correlation: float = Field(
        0.0, ge=-1, le=1, description="of ln c500 and ln of the SZ amplitude"
    )
    outer_slope_amplitude_correlation: float = Field(
        0.0, ge=-1, le=1, description="of beta and ln of the SZ amplitude"
    )
    relativistic: bool = Field(True, description="whether the SZ spectrum is that of hot gas")
    miscentring_arcmin: float = Field(0.0, ge=0, le=3, description="rms offset per axis")
    miscentring: Miscentring | None = None
    shape: Annotated[RoundShape | EllipticalShape | IrregularShape, Field(discriminator="kind")] = (
        RoundShape()
    )
    second_peak: SecondPeak = SecondPeak()

    @model_validator(mode="before")
    @classmethod
    def _one_miscentring(cls, values: Any) -> Any:
        given = values.get("miscentring") if isinstance(values, dict) else None
        if given is None:
            return values
        kind = given if isinstance(given, dict) else given.model_dump()
        normal = kind.get("rms_arcmin") if kind.get("kind") == "gaussian" else None
        if values.get("miscentring_arcmin") not in (None, 0, normal):
            raise ValueError("miscentring and miscentring_arcmin are two offsets; give one")
        return values if normal is None else {**values, "miscentring_arcmin": normal}

    @model_validator(mode="after")
    def _simple_where_irregular(self) -> Self:
        if self.shape.kind != "irregular":
            return self
        if self.miscentring_arcmin > 0 or self.miscentring is not None:
            raise ValueError("irregular clusters are centred: miscentring_arcmin must be 0")
        if self.has_family or self.second_peak.fraction > 0:
            raise ValueError(
                "irregular clusters have the profile a10 and one peak: leave profiles, outer_slope_scatter, "
                "the correlations with the amplitude and second_peak out"
            )
        return self

    @property
    def has_family(self) -> bool:
        """Return whether profiles differ by more than their concentration."""
        return (
            not self.profiles.is_a10
            or self.outer_slope_scatter > 0
            or self.concentration_amplitude_correlation != 0
        )

    @property
    def is_shaped(self) -> bool:
        """Return whether shapes or offsets are drawn that round clusters of one profile do not have."""
        lopsided = self.shape.kind == "elliptical" or self.second_peak.fraction > 0
        return lopsided or self.has_family or not self.is_gaussian

    @property
    def is_gaussian(self) -> bool:
        """Return whether offsets are normal, of ``miscentring_arcmin``, if there are any."""
        return self.miscentring is None or self.miscentring.kind == "gaussian"

    def realistic(self) -> Self:
        """Return the same clusters with profiles, ellipses and second peaks as real ones have them.

        A third of the clusters of REXCESS have cool cores and a third are disturbed (Arnaud et al. 2010); the
        shares of profiles here, the scatter of slopes and the correlations are ESTIMATES. Shares that are
        stated stay unless all are of one profile, that of Arnaud et al., and so do irregular clusters, but
        for their other halos, which the sky has.
        """
        if isinstance(self.shape, IrregularShape):
            alone = self.shape.model_copy(update={"other_halos": False})
            return self.model_copy(update={"shape": alone})
        mixed = ProfileWeights(a10=0.4, cool_core=0.2, disturbed=0.2, battaglia2012=0.2)
        changes = {
            "profiles": mixed if self.profiles.is_a10 else self.profiles,
            "outer_slope_scatter": 0.4,
            "concentration_amplitude_correlation": 0.3,
            "outer_slope_amplitude_correlation": -0.3,
            "shape": EllipticalShape(),
            "second_peak": SecondPeak(fraction=0.2),
        }
        return self.model_copy(update=changes)

    def sz_model(self, cosmology: Cosmology) -> SzModel:
        """Return the model by which the SZ signal follows from mass and redshift."""
        return SzModel(self.sz_mass_bias, self.sz_slope, cosmology, self.relativistic)
