"""Large Gaussian skies on a plane."""

from collections.abc import Sequence

import numpy as np
from scipy import fft

from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.sky.power import SkyPower

MARGIN_ARCMIN = 120.0
"""The periodic box is this much larger than the field, so that opposite edges stay uncorrelated."""


def plane_fields(
    rng: np.random.Generator,
    shape: tuple[int, int],
    pixel_arcmin: float,
    power: SkyPower,
    bands: Sequence[Band],
) -> np.ndarray:
    """Beamed Gaussian skies of all bands on a plane, made on a larger periodic box and cropped.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Pixels in y and x.
    pixel_arcmin : float
        Pixel side.
    power : SkyPower
        Between the f bands.
    bands : sequence of Band, length f

    Returns
    -------
    numpy.ndarray, shape (f, ny, nx), float32 [µK]
    """
    margin = int(np.ceil(MARGIN_ARCMIN / pixel_arcmin))
    box = [fft.next_fast_len(size + margin, real=True) for size in shape]
    pixel_rad = pixel_arcmin * ARCMIN
    ell_y = 2.0 * np.pi * fft.fftfreq(box[0], pixel_rad)
    ell_x = 2.0 * np.pi * fft.rfftfreq(box[1], pixel_rad)
    white = [fft.rfft2(rng.standard_normal(box, dtype=np.float32), workers=-1) for _ in bands]
    mixing, beams = power.mixing() / pixel_rad, _on_table(power, bands)
    skies = []
    for row, beam in zip(mixing, beams, strict=True):
        modes = np.zeros_like(white[0])
        for y, ly in enumerate(ell_y):  # a row at a time: the box can be 10^8 pixels
            ell = np.hypot(ly, ell_x)
            for other, transfer in zip(white, row, strict=True):
                modes[y] += np.interp(ell, power.ell, transfer * beam, left=0.0, right=0.0) * other[y]
        sky = fft.irfft2(modes, s=box, workers=-1)[: shape[0], : shape[1]]
        skies.append(np.asarray(sky, np.float32))
    return np.stack(skies)


def _on_table(power: SkyPower, bands: Sequence[Band]) -> np.ndarray:
    """Transfer functions (f, n) at the multipoles of the table, fine enough to interpolate."""
    return np.array([band.beam.b_ell(power.ell) for band in bands])
