"""Simulated cutouts as instruments take them: depth, calibration and beams that are not quite as stated."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from scipy import fft

from szmass_cli.config import ObservingConfig
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beamerrors import BeamModes, MisknownBeam
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.sky.cutoutsky import CutoutSky, red_noise_sky
from szmass_cli.sky.power import SkyPower


@dataclass(frozen=True)
class Errors:
    """By what n maps or cutouts fall short; None where an instrument does not.

    Parameters
    ----------
    depth : numpy.ndarray, shape (n,), optional
        Noise over the stated one, alike in all bands.
    calibration : numpy.ndarray, shape (n, f), optional
        Fraction by which temperatures are too large.
    beam_error : numpy.ndarray, shape (n, f, m), optional
        Standard deviations of each mode of the beams' errors.
    """

    depth: np.ndarray | None = None
    calibration: np.ndarray | None = None
    beam_error: np.ndarray | None = None

    def __getitem__(self, rows: slice) -> "Errors":
        return Errors(**{name: values[rows] for name, values in self.arrays().items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """Return those that are there, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in named.items() if values is not None}


class ErrorModel:
    """Draws by how much maps of an instrument fall short, and puts that into cutouts.

    Parameters
    ----------
    config : ObservingConfig
        Sizes of the errors.
    bands : sequence of Band, length f
        With the beams that are stated.
    modes : sequence of BeamModes or None, length f
        Of the error of each band's beam; see `ObservingConfig.build_beam_modes`.

    Notes
    -----
    Errors of beams are applied to what is painted on a cutout, to first order: the relative error of B_ell
    times the painted image, whose surroundings are taken for its mirror images. The Gaussian sky keeps the
    stated beam. Calibration multiplies all there is in a cutout, noise included, as it does in a map.
    """

    def __init__(self, config: ObservingConfig, bands: Sequence[Band], modes: Sequence[BeamModes | None]):
        self._config, self._bands, self._modes = config, tuple(bands), tuple(modes)
        self.n_modes = max(0 if of_band is None else len(of_band) for of_band in self._modes)

    @property
    def is_perfect(self) -> bool:
        """Return whether nothing is ever drawn."""
        config = self._config
        return config.calibration_error == 0.0 and self.n_modes == 0 and not config.varies_in_depth

    def draw(self, rng: np.random.Generator, n: int) -> Errors:
        """Draw the errors of n maps or cutouts; of modes that a band has not, 0.

        They come from a stream of their own: what else is drawn from `rng` is the same without them.
        """
        if self.is_perfect:
            return Errors()
        (rng,) = rng.spawn(1)
        config, n_bands = self._config, len(self._bands)
        depth = calibration = beam_error = None
        if config.varies_in_depth:
            low, high = np.log([config.min_noise_factor, config.max_noise_factor])
            depth = np.exp(rng.uniform(low, high, n))
        if config.calibration_error > 0.0:
            calibration = config.calibration_error * rng.standard_normal((n, n_bands))
        if self.n_modes > 0:
            of_band = np.array([0 if modes is None else len(modes) for modes in self._modes])
            there = np.arange(self.n_modes) < of_band[:, None]
            beam_error = rng.standard_normal((n, n_bands, self.n_modes)) * there
        return Errors(depth, calibration, beam_error)

    def bands(self, errors: Errors, row: int = 0) -> tuple[Band, ...]:
        """Return the bands with the beams that they have in truth in a row of `errors`."""
        if errors.beam_error is None:
            return self._bands
        seen = []
        for band, modes, drawn in zip(self._bands, self._modes, errors.beam_error[row], strict=True):
            beam = band.beam if modes is None else MisknownBeam(band.beam, modes, drawn[: len(modes)])
            seen.append(replace(band, beam=beam))
        return tuple(seen)

    def distort(self, images_uk: np.ndarray, painted_uk: np.ndarray, errors: Errors) -> np.ndarray:
        """Return images with the errors of their beams and calibration.

        Parameters
        ----------
        images_uk : numpy.ndarray, shape (n, 40, 40, f), float32
            Sky, noise and all that is painted, behind the stated beams [µK].
        painted_uk : numpy.ndarray, shape (n, 40, 40, f), float32
            What is painted alone [µK].
        errors : Errors
            Those of n cutouts.
        """
        if errors.beam_error is not None:
            waves = fft.dctn(painted_uk, axes=(1, 2), norm="ortho")
            waves *= np.einsum("nfm,fmyx->nyxf", errors.beam_error.astype(np.float32), self._relative)
            images_uk = images_uk + fft.idctn(waves, axes=(1, 2), norm="ortho")
        if errors.calibration is not None:
            images_uk = images_uk * (1.0 + errors.calibration[:, None, None, :]).astype(np.float32)
        return images_uk

    @cached_property
    def _relative(self) -> np.ndarray:
        """Return the modes over the beams (f, m, 40, 40), at the waves of a cosine transform."""
        ell = np.pi * np.arange(N_PIXELS) / (N_PIXELS * PIXEL_ARCMIN * ARCMIN)
        ell = np.hypot(ell[:, None], ell[None, :])
        relative = np.zeros((len(self._bands), self.n_modes, *ell.shape), np.float32)
        for row, band, modes in zip(relative, self._bands, self._modes, strict=True):
            if modes is not None:
                row[: len(modes)] = modes.relative(band.beam, ell)
        return relative


