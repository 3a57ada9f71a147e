"""The picture of what is painted: drawn counts lie on the published ones, and infill falls with its share."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from szmass_cli.config import ObjectsConfig, SkyConfig
from szmass_cli.simulation.figures.contents import draw_contents


def test_counts_of_drawn_sources_lie_on_the_published_ones():
    sky = SkyConfig(cmb=False, noise_uk_arcmin=5.0, objects=ObjectsConfig(radio=1.0, dusty=1.0))
    figure = Figure()
    filled = np.random.default_rng(1).exponential(0.05, 500)
    draw_contents(figure, sky, filled, "150 GHz", np.random.default_rng(2))
    counts, infill = figure.axes
    lines = {line.get_label(): line.get_xydata() for line in counts.lines}
    for label in ("radio: Tucci et al. 2011", "dusty: Fujimoto et al. 2016"):
        assert label in lines
    radio = lines["radio: Tucci et al. 2011"]
    points, _, (bars,) = next(iter(counts.containers)).get_children()[0], None, counts.containers[0][2]
    for (flux, height), segment in zip(points.get_xydata(), bars.get_segments(), strict=True):
        error = 0.5 * np.ptp(segment[:, 1])
        expected = np.exp(np.interp(np.log(flux), np.log(radio[:, 0]), np.log(radio[:, 1])))
        assert height == pytest.approx(expected, abs=4.0 * error)
    (_, curve) = infill.lines[0].get_data()
    assert np.all(np.diff(curve[np.isfinite(curve)]) <= 0) and curve[0] == 1.0
    assert infill.get_xlabel() and counts.get_ylabel()
