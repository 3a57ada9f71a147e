"""What becomes of rows that are unlike anything in the training: are they told of?

    python benchmarks/unlike.py [--model NAME] [--n 1024] [--seed 70]

Adds to cutouts of SPT-3G's three bands on the realistic sky, of clusters with S/N above 5: an equal cluster
2.5' away (a merger), a lensed dusty galaxy of 15 mJy at 150 GHz 1' away, a scan that is off by 60 µK across
the cutout, a bad pixel of 2 mK, a planet of 1 Jy 4' away; or multiplies all bands, or that at 150 GHz alone,
by 1.5, or changes the sign of all. Prints for each the share of rows that a flag of a map that is not as
stated is raised for, of those that nothing was done to too, and how far the masses are off by the median.
"""

import argparse
from collections.abc import Callable

import numpy as np

from szmass_cli.evaluation.instruments.judging import Network, Posteriors
from szmass_cli.evaluation.instruments.suspicion import Suspicion
from szmass_cli.evaluation.markdown import table
from szmass_cli.evaluation.realistic.testsets import drawn_blocks, realistic_cases
from szmass_cli.likelihood.pointimages import point_images_uk
from szmass_cli.likelihood.scores import component_spectrum
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.spectra import PIVOT_GHZ, uk_per_mjy
from szmass_cli.sky.cutouts import CutoutBlock
from szmass_cli.sky.cutoutsky import reference_band

SALT = 11

Spoil = Callable[[CutoutBlock], np.ndarray]


def spoils(instrument: Instrument) -> dict[str, Spoil]:
    """Return what is done to cutouts of an instrument, by name: images (n, 40, 40, f) [µK] of a block."""
    bands = instrument.bands
    at_150 = reference_band([band.frequency_ghz for band in bands])
    dusty = point_images_uk(
        bands, component_spectrum("dusty_poisson", bands) * uk_per_mjy(PIVOT_GHZ), np.array([[0.6, 0.8]])
    )[0]
    planet = point_images_uk(
        bands, np.array([uk_per_mjy(b.frequency_ghz) for b in bands]), np.array([[2.4, -3.2]])
    )[0]

    def with_scan(block: CutoutBlock) -> np.ndarray:
        image = block.image.copy()
        image[:, 17:19] += 60.0
        return image

    def with_bad_pixel(block: CutoutBlock) -> np.ndarray:
        image = block.image.copy()
        image[:, 24, 15, at_150] += 2000.0
        return image

    def with_band_of_another_unit(block: CutoutBlock) -> np.ndarray:
        return block.image * np.where(np.arange(len(bands)) == at_150, 1.5, 1.0)

    return {
        "nothing": lambda block: block.image,
        "an equal cluster 2.5' away": lambda block: block.image + np.roll(block.sz, 10, axis=1),
        "a lensed galaxy of 15 mJy, 1' away": lambda block: block.image + 15.0 * dusty,
        "a scan off by 60 µK": with_scan,
        "a bad pixel of 2 mK at 150 GHz": with_bad_pixel,
        "a planet of 1 Jy, 4' away": lambda block: block.image + 1000.0 * planet,
        "all bands times 1.5": lambda block: 1.5 * block.image,
        "150 GHz times 1.5": with_band_of_another_unit,
        "all bands of the wrong sign": lambda block: -block.image,
    }


def main() -> None:
    """Spoil, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="survey")
    parser.add_argument("--n", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=70)
    options = parser.parse_args()
    bundle = read_bundle(options.model)
    assert isinstance(bundle, Bundle)  # of any instrument
    case = realistic_cases(bundle.sky_model)[1]
    network = Network.of(bundle)
    posteriors = Posteriors(case.told, bundle.ln_mass, network)
    suspicion = Suspicion(case.told, posteriors.likelihood, bundle.ln_mass, network.odd_levels)
    done = spoils(case.instrument)
    told: dict[str, list[np.ndarray]] = {name: [] for name in done}
    off: dict[str, list[np.ndarray]] = {name: [] for name in done}
    for block, _ in drawn_blocks(case, bundle.sky_model, options.n, options.seed, SALT):
        ratio = np.ones((len(block), len(case.instrument)))
        bright = posteriors(block.image, block.redshift, ratio).snr > 5.0
        for name, spoil in done.items():
            answer = posteriors(spoil(block), block.redshift, ratio)
            median = answer.posterior.percentiles((50.0,))[:, 0]
            told[name].append(suspicion(answer.weighed, median, block.redshift)[bright])
            off[name].append(np.log(median / block.m200c)[bright])
    lines = []
    for name in done:
        flagged, ln_ratio = np.concatenate(told[name]), np.concatenate(off[name])
        lines.append([name, f"{100 * flagged.mean():.1f} %", f"{np.median(ln_ratio):+.2f}"])
    print(f"{flagged.size} clusters with S/N above 5")
    print(table(["done to the cutouts", "flagged", "median ln M_est / M_true"], lines))


if __name__ == "__main__":
    main()
