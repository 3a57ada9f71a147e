"""The three estimators that are compared on the same cutouts: network, matched filter, best possible."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import logsumexp

from szmass_cli.evaluation.paper.matched import MatchedFilterEstimator
from szmass_cli.evaluation.statistics import PERCENTILES
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.network.paper.bundle import PaperBundle
from szmass_cli.network.paper.predictor import Predictor
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream

NETWORK, MATCHED_FILTER, BEST_POSSIBLE = "network", "matched filter", "best possible"
ESTIMATORS = (NETWORK, MATCHED_FILTER, BEST_POSSIBLE)

N_FITTED = 8192
"""Cutouts that the matched filter's relation is fitted to."""

FIT_SALT = 1_000_000
"""Keeps those cutouts apart from the ones that the network was calibrated on."""

MEAN_MASSES, MEAN_AMPLITUDES = 160, 61
"""Nodes of the sum that gives the mean signal."""


@dataclass(frozen=True)
class Estimates:
    """What an estimator says of n cutouts.

    Parameters
    ----------
    percentiles_msun : numpy.ndarray, shape (n, 5)
        `PERCENTILES` of M200c [Msun].
    sz_uk : numpy.ndarray, shape (n, 40, 40), or None
        The cluster's own signal in the reference band [µK], from estimators that give one.
    """

    percentiles_msun: np.ndarray
    sz_uk: np.ndarray | None = None


class Estimator(Protocol):
    """Masses of the cutouts of a block, all at one redshift."""

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates:
        """Return estimates of cutouts (n, 40, 40, f) [µK] at redshifts (n,)."""
        ...


class NetworkEstimator:
    """The network of a bundle, with its calibration.

    Parameters
    ----------
    bundle : PaperBundle
        Weights, labels and calibration of the network, and the sky it was trained on.
    """

    def __init__(self, bundle: PaperBundle):
        self._predictor = Predictor.from_bundle(bundle, bundle.training_sky())
        self._calibration = bundle.calibration

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates:
        """Return estimates of cutouts (n, 40, 40, f) [µK] at redshifts (n,)."""
        prediction = self._predictor(images_uk)
        # a model calibrated at one redshift speaks of that redshift, whatever the cluster's
        z = np.clip(redshift, self._calibration.redshifts[0], self._calibration.redshifts[-1])
        masses = self._calibration.percentiles(prediction.raw_mass_msun, z, PERCENTILES)
        return Estimates(masses, prediction.sz_uk)


class FilterEstimator:
    """A matched filter with its relation between amplitude and mass.

    Parameters
    ----------
    estimator : MatchedFilterEstimator
        Fitted already, for clusters of one redshift.
    """

    def __init__(self, estimator: MatchedFilterEstimator):
        self._estimator = estimator

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates:
        """Return estimates of cutouts (n, 40, 40, f) [µK]; the redshift is the estimator's own."""
        return Estimates(self._estimator.posterior(images_uk).percentiles(PERCENTILES))


