"""Measure clusters of all profiles and shapes: how fast they are drawn, and how exact ellipses are.

`python benchmarks/shapes.py` prints processor time, of one thread.
"""

import time

import numpy as np

from szmass_cli.config import ClusterConfig, UniformRedshifts
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beamedshapes import Ellipses
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.gnfw import A10
from szmass_cli.physics.profiles import SzModel, projected_shape
from szmass_cli.sky.clusters import draw_masses, draw_redshifts
from szmass_cli.sky.cutouts import Stream, block_generator
from szmass_cli.sky.shapedsignals import ShapedSignals
from szmass_cli.sky.shapedstamps import Peaks, ShapedStamps
from szmass_cli.sky.ystamps import beamed_stamps

BANDS = (Band(95.0, Beam(2.2), 5.0), Band(150.0, Beam(1.4), 5.0), Band(220.0, Beam(1.0), 5.0))
CLUSTERS = ClusterConfig(
    redshift=UniformRedshifts(),
    profiles={"a10": 0.5, "cool_core": 0.2, "disturbed": 0.2, "battaglia2012": 0.1},
    outer_slope_scatter=0.5,
    concentration_amplitude_correlation=0.3,
    outer_slope_amplitude_correlation=-0.3,
    shape={"kind": "elliptical"},
    second_peak={"fraction": 0.2},
    miscentring={"kind": "optical"},
)
PIXEL_ARCMIN, POINTS, PIXELS = 0.0625, 3, 384
"""Of the map that ellipses are convolved on exactly: its pixels, points along each, and their number."""


def speed() -> None:
    """Print how long tables take to make, their size, and how many signals are drawn a second."""
    start = time.process_time()
    signals = ShapedSignals(CLUSTERS, BANDS, SzModel(relativistic=True))
    print(f"tables: {time.process_time() - start:.1f} s, {signals.memory_bytes / 2**20:.0f} MiB")
    seconds, shapes = [], []
    for index in range(20):
        rng = block_generator(1, Stream.USER, index)
        redshift = draw_redshifts(CLUSTERS, rng, signals.block_size)
        mass = draw_masses(CLUSTERS, rng, signals.block_size, 0, redshift)
        start = time.process_time()
        drawn = signals.draw(CLUSTERS, mass, redshift, rng, signals.block_size)
        seconds.append(time.process_time() - start)
        shapes.append(drawn.shapes)
    rates = signals.block_size / np.array(seconds)
    print(f"signals in {len(BANDS)} bands: {np.median(rates):,.0f} a second, at best {rates.max():,.0f}")
    for name in ("axis_ratio", "elongation"):
        values = np.concatenate([one[name] for one in shapes])
        print(f"{name}: {values.mean():.3f} with a scatter of {values.std():.3f}")


def ellipses() -> None:
    """Print the largest error of elliptical images, over their peak."""
    band = BANDS[-1]
    stamps = ShapedStamps([band], ["a10"])
    for ratio in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):
        errors = []
        for theta in (0.8, 1.9, 3.5):
            exact = _exact(theta, ratio, band)
            seen = Ellipses(*(np.array([value]) for value in (0, theta, A10.beta, ratio)))
            peak = Peaks(seen, np.ones(1), np.zeros(1), np.zeros((1, 2)), np.zeros(1))
            image = stamps.images(peak)[0, ..., 0] / band.response.tsz_uk_per_y()
            errors.append(np.abs(image - exact).max() / exact.max())
        print(f"axis ratio {ratio}: {100 * max(errors):.2f} per cent of the peak")


def _exact(theta: float, ratio: float, band: Band) -> np.ndarray:
    axis = (np.arange(PIXELS * POINTS) - (PIXELS * POINTS - 1) / 2) * PIXEL_ARCMIN / POINTS
    root = np.linspace(0.0, np.sqrt(A10.cut_r500), 4000)
    radius = np.hypot(axis[:, None] * np.sqrt(ratio), axis[None, :] / np.sqrt(ratio)) / theta
    values = np.interp(np.sqrt(radius), root, projected_shape(root**2), right=0.0)
    means = values.reshape(PIXELS, POINTS, PIXELS, POINTS).mean(axis=(1, 3))
    return beamed_stamps(means[None], PIXEL_ARCMIN, band.optics)[0]


if __name__ == "__main__":
    speed()
    ellipses()
