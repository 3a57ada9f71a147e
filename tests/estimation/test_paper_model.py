"""The paper's network measures the maps that it was trained for, brought to its beam; others are refused."""

import numpy as np
import pytest

from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError
from szmass_cli.estimation.bandmaps import width_arcmin
from szmass_cli.estimation.papermethod import BeamPair
from szmass_cli.physics.beams import Beam


@pytest.fixture(scope="module")
def paper(field, measure):
    """A function from options to estimates of the field by the paper's network."""
    return lambda **options: measure(field.map_path, field.catalog_path, model="paper", **options)


@pytest.fixture(scope="module")
def plain(paper):
    return paper()


def flags_of(estimates):
    return np.asarray(estimates.columns["szmass_flags"])


def test_masses_follow_the_truth(field, plain):
    truth, mass = np.asarray(field.truth["M200c_true"]), np.asarray(plain.columns["M200c"])
    inside = truth < 7.0  # it knows no heavier ones
    assert np.isfinite(mass).all()
    assert abs(np.median(np.log(mass / truth)[inside])) < 0.25
    assert plain.meta["SZM_MODL"] == "paper" and plain.meta["SZM_NOSR"] == "model"
    assert plain.meta["SZM_PRI"].startswith("flat in M200c")


@pytest.mark.parametrize(("noise", "flagged"), [(6.0, False), (10.0, True)])
def test_a_stated_noise_is_compared_with_that_of_training(paper, plain, noise, flagged):
    estimates = paper(noise=noise)
    before = (flags_of(plain) & Flag.NOISE_MISMATCH) != 0
    np.testing.assert_array_equal((flags_of(estimates) & Flag.NOISE_MISMATCH) != 0, before | flagged)
    np.testing.assert_array_equal(estimates.columns["M200c"], plain.columns["M200c"])


def test_a_somewhat_wider_beam_is_sharpened_and_flagged(paper, plain):
    estimates = paper(beam=1.06)
    assert np.all(flags_of(estimates) & Flag.BEAM_MISMATCH)
    assert not np.any(flags_of(plain) & Flag.BEAM_MISMATCH)
    assert "was sharpened to the model's" in " ".join(estimates.notes)


def test_a_wider_beam_is_refused(paper):
    with pytest.raises(InputError, match=r"its beam of 1\.4' is wider than the 1' that the model paper"):
        paper(beam=1.4)


def test_another_frequency_is_refused(field, paper):
    with pytest.raises(InputError, match="its header says FREQ"):
        paper(frequency_ghz=220.0)


@pytest.mark.parametrize(("fwhm", "excess"), [(0.75, -0.25), (1.0, 0.0), (1.06, 0.06)])
def test_beams_are_exchanged_where_they_differ(fwhm, excess):
    pair = BeamPair(Beam(fwhm), Beam(1.0), pixel_window=False)
    assert pair.excess == pytest.approx(excess)
    assert (pair.exchange is None) == (excess == 0.0)
    assert width_arcmin(pair.trained) == 1.0
