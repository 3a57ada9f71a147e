"""From Compton-y maps without a beam to stamps behind one, whatever the beam, with nothing lost to pixels."""

import numpy as np
from scipy import fft

from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.physics.beams import ARCMIN, AnyBeam

RESOLVED = 0.05
"""A map shows a beam if this transfer, at most, is left where its pixels' wave numbers end."""
_REACH_SIGMA = 4.0


def beam_sigma_arcmin(beam: AnyBeam) -> float:
    """Return the width [arcmin] of the Gaussian whose transfer falls to exp(-1/2) at the same multipole."""
    ell = np.geomspace(10.0, 1e6, 20_000)
    return 1.0 / ell[np.argmax(np.asarray(beam.b_ell(ell)) < np.exp(-0.5))] / ARCMIN


def beam_reach_arcmin(beam: AnyBeam) -> float:
    """Return the distance [arcmin] beyond which the sky adds next to nothing to a beamed pixel.

    It is four widths of the beam.
    """
    return _REACH_SIGMA * beam_sigma_arcmin(beam)


def beam_is_resolved(beam: AnyBeam, pixel_arcmin: float) -> bool:
    """Return whether the beam passes next to nothing at the largest wave number of pixels of this side."""
    return bool(np.abs(beam.b_ell(np.pi / (pixel_arcmin * ARCMIN))) <= RESOLVED)


def lattice_transfer(shape: tuple[int, int], pixels_per_arcmin: np.ndarray, beam: AnyBeam) -> np.ndarray:
    """Return the factor from the FFT of a map of pixel means to that of the beamed sky at pixel centres.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the map, an FFT's period.
    pixels_per_arcmin : (2, 2) array
        Change of (row, column) with one arcmin to the north (first column) and to the west (second).
    beam : AnyBeam
        Whose B_ell is applied, the same in all directions; the map has to resolve it.

    Returns
    -------
    (rows, columns // 2 + 1) array
        B_ell / (sinc f_row sinc f_column), f in cycles a pixel: a mean over a pixel is a sample of the sky
        behind the pixel's window, which is taken out again.
    """
    frequency_row = fft.fftfreq(shape[0])[:, None]
    frequency_column = fft.rfftfreq(shape[1])[None, :]
    (row_north, row_west), (column_north, column_west) = pixels_per_arcmin
    north = frequency_row * row_north + frequency_column * column_north
    west = frequency_row * row_west + frequency_column * column_west
    ell = 2.0 * np.pi / ARCMIN * np.hypot(north, west)
    return beam.b_ell(ell) / (np.sinc(frequency_row) * np.sinc(frequency_column))


def beamed_stamps(y_fine: np.ndarray, pixel_arcmin: float, beam: AnyBeam) -> np.ndarray:
    """Return stamps of the sky behind a beam, from fine maps of pixel means centred on the clusters.

    Parameters
    ----------
    y_fine : (n, ny, nx) array
        Compton y, the mean over each pixel; row 0 is the most southern, column 0 the most eastern, the
        cluster is at the centre of the array (between pixels where it has an even number of them).
    pixel_arcmin : float
        Pixel side, 0.25' or a whole fraction of it.
    beam : AnyBeam
        What the sky is seen through, the same in all directions.

    Returns
    -------
    (n, 40, 40) array
        Compton y behind the beam at the centres of a cutout's pixels, as `szmass_cli.geometry` lays them.

    Raises
    ------
    ValueError
        Pixels that are no whole fraction of 0.25', or a map smaller than a stamp.

    Notes
    -----
    Sky outside of the map counts as empty. Pixels of the cutout that lie between those of the map are reached
    by the shift theorem, which is exact behind a beam that the map resolves.
    """
    stride = round(PIXEL_ARCMIN / pixel_arcmin)
    if stride < 1 or abs(stride * pixel_arcmin - PIXEL_ARCMIN) > 1e-9:
        raise ValueError(f"pixels of {pixel_arcmin}' are no whole fraction of {PIXEL_ARCMIN}'")
    size = y_fine.shape[-2:]
    if min(size) < N_PIXELS * stride:
        raise ValueError(f"a map of {size} pixels of {pixel_arcmin}' does not hold a stamp")
    padding = int(np.ceil(beam_reach_arcmin(beam) / pixel_arcmin))
    period = tuple(fft.next_fast_len(length + padding, real=True) for length in size)
    transfer = lattice_transfer(period, np.eye(2) / pixel_arcmin, beam)
    # where the stamp's first pixel lies on the map, in pixels
    first = [(length - 1) / 2.0 - (N_PIXELS - 1) / 2.0 * stride for length in size]
    row, column = (int(np.floor(start)) for start in first)
    phase_row = np.exp(2j * np.pi * (first[0] - row) * fft.fftfreq(period[0]))[:, None]
    phase_column = np.exp(2j * np.pi * (first[1] - column) * fft.rfftfreq(period[1]))[None, :]
    modes = fft.rfft2(y_fine, s=period) * (transfer * phase_row * phase_column)
    beamed = fft.irfft2(modes, s=period)
    rows = slice(row, row + N_PIXELS * stride, stride)
    return beamed[..., rows, slice(column, column + N_PIXELS * stride, stride)]
