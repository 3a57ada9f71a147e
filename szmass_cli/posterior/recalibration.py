"""Posteriors recalibrated on held-out simulations: shifted, stretched, and given the tails that they lack.

How far tails reach depends on what is known of a cutout: where a likelihood was changed much by what a
cluster may shine with, its posterior is less certain than where nothing shone.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import ClassVar

import numpy as np
from scipy.special import expit, logit

from szmass_cli.posterior.grid import mass_grid, moments
from szmass_cli.posterior.priors import Prior

AXES = ("ln_mass_nodes", "ln_redshift_nodes", "snr_nodes")

WIDE = 2.0
"""Factor on the standard deviation of the wide part that makes the tails of a posterior."""

LARGEST_SLOPE = 10.0
"""No fit asks for more."""

UNUSUAL = 4.0
"""Evidence counts up to so many of its standard deviations from the usual."""


@dataclass(frozen=True)
class Recalibration:
    """How posteriors are shifted and stretched so that their coverage is correct.

    Parameters
    ----------
    ln_mass_nodes, ln_redshift_nodes, snr_nodes : numpy.ndarray, shape (a,), (b,), (c,)
        Ascending nodes: mean ln M200c [ln Msun] of the posterior, ln z, and arcsinh of the S/N.
    shift : numpy.ndarray, shape (a, b, c)
        Shift of the mean, in units of the posterior's own standard deviation.
    stretch : numpy.ndarray, shape (a, b, c)
        Factor on the standard deviation; 1 leaves it unchanged.
    prior_range_msun : (float, float)
        Range of M200c [Msun] in which the prior is flat in ln M200c.
    floor : float
        Probability spread evenly over all masses, for clusters unlike any in the training.
    tail : numpy.ndarray, shape (c,)
        Share of the wide part, by S/N and interpolated in its logit; of shape (0,) where there is none.
    usual : numpy.ndarray, shape (2, k)
        Mean and standard deviation of k numbers of evidence about a cutout; k may be 0.
    slopes : numpy.ndarray, shape (3, k)
        What evidence, in standard deviations from the usual, adds to the shift, to ln of the stretch and to
        the logit of the share.
    """

    ln_mass_nodes: np.ndarray
    ln_redshift_nodes: np.ndarray
    snr_nodes: np.ndarray
    shift: np.ndarray
    stretch: np.ndarray
    prior_range_msun: tuple[float, float]
    floor: float = field(default=0.0)
    tail: np.ndarray = field(default_factory=lambda: np.zeros(0))
    usual: np.ndarray = field(default_factory=lambda: np.zeros((2, 0)))
    slopes: np.ndarray = field(default_factory=lambda: np.zeros((3, 0)))

    prior: ClassVar[Prior] = Prior.FLAT_LOG
    """The prior of the posteriors."""

    def __post_init__(self):
        shape = tuple(np.size(getattr(self, name)) for name in AXES)
        for name in AXES:
            nodes = np.asarray(getattr(self, name))
            if nodes.ndim != 1 or not np.isfinite(nodes).all() or np.any(np.diff(nodes) <= 0):
                raise ValueError(f"{name} must be numbers that ascend")
        for name in ("shift", "stretch"):
            values = np.asarray(getattr(self, name))
            if values.shape != shape or not np.isfinite(values).all():
                raise ValueError(f"{name} is no table of numbers of shape {shape}")
        if np.any(np.asarray(self.stretch) <= 0):
            raise ValueError("stretch must be positive")
        if not 0.0 <= self.floor < 0.5:
            raise ValueError("floor must be a small probability")
        tail, n_evidence = np.asarray(self.tail), self.n_evidence
        if tail.shape not in ((0,), shape[2:]) or not np.all((tail > 0.0) & (tail < 0.5)):
            raise ValueError("tail is no table of small shares")
        for name, rows in (("usual", 2), ("slopes", 3)):
            values = np.asarray(getattr(self, name))
            if values.shape != (rows, n_evidence) or not np.isfinite(values).all():
                raise ValueError(f"{name} is no table of numbers of shape {(rows, n_evidence)}")
        if np.any(np.asarray(self.usual)[1] <= 0.0):
            raise ValueError("usual deviations must be positive")
        if np.any(np.abs(self.slopes) > LARGEST_SLOPE):
            raise ValueError(f"slopes must not exceed {LARGEST_SLOPE:g}")

    @classmethod
    def identity(cls, prior_range_msun: tuple[float, float]) -> "Recalibration":
        """Return the identity, which changes nothing."""
        middle = np.array([0.5 * np.log(np.prod(prior_range_msun))])
        nothing = np.zeros((1, 1, 1))
        return cls(middle, np.zeros(1), np.zeros(1), nothing, nothing + 1.0, prior_range_msun)

    @property
    def ln_mass(self) -> np.ndarray:
        """Return the mass grid of the posteriors, (m,) [ln Msun]."""
        return mass_grid(self.prior_range_msun)

    @property
    def n_evidence(self) -> int:
        """Return how many numbers of evidence it was fitted with, k."""
        return np.shape(self.usual)[-1] if np.ndim(self.usual) == 2 else 0

    @property
    def is_identity(self) -> bool:
        """Return whether posteriors are left unchanged."""
        return self.floor == 0.0 and self.moves_nothing

    @property
    def moves_nothing(self) -> bool:
        """Return whether no posterior is shifted or stretched, and none has tails."""
        unmoved = not np.any(self.shift) and bool(np.all(self.stretch == 1.0))
        return unmoved and not np.any(self.slopes) and not np.any(self.tail)

    def __call__(
        self,
        density: np.ndarray,
        redshift: np.ndarray,
        snr: np.ndarray,
        evidence: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the recalibrated posteriors (n, m), whose rows sum to one, with the floor.

        Parameters
        ----------
        density, redshift, snr, evidence
            As for `without_floor`, errors included.
        """
        told = self.without_floor(density, redshift, snr, evidence)
        return told if self.floor == 0.0 else (1.0 - self.floor) * told + self.floor / density.shape[1]

    def without_floor(
        self,
        density: np.ndarray,
        redshift: np.ndarray,
        snr: np.ndarray,
        evidence: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return posteriors (n, m) shifted, stretched and with their tails, whose rows sum to one.

        Parameters
        ----------
        density : numpy.ndarray, shape (n, m)
            Probability of each cell of `ln_mass`; rows sum to one.
        redshift, snr : numpy.ndarray, shape (n,)
            Redshift and matched-filter S/N of the clusters. Rows whose numbers are none become NaN.
        evidence : numpy.ndarray, shape (n, k), optional
            Evidence about the cutouts; without need where the recalibration was fitted without.

        Raises
        ------
        ValueError
            If the evidence that it was fitted with is not there.
        """
        if self.moves_nothing:
            return density
        known = np.isfinite(density).all(axis=1) & np.isfinite(snr)
        if not known.all():
            found = np.full(density.shape, np.nan)
            seen = None if evidence is None else evidence[known]
            found[known] = self.without_floor(density[known], redshift[known], snr[known], seen)
            return found
        mean, sigma = moments(self.ln_mass, density)
        weights = corner_weights(self.nodes, mean, redshift, snr)
        shift, stretch = (
            np.sum([weight * table[corner] for corner, weight in weights], axis=0)
            for table in (self.shift, self.stretch)
        )
        of_shift, of_stretch, of_tail = self._of_evidence(evidence, len(density))
        shift, stretch = shift + of_shift, stretch * np.exp(of_stretch)
        moved = shifted_and_stretched(self.ln_mass, density, mean, sigma, shift, stretch)
        if not self.tail.size:
            return moved
        at_nodes = np.interp(np.arcsinh(snr), self.snr_nodes, logit(self.tail))
        share = expit(at_nodes + of_tail)[:, None]
        wide = shifted_and_stretched(self.ln_mass, density, mean, sigma, shift, WIDE * stretch)
        return (1.0 - share) * moved + share * wide

    def _of_evidence(self, evidence: np.ndarray | None, n: int) -> np.ndarray:
        """Return what evidence (n, k) adds to shift, ln stretch and logit of the share, (3, n)."""
        found = np.zeros((n, 0)) if evidence is None or self.n_evidence == 0 else evidence
        if found.shape != (n, self.n_evidence):
            raise ValueError(f"evidence of shape {found.shape}, not {(n, self.n_evidence)}")
        # no matrix product: its order of summation depends on the row's place among the others
        return np.einsum("nk,sk->sn", unusual(found, self.usual), self.slopes)

    @property
    def nodes(self) -> list[np.ndarray]:
        """Return the nodes of the three axes: ln mass, ln redshift, S/N."""
        return [np.asarray(getattr(self, name), float) for name in AXES]


def unusual(evidence: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return evidence (n, k) in standard deviations from the usual (2, k), with a limit to each number."""
    return np.clip((evidence - usual[0]) / usual[1], -UNUSUAL, UNUSUAL)


def shifted_and_stretched(
    ln_mass: np.ndarray,
    density: np.ndarray,
    mean: np.ndarray,
    sigma: np.ndarray,
    shift: np.ndarray,
    stretch: np.ndarray,
) -> np.ndarray:
    """Return posteriors (n, m) on a grid (m,), shifted by `shift` sigma and stretched about their means."""
    source = mean[:, None] + (ln_mass[None] - (mean + shift * sigma)[:, None]) / stretch[:, None]
    ln_density = np.log(np.maximum(np.asarray(density, float), 1e-300))
    moved = _interpolated(ln_mass, ln_density, source)
    moved = np.exp(moved - moved.max(axis=1, keepdims=True))
    return moved / moved.sum(axis=1, keepdims=True)


def _interpolated(grid: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Interpolate rows (n, m) from an even grid (m,) to points (n, m); the end values hold beyond it."""
    position = (at - grid[0]) / (grid[1] - grid[0])
    low = np.clip(np.floor(position).astype(int), 0, grid.size - 2)
    upper = np.clip(position - low, 0.0, 1.0)
    return np.take_along_axis(values, low, 1) * (1.0 - upper) + np.take_along_axis(values, low + 1, 1) * upper


def corner_weights(
    nodes: list[np.ndarray], ln_mass: np.ndarray, redshift: np.ndarray, snr: np.ndarray
) -> list[tuple[tuple[np.ndarray, ...], np.ndarray]]:
    """Return corners of the cell around each cluster and their weights (n,) in a trilinear interpolation."""
    sides = []
    for axis, values in zip(nodes, (ln_mass, np.log(redshift), np.arcsinh(snr)), strict=True):
        position = np.interp(values, axis, np.arange(axis.size))
        low = np.minimum(position.astype(int), max(axis.size - 2, 0))
        upper = position - low
        sides.append(((low, 1.0 - upper), (np.minimum(low + 1, axis.size - 1), upper)))
    weights = []
    for corner in product((0, 1), repeat=3):
        chosen = [sides[axis][side] for axis, side in enumerate(corner)]
        indices = tuple(index for index, _ in chosen)
        weights.append((indices, np.prod([weight for _, weight in chosen], axis=0)))
    return weights
