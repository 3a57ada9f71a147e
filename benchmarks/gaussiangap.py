"""What believing in the light of cluster members costs where there is none, and what it gains where there is.

    python benchmarks/gaussiangap.py [--n 2000] [--seed 71] [--survey NAME] [-o FILE]

For three bands of each survey, clusters evenly in ln M and ln z on the Gaussian sky, which is what the plain
likelihood is exact for, and on the realistic one, S/N above 3. Each row is a posterior: ln p of the true mass
over that of the plain likelihood, of the same cutouts [nats]; what the step from the row named in brackets is
worth; and on the Gaussian sky the rms shift of the mean in the plain one's standard deviations, and how much
wider it is. On the realistic sky ln p has a floor of 1 per cent, as single outliers would decide otherwise.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from szmass_cli.evaluation.instruments.cases import Assumed, preset_cases
from szmass_cli.evaluation.instruments.judging import Network
from szmass_cli.evaluation.instruments.simulation import ViewSimulator
from szmass_cli.evaluation.markdown import table
from szmass_cli.evaluation.realistic.testsets import SURVEYS, drawn_blocks, realistic_cases
from szmass_cli.likelihood.dustandmotion import REALISTIC_LIGHT, LightPrior
from szmass_cli.likelihood.features import features, mass_nodes
from szmass_cli.likelihood.memberlight import MemberLight
from szmass_cli.likelihood.radiogalaxies import GalaxyPrior
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.network.correction import interpolation
from szmass_cli.posterior.grid import ln_density_at, moments, normalised

SALT = 9
FLOOR = 0.01
NOT_BESIDE, NO_POWER = "no galaxies beside clusters", "no radio power in the covariance"
BASES = {
    NOT_BESIDE: "all members",
    NO_POWER: "all members",
    "half of the network": "all members",
    "and the network": "all members",
    "recalibrated, no floor": "and the network",
    "as shipped": "recalibrated, no floor",
}
"""What posteriors are a step from, where it is not the plain one."""

NO_DUST, NO_MOTION = (0.0, 1e-6), (0.0, 1e-6)
NEXT_TO_NONE = 1e-6
DUST, MOTION = zip(REALISTIC_LIGHT.means, REALISTIC_LIGHT.sigmas, strict=True)

Cutouts = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]


def light(dust: tuple[float, float], motion: tuple[float, float]) -> LightPrior:
    """Return the distributions of dust and motion of means and standard deviations."""
    return LightPrior((dust[0], motion[0]), (dust[1], motion[1]))


def without_radio_power(assumed: Assumed) -> Assumed:
    """Return assumptions of a sky without the Poisson power of radio galaxies."""
    sky = assumed.sky.config.sky
    dark = sky.foregrounds_dl3000_uk2.model_copy(update={"radio": 0.0})
    config = assumed.sky.config.model_copy(
        update={"sky": sky.model_copy(update={"foregrounds_dl3000_uk2": dark})}
    )
    return replace(assumed, sky=replace(assumed.sky, config=config))


def gain(ln_p: np.ndarray) -> str:
    """Return the mean of gains (n,) and its error."""
    return f"{ln_p.mean():+.4f} ± {ln_p.std() / np.sqrt(ln_p.size):.4f}"


class Posteriors:
    """All posteriors of the cutouts of one instrument."""

    def __init__(self, assumed: Assumed, bundle: Bundle, network: Network):
        self._likelihood, self._network, self._ln_mass = assumed.likelihood(), network, bundle.ln_mass
        likelihood, galaxies = self._likelihood, GalaxyPrior(self._likelihood.model)
        self._scores, self._to_grid = ScoreImages(likelihood), interpolation(bundle.ln_mass, bundle.ln_mass)
        self._no_radio = without_radio_power(assumed).likelihood()
        self._over_no_radio = MemberLight(self._no_radio)
        dark = light(NO_DUST, NO_MOTION)
        self._all = MemberLight(likelihood)
        self._alone = {
            "dust": (MemberLight(likelihood, light(DUST, NO_MOTION), galaxies), 1),
            "motion": (MemberLight(likelihood, light(NO_DUST, MOTION), galaxies), 1),
            "radio galaxies": (MemberLight(likelihood, dark, galaxies), 2),
            NOT_BESIDE: (
                MemberLight(likelihood, REALISTIC_LIGHT, replace(galaxies, beside=NEXT_TO_NONE)),
                2,
            ),
        }

    def __call__(self, images: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the S/N (n,) and densities (n, m) of all posteriors of cutouts."""
        likelihood, nodes = self._likelihood, np.exp(mass_nodes(self._ln_mass))
        weighed = likelihood.weigh(images)
        plain = likelihood.ln_likelihood(weighed, self._ln_mass, z)
        found = {"plain": plain}
        for name, (members, n_gains) in self._alone.items():
            found[name] = plain + members.ln_gains(weighed, nodes, z)[:, :n_gains].sum(axis=1) @ self._to_grid
        found["all members"] = plain + self._all.ln_gains(weighed, nodes, z).sum(axis=1) @ self._to_grid
        cleaner = self._no_radio.weigh(images)
        found[NO_POWER] = self._no_radio.ln_likelihood(cleaner, self._ln_mass, z)
        found[NO_POWER] += self._over_no_radio.ln_gains(cleaner, nodes, z).sum(axis=1) @ self._to_grid
        seen = features(likelihood, self._scores, self._all, weighed, z, self._ln_mass, plain)
        found["and the network"] = plain + self._network.corrector(seen).g
        found["half of the network"] = 0.5 * (found["all members"] + found["and the network"])
        densities = {name: normalised(values) for name, values in found.items()}
        recalibration = self._network.recalibration
        for name, floor in (("recalibrated, no floor", 0.0), ("as shipped", recalibration.floor)):
            densities[name] = replace(recalibration, floor=floor)(densities["and the network"], z, seen.snr)
        return seen.snr, densities


