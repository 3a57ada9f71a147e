"""White noise, knee, slope and correlation between bands that make measured power likeliest."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.noise import DEFAULT_SLOPE, ELL_LEVEL

WHITE_RANGE_UK_ARCMIN = (0.1, 3000.0)
KNEE_RANGE = (150.0, 12_000.0)
SLOPE_RANGE = (-6.0, -1.0)
CORRELATION_RANGE = (0.0, 0.99)

KNEE_PRIOR = (np.log(2000.0), 1.5)
SLOPE_PRIOR = (DEFAULT_SLOPE, 1.0)
CORRELATION_PRIOR = (0.8, 0.5)
"""Mean and width of what is held likely where the data hardly say: atmospheres as surveys have seen them."""

SHOWN_BY = 9.0
"""What -2 ln L gains at least where there is 1/f noise; else all of it is taken to be white."""

LN_FOREGROUNDS_RANGE, LN_FOREGROUNDS_SIGMA = (-0.7, 0.7), 0.15
"""Of the power of foregrounds over the model's: measurements differ by a tenth to a fifth."""


@dataclass(frozen=True)
class BinnedPower:
    """Power of patches in rings of the multipole.

    Parameters
    ----------
    ell : numpy.ndarray, shape (b,)
        Mean multipole of each ring.
    n_modes : numpy.ndarray, shape (b,)
        Independent complex modes of a patch in each ring.
    measured, sky, foregrounds : numpy.ndarray, shape (p, b, f, f)
        Power between f bands of p patches [µK^2 sr], what the model's sky has of it, and its foregrounds of
        that.
    depth : numpy.ndarray, shape (p, f)
        Variance of each patch's noise over the one that is to be found.
    """

    ell: np.ndarray
    n_modes: np.ndarray
    measured: np.ndarray
    sky: np.ndarray
    foregrounds: np.ndarray
    depth: np.ndarray

    def brighter(self, factor: float) -> "BinnedPower":
        """Return the same with so many times the model's foregrounds in the sky."""
        return replace(self, sky=self.sky + (factor - 1.0) * self.foregrounds)


@dataclass(frozen=True)
class NoiseShape:
    """Noise of f bands: white, and a power law that is correlated between them.

    Parameters
    ----------
    white_uk_arcmin, ell_knee, slope : numpy.ndarray, shape (f,)
        As in `KneeNoise`; a knee of 0 where there is only white noise.
    correlation : float
        Correlation of the power laws between any two bands.
    """

    white_uk_arcmin: np.ndarray
    ell_knee: np.ndarray
    slope: np.ndarray
    correlation: float

    @property
    def white_uk2_sr(self) -> np.ndarray:
        """Return the power of the white noise (f,) [µK^2 sr]."""
        return (self.white_uk_arcmin * ARCMIN) ** 2

    def power_uk2_sr(self, ell: np.ndarray) -> np.ndarray:
        """Return the power between bands (f, f, ...) [µK^2 sr] at multipoles (...)."""
        ell = np.asarray(ell, float)
        axes = (slice(None), *[None] * ell.ndim)
        rise = (self.ell_knee[axes] / np.maximum(ell, ELL_LEVEL)) ** -self.slope[axes]
        root = np.sqrt(self.white_uk2_sr[axes] * rise)
        same = np.eye(len(root)).reshape(len(root), len(root), *[1] * ell.ndim)
        between = self.correlation + (1.0 - self.correlation) * same
        return between * root[:, None] * root[None, :] + same * self.white_uk2_sr[axes][:, None]

    @property
    def words(self) -> list[str]:
        """Return the noise of each band in the form of the option ``--noise``."""
        return [
            f"{white:.4g},{knee:.4g},{slope:.4g}" if knee > 0.0 else f"{white:.4g}"
            for white, knee, slope in zip(self.white_uk_arcmin, self.ell_knee, self.slope, strict=True)
        ]

    def at_an_end(self) -> list[str]:
        """Return what stands at an end of its range for each band, empty words where nothing does."""
        low, high = WHITE_RANGE_UK_ARCMIN
        found = []
        for white, knee in zip(self.white_uk_arcmin, self.ell_knee, strict=True):
            if not 1.05 * low < white < high / 1.05:
                found.append(f"white noise of {white:.3g} µK-arcmin")
            elif knee > KNEE_RANGE[1] / 1.05:
                found.append(f"a knee of {knee:.3g}")
            else:
                found.append("")
        return found


@dataclass(frozen=True)
class NoiseFit:
    """The likeliest noise.

    Parameters
    ----------
    shape : NoiseShape
        The noise.
    foregrounds : float
        Power of the sky's foregrounds over the model's.
    misfit : float
        -2 ln of the likelihood, up to a constant.
    """

    shape: NoiseShape
    foregrounds: float
    misfit: float


