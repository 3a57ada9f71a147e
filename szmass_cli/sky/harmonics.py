"""Gaussian skies of large fields: spherical harmonics, drawn and summed on the rings of a map."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import ducc0
import numpy as np

from szmass_cli.physics.beams import AnyBeam
from szmass_cli.sky.pixels import Pixels, Ring
from szmass_cli.sky.power import SkyPower
from szmass_cli.system.progress import Progress, silent

BLOCK_RINGS = 256
"""Rings that are summed at once. With 30,000 multipoles their Fourier modes are 60 MB."""

NEGLIGIBLE = 1e-3
"""Amplitude that a beam may cut off: 1e-6 of the power."""

_BLOCK_M = 128


def last_multipole(beam: AnyBeam) -> int:
    """Return the multipole beyond which a beam passes less than 1e-3 of an amplitude, 1e-6 of the power.

    It may be more than the map's pixels can hold. Pixels are samples of the beamed sky, so that power beyond
    their limit folds back onto lower multipoles, as it does in a map made from a scanned sky.
    """
    ell = np.arange(int(beam.ell_max) + 1)
    return int(np.flatnonzero(np.abs(beam.b_ell(ell)) >= NEGLIGIBLE)[-1])


def n_coefficients(ell_max: int) -> int:
    """Return the number of a_lm with m >= 0."""
    return (ell_max + 1) * (ell_max + 2) // 2


def harmonic_skies(
    pixels: Pixels,
    power: SkyPower,
    beams: Sequence[AnyBeam],
    seed: np.random.SeedSequence,
    progress: Progress = silent,
) -> Iterator[np.ndarray]:
    """Yield beamed Gaussian skies on the pixels of a field of any size.

    Parameters
    ----------
    pixels : Pixels
        Whose rings the harmonics are summed on.
    power : SkyPower
        Between the f bands.
    beams : sequence of AnyBeam, length f
        What each band is seen through.
    seed : numpy.random.SeedSequence
        Of the white noises, which all bands share.
    progress : Progress
        Called with ``modes``, then with ``sky``, for each band.

    Yields
    ------
    numpy.ndarray, shape (pixels.size,), float32 [µK]
        One band after the other: only one set of coefficients is kept.
    """
    for index, beam in enumerate(beams):
        ell_max = last_multipole(beam)
        alm = draw_alm(power, index, beam, ell_max, seed, progress)
        yield on_pixels(alm, ell_max, pixels, progress)


def draw_alm(
    power: SkyPower,
    index: int,
    beam: AnyBeam,
    ell_max: int,
    seed: np.random.SeedSequence,
    progress: Progress = silent,
) -> np.ndarray:
    """Draw the coefficients of one band's beamed sky, mixed from white noise that all bands share.

    Parameters
    ----------
    power : SkyPower
        Between the f bands.
    index : int
        Index of the band among the f bands.
    beam : AnyBeam
        What that band is seen through.
    ell_max : int
        Highest multipole, itself included.
    seed : numpy.random.SeedSequence
        Each m of each white noise has a stream of its own, in ascending ell: bands of any ell_max share them.
    progress : Progress
        Called with ``modes`` and how many m are drawn, of ell_max + 1.

    Returns
    -------
    numpy.ndarray, shape (n_coefficients(ell_max),), complex64 [µK]
        m after m, in ascending ell: the order of healpy.
    """
    ell = np.arange(ell_max + 1)
    beamed = beam.b_ell(ell)
    rows = [np.interp(ell, power.ell, row, left=0.0, right=0.0) * beamed for row in power.mixing()[index]]
    transfers = np.array(rows, np.float32) * np.float32(np.sqrt(0.5))  # real and imaginary part share it
    alm = np.zeros(n_coefficients(ell_max), np.complex64)

    def fill(block: range) -> None:
        for m in block:
            start = m * (2 * ell_max + 3 - m) // 2
            for white, transfer in enumerate(transfers):
                alm[start : start + ell_max + 1 - m] += transfer[m:] * _white(seed, white, m, ell_max)

    starts = range(0, ell_max + 1, _BLOCK_M)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first, _ in zip(
            starts, pool.map(fill, (range(m, min(m + _BLOCK_M, ell_max + 1)) for m in starts)), strict=True
        ):
            progress("modes", min(first + _BLOCK_M, ell_max + 1), ell_max + 1)
    return alm


def _white(seed: np.random.SeedSequence, white: int, m: int, ell_max: int) -> np.ndarray:
    """Draw the coefficients of one m, ell = m to ell_max, with real and imaginary parts of unit variance."""
    stream = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, white, m))
    rng = np.random.Generator(np.random.PCG64DXSM(stream))
    values = rng.standard_normal(2 * (ell_max + 1 - m), dtype=np.float32).view(np.complex64)
    if m == 0:  # real, and all of the variance in it
        values = (np.float32(np.sqrt(2.0)) * values.real).astype(np.complex64)
    return values


def on_pixels(alm: np.ndarray, ell_max: int, pixels: Pixels, progress: Progress = silent) -> np.ndarray:
    """Sum spherical harmonics on the pixels of a map, some rings at a time.

    Parameters
    ----------
    alm : numpy.ndarray, shape (n_coefficients(ell_max),), complex64
        Coefficients in the order of `draw_alm`, in the unit that the map is to have.
    ell_max : int
        Highest multipole in `alm`.
    pixels : Pixels
        Whose rings the harmonics are summed on.
    progress : Progress
        Called with ``sky`` and how many rings are done.

    Returns
    -------
    numpy.ndarray, shape (pixels.size,), float32
    """
    sky = np.empty(pixels.size, np.float32)
    rings = pixels.rings()
    # rings as far north as others are south share their Legendre functions, if they are summed together
    order = np.argsort([round(abs(ring.colatitude - np.pi / 2.0), 12) for ring in rings], kind="stable")
    done = 0
    for block in np.array_split(order, int(np.ceil(len(order) / BLOCK_RINGS))):
        values = _on_rings(alm, ell_max, [rings[ring] for ring in block])
        for ring, circle in zip(block, values, strict=True):
            here, of_circle = pixels.on_ring(ring)
            sky[here] = circle[of_circle]
        done += len(block)
        progress("sky", done, len(order))
    return sky


def _on_rings(alm: np.ndarray, ell_max: int, rings: Sequence[Ring]) -> list[np.ndarray]:
    count = np.array([ring.n for ring in rings], np.uint64)
    start = np.concatenate([np.zeros(1, np.uint64), np.cumsum(count)[:-1]]).astype(np.uint64)
    flat = ducc0.sht.synthesis(
        alm=alm[None],
        lmax=ell_max,
        spin=0,
        theta=np.array([ring.colatitude for ring in rings]),
        nphi=count,
        phi0=np.array([ring.first_longitude for ring in rings]),
        ringstart=start,
        nthreads=0,
    )[0]
    return np.split(flat, start[1:].astype(np.int64))
