"""The report on a model for any instrument: its numbers in its tables and figures, and its command."""

from dataclasses import dataclass

import matplotlib.image
import numpy as np
import pytest
from judgedsets import judged

from szmass_cli.evaluation.card import model_card
from szmass_cli.evaluation.figures import instruments as pictures
from szmass_cli.evaluation.instruments.judging import Judged, Network
from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics, PriorRow
from szmass_cli.evaluation.instruments.rows import CaseRow, mass_bias_rows, pit_histogram
from szmass_cli.evaluation.instruments.run import InstrumentsEvaluation, Sizes
from szmass_cli.evaluation.instruments.tables import summary
from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.likelihood.oddness import OddnessLevels
from szmass_cli.network.bundle.bundle import read_bundle, training_in_words
from szmass_cli.posterior.recalibration import Recalibration

HISTORY = [{"epoch": n, "loss": 2.0 / n, "validation_loss": 2.2 / n} for n in (1, 2, 3)]


@pytest.fixture(scope="module")
def surveys():
    """Two surveys of made-up clusters of several masses and S/N."""
    parts = {
        name: Judged.concatenate(
            [judged(60, gap, snr, mass, seed) for snr, mass in ((4.0, 2e14), (8.0, 4e14), (20.0, 9e14))]
        )
        for name, gap, seed in (("so-goal, rho 0", 0.02, 1), ("spt-3g, rho 0.9", 0.05, 2))
    }
    return parts


@pytest.fixture(scope="module")
def metrics(surveys):
    rows = tuple(CaseRow.of(name, one) for name, one in surveys.items())
    other = (CaseRow.of("as stated", judged(40, seed=3)), CaseRow.of("noise twice", judged(40, 0.3, seed=4)))
    every = Judged.concatenate(list(surveys.values()))
    return InstrumentsMetrics(
        *("toy", "0" * 64, 77, rows, pit_histogram(every.model.below), mass_bias_rows(every)),
        cells=(CaseRow.of("z 0.2, 1', 5", judged(30, seed=5)),),
        outside=(CaseRow.of("beyond", judged(30, seed=6)),),
        variations=other,
        mass_function=(PriorRow("all", 100, 0.012, 0.684, 0.955),),
        mismatch=other,
    )


