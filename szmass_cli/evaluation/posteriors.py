"""Posteriors of a conditioned network beside the exact ones, on the same cutouts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from szmass_cli.evaluation.exact import ExactPosterior
from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.conditioned import Conditions
from szmass_cli.network.recalibrated import RecalibratedNetwork
from szmass_cli.posterior.recalibration import moments
from szmass_cli.sky.cutouts import CutoutBlock

MIN_SNR = 3.0
"""Clusters below it have posteriors that are all prior: nothing to compare."""


@dataclass(frozen=True)
class Judged:
    """n clusters with what network and exact posterior say of them; arrays of shape (n,).

    Parameters
    ----------
    ln_mass, redshift, beam_fwhm_arcmin, noise_uk_arcmin : numpy.ndarray
        The truth.
    snr : numpy.ndarray
        Matched-filter S/N at the network's median mass.
    expected_snr : numpy.ndarray
        That of a mean cluster of the true mass, without the noise of its own cutout.
    mean, sigma, best_mean, best_sigma : numpy.ndarray
        Of ln M, by the network and exactly.
    pit : numpy.ndarray
        Probability of lower masses than the true one, by the network.
    ln_density, best_ln_density : numpy.ndarray
        ln p(true ln M), by the network and exactly.
    """

    ln_mass: np.ndarray
    redshift: np.ndarray
    beam_fwhm_arcmin: np.ndarray
    noise_uk_arcmin: np.ndarray
    snr: np.ndarray
    expected_snr: np.ndarray
    mean: np.ndarray
    sigma: np.ndarray
    best_mean: np.ndarray
    best_sigma: np.ndarray
    pit: np.ndarray
    ln_density: np.ndarray
    best_ln_density: np.ndarray

    def __len__(self) -> int:
        return len(self.ln_mass)

    def __getitem__(self, rows: np.ndarray | slice) -> "Judged":
        return Judged(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def concatenate(cls, parts: Iterable["Judged"]) -> "Judged":
        columns = zip(*([getattr(part, f.name) for f in fields(cls)] for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    @property
    def shift(self) -> np.ndarray:
        """(mean - best mean) / best sigma: what the network loses of the information, squared."""
        return (self.mean - self.best_mean) / self.best_sigma

    @property
    def ln_likelihood_gap(self) -> np.ndarray:
        """By how much the exact posterior gives the truth more ln probability [nats]."""
        return self.best_ln_density - self.ln_density


class Judge:
    """A conditioned network and the exact posterior, built once for all sets.

    Parameters
    ----------
    bundle : Bundle
        With a posterior head.
    modes : mapping of float to BeamModes
        By beam FWHM [arcmin] of the cutouts to be judged.
    """

    def __init__(self, bundle: Bundle, modes: Mapping[float, BeamModes]):
        self._network = RecalibratedNetwork(bundle, modes)
        self._exact = ExactPosterior(modes, self.ln_mass, bundle.recipe.clusters.sz_scatter_ln)

    @property
    def ln_mass(self) -> np.ndarray:
        """Where posteriors are tabulated [ln Msun], (m,)."""
        return self._network.ln_mass

    def network(self, block: CutoutBlock) -> tuple[np.ndarray, np.ndarray]:
        """Posteriors (n, m) of the network under its own prior, and S/N (n,)."""
        answer = self._network(block.image, Conditions.of(block))
        return answer.density, answer.snr

    def __call__(self, block: CutoutBlock) -> Judged:
        """Judge simulated cutouts."""
        conditions, grid = Conditions.of(block), self.ln_mass
        density, snr = self.network(block)
        best = self._exact(block.image, conditions)
        ln_mass = np.log(block.m200c)
        return Judged(
            ln_mass,
            block.redshift,
            conditions.beam_fwhm_arcmin,
            conditions.noise_uk_arcmin,
            snr,
            self._network.inputs.expected_snr(conditions, block.m200c),
            *moments(grid, density),
            *moments(grid, best),
            below(grid, density, ln_mass),
            ln_density_at(grid, density, ln_mass),
            ln_density_at(grid, best, ln_mass),
        )


def below(grid: np.ndarray, density: np.ndarray, ln_mass: np.ndarray) -> np.ndarray:
    """Probability below ln M (n,) of posteriors (n, m) on an even grid (m,), shape (n,)."""
    position = (ln_mass - grid[0]) / (grid[1] - grid[0]) + 0.5  # in cells from the lower end of the first
    cumulative = np.concatenate([np.zeros((len(density), 1)), np.cumsum(density, axis=1)], axis=1)
    low = np.clip(position.astype(int), 0, grid.size - 1)
    rows = np.arange(len(density))
    return cumulative[rows, low] + (position - low) * density[rows, low]


def ln_density_at(grid: np.ndarray, density: np.ndarray, ln_mass: np.ndarray) -> np.ndarray:
    """ln p(ln M) at ln M (n,) of posteriors (n, m) on an even grid (m,), shape (n,)."""
    position = np.clip((ln_mass - grid[0]) / (grid[1] - grid[0]), 0.0, grid.size - 1.0)
    low = np.minimum(position.astype(int), grid.size - 2)
    rows, upper = np.arange(len(density)), position - low
    at = density[rows, low] * (1.0 - upper) + density[rows, low + 1] * upper
    return np.log(np.maximum(at, 1e-30) / (grid[1] - grid[0]))
