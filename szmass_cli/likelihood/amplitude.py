"""The likelihood of a cluster whose amplitude scatters, as a function of two numbers."""

from functools import lru_cache

import numpy as np
from scipy.special import logsumexp

REACH = 12.0
"""The likeliest amplitude is looked for within so many standard deviations of its scatter, and where the data
alone put it: a signal of 30 times what is expected lies further out."""

N_STARTS, N_NEWTON, N_NODES = 25, 8, 49

SMALLEST = 0.05
"""Amplitude, and S/N found, that searches for the likeliest amplitude start from at least."""

U_RANGE, V_RANGE = (-60.0, 1000.0), (0.02, 1000.0)
"""S/N found and expected that are tabulated."""


class AmplitudeLikelihood:
    """ln of int dA p(A) exp(A p - A^2 F / 2) with ln A ~ N(0, scatter^2), tabulated.

    Parameters
    ----------
    scatter_ln : float
        Log-normal scatter of the amplitude; without any the integrand itself is returned.

    Notes
    -----
    With the S/N found, u = p / F^1/2, and the one expected, v = F^1/2, the table holds the integral less
    max(u, 0)^2 / 2, the likelihood of the best amplitude: what is left is smooth in asinh u and ln v.
    """

    def __init__(self, scatter_ln: float):
        self._scatter = scatter_ln
        if scatter_ln > 0.0:
            self._u, self._v, self._table = _tabulated(scatter_ln)

    def __call__(self, projection: np.ndarray, fisher: np.ndarray) -> np.ndarray:
        """Return ln L for t^T C^-1 d of any shape, and t^T C^-1 t that is broadcast to it."""
        if self._scatter == 0.0:
            return projection - 0.5 * np.maximum(fisher, 0.0)
        variance = np.maximum(fisher, V_RANGE[0] ** 2)
        column, right = _whole_and_rest(self._v, 0.5 * np.log(variance))
        found = projection / np.sqrt(variance)
        row, below = _whole_and_rest(self._u, np.arcsinh(found))
        table, width = self._table.ravel(), self._v.size
        first = (row * width + column).astype(np.intp)
        upper, lower = table.take(first), table[width:].take(first)
        upper += (table[1:].take(first) - upper) * right
        lower += (table[width + 1 :].take(first) - lower) * right
        lower -= upper
        lower *= below
        upper += lower
        best = np.maximum(found, 0.0)
        upper += 0.5 * best * best
        return upper

    def moments(self, projection: np.ndarray, fisher: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the likeliest amplitude, and its variance there, for t^T C^-1 d and t^T C^-1 t of one shape.

        The first two derivatives of ln L with respect to t^T C^-1 d, by Laplace's method in the ln amplitude.
        """
        if self._scatter == 0.0:
            return np.ones_like(projection), np.zeros_like(projection)
        furthest = 3.0 * self._scatter
        x = np.clip(np.log(np.maximum(projection / fisher, SMALLEST)), -furthest, furthest)
        for _ in range(N_NEWTON):
            slope, bend = self._slope_and_bend(x, projection, fisher)
            x += np.clip(slope / bend, -furthest, furthest)
        amplitude = np.exp(x)
        return amplitude, amplitude**2 / self._slope_and_bend(x, projection, fisher)[1]

    def _slope_and_bend(
        self, x: np.ndarray, projection: np.ndarray, fisher: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivative of the integrand's ln in the ln amplitude x, and minus its second one."""
        amplitude, precision = np.exp(x), self._scatter**-2
        slope = amplitude * (projection - amplitude * fisher) - x * precision
        bend = np.maximum(amplitude * (2.0 * amplitude * fisher - projection), 0.0) + precision
        return slope, bend


def _whole_and_rest(axis: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower neighbour on an even axis, as a float, and the way to the next one, 0 to 1."""
    values = np.asarray(values - axis[0])
    values *= 1.0 / (axis[1] - axis[0])
    np.fmax(values, 0.0, out=values)  # what is no number is anywhere on the axis
    # just short of the end: its lower neighbour is the last but one
    np.minimum(values, np.nextafter(axis.size - 1.0, 0.0), out=values)
    whole = np.floor(values)
    values -= whole
    return whole, values


@lru_cache(maxsize=8)
def _tabulated(scatter_ln: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return asinh u (a,), ln v (b,) and the table (a, b) of a scatter; kept, as it takes about a second."""
    step = float(np.clip(0.15 * scatter_ln, 0.01, 0.03))
    asinh_u, ln_v = (
        np.linspace(low, high, int(np.ceil((high - low) / step)) + 1)
        for low, high in (np.arcsinh(U_RANGE), np.log(V_RANGE))
    )
    found, columns = np.sinh(asinh_u)[:, None], np.array_split(np.exp(ln_v), 32)
    integral = np.concatenate([integrated(found, v, scatter_ln) for v in columns], axis=1)
    table = integral - 0.5 * np.maximum(found, 0.0) ** 2
    for kept in (asinh_u, ln_v, table):
        kept.setflags(write=False)
    return asinh_u, ln_v, table


def integrated(found: np.ndarray, expected: np.ndarray, scatter_ln: float) -> np.ndarray:
    """Return ln int dx N(x; 0, s^2) exp(e^x v u - e^2x v^2 / 2), u and v broadcast against each other.

    The trapezoidal rule around the largest value of the integrand, over eight of its widths either way.

    Parameters
    ----------
    found, expected : numpy.ndarray
        u and v, S/N found and expected.
    scatter_ln : float
        s, the standard deviation of the ln amplitude.
    """
    u, v = np.broadcast_arrays(found, expected)
    starts = [*(scatter_ln * np.linspace(-REACH, REACH, N_STARTS)), np.log(np.maximum(u, SMALLEST) / v)]
    best = np.full(u.shape, -np.inf)
    mode = np.zeros(u.shape)
    for start in starts:
        value = _exponent(start, u, v, scatter_ln)
        better = value > best
        best = np.where(better, value, best)
        mode = np.where(better, start, mode)
    for _ in range(N_NEWTON):
        amplitude = np.exp(mode) * v
        slope = amplitude * (u - amplitude) - mode / scatter_ln**2
        bend = np.maximum(amplitude * (2.0 * amplitude - u), 0.0) + scatter_ln**-2
        mode += np.clip(slope / bend, -0.5 * scatter_ln, 0.5 * scatter_ln)
    amplitude = np.exp(mode) * v
    width = (np.maximum(amplitude * (2.0 * amplitude - u), 0.0) + scatter_ln**-2) ** -0.5
    steps = np.linspace(-8.0, 8.0, N_NODES)
    terms = np.stack([_exponent(mode + step * width, u, v, scatter_ln) for step in steps])
    measure = np.log((steps[1] - steps[0]) * width / (scatter_ln * np.sqrt(2.0 * np.pi)))
    return logsumexp(terms, axis=0) + measure


def _exponent(x, u: np.ndarray, v: np.ndarray, scatter_ln: float) -> np.ndarray:
    amplitude = np.exp(x) * v
    return amplitude * (u - 0.5 * amplitude) - 0.5 * (x / scatter_ln) ** 2
