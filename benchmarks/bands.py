"""Do bands of realistic clusters agree, and does a run tell maps that are exchanged or in another unit?

Usage: python benchmarks/bands.py [--survey so-goal spt-3g act-dr6] [--n 384] [--removed-above 100] [--seed 3]

Draws cutouts of presets with the counts of radio and dusty galaxies, halos, and radio galaxies and dust in
clusters as published, of which only sources above a flux at 150 GHz were removed, with hot electrons and
passbands and beams in error as the preset states. Prints the signal of all clusters in each band over that of
the SZ effect, relative to the lowest of them, as `szmass estimate` compares it; then the same of cutouts in
which one band is 1.5 times as bright, and of those in which two bands are exchanged.
"""

import argparse

import numpy as np
from scipy.special import logsumexp

from szmass_cli.config import load_config
from szmass_cli.estimation.bandverdict import departures, expected_signal
from szmass_cli.likelihood.bandagreement import band_signal, misfit, order_that_agrees
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.observables import products_by_band
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream
from szmass_cli.system.presets import SkyKind

LN_MASS = np.linspace(np.log(5e13), np.log(2e15), 60)


def told(name: str, likelihood: GaussianLikelihood, block: CutoutBlock, images_uk: np.ndarray) -> None:
    """Print how bright clusters are in each band, and what a run would say of that."""
    weighed = likelihood.weigh(images_uk)
    ln_likelihood = likelihood.ln_likelihood(weighed, LN_MASS, block.redshift)
    mean = np.exp(ln_likelihood - logsumexp(ln_likelihood, axis=1, keepdims=True)) @ LN_MASS
    products = products_by_band(likelihood, weighed, np.exp(mean), block.redshift)
    expected = expected_signal([band.response for band in likelihood.instrument.bands])
    found = band_signal(products, expected)
    if found is None:
        print(f"  {name}: too few clusters with signal")
        return

    def over_first(band: int) -> tuple[float, float]:
        return found.of(lambda g: g[band] / g[0] * expected[0] / expected[band])

    ratios = [over_first(band) for band in range(len(expected))]
    said = "; ".join(f"{value:.3f} ± {error:.3f}" for value, error in ratios)
    order, off = order_that_agrees(found.signal, expected)
    own = misfit(found.signal, expected)
    print(
        f"  {name}: {said} ({found.n_rows} rows); flagged {[d.band for d in departures(found, expected)]}, "
        f"misfit {own:.2f}, of order {order} {off:.2f}",
        flush=True,
    )


def main() -> None:
    """Draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--survey", nargs="+", default=["so-goal", "spt-3g", "act-dr6"])
    parser.add_argument("--n", type=int, default=384)
    parser.add_argument("--removed-above", type=float, default=100.0)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    for name in given.survey:
        plain, real = (load_config(name).with_sky(kind) for kind in (SkyKind.GAUSSIAN, SkyKind.REALISTIC))
        objects = real.sky.objects.model_copy(update={"removed_above_mjy": given.removed_above})
        real = real.model_copy(update={"sky": real.sky.model_copy(update={"objects": objects})})
        simulator = CutoutSimulator(real)
        blocks = simulator.blocks(real.cutout_clusters, given.n, given.seed, Stream.USER)
        block = CutoutBlock.concatenate(list(blocks))
        model = plain.clusters.sz_model(plain.sky.cosmology.build())
        likelihood = GaussianLikelihood(simulator.power, simulator.instrument, model, Scatter(0.2, 0.2))
        print(f"{name}: {', '.join(f'{band.frequency_ghz:g}' for band in simulator.instrument.bands)} GHz")
        images = np.asarray(block.image, float)
        told("as they are", likelihood, block, images)
        told(
            "second band 1.5 times",
            likelihood,
            block,
            images * np.where(np.arange(images.shape[-1]) == 1, 1.5, 1.0),
        )
        order = np.arange(images.shape[-1])
        order[:2] = 1, 0
        told("first two exchanged", likelihood, block, images[..., order])
        if images.shape[-1] > 2:
            order = np.arange(images.shape[-1])
            order[1:3] = 2, 1
            told("second and third exchanged", likelihood, block, images[..., order])


if __name__ == "__main__":
    main()
