"""Clusters of very high S/N on a Gaussian sky, beside the exact posterior of thousands of profiles.

    python benchmarks/brightclusters.py [--model survey] [--survey s4-wide] [--seed 72] [-o FILE]

Draws clusters of more than 2e14 Msun, keeps those of S/N above 60, and prints for the exact posterior, the
likelihood alone, that with the light of members summed over, and the model: largest and rms shift of the mean
ln M in standard deviations of the exact posterior, median and largest of ln(M_est / M_true), and how many
true masses lie in central intervals.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import logsumexp

from szmass_cli.evaluation.instruments.cases import preset_cases
from szmass_cli.evaluation.instruments.judging import Network, Posteriors, Verdict
from szmass_cli.evaluation.instruments.simulation import ViewSimulator
from szmass_cli.evaluation.markdown import table
from szmass_cli.likelihood.features import mass_nodes
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.network.correction import interpolation
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.grid import normalised
from szmass_cli.posterior.masses import MassPosterior

SALT = 11
LEAST_MSUN = 2e14
SNR_EDGES = (60.0, 100.0, 150.0, 200.0, 500.0)
N_PROFILES, REACH, N_MASSES = 2001, 5.0, 100


def exact(likelihood: GaussianLikelihood, weighed: Weighed, ln_mass: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return ln L (n, m) of masses (m,) [ln Msun], summed over thousands of profiles, for redshifts (n,)."""
    nodes = np.linspace(-REACH, REACH, N_PROFILES)
    coarse = np.linspace(ln_mass[0], ln_mass[-1], N_MASSES)
    found = np.empty((len(z), N_MASSES))
    for row in range(len(z)):
        scales = cluster_scales(np.exp(coarse), z[row, None, None], likelihood.model)
        one = likelihood.matched(weighed[[row]], scales, likelihood.scatter.concentration_ln * nodes)
        found[row] = logsumexp(likelihood.amplitude(*one) - 0.5 * nodes**2, axis=-1)
    return CubicSpline(coarse, found, axis=1)(ln_mass)


def main() -> None:
    """Draw, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="survey")
    parser.add_argument("--survey", default="s4-wide")
    parser.add_argument("--n", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=72)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    bundle = read_bundle(options.model)
    assert isinstance(bundle, Bundle)  # of any instrument
    (case,), ln_mass = preset_cases(bundle.sky_model, (options.survey,), (0.0,)), bundle.ln_mass
    likelihood = case.truth.likelihood()
    light = bundle.sky_model.contamination(likelihood)
    model = Posteriors(case.truth, ln_mass, Network.of(bundle))
    masses = case.clusters.masses.model_copy(update={"min_m200c_msun": LEAST_MSUN})
    clusters = case.clusters.model_copy(update={"masses": masses})
    nodes, to_grid = np.exp(mass_nodes(ln_mass)), interpolation(ln_mass, ln_mass)
    snr: list[np.ndarray] = []
    truth: list[np.ndarray] = []
    parts: dict[str, list[Verdict]] = {}
    simulator = ViewSimulator(case.truth.sky, *case.views)
    for block in simulator.blocks(clusters, options.n, options.seed, SALT):
        answer = model(block.images_uk, block.redshift, block.variance_ratio)
        rows = np.flatnonzero(answer.snr > SNR_EDGES[0])
        weighed, z, m200c = answer.weighed[rows], block.redshift[rows], block.m200c_msun[rows]
        alone = likelihood.ln_likelihood(weighed, ln_mass, z)
        lit = alone + light.ln_gains(weighed, nodes, z).sum(axis=1) @ to_grid
        densities = {
            "exact": normalised(exact(likelihood, weighed, ln_mass, z)),
            "likelihood": normalised(alone),
            "light of members": normalised(lit),
            "model": answer.posterior.density[rows],
        }
        for name, density in densities.items():
            verdict = Verdict.of(MassPosterior(ln_mass, density), m200c)
            parts.setdefault(name, []).append(verdict)
        snr.append(answer.snr[rows])
        truth.append(np.log(m200c))
    all_snr, ln_true = np.concatenate(snr), np.concatenate(truth)
    found = {name: Verdict.concatenate(verdicts) for name, verdicts in parts.items()}
    best, lines = found["exact"], []
    for low, high in pairwise(SNR_EDGES):
        inside = (all_snr > low) & (all_snr <= high)
        for name, verdict in found.items():
            shift = ((verdict.mean - best.mean) / best.sigma)[inside]
            held = [np.mean(np.abs(verdict.below[inside] - 0.5) < 0.5 * part) for part in (0.683, 0.954)]
            off = verdict.median[inside] - ln_true[inside]
            cells = [f"{low:g}-{high:g}: {name}", str(inside.sum()), f"{np.abs(shift).max():.3f}"]
            cells += [f"{np.sqrt(np.mean(shift**2)):.3f}", f"{100 * np.median(off):+.1f} %"]
            cells += [f"{100 * np.abs(off).max():.0f} %", *(f"{part:.3f}" for part in held)]
            lines.append(cells)
    head = ["S/N", "clusters", "largest shift", "rms shift", "median", "furthest", "in 68.3 %", "in 95.4 %"]
    text = table(head, lines)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
