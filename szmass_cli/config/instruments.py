"""The instruments that a network is trained with: drawn at random, so that it holds for any."""

from typing import Self

from pydantic import Field, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.config.sky import MIN_FWHM_ARCMIN


class InstrumentsConfig(Strict):
    """Random instruments: how many there are, and what they are drawn from; numbers evenly in their ln."""

    seed: int = Field(1, ge=0, lt=2**32)
    training: int = Field(48, ge=1, le=1000, description="different instruments in training")
    in_each_epoch: int = Field(16, ge=1, le=1000, description="of them, mixed in every batch")
    validation: int = Field(8, ge=1, le=100, description="others, for validation")
    calibration: int = Field(24, ge=1, le=1000, description="others, for the recalibration")
    min_bands: int = Field(1, ge=1, le=8)
    max_bands: int = Field(4, ge=1, le=8)
    min_frequency_ghz: float = Field(27.0, ge=20, le=900)
    max_frequency_ghz: float = Field(280.0, ge=20, le=900)
    min_beam_fwhm_arcmin: float = Field(0.9, ge=MIN_FWHM_ARCMIN, le=10)
    max_beam_fwhm_arcmin: float = Field(3.0, ge=MIN_FWHM_ARCMIN, le=10)
    min_noise_uk_arcmin: float = Field(1.0, gt=0, le=1000)
    max_noise_uk_arcmin: float = Field(80.0, gt=0, le=1000)
    max_ell_knee: float = Field(6000.0, ge=0, le=20_000, description="of red noise; evenly from 0")
    min_slope: float = Field(-4.5, ge=-8, lt=0, description="of red noise; evenly")
    max_slope: float = Field(-2.5, ge=-8, lt=0)
    noise_correlation: float = Field(0.9, ge=0, le=1, description="of red noise; in every second")
    filtered: float = Field(0.3, ge=0, le=1, description="fraction behind a high-pass filter")
    along_scans: float = Field(1.0 / 3.0, ge=0, le=1, description="of these, filters of one direction")
    striped: float = Field(0.0, ge=0, le=1, description="fraction with 1/f noise in stripes")
    depths: int = Field(2, ge=1, le=8, description="of each instrument")
    depth_ratio: float = Field(2.0, ge=1, le=10, description="largest noise variance over the least")

    min_removed_above_mjy: float = Field(3.0, ge=0.5, le=1e3, description="painted sources, by survey")
    max_removed_above_mjy: float = Field(12.0, ge=0.5, le=1e3)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for what in (
            "bands",
            "removed_above_mjy",
            "frequency_ghz",
            "beam_fwhm_arcmin",
            "noise_uk_arcmin",
            "slope",
        ):
            if getattr(self, f"min_{what}") > getattr(self, f"max_{what}"):
                raise ValueError(f"min_{what} must not exceed max_{what}")
        return self

    @property
    def bands_range(self) -> tuple[int, int]:
        """Return the smallest and largest number of bands."""
        return self.min_bands, self.max_bands

    @property
    def frequency_range_ghz(self) -> tuple[float, float]:
        """Return the lowest and highest frequency."""
        return self.min_frequency_ghz, self.max_frequency_ghz

    @property
    def beam_range_arcmin(self) -> tuple[float, float]:
        """Return the narrowest and widest FWHM."""
        return self.min_beam_fwhm_arcmin, self.max_beam_fwhm_arcmin

    @property
    def noise_range_uk_arcmin(self) -> tuple[float, float]:
        """Return the least and most noise."""
        return self.min_noise_uk_arcmin, self.max_noise_uk_arcmin
