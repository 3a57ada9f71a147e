"""What acts along the axes of a CAR map: means over its pixels, and filters that depend on direction.

Both are products in the Fourier transform of the map. It is made with a margin, which is cut off afterwards,
so that edges know what lies beyond them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft

from szmass_cli.sky.carpixels import CarPixels
from szmass_cli.sky.mask import cosine_taper
from szmass_cli.sky.patch import Patch

AVERAGING_MARGIN_PIXELS = 32
FILTER_MARGIN_ARCMIN = 150.0
"""About two waves of the largest scales that filters leave; the outer half of it is tapered to zero."""

LN_COSINE_STEP = 0.03
"""Between declinations at which a filter is evaluated: a step in right ascension is an arc times cos(dec)."""

FARTHEST_DEC_DEG = 89.5


@dataclass(frozen=True)
class Margins:
    """A CAR map with what lies around it.

    Parameters
    ----------
    pixels : CarPixels
        Pixels of the map including its margins.
    rows, columns : slice
        Where the map itself is among them.
    taper_pixels : int
        Over so many pixels from the outer edge the margin is tapered; 0 for no margin.
    """

    pixels: CarPixels
    rows: slice
    columns: slice
    taper_pixels: int

    @classmethod
    def around(cls, pixels: CarPixels, margin_pixels: int) -> "Margins":
        """Return a map with so many rows and columns more on each side, as far as there are any."""
        step_deg = np.degrees(pixels.step)
        farthest = int(FARTHEST_DEC_DEG / step_deg)
        last_row = pixels.first_row + pixels.n_rows - 1
        south = min(margin_pixels, max(pixels.first_row + farthest, 0))
        north = min(margin_pixels, max(farthest - last_row, 0))
        # a degree of right ascension is a shorter arc away from the equator
        middle = np.radians(min(abs(pixels.first_row + pixels.n_rows / 2.0) * step_deg, 85.0))
        aside = min(int(np.ceil(margin_pixels / np.cos(middle))), (pixels.per_turn - pixels.n_columns) // 2)
        wide = replace(
            pixels,
            n_rows=pixels.n_rows + south + north,
            n_columns=pixels.n_columns + 2 * aside,
            first_row=pixels.first_row - south,
            first_column=pixels.first_column + aside,
        )
        return cls(
            wide,
            slice(south, south + pixels.n_rows),
            slice(aside, aside + pixels.n_columns),
            margin_pixels // 2,
        )

    @property
    def patch(self) -> Patch:
        """Return the piece of sky that the map covers with its margins."""
        step_deg = np.degrees(self.pixels.step)
        middle = (self.pixels.first_column - (self.pixels.n_columns - 1) / 2.0) * step_deg
        south = (self.pixels.first_row - 0.5) * step_deg
        return Patch(
            float(middle % 360.0),
            float(min(self.pixels.n_columns * step_deg, 360.0)),
            float(max(south, -90.0)),
            float(min(south + self.pixels.n_rows * step_deg, 90.0)),
        )

    def inner(self, sky: np.ndarray) -> np.ndarray:
        """Return the map itself, flat, of one with margins."""
        whole = sky.reshape(self.pixels.shape)
        return np.ascontiguousarray(whole[self.rows, self.columns]).ravel()


Directed = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""What a map's modes are multiplied by, at multipoles along right ascension and declination."""


def margin_pixels(pixels: CarPixels, transfers: Sequence[Directed | None]) -> int:
    """Return how wide a margin filters and the averaging over pixels need."""
    if all(transfer is None for transfer in transfers):
        return AVERAGING_MARGIN_PIXELS
    return int(np.ceil(FILTER_MARGIN_ARCMIN / pixels.pixel_arcmin))


def seen_along_axes(
    sky: np.ndarray, margins: Margins, averaging: bool, transfer: Directed | None
) -> np.ndarray:
    """Return a map of samples as means over its pixels, and filtered.

    Parameters
    ----------
    sky : numpy.ndarray, shape (rows, columns) or flat
        Of the map with its margins; float32.
    margins : Margins
        Where the map lies in `sky`, and over how many pixels its surroundings are tapered.
    averaging : bool
        Whether values become means over pixels: sinc(step f) along both axes, exact for what the pixels
        resolve, as their sides are those of the map's axes.
    transfer : callable, optional
        A filter, as a `PlaneTransfer` is. Its ell_x is along right ascension, of an arc: that of the map's
        columns over cos(dec).

    Returns
    -------
    numpy.ndarray, shape (rows, columns), float32
    """
    pixels = margins.pixels
    whole = sky.reshape(pixels.shape) * _taper(margins)
    n_columns = pixels.n_columns
    if n_columns < pixels.per_turn:
        n_columns = fft.next_fast_len(n_columns, real=True)
    box = fft.next_fast_len(pixels.n_rows, real=True), n_columns
    modes = fft.rfft2(whole, s=box, workers=-1)
    along_y, along_x = fft.fftfreq(box[0])[:, None], fft.rfftfreq(box[1])[None, :]
    if averaging:
        modes *= (np.sinc(along_y) * np.sinc(along_x)).astype(np.float32)
    if transfer is None:
        return _back(modes, box, pixels)
    ell_y, ell_ra = (2.0 * np.pi / pixels.step * along for along in (along_y, along_x))
    cosine = np.cos((pixels.first_row + np.arange(pixels.n_rows)) * pixels.step)
    filtered = np.zeros(pixels.shape, np.float32)
    for node, weight in _nodes(np.log(cosine)):
        # right ascension falls with the number of the column
        passed = transfer(-ell_ra / np.exp(node), ell_y).astype(np.float32)
        filtered += weight[:, None] * _back(modes * passed, box, pixels)
    return filtered


def _taper(margins: Margins) -> np.ndarray:
    """Return the weights of a map with margins: 1 inside, falling to 0 at the outer edges that it has."""
    sides = []
    for axis, inside in enumerate((margins.rows, margins.columns)):
        n = margins.pixels.shape[axis]
        weight = np.ones(n)
        pixels = np.arange(n) + 0.5
        if inside.start > 0:
            weight *= cosine_taper(pixels, min(margins.taper_pixels, inside.start))
        if inside.stop < n:
            weight *= cosine_taper(n - pixels, min(margins.taper_pixels, n - inside.stop))
        sides.append(weight.astype(np.float32))
    return np.outer(*sides)


def _nodes(ln_cosine: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Return values of ln cos(dec), and what each weighs in every row: linear between them."""
    low, high = float(ln_cosine.min()), float(ln_cosine.max())
    nodes = np.linspace(low, high, max(int(np.ceil((high - low) / LN_COSINE_STEP)) + 1, 2))
    if high - low < 1e-9:
        return [(low, np.ones(ln_cosine.size, np.float32))]
    place = (ln_cosine - low) / (nodes[1] - nodes[0])
    weights = np.clip(1.0 - np.abs(place - np.arange(len(nodes))[:, None]), 0.0, 1.0)
    return [(float(node), weight.astype(np.float32)) for node, weight in zip(nodes, weights, strict=True)]


def _back(modes: np.ndarray, box: tuple[int, int], pixels: CarPixels) -> np.ndarray:
    return fft.irfft2(modes, s=box, workers=-1)[: pixels.n_rows, : pixels.n_columns]
