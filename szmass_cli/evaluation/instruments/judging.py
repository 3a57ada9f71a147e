"""Posteriors of a model beside the exact ones, on the same cutouts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from szmass_cli.evaluation.instruments.cases import Assumed, Case
from szmass_cli.evaluation.instruments.simulation import TestBlock, ViewSimulator
from szmass_cli.evaluation.instruments.suspicion import Suspicion
from szmass_cli.likelihood.features import Features, features
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.oddness import OddnessLevels
from szmass_cli.likelihood.residual import best_cluster
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.correction import Corrector
from szmass_cli.network.evidence import Corrected
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.grid import ln_density_at, normalised, probability_below
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.recalibration import Recalibration


@dataclass(frozen=True, eq=False)
class Network:
    """The part of a model that is learnt: the correction of the likelihood, and the recalibration.

    Parameters
    ----------
    corrector : Corrector
        What is to be added to ln L on the grid of masses.
    recalibration : Recalibration
        Shift and stretch of the corrected posteriors.
    odd_levels : OddnessLevels
        Levels above which cutouts are unlike those of the training.
    """

    corrector: Corrector
    recalibration: Recalibration
    odd_levels: OddnessLevels

    @classmethod
    def of(cls, bundle: Bundle) -> "Network":
        """Return the learnt part of a bundle."""
        return cls(Corrector.from_bundle(bundle), bundle.recalibration, bundle.odd_levels)

    def told(self, seen: Features, redshift: np.ndarray) -> MassPosterior:
        """Return the posteriors of n cutouts at redshifts (n,), without the floor."""
        ln_mass, change = self.recalibration.ln_mass, self.recalibration
        found = Corrected.of(seen, self.corrector(seen).g, ln_mass)
        density = change.without_floor(found.density, redshift, seen.snr, found.evidence)
        return MassPosterior(ln_mass, density)


@dataclass(frozen=True)
class Verdict:
    """Verdicts of posteriors on n clusters whose masses are known; arrays of shape (n,).

    Parameters
    ----------
    mean, sigma : numpy.ndarray
        Mean and standard deviation of ln M under the posterior.
    below : numpy.ndarray
        Probability of lower masses than the true one.
    ln_density : numpy.ndarray
        ln p(true ln M).
    median : numpy.ndarray
        Of ln M: the mass that catalogues state.
    """

    mean: np.ndarray
    sigma: np.ndarray
    below: np.ndarray
    ln_density: np.ndarray
    median: np.ndarray

    @classmethod
    def of(cls, posterior: MassPosterior, m200c_msun: np.ndarray) -> "Verdict":
        """Return the verdict of posteriors on true masses (n,) [Msun]."""
        grid, density, truth = posterior.ln_mass, posterior.density, np.log(m200c_msun)
        at = (probability_below(grid, density, truth), ln_density_at(grid, density, truth))
        return cls(*posterior.moments, *at, np.log(posterior.percentiles((50.0,))[:, 0]))

    def __getitem__(self, rows: slice | np.ndarray) -> "Verdict":
        return Verdict(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def concatenate(cls, parts: Iterable["Verdict"]) -> "Verdict":
        """Return the clusters of all parts."""
        parts = list(parts)
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


@dataclass(frozen=True)
class Judged:
    """n clusters with what the model and the exact posterior say of them.

    Parameters
    ----------
    ln_mass, redshift : numpy.ndarray, shape (n,)
        True ln M200c [ln Msun] and true redshift.
    snr, expected_snr : numpy.ndarray, shape (n,)
        Of the matched filter: found by the model with the best cluster, and of a mean cluster of the true
        mass without the noise of its own cutout.
    depth : numpy.ndarray, shape (n,)
        Variance of the noise over the instrument's.
    model, exact : Verdict
        Of the model's posterior, and of the exact posterior, which is told the truth.
    alone : Verdict or None
        Of the exact posterior of the band near 150 GHz alone, where there are others.
    filter_gain : numpy.ndarray, shape (n,)
        Error of the matched filter's amplitude in that band over the error in all bands.
    flagged : numpy.ndarray of bool, shape (n,), or None
        Whether `szmass estimate` would raise a flag of `suspicion.SUSPECT`, where that is counted.
    """

    ln_mass: np.ndarray
    redshift: np.ndarray
    snr: np.ndarray
    expected_snr: np.ndarray
    depth: np.ndarray
    model: Verdict
    exact: Verdict
    alone: Verdict | None
    filter_gain: np.ndarray
    flagged: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ln_mass)

    def __getitem__(self, rows: slice | np.ndarray) -> "Judged":
        def chosen(name: str) -> Any:
            value = getattr(self, name)
            return None if value is None else value[rows]

        return Judged(**{field.name: chosen(field.name) for field in fields(self)})

    @classmethod
    def concatenate(cls, parts: list["Judged"]) -> "Judged":
        """Return the clusters of all parts; a field that is None in one of them is None."""

        def joined(name: str) -> Any:
            values = [getattr(part, name) for part in parts]
            if any(value is None for value in values):
                return None
            return Verdict.concatenate(values) if isinstance(values[0], Verdict) else np.concatenate(values)

        return cls(**{field.name: joined(field.name) for field in fields(cls)})

    @property
    def shift(self) -> np.ndarray:
        """Return (mean - exact mean) / exact sigma."""
        return (self.model.mean - self.exact.mean) / self.exact.sigma

    @property
    def ln_likelihood_gap(self) -> np.ndarray:
        """Return by how much the exact posterior gives the truth more ln probability [nats]."""
        return self.exact.ln_density - self.model.ln_density


@dataclass(frozen=True)
class Answer:
    """What is said of n cutouts.

    Parameters
    ----------
    exact : MassPosterior
        Of the likelihood alone, under a prior flat in ln M.
    told : MassPosterior
        With the network's correction, where there is one, and without the floor.
    floor : float
        Probability that `posterior` spreads evenly over ln M, whatever the cutout shows.
    snr : numpy.ndarray, shape (n,)
        Matched-filter S/N of the best-fitting cluster.
    weighed : Weighed
        The cutouts, with their products with the inverse covariance.
    """

    exact: MassPosterior
    told: MassPosterior
    floor: float
    snr: np.ndarray
    weighed: Weighed

    @property
    def posterior(self) -> MassPosterior:
        """Return the posterior of the model under a prior flat in ln M."""
        return self.told.with_floor(self.floor)


class Posteriors:
    """Posteriors of cutouts from what is assumed of them.

    Parameters
    ----------
    assumed : Assumed
        Sky, instrument and scatter that the likelihood assumes, true or not.
    ln_mass : numpy.ndarray, shape (m,)
        Grid of masses [ln Msun].
    network : Network, optional
        Without one posteriors are those of a Gaussian sky.
    """

    def __init__(self, assumed: Assumed, ln_mass: np.ndarray, network: Network | None = None):
        self.likelihood: GaussianLikelihood = assumed.likelihood()
        self._positions = assumed.positions(self.likelihood)
        self._error = assumed.position_error_arcmin
        self._scores = None if network is None else ScoreImages(self.likelihood)
        self._contamination = None if network is None else assumed.sky.contamination(self.likelihood)
        self._ln_mass, self._network = ln_mass, network

    def __call__(self, images_uk: np.ndarray, redshift: np.ndarray, variance_ratio: np.ndarray) -> Answer:
        """Return what is said of cutouts (n, 40, 40, f) [µK] at redshifts (n,) and depths (n, f)."""
        weighed = self.likelihood.weigh(images_uk, variance_ratio)
        ln_likelihood = self._ln_likelihood(weighed, redshift)
        exact = MassPosterior(self._ln_mass, normalised(ln_likelihood))
        if self._network is None or self._scores is None or self._contamination is None:
            best = self._ln_mass[ln_likelihood.argmax(axis=1)]
            snr = best_cluster(self.likelihood, weighed, best, redshift).snr
            return Answer(exact, exact, 0.0, snr, weighed)
        seen = features(
            self.likelihood,
            self._scores,
            self._contamination,
            weighed,
            redshift,
            self._ln_mass,
            ln_likelihood,
        )
        told, floor = self._network.told(seen, redshift), self._network.recalibration.floor
        return Answer(exact, told, floor, seen.snr, weighed)

    def _ln_likelihood(self, weighed: Weighed, redshift: np.ndarray) -> np.ndarray:
        if self._positions is None:
            return self.likelihood.ln_likelihood(weighed, self._ln_mass, redshift)
        error = np.full(len(redshift), self._error)
        return self._positions.ln_likelihood(weighed, self._ln_mass, redshift, error)

    def expected_snr(
        self, m200c_msun: np.ndarray, redshift: np.ndarray, variance_ratio: np.ndarray
    ) -> np.ndarray:
        """Return the S/N (n,) of mean clusters of masses (n,) [Msun], without noise."""
        shape = (len(redshift), 40, 40, len(self.likelihood.instrument))
        nothing = self.likelihood.weigh(np.zeros(shape, np.float32), variance_ratio)
        scales = cluster_scales(m200c_msun[:, None], redshift[:, None], self.likelihood.model)
        return np.sqrt(self.likelihood.matched(nothing, scales)[1][:, 0])


class Judge:
    """Judges a model on the cutouts of one case.

    Parameters
    ----------
    case : Case
        What is simulated, and what the model is told of it.
    ln_mass : numpy.ndarray, shape (m,)
        Grid of masses that posteriors are tabulated on [ln Msun].
    network : Network, optional
        Without one it is the likelihood alone that is judged.
    """

    def __init__(self, case: Case, ln_mass: np.ndarray, network: Network | None):
        self._told = Posteriors(case.told, ln_mass, network)
        self._truth = self._told if case.is_told_the_truth else Posteriors(case.truth, ln_mass)
        self._added = 0.0 if case.added_uk is None else case.added_uk.astype(np.float32)
        levels = OddnessLevels.of_gaussian_sky() if network is None else network.odd_levels
        told = case.told
        self._suspicion = (
            Suspicion(told, self._told.likelihood, ln_mass, levels) if case.counts_flags else None
        )
        self._band = case.pivot_band
        self._seen = len(case.views) - 1
        several = len(case.truth.instrument) > 1
        self._alone = Posteriors(case.truth.only((self._band,)), ln_mass) if several else None

    def __call__(self, block: TestBlock) -> Judged:
        """Return the verdicts on simulated cutouts."""
        images, z, ratio = block.view(0), block.redshift, block.variance_ratio
        told = self._told(block.view(self._seen) + self._added, z, ratio)
        exact = told.exact if self._truth is self._told else self._truth(images, z, ratio).exact
        expected = self._truth.expected_snr(block.m200c_msun, z, ratio)
        alone, gain = None, np.ones(len(block))
        if self._alone is not None:
            one = [self._band]
            alone = Verdict.of(self._alone(images[..., one], z, ratio[:, one]).exact, block.m200c_msun)
            gain = expected / self._alone.expected_snr(block.m200c_msun, z, ratio[:, one])
        return Judged(
            np.log(block.m200c_msun),
            z,
            told.snr,
            expected,
            ratio.mean(axis=1),
            Verdict.of(told.posterior, block.m200c_msun),
            Verdict.of(exact, block.m200c_msun),
            alone,
            gain,
            self._flagged(told, z),
        )

    def _flagged(self, told: Answer, redshift: np.ndarray) -> np.ndarray | None:
        if self._suspicion is None:
            return None
        return self._suspicion(told.weighed, told.posterior.percentiles((50.0,))[:, 0], redshift)


def judged_case(
    case: Case,
    ln_mass: np.ndarray,
    network: Network | None,
    n: int,
    seed: int,
    salt: int,
    report: Callable[[int], None] = lambda done: None,
) -> Judged:
    """Return the verdicts on n fresh clusters of a case.

    Parameters
    ----------
    case : Case
        What is simulated, and what the model is told of it.
    ln_mass : numpy.ndarray, shape (m,)
        Grid of masses that posteriors are tabulated on [ln Msun].
    network : Network, optional
        Without one it is the likelihood alone that is judged.
    n, seed, salt : int
        Number of cutouts; seed and salt say which.
    report : callable
        Takes the number of cutouts that are done.
    """
    judge, parts, done = Judge(case, ln_mass, network), [], 0
    simulator = ViewSimulator(case.truth.sky, *case.views, depth_range=case.depth_range)
    for block in simulator.blocks(case.clusters, n, seed, salt):
        parts.append(judge(block))
        done += len(block)
        report(done)
    return Judged.concatenate(parts)
