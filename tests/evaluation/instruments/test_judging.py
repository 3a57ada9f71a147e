"""Verdicts: of posteriors that are known, and of a model that is told the truth, lied to, or corrected."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import norm

from szmass_cli.config import load_config
from szmass_cli.evaluation.instruments.cases import Case, white_band
from szmass_cli.evaluation.instruments.judging import Judged, Network, Verdict, judged_case
from szmass_cli.evaluation.instruments.rows import CENTRAL, CaseRow, coverage
from szmass_cli.evaluation.instruments.variations import depth_case, mismatch_cases
from szmass_cli.likelihood.oddness import OddnessLevels
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.recalibration import Recalibration

RANGE = (3e13, 2e15)
GRID = mass_grid(RANGE)


@pytest.fixture(scope="module")
def sky():
    return read_bundle("survey").sky_model


@dataclass(frozen=True)
class Tilt:
    """A network that adds a slope to ln L."""

    slope: float

    def __call__(self, features):
        @dataclass
        class Said:
            g: np.ndarray

        return Said(np.tile(self.slope * GRID, (len(features), 1)))


def test_a_verdict_is_that_of_the_gaussians_that_are_tabulated():
    mean, sigma = np.log([2e14, 5e14, 4e14]), np.array([0.1, 0.2, 0.15])
    density = norm.pdf(GRID, mean[:, None], sigma[:, None])
    density /= density.sum(axis=1, keepdims=True)
    truth = np.array([2.1e14, 4e14, 4e14])
    verdict = Verdict.of(MassPosterior(GRID, density), truth)
    np.testing.assert_allclose(verdict.mean, mean, atol=1e-4)
    np.testing.assert_allclose(verdict.median, mean, atol=1e-3)
    np.testing.assert_allclose(verdict.sigma, sigma, rtol=1e-3)
    np.testing.assert_allclose(verdict.below, norm.cdf(np.log(truth), mean, sigma), atol=2e-3)
    np.testing.assert_allclose(verdict.ln_density, norm.logpdf(np.log(truth), mean, sigma), atol=3e-3)


@pytest.fixture(scope="module")
def three_bands(sky):
    """512 clusters of three bands whose depth varies by four, judged by the likelihood alone."""
    instrument = load_config("so-goal").with_frequencies([93, 145, 225]).sky.build_instrument()
    return judged_case(depth_case(sky, instrument, "so-goal"), GRID, None, 512, 5, 1)


def test_the_exact_posterior_covers_what_it_states_at_any_depth(three_bands):
    """Four standard errors of 512 clusters."""
    for level in CENTRAL:
        within = 4.0 * np.sqrt(level * (1 - level) / 512)
        assert coverage(three_bands.exact.below, level) == pytest.approx(level, abs=within)
    assert np.mean(three_bands.exact.below < 0.5) == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(512))


def test_told_the_truth_and_without_a_network_it_is_the_exact_one(three_bands):
    assert np.all(three_bands.shift == 0.0) and np.all(three_bands.ln_likelihood_gap == 0.0)


def test_several_bands_see_better_than_one(three_bands):
    """Design, section 4: 1.4 to 1.65 times for the Simons Observatory."""
    detected = three_bands[three_bands.snr > 3]
    assert 1.3 < np.median(detected.filter_gain) < 1.75
    assert np.median(detected.alone.sigma / detected.exact.sigma) > 1.1
    strong = three_bands[three_bands.expected_snr > 20]
    scatter = (strong.snr - strong.expected_snr) / strong.expected_snr
    assert np.std(scatter) == pytest.approx(0.2, abs=0.1)  # amplitudes scatter by 0.2, and profiles


def test_a_correction_moves_posteriors_by_its_slope(sky):
    """Of a Gaussian of width sigma exp(k ln M) moves the mean by k sigma^2, k sigma in sigmas."""
    network = Network(Tilt(1.5), Recalibration.identity(RANGE), OddnessLevels.of_gaussian_sky())
    case = Case.as_told("a", sky, white_band(1.0, 5.0))
    judged = judged_case(case, GRID, network, 256, 6, 2)
    bright = judged[(judged.snr > 15) & (judged.ln_mass < np.log(1.2e15))]
    assert len(bright) > 30
    np.testing.assert_allclose(bright.shift, 1.5 * bright.exact.sigma, rtol=0.1)
    assert judged.ln_likelihood_gap.mean() > 0


def test_a_lie_costs_probability_and_is_measured_against_the_truth(sky):
    case = Case.as_told("a", sky, white_band(1.0, 5.0))
    lie = replace(case, truth=replace(case.truth, instrument=white_band(1.0, 20.0)))
    judged = judged_case(lie, GRID, None, 400, 7, 3)
    gap = judged.ln_likelihood_gap
    assert gap.mean() > 3 * gap.std() / 20
    assert coverage(judged.model.below, 0.6827) < coverage(judged.exact.below, 0.6827)


def test_sources_on_clusters_are_counted_as_flagged_and_known_to_the_truth(sky):
    """The exact posterior is that of the map without the source, which makes the model's masses low."""
    instrument = white_band(1.0, 5.0)
    cases = {case.name: case for case in mismatch_cases(sky, instrument, "a")}
    plain, source = (
        judged_case(cases[f"a: {name}"], GRID, None, 200, 8, 4)
        for name in ("as stated", "5 mJy source at the centre")
    )
    np.testing.assert_array_equal(plain.exact.mean, source.exact.mean)
    assert source.model.median.mean() < plain.model.median.mean() - 0.1
    assert plain.flagged.mean() < 0.15 < 0.5 < source.flagged.mean()
    assert CaseRow.of("a", source).flagged == pytest.approx(source.flagged.mean())


def test_rows_are_taken_out_and_joined(three_bands):
    parts = [three_bands[:100], three_bands[100:]]
    again = Judged.concatenate(parts)
    np.testing.assert_array_equal(again.alone.sigma, three_bands.alone.sigma)
    np.testing.assert_array_equal(again.model.below, three_bands.model.below)
    assert Judged.concatenate([parts[0], replace(parts[1], alone=None)]).alone is None
