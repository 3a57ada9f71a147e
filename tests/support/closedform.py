"""A sky whose covariance is known in closed form, seen by two bands."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import SzModel
from szmass_cli.sky.power import SkyPower, tabulated_ell

ARCMIN = np.pi / 180 / 60


@dataclass(frozen=True)
class GaussianPower:
    """C_ell = variance 4 pi s^2 exp(-(ell + 1/2)^2 s^2): a covariance of variance exp(-theta^2 / 4 s^2).

    On small scales ell + 1/2 is the wave number.
    """

    variance_uk2: float
    scale_arcmin: float

    def cl_uk2_sr(self, ell):
        s = self.scale_arcmin * ARCMIN
        return self.variance_uk2 * 4 * np.pi * s**2 * np.exp(-(((np.asarray(ell, float) + 0.5) * s) ** 2))

    def covariance_uk2(self, theta_arcmin, *beam_sigma_arcmin):
        """Covariance at a distance, behind Gaussian beams that each blur one of the two pixels."""
        s2 = self.scale_arcmin**2
        blurred = s2 + 0.5 * sum(sigma**2 for sigma in beam_sigma_arcmin)
        return self.variance_uk2 * s2 / blurred * np.exp(-(theta_arcmin**2) / (4 * blurred))


CLOUDS, KNOTS = GaussianPower(900.0, 3.0), GaussianPower(60.0, 0.6)
"""Smooth emission of equal temperature in all bands, and small sources that are brighter in the second."""

KNOTS_COLOUR = np.array([1.0, 1.8])
ATMOSPHERE = GaussianPower(150.0, 2.0), GaussianPower(40.0, 2.0)
RHO = 0.7
FWHM = np.array([1.6, 1.1])
NOISE_UK_ARCMIN = np.array([6.0, 9.0])
FREQUENCIES = 95.0, 150.0


def two_bands():
    """The instrument: Gaussian beams, white noise, and red noise that the bands partly share."""
    bands = zip(FREQUENCIES, FWHM, NOISE_UK_ARCMIN, ATMOSPHERE, strict=True)
    return Instrument(tuple(Band(nu, Beam(fwhm), noise, red) for nu, fwhm, noise, red in bands), RHO)


def power_of_two():
    """The sky between the bands, before any beam."""
    ell = tabulated_ell(45_000.0)
    cl = CLOUDS.cl_uk2_sr(ell) + np.outer(KNOTS_COLOUR, KNOTS_COLOUR)[..., None] * KNOTS.cl_uk2_sr(ell)
    return SkyPower(ell, cl)


def dense_covariance(noise_ratio=(1.0, 1.0)):
    """Covariance (3200, 3200) [µK^2] of a flattened cutout (40, 40, 2), all of it in closed form."""
    axis = (np.arange(40) - 19.5) * 0.25
    y, x = (part.ravel() for part in np.meshgrid(axis, axis, indexing="ij"))
    theta = np.hypot(y[:, None] - y[None], x[:, None] - x[None])
    sigma = FWHM / np.sqrt(8 * np.log(2))
    covariance = np.zeros((1600, 2, 1600, 2))
    for i in range(2):
        for j in range(2):
            block = CLOUDS.covariance_uk2(theta, sigma[i], sigma[j])
            block += KNOTS_COLOUR[i] * KNOTS_COLOUR[j] * KNOTS.covariance_uk2(theta, sigma[i], sigma[j])
            # both of one scale, so that the root of the product is their geometric mean
            red = np.sqrt(ATMOSPHERE[i].covariance_uk2(theta) * ATMOSPHERE[j].covariance_uk2(theta))
            block += (1.0 if i == j else RHO) * np.sqrt(noise_ratio[i] * noise_ratio[j]) * red
            if i == j:
                block += np.eye(1600) * (NOISE_UK_ARCMIN[i] / 0.25) ** 2 * noise_ratio[i]
            covariance[:, i, :, j] = block
    return covariance.reshape(3200, 3200)


HOT = SzModel(relativistic=True)
"""Arnaud et al. (2010), with relativistic corrections."""
