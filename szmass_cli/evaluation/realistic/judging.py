"""What four estimators say of the same cutouts of the realistic sky."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from szmass_cli.evaluation.instruments.judging import Network, Posteriors, Verdict
from szmass_cli.evaluation.instruments.suspicion import Suspicion
from szmass_cli.evaluation.realistic.testsets import RealisticCase, drawn_blocks
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.posterior.grid import probability_below
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.recalibration import Recalibration
from szmass_cli.sky.cutouts import Stream, block_generator
from szmass_cli.sky.cutoutsky import reference_band

REFERENCES = 1000
"""Added to the salt of a test set for the random points that `tarp_departure` measures from."""


@dataclass(frozen=True)
class Opinions:
    """n clusters of the realistic sky with what is said of them.

    Parameters
    ----------
    ln_mass, redshift : numpy.ndarray, shape (n,)
        True ln M200c [ln Msun] and redshift.
    snr : numpy.ndarray, shape (n,)
        Of the matched filter of the best cluster.
    filled_radio : numpy.ndarray, shape (n,)
        Share of the signal that radio galaxies take away in the band nearest to 150 GHz.
    likelihood : Verdict
        Of the posterior of a Gaussian sky, profile scatter marginalised, as it is.
    recalibrated : Verdict
        Of the same, recalibrated by maximum likelihood on simulations of the realistic sky.
    network : Verdict
        Of the model.
    clean : Verdict
        Of the posterior of a Gaussian sky of cutouts without contamination.
    nearer : numpy.ndarray, shape (n,)
        Probability of the model's posterior to be nearer to a random point than the truth is.
    suspect : numpy.ndarray of bool, shape (n,)
        Whether `szmass estimate` would raise a flag of `SUSPECT`.
    """

    ln_mass: np.ndarray
    redshift: np.ndarray
    snr: np.ndarray
    filled_radio: np.ndarray
    likelihood: Verdict
    recalibrated: Verdict
    network: Verdict
    clean: Verdict
    nearer: np.ndarray
    suspect: np.ndarray

    def __len__(self) -> int:
        return len(self.ln_mass)

    def __getitem__(self, rows: np.ndarray) -> "Opinions":
        return Opinions(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @classmethod
    def concatenate(cls, parts: list["Opinions"]) -> "Opinions":
        """Return the clusters of all parts."""

        def joined(name: str) -> Any:
            values = [getattr(part, name) for part in parts]
            return Verdict.concatenate(values) if isinstance(values[0], Verdict) else np.concatenate(values)

        return cls(**{field.name: joined(field.name) for field in fields(cls)})


def opinions(
    case: RealisticCase,
    sky: SkyModel,
    network: Network,
    of_likelihood: Recalibration,
    n: int,
    seed: int,
    salt: int,
    report: Callable[[int], None] = lambda done: None,
) -> Opinions:
    """Return what all estimators say of n fresh clusters of a case.

    Parameters
    ----------
    case : RealisticCase
        What is simulated, and what the estimators are told.
    sky : SkyModel
        Knows the power of the CMB.
    network : Network
        The learnt part of a model; its recalibration has the grid of masses.
    of_likelihood : Recalibration
        The recalibration of the likelihood alone, on the simulations that the model was recalibrated on.
    n, seed, salt : int
        Number of cutouts; seed and salt say which.
    report : callable
        Takes the number of cutouts that are done.
    """
    ln_mass = network.recalibration.ln_mass
    posteriors = Posteriors(case.told, ln_mass, network)
    alone = Posteriors(case.told, ln_mass)
    suspicion = Suspicion(case.told, posteriors.likelihood, ln_mass, network.odd_levels)
    band = reference_band([band.frequency_ghz for band in case.instrument.bands])
    parts, done = [], 0
    rng = block_generator(seed, Stream.TEST, 0, salt + REFERENCES)
    for block, clean in drawn_blocks(case, sky, n, seed, salt):
        ratio = np.ones((len(block), len(case.instrument)))
        answer = posteriors(block.image, block.redshift, ratio)
        recalibrated = of_likelihood(answer.exact.density, block.redshift, answer.snr)
        cleaned = alone(clean, block.redshift, ratio).exact
        filled = np.zeros(len(block)) if block.filled_radio is None else block.filled_radio[:, band]
        median = answer.posterior.percentiles((50.0,))[:, 0]
        parts.append(
            Opinions(
                ln_mass=np.log(block.m200c),
                redshift=block.redshift,
                snr=answer.snr,
                filled_radio=filled,
                likelihood=Verdict.of(answer.exact, block.m200c),
                recalibrated=Verdict.of(MassPosterior(ln_mass, recalibrated), block.m200c),
                network=Verdict.of(answer.posterior, block.m200c),
                clean=Verdict.of(cleaned, block.m200c),
                nearer=_nearer(answer.posterior, np.log(block.m200c), rng),
                suspect=suspicion(answer.weighed, median, block.redshift),
            )
        )
        done += len(block)
        report(done)
    return Opinions.concatenate(parts)


def _nearer(posterior: MassPosterior, ln_mass: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the probability (n,) of masses nearer than the true one to points that follow the data."""
    mean, sigma = posterior.moments
    point = mean + 2.0 * sigma * rng.standard_normal(len(mean))
    distance = np.abs(ln_mass - point)
    grid, density = posterior.ln_mass, posterior.density
    ends = np.clip([point - distance, point + distance], *np.array([grid[0], grid[-1]]))
    low, high = (probability_below(grid, density, end) for end in ends)
    return high - low
