"""Densities and probabilities read off posteriors on a grid, against the Gaussians that they tabulate."""

import numpy as np
from scipy.stats import norm

from szmass_cli.evaluation.posteriors import below, ln_density_at

EDGES = np.linspace(-3.0, 3.0, 601)
GRID = 0.5 * (EDGES[1:] + EDGES[:-1])


def test_density_at_a_mass_is_that_of_the_gaussian():
    means, at = np.array([-0.5, 0.0, 0.7]), np.array([-0.3, 0.004, -0.4])
    density = norm.pdf(GRID, means[:, None], 0.4)
    density /= density.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ln_density_at(GRID, density, at), norm.logpdf(at, means, 0.4), atol=1e-3)


def test_all_of_the_probability_is_between_the_ends_of_the_range():
    flat = np.full((3, GRID.size), 1.0 / GRID.size)
    at = np.array([-3.0, 0.0, 3.0])
    np.testing.assert_allclose(below(GRID, flat, at), [0.0, 0.5, 1.0], atol=1e-9)
    np.testing.assert_allclose(ln_density_at(GRID, flat, at), -np.log(6.0), atol=1e-9)
