"""The test sets are those of sections 2.2 and 4 of Gupta & Reichardt (2020)."""

import numpy as np
import pytest

from szmass_cli.config import ClusterConfig, ListedMasses, load_config
from szmass_cli.evaluation.paper.testsets import (
    IRREGULAR_REDSHIFTS,
    MASSES_1E14,
    PAPER_IRREGULAR,
    PROFILE_MASSES_1E14,
    SCATTER_MASSES,
    TestSizes,
    clusters_of_each_mass,
    irregular_survey,
    scatter_clusters,
)


def test_the_nineteen_masses_are_those_that_the_paper_preset_simulates():
    wanted = load_config("paper").cutout_clusters.masses.m200c_msun
    assert tuple(mass * 1e14 for mass in MASSES_1E14) == pytest.approx(wanted)
    assert len(MASSES_1E14) == 19
    assert PROFILE_MASSES_1E14 == (2, 4, 6) and set(PROFILE_MASSES_1E14) <= set(MASSES_1E14)


def test_each_mass_comes_up_equally_often():
    clusters = clusters_of_each_mass(ClusterConfig(sz_scatter_ln=0.3, redshift=0.5))
    assert isinstance(clusters.masses, ListedMasses)
    np.testing.assert_allclose(clusters.masses.m200c_msun, np.array(MASSES_1E14) * 1e14)
    assert clusters.sz_scatter_ln == 0.3 and clusters.redshift == 0.5


@pytest.mark.parametrize("scatter", [0.0, 0.16, 0.2])
def test_the_scatter_set_is_uniform_in_2_to_7e14(scatter):
    clusters = scatter_clusters(ClusterConfig(redshift=0.5), scatter)
    assert clusters.masses == SCATTER_MASSES and SCATTER_MASSES.kind == "uniform"
    assert (SCATTER_MASSES.min_m200c_msun, SCATTER_MASSES.max_m200c_msun) == (2e14, 7e14)
    assert clusters.sz_scatter_ln == scatter and clusters.redshift == 0.5


def test_sizes_are_those_asked_for_at_ten_thousand_and_never_too_few():
    assert TestSizes.of(10_000) == TestSizes(10_000, per_mass=200, irregular=1_000)
    assert TestSizes.of(100) == TestSizes(100, per_mass=10, irregular=10)


def test_irregular_clusters_are_those_of_section_4_4_on_the_sky_of_the_model():
    recipe = load_config("paper-fresh")
    survey = irregular_survey(recipe)
    assert survey.clusters.redshift.redshifts == IRREGULAR_REDSHIFTS == (0.67, 0.73)
    assert survey.clusters.shape.kind == "irregular" and survey.clusters.sz_scatter_ln == 0.16
    assert survey.clusters.masses == SCATTER_MASSES and PAPER_IRREGULAR == 140
    # other halos are painted one by one, so their mean power is taken out of the random sky; nothing else is
    assert survey.sky.foregrounds_dl3000_uk2.tsz == 0.0
    back = survey.sky.model_copy(update={"foregrounds_dl3000_uk2": recipe.sky.foregrounds_dl3000_uk2})
    assert back == recipe.sky
    assert recipe.sky.foregrounds_dl3000_uk2.tsz > 0
