"""Flat maps of a Gaussian sky and noise, in CAR around the equator, and what is read from them."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from szmass_cli.estimation.rows import Rows

ARCMIN = np.pi / 10_800
PIXEL_ARCMIN = 0.5


def plane(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return multipoles eastwards and northwards of the transform of a map (n, n)."""
    ell = 2.0 * np.pi * np.fft.fftfreq(n, PIXEL_ARCMIN * ARCMIN)
    return np.broadcast_arrays(-ell[None, :], ell[:, None])


def drawn(power: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a periodic map (n, n) of power (n, n) [µK^2 sr]."""
    modes = np.fft.fft2(rng.standard_normal(power.shape)) * np.sqrt(power)
    return np.fft.ifft2(modes).real / (PIXEL_ARCMIN * ARCMIN)


def write_car(path: Path, values: np.ndarray) -> Path:
    """Write a map [µK] around right ascension 40, declination 0."""
    middle = 0.5 * (len(values) + 1)
    cards = {"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CUNIT1": "deg", "CUNIT2": "deg", "BUNIT": "uK"}
    cards |= {"CDELT1": -PIXEL_ARCMIN / 60, "CDELT2": PIXEL_ARCMIN / 60, "CRVAL1": 40.0, "CRVAL2": 0.0}
    header = fits.Header(cards | {"CRPIX1": middle, "CRPIX2": middle})
    fits.writeto(path, values.astype(np.float32), header, overwrite=True)
    return path


def rows_within(half_width_deg: float, n: int, seed: int = 5) -> Rows:
    """Return rows at random positions in a square around the middle of such maps."""
    ra, dec = np.random.default_rng(seed).uniform(-half_width_deg, half_width_deg, (2, n))
    return Rows(40.0 + ra, dec, np.full(n, 0.5), np.zeros(n), np.zeros(n), np.zeros(n, np.int32))
