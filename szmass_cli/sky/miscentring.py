"""How far clusters are from where catalogues have them."""

import numpy as np

from szmass_cli.config import ClusterConfig, OpticalMiscentring, XrayMiscentring
from szmass_cli.physics.cosmology import Cosmology, angular_diameter_distance_mpc, convert_m200c
from szmass_cli.physics.profiles import ClusterScales

# McClintock et al. 2019, MNRAS 482, 1352: M200m = 3.081e14 Msun (lambda / 40)^1.356 ((1 + z) / 1.35)^-0.30
_PIVOT_MSUN, _PIVOT_RICHNESS, _SLOPE, _EVOLUTION = 3.081e14, 40.0, 1.356, -0.30


def r_lambda_mpc(m200c_msun, redshift, cosmology: Cosmology) -> np.ndarray:
    """Return redMaPPer's radius R_lambda = (lambda / 100)^0.2 Mpc / h, of the mean richness at a mass.

    Parameters
    ----------
    m200c_msun, redshift : array_like
        M200c [Msun] and redshift.
    cosmology : Cosmology
        Takes M200c to M200m, of which richness is a function (McClintock et al. 2019).
    """
    m200m = convert_m200c(m200c_msun, redshift, "200m", cosmology)
    growth = ((1.0 + np.asarray(redshift)) / 1.35) ** _EVOLUTION
    richness = _PIVOT_RICHNESS * (m200m / (_PIVOT_MSUN * growth)) ** (1.0 / _SLOPE)
    return (richness / 100.0) ** 0.2 / (cosmology.h0_km_s_mpc / 100.0)


def draw_offsets(
    config: ClusterConfig,
    scales: ClusterScales,
    m200c_msun: np.ndarray,
    redshift: np.ndarray,
    cosmology: Cosmology,
    rng: np.random.Generator,
) -> np.ndarray | None:
    """Draw the offsets of clusters from their catalogue positions, north and west [arcmin], (n, 2).

    Parameters
    ----------
    config : ClusterConfig
        Its ``miscentring`` or ``miscentring_arcmin``; None comes back where there is neither.
    scales : ClusterScales
        Angular sizes of the n clusters.
    m200c_msun, redshift : numpy.ndarray, shape (n,)
        M200c [Msun] and redshift.
    cosmology : Cosmology
        For distances and richnesses.
    rng : numpy.random.Generator
        Draws the offsets.

    Notes
    -----
    Optical: 75 per cent of redMaPPer's clusters are well centred, with an exponential distribution of the
    distance in R_lambda; the others' is a Gamma distribution of shape 2 (Zhang et al. 2019, MNRAS 487, 2578),
    of scale 0.17 R_lambda (McClintock et al. 2019). X-ray: distances between the peaks of the X-ray and the
    SZ image are bimodal; two Rayleigh distributions give the fractions beyond 20 to 500 kpc that Zhang, Yu &
    Lu (2014, ApJ 796, 138) found for mergers as frequent as at z = 0.7.
    """
    n, kind = len(m200c_msun), config.miscentring
    if isinstance(kind, OpticalMiscentring):
        is_centred = rng.random(n) < kind.well_centred
        centred, tail = rng.gamma(1.0, kind.centred_r_lambda, n), rng.gamma(2.0, kind.tail_r_lambda, n)
        radius = r_lambda_mpc(m200c_msun, redshift, cosmology)
        size_arcmin = np.degrees(radius / angular_diameter_distance_mpc(redshift, cosmology)) * 60.0
        distance = np.where(is_centred, centred, tail) * size_arcmin
    elif isinstance(kind, XrayMiscentring):
        is_centred = rng.random(n) < kind.well_centred
        rms = np.where(is_centred, kind.centred_r500, kind.tail_r500)
        distance = rms * scales.theta500_arcmin * rng.rayleigh(1.0, n)
    elif config.miscentring_arcmin > 0.0:
        return config.miscentring_arcmin * rng.standard_normal((n, 2))
    else:
        return None
    angle = rng.uniform(0.0, 2.0 * np.pi, n)
    return distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
