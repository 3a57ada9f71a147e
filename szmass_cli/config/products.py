"""What `szmass simulate` makes: cutouts and survey fields."""

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.config.clusters import Masses, Redshifts


class SplitConfig(Strict):
    """Fractions of the cutouts, in their order in the file, that are for training and for validation."""

    train: float = Field(0.5, ge=0, le=1)
    validation: float = Field(0.25, ge=0, le=1)

    @model_validator(mode="after")
    def _fractions(self) -> Self:
        if self.train + self.validation > 1.0:
            raise ValueError("train and validation must not add up to more than 1; the rest is the test set")
        return self


class CutoutConfig(Strict):
    """What `simulate cutouts` writes."""

    n: int = Field(1000, ge=1, le=100_000_000)
    masses: Masses | None = Field(None, description="where they are not those of clusters")
    split: SplitConfig | None = None
    apodisation_arcmin: float = Field(0.0, ge=0, le=5, description="width of the cosine taper at the edges")


MAX_CAR_DEC_DEG = 89.0
"""Plate carrée pixels shrink to needles at a pole."""


class FieldConfig(Strict):
    """A mock survey map: a patch of sky between two meridians and two parallels."""

    pixelisation: Literal["car", "healpix"] = "car"
    center_ra_deg: float = Field(0.0, ge=-360, le=360)
    center_dec_deg: float = Field(-55.0, ge=-85, le=85)
    width_deg: float = Field(20.0, gt=0.2, le=360, description="extent in right ascension; 360 is all round")
    height_deg: float = Field(10.0, gt=0.2, le=180, description="180 is pole to pole")
    pixel_arcmin: float = Field(0.5, ge=0.1, le=5, description="of CAR")
    nside: int = Field(4096, ge=64, le=8192, description="of HEALPix, a power of two")
    order: Literal["ring", "nested"] = Field("ring", description="of HEALPix")
    frame: Literal["equatorial", "galactic"] = Field("equatorial", description="of HEALPix")
    apodisation_arcmin: float = Field(0.0, ge=0, le=300, description="cosine taper at edges and holes")
    holes_per_deg2: float = Field(0.0, ge=0, le=10, description="masked point sources")
    hole_radius_arcmin: float = Field(3.0, gt=0, le=30)
    holes_at_sources: bool = Field(False, description="a hole around each source that sky.objects removes")
    masses: Masses | None = Field(None, description="where they are not those of clusters")
    redshift: Redshifts | None = Field(None, description="where they are not those of clusters")
    pixel_averaging: bool = Field(False, description="values are means over the map's pixels, not samples")
    depth_variation: float = Field(0.0, ge=0, lt=1, description="so much more noise at the edges")
    scan_depth_variation: float = Field(0.0, ge=0, lt=1, description="so much more noise between scans")
    scan_depth_period_deg: float = Field(1.0, ge=0.1, le=30, description="from scan to scan")
    scan_depth_angle_deg: float = Field(0.0, ge=-180, le=180, description="of scans, from east to north")

    @property
    def pixel_side_arcmin(self) -> float:
        """Return the side of a pixel in either pixelisation; for HEALPix, the square root of its area."""
        if self.pixelisation == "car":
            return self.pixel_arcmin
        return 10_800.0 / (math.sqrt(3.0 * math.pi) * self.nside)

    @model_validator(mode="after")
    def _within_the_sphere(self) -> Self:
        if self.height_deg < 180 and abs(self.center_dec_deg) + self.height_deg / 2 > 90:
            raise ValueError("center_dec_deg and height_deg reach beyond the pole")
        if self.pixelisation == "healpix" and self.nside & (self.nside - 1):
            raise ValueError("nside must be a power of two")
        if self.pixelisation == "car" and self.farthest_dec_deg > MAX_CAR_DEC_DEG:
            raise ValueError(
                f"center_dec_deg and height_deg reach beyond |dec| = {MAX_CAR_DEC_DEG:g} deg, where CAR has "
                "no useful pixels; a field at the pole needs pixelisation: healpix"
            )
        return self

    @property
    def farthest_dec_deg(self) -> float:
        """Return the largest |dec| of the field."""
        return 90.0 if self.height_deg >= 180 else abs(self.center_dec_deg) + self.height_deg / 2

    @model_validator(mode="after")
    def _taper_fits(self) -> Self:
        cosine = math.cos(math.radians(self.center_dec_deg))
        width_deg = self.width_deg * cosine if self.width_deg < 360 else math.inf
        if 2 * self.apodisation_arcmin / 60 > min(width_deg, self.height_deg):
            raise ValueError("apodisation_arcmin must be less than half of the field's smaller side")
        return self