@dataclass(frozen=True)
class BareCutouts:
    """Cutouts of sky and noise on which nothing is painted yet.

    Parameters
    ----------
    image_uk : numpy.ndarray, shape (n, 40, 40, f), float32
        Gaussian sky through stated beams, and noise [µK].
    errors : Errors
        By what these cutouts fall short; the depth is in the noise already.
    """

    image_uk: np.ndarray
    errors: Errors

    def __getitem__(self, rows: slice) -> "BareCutouts":
        return BareCutouts(self.image_uk[rows], self.errors[rows])


class CutoutObserver:
    """Draws cutouts of sky and noise, and adds what is painted on them as the instrument sees it.

    Parameters
    ----------
    sky : CutoutSky
        Sky and noise as stated.
    power : SkyPower
        What `sky` is made from.
    model : ErrorModel
        What is not as stated.
    """

    def __init__(self, sky: CutoutSky, power: SkyPower, model: ErrorModel):
        self._sky, self._power, self._model = sky, power, model

    def draw(self, rng: np.random.Generator, n: int) -> BareCutouts:
        """Draw n independent cutouts of sky and noise."""
        errors = self.errors(rng, n)
        if errors.depth is None:
            return BareCutouts(self._sky.draw(rng, n), errors)
        sky, red = self._apart
        noise = rng.standard_normal((n, N_PIXELS, N_PIXELS, sky.n_bands), dtype=np.float32)
        noise *= self._sky.noise_uk
        if red is not None:
            noise += red.draw_sky(rng, n)
        noise *= errors.depth[:, None, None, None].astype(np.float32)
        return BareCutouts(noise + sky.draw_sky(rng, n), errors)

    def errors(self, rng: np.random.Generator, n: int) -> Errors:
        """Draw by how much n cutouts fall short."""
        return self._model.draw(rng, n)

    def observe(self, bare: BareCutouts, painted_uk: np.ndarray) -> np.ndarray:
        """Return cutouts (n, 40, 40, f) with what is painted on them, behind the beams as they are [µK]."""
        return self._model.distort(bare.image_uk + painted_uk, painted_uk, bare.errors)

    @cached_property
    def _apart(self) -> tuple[CutoutSky, CutoutSky | None]:
        """Return the sky without red noise, and the red noise, where there is any."""
        instrument = self._sky.instrument
        quiet = tuple(replace(band, red_noise=None) for band in instrument.bands)
        return CutoutSky(self._power, Instrument(quiet)), red_noise_sky(self._power, instrument)
