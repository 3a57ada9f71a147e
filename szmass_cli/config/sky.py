"""What a survey sees apart from its clusters: bands, CMB, foregrounds, cosmology."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, create_model, field_validator, model_serializer, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.config.datafiles import DataFile, read_data
from szmass_cli.config.objects import ObjectsConfig
from szmass_cli.config.observing import ObservingConfig
from szmass_cli.errors import ConfigError, UsageError
from szmass_cli.physics.bandnames import effective_frequency_ghz
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beamerrors import BeamModes, read_beam_modes
from szmass_cli.physics.beams import AnyBeam, Beam, read_beam
from szmass_cli.physics.cosmology import PLANCK18, Cosmology
from szmass_cli.physics.foregrounds import FOREGROUNDS, ForegroundSpectra
from szmass_cli.physics.noise import DEFAULT_SLOPE, KneeNoise, NoiseLevel, read_noise
from szmass_cli.physics.passbands import Passband
from szmass_cli.physics.transfers import read_transfer
from szmass_cli.system.presets import located


class CosmologyConfig(Strict):
    """A flat universe; the defaults are Planck 2018 (VI, Table 2, last column)."""

    h0_km_s_mpc: float = Field(PLANCK18.h0_km_s_mpc, ge=40, le=100)
    omega_m: float = Field(PLANCK18.omega_m, ge=0.1, le=0.6)
    omega_b: float = Field(PLANCK18.omega_b, ge=0.01, le=0.1)
    sigma8: float = Field(PLANCK18.sigma8, ge=0.4, le=1.4)
    n_s: float = Field(PLANCK18.n_s, ge=0.7, le=1.3)
    tau: float = Field(PLANCK18.tau, ge=0.0, le=0.3)

    def build(self) -> Cosmology:
        """Return the same parameters as a `Cosmology` of plain numbers."""
        return Cosmology(**self.model_dump())


_AMPLITUDES: dict[str, Any] = {
    row.name: (float, Field(row.dl3000_uk2, ge=0, le=1e4, description=row.label)) for row in FOREGROUNDS
}


class Foregrounds(create_model("_Amplitudes", __base__=Strict, **_AMPLITUDES)):  # type: ignore[misc]
    """Power D_ell [µK^2] at ell = 3000 and 150 GHz of each foreground; 0 leaves it out.

    There is a key for each row of `FOREGROUNDS`, whose defaults are those of George et al. (2015).
    `ForegroundSpectraConfig` takes them to other frequencies.
    """


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
        """Return the same parameters as `ForegroundSpectra` of plain numbers."""
        return ForegroundSpectra(**self.model_dump())


MIN_FWHM_ARCMIN = 0.5
"""Two pixels of a cutout: a narrower beam would not be sampled."""


class BandConfig(Strict):
    """One frequency: its response, beam, pixels, filter and noise."""

    frequency_ghz: float = Field(150.0, ge=20, le=900, description="a number, or a name as f150 or 150GHz")
    passband_file: DataFile | None = Field(None, description="frequency [GHz] and Rayleigh-Jeans response")
    beam_fwhm_arcmin: float | None = Field(None, ge=MIN_FWHM_ARCMIN, le=10)
    beam_file: DataFile | None = Field(None, description="ell and B_ell, or theta [deg] and B(theta)")
    beam_modes_file: DataFile | None = Field(None, description="ell, B_ell and modes of its error")
    pixel_arcmin: float = Field(0.0, ge=0, le=2, description="side of pixels that are means; 0 is samples")
    transfer_file: DataFile | None = Field(None, description="ell and T(ell), or .npz of T(ell_x, ell_y)")
    noise_uk_arcmin: float | None = Field(None, gt=0, le=1000, description="white")
    ell_knee: float | None = Field(None, ge=1, le=1e5, description="where 1/f noise is as strong as white")
    noise_slope: float = Field(DEFAULT_SLOPE, ge=-8, lt=0, description="exponent of 1/f noise with ell")
    noise_file: DataFile | None = Field(None, description="ell and N_ell [µK^2 sr], in place of these")

    @field_validator("frequency_ghz", mode="before")
    @classmethod
    def _of_its_name(cls, frequency: Any) -> Any:
        if not isinstance(frequency, str):
            return frequency
        try:
            return effective_frequency_ghz(frequency)
        except UsageError as error:
            raise ValueError(f"{error.message} {error.hint}") from None

    @model_validator(mode="before")
    @classmethod
    def _one_beam_and_one_noise(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        given = {key for key, value in values.items() if value is not None}
        if {"beam_fwhm_arcmin", "beam_file"} <= given:
            raise ValueError("beam_fwhm_arcmin and beam_file are two beams; give one")
        if "noise_file" in given and {"noise_uk_arcmin", "ell_knee"} & given:
            raise ValueError("noise_file is all of the noise: leave noise_uk_arcmin and ell_knee out")
        if "passband_file" in given and "frequency_ghz" not in given:
            raise ValueError("passband_file: give frequency_ghz too, which names the band")
        defaults = {}
        if not {"beam_fwhm_arcmin", "beam_file"} & given:
            defaults["beam_fwhm_arcmin"] = DEFAULT_FWHM_ARCMIN
        if not {"noise_uk_arcmin", "noise_file"} & given:
            defaults["noise_uk_arcmin"] = DEFAULT_NOISE_UK_ARCMIN
        return values | defaults

    @property
    def files(self) -> list[Path]:
        """Return where the files lie that the band is made from."""
        beams = (self.beam_file, self.beam_modes_file)
        named = (self.passband_file, *beams, self.transfer_file, self.noise_file)
        return [located(path) for path in named if path is not None]

    def build(self) -> Band:
        """Return the band, its files read.

        Raises
        ------
        ConfigError
            If one of the files cannot be used.
        """
        noise = self._noise()
        transfer = self.transfer_file
        return Band(
            self.frequency_ghz,
            self._beam(),
            noise.white_uk_arcmin,
            noise.red,
            self._passband(),
            self.pixel_arcmin,
            None if transfer is None else read_data("transfer_file", transfer, read_transfer),
        )

    def read_beam_modes(self) -> BeamModes | None:
        """Return the measured modes of the beam's error, if there is a file of them."""
        path = self.beam_modes_file
        return None if path is None else read_data("beam_modes_file", path, read_beam_modes)

    @property
    def is_white(self) -> bool:
        """Return whether the noise has no 1/f part."""
        return self.ell_knee is None and self.noise_file is None

    def _noise(self) -> NoiseLevel:
        if self.noise_file is not None:
            table = read_data("noise_file", self.noise_file, read_noise)
            return NoiseLevel(table.white_uk_arcmin, table)
        white = self.noise_uk_arcmin
        assert white is not None  # one of the two is given
        red = None if self.ell_knee is None else KneeNoise(white, self.ell_knee, self.noise_slope)
        return NoiseLevel(white, red)

    def _passband(self) -> Passband | None:
        if self.passband_file is None:
            return None
        passband = read_data("passband_file", self.passband_file, Passband.read)
        low, high = passband.frequency_ghz[[0, -1]]
        if not low <= self.frequency_ghz <= high:
            raise ConfigError(
                f"passband_file: {self.passband_file} runs from {low:g} to {high:g} GHz, and the band is "
                f"called {self.frequency_ghz:g} GHz.",
                "Give the file of this band, or correct frequency_ghz.",
            )
        return passband

    def _beam(self) -> AnyBeam:
        if self.beam_file is None:
            assert self.beam_fwhm_arcmin is not None  # one of the two is given
            return Beam(self.beam_fwhm_arcmin)
        beam = read_data("beam_file", self.beam_file, read_beam)
        if beam.fwhm_arcmin < MIN_FWHM_ARCMIN:
            raise ConfigError(
                f"beam_file: {self.beam_file} has a FWHM of {beam.fwhm_arcmin:.2g}'; pixels of 0.25' hold no "
                f"beam below {MIN_FWHM_ARCMIN:g}'.",
                "Check that its angles are in degrees.",
            )
        return beam


