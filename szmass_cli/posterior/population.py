"""Mean ln mass, scatter and slope of a sample, from the likelihoods of its members.

Members have ln M = x . beta + offset + s e with e of a standard Gaussian. Each contributes
int L(M) N(ln M) dlnM, over int P(M) N(ln M) dlnM where only a fraction P of clusters of mass M would be in
the sample: posteriors are never averaged, and nothing is assumed of how many clusters there are of each mass.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.special import ndtr

from szmass_cli.errors import SzmassError
from szmass_cli.posterior.curves import Curves

SCATTER_RANGE = (0.05, 1.5)
"""Scatters of ln M that are equally likely beforehand."""

N_COARSE, N_FINE, N_ROUNDS = 12, 17, 6
N_BEFORE = 4000
"""Rows from which the place of the maximum is first sought."""

REACH = 10.0
"""Scatters of which the ln probability is lower than the highest by more are left out."""

ALIKE, N_GROUPS = 0.01, 100
"""Rows whose x and offset differ by less than this, or than a hundredth of the range, have one mean."""

MAX_STEPS, CONVERGED = 60, 1e-5
BEYOND = 1.5
"""How far beyond the tabulated masses a mean may lie [in ln M]."""

LEAST_INFORMATION = 1e-3
"""Least curvature of ln L at a maximum: half a unit of ln L over 30 in ln M are none."""

SAYS_NOTHING = 3e-4
"""Probability that the curve of a row says nothing of its mass: one that is wrong by far moves no sample."""

FIRST_SCATTER, N_FIRST = 0.4, 60

_ROOT_2PI = float(np.sqrt(2.0 * np.pi))


class Undetermined(SzmassError):
    """The sample does not say what was asked of it."""


@dataclass(frozen=True)
class Population:
    """What a sample says of its members' masses.

    Parameters
    ----------
    coefficients : numpy.ndarray, shape (p,)
        Posterior means of beta.
    scatter : float
        Posterior mean of the standard deviation of ln M.
    covariance : numpy.ndarray, shape (p + 1, p + 1)
        Of the coefficients and, last, the scatter.
    """

    coefficients: np.ndarray
    scatter: float
    covariance: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Return the standard deviations of the coefficients and, last, the scatter, (p + 1,)."""
        return np.sqrt(np.diag(self.covariance))


def inferred_population(
    curves: Curves, design: np.ndarray, start: np.ndarray | None = None, offset: np.ndarray | None = None
) -> Population:
    """Return the posterior of the population that rows are drawn from.

    Parameters
    ----------
    curves : Curves
        Likelihoods of n rows and, where they were selected by their own data, the selection.
    design : numpy.ndarray, shape (n, p)
        x of each row; a column of ones is the mean.
    start : numpy.ndarray, shape (p,), optional
        Where the coefficients are sought; necessary for more than one.
    offset : numpy.ndarray, shape (n,), optional
        Known part of the mean ln M of each row; 0 otherwise.

    Raises
    ------
    Undetermined
        The likelihood has no maximum in the coefficients: there are too few rows, or they say nothing.

    Notes
    -----
    Priors are flat in the coefficients, and in the scatter within `SCATTER_RANGE`. The posterior of the
    coefficients at given scatter is taken for a Gaussian about its maximum; over scatters it is summed.
    """
    scatters = np.geomspace(*SCATTER_RANGE, N_COARSE)
    beta = None if start is None else np.asarray(start, float)
    if len(curves) > 2 * N_BEFORE:  # where to look is known from some of them
        some = np.linspace(0, len(curves) - 1, N_BEFORE).astype(int)
        known = None if offset is None else offset[some]
        before = _refined(_Rows(curves[some], design[some], known), scatters, beta)
        reach = 4.0 * before.errors[-1]
        scatters = _between(before.scatter - reach, before.scatter + reach)
        beta = before.coefficients
    return _refined(_Rows(curves, design, offset), scatters, beta)


