"""What a survey sees apart from its clusters: bands, CMB, foregrounds, cosmology."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationInfo, field_validator, model_serializer, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.errors import ConfigError, InputError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import AnyBeam, Beam, read_beam
from szmass_cli.physics.cosmology import PLANCK18, Cosmology
from szmass_cli.physics.spectra import ForegroundSpectra


class CosmologyConfig(Strict):
    """A flat universe; the defaults are Planck 2018 (VI, Table 2, last column)."""

    h0_km_s_mpc: float = Field(PLANCK18.h0_km_s_mpc, ge=40, le=100)
    omega_m: float = Field(PLANCK18.omega_m, ge=0.1, le=0.6)
    omega_b: float = Field(PLANCK18.omega_b, ge=0.01, le=0.1)
    sigma8: float = Field(PLANCK18.sigma8, ge=0.4, le=1.4)
    n_s: float = Field(PLANCK18.n_s, ge=0.7, le=1.3)
    tau: float = Field(PLANCK18.tau, ge=0.0, le=0.3)

    def build(self) -> Cosmology:
        """The same as plain numbers."""
        return Cosmology(**self.model_dump())


class Foregrounds(Strict):
    """Power D_ell [µK^2] at ell = 3000 and 150 GHz of each foreground; 0 leaves it out.

    The defaults are those of George et al. (2015). `ForegroundSpectraConfig` takes them to other frequencies.
    """

    tsz: float = Field(3.68, ge=0, le=1e4)
    ksz: float = Field(2.9, ge=0, le=1e4)
    dusty_poisson: float = Field(9.16, ge=0, le=1e4)
    dusty_clustered: float = Field(3.46, ge=0, le=1e4)
    radio: float = Field(1.06, ge=0, le=1e4)


class ForegroundSpectraConfig(Strict):
    """How foregrounds change with frequency, and how they go together; see `ForegroundSpectra`."""

    dust_temperature_k: float = Field(ForegroundSpectra.dust_temperature_k, ge=5, le=100)
    dusty_poisson_beta: float = Field(ForegroundSpectra.dusty_poisson_beta, ge=0, le=5)
    dusty_clustered_beta: float = Field(ForegroundSpectra.dusty_clustered_beta, ge=0, le=5)
    radio_index: float = Field(ForegroundSpectra.radio_index, ge=-3, le=3)
    dusty_correlation: float = Field(1.0, ge=0, le=1)
    radio_correlation: float = Field(1.0, ge=0, le=1)
    tsz_dust_correlation: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.tsz_dust_correlation**2 > self.dusty_correlation:
            raise ValueError("tsz_dust_correlation cannot exceed the square root of dusty_correlation")
        return self

    def build(self) -> ForegroundSpectra:
        """The same as plain numbers."""
        return ForegroundSpectra(**self.model_dump())


MIN_FWHM_ARCMIN = 0.5
"""Two pixels of a cutout: a narrower beam would not be sampled."""


class BandConfig(Strict):
    """One frequency: its beam, a Gaussian or a file, and its noise."""

    frequency_ghz: float = Field(150.0, ge=20, le=900)
    beam_fwhm_arcmin: float | None = Field(None, ge=MIN_FWHM_ARCMIN, le=10)
    beam_file: Path | None = Field(None, description="ell and B_ell, or theta [deg] and B(theta)")
    noise_uk_arcmin: float = Field(5.0, gt=0, le=1000)

    @model_validator(mode="before")
    @classmethod
    def _one_beam(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        given = [values.get(key) is not None for key in ("beam_fwhm_arcmin", "beam_file")]
        if all(given):
            raise ValueError("beam_fwhm_arcmin and beam_file are two beams; give one")
        return values if any(given) else {**values, "beam_fwhm_arcmin": 1.0}

    @field_validator("beam_file")
    @classmethod
    def _beside_the_configuration(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        """A relative path starts where the YAML file lies, whatever the current folder."""
        folder = (info.context or {}).get("folder")
        return path if path is None or folder is None else Path(folder) / path

    def build(self) -> Band:
        """The same with its beam read.

        Raises
        ------
        ConfigError
            If the beam's file cannot be used.
        """
        return Band(self.frequency_ghz, self._beam(), self.noise_uk_arcmin)

    def _beam(self) -> AnyBeam:
        if self.beam_file is None:
            assert self.beam_fwhm_arcmin is not None  # one of the two is given
            return Beam(self.beam_fwhm_arcmin)
        try:
            beam = read_beam(self.beam_file)
        except InputError as error:
            raise ConfigError(f"beam_file: {error.message}", error.hint) from None
        if beam.fwhm_arcmin < MIN_FWHM_ARCMIN:
            raise ConfigError(
                f"beam_file: {self.beam_file} has a FWHM of {beam.fwhm_arcmin:.2g}'; pixels of 0.25' hold no "
                f"beam below {MIN_FWHM_ARCMIN:g}'.",
                "Check that its angles are in degrees.",
            )
        return beam


MAX_BANDS = 8
"""The covariance of a cutout's pixels has a side of 1600 times the number of bands."""

_OF_A_BAND = frozenset(BandConfig.model_fields)


class SkyConfig(Strict):
    """What a survey sees apart from its clusters.

    A survey of one frequency may put the keys of its band straight here, without ``bands``.
    """

    bands: tuple[BandConfig, ...] = (BandConfig(),)
    cmb: bool = True
    foregrounds_dl3000_uk2: Foregrounds = Foregrounds()
    foreground_spectra: ForegroundSpectraConfig = ForegroundSpectraConfig()
    cosmology: CosmologyConfig = CosmologyConfig()

    @model_validator(mode="before")
    @classmethod
    def _one_band(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not _OF_A_BAND & values.keys():
            return values
        if "bands" in values:
            twice = ", ".join(sorted(_OF_A_BAND & values.keys()))
            raise ValueError(f"with bands, {twice} belongs into each of them")
        band = {key: values[key] for key in values if key in _OF_A_BAND}
        return {key: values[key] for key in values if key not in _OF_A_BAND} | {"bands": [band]}

    @model_validator(mode="after")
    def _frequencies_differ(self) -> Self:
        if not 1 <= len(self.bands) <= MAX_BANDS:
            raise ValueError(f"bands: there must be 1 to {MAX_BANDS} of them")
        # maps of different bands are told apart by their frequency, in file names too
        labels = [band_label(band.frequency_ghz) for band in self.bands]
        if len(set(labels)) < len(labels):
            raise ValueError("bands: two of them have the same frequency_ghz")
        return self

    @model_serializer(mode="wrap")
    def _simple_where_it_can_be(self, dump) -> dict[str, Any]:
        values = dump(self)
        bands = [{k: v for k, v in band.items() if v is not None} for band in values.pop("bands")]
        return {**bands[0], **values} if len(bands) == 1 else {"bands": bands, **values}

    @property
    def frequencies_ghz(self) -> list[float]:
        """Of all bands."""
        return [band.frequency_ghz for band in self.bands]

    def build_bands(self) -> tuple[Band, ...]:
        """The bands with their beams read; see `BandConfig.build`."""
        return tuple(band.build() for band in self.bands)


def band_label(frequency_ghz: float) -> str:
    """A band's name in files and options: ``150``, ``92p6``."""
    return f"{frequency_ghz:g}".replace(".", "p")
