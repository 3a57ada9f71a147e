"""The covariance of cutouts at one depth, inverted: all that does not depend on the data."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from scipy.linalg import lapack

from szmass_cli.likelihood.templates import Templates, spectra_pairs
from szmass_cli.physics.bands import Instrument
from szmass_cli.sky.cutoutsky import pixel_noise_uk
from szmass_cli.sky.lags import red_noise_lags_uk2, sky_lags_uk2
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.symmetry import symmetry_of
from szmass_cli.system.blas import one_blas_thread

LN_STEP = 0.1
"""Steps of ln of a noise variance: a covariance that is 5 per cent off in noise costs 1e-3 nats at most."""

CACHE_BYTES = 400e6
"""Memory that inverted covariances may take; those that were used last are kept."""


@dataclass(frozen=True, eq=False)
class Depth:
    """Inverse covariance of cutouts at one depth, and what follows from it alone.

    Parameters
    ----------
    inverse : numpy.ndarray, shape (p, q f, q f)
        C^-1 [µK^-2] in the blocks of the symmetry.
    fisher : numpy.ndarray, shape (pairs, N_FINE)
        t_i^T C^-1 t_j of unit clusters in bands i <= j, twice for i < j, on the fine grid of sizes.
    """

    inverse: np.ndarray
    fisher: np.ndarray

    @property
    def nbytes(self) -> int:
        """Return the memory that the arrays take [bytes]."""
        return self.inverse.nbytes + self.fisher.nbytes


T = TypeVar("T")


class PerDepth(Generic[T]):
    """What follows from depths, worked out once for each and kept for as long as the depth itself is.

    Parameters
    ----------
    make : callable
        Works it out for a depth.
    """

    def __init__(self, make: Callable[[Depth], T]):
        self._make = make
        self._kept: WeakKeyDictionary[Depth, T] = WeakKeyDictionary()
        self._lock = Lock()

    def __call__(self, depth: Depth) -> T:
        """Return what follows from a depth."""
        with self._lock:
            if depth in self._kept:
                return self._kept[depth]
        made = self._make(depth)
        with self._lock:
            return self._kept.setdefault(depth, made)

    def __len__(self) -> int:
        return len(self._kept)


class Depths:
    """Depths of one instrument, made when they are first asked for.

    Parameters
    ----------
    power : SkyPower
        Of the sky before any beam, between the bands.
    instrument : Instrument
        Of f bands; its noise is that of a variance ratio of 1.
    templates : Templates
        Clusters seen by the same instrument, whose Fisher information each depth tabulates.
    """

    def __init__(self, power: SkyPower, instrument: Instrument, templates: Templates):
        self.symmetry = symmetry_of(instrument)
        self._templates = templates
        with one_blas_thread():
            self._sky = self.symmetry.blocks(sky_lags_uk2(power, instrument))
            red = red_noise_lags_uk2(power, instrument)
            self._red = None if red is None else self.symmetry.blocks(red)
        self._white = pixel_noise_uk(instrument.noise_uk_arcmin) ** 2
        self._kept: OrderedDict[tuple[int, ...], Depth] = OrderedDict()
        self._lock = Lock()

    def levels(self, variance_ratio: np.ndarray) -> np.ndarray:
        """Return the steps (n, f) that noise variances, over those of the instrument (n, f), are put on."""
        return np.round(np.log(variance_ratio) / LN_STEP).astype(int)

    def __call__(self, level: Sequence[int]) -> Depth:
        """Return the depth of a row of `levels`."""
        key = tuple(int(step) for step in level)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        depth = self._make(np.exp(LN_STEP * np.array(key)))
        with self._lock:
            self._kept[key] = depth
            while len(self._kept) > 1 and len(self._kept) * depth.nbytes > CACHE_BYTES:
                self._kept.popitem(last=False)
        return depth

    def covariance(self, variance_ratio: np.ndarray) -> np.ndarray:
        """Return the covariance (p, q f, q f) [µK^2] for noise variances (f,) over the instrument's."""
        covariance = self._sky.copy()
        if self._red is not None:
            scale = np.tile(np.sqrt(variance_ratio), self.symmetry.n_pixels)
            covariance += self._red * scale[:, None] * scale[None, :]
        diagonal = np.arange(covariance.shape[1])
        covariance[:, diagonal, diagonal] += np.tile(self._white * variance_ratio, self.symmetry.n_pixels)
        return covariance

    def _make(self, variance_ratio: np.ndarray) -> Depth:
        with one_blas_thread():
            inverse = np.stack([_inverse(block) for block in self.covariance(variance_ratio)])
            return Depth(inverse, self._fisher(inverse[0]))

    def _fisher(self, inverse: np.ndarray) -> np.ndarray:
        templates = self._templates
        _, n_pixels, n_bands = templates.even.shape
        by_pixel = inverse.reshape(n_pixels, n_bands, n_pixels, n_bands)
        tables = []
        for i, j in spectra_pairs(n_bands):
            weighted = templates.even[:, :, i] @ by_pixel[:, i, :, j]
            product = np.einsum("sp,sp->s", weighted, templates.even[:, :, j])
            tables.append(product if i == j else 2.0 * product)
        return templates.fine(np.array(tables))


def _inverse(covariance: np.ndarray) -> np.ndarray:
    """Return the inverse of a positive definite matrix, by its Cholesky factor."""
    factor, info = lapack.dpotrf(covariance, lower=True)
    if info != 0:
        raise ValueError("a covariance is not positive definite")
    inverse, _ = lapack.dpotri(factor, lower=True, overwrite_c=True)
    below = np.tril(inverse, -1)
    return np.tril(inverse) + below.T
