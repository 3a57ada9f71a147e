"""Mean mass, scatter and slope of mock optical clusters from their likelihoods, against the truth.

Usage: python benchmarks/population.py [--parts 20] [--realisations 20] [--survey act-dr6] [--seed 1]
       [--keep FOLDER]

Optical clusters: richness from 20 to 150, ln M200c = ln 2.2e14 + 1.2 ln(richness / 40) with a scatter of
0.35, redshifts from 0.2 to 0.7 with errors of 0.01 (1 + z), centres 0.3' off per axis. Cutouts of the band
near 150 GHz are drawn, and their likelihoods are the package's own, told of both errors; nothing is told of
masses. --parts times 1024 clusters are shared out among the realisations, and then taken all together. One
core: set OMP_NUM_THREADS=1. With --keep likelihoods are stored in a folder, and used when they are there.

`szmass estimate` averages over 7 redshifts of each cluster. With --redshift-nodes 3 this benchmark takes 3,
in half the time; what that changes is printed for the first block, beside the errors.
"""

import argparse
import os
import time
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from szmass_cli.config import ClusterConfig
from szmass_cli.evaluation.instruments.cases import Assumed, preset_cases
from szmass_cli.evaluation.instruments.simulation import ViewSimulator
from szmass_cli.likelihood.gaussian import Weighed
from szmass_cli.likelihood.observables import observables
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.posterior.curves import Curves, relative_likelihood, thinning
from szmass_cli.posterior.grid import normalised
from szmass_cli.posterior.inference import Inference, inferred
from szmass_cli.posterior.masses import MassPosterior, mixture
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.posterior.redshift import N_NODES, redshift_nodes
from szmass_cli.samples.run import Bin, Line, binned, fitted_line
from szmass_cli.samples.sample import Sample

PIVOT_RICHNESS, PIVOT_MSUN, SLOPE, SCATTER = 40.0, 2.2e14, 1.2, 0.35
RICHNESS_RANGE, RICHNESS_EXPONENT = (20.0, 150.0), -2.5  # of dN / d richness
REDSHIFT_RANGE, REDSHIFT_ERROR, OFFSET_ARCMIN = (0.2, 0.7), 0.01, 0.3
BINS = (20.0, 25.0, 32.0, 42.0, 60.0, 150.0)
BLOCK, PART = 256, 1024
GOAL_MEAN, GOAL_SCATTER = 0.03, 0.15


@dataclass(frozen=True)
class Mock:
    """Mock clusters as an optical catalogue and a map have them; arrays of shape (n,) or (n, m).

    Parameters
    ----------
    richness, ln_mass, redshift : numpy.ndarray
        The truth; the mass is M200c [ln Msun].
    snr : numpy.ndarray
        Of the matched filter for the median mass.
    likelihood : numpy.ndarray, float32
        Thinned likelihoods.
    """

    richness: np.ndarray
    ln_mass: np.ndarray
    redshift: np.ndarray
    snr: np.ndarray
    likelihood: np.ndarray


