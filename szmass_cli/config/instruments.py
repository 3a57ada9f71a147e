"""The maps that one model shall be good for: a range of beams and depths."""

from typing import Self

from pydantic import Field, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.config.sky import MIN_FWHM_ARCMIN


class InstrumentsConfig(Strict):
    """Beams and noise that a network is trained for and told of, both drawn evenly in their ln."""

    min_beam_fwhm_arcmin: float = Field(0.9, ge=MIN_FWHM_ARCMIN, le=10)
    max_beam_fwhm_arcmin: float = Field(2.2, ge=MIN_FWHM_ARCMIN, le=10)
    min_noise_uk_arcmin: float = Field(2.0, gt=0, le=1000)
    max_noise_uk_arcmin: float = Field(40.0, gt=0, le=1000)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for what in ("beam_fwhm_arcmin", "noise_uk_arcmin"):
            if getattr(self, f"min_{what}") > getattr(self, f"max_{what}"):
                raise ValueError(f"min_{what} must not exceed max_{what}")
        return self

    @property
    def beam_range_arcmin(self) -> tuple[float, float]:
        """Narrowest and widest FWHM."""
        return self.min_beam_fwhm_arcmin, self.max_beam_fwhm_arcmin

    @property
    def noise_range_uk_arcmin(self) -> tuple[float, float]:
        """Least and most noise."""
        return self.min_noise_uk_arcmin, self.max_noise_uk_arcmin
