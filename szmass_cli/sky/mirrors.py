"""Linear maps of stamps that do not tell left from right or top from bottom, in a quarter of the numbers.

The sky has no preferred direction and a stamp's corners are alike, so covariances, their inverses and beams
commute with mirroring a stamp. Fields that are even or odd in either direction then do not mix: a matrix of
1600 x 1600 falls apart into four of 400 x 400.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.geometry import N_PIXELS

HALF = N_PIXELS // 2
PARITIES = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""What a field is multiplied by when it is mirrored from south to north, and from east to west."""


def fold(images: np.ndarray) -> np.ndarray:
    """Parts (4, n, 400 f) of each of `PARITIES` of stamps (n, 40, 40, f), on their first quarter.

    They are scaled so that a stamp and its parts have the same sum of squares.
    """
    south, north = images[:, :HALF], images[:, : HALF - 1 : -1]
    parts = []
    for rows in (south + north, south - north):
        east, west = rows[:, :, :HALF], rows[:, :, : HALF - 1 : -1]
        parts += [east + west, east - west]
    return np.stack(parts).reshape(len(PARITIES), len(images), -1) * images.dtype.type(0.5)


def unfold(parts: np.ndarray) -> np.ndarray:
    """Stamps (n, 40, 40, f) of parts (4, n, 400 f): what `fold` folded."""
    quarters = parts.reshape(len(PARITIES), parts.shape[1], HALF, HALF, -1) * parts.dtype.type(0.5)
    images = np.empty((parts.shape[1], N_PIXELS, N_PIXELS, quarters.shape[-1]), parts.dtype)
    for columns, sign in ((np.s_[:HALF], 1), (np.s_[: HALF - 1 : -1], -1)):
        even, odd = (quarters[first] + sign * quarters[first + 1] for first in (0, 2))
        images[:, :HALF, columns] = even + odd
        images[:, : HALF - 1 : -1, columns] = even - odd
    return images


@dataclass(frozen=True)
class MirrorMatrix:
    """A linear map from stamps of f bands to stamps of g, that commutes with mirroring them.

    Parameters
    ----------
    blocks : numpy.ndarray, shape (4, 400 g, 400 f)
        What it does to the parts of each of `PARITIES`.
    """

    blocks: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray) -> MirrorMatrix:
        """From a whole matrix (1600 g, 1600 f), pixels and bands in the order of a flattened stamp."""
        rows = matrix.reshape(N_PIXELS, N_PIXELS, -1, matrix.shape[1])[:HALF, :HALF]
        n_bands = matrix.shape[1] // N_PIXELS**2
        return cls(2.0 * fold(rows.reshape(-1, N_PIXELS, N_PIXELS, n_bands)))

    @classmethod
    def stacked(cls, matrices: Sequence[MirrorMatrix]) -> MirrorMatrix:
        """The map to the bands of all, one after the other, from the same stamps."""
        apart = [one.blocks.reshape(len(PARITIES), HALF**2, -1, one.blocks.shape[2]) for one in matrices]
        together = np.concatenate(apart, axis=2)
        return cls(together.reshape(len(PARITIES), -1, together.shape[-1]))

    def of_band(self, band: int, n_bands: int) -> MirrorMatrix:
        """This map of one band, for stamps of several of which it does not see the others."""
        blocks = np.zeros((*self.blocks.shape, n_bands))
        blocks[..., band] = self.blocks
        return MirrorMatrix(blocks.reshape(*self.blocks.shape[:2], -1))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Map stamps (n, 40, 40, f), or (n, 40, 40) for f = 1, to stamps (n, 40, 40, g)."""
        parts = fold(images.reshape(len(images), N_PIXELS, N_PIXELS, -1))
        return unfold(parts @ self.blocks.transpose(0, 2, 1))

    def __matmul__(self, other: MirrorMatrix) -> MirrorMatrix:
        """This one after the other."""
        return MirrorMatrix(self.blocks @ other.blocks)

    def __add__(self, other: MirrorMatrix) -> MirrorMatrix:
        return MirrorMatrix(self.blocks + other.blocks)

    def __mul__(self, factor: float) -> MirrorMatrix:
        return MirrorMatrix(self.blocks * factor)

    @property
    def transposed(self) -> MirrorMatrix:
        return MirrorMatrix(self.blocks.transpose(0, 2, 1))

    @property
    def inverse(self) -> MirrorMatrix:
        return MirrorMatrix(np.linalg.inv(self.blocks))

    def astype(self, dtype: type) -> MirrorMatrix:
        """The same in other numbers, in which products are then taken if stamps come in them too."""
        return MirrorMatrix(self.blocks.astype(dtype))

    def diagonal(self) -> np.ndarray:
        """What each pixel gets of itself, (40, 40, f), of a map between the same bands."""
        own = np.einsum("kii->i", self.blocks).reshape(HALF, HALF, -1) / len(PARITIES)
        south = np.concatenate([own, own[:, ::-1]], axis=1)
        return np.concatenate([south, south[::-1]])

    def full(self) -> np.ndarray:
        """The whole matrix (1600 g, 1600 f), pixels and bands in the order of a flattened stamp."""
        n_in = self.blocks.shape[2] // HALF**2 * N_PIXELS**2
        unit = np.eye(n_in).reshape(n_in, N_PIXELS, N_PIXELS, -1)
        return self(unit).reshape(n_in, -1).T
