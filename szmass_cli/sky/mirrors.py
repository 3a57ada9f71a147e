"""Linear maps of cutouts that do not tell left from right or top from bottom, in a quarter of the numbers.

The filters of the paper's network: with the symmetry of `MIRRORS` a matrix of 1600 x 1600 falls apart into
four of 400 x 400.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.geometry import N_PIXELS
from szmass_cli.sky.symmetry import MIRRORS, all_pixels, operator_blocks


@dataclass(frozen=True)
class MirrorMatrix:
    """A linear map from cutouts of f bands to cutouts of g, that commutes with mirroring them.

    Parameters
    ----------
    blocks : numpy.ndarray, shape (4, 400 g, 400 f)
        What it does to the fields of each parity of `MIRRORS`.
    """

    blocks: np.ndarray

    @classmethod
    def of(cls, matrix: np.ndarray) -> MirrorMatrix:
        """Return the map of a whole matrix (1600 g, 1600 f), in the order of a flattened cutout."""
        return cls(operator_blocks(matrix, MIRRORS))

    @classmethod
    def stacked(cls, matrices: Sequence[MirrorMatrix]) -> MirrorMatrix:
        """Return the map to the bands of all, one after the other, from the same cutouts."""
        by_pixel = [
            one.blocks.reshape(len(MIRRORS.parities), MIRRORS.n_pixels, -1, one.blocks.shape[2])
            for one in matrices
        ]
        together = np.concatenate(by_pixel, axis=2)
        return cls(together.reshape(len(MIRRORS.parities), -1, together.shape[-1]))

    def of_band(self, band: int, n_bands: int) -> MirrorMatrix:
        """Return this map of one band as a map of cutouts of several bands, which ignores the others."""
        blocks = np.zeros((*self.blocks.shape, n_bands))
        blocks[..., band] = self.blocks
        return MirrorMatrix(blocks.reshape(*self.blocks.shape[:2], -1))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Apply the matrix to cutouts (n, 40, 40, f), or (n, 40, 40) for f = 1; return (n, 40, 40, g)."""
        fields = MIRRORS.fold(images.reshape(len(images), N_PIXELS, N_PIXELS, -1))
        return MIRRORS.unfold(fields @ self.blocks.transpose(0, 2, 1))

    def __matmul__(self, other: MirrorMatrix) -> MirrorMatrix:
        """Return the map that applies the other one first, then this one."""
        return MirrorMatrix(self.blocks @ other.blocks)

    def __add__(self, other: MirrorMatrix) -> MirrorMatrix:
        return MirrorMatrix(self.blocks + other.blocks)

    def __mul__(self, factor: float) -> MirrorMatrix:
        return MirrorMatrix(self.blocks * factor)

    @property
    def transposed(self) -> MirrorMatrix:
        """Return the map whose matrix is the transpose."""
        return MirrorMatrix(self.blocks.transpose(0, 2, 1))

    @property
    def inverse(self) -> MirrorMatrix:
        """Return the inverse map."""
        return MirrorMatrix(np.linalg.inv(self.blocks))

    def diagonal(self) -> np.ndarray:
        """Return the diagonal (40, 40, f) of a map between the same bands: each pixel's factor on itself."""
        own = np.einsum("kii->i", self.blocks).reshape(MIRRORS.n_pixels, -1) / len(MIRRORS.parities)
        return np.moveaxis(all_pixels(own.T, MIRRORS), 0, -1)
