"""Measure what the README claims: rates of simulation, cutting and estimating on this machine, as ratios too.

Usage: python benchmarks/run.py
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from bare import bare_network
from pixell import enmap, reproject
from scipy.stats import norm

from szmass_cli import BATCH_SIZE, DEFAULT_MODEL
from szmass_cli.config import ClusterConfig, FieldConfig, SurveyConfig, UniformMasses
from szmass_cli.maps.cutouts import extract_cutouts
from szmass_cli.maps.reader import open_map
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.simulation.field import simulate_survey_field
from szmass_cli.sky.cutouts import CutoutSimulator, Stream


def seconds(function) -> float:
    """Time of the fastest of three calls."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def rates(config: SurveyConfig, map_path: Path, truth) -> None:
    """Cutouts per second of each stage."""
    simulator = CutoutSimulator(config)
    list(simulator.blocks(config.clusters, 256, 1, Stream.USER))
    n = 8192
    simulated = n / seconds(lambda: list(simulator.blocks(config.clusters, n, 1, Stream.USER)))
    ra, dec = np.tile(truth["ra"], 8), np.tile(truth["dec"], 8)
    cut = len(ra) / seconds(lambda: extract_cutouts(open_map(map_path), ra, dec))
    plane = enmap.read_map(str(map_path))
    where = np.radians([truth["dec"], truth["ra"]]).T
    radius, resolution = np.radians(5.0 / 60.0), np.radians(0.25 / 60.0)
    thumbnails = len(where) / seconds(
        lambda: reproject.thumbnails(
            plane, where, r=radius, res=resolution, proj="tan", oversample=2, verbose=False
        )
    )
    bundle = read_bundle(DEFAULT_MODEL)
    assert isinstance(bundle, Bundle)
    predictor = bare_network(bundle, BATCH_SIZE)
    images = np.zeros((1024, 40, 40), np.float32)
    predictor(images)
    forward = len(images) / seconds(lambda: predictor(images))
    print(f"simulate cutouts         {simulated:10,.0f} /s")
    print(
        f"cut from a 0.5' CAR map  {cut:10,.0f} /s   {cut / thumbnails:.1f} times pixell.reproject.thumbnails"
    )
    print(f"default network, forward {forward:10,.0f} /s")


def pixel_bias(config: SurveyConfig, map_path: Path, truth) -> None:
    """Mass bias that comes from the map's pixels: noise-free clusters cut from the map against ideal ones."""
    instrument = config.sky.build_instrument()
    bundle = read_bundle(DEFAULT_MODEL)
    assert isinstance(bundle, Bundle)
    likelihood = bundle.sky_model.likelihood(instrument)
    where = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    _, separation, _ = where.match_to_catalog_sky(where, nthneighbor=2)
    truth = truth[separation.arcmin > 20.0]  # a neighbour in the cutout is no fault of the pixels
    images = extract_cutouts(open_map(map_path), truth["ra"], truth["dec"]).images
    mass, redshift = np.asarray(truth["M200c_true"]) * 1e14, np.asarray(truth["redshift"])
    scales = cluster_scales(mass[:, None], redshift[:, None], likelihood.model)
    projection, fisher = likelihood.matched(likelihood.weigh(images[..., None]), scales)
    # Y goes as M^1.79: what an amplitude is off, a mass is off by its root
    ratio = (projection / fisher)[:, 0] ** (1.0 / likelihood.model.slope)
    error = np.std(ratio) / np.sqrt(len(ratio)) * norm.ppf(0.975)
    bias = f"{np.mean(ratio) - 1:+.3%} +- {error:.3%} (95 %)"
    print(f"mass bias of 0.5' CAR pixels, {len(truth)} clusters: {bias}, row by row {np.std(ratio):.3%}")


def main() -> None:
    print(f"{os.cpu_count()} cores")
    field = FieldConfig(width_deg=20, height_deg=10)
    clusters = ClusterConfig(
        sz_scatter_ln=0.0,
        concentration_scatter_ln=0.0,
        masses=UniformMasses(min_m200c_msun=2e14, max_m200c_msun=8e14),
    )
    config = SurveyConfig(field=field, clusters=clusters)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "field.fits"
        truth = simulate_survey_field(config, path, seed=1, n_clusters=300).truth
        rates(config, path, truth)
        bare = config.model_copy(
            update={
                "sky": config.sky.model_copy(
                    update={
                        "cmb": False,
                        "bands": (config.sky.bands[0].model_copy(update={"noise_uk_arcmin": 0.1}),),
                        "foregrounds_dl3000_uk2": config.sky.foregrounds_dl3000_uk2.model_copy(
                            update=dict.fromkeys(
                                ("tsz", "ksz", "dusty_poisson", "dusty_clustered", "radio"), 0.0
                            )
                        ),
                    }
                )
            }
        )
        path = Path(folder) / "bare.fits"
        pixel_bias(bare, path, simulate_survey_field(bare, path, seed=1, n_clusters=300).truth)


if __name__ == "__main__":
    main()