def fitted_noise(power: BinnedPower, known_uk_arcmin: np.ndarray | None = None) -> NoiseFit:
    """Return the noise under which the power of Gaussian patches is likeliest, and that of foregrounds.

    The likelihood of a ring is Wishart's: n (tr E^-1 P + ln det E), with P the measured power between
    bands and E that of sky and noise. Between bands the CMB cancels, which shows noise far below it.

    Parameters
    ----------
    power : BinnedPower
        What was measured.
    known_uk_arcmin : numpy.ndarray, shape (f,), optional
        White noise of bands where it is known [µK-arcmin]; NaN, or None, where it is to be found.
    """
    f = power.measured.shape[-1]
    pooled = _pooled(power)
    autos = np.einsum("pbii->bi", pooled.measured) / len(pooled.measured)
    high = pooled.ell > np.quantile(pooled.ell, 0.6)
    white = np.sqrt(np.median(autos[high], axis=0) / pooled.depth.mean(axis=0)) / ARCMIN
    low, most = WHITE_RANGE_UK_ARCMIN
    stated = np.full(f, np.nan) if known_uk_arcmin is None else known_uk_arcmin
    known = np.isfinite(stated)
    white = np.where(known, stated, np.clip(white, 1.5 * low, most / 1.5))
    start = [*np.log(white), *[np.log(1500.0)] * f, *[DEFAULT_SLOPE] * f, 0.5 if f > 1 else 0.0, 0.0]
    bounds = [
        *[
            (at, at) if fixed else (np.log(low), np.log(most))
            for at, fixed in zip(start, known, strict=False)
        ],
        *[tuple(np.log(KNEE_RANGE))] * f,
        *[SLOPE_RANGE] * f,
        CORRELATION_RANGE if f > 1 else (0.0, 0.0),
        LN_FOREGROUNDS_RANGE,
    ]

    def shape_of(values: np.ndarray) -> NoiseShape:
        white, knee, slope = values[: 3 * f].reshape(3, f)
        return NoiseShape(np.exp(white), np.exp(knee), slope, float(values[-2]))

    def misfit(shape: NoiseShape, ln_foregrounds: float) -> float:
        noise = np.moveaxis(shape.power_uk2_sr(pooled.ell), -1, 0)
        root = np.sqrt(pooled.depth)[:, None]
        sky = pooled.brighter(np.exp(ln_foregrounds)).sky
        expected = sky + noise * root[..., :, None] * root[..., None, :]
        sign, ln_det = np.linalg.slogdet(expected)
        if np.any(sign <= 0.0):
            return 1e15
        trace = np.einsum("pbij,pbji->pb", np.linalg.inv(expected), pooled.measured)
        prior = (ln_foregrounds / LN_FOREGROUNDS_SIGMA) ** 2
        return float(np.sum(pooled.n_modes * (trace + ln_det)) + 0.5 * prior)

    def cost(values: np.ndarray) -> float:
        shape = shape_of(values)
        prior = np.sum((values[f : 2 * f] - KNEE_PRIOR[0]) ** 2) / KNEE_PRIOR[1] ** 2
        prior += np.sum((shape.slope - SLOPE_PRIOR[0]) ** 2) / SLOPE_PRIOR[1] ** 2
        if f > 1:
            prior += (values[-2] - CORRELATION_PRIOR[0]) ** 2 / CORRELATION_PRIOR[1] ** 2
        return misfit(shape, values[-1]) + 0.5 * prior

    def all_white(values: np.ndarray) -> NoiseShape:
        return NoiseShape(np.exp(values[:f]), np.zeros(f), np.full(f, DEFAULT_SLOPE), 0.0)

    def cost_of_white(values: np.ndarray) -> float:
        return misfit(all_white(values), values[-1])

    options = {"maxiter": 200}
    found = minimize(cost, start, method="L-BFGS-B", bounds=bounds, options=options).x
    white = minimize(
        cost_of_white,
        [*start[:f], start[-1]],
        method="L-BFGS-B",
        bounds=[*bounds[:f], bounds[-1]],
        options=options,
    ).x
    costs = cost_of_white(white), misfit(shape_of(found), found[-1])
    shown = costs[0] - costs[1] > 0.5 * SHOWN_BY
    shape, values = (shape_of(found), found) if shown else (all_white(white), white)
    return NoiseFit(_rounded(shape), round(float(np.exp(values[-1])), 3), 2.0 * costs[int(shown)])


def _rounded(shape: NoiseShape) -> NoiseShape:
    """Return noise to the digits that are told, so that what is told is what is used."""
    white, knee, slope = (
        np.array([float(f"{value:.4g}") for value in values])
        for values in (shape.white_uk_arcmin, shape.ell_knee, shape.slope)
    )
    return NoiseShape(white, knee, slope, round(shape.correlation, 3))


def _pooled(power: BinnedPower) -> BinnedPower:
    """Return the mean of patches of the same depth: a single one to be fitted."""
    if np.ptp(power.depth, axis=0).max() > 1e-3:
        return power
    n = len(power.measured)
    means = [one.mean(axis=0, keepdims=True) for one in (power.measured, power.sky, power.foregrounds)]
    return BinnedPower(power.ell, power.n_modes * n, means[0], means[1], means[2], power.depth[:1])


def relative_depth(power: BinnedPower, shape: NoiseShape) -> np.ndarray:
    """Return the noise variance of each patch and band over that of the fit, (p, f).

    From the rings where the band's noise is most of its power; the fit's own where there are none.
    """
    noise = np.einsum("iib->bi", shape.power_uk2_sr(power.ell))
    sky, measured = (np.einsum("pbii->pbi", values) for values in (power.sky, power.measured))
    total = sky + noise * power.depth[:, None]
    weight = (
        power.n_modes[:, None]
        * (noise * power.depth[:, None] / total) ** 2
        * (noise * power.depth[:, None] > 0.5 * total)
    )
    excess = (measured - sky) / noise
    known = weight.sum(axis=1) > 50.0
    depth = np.sum(weight * excess, axis=1) / np.maximum(weight.sum(axis=1), 1e-300)
    return np.where(known, np.clip(depth, 0.05, 20.0), power.depth)
