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


@dataclass(frozen=True)
class LightPrior:
    """Gaussian distributions of dust over its mean, and of the velocity over its rms.

    Parameters
    ----------
    means : (float, float)
        Of dust and of the velocity.
    sigmas : (float, float)
        Their standard deviations, above 0.
    """

    means: tuple[float, float] = (1.0, 0.0)
    sigmas: tuple[float, float] = (DUST_RELATIVE, 1.0)

    @property
    def precisions(self) -> np.ndarray:
        """Return the inverse variances (2,)."""
        return np.array(self.sigmas) ** -2.0


REALISTIC_LIGHT = LightPrior()
"""That of the realistic sky."""


@dataclass(frozen=True)
class Spread:
    """Products of what is spread like the gas of clusters (n, m, k): gas, mean dust and rms motion.

    Parameters
    ----------
    seen : numpy.ndarray, shape (3, n, m, k)
        With the data: p, and P.
    own : numpy.ndarray, shape (3, 3, n, m, k)
        With each other: F, a and G.
    brightness : numpy.ndarray, shape (3, n, m, k, f)
        Gas, mean dust and rms motion in each band, over the signal of cold gas of a Compton scale of 1.
    """

    seen: np.ndarray
    own: np.ndarray
    brightness: np.ndarray


@dataclass(frozen=True)
class Marginalised:
    """Matched filters of clusters whose dust and motion are integrated out.

    Parameters
    ----------
    projection, fisher : numpy.ndarray
        p' and F' of the amplitude.
    ln_factor : numpy.ndarray, same shape
        ln of what multiplies the likelihood whatever the amplitude.
    """

    projection: np.ndarray
    fisher: np.ndarray
    ln_factor: np.ndarray

    @classmethod
    def of(cls, seen: np.ndarray, own: np.ndarray, prior: LightPrior = REALISTIC_LIGHT) -> "Marginalised":
        """Return the matched filters of clusters whose dust and motion are integrated out.

        Parameters
        ----------
        seen, own : numpy.ndarray, shape (3, ...), (3, 3, ...)
            Products with the data and with each other, as those of `Spread`.
        prior : LightPrior
            How dust and motion are distributed.
        """
        means, precisions = prior.means, prior.precisions
        (gas_dust, gas_motion), between = own[0, 1:], own[1, 2]
        dust, motion = own[1, 1] + precisions[0], own[2, 2] + precisions[1]
        determinant = dust * motion - between * between
        to_dust, to_motion = seen[1] + precisions[0] * means[0], seen[2] + precisions[1] * means[1]
        likely_dust = (motion * to_dust - between * to_motion) / determinant
        likely_motion = (dust * to_motion - between * to_dust) / determinant
        dust_per_gas = (motion * gas_dust - between * gas_motion) / determinant
        motion_per_gas = (dust * gas_motion - between * gas_dust) / determinant
        ln_factor = 0.5 * (to_dust * likely_dust + to_motion * likely_motion)
        ln_factor += 0.5 * (np.log(np.prod(precisions) / determinant) - np.sum(precisions * np.square(means)))
        return cls(
            seen[0] - gas_dust * likely_dust - gas_motion * likely_motion,
            own[0, 0] - gas_dust * dust_per_gas - gas_motion * motion_per_gas,
            ln_factor,
        )


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
    ) -> Spread:
        """Return the products of clusters' gas, dust and motion.

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
        seen = np.einsum("anmkf,nmkf->anmk", spectra, by_band[..., 0], optimize=True)
        weighted = np.einsum("nmkfg,bnmkg->bnmkf", by_band[..., 1:], spectra)
        own = np.einsum("anmkf,bnmkf->abnmk", spectra, weighted)
        return Spread(seen, own, spectra * placed.y_scale[..., None])

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
