"""What a cutout's covariance has in common with mirrored or turned cutouts: blocks in place of one matrix.

Power that is the same in +-ell_x and +-ell_y does not mix fields that are even or odd in either direction:
four blocks of a quarter of the pixels. Power that is only the same in ell and -ell, as of stripes at an
angle, does not mix fields that are even or odd under a half turn: two blocks of half the pixels. Both are
exact for the pixels of a cutout: no periodic box, gradients included.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from szmass_cli.geometry import N_PIXELS
from szmass_cli.physics.bands import Instrument

HALF = N_PIXELS // 2


@dataclass(frozen=True)
class Symmetry:
    """A group of mirrorings of a cutout, and the parities of fields under it.

    Parameters
    ----------
    n_columns : int
        Columns of the part of a cutout, from its south-eastern corner, whose images fill the whole; its rows
        are the southern half.
    flips : tuple of (bool, bool)
        Whether each element mirrors north to south, and east to west; the first one does neither.
    parities : tuple of tuple of int
        For each block the sign of its fields under each element; the first block is even under all.
    """

    n_columns: int
    flips: tuple[tuple[bool, bool], ...]
    parities: tuple[tuple[int, ...], ...]

    @property
    def n_pixels(self) -> int:
        """Return the number of pixels of the part."""
        return HALF * self.n_columns

    def fold(self, images: np.ndarray) -> np.ndarray:
        """Return the fields of each parity (p, n, q f) of cutouts (n, 40, 40, f), q pixels each.

        The sum of squares stays what it is.
        """
        parts = self.parts(images)
        scale = images.dtype.type(len(self.flips) ** -0.5)
        folded = [
            sum(part if sign > 0 else -part for part, sign in zip(parts, signs, strict=True))
            for signs in self.parities
        ]
        return np.stack(folded).reshape(len(self.parities), len(images), -1) * scale

    def unfold(self, fields: np.ndarray) -> np.ndarray:
        """Return cutouts (n, 40, 40, f) of fields (p, n, q f): what `fold` folded."""
        n = fields.shape[1]
        parts = fields.reshape(len(self.parities), n, HALF, self.n_columns, -1)
        parts = parts * fields.dtype.type(len(self.flips) ** -0.5)
        images = np.empty((n, N_PIXELS, N_PIXELS, parts.shape[-1]), fields.dtype)
        for index, target in enumerate(self.parts(images)):
            signs = [parity[index] for parity in self.parities]
            target[:] = sum(part if sign > 0 else -part for part, sign in zip(parts, signs, strict=True))
        return images

    def parts(self, images: np.ndarray) -> list[np.ndarray]:
        """Return views of cutouts (n, 40, 40, f): the parts that elements put in the place of the first."""
        turned = [images[:, :: -1 if y else 1, :: -1 if x else 1] for y, x in self.flips]
        return [image[:, :HALF, : self.n_columns] for image in turned]

    @cached_property
    def where(self) -> tuple[np.ndarray, np.ndarray]:
        """Return for each pixel (40, 40) the element whose part it lies in, and its place there."""
        numbers = np.arange(N_PIXELS**2).reshape(1, N_PIXELS, N_PIXELS, 1)
        element, place = (np.empty(N_PIXELS**2, int) for _ in range(2))
        for index, part in enumerate(self.parts(numbers)):
            element[part.ravel()], place[part.ravel()] = index, np.arange(self.n_pixels)
        return element.reshape(N_PIXELS, N_PIXELS), place.reshape(N_PIXELS, N_PIXELS)

    def blocks(self, by_lag: np.ndarray) -> np.ndarray:
        """Return the blocks (p, q f, q f) of a covariance that depends on the distance of two pixels.

        Parameters
        ----------
        by_lag : numpy.ndarray, shape (f, f, 79, 79)
            Covariance between bands of pixels that are -39 to 39 rows and columns apart.
        """
        size = self.n_pixels * len(by_lag)
        rows, columns = np.arange(HALF), np.arange(self.n_columns)
        between = []
        for flip_y, flip_x in self.flips:
            y = rows[:, None] - (N_PIXELS - 1 - rows if flip_y else rows)[None, :] + N_PIXELS - 1
            x = columns[:, None] - (N_PIXELS - 1 - columns if flip_x else columns)[None, :] + N_PIXELS - 1
            pairs = by_lag[:, :, y[:, None, :, None], x[None, :, None, :]]
            between.append(pairs.transpose(2, 3, 0, 4, 5, 1).reshape(size, size))
        return np.stack(
            [
                sum(block if sign > 0 else -block for block, sign in zip(between, signs, strict=True))
                for signs in self.parities
            ]
        )


MIRRORS = Symmetry(
    HALF,
    ((False, False), (False, True), (True, False), (True, True)),
    ((1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1)),
)
"""Of power that is the same in +-ell_x and in +-ell_y."""

HALF_TURN = Symmetry(N_PIXELS, ((False, False), (True, True)), ((1, 1), (1, -1)))
"""Of power that is the same in ell and -ell."""


def symmetry_of(instrument: Instrument) -> Symmetry:
    """Return the symmetry of the covariance of an instrument's cutouts."""
    return MIRRORS if instrument.is_mirror_symmetric else HALF_TURN


def operator_blocks(matrix: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    """Return the blocks (p, q g, q f) of a linear map between cutouts that commutes with a symmetry.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (1600 g, 1600 f)
        From cutouts of f bands to those of g; pixels and bands in the order of a flattened cutout.
    symmetry : Symmetry
        Under which mapping and mirroring may change places.
    """
    n_bands = matrix.shape[1] // N_PIXELS**2
    rows = matrix.reshape(N_PIXELS, N_PIXELS, -1, matrix.shape[1])[:HALF, : symmetry.n_columns]
    folded = symmetry.fold(rows.reshape(-1, N_PIXELS, N_PIXELS, n_bands))
    return folded * np.sqrt(len(symmetry.flips))


def all_pixels(of_part: np.ndarray, symmetry: Symmetry) -> np.ndarray:
    """Return values (..., 40, 40) that all elements of a symmetry share, of its part (..., q)."""
    values = of_part.reshape(-1, HALF, symmetry.n_columns)
    images = np.empty((len(values), N_PIXELS, N_PIXELS, 1))
    for target in symmetry.parts(images):
        target[..., 0] = values
    return images[..., 0].reshape(*of_part.shape[:-1], N_PIXELS, N_PIXELS)
