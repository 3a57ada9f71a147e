"""A mixture of Gaussians in ln M, cut off where the training masses end: its loss and its density."""

from typing import Any

import numpy as np
from scipy.special import logsumexp, ndtr

from szmass_cli.network.backend import load_keras

PIVOT_MSUN = 4e14
"""Means are in ln M over this mass."""

MIN_SIGMA = 0.02
"""Narrowest component: no data give ln M to better, and a likelihood without a bound runs away."""


def split(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln weights, means of ln(M / pivot) and widths, each (n, c), of a head's numbers (n, 3 c)."""
    logits, means, widths = np.split(np.asarray(parameters, float), 3, axis=1)
    sigma = MIN_SIGMA + np.logaddexp(0.0, widths)
    return logits - logsumexp(logits, axis=1, keepdims=True), means, sigma


def density_on_grid(parameters: np.ndarray, ln_mass: np.ndarray) -> np.ndarray:
    """p(ln M) of a head's numbers (n, 3 c) at ln M (m,) [ln Msun], each row summing to one, (n, m)."""
    ln_weights, means, sigma = split(parameters)
    x = (ln_mass - np.log(PIVOT_MSUN))[None, :, None]
    terms = ln_weights[:, None] - np.log(sigma)[:, None] - 0.5 * ((x - means[:, None]) / sigma[:, None]) ** 2
    ln_density = logsumexp(terms, axis=2)
    density = np.exp(ln_density - ln_density.max(axis=1, keepdims=True))
    return density / density.sum(axis=1, keepdims=True)


def ln_likelihood(parameters: np.ndarray, ln_mass: np.ndarray, ln_range: tuple[float, float]) -> np.ndarray:
    """ln p(ln M) of a head's numbers (n, 3 c) at one ln M each (n,), normalised between two ln M."""
    ln_weights, means, sigma = split(parameters)
    ln_pivot = np.log(PIVOT_MSUN)
    x = ((ln_mass - ln_pivot)[:, None] - means) / sigma
    ln_density = logsumexp(ln_weights - np.log(sigma) - 0.5 * (x**2 + np.log(2.0 * np.pi)), axis=1)
    low, high = (ndtr((edge - ln_pivot - means) / sigma) for edge in ln_range)
    inside = np.sum(np.exp(ln_weights) * (high - low), axis=1)
    return ln_density - np.log(np.maximum(inside, 1e-12))


def loss(ln_range: tuple[float, float]) -> Any:
    """Keras' loss of ln(M / pivot) (n, 1) against a head's numbers (n, 3 c): minus `ln_likelihood`."""
    ops = load_keras().ops
    ln_pivot = float(np.log(PIVOT_MSUN))
    low, high = (float(edge) - ln_pivot for edge in ln_range)

    def below(x, mean, sigma):
        return 0.5 * (1.0 + ops.erf((x - mean) / (np.sqrt(2.0) * sigma)))

    def minus_ln_likelihood(ln_mass, parameters):
        logits, mean, width = ops.split(parameters, 3, axis=1)
        ln_weights = logits - ops.logsumexp(logits, axis=1, keepdims=True)
        sigma = MIN_SIGMA + ops.softplus(width)
        x = (ln_mass - mean) / sigma
        terms = ln_weights - ops.log(sigma) - 0.5 * (ops.square(x) + np.log(2.0 * np.pi))
        inside = ops.sum(ops.exp(ln_weights) * (below(high, mean, sigma) - below(low, mean, sigma)), axis=1)
        return ops.log(ops.maximum(inside, 1e-6)) - ops.logsumexp(terms, axis=1)

    return minus_ln_likelihood


def first_biases(n_components: int) -> np.ndarray:
    """Biases (3 c,) of a head that has learnt nothing: components side by side."""
    means = np.linspace(-1.5, 1.0, n_components) if n_components > 1 else np.zeros(1)
    return np.concatenate([np.zeros(n_components), means, np.full(n_components, 0.5)])
