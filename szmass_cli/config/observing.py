"""How a survey falls short of what it states: calibration, beams, stripes, depth."""

from typing import Self

from pydantic import Field, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.physics.beamerrors import BeamModes, all_modes, stretch_mode, wing_mode
from szmass_cli.physics.beams import AnyBeam
from szmass_cli.physics.stripes import DEFAULT_WIDTH_DEG, Stripes


class ObservingConfig(Strict):
    """What a simulated map has that its headers and likelihoods do not know, and stripes, which they do.

    Errors are drawn for each map of a field, and for each cutout of a training set. All are off by default.
    """

    calibration_error: float = Field(0.0, ge=0, le=0.2, description="rms, a fraction; of each band")
    beam_error: float = Field(0.0, ge=0, le=0.2, description="rms of the width, a fraction; of each band")
    beam_wing_error: float = Field(0.0, ge=0, le=0.1, description="rms of the solid angle in a shoulder")
    beam_modes: float = Field(0.0, ge=0, le=5, description="times the modes of each band's beam_modes_file")
    stripes: float = Field(0.0, ge=0, le=1, description="fraction of the 1/f power across the scans")
    scan_angles_deg: tuple[float, ...] = Field((0.0,), description="of scans, from east to north")
    stripe_width_deg: float = Field(DEFAULT_WIDTH_DEG, ge=5, le=60, description="rms of their directions")
    min_noise_factor: float = Field(1.0, ge=0.1, le=10, description="of cutouts; drawn evenly in its ln")
    max_noise_factor: float = Field(1.0, ge=0.1, le=10)

    @classmethod
    def realistic(cls) -> Self:
        """Return what surveys of today fall short by, where they do not say it themselves.

        ESTIMATES: calibration 1 per cent a band (between 0.3, against Planck, and 2), beams 1 per cent in
        width (0.5 to 2) and 0.3 per cent of the solid angle in wings, a third of the 1/f power in stripes.
        """
        return cls(
            calibration_error=0.01,
            beam_error=0.01,
            beam_wing_error=0.003,
            stripes=0.3,
            min_noise_factor=0.8,
            max_noise_factor=1.25,
        )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_noise_factor > self.max_noise_factor:
            raise ValueError("min_noise_factor must not exceed max_noise_factor")
        if not 1 <= len(self.scan_angles_deg) <= 8 or any(abs(a) > 360 for a in self.scan_angles_deg):
            raise ValueError("scan_angles_deg: give 1 to 8 angles within 360 degrees")
        return self

    @property
    def varies_in_depth(self) -> bool:
        """Return whether the noise of cutouts differs from what is stated."""
        return not self.min_noise_factor == self.max_noise_factor == 1.0

    def build_stripes(self) -> Stripes | None:
        """Return the stripes; None where there are none."""
        if self.stripes == 0.0:
            return None
        return Stripes(self.stripes, self.scan_angles_deg, self.stripe_width_deg)

    def build_beam_modes(self, beam: AnyBeam, measured: BeamModes | None) -> BeamModes | None:
        """Return the modes of a beam's error; None where it is known.

        Parameters
        ----------
        beam : AnyBeam
            The beam as it is stated.
        measured : BeamModes, optional
            Modes that were measured with it.
        """
        parts = []
        if self.beam_error > 0.0:
            parts.append(stretch_mode(beam, self.beam_error))
        if self.beam_wing_error > 0.0:
            parts.append(wing_mode(beam, self.beam_wing_error))
        if self.beam_modes > 0.0 and measured is not None:
            parts.append(BeamModes(measured.ell, self.beam_modes * measured.delta))
        return all_modes(parts)
