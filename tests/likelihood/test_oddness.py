"""Levels of oddness: as many false alarms as stated, at any S/N, and those of a Gaussian sky otherwise."""

import numpy as np
import pytest

from szmass_cli.likelihood.oddness import FALSE_ALARMS, SNR_EDGES, Oddness, OddnessLevels


def drawn(n, seed, growth=0.0):
    """Numbers that grow with S/N, as residuals of bright clusters do."""
    rng = np.random.default_rng(seed)
    snr = np.exp(rng.uniform(np.log(0.5), np.log(300.0), n))
    scale = 1.0 + growth * np.arcsinh(snr)
    numbers = (scale * np.abs(rng.standard_normal(n)) for _ in FALSE_ALARMS)
    return Oddness(snr, *numbers, np.zeros(n, bool))


def test_levels_tell_of_as_many_cutouts_as_they_state_whatever_the_snr():
    levels, fresh = OddnessLevels.measured(drawn(60_000, 1, growth=0.5)), drawn(60_000, 2, growth=0.5)
    for name, share in FALSE_ALARMS.items():
        told = levels.exceeded(name, fresh)
        assert told.mean() == pytest.approx(share, rel=0.15)
        for low, high in ((1.0, 5.0), (8.0, 30.0), (80.0, 300.0)):
            inside = (fresh.snr > low) & (fresh.snr < high)
            assert told[inside].mean() == pytest.approx(share, rel=0.5)
    assert sum(FALSE_ALARMS.values()) <= 0.05


def test_a_bin_with_few_cutouts_has_no_node_and_none_at_all_is_an_error():
    many = drawn(4_000, 3)
    few = Oddness(*(getattr(many, name)[many.snr < 8.0] for name in Oddness.__dataclass_fields__))
    levels = OddnessLevels.measured(few)
    assert len(levels.snr) < SNR_EDGES.size - 1 and levels.snr[-1] < 8.0
    with pytest.raises(ValueError, match="no bin"):
        OddnessLevels.measured(Oddness(*(getattr(many, name)[:9] for name in Oddness.__dataclass_fields__)))


def test_those_of_a_gaussian_sky_do_not_depend_on_snr():
    levels, odd = OddnessLevels.of_gaussian_sky(), drawn(1_000, 4)
    np.testing.assert_array_equal(levels.exceeded("source", odd), odd.source > 2.5)
    np.testing.assert_array_equal(levels.exceeded("extreme", odd), odd.extreme > 5.5)


@pytest.mark.parametrize(
    "changed", [{"snr": [2.0, 1.0]}, {"extreme": [1.0]}, {"noise": [np.nan, 1.0]}, {"snr": [], "extreme": []}]
)
def test_tables_that_are_none_are_refused(changed):
    columns = {"snr": [1.0, 2.0], **{name: [1.0, 2.0] for name in FALSE_ALARMS}} | changed
    with pytest.raises(ValueError, match=r"levels|ascend"):
        OddnessLevels(**{name: np.array(values) for name, values in columns.items()})