class BestEstimator:
    """The exact posterior under a prior flat in mass, and the posterior mean of the cluster's signal.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Of cutouts of the sky and band that are simulated.
    redshift : float
        Redshift common to all clusters.
    prior_range_msun : (float, float)
        The prior is flat in M200c between these.
    band : int
        The band whose signal is given.
    """

    def __init__(
        self,
        likelihood: GaussianLikelihood,
        redshift: float,
        prior_range_msun: tuple[float, float],
        band: int = 0,
    ):
        self._likelihood, self._redshift, self._band = likelihood, redshift, band
        self._ln_mass = mass_grid(prior_range_msun)
        low, high = np.log(prior_range_msun)
        self._nodes = low + (np.arange(MEAN_MASSES) + 0.5) * (high - low) / MEAN_MASSES
        images = likelihood.templates.images.mean_images(np.exp(self._nodes), redshift)
        self._signals = images[..., band].reshape(MEAN_MASSES, -1)

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates:
        """Return estimates of cutouts (n, 40, 40, f) [µK]; the redshift is the estimator's own."""
        percentiles = self.posterior(images_uk).percentiles(PERCENTILES)
        return Estimates(percentiles, self.mean_signal_uk(images_uk))

    def posterior(self, images_uk: np.ndarray) -> MassPosterior:
        """Return p(ln M) of cutouts (n, 40, 40, f) [µK]."""
        weighed = self._likelihood.weigh(images_uk)
        z = np.full(len(images_uk), self._redshift)
        ln_likelihood = self._likelihood.ln_likelihood(weighed, self._ln_mass, z)
        # flat in M is p(ln M) proportional to M
        return MassPosterior(self._ln_mass, normalised(ln_likelihood + self._ln_mass))

    def mean_signal_uk(self, images_uk: np.ndarray) -> np.ndarray:
        """Return the posterior mean of the cluster's own signal A t(M), (n, 40, 40) [µK].

        It is summed over masses and amplitudes, and has the least mean squared error of all estimates.
        """
        weighed = self._likelihood.weigh(images_uk)
        redshift = np.full((len(images_uk), 1), self._redshift)
        scales = cluster_scales(np.exp(self._nodes), redshift, self._likelihood.model)
        projection, fisher = self._likelihood.matched(weighed, scales)
        x = np.linspace(-4.5, 4.5, MEAN_AMPLITUDES)
        amplitude = np.exp(self._likelihood.scatter.amplitude_ln * x)[:, None, None]
        terms = amplitude * projection - 0.5 * amplitude**2 * fisher + self._nodes
        terms -= 0.5 * x[:, None, None] ** 2
        joint = np.exp(terms - logsumexp(terms, axis=(0, 2), keepdims=True))
        mean = np.sum(amplitude * joint, axis=0)
        return (mean @ self._signals).reshape(len(images_uk), 40, 40)


def build_estimators(
    bundle: PaperBundle, simulator: CutoutSimulator, redshift: float, network: Estimator
) -> dict[str, Estimator]:
    """Return the network, and its rivals for clusters of one redshift, by name and under the network's prior.

    Parameters
    ----------
    bundle : PaperBundle
        Its prior and its clusters are those of all three.
    simulator : CutoutSimulator
        Of round clusters on the model's sky.
    redshift : float
        Of all clusters that the rivals are asked about.
    network : Estimator
        Of the bundle, for clusters of any redshift.
    """
    prior = bundle.calibration.prior_range_msun
    likelihood = paper_likelihood(bundle, simulator)
    matched = MatchedFilterEstimator(likelihood, redshift, prior)
    block = _fitted_clusters(bundle, simulator, redshift)
    matched.fit(block.image, block.m200c)
    return {
        NETWORK: network,
        MATCHED_FILTER: FilterEstimator(matched),
        BEST_POSSIBLE: BestEstimator(likelihood, redshift, prior, bundle.labels.band),
    }


def paper_likelihood(bundle: PaperBundle, simulator: CutoutSimulator) -> GaussianLikelihood:
    """Return the likelihood of the clusters that the network was trained on."""
    scatter = Scatter(bundle.recipe.clusters.sz_scatter_ln, bundle.recipe.clusters.concentration_scatter_ln)
    return GaussianLikelihood(simulator.power, simulator.instrument, bundle.sz_model, scatter)


def _fitted_clusters(bundle: PaperBundle, simulator: CutoutSimulator, redshift: float) -> CutoutBlock:
    low, high = bundle.calibration.prior_range_msun
    masses = {"kind": "uniform", "min_m200c_msun": low, "max_m200c_msun": high}
    clusters = bundle.recipe.clusters.model_validate(
        {**bundle.recipe.clusters.model_dump(), "masses": masses, "redshift": redshift}
    )
    blocks = simulator.blocks(clusters, N_FITTED, bundle.metadata.seed, Stream.CALIBRATION, salt=FIT_SALT)
    return CutoutBlock.concatenate(list(blocks))
