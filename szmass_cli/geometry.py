"""The one cutout geometry: 40 x 40 pixels of 0.25', the cluster between pixels 19 and 20 on both axes."""

import numpy as np

N_PIXELS = 40
PIXEL_ARCMIN = 0.25
ORIENTATION = "first pixel axis south to north, second east to west"


def pixel_offsets_arcmin() -> np.ndarray:
    """Return the offsets (40,) of pixel centres from the cluster along an axis, south to north [arcmin]."""
    return (np.arange(N_PIXELS) - (N_PIXELS - 1) / 2.0) * PIXEL_ARCMIN


def pixel_radii_arcmin() -> np.ndarray:
    """Return the distance of each pixel centre from the cluster, shape (40, 40) [arcmin]."""
    offsets = pixel_offsets_arcmin()
    return np.hypot(offsets[:, None], offsets[None, :])


def edge_taper(width_arcmin: float) -> np.ndarray:
    """Return weights (40, 40) that fall as a cosine of the given width towards the edges; 1 for no width."""
    if width_arcmin == 0.0:
        return np.ones((N_PIXELS, N_PIXELS))
    distance = 0.5 * N_PIXELS * PIXEL_ARCMIN - np.abs(pixel_offsets_arcmin())
    taper = 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / width_arcmin, 0.0, 1.0))
    return np.outer(taper, taper)