def cells(text, first):
    """The cells of the first table row that begins with these words."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_summary_has_every_number(metrics):
    text = summary(metrics)
    row = metrics.surveys[0]
    found = row.detected
    assert cells(text, "so-goal, rho 0") == [
        "180",
        "180",
        f"{found.rms_shift:.3f}",
        f"{found.mean_shift:+.3f}",
        f"{found.ln_likelihood_gap:.4f} ± {found.gap_error:.4f}",
        f"{found.coverage_68:.3f}",
        f"{found.coverage_95:.3f}",
    ]
    assert cells(text, "so-goal, rho 0, S/N 6 to 12")[0] == "60"
    assert cells(text, "spt-3g, rho 0.9, S/N above 12")[0] == "60"
    assert cells(text, "2 - 4")[0] == "120" and cells(text, "all")[1] == "+0.012"
    assert "seed 77" in text and "FAILED" not in text
    gain = text[text.index("## What several bands are worth") :]
    assert cells(gain, "so-goal, rho 0") == ["1.50", "1.70"]
    for table in text.split("\n\n"):
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) <= 1


def test_what_was_not_measured_has_no_heading(metrics):
    text = summary(InstrumentsMetrics("toy", "0" * 64, 1, metrics.surveys))
    for words in ("Filters", "not what it is told", "mass function", "beyond"):
        assert words not in text


def test_every_figure_is_drawn_where_there_are_numbers_for_it(tmp_path, metrics, surveys):
    InstrumentsEvaluation(metrics, surveys).save_figures(HISTORY, tmp_path)
    names = {"shifts", "pit", "coverage", "widths", "mismatch", "variations", "loss"}
    assert {path.stem for path in tmp_path.iterdir()} == names
    for path in tmp_path.iterdir():
        picture = matplotlib.image.imread(path)
        assert min(picture.shape[:2]) > 150 and picture[..., :3].std() > 0.02, path.name


def test_shifts_have_a_panel_for_each_survey(surveys):
    figure = pictures.shift_figure(surveys)
    assert [axis.get_title() for axis in figure.axes] == [
        f"{name}: rms {np.sqrt(0.05):.3f}" for name in surveys
    ]
    np.testing.assert_allclose(
        figure.axes[0].collections[0].get_offsets()[:, 1], surveys["so-goal, rho 0"].shift, atol=1e-9
    )


def test_pit_is_shown_as_a_deviation_in_per_cent(surveys):
    """Ranks that are even in each part are even together: nothing but zero, in either panel."""
    figure = pictures.pit_figure(surveys)
    assert len(figure.axes) == 2
    for axis in figure.axes:
        values, edges, _ = next(patch for patch in axis.patches if hasattr(patch, "get_data")).get_data()
        np.testing.assert_allclose(values, 0.0, atol=1e-9)
        assert edges.size == 21
    assert "per cent" in figure.axes[0].get_ylabel()


def test_coverage_is_shown_less_what_is_stated(metrics):
    left, right = pictures.coverage_figure(metrics.surveys).axes
    for axis, key, level in ((left, "coverage_68", 0.6827), (right, "coverage_95", 0.9545)):
        expected = [100 * (getattr(row.by_snr[0].posterior, key) - level) for row in metrics.surveys]
        np.testing.assert_allclose(axis.containers[0].lines[0].get_xdata().astype(float), expected)
    assert [label.get_text() for label in left.get_yticklabels()] == [row.name for row in metrics.surveys]


def test_widths_are_medians_by_mass(surveys):
    axis = pictures.width_figure(surveys).axes[0]
    model, exact, alone = axis.lines
    np.testing.assert_allclose(model.get_ydata()[~np.isnan(model.get_ydata())], 0.2)
    np.testing.assert_allclose(alone.get_ydata()[~np.isnan(alone.get_ydata())], 0.3)
    assert len(exact.get_xdata()) == len(model.get_xdata())


def test_the_card_says_what_was_not_tested(metrics):
    bundle = read_bundle("survey")
    card = model_card(bundle, metrics)
    m = bundle.metadata
    assert card.startswith(f"# {m.name}\n") and f"{m.trained_noise_uk_arcmin[1]:g} µK-arcmin" in card
    assert training_in_words(bundle) in card
    for words in ("## What was not tested", "Real skies", "so-goal, rho 0", "noise twice", "--transfer"):
        assert words in card
    for table in card.split("\n\n"):
        assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) <= 1


@dataclass(frozen=True)
class Nothing:
    """A network that corrects nothing."""

    def __call__(self, features):
        @dataclass
        class Said:
            g: np.ndarray

        return Said(np.zeros((len(features), 400)))


@pytest.fixture
def without_network(monkeypatch):
    """TensorFlow takes longer than the rest."""
    network = Network(Nothing(), Recalibration.identity((3e13, 2e15)), OddnessLevels.of_gaussian_sky())
    monkeypatch.setattr(Network, "of", lambda bundle: network)


def test_the_command_reports_on_the_survey_of_a_configuration(tmp_path, without_network, szmass_here):
    (tmp_path / "mine.yaml").write_text(
        "sky: {frequency_ghz: 150, beam_fwhm_arcmin: 1.3, noise_uk_arcmin: 12, ell_knee: 2000,\n"
        "  foregrounds_dl3000_uk2:\n"
        "    {tsz: 2.87, ksz: 3.0, dusty_poisson: 7.24, dusty_clustered: 4.03, radio: 1.01},\n"
        "  foreground_spectra:\n"
        "    {dust_temperature_k: 25, dusty_poisson_beta: 1.48, dusty_clustered_beta: 2.23,\n"
        "     radio_index: -0.76, tsz_dust_correlation: 0.076}}\n"
    )
    outcome = szmass_here(
        "evaluate", "--config", "mine.yaml", "--n", "120", "--seed", "5", "--json", "-q", cwd=tmp_path
    )
    assert outcome.code == 0, outcome.err
    (tmp_path / "metrics.json").write_text(outcome.out)
    found = read_metrics(tmp_path / "metrics.json")
    (row,) = found.surveys
    assert row.name == "mine" and row.n_cutouts == 60 and row.gain is None and row.told_the_truth
    assert found.seed == 5 and found.cells == () and row.detected.rms_shift == pytest.approx(0.0, abs=1e-6)
    table = szmass_here("evaluate", "--config", "mine.yaml", "--n", "120", "-q", cwd=tmp_path)
    assert table.code == 0 and "mine" in table.out
    assert max(map(len, table.out.splitlines())) <= 80


def test_the_papers_network_has_an_instrument_of_its_own(tmp_path, szmass_here):
    outcome = szmass_here("evaluate", "--model", "paper", "--config", "so-goal", cwd=tmp_path)
    assert outcome.code == 2 and "one instrument" in " ".join(outcome.err.replace("│", " ").split())


def test_a_configuration_that_is_not_there_is_refused(tmp_path, szmass_here):
    outcome = szmass_here("evaluate", "--config", "so-gaol", cwd=tmp_path)
    assert outcome.code == 2 and "so-goal" in outcome.err


def test_sizes_are_in_proportion():
    assert Sizes.of(10_000) == Sizes(survey=5000, variation=2000, cell=1000)
    assert Sizes.of(100) == Sizes(survey=50, variation=50, cell=20)