class Survey:
    """Draws mock clusters and measures them.

    Parameters
    ----------
    bundle : Bundle
        Its sky and grid of masses are used, not its network.
    name : str
        Preset of the survey whose band near 150 GHz looks at them.
    n_nodes : int
        Redshifts that each likelihood is averaged over.
    """

    def __init__(self, bundle: Bundle, name: str, n_nodes: int):
        self._n_nodes = n_nodes
        self._bundle = bundle
        sky = bundle.sky_model
        case = preset_cases(sky, (name,), (0.9,))[0]
        instrument = case.truth.only((case.pivot_band,)).instrument
        self._clusters: ClusterConfig = sky.config.clusters.model_copy(
            update={"miscentring_arcmin": OFFSET_ARCMIN}
        )
        told = Assumed(sky, instrument, sky.scatter, OFFSET_ARCMIN)
        self._likelihood = told.likelihood()
        self._positions = told.positions(self._likelihood)
        self._simulator = ViewSimulator(sky, instrument)
        self._change = PriorChange(Prior.FLAT_LOG, Prior.FLAT_LOG, bundle.cosmology)
        self._is_first = n_nodes != N_NODES

    def mock(self, n: int, rng: np.random.Generator) -> Mock:
        """Return n clusters with their likelihoods."""
        low, high = (edge ** (RICHNESS_EXPONENT + 1.0) for edge in RICHNESS_RANGE)
        richness = (low + rng.random(n) * (high - low)) ** (1.0 / (RICHNESS_EXPONENT + 1.0))
        redshift = rng.uniform(*REDSHIFT_RANGE, n)
        ln_mass = np.log(PIVOT_MSUN) + SLOPE * np.log(richness / PIVOT_RICHNESS)
        ln_mass += SCATTER * rng.standard_normal(n)
        error = REDSHIFT_ERROR * (1.0 + redshift)
        stated = redshift + error * rng.standard_normal(n)
        parts = []
        for start in range(0, n, BLOCK):
            rows = slice(start, start + BLOCK)
            block = self._simulator.cutouts(self._clusters, np.exp(ln_mass[rows]), redshift[rows], rng)
            weighed = self._likelihood.weigh(block.view(0), block.variance_ratio)
            parts.append(self._measured(weighed, stated[rows], error[rows]))
        snr, likelihood = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Mock(richness, ln_mass, redshift, snr, likelihood)

    def _measured(
        self, weighed: Weighed, redshift: np.ndarray, error: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return S/N and thinned likelihoods, as `szmass estimate` comes to them."""
        grid = self._bundle.ln_mass
        assert self._positions is not None
        positions = self._positions

        def at(rows: np.ndarray, z: np.ndarray) -> MassPosterior:
            offsets = np.full(len(rows), OFFSET_ARCMIN)
            return MassPosterior(grid, normalised(positions.ln_likelihood(weighed[rows], grid, z, offsets)))

        allowed = self._bundle.metadata.trained_redshift
        if self._n_nodes == N_NODES:
            found = inferred(at, redshift, error, self._change, allowed)
        else:
            nodes, weights = redshift_nodes(redshift, error, allowed, self._n_nodes)
            own = mixture([at(np.arange(len(redshift)), node) for node in nodes], weights)
            found = Inference(own, own, own)
        if self._is_first:
            self._is_first = False
            report_nodes(own, inferred(at, redshift, error, self._change, allowed).own)
        median = found.own.percentiles((50.0,))[:, 0]
        snr = observables(self._likelihood, weighed, median, redshift).snr
        curves = found.ln_likelihood(self._change, redshift)
        return snr, relative_likelihood(curves[:, thinning(grid)])


def report_nodes(few: MassPosterior, many: MassPosterior) -> None:
    """Print by how much posteriors with fewer redshifts differ from those with all."""
    levels = (16.0, 50.0, 84.0)
    one, other = (np.log(posterior.percentiles(levels)) for posterior in (few, many))
    apart = 2.0 * np.abs(one - other) / (other[:, 2:] - other[:, :1])
    print(f"fewer redshifts move percentiles of {len(one)} rows by {apart.max():.1e} of their error at most")


def parts_of(survey: Survey, n: int, seed: int, folder: Path | None) -> list[Mock]:
    """Return n parts of `PART` clusters each, out of the folder where they are there."""
    parts = []
    for number in range(n):
        path = None if folder is None else folder / f"part_{number:04d}.npz"
        if path is not None and path.exists():
            with np.load(path) as stored:
                parts.append(Mock(**{field.name: stored[field.name] for field in fields(Mock)}))
            continue
        part = survey.mock(PART, np.random.Generator(np.random.PCG64DXSM([seed, number])))
        if path is not None:
            path.parent.mkdir(exist_ok=True)
            beside = path.with_suffix(".part.npz")
            np.savez(beside, **{field.name: getattr(part, field.name) for field in fields(Mock)})
            os.replace(beside, path)
        parts.append(part)
        print(f"{(number + 1) * PART:,} clusters", flush=True)
    return parts


def sample_of(mock: Mock, ln_mass: np.ndarray) -> Sample:
    """Return what `szmass population` reads."""
    curves = Curves(ln_mass, mock.likelihood)
    return Sample(curves, mock.richness, mock.redshift, len(mock.richness), 0, 0, {})


def true_mean(richness: float) -> float:
    """Return the mean of ln M200c [ln Msun] at a richness."""
    return float(np.log(PIVOT_MSUN) + SLOPE * np.log(richness / PIVOT_RICHNESS))


def pulls(bins: tuple[Bin, ...], line: Line) -> np.ndarray:
    """Return (found - true) / error of the bins' means, then of their scatters, slope and common scatter."""
    means, scatters = [], []
    for one in bins:
        assert one.population is not None
        mean_err, scatter_err = one.population.errors
        means.append((one.population.coefficients[0] - true_mean(one.centre)) / mean_err)
        scatters.append((one.population.scatter - SCATTER) / scatter_err)
    _, slope_err, scatter_err = line.population.errors
    of_line = [
        (line.population.coefficients[1] - SLOPE) / slope_err,
        (line.population.scatter - SCATTER) / scatter_err,
    ]
    return np.array([*means, *scatters, *of_line])


def report_all(bins: tuple[Bin, ...], line: Line, snr: np.ndarray, richness: np.ndarray) -> None:
    """Print what all clusters together say, beside the truth."""
    print(f"\nall {richness.size:,} clusters, {100 * np.mean(snr < 3.0):.0f} % below S/N 3")
    print("| richness | rows | below S/N 3 | ln mean / truth | scatter (truth 0.35) |\n|---|---|---|---|---|")
    for one in bins:
        assert one.population is not None
        inside = (richness >= one.low) & (richness < one.high)
        apart = one.population.coefficients[0] - true_mean(one.centre)
        mean_err, scatter_err = one.population.errors
        print(
            f"| {one.low:g}-{one.high:g} | {one.n_rows:,} | {100 * np.mean(snr[inside] < 3.0):.0f} % | "
            f"{apart:+.4f} ± {mean_err:.4f} ({'met' if abs(apart) < GOAL_MEAN else 'MISSED'}) | "
            f"{one.population.scatter:.3f} ± {scatter_err:.3f} "
            f"({'met' if abs(one.population.scatter / SCATTER - 1.0) < GOAL_SCATTER else 'MISSED'}) |"
        )
    _, slope = line.population.coefficients
    errors = line.population.errors
    print(
        f"slope {slope:.3f} ± {errors[1]:.3f} (truth {SLOPE:g}), scatter about it "
        f"{line.population.scatter:.3f} ± {errors[2]:.3f}"
    )


def offsets(bins: tuple[Bin, ...]) -> np.ndarray:
    """Return found less true mean and scatter of the bins, and the errors stated, (4, bins)."""
    rows = []
    for one in bins:
        assert one.population is not None
        mean_err, scatter_err = one.population.errors
        apart = one.population.coefficients[0] - true_mean(one.centre)
        rows.append((apart, one.population.scatter - SCATTER, mean_err, scatter_err))
    return np.array(rows).T


def report_bins(found: np.ndarray) -> None:
    """Print mean and spread of the bins' numbers over realisations, found (n, 4, bins)."""
    n = len(found)
    print("\n| richness | of | mean offset | spread | stated error | within the goal | chi-squared |")
    print("|---|---|---|---|---|---|---|")
    for name, at, goal in (("ln mean", 0, GOAL_MEAN), ("scatter", 1, GOAL_SCATTER * SCATTER)):
        for index, (low, high) in enumerate(pairwise(BINS)):
            apart, stated = found[:, at, index], found[:, at + 2, index]
            spread = apart.std(ddof=1)
            print(
                f"| {low:g}-{high:g} | {name} | {apart.mean():+.4f} ± {spread / np.sqrt(n):.4f} | "
                f"{spread:.4f} | {stated.mean():.4f} | {np.sum(np.abs(apart) < goal)} of {n} | "
                f"{np.sum((apart / stated) ** 2):.1f} of {n} ± {np.sqrt(2.0 * n):.1f} |"
            )


def report_realisations(found: np.ndarray, n_bins: int, n_rows: int) -> None:
    """Print chi-squared of the errors over all realisations."""
    n = len(found)
    print(f"\n{n} realisations of {n_rows:,} clusters: mean pull, and chi-squared of so many numbers")
    kinds = {
        "means of bins": found[:, :n_bins],
        "scatters of bins": found[:, n_bins : 2 * n_bins],
        "slope": found[:, -2:-1],
        "common scatter": found[:, -1:],
    }
    for name, each in kinds.items():
        error = 1.0 / np.sqrt(each.size)
        print(
            f"{name}: {each.mean():+.2f} ± {error:.2f}; {(each**2).sum():.1f} of {each.size} "
            f"± {np.sqrt(2.0 * each.size):.1f}"
        )


def main() -> None:
    """Draw, infer and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--parts", type=int, default=20)
    options.add_argument("--realisations", type=int, default=20)
    options.add_argument("--survey", default="act-dr6")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--redshift-nodes", type=int, default=N_NODES)
    options.add_argument("--keep", type=Path)
    chosen = options.parse_args()
    bundle = read_bundle("gaussian")
    assert isinstance(bundle, Bundle)
    parts = parts_of(
        Survey(bundle, chosen.survey, chosen.redshift_nodes), chosen.parts, chosen.seed, chosen.keep
    )
    together = Mock(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Mock))
    )
    ln_mass = bundle.ln_mass[thinning(bundle.ln_mass)]
    edges, begin = list(BINS), time.perf_counter()
    sample = sample_of(together, ln_mass)
    line = fitted_line(sample, edges)
    bins = binned(sample, edges, line)
    print(f"{time.perf_counter() - begin:.1f} s for {len(sample):,} rows")
    report_all(bins, line, together.snr, together.richness)
    found, apart = [], []
    for rows in np.array_split(np.arange(len(sample)), chosen.realisations):
        one = replace(sample, curves=sample.curves[rows], values=sample.values[rows], n_rows=len(rows))
        line = fitted_line(one, edges)
        bins = binned(one, edges, line)
        found.append(pulls(bins, line))
        apart.append(offsets(bins))
    report_bins(np.array(apart))
    report_realisations(np.array(found), len(edges) - 1, len(sample) // chosen.realisations)


if __name__ == "__main__":
    main()
