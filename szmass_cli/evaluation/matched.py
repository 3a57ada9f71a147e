"""The matched filter with a fitted scaling relation: how cluster masses are estimated without a network."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from szmass_cli.likelihood.optimal import GridPosterior, normal_nodes
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.stamps import StampSky

PIVOT_MSUN = 4e14
N_GRID = 600


@dataclass(frozen=True)
class FilterRelation:
    """How the filtered amplitude follows from mass: ln a ~ N(ln_norm + slope ln(M / pivot), scatter^2).

    Parameters
    ----------
    ln_norm, slope, scatter_ln : float
        The amplitude is in units of the pivot cluster's.
    """

    ln_norm: float
    slope: float
    scatter_ln: float


class MatchedFilterEstimator:
    """Masses from the amplitude of one fixed template, as surveys infer them from their filtered maps.

    The template is a cluster of `PIVOT_MSUN` in the middle of the cutout; its amplitude is
    a = t^T C^-1 d / t^T C^-1 t with error (t^T C^-1 t)^-1/2 (Haehnelt & Tegmark 1996; Melin et al. 2006,
    eqs. 7-9). The relation between mass and amplitude, with its intrinsic scatter, is fitted to simulations,
    and masses follow from it under the prior of the other estimators (as in Hasselfield et al. 2013,
    section 3, or Bleem et al. 2015, section 4).

    Parameters
    ----------
    sky : StampSky
    stamps : ClusterStamps
    redshift : float
    prior_range_msun : (float, float)
        The prior is flat in M200c between these.
    """

    def __init__(
        self, sky: StampSky, stamps: ClusterStamps, redshift: float, prior_range_msun: tuple[float, float]
    ):
        template = stamps.mean_images(PIVOT_MSUN, redshift).ravel().astype(float)
        weighted = sky.inverse_covariance @ template
        fisher = float(template @ weighted)
        self._filter, self._error = weighted / fisher, fisher**-0.5
        self._m200c = np.linspace(*prior_range_msun, N_GRID)
        self.relation = FilterRelation(0.0, 5.0 / 3.0, 0.2)

    def amplitudes(self, images_uk: np.ndarray) -> np.ndarray:
        """Amplitude of the template in cutouts (n, 40, 40, f) [µK], shape (n,)."""
        return images_uk.reshape(len(images_uk), -1) @ self._filter

    def fit(self, images_uk: np.ndarray, m200c_msun: np.ndarray) -> FilterRelation:
        """Fit the relation to simulated clusters of known mass by maximum likelihood, and keep it.

        Parameters
        ----------
        images_uk : numpy.ndarray, shape (n, 40, 40, f)
        m200c_msun : numpy.ndarray, shape (n,)
        """
        amplitudes, ln_mass = self.amplitudes(images_uk), np.log(m200c_msun / PIVOT_MSUN)

        def cost(parameters: np.ndarray) -> float:
            ln_norm, slope, ln_scatter = parameters
            ln_mean = ln_norm + slope * ln_mass
            return -float(np.sum(self._ln_likelihood(amplitudes, ln_mean, float(np.exp(ln_scatter)))))

        best = minimize(cost, (0.0, 5.0 / 3.0, np.log(0.2)), method="Nelder-Mead", options={"xatol": 1e-4})
        self.relation = FilterRelation(float(best.x[0]), float(best.x[1]), float(np.exp(best.x[2])))
        return self.relation

    def posterior(self, images_uk: np.ndarray) -> GridPosterior:
        """p(M | amplitude) of each cutout (n, 40, 40, f) [µK]."""
        ln_mean = self.relation.ln_norm + self.relation.slope * np.log(self._m200c / PIVOT_MSUN)
        amplitudes = self.amplitudes(images_uk)[:, None]
        ln_likelihood = self._ln_likelihood(amplitudes, ln_mean[None], self.relation.scatter_ln)
        probability = np.exp(ln_likelihood - ln_likelihood.max(axis=1, keepdims=True))
        return GridPosterior(self._m200c, probability / probability.sum(axis=1, keepdims=True))

    def _ln_likelihood(self, amplitudes: np.ndarray, ln_mean: np.ndarray, scatter_ln: float) -> np.ndarray:
        """ln p(amplitude | mean of ln amplitude): log-normal scatter behind Gaussian noise."""
        nodes, ln_weights = normal_nodes(scatter_ln * float(np.exp(ln_mean.max())) / self._error)
        terms = [
            -0.5 * ((amplitudes - np.exp(ln_mean + scatter_ln * node)) / self._error) ** 2 + ln_weight
            for node, ln_weight in zip(nodes, ln_weights, strict=True)
        ]
        return logsumexp(terms, axis=0)
