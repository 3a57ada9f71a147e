"""The three estimators that are compared on the same cutouts: network, matched filter, best possible."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from szmass_cli.evaluation.matched import MatchedFilterEstimator
from szmass_cli.evaluation.statistics import PERCENTILES
from szmass_cli.likelihood.instruments import Instrument
from szmass_cli.likelihood.optimal import GridPosterior, OptimalEstimator
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.conditioned import Conditions
from szmass_cli.network.model import Predictor
from szmass_cli.network.paper.calibration import Calibration
from szmass_cli.network.recalibrated import RecalibratedNetwork
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream

NETWORK, MATCHED_FILTER, BEST_POSSIBLE = "network", "matched filter", "best possible"
ESTIMATORS = (NETWORK, MATCHED_FILTER, BEST_POSSIBLE)

N_FITTED = 8192
"""Cutouts that the matched filter's relation is fitted to."""

FIT_SALT = 1_000_000
"""Keeps those cutouts apart from the ones that the network was calibrated on."""


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

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates: ...


class NetworkEstimator:
    """The network of a bundle, with its calibration."""

    def __init__(self, bundle: Bundle):
        self._predictor = Predictor.from_bundle(bundle, bundle.training_sky())
        assert isinstance(bundle.calibration, Calibration)
        self._calibration = bundle.calibration

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates:
        prediction = self._predictor(images_uk)
        # a model calibrated at one redshift speaks of that redshift, whatever the cluster's
        z = np.clip(redshift, self._calibration.redshifts[0], self._calibration.redshifts[-1])
        masses = self._calibration.percentiles(prediction.raw_mass_msun, z, PERCENTILES)
        return Estimates(masses, prediction.sz_uk)


class PosteriorEstimator:
    """A network with a posterior head, at one beam and noise, under a prior flat in mass as its rivals."""

    def __init__(self, bundle: Bundle, instrument: Instrument):
        self._instrument, self._redshifts = instrument, bundle.metadata.trained_redshift
        self._network = RecalibratedNetwork(bundle, {instrument.fwhm_arcmin: instrument.modes})

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates:
        grid, band = self._network.ln_mass, self._instrument.band
        ones = np.ones(len(redshift))
        # a model of one redshift is told of that one, whatever the cluster's
        z = np.clip(redshift, *self._redshifts)
        conditions = Conditions(z, self._instrument.fwhm_arcmin * ones, band.noise_uk_arcmin * ones)
        answer = self._network(images_uk, conditions)
        density = answer.density * np.exp(grid - grid[-1])
        density /= density.sum(axis=1, keepdims=True)
        return Estimates(percentiles_of(GridPosterior(np.exp(grid), density)), answer.sz_uk)


class GridEstimator:
    """An estimator that gives a posterior on a grid of masses."""

    def __init__(self, estimator: MatchedFilterEstimator):
        self._estimator = estimator

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates:
        return Estimates(percentiles_of(self._estimator.posterior(images_uk)))


class BestEstimator:
    """The exact posterior, and the posterior mean of the cluster's signal."""

    def __init__(self, estimator: OptimalEstimator, band: int):
        self._estimator, self._band = estimator, band

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray) -> Estimates:
        posterior = self._estimator.posterior(images_uk)
        return Estimates(
            percentiles_of(posterior), self._estimator.mean_signal_uk(images_uk)[..., self._band]
        )


def percentiles_of(posterior: GridPosterior) -> np.ndarray:
    """`PERCENTILES` of posteriors, shape (n, 5) [Msun]."""
    return np.stack([posterior.percentile(percent) for percent in PERCENTILES], axis=1)


def build_estimators(
    bundle: Bundle, simulator: CutoutSimulator, redshift: float, network: Estimator
) -> dict[str, Estimator]:
    """The network, and its rivals for clusters of one redshift, by name and under the network's prior.

    Parameters
    ----------
    bundle : Bundle
    simulator : CutoutSimulator
        Of round clusters on the model's sky.
    redshift : float
    network : Estimator
        Of the bundle, for clusters of any redshift.
    """
    prior = bundle.calibration.prior_range_msun
    scatter = bundle.recipe.clusters.sz_scatter_ln
    filtered = MatchedFilterEstimator(simulator.sky, simulator.stamps, redshift, prior)
    block = _fitted_clusters(bundle, simulator, redshift)
    filtered.fit(block.image, block.m200c)
    best = OptimalEstimator(simulator.sky, simulator.stamps, redshift, scatter, prior)
    return {
        NETWORK: network,
        MATCHED_FILTER: GridEstimator(filtered),
        BEST_POSSIBLE: BestEstimator(best, bundle.labels.band),
    }


def network_estimator(bundle: Bundle) -> Estimator:
    """The network of a bundle, at the beam and noise of its recipe's sky."""
    if isinstance(bundle.calibration, Calibration):
        return NetworkEstimator(bundle)
    band = bundle.bands[0]
    return PosteriorEstimator(
        bundle, Instrument(bundle.recipe, bundle.sky_power, band.beam.fwhm_arcmin, band.noise_uk_arcmin)
    )


def _fitted_clusters(bundle: Bundle, simulator: CutoutSimulator, redshift: float) -> CutoutBlock:
    low, high = bundle.calibration.prior_range_msun
    masses = {"kind": "uniform", "min_m200c_msun": low, "max_m200c_msun": high}
    clusters = bundle.recipe.clusters.model_validate(
        {**bundle.recipe.clusters.model_dump(), "masses": masses, "redshift": redshift}
    )
    blocks = simulator.blocks(clusters, N_FITTED, bundle.metadata.seed, Stream.CALIBRATION, salt=FIT_SALT)
    return CutoutBlock.concatenate(list(blocks))
