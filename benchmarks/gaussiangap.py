"""What believing in the light of members costs where there is none, and what it gains where there is.

    python benchmarks/gaussiangap.py [--n 2000] [--seed 71]

Three bands of each survey, clusters evenly in ln M and ln z on the Gaussian sky, which the plain likelihood
is exact for, and on the realistic one, S/N above 3. For each posterior: ln p of the truth over that of the
plain one, of the same cutouts [nats], and what the step from the one in brackets is worth; on the Gaussian
sky also the rms shift of the mean in the plain sigma, and how much wider it is. On the realistic sky ln p
has a floor of 1 per cent spread over all masses, as single outliers would decide otherwise.
"""

import argparse
from collections.abc import Iterable
from dataclasses import replace

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
from szmass_cli.network.evidence import Corrected
from szmass_cli.posterior.grid import ln_density_at, moments, normalised

SALT, FLOOR, NONE = 9, 0.01, 1e-6
BASES = {
    "none beside clusters": "members",
    "no radio power in C": "members",
    "half the network": "members",
    "network": "members",
    "recalibrated": "network",
    "floor": "recalibrated",
}
"""What posteriors are a step from, where it is not the plain one."""


def all_densities(assumed: Assumed, bundle: Bundle, network: Network, cutouts: Iterable) -> dict:
    """Return ln p of the truth, mean and sigma (3, n) of all posteriors of cutouts, for S/N above 3."""
    likelihood, ln_mass = assumed.likelihood(), bundle.ln_mass
    foregrounds = assumed.sky.config.sky.foregrounds_dl3000_uk2.model_copy(update={"radio": 0.0})
    sky = assumed.sky.config.sky.model_copy(update={"foregrounds_dl3000_uk2": foregrounds})
    dark = replace(assumed.sky, config=assumed.sky.config.model_copy(update={"sky": sky}))
    without = dark.likelihood(assumed.instrument)
    dust_sigma, motion_sigma = REALISTIC_LIGHT.sigmas
    alone = GalaxyPrior(likelihood.model, beside=NONE)
    members = MemberLight(likelihood)
    summed = {
        "dust": (MemberLight(likelihood, LightPrior((1.0, 0.0), (dust_sigma, NONE))), 1),
        "motion": (MemberLight(likelihood, LightPrior((0.0, 0.0), (NONE, motion_sigma))), 1),
        "radio galaxies": (MemberLight(likelihood, LightPrior((0.0, 0.0), (NONE, NONE))), 2),
        "members": (members, 2),
        "none beside clusters": (MemberLight(likelihood, galaxies=alone), 2),
    }
    over_dark, scores = MemberLight(without), ScoreImages(likelihood)
    nodes, to_grid = np.exp(mass_nodes(ln_mass)), interpolation(ln_mass, ln_mass)
    recalibration, parts = network.recalibration, []
    for images, m200c, z in cutouts:
        weighed, darker = likelihood.weigh(images), without.weigh(images)
        plain = likelihood.ln_likelihood(weighed, ln_mass, z)
        found = {"plain": plain}
        for name, (light, kinds) in summed.items():
            found[name] = plain + light.ln_gains(weighed, nodes, z)[:, :kinds].sum(axis=1) @ to_grid
        gains = over_dark.ln_gains(darker, nodes, z).sum(axis=1) @ to_grid
        found["no radio power in C"] = without.ln_likelihood(darker, ln_mass, z) + gains
        seen = features(likelihood, scores, members, weighed, z, ln_mass, plain)
        g = network.corrector(seen).g
        found["network"], evidence = plain + g, Corrected.of(seen, g, ln_mass).evidence
        found["half the network"] = 0.5 * (found["members"] + found["network"])
        densities = {name: normalised(values) for name, values in found.items()}
        for name, floor in (("recalibrated", 0.0), ("floor", recalibration.floor)):
            densities[name] = replace(recalibration, floor=floor)(densities["network"], z, seen.snr, evidence)
        truth, kept = np.log(m200c), seen.snr > 3.0
        judged = {
            key: [ln_density_at(ln_mass, p, truth), *moments(ln_mass, p)] for key, p in densities.items()
        }
        parts.append({name: np.array(values)[:, kept] for name, values in judged.items()})
    return {name: np.concatenate([part[name] for part in parts], axis=1) for name in parts[0]}


def main() -> None:
    """Draw, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=71)
    options = parser.parse_args()
    bundle = read_bundle("survey")
    assert isinstance(bundle, Bundle)  # of any instrument
    network, sky, width = Network.of(bundle), bundle.sky_model, np.ptp(bundle.ln_mass)
    head = ["", "S/N > 3", "Gaussian sky", "step", "realistic sky", "step", "rms shift", "width"]
    for name, case in zip(SURVEYS, realistic_cases(sky), strict=False):
        drawn, lines = (options.n, options.seed, SALT), []
        (even,) = preset_cases(sky, (name,), (0.0,))
        blocks = ViewSimulator(even.truth.sky, *even.views).blocks(even.clusters, *drawn)
        on_gaussian = ((one.images_uk, one.m200c_msun, one.redshift) for one in blocks)
        on_realistic = ((one.image, one.m200c, one.redshift) for one, _ in drawn_blocks(case, sky, *drawn))
        gaussian = all_densities(even.truth, bundle, network, on_gaussian)
        real = all_densities(case.told, bundle, network, on_realistic)
        floored = {key: np.log((1.0 - FLOOR) * np.exp(one) + FLOOR / width) for key, one in real.items()}
        for which, (ln_p, mean, sigma) in gaussian.items():
            base, cells = BASES.get(which, "plain"), []
            for sky_ln_p in (gaussian, floored):
                for other in ("plain", base):
                    gain = sky_ln_p[which][0] - sky_ln_p[other][0]
                    cells.append(f"{gain.mean():+.4f} ± {gain.std() / np.sqrt(gain.size):.4f}")
            _, plain_mean, plain_sigma = gaussian["plain"]
            cells.append(f"{np.sqrt(np.mean(((mean - plain_mean) / plain_sigma) ** 2)):.3f}")
            cells.append(f"{100 * np.expm1(np.mean(np.log(sigma / plain_sigma))):+.1f} %")
            lines.append([f"{name}: {which} ({base})", f"{ln_p.size}, {real[which][0].size}", *cells])
        print(table(head, lines), flush=True)


if __name__ == "__main__":
    main()
