"""What the search for sources gains and costs, on cutouts of a realistic sky whose sources were not removed.

Usage: python benchmarks/sources.py [--survey act-dr6] [--n 512] [--snr 5] [--removed-above 100] [--seed 3]

Draws cutouts of a preset with the counts of radio and dusty galaxies, halos, and radio galaxies and dust in
clusters as published, of which only sources above a flux at 150 GHz were removed. The amplitude of a
matched filter of each cluster's true mass, over its true amplitude, is taken three times: with everything
left in, without what `SourceSearch` finds (as `--find-sources` does), and on cutouts of the cluster and a
Gaussian sky alone. Prints for clusters with an expected S/N above 4: median and mean of it, half its central
68 per cent, and the fraction beyond 3 of its errors; for all, for rows in which something was found, and for
those in which nothing was. On the Gaussian cutouts it prints how many sources are found that there are not.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from szmass_cli.config import load_config
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.likelihood.sources import Kind, PlacedSources, SourceMarginal
from szmass_cli.likelihood.sourcesearch import SourceSearch
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream
from szmass_cli.system.presets import SkyKind

LN_MASS = np.log([3e13, 2e15])
LEAST_SNR, OUTLIER_SIGMA = 4.0, 3.0


@dataclass(frozen=True)
class Amplitudes:
    """Amplitudes of matched filters over the true ones.

    Parameters
    ----------
    ratio : numpy.ndarray, shape (n,)
        Measured over true.
    error : numpy.ndarray, shape (n,)
        Its standard deviation by noise.
    """

    ratio: np.ndarray
    error: np.ndarray

    def words(self, chosen: np.ndarray) -> str:
        """Return the numbers of some rows in words."""
        ratio, error = self.ratio[chosen], self.error[chosen]
        low, high = np.percentile(ratio, [16.0, 84.0])
        beyond = np.mean(np.abs(ratio - 1.0) > OUTLIER_SIGMA * error)
        return (
            f"median {np.median(ratio):.3f}, mean {ratio.mean():.3f}, half of 68 % {0.5 * (high - low):.3f}, "
            f"{100.0 * beyond:.1f} % beyond {OUTLIER_SIGMA:g} errors"
        )


def amplitudes(likelihood: GaussianLikelihood, weighed: Weighed, block: CutoutBlock) -> Amplitudes:
    """Return the amplitudes of cutouts, for clusters of their true masses."""
    scales = cluster_scales(block.m200c[:, None], block.redshift[:, None], likelihood.model)
    projection, fisher = (values[:, 0] for values in likelihood.matched(weighed, scales))
    return Amplitudes(projection / fisher / block.amplitude, 1.0 / np.sqrt(fisher) / block.amplitude)


def drawn(config, n: int, seed: int) -> tuple[CutoutSimulator, CutoutBlock]:
    """Return a simulator and n of its cutouts."""
    simulator = CutoutSimulator(config)
    blocks = simulator.blocks(config.cutout_clusters, n, seed, Stream.USER)
    return simulator, CutoutBlock.concatenate(list(blocks))


def main() -> None:
    """Draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--survey", default="act-dr6")
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--snr", type=float, default=5.0)
    parser.add_argument("--removed-above", type=float, default=100.0)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    plain = load_config(given.survey).with_sky(SkyKind.GAUSSIAN)
    real = load_config(given.survey).with_sky(SkyKind.REALISTIC)
    objects = real.sky.objects.model_copy(update={"removed_above_mjy": given.removed_above})
    real = real.model_copy(
        update={"sky": plain.sky.model_copy(update={"objects": objects}), "clusters": plain.clusters}
    )
    simulator, block = drawn(real, given.n, given.seed)
    bare = drawn(plain, given.n, given.seed)[1]
    model = plain.clusters.sz_model(plain.sky.cosmology.build())
    likelihood = GaussianLikelihood(simulator.power, simulator.instrument, model, Scatter(0.2, 0.2))
    marginal = SourceMarginal(likelihood)
    search = SourceSearch(likelihood, ScoreImages(likelihood), marginal, LN_MASS, given.snr)
    weighed = likelihood.weigh(block.image)
    found = search(weighed, block.redshift, PlacedSources.none()).placed
    has = np.isin(np.arange(given.n), found.row)
    before = amplitudes(likelihood, weighed, block)
    after = amplitudes(likelihood, marginal(weighed, found), block)
    kinds = ", ".join(f"{np.sum(found.kinds == kind)} {kind.name.lower()}" for kind in Kind)
    on_cluster = np.sum(found.is_on_cluster & (found.kinds != Kind.CLUSTER))
    print(f"{given.survey}: {given.n} cutouts, {has.sum()} with something found: {kinds}; {on_cluster} on it")
    seen = 1.0 / before.error > LEAST_SNR
    for name, rows in (("all", seen), ("something found", seen & has), ("nothing found", seen & ~has)):
        if rows.any():
            print(f"  {name}, {rows.sum()} rows\n    left in:   {before.words(rows)}")
            print(f"    taken out: {after.words(rows)}")
    of_bare = likelihood.weigh(bare.image)
    false = search(of_bare, bare.redshift, PlacedSources.none()).placed
    without = amplitudes(likelihood, of_bare, bare)
    print(f"  Gaussian sky, {len(false)} sources found that there are not")
    print(f"    clusters alone: {without.words(1.0 / without.error > LEAST_SNR)}")


if __name__ == "__main__":
    main()
