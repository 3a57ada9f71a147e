"""What the light of cluster members is worth before any network: the likelihood with it and without it.

    python benchmarks/members.py [--n 2048] [--seed 51] [--survey NAME]

Prints, for three bands of each survey of the realistic sky, the mean gain in ln p of the true mass [nats]
over the Gaussian likelihood as it is, with a floor of 1 per cent spread over all masses, and the rms of the
mean ln M: with dust and motion integrated out, with radio galaxies summed over as well, and of the same
cutouts without contamination. Errors are those of the mean of paired differences.
"""

import argparse

import numpy as np

from szmass_cli.evaluation.markdown import table
from szmass_cli.evaluation.realistic.testsets import RealisticCase, drawn_blocks, realistic_cases
from szmass_cli.likelihood.features import mass_nodes
from szmass_cli.likelihood.memberlight import MemberLight
from szmass_cli.likelihood.residual import best_cluster
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.network.correction import interpolation
from szmass_cli.posterior.grid import ln_density_at, moments, normalised
from szmass_cli.sky.cutoutsky import reference_band

FLOOR = 0.01

CALLED = ("dust and motion", "radio galaxies too", "no contamination")

SALT = 7


def found(case: RealisticCase, sky: SkyModel, ln_mass: np.ndarray, n: int, seed: int) -> list[np.ndarray]:
    """Return S/N (n,), share filled by radio (n,), ln p (n, 4) and mean ln M less the truth (n, 4)."""
    likelihood = sky.likelihood(case.instrument)
    light = MemberLight(likelihood)
    masses, to_grid = np.exp(mass_nodes(ln_mass)), interpolation(ln_mass, ln_mass)
    band = reference_band([one.frequency_ghz for one in case.instrument.bands])
    width = ln_mass.size * (ln_mass[1] - ln_mass[0])
    parts = []
    for block, clean in drawn_blocks(case, sky, n, seed, SALT):
        weighed, z, truth = likelihood.weigh(block.image), block.redshift, np.log(block.m200c)
        assert block.filled_radio is not None  # the sky is realistic
        plain = likelihood.ln_likelihood(weighed, ln_mass, z)
        gains = light.ln_gains(weighed, masses, z).cumsum(axis=1)
        best = likelihood.ln_likelihood(likelihood.weigh(clean), ln_mass, z)
        densities = [
            normalised(one) for one in (plain, *(plain + g @ to_grid for g in gains.swapaxes(0, 1)), best)
        ]
        ln_p = [ln_density_at(ln_mass, density, truth) for density in densities]
        off = [moments(ln_mass, density)[0] - truth for density in densities]
        snr = best_cluster(likelihood, weighed, ln_mass[plain.argmax(axis=1)], z).snr
        floored = np.log((1.0 - FLOOR) * np.exp(np.stack(ln_p, axis=1)) + FLOOR / width)
        parts.append((snr, block.filled_radio[:, band], floored, np.stack(off, axis=1)))
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def rows(
    name: str, snr: np.ndarray, filled: np.ndarray, ln_p: np.ndarray, off: np.ndarray
) -> list[list[str]]:
    """Return the rows of a survey."""
    lines = []
    chosen = {
        "S/N > 3": snr > 3.0,
        "S/N > 5": snr > 5.0,
        "S/N > 5, radio over 10 %": (snr > 5.0) & (filled > 0.1),
    }
    for which, inside in chosen.items():
        gain = ln_p[inside, 1:] - ln_p[inside, :1]
        error = gain.std(axis=0) / np.sqrt(len(gain))
        rms = np.sqrt(np.mean(off[inside] ** 2, axis=0))
        cells = [
            f"{a:+.3f} ± {b:.3f}, {c:.3f}" for a, b, c in zip(gain.mean(axis=0), error, rms[1:], strict=True)
        ]
        lines.append([f"{name}, {which}", str(len(gain)), f"{rms[0]:.3f}", *cells])
    return lines


def main() -> None:
    """Draw, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=51)
    parser.add_argument("--survey", action="append", help="act-dr6, spt-3g or so-goal; all by default")
    options = parser.parse_args()
    bundle = read_bundle("survey")
    assert isinstance(bundle, Bundle)  # of any instrument
    lines = []
    for case in realistic_cases(bundle.sky_model)[:3]:
        name = case.name.split(",")[0]
        if options.survey is None or name in options.survey:
            lines += rows(name, *found(case, bundle.sky_model, bundle.ln_mass, options.n, options.seed))
    print(table(["gain in ln p, rms", "clusters", "Gaussian: rms", *CALLED], lines))


if __name__ == "__main__":
    main()
