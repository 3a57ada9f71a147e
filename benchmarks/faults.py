"""Maps that are spoiled in known ways, or of which something wrong is said: the faults of `check.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from szmass_cli.physics.beams import ARCMIN

BEAM_ARCMIN, NOISE_UK_ARCMIN, PIXEL_ARCMIN = 1.0, 20.0, 0.5
Image = np.ndarray
Draws = np.random.Generator


def unchanged(image: Image, _: Draws) -> Image:
    """The map as simulated."""
    return image


def waves(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Multipoles along both axes of a small CAR map, as if it were flat."""
    step = PIXEL_ARCMIN * ARCMIN / (2.0 * np.pi)
    return np.fft.fftfreq(shape[0], step)[:, None], np.fft.rfftfreq(shape[1], step)[None, :]


def with_red_noise(image: Image, rng: Draws) -> Image:
    """1/f noise with a knee at 4000 and a slope of -3.5, of which nothing is said."""
    ell = np.maximum(np.hypot(*waves(image.shape)), 300.0)
    white = rng.standard_normal(image.shape) * NOISE_UK_ARCMIN / PIXEL_ARCMIN
    return image + np.fft.irfft2(np.fft.rfft2(white) * (ell / 4000.0) ** -1.75, s=image.shape)


def filtered(image: Image, _: Draws) -> Image:
    """A high-pass filter along the rows, at 500, of which nothing is said."""
    ell_x = waves(image.shape)[1]
    return np.fft.irfft2(np.fft.rfft2(image) * (ell_x > 500.0), s=image.shape)


def with_sources(image: Image, rng: Draws) -> Image:
    """Point sources of 1 to 50 mJy, N(>S) = 15 (S / 1 mJy)^-1 per square degree, seen by the beam."""
    n = rng.poisson(15.0 * image.size * (PIXEL_ARCMIN / 60.0) ** 2)
    flux_mjy = np.minimum(1.0 / rng.uniform(size=n), 50.0)
    # at 150 GHz 1 K of the CMB is 398.6 MJy/sr, and 1 mJy 1e-29 W/m2/Hz
    uk_arcmin2 = flux_mjy * 1e-29 / (398.6e-20 * ARCMIN**2) * 1e6
    rows, columns = rng.integers(image.shape[0], size=n), rng.integers(image.shape[1], size=n)
    points = np.zeros_like(image)
    np.add.at(points, (rows, columns), uk_arcmin2 / PIXEL_ARCMIN**2)
    ell = np.hypot(*waves(image.shape))
    sigma = BEAM_ARCMIN * ARCMIN / np.sqrt(8.0 * np.log(2.0))
    return image + np.fft.irfft2(np.fft.rfft2(points) * np.exp(-0.5 * (ell * sigma) ** 2), s=image.shape)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a map, or with what is said of it."""

    name: str
    spoil: Callable[[Image, Draws], Image] = unchanged
    stated: dict[str, Any] = field(default_factory=dict)
    seen: bool = True


FAULTS = (
    Fault("as stated"),
    Fault("noise stated half", stated={"noise": 0.5 * NOISE_UK_ARCMIN}),
    Fault("noise stated twice", stated={"noise": 2.0 * NOISE_UK_ARCMIN}),
    Fault("undeclared 1/f noise", with_red_noise),
    Fault("unsubtracted sources", with_sources),
    Fault("beam stated 10 % wide", stated={"beam": 1.1 * BEAM_ARCMIN}, seen=False),
    Fault("undeclared filter", filtered, seen=False),
)
