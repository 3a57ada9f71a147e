"""The matched filter with a fitted scaling relation: how cluster masses are estimated without a network."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from szmass_cli.likelihood.amplitude import AmplitudeLikelihood, integrated
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.physics.profiles import ClusterScales, cluster_scales
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.masses import MassPosterior

PIVOT_MSUN = 4e14


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
    likelihood : GaussianLikelihood
        Its C^-1 and its templates are those of the filter.
    redshift : float
        Of the template, and of all clusters.
    prior_range_msun : (float, float)
        The prior is flat in M200c between these.
    """

    def __init__(
        self, likelihood: GaussianLikelihood, redshift: float, prior_range_msun: tuple[float, float]
    ):
        self._likelihood, self._redshift = likelihood, redshift
        nothing = likelihood.weigh(np.zeros((1, 40, 40, len(likelihood.instrument))))
        _, fisher = likelihood.matched(nothing, self._pivot(1))
        self.error = float(fisher[0, 0] ** -0.5)
        self._ln_mass = mass_grid(prior_range_msun)
        self.relation = FilterRelation(0.0, 5.0 / 3.0, 0.2)

    def _pivot(self, n: int) -> ClusterScales:
        return cluster_scales(np.full((n, 1), PIVOT_MSUN), self._redshift, self._likelihood.model)

    def amplitudes(self, images_uk: np.ndarray) -> np.ndarray:
        """Return the amplitude of the template in cutouts (n, 40, 40, f) [µK], shape (n,)."""
        weighed = self._likelihood.weigh(images_uk)
        projection, fisher = self._likelihood.matched(weighed, self._pivot(len(images_uk)))
        return projection[:, 0] / fisher[:, 0]

    def fit(self, images_uk: np.ndarray, m200c_msun: np.ndarray) -> FilterRelation:
        """Fit the relation to simulated clusters of known mass by maximum likelihood, and keep it.

        Parameters
        ----------
        images_uk : numpy.ndarray, shape (n, 40, 40, f)
            Cutouts of the clusters [µK_CMB].
        m200c_msun : numpy.ndarray, shape (n,)
            Their true masses [Msun].
        """
        found, ln_mass = self.amplitudes(images_uk) / self.error, np.log(m200c_msun / PIVOT_MSUN)

        def cost(parameters: np.ndarray) -> float:
            ln_norm, slope, ln_scatter = parameters
            expected = np.exp(ln_norm + slope * ln_mass) / self.error
            return -float(np.sum(integrated(found, expected, float(np.exp(ln_scatter)))))

        best = minimize(cost, (0.0, 5.0 / 3.0, np.log(0.2)), method="Nelder-Mead", options={"xatol": 1e-4})
        self.relation = FilterRelation(float(best.x[0]), float(best.x[1]), float(np.exp(best.x[2])))
        return self.relation

    def posterior(self, images_uk: np.ndarray) -> MassPosterior:
        """Return p(ln M | amplitude) of each cutout (n, 40, 40, f) [µK]."""
        relation = self.relation
        ln_mean = relation.ln_norm + relation.slope * (self._ln_mass - np.log(PIVOT_MSUN))
        found, expected = self.amplitudes(images_uk)[:, None] / self.error, np.exp(ln_mean) / self.error
        # a log-normal amplitude behind Gaussian noise: the same integral as in the likelihood of cutouts
        integral = AmplitudeLikelihood(relation.scatter_ln)
        ln_likelihood = integral(found * expected, np.broadcast_to(expected**2, (len(found), expected.size)))
        # flat in M is p(ln M) proportional to M
        return MassPosterior(self._ln_mass, normalised(ln_likelihood + self._ln_mass))
