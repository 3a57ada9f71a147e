"""What clusters look like: their profiles, shapes, second peaks, and how far off catalogues put them."""

from typing import Any, Literal, Self

from pydantic import Field, create_model, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.physics.gnfw import PROFILES

_WEIGHTS: dict[str, Any] = {
    name: (float, Field(1.0 if name == "a10" else 0.0, ge=0, le=1)) for name in PROFILES
}


# a base class that is made at run time, so that there is a key for each profile, is none to mypy
class ProfileWeights(create_model("_ProfileWeights", __base__=Strict, **_WEIGHTS)):  # type: ignore[misc]
    """Fraction of the clusters that have each profile of `PROFILES`, all with the same mean Y500."""

    @model_validator(mode="before")
    @classmethod
    def _only_those_named(cls, values: Any) -> Any:
        return {"a10": 0.0, **values} if isinstance(values, dict) and values else values

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if abs(sum(self.by_name.values()) - 1.0) > 1e-6:
            raise ValueError("weights must add up to 1")
        return self

    @property
    def by_name(self) -> dict[str, float]:
        """Return the weights of all profiles, in the order of their numbers."""
        return self.model_dump()

    @property
    def is_a10(self) -> bool:
        """Return whether all clusters have the universal profile."""
        return self.by_name["a10"] == 1.0


class RoundShape(Strict):
    """Spheres."""

    kind: Literal["round"] = "round"


class EllipticalShape(Strict):
    """Similar ellipsoids, of the axis ratios of halos and random orientation; see `szmass_cli.sky.shapes`."""

    kind: Literal["elliptical"] = "elliptical"
    gas_eccentricity_ratio: float = Field(0.7, ge=0, le=1, description="over that of dark matter; 0 is round")


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


class SecondPeak(Strict):
    """Clusters that merge with another one; `szmass_cli.sky.mergers` says where the numbers are from."""

    fraction: float = Field(0.0, ge=0, le=1, description="of the clusters; 0.2 in X-ray images")
    min_mass_ratio: float = Field(0.1, ge=0.05, le=0.9, description="of the smaller one to the larger")
    max_distance_r500: float = Field(1.5, gt=0, le=3, description="of the two, in space")


class GaussianMiscentring(Strict):
    """Offsets that are normal on either axis: another way to write ``miscentring_arcmin``."""

    kind: Literal["gaussian"] = "gaussian"
    rms_arcmin: float = Field(ge=0, le=3, description="per axis")


class OpticalMiscentring(Strict):
    """Offsets of centres found among galaxies; see `szmass_cli.sky.miscentring`."""

    kind: Literal["optical"] = "optical"
    well_centred: float = Field(0.75, ge=0, le=1, description="fraction; the others are in the tail")
    centred_r_lambda: float = Field(0.04, ge=0, le=0.2, description="scale of the well-centred")
    tail_r_lambda: float = Field(0.17, ge=0, le=0.5, description="scale of the tail, half its mean")


class XrayMiscentring(Strict):
    """Offsets of X-ray peaks; see `szmass_cli.sky.miscentring`."""

    kind: Literal["xray"] = "xray"
    well_centred: float = Field(0.9, ge=0, le=1, description="fraction; the others are in the tail")
    centred_r500: float = Field(0.02, ge=0, le=0.2, description="rms per axis of the well-centred")
    tail_r500: float = Field(0.5, ge=0, le=1, description="rms per axis of the tail")