def measured(posteriors: Posteriors, cutouts: Cutouts, ln_mass: np.ndarray) -> dict[str, np.ndarray]:
    """Return ln p of the truth, mean and sigma (3, n) of all posteriors, for S/N above 3."""
    parts: dict[str, list[np.ndarray]] = {}
    for images, m200c, z in cutouts:
        snr, densities = posteriors(images, z)
        for name, density in densities.items():
            one = np.stack([ln_density_at(ln_mass, density, np.log(m200c)), *moments(ln_mass, density)])
            parts.setdefault(name, []).append(one[:, snr > 3.0])
    return {name: np.concatenate(values, axis=1) for name, values in parts.items()}


def floored(ln_p: np.ndarray, ln_mass: np.ndarray) -> np.ndarray:
    """Return ln p (n,) with a share `FLOOR` of the probability spread over the grid of masses."""
    return np.log((1.0 - FLOOR) * np.exp(ln_p) + FLOOR / (ln_mass.size * (ln_mass[1] - ln_mass[0])))


def main() -> None:
    """Draw, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=71)
    parser.add_argument("--survey", action="append", choices=SURVEYS)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    bundle = read_bundle("realistic")
    assert isinstance(bundle, Bundle)  # of any instrument
    network, sky, lines = Network.of(bundle), bundle.sky_model, []
    realistic = {case.name.split(",")[0]: case for case in realistic_cases(sky)[:3]}
    for name in options.survey or SURVEYS:
        (case,), drawn = preset_cases(sky, (name,), (0.0,)), (options.n, options.seed, SALT)
        posteriors = Posteriors(case.truth, bundle, network)
        blocks = ViewSimulator(case.truth.sky, *case.views).blocks(case.clusters, *drawn)
        on_gaussian = ((one.images_uk, one.m200c_msun, one.redshift) for one in blocks)
        gaussian = measured(posteriors, on_gaussian, bundle.ln_mass)
        on_realistic = ((b.image, b.m200c, b.redshift) for b, _ in drawn_blocks(realistic[name], sky, *drawn))
        real = measured(Posteriors(realistic[name].told, bundle, network), on_realistic, bundle.ln_mass)
        for values in real.values():
            values[0] = floored(values[0], bundle.ln_mass)
        plain = gaussian["plain"]
        for which, values in list(gaussian.items())[1:]:
            base = BASES.get(which, "plain")
            cells = [f"{name}: {which} ({base})"]
            for one in (gaussian, real):
                cells += [gain(one[which][0] - one[other][0]) for other in ("plain", base)]
            cells.append(f"{np.sqrt(np.mean(((values[1] - plain[1]) / plain[2]) ** 2)):.3f}")
            cells.append(f"{100 * np.expm1(np.mean(np.log(values[2] / plain[2]))):+.1f} %")
            lines.append(cells)
        print(f"{name}: {plain.shape[1]}, {real['plain'].shape[1]} of S/N > 3", file=sys.stderr, flush=True)
    text = table(["", "Gaussian sky", "step", "realistic sky", "step", "rms shift", "width"], lines)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
