"""Levels of oddness: as many false alarms as stated, at any S/N, and those of a Gaussian sky otherwise."""

from dataclasses import replace

import numpy as np
import pytest

from szmass_cli.config import SkyConfig
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Scatter
from szmass_cli.likelihood.oddness import FALSE_ALARMS, SNR_EDGES, Oddness, OddnessLevels, OddnessTest
from szmass_cli.likelihood.rarity import TOLD
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import ARNAUD2010
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.power import SkyPower


def drawn(n, seed, growth=0.0):
    """Numbers that grow with S/N, as residuals of bright clusters do."""
    rng = np.random.default_rng(seed)
    snr = np.exp(rng.uniform(np.log(0.5), np.log(300.0), n))
    scale = 1.0 + growth * np.arcsinh(snr)
    numbers = (scale * np.abs(rng.standard_normal(n)) for _ in FALSE_ALARMS)
    neighbour, y_error = scale * np.abs(rng.standard_normal(n)), 1e-6 * np.exp(rng.uniform(0.0, 2.0, n))
    return Oddness(snr, *numbers, np.zeros(n, bool), neighbour, y_error)


def test_levels_tell_of_as_many_cutouts_as_they_state_whatever_the_snr():
    levels, fresh = OddnessLevels.measured(drawn(60_000, 1, growth=0.5)), drawn(60_000, 2, growth=0.5)
    for name, share in FALSE_ALARMS.items():
        told = levels.exceeded(name, fresh)
        assert told.mean() == pytest.approx(share, rel=0.15)
        for low, high in ((1.0, 5.0), (8.0, 30.0), (80.0, 300.0)):
            inside = (fresh.snr > low) & (fresh.snr < high)
            assert told[inside].mean() == pytest.approx(share, rel=0.5)


def test_all_flags_together_tell_of_as_many_as_stated():
    levels, fresh = OddnessLevels.measured(drawn(60_000, 1, growth=0.5)), drawn(60_000, 2, growth=0.5)
    single = np.any([levels.exceeded(name, fresh) for name in ("source", "offset", "noise")], axis=0)
    assert (single | levels.unlike(fresh)).mean() == pytest.approx(TOLD, rel=0.1)
    assert single.mean() < TOLD / 2.0


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
    np.testing.assert_array_equal(levels.unlike(odd), odd.extreme > 5.5)


def test_levels_come_back_from_their_arrays_with_rarities_or_without():
    odd = drawn(20_000, 5)
    for levels in (OddnessLevels.measured(odd), OddnessLevels.of_gaussian_sky()):
        again = OddnessLevels.from_arrays(levels.arrays())
        assert (again.rarity is None) == (levels.rarity is None)
        np.testing.assert_array_equal(again.unlike(odd), levels.unlike(odd))
        np.testing.assert_array_equal(again.exceeded("noise", odd), levels.exceeded("noise", odd))
    with pytest.raises(TypeError):
        OddnessLevels.from_arrays({**levels.arrays(), "rarity_snr": np.ones(1)})


@pytest.mark.parametrize(
    "changed", [{"snr": [2.0, 1.0]}, {"extreme": [1.0]}, {"noise": [np.nan, 1.0]}, {"snr": [], "extreme": []}]
)
def test_tables_that_are_none_are_refused(changed):
    columns = {"snr": [1.0, 2.0], **{name: [1.0, 2.0] for name in FALSE_ALARMS}} | changed
    with pytest.raises(ValueError, match=r"levels|ascend"):
        OddnessLevels(**{name: np.array(values) for name, values in columns.items()})


class TestOfCutouts:
    """What is found in cutouts of a Gaussian sky with clusters painted in."""

    N = 40
    INSTRUMENT = Instrument((Band(150.0, Beam(1.2), 6.0),))
    MASS, REDSHIFT = 6e14, 0.6

    @pytest.fixture(scope="class")
    def likelihood(self):
        power = SkyPower.from_config(SkyConfig(cmb=False), self.INSTRUMENT.bands)
        return GaussianLikelihood(power, self.INSTRUMENT, ARNAUD2010, Scatter(0.2))

    @pytest.fixture(scope="class")
    def test(self, likelihood):
        return OddnessTest(likelihood, ScoreImages(likelihood), (1e14, 2e15))

    @pytest.fixture(scope="class")
    def images(self, likelihood):
        power = SkyPower.from_config(SkyConfig(cmb=False), self.INSTRUMENT.bands)
        skies = CutoutSky(power, self.INSTRUMENT).draw(np.random.default_rng(4), self.N).astype(float)
        return skies + likelihood.templates.images.mean_images(self.MASS, self.REDSHIFT)[0]

    def found(self, test, likelihood, images, ratio=1.0):
        weighed = likelihood.weigh(images, np.full((self.N, 1), ratio))
        return test(weighed, np.full(self.N, np.log(self.MASS)), np.full(self.N, self.REDSHIFT))

    def test_a_cluster_beside_it_is_a_neighbour_and_a_source_of_its_size_is_none(
        self, test, likelihood, images
    ):
        cluster = likelihood.templates.images.mean_images(self.MASS, self.REDSHIFT)[0].astype(float)
        beside = np.roll(cluster, 13, axis=1)  # 3.25'
        alone, merged, brightened = (
            self.found(test, likelihood, images + added).neighbour for added in (0.0, beside, -beside)
        )
        assert np.all(alone < 5.0) and np.all(merged > alone + 5.0)
        assert np.all(brightened < 6.0)

    def test_the_error_of_y_follows_the_noise(self, test, likelihood, images):
        deep, shallow = (self.found(test, likelihood, images, ratio).y_error for ratio in (1.0, 4.0))
        assert np.ptp(deep) == 0.0 and np.all((deep > 1e-6) & (deep < 1e-4))
        assert np.all((shallow > 1.2 * deep) & (shallow < 2.0 * deep))

    def test_sources_that_are_marginalised_over_change_no_depth(self, test, likelihood, images):
        weighed = likelihood.weigh(images[:3])
        lost = 0.7 * np.stack([depth.fisher for depth in weighed.depths])[weighed.depth_of]
        masses, z = np.full(3, np.log(self.MASS)), np.full(3, self.REDSHIFT)
        whole, marginal = (test(one, masses, z) for one in (weighed, replace(weighed, lost=lost)))
        np.testing.assert_array_equal(marginal.y_error, whole.y_error)
        assert np.all(np.abs(marginal.snr) > 1.5 * np.abs(whole.snr))
