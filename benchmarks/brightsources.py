"""What bright point sources beside clusters do to masses, with the treatment that `--sources` gives them.

Usage: python benchmarks/brightsources.py [--survey act-dr6] [--bands 3] [--n 96] [--seed 3]

Cutouts of a preset are drawn, clusters on a Gaussian sky. To each a source is added, at a random angle: 1 Jy
at 4', 300 mJy at 2', and others, with the spectrum of a radio galaxy, behind the beam as it is stated or one
that is some per cent wider (as beams are uncertain by, and as sources are extended). Catalogue positions are
off by 0.05' along either axis. The amplitude of a matched filter of each cluster's true mass is taken with
the source left in, with it marginalised over, and with it marginalised over where it was searched for
(`--find-sources 5`), and compared with that of the same cutout without the source. Prints in errors of the
latter the median and half the central 68 per cent of the difference, and the median error over it.

Beside these stands what subtracting the source does, at its true place and at that of the catalogue: with its
true flux in each band but for an error as large as a point source's in these maps, and with the likeliest
flux of the cutout, of which the cluster is a part, as a filter for point sources finds it.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli.config import load_config
from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.pointimages import PointImage
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.likelihood.sources import PlacedSources, SourceMarginal
from szmass_cli.likelihood.sourcesearch import SourceSearch
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN, beam_profile
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream
from szmass_cli.system.presets import SkyKind

CASES = ((1000.0, 4.0), (300.0, 2.0), (100.0, 2.0), (30.0, 2.0), (1000.0, 2.0))
"""Flux at 150 GHz [mJy] and distance ['] of the source."""

WIDER = (0.0, 0.01, 0.03)
PLACES_OFF_ARCMIN, RADIO_INDEX, LEAST_SNR = 0.05, -0.7, 5.0
LN_MASS = np.log([3e13, 2e15])


def source_image_uk(bands: Sequence[Band], flux_mjy: float, place_arcmin, wider: float) -> np.ndarray:
    """Image (40, 40, f) [µK] of a radio source behind beams that are wider than stated."""
    axis = pixel_offsets_arcmin()
    radii = np.linspace(0.0, 20.0, 1200)
    far = np.hypot(axis[:, None] - place_arcmin[0], axis[None, :] - place_arcmin[1])
    images = []
    for band in bands:
        profile = CubicSpline(radii, beam_profile(band.optics, radii))
        per_sr = profile(far / (1.0 + wider)) / (1.0 + wider) ** 2
        flux = flux_mjy * (band.frequency_ghz / 150.0) ** RADIO_INDEX
        images.append(flux * uk_per_mjy(band.frequency_ghz) * ARCMIN**2 * per_sr)
    return np.stack(images, axis=-1)


def subtracted(
    likelihood: GaussianLikelihood, images_uk: np.ndarray, places, flux_mjy: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return cutouts (n, 40, 40, f) [µK] without the flux of a source, by how the flux was found.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Says how well the fluxes of point sources are known.
    images_uk : numpy.ndarray, shape (n, 40, 40, f)
        Cutouts with a source each [µK].
    places : numpy.ndarray, shape (n, 2)
        Where it is held to be, north and west of the centre ['].
    flux_mjy : float
        Its flux at 150 GHz [mJy].
    rng : numpy.random.Generator
        Draws errors of fluxes.
    """
    bands = likelihood.instrument.bands
    true = flux_mjy * (np.array([band.frequency_ghz for band in bands]) / 150.0) ** RADIO_INDEX
    point = [PointImage(band) for band in bands]
    weighed = likelihood.weigh(images_uk)
    found = {"true flux": images_uk.copy(), "likeliest flux": images_uk.copy()}
    for row, place in enumerate(places):
        images = np.zeros((len(bands), *images_uk.shape[1:]))
        for band, image in enumerate(point):
            images[band, ..., band] = image(*place)
        fields = likelihood.symmetry.fold(images)
        products = fields @ weighed.depths[weighed.depth_of[row]].inverse
        covariance = np.linalg.inv(np.einsum("pkj,plj->kl", products, fields))
        likeliest = covariance @ np.einsum("pkj,pj->k", products, weighed.fields_uk[:, row])
        flux = {"true flux": rng.multivariate_normal(true, covariance), "likeliest flux": likeliest}
        for name, images_left in found.items():
            images_left[row] -= np.einsum("k,kxyf->xyf", flux[name], images)
    return found


def amplitudes(likelihood: GaussianLikelihood, weighed: Weighed, block: CutoutBlock) -> tuple:
    """Amplitudes of cutouts for clusters of their true masses, and their errors."""
    scales = cluster_scales(block.m200c[:, None], block.redshift[:, None], likelihood.model)
    projection, fisher = (values[:, 0] for values in likelihood.matched(weighed, scales))
    return projection / fisher, 1.0 / np.sqrt(fisher)


def words(found, clean, chosen) -> str:
    """How amplitudes differ from those without the source."""
    pull = ((found[0] - clean[0]) / clean[1])[chosen]
    low, middle, high = np.percentile(pull, [16.0, 50.0, 84.0])
    share = np.median((found[0] / clean[0])[chosen]) - 1.0
    wider = np.median((found[1] / clean[1])[chosen])
    return f"{middle:+8.2f} ± {0.5 * (high - low):6.2f}  ({100 * share:+7.1f} %), error {wider:5.2f}"


def main() -> None:
    """Draw, add sources, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--survey", default="act-dr6")
    parser.add_argument("--bands", type=int, nargs="+", help="numbers of the preset's bands; all by default")
    parser.add_argument("--n", type=int, default=96)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    config = load_config(given.survey).with_sky(SkyKind.GAUSSIAN)
    if given.bands is not None:
        bands = [config.sky.bands[number] for number in given.bands]
        config = config.model_copy(update={"sky": config.sky.model_copy(update={"bands": bands})})
    simulator = CutoutSimulator(config)
    block = CutoutBlock.concatenate(
        list(simulator.blocks(config.cutout_clusters, given.n, given.seed, Stream.USER))
    )
    model = config.clusters.sz_model(config.sky.cosmology.build())
    likelihood = GaussianLikelihood(simulator.power, simulator.instrument, model, Scatter(0.2, 0.2))
    marginal = SourceMarginal(likelihood)
    search = SourceSearch(likelihood, ScoreImages(likelihood), marginal, LN_MASS, 5.0)
    clean = amplitudes(likelihood, likelihood.weigh(block.image), block)
    chosen = clean[0] / clean[1] > LEAST_SNR
    rng = np.random.default_rng(given.seed)
    print(
        f"{given.survey}, {len(simulator.instrument)} bands, {chosen.sum()} clusters of S/N > {LEAST_SNR:g}"
    )
    for flux, distance in CASES:
        angle = rng.uniform(0.0, 2.0 * np.pi, given.n)
        places = distance * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        told = places + PLACES_OFF_ARCMIN * rng.standard_normal(places.shape)
        known = PlacedSources(np.arange(given.n), told[:, 0], told[:, 1])
        for wider in WIDER:
            source = [source_image_uk(simulator.instrument.bands, flux, place, wider) for place in places]
            weighed = likelihood.weigh(block.image + np.array(source, np.float32))
            found = search(weighed, block.redshift, PlacedSources.none()).placed
            print(f"{flux:g} mJy at {distance:g}', beam {100 * wider:g} % wider")
            print(f"  left in       {words(amplitudes(likelihood, weighed, block), clean, chosen)}")
            for name, placed in (("--sources", known), ("--find-sources", found)):
                some = amplitudes(likelihood, marginal(weighed, placed), block)
                n = f"{len(placed) / given.n:.1f} a row"
                print(f"  {name:14s}{words(some, clean, chosen)}, {n}", flush=True)
            with_source, draws = block.image + np.array(source), np.random.default_rng([given.seed, 1])
            for where, held in (("its place", places), ("catalogue's place", told)):
                for name, images in subtracted(likelihood, with_source, held, flux, draws).items():
                    some = amplitudes(likelihood, likelihood.weigh(images), block)
                    print(f"  {name:14s}{words(some, clean, chosen)}, subtracted at {where}", flush=True)


if __name__ == "__main__":
    main()
