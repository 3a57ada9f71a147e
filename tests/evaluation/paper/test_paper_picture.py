"""The figures of the paper's report: each drawn where there are numbers for it, and of those numbers."""

import matplotlib.image
import numpy as np
import pytest

from szmass_cli.evaluation.figures import paper as pictures
from szmass_cli.evaluation.figures.paper import save_paper_figures
from szmass_cli.evaluation.figures.training import MSE_LOSS, loss_figure
from szmass_cli.evaluation.paper.estimators import BEST_POSSIBLE, ESTIMATORS, NETWORK
from szmass_cli.evaluation.paper.measure import Estimated, MeanMaps, mass_rows
from szmass_cli.evaluation.paper.metrics import PaperMetrics
from szmass_cli.evaluation.paper.results import PaperResults
from szmass_cli.evaluation.paper.testsets import MASSES_1E14

SCATTERS = (0.18, 0.21, 0.17)
HISTORY = [{"epoch": n, "loss": 2.0 / n, "validation_loss": 2.2 / n} for n in (1, 2, 3)]


def estimated(masses, seed):
    """Three estimators of known scatter."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, scatter in zip(ESTIMATORS, SCATTERS, strict=True):
        ln_mass = np.log(masses) + scatter * rng.standard_normal(masses.size)
        found[name] = np.exp(ln_mass[:, None] + scatter * np.array([-1.96, -0.994, 0, 0.994, 1.96]))
    return Estimated(masses, found)


def mean_maps(mass):
    radius = np.hypot(*np.meshgrid(np.arange(40) - 19.5, np.arange(40) - 19.5))
    true = np.repeat(-mass / 4e12 * np.exp(-radius / 6)[None], 4, axis=0)
    image = true + np.random.default_rng(1).normal(0, 80, true.shape)
    sums = MeanMaps()
    sums.add(image, true, {NETWORK: 0.98 * true, BEST_POSSIBLE: 0.99 * true})
    return sums


@pytest.fixture(scope="module")
def evaluation():
    """A whole evaluation, of made-up numbers."""
    uniform = np.random.default_rng(2).uniform(2e14, 7e14, 600)
    sets = [estimated(uniform, 3), estimated(uniform, 4)]
    masses = estimated(np.repeat(np.array(MASSES_1E14) * 1e14, 20), 5)
    irregular = estimated(uniform[:400], 6)
    scatter = tuple(s.comparison(level) for s, level in zip(sets, (0.2, 0.0), strict=True))
    metrics = PaperMetrics(
        *("toy", "0" * 64, 1, scatter, mass_rows(masses)),
        irregular=(irregular.comparison(0.16),),
    )
    maps = {mass: mean_maps(mass) for mass in (2e14, 4e14, 6e14)}
    return PaperResults(metrics, sets, masses, irregular, maps)


def test_every_figure_is_drawn_where_there_are_numbers_for_it(tmp_path, evaluation):
    save_paper_figures(evaluation, HISTORY, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "figure3_sz_maps.png",
        "figure4_masses.png",
        "figure5_scatter.png",
        "figure6_irregular.png",
        "loss.png",
    }
    for path in tmp_path.iterdir():
        picture = matplotlib.image.imread(path)
        assert min(picture.shape[:2]) > 400 and picture[..., :3].std() > 0.02, path.name


def test_a_short_evaluation_has_the_scatter_only(tmp_path, evaluation):
    save_paper_figures(PaperResults(evaluation.metrics, evaluation.scatter), [], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["figure5_scatter.png"]


def test_the_same_numbers_are_the_same_picture(tmp_path, evaluation):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        save_paper_figures(PaperResults(evaluation.metrics, evaluation.scatter), HISTORY, tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_figure_3_shows_the_mean_maps_and_their_difference(evaluation):
    figure = pictures._map_figure(evaluation.maps)
    images = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(images) == 12
    for row, sums in enumerate(evaluation.maps.values()):
        cutout, true, found, residual = images[4 * row : 4 * row + 4]
        np.testing.assert_array_equal(cutout, sums.example_uk)
        np.testing.assert_allclose(true, sums.mean_true_uk)
        np.testing.assert_allclose(found, sums.mean_estimated_uk(NETWORK))
        peak = np.abs(sums.mean_true_uk).max()
        np.testing.assert_allclose(residual, -2.0 * sums.mean_true_uk / peak, atol=1e-9)
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels.count("per cent of the true peak") == 3 and labels.count("µK") == 9


def test_figure_3_has_north_up_and_east_to_the_left(evaluation):
    """Row 0 of a cutout is the most southern, column 0 the most eastern."""
    shown = pictures._map_figure(evaluation.maps).axes[0].images[0]
    assert shown.origin == "lower" and shown.get_extent() == [5.0, -5.0, -5.0, 5.0]


def test_figure_4_shows_each_mass_with_its_error_and_bias(evaluation):
    upper, lower = pictures._mass_figure(evaluation.metrics).axes
    assert [c.get_label() for c in upper.containers] == list(ESTIMATORS)
    rows = evaluation.metrics.masses
    for container, bias, key in zip(
        upper.containers, lower.lines, ("network", "matched_filter", "best_possible"), strict=False
    ):
        found = [getattr(row, key) for row in rows]
        np.testing.assert_allclose(container.lines[0].get_ydata(), [f.median_msun / 1e14 for f in found])
        expected = [f.bias_over_sigma(row.m200c_msun) for f, row in zip(found, rows, strict=True)]
        np.testing.assert_allclose(bias.get_ydata(), expected)
        # shifted a little, so that the three are told apart
        true = np.array(MASSES_1E14)
        np.testing.assert_allclose(container.lines[0].get_xdata(), true, rtol=0.02)


def test_figure_5_states_the_width_of_every_histogram(evaluation):
    figure = pictures._scatter_figure(evaluation)
    assert len(figure.axes) == 2 * len(ESTIMATORS)
    for row, comparison in enumerate(evaluation.metrics.scatter):
        axes = figure.axes[3 * row : 3 * row + 3]
        each = (comparison.network, comparison.matched_filter, comparison.best_possible)
        for axis, name, scatter in zip(axes, ESTIMATORS, each, strict=True):
            assert axis.get_title() == f"{name}: σ of a Gaussian fit {scatter.gaussian_sigma:.3f}"
        assert f"{comparison.sz_scatter_ln:g}" in axes[0].get_ylabel() and "600" in axes[0].get_ylabel()


def test_the_densities_are_of_all_clusters(evaluation):
    """Clusters beyond the edges count: a long tail must not make the rest look the better for it."""
    half = evaluation.scatter[0].m200c_msun.copy()
    half[::2] /= 10.0  # ln ratios above 2
    found = Estimated(half, evaluation.scatter[0].percentiles_msun)
    figure = pictures._scatter_figure(PaperResults(evaluation.metrics, [found, evaluation.scatter[1]]))
    for axis, inside in zip(figure.axes, [0.5] * 3 + [1.0] * 3, strict=True):
        for steps in axis.patches:
            values, edges, _ = steps.get_data()
            assert np.sum(values * np.diff(edges)) == pytest.approx(inside, abs=0.01)


def test_figure_6_shows_at_most_300_clusters_and_counts_all(evaluation):
    figure = pictures._irregular_figure(evaluation)
    for axis, name in zip(figure.axes, ESTIMATORS, strict=False):
        points = axis.lines[0]
        np.testing.assert_allclose(points.get_xdata(), evaluation.irregular.m200c_msun[:300] / 1e14)
        np.testing.assert_allclose(points.get_ydata(), evaluation.irregular.median_msun(name)[:300] / 1e14)
        assert axis.get_title() == name
    assert "300 of 400" in figure.get_suptitle()
    assert [len(axis.patches) for axis in figure.axes[3:]] == [2, 2, 1]


def test_the_loss_curve_has_both_losses(tmp_path):
    axis = loss_figure(HISTORY, MSE_LOSS).axes[0]
    assert axis.get_ylabel() == MSE_LOSS
    training, validation = axis.lines
    np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(training.get_ydata(), [2.0, 1.0, 2 / 3])
    np.testing.assert_allclose(validation.get_ydata(), [2.2, 1.1, 2.2 / 3])
    assert axis.get_yscale() == "log"


def test_a_hopeless_estimator_can_be_drawn(tmp_path, evaluation):
    """A model of groups, whose estimates end at 5e13 Msun: all are beyond the edges of the histograms."""
    masses = evaluation.scatter[0].m200c_msun
    hopeless = Estimated(masses, {name: np.full((masses.size, 5), 5e13) for name in ESTIMATORS})
    comparison = hopeless.comparison(0.2)
    metrics = PaperMetrics("toy", "0" * 64, 1, (comparison,), irregular=(comparison,))
    save_paper_figures(PaperResults(metrics, [hopeless], irregular=hopeless), [], tmp_path)
    assert (tmp_path / "figure5_scatter.png").stat().st_size > 1000
