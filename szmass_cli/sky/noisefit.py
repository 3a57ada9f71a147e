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


@dataclass(frozen=True)
class BinnedPower:
    """Power of patches in rings of the multipole.

    Parameters
    ----------
    ell : numpy.ndarray, shape (b,)
        Mean multipole of each ring.
    n_modes : numpy.ndarray, shape (b,)
        Independent complex modes of a patch in each ring.
    measured, sky : numpy.ndarray, shape (p, b, f, f)
        Power between f bands of p patches [µK^2 sr], and what the sky has of it.
    depth : numpy.ndarray, shape (p, f)
        Variance of each patch's noise over the one that is to be found.
    """

    ell: np.ndarray
    n_modes: np.ndarray
    measured: np.ndarray
    sky: np.ndarray
    depth: np.ndarray


@dataclass(frozen=True)
class NoiseShape:
    """Noise of f bands: white, and a power law that is correlated between them.

    Parameters
    ----------
    white_uk_arcmin, ell_knee, slope : numpy.ndarray, shape (f,)
        As in `KneeNoise`.
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
        rise = (np.maximum(ell, ELL_LEVEL) / self.ell_knee[axes]) ** self.slope[axes]
        root = np.sqrt(self.white_uk2_sr[axes] * rise)
        same = np.eye(len(root)).reshape(len(root), len(root), *[1] * ell.ndim)
        between = self.correlation + (1.0 - self.correlation) * same
        return between * root[:, None] * root[None, :] + same * self.white_uk2_sr[axes][:, None]

    @property
    def words(self) -> list[str]:
        """Return the noise of each band in the form of the option ``--noise``."""
        return [
            f"{white:.4g},{knee:.4g},{slope:.4g}"
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


def fitted_noise(power: BinnedPower) -> NoiseShape:
    """Return the noise under which the power of Gaussian patches is likeliest.

    The likelihood of a ring is Wishart's: n (tr E^-1 P + ln det E), with P the measured power between
    bands and E that of sky and noise. Between bands the CMB cancels, which shows noise far below it.
    """
    f = power.measured.shape[-1]
    pooled = _pooled(power)
    autos = np.einsum("pbii->bi", pooled.measured) / len(pooled.measured)
    high = pooled.ell > np.quantile(pooled.ell, 0.6)
    white = np.sqrt(np.median(autos[high], axis=0) / pooled.depth.mean(axis=0)) / ARCMIN
    start = [
        *np.log(np.clip(white, 1.5 * WHITE_RANGE_UK_ARCMIN[0], WHITE_RANGE_UK_ARCMIN[1] / 1.5)),
        *[np.log(1500.0)] * f,
        *[DEFAULT_SLOPE] * f,
        *([0.5] if f > 1 else []),
    ]
    bounds = [
        *[tuple(np.log(WHITE_RANGE_UK_ARCMIN))] * f,
        *[tuple(np.log(KNEE_RANGE))] * f,
        *[SLOPE_RANGE] * f,
        *([CORRELATION_RANGE] if f > 1 else []),
    ]

    def shape_of(values: np.ndarray) -> NoiseShape:
        white, knee, slope = values[: 3 * f].reshape(3, f)
        return NoiseShape(np.exp(white), np.exp(knee), slope, float(values[-1]) if f > 1 else 0.0)

    def cost(values: np.ndarray) -> float:
        shape = shape_of(values)
        noise = np.moveaxis(shape.power_uk2_sr(pooled.ell), -1, 0)
        root = np.sqrt(pooled.depth)[:, None]
        expected = pooled.sky + noise * root[..., :, None] * root[..., None, :]
        sign, ln_det = np.linalg.slogdet(expected)
        if np.any(sign <= 0.0):
            return 1e15
        trace = np.einsum("pbij,pbji->pb", np.linalg.inv(expected), pooled.measured)
        prior = np.sum((values[f : 2 * f] - KNEE_PRIOR[0]) ** 2) / KNEE_PRIOR[1] ** 2
        prior += np.sum((shape.slope - SLOPE_PRIOR[0]) ** 2) / SLOPE_PRIOR[1] ** 2
        if f > 1:
            prior += (values[-1] - CORRELATION_PRIOR[0]) ** 2 / CORRELATION_PRIOR[1] ** 2
        return float(np.sum(pooled.n_modes * (trace + ln_det)) + 0.5 * prior)

    found = minimize(cost, start, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200})
    return _rounded(shape_of(found.x))


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
    mean, sky = (values.mean(axis=0, keepdims=True) for values in (power.measured, power.sky))
    return replace(power, measured=mean, sky=sky, depth=power.depth[:1], n_modes=power.n_modes * n)


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
