"""Random instruments, so that a network learns the sky and not a telescope."""

import numpy as np

from szmass_cli.config import InstrumentsConfig
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.stripes import Stripes
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer

LN_APART = 0.15
"""Least difference of ln frequency of two bands."""

USEFUL_GHZ = (80.0, 180.0)
"""Where the SZ effect is strong, and dust and radio galaxies weak: one band of each instrument lies there."""

USEFUL_BEAM_ARCMIN, USEFUL_NOISE_UK_ARCMIN = 2.2, 40.0
"""At most, of that band."""

LEAST_KNEE = 100.0
"""Noise of a lower knee is white in a cutout."""

HIGH_PASS_ELL = (100.0, 1000.0)
"""Where high-pass filters begin, drawn evenly."""

STRIPED, STRIPE_WIDTH_DEG = (0.1, 0.6), (8.0, 30.0)
"""Fraction of the 1/f power that is in stripes, and how their directions spread, drawn evenly."""


def draw_instruments(config: InstrumentsConfig, n: int, rng: np.random.Generator) -> list[Instrument]:
    """Return n random instruments.

    Parameters
    ----------
    config : InstrumentsConfig
        Ranges that bands, beams, noise and filters are drawn from.
    n : int
        How many there are to be.
    rng : numpy.random.Generator
        Draws in a fixed order: the first instruments are the same whatever n is.
    """
    return [_draw_useful(config, rng) for _ in range(n)]


def _draw_useful(config: InstrumentsConfig, rng: np.random.Generator, attempts: int = 1000) -> Instrument:
    """Return an instrument with a band that sees clusters, or any where the ranges do not allow for one."""
    n_bands = int(rng.integers(config.min_bands, config.max_bands + 1))
    for _ in range(attempts):
        instrument = _draw(config, n_bands, rng)
        if any(_is_useful(band) for band in instrument.bands):
            break
    return instrument


def _is_useful(band: Band) -> bool:
    inside = USEFUL_GHZ[0] <= band.frequency_ghz <= USEFUL_GHZ[1]
    sharp = band.beam.fwhm_arcmin <= USEFUL_BEAM_ARCMIN
    return inside and sharp and band.noise_uk_arcmin <= USEFUL_NOISE_UK_ARCMIN


def _draw(config: InstrumentsConfig, n_bands: int, rng: np.random.Generator) -> Instrument:
    frequencies = _draw_frequencies(config, n_bands, rng)
    transfer = _draw_filter(rng, config.along_scans) if rng.random() < config.filtered else None
    bands = []
    for frequency in frequencies:
        fwhm = _evenly_in_ln(rng, *config.beam_range_arcmin)
        white = _evenly_in_ln(rng, *config.noise_range_uk_arcmin)
        knee = rng.uniform(0.0, config.max_ell_knee)
        slope = rng.uniform(config.min_slope, config.max_slope)
        red = KneeNoise(white, knee, slope) if knee > LEAST_KNEE else None
        bands.append(Band(frequency, Beam(fwhm), white, red, transfer=transfer))
    correlation = config.noise_correlation if rng.random() < 0.5 else 0.0
    stripes = _draw_stripes(rng) if config.striped > 0.0 and rng.random() < config.striped else None
    return Instrument(tuple(bands), correlation, stripes)


def _draw_stripes(rng: np.random.Generator) -> Stripes:
    """Return stripes of scans along right ascension, of scans that cross evenly about it, or at an angle."""
    angle = float(rng.uniform(-90.0, 90.0))
    angles = ((0.0,), (angle, -angle), (angle,))[rng.integers(3)]
    return Stripes(float(rng.uniform(*STRIPED)), angles, float(rng.uniform(*STRIPE_WIDTH_DEG)))


def _draw_frequencies(config: InstrumentsConfig, n_bands: int, rng: np.random.Generator) -> list[float]:
    """Return frequencies [GHz], ascending, no two of them alike; fewer where so many do not fit in."""
    low, high = np.log(config.frequency_range_ghz)
    n = min(n_bands, 1 + int((high - low) / (2.0 * LN_APART)))
    while True:
        ln_frequency = np.sort(rng.uniform(low, high, n))
        if n == 1 or np.diff(ln_frequency).min() >= LN_APART:
            return [round(float(frequency), 3) for frequency in np.exp(ln_frequency)]


def _draw_filter(rng: np.random.Generator, along_scans: float) -> IsotropicTransfer | PlaneTransfer:
    """Return a smooth high-pass filter, of the multipole or of its component along right ascension.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws where it begins.
    along_scans : float
        Fraction of filters that act on one component, as those of scans in one direction.
    """
    edge = rng.uniform(*HIGH_PASS_ELL)
    width = 0.1 * edge
    ell = np.concatenate([np.linspace(0.0, 3.0 * edge, 61), [1e5]])
    passed = 1.0 / (1.0 + np.exp(-np.clip((ell - edge) / width, -30.0, 30.0)))
    if rng.random() >= along_scans:
        return IsotropicTransfer(ell, passed)
    either = np.concatenate([-ell[:0:-1], ell])
    return PlaneTransfer(
        either, np.array([-1e5, 1e5]), np.tile(np.concatenate([passed[:0:-1], passed]), (2, 1))
    )


def _evenly_in_ln(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
