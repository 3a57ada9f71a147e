"""Gaussian skies of small fields: on a plane, and from there on the pixels of a map."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import fft
from scipy.ndimage import map_coordinates, spline_filter

from szmass_cli.physics.beams import ARCMIN, AnyBeam
from szmass_cli.sky.mapaxes import Directed
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.pixels import Pixels, blocks
from szmass_cli.sky.power import SkyPower
from szmass_cli.system.progress import Progress, silent

MARGIN_ARCMIN = 120.0
"""The periodic box is this much larger than the field, so that opposite edges stay uncorrelated."""

PLANE_RADIUS_DEG = 11.5
"""Largest field, from its centre, that a plane is flat enough for.

In Lambert's equal-area projection lengths at a distance r from the centre are wrong by r^2/8 = e, too short
one way and too long the other: 0.5 per cent here. Power C ~ ell^-a measured in all directions is then wrong
by a (a - 2) e^2 / 4, as the first order cancels: where the CMB is damped and the beam cuts, a = 10 at most,
this is 0.05 per cent at the edge and less inside. To first order, a e, power is only moved from one direction
to the other, at opposite edges the same and at neighbouring ones the other way.
"""

PLANE_PIXEL_ARCMIN, SAMPLES_PER_FWHM = 0.25, 4.0
"""Plane pixels, and how many there must be in a beam: cubic splines between pixels of 0.25' pass 99.9 per
cent of the power at ell = 10,000, and 97 per cent at 20,000, where a 1' beam has cut all but 0.2 per cent."""

_SPLINE_MARGIN = 16


def plane_pixel_arcmin(beams: Sequence[AnyBeam]) -> float:
    """Return the side of the plane's pixels, fine enough for the sharpest beam."""
    sharpest_arcmin = min(beam.fwhm_arcmin for beam in beams)
    return min(PLANE_PIXEL_ARCMIN, sharpest_arcmin / SAMPLES_PER_FWHM)


def plane_fields(
    rng: np.random.Generator,
    shape: tuple[int, int],
    pixel_arcmin: float,
    power: SkyPower,
    beams: Sequence[AnyBeam],
    filters: Sequence[Directed | None] | None = None,
) -> np.ndarray:
    """Return beamed Gaussian skies of all bands on a plane, made on a larger periodic box and cropped.

    Parameters
    ----------
    rng : numpy.random.Generator
        Gives white noise on the whole box, a band at a time.
    shape : (int, int)
        Pixels in y and x.
    pixel_arcmin : float
        Side of the square pixels [arcmin].
    power : SkyPower
        Between the f bands.
    beams : sequence of AnyBeam, length f
        What each band is seen through.
    filters : sequence of callable or None, length f, optional
        As `PlaneTransfer` is; of bands whose filter depends on direction; y to the north, x to the west.

    Returns
    -------
    numpy.ndarray, shape (f, ny, nx), float32 [µK]
    """
    margin = int(np.ceil(MARGIN_ARCMIN / pixel_arcmin))
    box = [fft.next_fast_len(size + margin, real=True) for size in shape]
    pixel_rad = pixel_arcmin * ARCMIN
    ell_y = 2.0 * np.pi * fft.fftfreq(box[0], pixel_rad)
    ell_x = 2.0 * np.pi * fft.rfftfreq(box[1], pixel_rad)
    white = [fft.rfft2(rng.standard_normal(box, dtype=np.float32), workers=-1) for _ in beams]
    mixing, passed = power.mixing() / pixel_rad, [beam.b_ell(power.ell) for beam in beams]
    skies = np.empty((len(beams), *shape), np.float32)
    filters = [None] * len(beams) if filters is None else filters
    for sky, row, amplitude, plane_filter in zip(skies, mixing, passed, filters, strict=True):
        modes = np.zeros_like(white[0])
        for y, ly in enumerate(ell_y):  # a row at a time: the box can be 10^8 pixels
            ell = np.hypot(ly, ell_x)
            for other, transfer in zip(white, row, strict=True):
                modes[y] += np.interp(ell, power.ell, transfer * amplitude, left=0.0, right=0.0) * other[y]
            if plane_filter is not None:  # right ascension grows eastwards
                modes[y] *= plane_filter(-ell_x, ly)
        sky[:] = fft.irfft2(modes, s=box, workers=-1, overwrite_x=True)[: shape[0], : shape[1]]
    return skies


def plane_skies(
    pixels: Pixels,
    patch: Patch,
    power: SkyPower,
    beams: Sequence[AnyBeam],
    seed: np.random.SeedSequence,
    progress: Progress = silent,
) -> Iterator[np.ndarray]:
    """Yield beamed Gaussian skies on the pixels of a small field, made on a plane and interpolated.

    Parameters
    ----------
    pixels : Pixels
        Whose centres the planes are interpolated to.
    patch : Patch
        What the pixels cover, within a circle of `PLANE_RADIUS_DEG`.
    power : SkyPower
        Between the f bands.
    beams : sequence of AnyBeam, length f
        What each band is seen through.
    seed : numpy.random.SeedSequence
        The sky follows from it and the patch: it is the same on pixels of all kinds.
    progress : Progress
        Called with ``plane`` as it is drawn, then with ``sky`` and how many pixels are interpolated.

    Yields
    ------
    numpy.ndarray, shape (pixels.size,), float32 [µK]
        One band after the other.
    """
    step = plane_pixel_arcmin(beams)
    center = np.radians(patch.bounding_circle_deg()[:2])
    corner, shape = _plane_of(patch, center, step)
    n = shape[0] * shape[1]
    progress("plane", 0, n)
    rng = np.random.Generator(np.random.PCG64DXSM(seed))
    planes = plane_fields(rng, shape, step, power, beams)
    progress("plane", n, n)
    for plane in planes:
        coefficients = spline_filter(plane, order=3, output=np.float32)
        sky = np.empty(pixels.size, np.float32)
        for part in blocks(pixels.size):
            x, y = lambert(*np.radians(pixels.ra_dec_deg(part)), *center)
            where = np.array([y, x]) / (step * ARCMIN) - corner[:, None]
            map_coordinates(coefficients, where, output=sky[part], order=3, prefilter=False)
            progress("sky", part.stop, pixels.size)
        yield sky


def _plane_of(patch: Patch, center: np.ndarray, step_arcmin: float) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the plane that holds a patch: y and x of its corner in pixels from the centre, and its shape."""
    ra, dec = (np.radians(axis) for axis in patch.grid_deg())
    x, y = lambert(ra, dec, *center)
    axes = [axis / (step_arcmin * ARCMIN) for axis in (y, x)]
    corner = np.array([np.floor(axis.min()) - _SPLINE_MARGIN for axis in axes])
    ny, nx = (
        int(np.ceil(axis.max()) + _SPLINE_MARGIN - start) for axis, start in zip(axes, corner, strict=True)
    )
    return corner, (ny, nx)


def lambert(lon, lat, lon_0: float, lat_0: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Lambert's azimuthal equal-area projection about a centre, all in radians.

    Snyder (1987), Map Projections, eqs. 24-2 to 24-4: x to the east, y to the north.
    """
    sine, cosine = np.sin(lat), np.cos(lat)
    along = cosine * np.cos(lon - lon_0)
    scale = np.sqrt(2.0 / (1.0 + np.sin(lat_0) * sine + np.cos(lat_0) * along))
    x = scale * cosine * np.sin(lon - lon_0)
    return x, scale * (np.cos(lat_0) * sine - np.sin(lat_0) * along)