DEFAULT_FWHM_ARCMIN, DEFAULT_NOISE_UK_ARCMIN = 1.0, 5.0
"""Of Gupta & Reichardt (2020), where a band states neither."""

MAX_BANDS = 8
"""The covariance of a cutout's pixels has a side of 1600 times the number of bands."""

_OF_A_BAND = frozenset(BandConfig.model_fields)


class SkyConfig(Strict):
    """What a survey sees apart from its clusters.

    A survey of one frequency may put the keys of its band straight here, without ``bands``.
    """

    bands: tuple[BandConfig, ...] = (BandConfig(),)
    noise_correlation: float = Field(0.0, ge=0, le=1, description="of 1/f noise between any two bands")
    cmb: bool = True
    foregrounds_dl3000_uk2: Foregrounds = Foregrounds()
    foreground_spectra: ForegroundSpectraConfig = ForegroundSpectraConfig()
    cosmology: CosmologyConfig = CosmologyConfig()
    objects: ObjectsConfig = ObjectsConfig()
    observing: ObservingConfig = ObservingConfig()
    realistic_observing: ObservingConfig | None = Field(None, description="what a realistic sky observes by")

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

    @model_validator(mode="after")
    def _observable(self) -> Self:
        for key in ("observing", "realistic_observing"):
            observing = getattr(self, key)
            if observing is not None and observing.stripes > 0 and all(b.is_white for b in self.bands):
                raise ValueError(f"{key}: stripes are those of 1/f noise; no band has ell_knee or noise_file")
            if (
                observing is not None
                and observing.beam_modes > 0
                and not any(band.beam_modes_file for band in self.bands)
            ):
                raise ValueError(f"{key}: beam_modes needs a beam_modes_file in one of the bands")
        return self

    @model_serializer(mode="wrap")
    def _simple_where_it_can_be(self, dump) -> dict[str, Any]:
        values = dump(self)
        bands = values.pop("bands")
        return {**bands[0], **values} if len(bands) == 1 else {"bands": bands, **values}

    @property
    def frequencies_ghz(self) -> list[float]:
        """Return the frequencies of all bands [GHz]."""
        return [band.frequency_ghz for band in self.bands]

    @property
    def files(self) -> list[Path]:
        """Return where the files lie that the bands are made from."""
        return [path for band in self.bands for path in band.files]

    def build_bands(self) -> tuple[Band, ...]:
        """Return the bands, their files read; see `BandConfig.build`."""
        return tuple(band.build() for band in self.bands)

    def build_instrument(self) -> Instrument:
        """Return all bands, and what their noises have in common."""
        return Instrument(self.build_bands(), self.noise_correlation, self.observing.build_stripes())

    def build_beam_modes(self) -> tuple[BeamModes | None, ...]:
        """Return for each band the modes of its beam's error; None where the beam is known."""
        return tuple(
            self.observing.build_beam_modes(built.beam, band.read_beam_modes())
            for band, built in zip(self.bands, self.build_bands(), strict=True)
        )

    def realistically_observed(self) -> Self:
        """Return the same sky behind an instrument that falls short as real ones do.

        By what ``realistic_observing`` says, and where there is no such section by
        `ObservingConfig.realistic`, without stripes where no band has 1/f noise.
        """
        observing = self.realistic_observing or ObservingConfig.realistic()
        if self.realistic_observing is None and all(band.is_white for band in self.bands):
            observing = observing.model_copy(update={"stripes": 0.0})
        return self.model_copy(update={"observing": observing})


def band_label(frequency_ghz: float) -> str:
    """Return a band's name in files and options: ``150``, ``92p6``."""
    return f"{frequency_ghz:g}".replace(".", "p")
