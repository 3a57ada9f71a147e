"""The grid of masses that every posterior is tabulated on."""

import numpy as np

N_GRID = 400
"""Masses on which posteriors are tabulated."""


def mass_grid(m200c_range_msun: tuple[float, float]) -> np.ndarray:
    """Return ln M200c [ln Msun] at the centres of 400 cells of equal width that cover a range, (400,)."""
    low, high = np.log(m200c_range_msun)
    return low + (np.arange(N_GRID) + 0.5) * (high - low) / N_GRID


def moments(ln_mass: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of ln M of posteriors (n, m) on a grid (m,), each (n,)."""
    # no matrix product: its order of summation depends on the row's place among the others
    mean, square = (np.einsum("nm,m->n", density, values) for values in (ln_mass, ln_mass**2))
    return mean, np.sqrt(np.maximum(square - mean**2, 1e-8))


def normalised(ln_density: np.ndarray) -> np.ndarray:
    """Return densities (n, m) whose rows sum to one, from ln densities up to a constant in each row.

    Rows that are not finite become NaN.
    """
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        density = np.exp(ln_density - ln_density.max(axis=1, keepdims=True))
        return density / density.sum(axis=1, keepdims=True)


def ln_density_at(ln_mass: np.ndarray, density: np.ndarray, ln_mass_true: np.ndarray) -> np.ndarray:
    """Return ln p(ln M) of posteriors (n, m) on an even grid (m,) at one ln M each (n,), shape (n,)."""
    step = ln_mass[1] - ln_mass[0]
    position = np.clip((ln_mass_true - ln_mass[0]) / step, 0.0, ln_mass.size - 1.0)
    low = np.minimum(position.astype(int), ln_mass.size - 2)
    rows, upper = np.arange(len(density)), position - low
    at = density[rows, low] * (1.0 - upper) + density[rows, low + 1] * upper
    return np.log(np.maximum(at, 1e-30) / step)


def probability_below(ln_mass: np.ndarray, density: np.ndarray, ln_mass_true: np.ndarray) -> np.ndarray:
    """Return the probability below one ln M each (n,) of posteriors (n, m) on an even grid (m,), (n,)."""
    # in cells from the lower end of the first
    position = (ln_mass_true - ln_mass[0]) / (ln_mass[1] - ln_mass[0]) + 0.5
    cumulative = np.concatenate([np.zeros((len(density), 1)), np.cumsum(density, axis=1)], axis=1)
    low = np.clip(position.astype(int), 0, ln_mass.size - 1)
    rows = np.arange(len(density))
    return cumulative[rows, low] + (position - low) * density[rows, low]
