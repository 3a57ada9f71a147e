"""The clusters: their masses, redshifts, shapes and SZ signal."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from szmass_cli.config.base import MassMsun, Redshift, Strict, check_mass_order
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


class RoundShape(Strict):
    """Spheres of the universal pressure profile."""

    kind: Literal["round"] = "round"


class IrregularShape(Strict):
    """Triaxial clusters with pressure fluctuations and other halos along the line of sight.

    `szmass_cli.sky.irregular.IrregularSettings` says where the numbers are from.
    """

    kind: Literal["irregular"] = "irregular"
    gas_eccentricity_ratio: float = Field(0.7, ge=0, le=1, description="over that of dark matter; 0 is round")
    fluctuation_rms: float = Field(0.2, ge=0, le=0.6, description="of dP/P")
    fluctuation_peak_r500: float = Field(0.4, ge=0.05, le=2, description="wavelength of the largest ones")
    other_halos: bool = True
    halo_min_m200c_msun: float = Field(1e13, ge=1e13, le=1e15, description="smallest of the other halos")


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
    relativistic: bool = Field(True, description="whether the SZ spectrum is that of hot gas")
    miscentring_arcmin: float = Field(0.0, ge=0, le=3, description="rms offset per axis")
    shape: Annotated[RoundShape | IrregularShape, Field(discriminator="kind")] = RoundShape()

    @model_validator(mode="after")
    def _centred_where_irregular(self) -> Self:
        if self.shape.kind == "irregular" and self.miscentring_arcmin > 0:
            raise ValueError("irregular clusters are centred: miscentring_arcmin must be 0")
        return self

    def sz_model(self, cosmology: Cosmology) -> SzModel:
        """Return the model by which the SZ signal follows from mass and redshift."""
        return SzModel(self.sz_mass_bias, self.sz_slope, cosmology, self.relativistic)