def _refined(rows: "_Rows", scatters: np.ndarray, beta: np.ndarray | None) -> Population:
    """Return the posterior, from scatters that come closer until enough of them are likely."""
    if beta is None:
        beta = _scanned(rows)
    for number in range(N_ROUNDS):
        peaks = _peaks(rows, scatters, beta)
        ln_p = _ln_evidence(peaks)
        weights = np.exp(ln_p - ln_p.max()) * np.gradient(scatters)
        best = int(ln_p.argmax())
        beta = peaks[best].beta
        inside = np.flatnonzero(ln_p > ln_p[best] - REACH)
        low, high = max(inside[0] - 1, 0), min(inside[-1] + 1, scatters.size - 1)
        is_cut = _is_cut(inside, scatters)
        if number == N_ROUNDS - 1 or (scatters.size == N_FINE and inside.size > N_FINE // 2 and not is_cut):
            break
        wider = scatters[high] - scatters[low] if is_cut else 0.0  # what is likely goes on beyond the ends
        scatters = _between(scatters[low] - wider, scatters[high] + wider)
    return _summed(peaks, scatters, weights / weights.sum())


def _between(low: float, high: float) -> np.ndarray:
    """Return evenly spaced scatters, as far as they are possible."""
    least, largest = SCATTER_RANGE
    return np.linspace(max(low, least), min(high, largest), N_FINE)


def _is_cut(inside: np.ndarray, scatters: np.ndarray) -> bool:
    """Return whether likely scatters reach an end that is not one of `SCATTER_RANGE`."""
    at_low = inside[0] == 0 and scatters[0] > SCATTER_RANGE[0] * 1.0001
    return bool(at_low or (inside[-1] == scatters.size - 1 and scatters[-1] < SCATTER_RANGE[1] * 0.9999))


@dataclass(frozen=True)
class _Peak:
    """The maximum of the likelihood at one scatter.

    Parameters
    ----------
    beta : numpy.ndarray, shape (p,)
        Coefficients at the maximum.
    covariance : numpy.ndarray, shape (p, p)
        Inverse of minus the second derivatives there.
    ln_likelihood : float
        Its ln.
    ln_evidence : float
        ln of the integral over the coefficients, up to a constant; minus infinity without a maximum.
    """

    beta: np.ndarray
    covariance: np.ndarray
    ln_likelihood: float
    ln_evidence: float


def _with_doubt(curves: Curves) -> Curves:
    """Return curves of which each may say nothing of its mass, with the probability of `SAYS_NOTHING`.

    A row that says nothing is as likely as its selection, whatever its mass.
    """
    nothing = SAYS_NOTHING * curves.likelihood.mean(axis=1, keepdims=True)
    shown = 1.0 if curves.selection is None else curves.selection
    likelihood = (1.0 - SAYS_NOTHING) * curves.likelihood + (nothing * shown).astype(np.float32)
    return replace(curves, likelihood=likelihood.astype(np.float32, copy=False))


class _Rows:
    """Rows in groups of one mean, and ln of their likelihood with its derivatives."""

    def __init__(self, curves: Curves, design: np.ndarray, offset: np.ndarray | None):
        known = np.zeros(len(curves)) if offset is None else np.asarray(offset, float)
        numbers = np.column_stack([design, known])
        keys = np.round(numbers / np.maximum(np.ptp(numbers, axis=0) / N_GROUPS, ALIKE)).astype(np.int64)
        _, group = np.unique(keys, axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        self._curves = _with_doubt(curves[order])
        self._starts = np.flatnonzero(np.diff(group.reshape(-1)[order], prepend=-1))
        counts = np.diff(np.append(self._starts, len(order)))
        self._design = np.add.reduceat(design[order], self._starts) / counts[:, None]
        self._offset = np.add.reduceat(known[order], self._starts) / counts
        self.n_coefficients = design.shape[1]

    @cached_property
    def ln_mass(self) -> np.ndarray:
        """Return the tabulated ln masses, (m,)."""
        return self._curves.ln_mass

    def at(self, beta: np.ndarray, scatter: float) -> tuple[float, np.ndarray, np.ndarray]:
        """Return ln L, its gradient (p,) and second derivatives (p, p) in the coefficients."""
        means, grid = self._design @ beta + self._offset, self._curves.ln_mass
        if means.min() < grid[0] - BEYOND or means.max() > grid[-1] + BEYOND:
            return -np.inf, np.zeros(self.n_coefficients), np.zeros((self.n_coefficients,) * 2)
        kernels = self._kernels(means, scatter)
        sums = self._sums(self._curves.likelihood, kernels, scatter)
        if self._curves.selection is not None:
            sums = sums - self._sums(self._curves.selection, kernels, scatter)
        gradient = self._design.T @ sums[1]
        return float(sums[0].sum()), gradient, (self._design.T * sums[2]) @ self._design

    def _kernels(self, means: np.ndarray, scatter: float) -> np.ndarray:
        """Return weights (g, m, 3) of Gaussians of ln M, and of their derivatives in units of the scatter."""
        step, grid = self._curves.step, self._curves.ln_mass
        u = (grid - means[:, None]) / scatter
        density = np.exp(-0.5 * u**2) / _ROOT_2PI * step / scatter
        kernels = np.stack([density, density * u, density * (u**2 - 1.0)], axis=2)
        for end, edge, sign in ((0, grid[0] - 0.5 * step, -1.0), (-1, grid[-1] + 0.5 * step, 1.0)):
            u_end = (edge - means) / scatter
            at_end = sign * np.exp(-0.5 * u_end**2) / _ROOT_2PI
            kernels[:, end] += np.stack([ndtr(-sign * u_end), at_end, u_end * at_end], axis=1)
        return kernels.astype(np.float32)

    def _sums(self, values: np.ndarray, kernels: np.ndarray, scatter: float) -> np.ndarray:
        """Return the sums over each group of ln int f N dlnM and its first two derivatives, (3, g)."""
        rows = [slice(*pair) for pair in pairwise([*self._starts, len(values)])]
        integrals = np.concatenate([values[one] @ kernel for one, kernel in zip(rows, kernels, strict=True)])
        total = np.maximum(integrals[:, 0].astype(float), np.finfo(np.float32).tiny)
        slope = integrals[:, 1] / total / scatter
        curvature = integrals[:, 2] / total / scatter**2 - slope**2
        return np.add.reduceat(np.stack([np.log(total), slope, curvature]), self._starts, axis=1)


def _scanned(rows: _Rows) -> np.ndarray:
    """Return the mean of the highest likelihood among evenly spaced ones, (1,)."""
    if rows.n_coefficients > 1:
        raise ValueError("where several coefficients are sought must be said")
    means = np.linspace(rows.ln_mass[0], rows.ln_mass[-1], N_FIRST)
    values = [rows.at(np.array([mean]), FIRST_SCATTER)[0] for mean in means]
    return means[[int(np.argmax(values))]]


def _peaks(rows: _Rows, scatters: np.ndarray, beta: np.ndarray) -> list[_Peak]:
    """Return the maxima at all scatters, each sought from its neighbour's, from the middle outwards."""
    middle = scatters.size // 2
    found: dict[int, _Peak] = {}
    for numbers in (range(middle, scatters.size), range(middle - 1, -1, -1)):
        for number in numbers:
            near = found.get(number - 1) or found.get(number + 1)
            found[number] = _peak(rows, float(scatters[number]), beta if near is None else near.beta)
    return [found[number] for number in range(scatters.size)]


def _peak(rows: _Rows, scatter: float, beta: np.ndarray) -> _Peak:
    """Return the maximum of the likelihood at one scatter, by Newton's method with shortened steps."""
    ln_l, gradient, hessian = rows.at(beta, scatter)
    for _ in range(MAX_STEPS):
        step = _uphill(gradient, hessian)
        length = 1.0
        while length > 1e-6:
            tried = rows.at(beta + length * step, scatter)
            if tried[0] >= ln_l - 1e-9 * abs(ln_l):
                break
            length *= 0.5
        else:
            break
        gain = float(gradient @ step)
        beta, (ln_l, gradient, hessian) = beta + length * step, tried
        if gain < CONVERGED:
            break
    information = np.linalg.eigvalsh(-hessian)
    if information[0] <= LEAST_INFORMATION:
        return _Peak(beta, np.zeros_like(hessian), ln_l, -np.inf)
    return _Peak(beta, np.linalg.inv(-hessian), ln_l, ln_l - 0.5 * float(np.log(information).sum()))


def _ln_evidence(peaks: list[_Peak]) -> np.ndarray:
    """Return ln of the evidence of each scatter; minus infinity where the mean has no best value.

    Raises
    ------
    Undetermined
        There is none at any scatter, or such scatters are as likely as the others.
    """
    ln_p = np.array([peak.ln_evidence for peak in peaks])
    ln_l = np.array([peak.ln_likelihood for peak in peaks])
    bounded = np.isfinite(ln_p)
    if not bounded.any() or np.any(ln_l[~bounded] > ln_l[bounded].max() - REACH):
        raise Undetermined(
            "The likelihoods do not say what the mean mass is.",
            "Take more rows, wider bins, or rows of higher S/N.",
        )
    return ln_p


def _uphill(gradient: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    """Return Newton's step, along directions of positive curvature too, no longer than 0.5 in any."""
    values, vectors = np.linalg.eigh(-hessian)
    along = vectors.T @ gradient
    steps = along / np.maximum(np.abs(values), 1e-6 * np.abs(values).max() + 1e-300)
    return vectors @ np.clip(steps, -0.5, 0.5)


def _summed(peaks: list[_Peak], scatters: np.ndarray, weights: np.ndarray) -> Population:
    """Return the moments of the sum of the Gaussians at all scatters."""
    places = np.column_stack([[peak.beta for peak in peaks], scatters])
    mean = weights @ places
    apart = places - mean
    covariance = np.einsum("k,ki,kj->ij", weights, apart, apart)
    covariance[:-1, :-1] += np.einsum("k,kij->ij", weights, np.stack([peak.covariance for peak in peaks]))
    return Population(mean[:-1], float(mean[-1]), covariance)
