"""Draw what `make demo` found: true against estimated mass, and cutouts with their recovered SZ profiles.

Usage: demo_picture.py MAP MASSES TRUTH PICTURE
"""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.features import features
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.maps.cutouts import extract_cutouts
from szmass_cli.maps.reader import open_map
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.network.correction import Corrector
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.sky.clusters import ClusterStamps

N_SHOWN = 5
SHOWN_REDSHIFT = 0.7
EXTENT = (5.0, -5.0, -5.0, 5.0)
BAND = Band(150.0, Beam(1.0), 5.0)
"""That of examples/demo.yaml."""


def radial_profile(image: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean of an image (40, 40) in rings around its centre."""
    radii = pixel_radii_arcmin()
    return np.array([image[(radii >= a) & (radii < b)].mean() for a, b in pairwise(edges)])


def draw_masses(figure, masses: Table, truth: Table) -> None:
    """True against estimated mass, coloured by redshift, one to one dashed."""
    axes = figure.subplots()
    true, found = np.asarray(truth["M200c_true"]), np.asarray(masses["M200c"])
    errors = [np.asarray(masses["M200c_err_minus"]), np.asarray(masses["M200c_err_plus"])]
    axes.errorbar(true, found, yerr=errors, fmt="none", ecolor="0.6", elinewidth=0.8)
    points = axes.scatter(
        true, found, c=truth["redshift"], s=28, cmap="viridis", vmin=0.1, vmax=1.3, zorder=3
    )
    figure.colorbar(points, ax=axes, label="redshift", shrink=0.8, pad=0.02)
    limits = (2.5, 25.0)
    axes.plot(limits, limits, "k--", lw=1, label="one to one")
    axes.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    ticks = [3, 4, 6, 8, 10, 15, 20]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [str(tick) for tick in ticks])
        axis.set_ticks([], minor=True)
    axes.set_xlabel(r"true $M_{200c}$ [$10^{14}\,M_\odot$]")
    axes.set_ylabel(r"estimated $M_{200c}$ [$10^{14}\,M_\odot$], 16-84 %")
    axes.legend(loc="upper left", frameon=False, fontsize=9)


def draw_cluster(column, image, recovered, true_sz, title: str, first: bool):
    """One cluster: its cutout, the recovered SZ map, and both profiles; returns the SZ map's picture."""
    top, middle, bottom = column
    top.imshow(image, origin="lower", extent=EXTENT, vmin=-250, vmax=250, cmap="RdBu_r")
    shown = middle.imshow(recovered, origin="lower", extent=EXTENT, vmin=-250, vmax=0, cmap="Blues_r")
    top.set_title(title, fontsize=8)
    edges = np.arange(0.0, 5.1, 0.5)
    radius = 0.5 * (edges[1:] + edges[:-1])
    bottom.plot(radius, radial_profile(true_sz, edges), "k-", lw=1.2, label="true")
    bottom.plot(radius, radial_profile(recovered, edges), "C3--", lw=1.2, label="recovered")
    bottom.set(xlim=(0, 5), xlabel="radius [arcmin]")
    for axes in (top, middle):
        axes.set_xticks([-4, 0, 4])
        axes.set_yticks([-4, 0, 4])
    middle.set_xlabel("east-west [arcmin]", fontsize=8)
    if first:
        top.set_ylabel("cutout\n[arcmin]")
        middle.set_ylabel("recovered SZ\n[arcmin]")
        bottom.set_ylabel("SZ [µK]")
        bottom.legend(frameon=False, fontsize=7)
    return shown


def default_bundle() -> Bundle:
    """The default model."""
    bundle = read_bundle(DEFAULT_MODEL)
    assert isinstance(bundle, Bundle)  # of any instrument
    return bundle


def recovered_sz_uk(images_uk: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """SZ maps (n, 40, 40) [µK] that the default model finds in cutouts of one band."""
    bundle = default_bundle()
    likelihood = bundle.sky_model.likelihood(Instrument((BAND,)))
    weighed = likelihood.weigh(images_uk[..., None])
    scores, contamination = ScoreImages(likelihood), bundle.sky_model.contamination(likelihood)
    seen = features(likelihood, scores, contamination, weighed, redshift, bundle.ln_mass)
    return Corrector.from_bundle(bundle)(seen).y_map * float(BAND.response.tsz_uk_per_y())


def main(map_path: str, masses_path: str, truth_path: str, picture: str) -> None:
    """Read the demo's files and write its picture."""
    masses = Table.read(masses_path)
    truth = Table.read(truth_path)
    if list(masses["name"]) != list(truth["name"]):
        raise SystemExit("The masses and the truth are not of the same clusters.")
    # clusters near the middle of the catalogue's redshifts, in order of mass
    near = np.argsort(np.abs(truth["redshift"] - SHOWN_REDSHIFT))[:N_SHOWN]
    rows = near[np.argsort(truth["M200c_true"][near])]
    images = extract_cutouts(open_map(map_path), truth["ra"][rows], truth["dec"][rows]).images
    redshift = np.asarray(truth["redshift"][rows], float)
    recovered = recovered_sz_uk(images, redshift)
    model = default_bundle().sky_model.sz_model
    true_sz = ClusterStamps([BAND], model).mean_images(truth["M200c_true"][rows] * 1e14, redshift)[..., 0]
    true_sz *= np.asarray(truth["amplitude_true"][rows], np.float32)[:, None, None]

    figure = plt.figure(figsize=(15, 6.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.6), squeeze=False)[0]
    draw_masses(left, masses, truth)
    grid = right.subplots(3, N_SHOWN, sharey="row", height_ratios=(1, 1, 0.8))
    for k, row in enumerate(rows):
        found = f"true {truth['M200c_true'][row]:.1f}, found {masses['M200c'][row]:.1f}"
        title = f"z = {truth['redshift'][row]:.2f}\n{found}"
        shown = draw_cluster(grid[:, k], images[k], recovered[k], true_sz[k], title, k == 0)
    top = grid[0, -1].images[0]
    right.colorbar(top, ax=grid[0, :], label="µK", shrink=0.9, pad=0.01)
    right.colorbar(shown, ax=grid[1, :], label="µK", shrink=0.9, pad=0.01)
    figure.savefig(Path(picture), dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
