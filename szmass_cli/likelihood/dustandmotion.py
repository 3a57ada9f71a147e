"""Dust in clusters and their motion: what is spread like their gas, with spectra of its own.

Of a cluster of amplitude A the data hold A t + D g + V k + n, with g and k the images of its mean dust and of
the kinetic effect of the rms velocity. D and V are taken to be Gaussian, and integrated out for each A:

    p' = p - a^T K (P + L m),    F' = F - a^T K a,

with P the products of g and k with the data, a those with t, K = (G + L)^-1 of their own products G and the
inverse variances L of D and V, and m their means. What does not depend on A multiplies the likelihood.
"""

from dataclasses import dataclass

import numpy as np
from scipy import constants

from szmass_cli.likelihood.gaussian import GaussianLikelihood, Placed, Weighed
from szmass_cli.physics.clusterlight import ClusterDust
from szmass_cli.physics.comptonization import ELECTRON_KEV
from szmass_cli.physics.cosmology import T_CMB_K, m500c_from_m200c
from szmass_cli.physics.profiles import cluster_scales, form_factor
from szmass_cli.physics.relativistic import temperature_kev
from szmass_cli.sky.objects.halos import GasAndDust

VELOCITY_KM_S = 300.0
"""rms of clusters along the line of sight, as of the realistic sky."""

DUST_RELATIVE = 0.7
"""Standard deviation of a cluster's dust over its mean: log-normal scatters of 0.5 from cluster to cluster,
and of 0.4 for what is not known of the mean."""

MEANS = np.array([1.0, 0.0])
PRECISIONS = np.array([DUST_RELATIVE**-2.0, 1.0])
"""Of dust over its mean, and of the velocity over its rms."""


@dataclass(frozen=True)
class Marginalised:
    """Matched filters of clusters (n, m, k) whose dust and motion are integrated out.

    Parameters
    ----------
    projection, fisher : numpy.ndarray, shape (n, m, k)
        p' and F' of the amplitude.
    ln_factor : numpy.ndarray, shape (n, m, k)
        ln of what multiplies the likelihood whatever the amplitude.
    brightness : numpy.ndarray, shape (3, n, m, k, f)
        Gas, mean dust and rms motion in each band, over the signal of cold gas of a Compton scale of 1.
    likely : numpy.ndarray, shape (n, m, k, 2)
        K (P + L m): dust and motion that data without gas suggest.
    per_gas : numpy.ndarray, shape (n, m, k, 2)
        K a: what they lose for each unit of amplitude.
    covariance : numpy.ndarray, shape (n, m, k, 2, 2)
        K.
    """

    projection: np.ndarray
    fisher: np.ndarray
    ln_factor: np.ndarray
    brightness: np.ndarray
    likely: np.ndarray
    per_gas: np.ndarray
    covariance: np.ndarray


class DustAndMotion:
    """Dust and motion of clusters in the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the cutouts.
    """

    def __init__(self, likelihood: GaussianLikelihood):
        self._likelihood = likelihood
        self._light = GasAndDust(likelihood.instrument.bands, likelihood.model, ClusterDust(), 1.0)

    def __call__(
        self, weighed: Weighed, placed: Placed, m200c_msun: np.ndarray, redshift: np.ndarray
    ) -> Marginalised:
        """Return the matched filters of clusters, dust and motion integrated out.

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        placed : Placed
            Clusters of m masses and k profiles for each cutout, (n, m, k).
        m200c_msun, redshift : numpy.ndarray, shape (n, m)
            Their M200c [Msun] and redshifts.
        """
        by_band = self._likelihood.by_band(weighed, placed)
        spectra = self._spectra(placed, m200c_msun, redshift)
        seen = np.einsum("anmkf,nmkf->nmka", spectra, by_band[..., 0], optimize=True)
        weighted = np.einsum("nmkfg,bnmkg->bnmkf", by_band[..., 1:], spectra)
        own = np.einsum("anmkf,bnmkf->nmkab", spectra, weighted)
        gas = own[..., 0, 1:]
        precision = own[..., 1:, 1:] + np.diag(PRECISIONS)
        covariance, determinant = _inverse_of_two(precision)
        towards = seen[..., 1:] + PRECISIONS * MEANS
        likely = np.einsum("...ab,...b->...a", covariance, towards)
        per_gas = np.einsum("...ab,...b->...a", covariance, gas)
        ln_factor = 0.5 * np.sum(towards * likely, axis=-1) - 0.5 * np.sum(PRECISIONS * MEANS**2)
        ln_factor += 0.5 * np.log(np.prod(PRECISIONS) / determinant)
        return Marginalised(
            seen[..., 0] - np.sum(gas * likely, axis=-1),
            own[..., 0, 0] - np.sum(gas * per_gas, axis=-1),
            ln_factor,
            spectra * placed.y_scale[..., None],
            likely,
            per_gas,
            covariance,
        )

    def _spectra(self, placed: Placed, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return gas, mean dust and rms motion in each band over the signal of cold gas, (3, n, m, k, f).

        The dust does not depend on the amplitude of the gas. For the kinetic effect see
        `szmass_cli.sky.objects.members.MemberSource.over_gas`.
        """
        model, light = self._likelihood.model, self._light
        mean = cluster_scales(m200c_msun, redshift, model)
        flux = light.dust_mjy(m200c_msun, redshift)
        dust = light.dust_uk_arcmin2(flux.ravel(), redshift.ravel()).reshape(*flux.shape, -1)
        dust /= (mean.y_scale * mean.theta500_arcmin**2 * form_factor(0.0))[..., None]
        m500c_msun = m500c_from_m200c(m200c_msun, redshift, model.cosmology)
        kt_kev = temperature_kev(m500c_msun, redshift, model.cosmology)[..., None]
        motion = VELOCITY_KM_S * 1e3 / constants.c * T_CMB_K * 1e6 * ELECTRON_KEV / kt_kev
        gas = np.moveaxis(placed.spectrum, 0, -1)
        parts = [gas, (dust / light.gas_uk)[:, :, None], (motion / light.gas_uk)[:, :, None]]
        shape = (*placed.y_scale.shape, light.gas_uk.size)
        return np.stack([np.broadcast_to(part, shape) for part in parts])


def _inverse_of_two(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return inverse (..., 2, 2) and determinant (...) of symmetric matrices (..., 2, 2)."""
    a, b, c = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    determinant = a * c - b * b
    inverse = np.stack([np.stack([c, -b], axis=-1), np.stack([-b, a], axis=-1)], axis=-2)
    return inverse / determinant[..., None, None], determinant
