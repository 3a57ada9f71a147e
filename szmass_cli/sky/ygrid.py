"""The fine grid on which Compton-y maps without a beam are made: pixel means, centred on the cluster."""

from dataclasses import dataclass

import numpy as np

_PARTS = 2


@dataclass(frozen=True)
class YGrid:
    """A square map around a cluster, which lies between its middle pixels.

    Attributes
    ----------
    n_pixels : int
        Pixels on a side, an even number.
    pixel_arcmin : float
        Pixel side. With 0.125' and means of 2 x 2 samples a pixel, beamed stamps of clusters come out right
        to 0.1 per cent.
    """

    n_pixels: int = 128
    pixel_arcmin: float = 0.125

    @property
    def half_width_arcmin(self) -> float:
        return 0.5 * self.n_pixels * self.pixel_arcmin

    def offsets(self) -> np.ndarray:
        """Return the offsets (n_pixels,) of the pixels' centres from the cluster [arcmin], ascending."""
        return (np.arange(self.n_pixels) - (self.n_pixels - 1) / 2.0) * self.pixel_arcmin

    def fine_offsets(self, pixels: slice) -> np.ndarray:
        """Return the offsets [arcmin] of the samples of a range of pixels, two a pixel."""
        samples = np.arange(_PARTS * pixels.start, _PARTS * pixels.stop)
        return (samples - (_PARTS * self.n_pixels - 1) / 2.0) * (self.pixel_arcmin / _PARTS)

    def pixel_means(self, samples: np.ndarray) -> np.ndarray:
        """Return the means over pixels of samples at `fine_offsets` in both directions."""
        return 0.25 * (samples[::2, ::2] + samples[1::2, ::2] + samples[::2, 1::2] + samples[1::2, 1::2])

    def pixels_within(self, centre_arcmin: float, reach_arcmin: float) -> slice:
        """Return the pixels of a row or column within reach of a place, as many as are on the map."""
        middle = self.n_pixels / 2.0
        first = int(np.floor(middle + (centre_arcmin - reach_arcmin) / self.pixel_arcmin))
        last = int(np.ceil(middle + (centre_arcmin + reach_arcmin) / self.pixel_arcmin))
        return slice(min(max(first, 0), self.n_pixels), min(max(last, 0), self.n_pixels))


DEFAULT_GRID = YGrid()
"""16' on a side: 3' around a cutout, enough for beams up to 2.2'."""
