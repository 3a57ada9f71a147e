"""Dust in clusters and their motion: what is spread like their gas, with spectra of its own.

Of a cluster of amplitude A the data hold A t + D g + V k + n, with g and k the images of its mean dust and of
the kinetic effect of the rms velocity. D and V are taken to be Gaussian, and integrated out for each A:

    p' = p - a^T K (P + L m),    F' = F - a^T K a,

with P the products of g and k with the data, a those with t, K = (G + L)^-1 of their own products G and the
inverse variances L of D and V, and m their means. What does not depend on A multiplies the likelihood.
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy import constants

from szmass_cli.likelihood.gaussian import GaussianLikelihood, Placed, Weighed
from szmass_cli.likelihood.templates import read_tables, spectra_pairs
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


PAIRS = tuple(combinations_with_replacement(range(3), 2))
"""Pairs of gas, dust and motion, in the order in which their products with each other are kept."""


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

    @property
    def ln_norm(self) -> float:
        """Return ln of the density where dust and velocity are 0, times 2 pi."""
        precisions = self.precisions
        return float(0.5 * (np.log(np.prod(precisions)) - np.sum(precisions * np.square(self.means))))

    def added_to(self, seen: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return products with the data and with each other, what is known beforehand added to them.

        Parameters
        ----------
        seen, own : numpy.ndarray, shape (3, ...), (6, ...)
            Products as those of `Spread`.
        """
        precisions = self.precisions
        known, own_known = np.zeros(3), np.zeros(6)
        known[1:] = precisions * self.means
        own_known[[PAIRS.index((1, 1)), PAIRS.index((2, 2))]] = precisions
        inner = (1,) * (seen.ndim - 1)
        return seen + known.reshape(3, *inner), own + own_known.reshape(6, *inner)


REALISTIC_LIGHT = LightPrior()
"""That of the realistic sky."""


@dataclass(frozen=True)
class Spread:
    """Products of what is spread like the gas of clusters (n, m, k): gas, mean dust and rms motion.

    Parameters
    ----------
    seen : numpy.ndarray, shape (3, n, m, k)
        With the data: p, and P.
    own : numpy.ndarray, shape (6, n, m, k)
        With each other, see `PAIRS`: F, a and G.
    spectra : numpy.ndarray, shape (3, f, n, m, 1)
        Gas, mean dust and rms motion in each band, over the signal of cold gas.
    """

    seen: np.ndarray
    own: np.ndarray
    spectra: np.ndarray


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
        seen, own : numpy.ndarray, shape (3, ...), (6, ...)
            Products with the data and with each other, as those of `Spread`.
        prior : LightPrior
            How dust and motion are distributed.
        """
        return cls.from_known(*prior.added_to(seen, own), prior.ln_norm)

    @classmethod
    def from_known(cls, seen: np.ndarray, own: np.ndarray, ln_norm: float) -> "Marginalised":
        """Return the same from products that hold what is known of dust and motion; these are overwritten.

        Parameters
        ----------
        seen, own : numpy.ndarray, shape (3, ...), (6, ...)
            Products that `LightPrior.added_to` returned, or such less what a galaxy takes from them.
        ln_norm : float
            That of the prior.
        """
        gas, dust, motion = seen
        gas_gas, gas_dust, gas_motion, dust_dust, dust_motion, motion_motion = own
        # motion is eliminated first, then dust: as by Cholesky, in the arrays themselves
        of_motion = 1.0 / motion_motion
        share = dust_motion * of_motion
        dust_dust -= share * dust_motion
        gas_dust -= share * gas_motion
        dust -= share * motion
        share = gas_motion * of_motion
        gas_gas -= share * gas_motion
        gas -= share * motion
        share = gas_dust / dust_dust
        gas_gas -= share * gas_dust
        gas -= share * dust
        ln_factor = motion * motion * of_motion
        ln_factor += dust * dust / dust_dust
        dust_dust *= motion_motion
        ln_factor -= np.log(dust_dust)
        ln_factor *= 0.5
        ln_factor += ln_norm
        return cls(gas, gas_gas, ln_factor)


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
        likelihood = self._likelihood
        spectra = self._spectra(placed, m200c_msun, redshift)
        projections = likelihood.projections_of(weighed.weighted[0])
        with_data = read_tables(projections, np.arange(len(weighed)), placed.low, placed.upper)
        seen, own = (np.zeros((number, *placed.y_scale.shape)) for number in (3, len(PAIRS)))
        for band, product in enumerate(with_data):
            for total, spectrum in zip(seen, spectra, strict=True):
                total += spectrum[band] * product
        bands = spectra_pairs(len(likelihood.instrument))
        for (i, j), product in zip(bands, likelihood.products(weighed, placed), strict=True):
            for total, (a, b) in zip(own, PAIRS, strict=True):
                total += 0.5 * (spectra[a, i] * spectra[b, j] + spectra[a, j] * spectra[b, i]) * product
        seen *= placed.y_scale
        own *= placed.y_scale**2
        return Spread(seen, own, spectra)

    def _spectra(self, placed: Placed, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return gas, mean dust and rms motion in each band over the signal of cold gas, (3, f, n, m, 1).

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
        dust, motion = (np.moveaxis(uk / light.gas_uk, -1, 0)[..., None] for uk in (dust, motion))
        return np.stack([placed.spectrum, dust, motion])
