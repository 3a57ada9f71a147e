"""Covariance between pixels of a cutout by their distance, through beams, pixels and filters of each band."""

import numpy as np
from scipy.special import j0

from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.planenoise import PlaneNoise
from szmass_cli.physics.quadrature import panel_nodes
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.stripelags import striped_lags


def sky_lags_uk2(power: SkyPower, instrument: Instrument) -> np.ndarray:
    """Return the covariance of the sky as it is seen between pixels of a cutout.

    Parameters
    ----------
    power : SkyPower
        Of the sky before any beam, between f bands.
    instrument : Instrument
        Beams, pixels and filters of the f bands.

    Returns
    -------
    numpy.ndarray, shape (f, f, 79, 79)
        [µK^2], of pixels -39 to 39 rows (northwards) and columns (westwards) apart.
    """
    if instrument.is_isotropic:
        beams = np.array([band.optics.b_ell(power.ell) for band in instrument.bands])
        measured = _measure(power.ell) * power.cl_uk2_sr * beams[:, None] * beams[None, :]
        return _isotropic_lags(power.ell, measured)
    return _plane_lags(power, instrument)


def red_noise_lags_uk2(power: SkyPower, instrument: Instrument) -> np.ndarray | None:
    """Return the covariance of red noise, see `sky_lags_uk2`; None where no band has any."""
    if instrument.plane_noise is not None:
        return _plane_noise_lags(instrument.plane_noise)
    if all(band.red_noise is None for band in instrument.bands):
        return None
    measured = _measure(power.ell) * red_noise_cl_uk2_sr(instrument, power.ell)
    level, stripes = _isotropic_lags(power.ell, measured), instrument.stripes
    if stripes is None:
        return level
    return (1.0 - stripes.fraction) * level + stripes.fraction * striped_lags(power.ell, measured, stripes)


def correlated_lags_uk2(power: SkyPower, instrument: Instrument) -> np.ndarray:
    """Return the covariance of all that pixels have in common: the sky as it is seen, and red noise."""
    sky, red = sky_lags_uk2(power, instrument), red_noise_lags_uk2(power, instrument)
    return sky if red is None else sky + red


def red_noise_cl_uk2_sr(instrument: Instrument, ell: np.ndarray) -> np.ndarray:
    """Return the power of red noise between bands [µK^2 sr], (f, f, n), at multipoles (n,).

    sqrt(R_i R_j) times the correlation for different bands.
    """
    reds = [band.red_noise for band in instrument.bands]
    roots = np.array([np.zeros(ell.shape) if red is None else np.sqrt(red.cl_uk2_sr(ell)) for red in reds])
    rho = instrument.noise_correlation
    between = rho + (1.0 - rho) * np.eye(len(instrument))
    return between.reshape(*between.shape, *[1] * ell.ndim) * roots[:, None] * roots[None, :]


def _measure(ell: np.ndarray) -> np.ndarray:
    """Return (2 ell + 1) / 4 pi times the step in ell."""
    return np.gradient(ell) * (2.0 * ell + 1.0) / (4.0 * np.pi)


def _isotropic_lags(ell: np.ndarray, measured_cl: np.ndarray) -> np.ndarray:
    """Return C(theta) = sum (2 ell + 1) / 4 pi C_ell J0((ell + 1/2) theta), (f, f, 79, 79)."""
    lags = np.arange(N_PIXELS)
    squared = lags[:, None] ** 2 + lags[None, :] ** 2
    distances, where = np.unique(squared, return_inverse=True)
    theta = np.sqrt(distances) * PIXEL_ARCMIN * ARCMIN
    spectra = measured_cl.reshape(-1, ell.size)
    by_distance = np.concatenate(
        [j0(np.outer(part, ell + 0.5)) @ spectra.T for part in np.array_split(theta, 16)]
    )
    quadrant = by_distance.T.reshape(*measured_cl.shape[:2], -1)[..., where.reshape(squared.shape)]
    return _mirrored(quadrant)


def _mirrored(quadrant: np.ndarray) -> np.ndarray:
    """Return lags of either sign (f, f, 79, 79) of those that are not negative (f, f, 40, 40)."""
    rows = np.concatenate([quadrant[:, :, :0:-1], quadrant], axis=2)
    return np.concatenate([rows[..., :0:-1], rows], axis=3)


def wave_nodes(ell_max: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights in one component of the wave vector, fine where the CMB has its peaks.

    A filter with a step at a multiple of 100 is integrated exactly, as its step falls between two panels.
    """
    edges = np.concatenate(
        [np.arange(0.0, 1000.0, 100.0), np.arange(1000.0, 4000.0, 200.0), np.arange(4000.0, ell_max, 1000.0)]
    )
    return panel_nodes(np.append(edges, max(ell_max, 5000.0)))


def _plane_lags(power: SkyPower, instrument: Instrument) -> np.ndarray:
    """Return C(d) = int d^2 ell / (2 pi)^2 P(ell) cos(ell . d), where filters depend on direction."""
    nodes, weights = wave_nodes(min(power.ell[-1], max(band.beam.ell_max for band in instrument.bands)))
    ell_y, ell_x = nodes[:, None], nodes[None, :]
    ell = np.hypot(ell_y, ell_x)
    optics = np.array([band.optics.b_ell(ell) for band in instrument.bands])
    plain = power.cl(ell.ravel()).reshape(len(instrument), len(instrument), *ell.shape)
    plain *= optics[:, None] * optics[None, :]
    # right ascension grows eastwards, columns westwards
    filters = [plane_filters(instrument, -sign * ell_x, ell_y) for sign in (1.0, -1.0)]
    return _lags_of_sides(nodes, weights, [plain * one[:, None] * one[None, :] for one in filters])


def _plane_noise_lags(noise: PlaneNoise) -> np.ndarray:
    """Return the covariance of the correlated part of measured noise, see `sky_lags_uk2`."""
    nodes, weights = wave_nodes(noise.ell_max)
    # right ascension grows eastwards, columns westwards
    sides = [noise.correlated_uk2_sr(-sign * nodes[None, :], nodes[:, None]) for sign in (1.0, -1.0)]
    return _lags_of_sides(nodes, weights, sides)


def _lags_of_sides(nodes: np.ndarray, weights: np.ndarray, sides: list[np.ndarray]) -> np.ndarray:
    """Return lags (f, f, 79, 79) of power (f, f, n, n) at nodes of rows and columns, and at -columns."""
    arc = np.arange(N_PIXELS) * PIXEL_ARCMIN * ARCMIN
    cosine, sine = (wave(np.outer(arc, nodes)) * weights / (2.0 * np.pi) for wave in (np.cos, np.sin))
    even = 2.0 * cosine @ (sides[0] + sides[1]) @ cosine.T
    odd = 2.0 * sine @ (sides[0] - sides[1]) @ sine.T
    # cos(a + b) = cos a cos b - sin a sin b: of lags of one sign, and of the other
    alike, opposite = even - odd, even + odd
    north = np.concatenate([opposite[..., :0:-1], alike], axis=3)
    south = north[:, :, :0:-1, ::-1]
    return np.concatenate([south, north], axis=2)


def plane_filters(instrument: Instrument, ell_x: np.ndarray, ell_y: np.ndarray) -> np.ndarray:
    """Return the filters of all bands that depend on direction, (f, ny, nx); 1 for bands without one."""
    shape = np.broadcast_shapes(ell_x.shape, ell_y.shape)
    filters = [band.plane_transfer for band in instrument.bands]
    return np.array([np.ones(shape) if one is None else one(ell_x, ell_y) for one in filters])
