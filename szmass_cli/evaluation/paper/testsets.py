"""The sets of clusters that a model is tested on: those of Gupta & Reichardt (2020), section 4."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.config import (
    ClusterConfig,
    ListedMasses,
    ListedRedshifts,
    SurveyConfig,
    UniformMasses,
    load_config,
)
from szmass_cli.network.paper.bundle import PaperBundle

SCATTER_MASSES = UniformMasses(min_m200c_msun=2e14, max_m200c_msun=7e14)
"""Section 4.3."""

MASSES_1E14 = (0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 9, 10)
"""Section 2.2."""

PROFILE_MASSES_1E14 = (2, 4, 6)
"""Figure 3."""

IRREGULAR_REDSHIFTS = (0.67, 0.73)
"""Section 4.4."""

PAPER_IRREGULAR = 140
"""Clusters in Figure 6."""


PAPER_REDSHIFT = 0.7


@dataclass(frozen=True)
class TestSizes:
    """How many cutouts each set has.

    Parameters
    ----------
    scatter : int
        Of 2-7e14 Msun, with SZ scatter, and as many without.
    per_mass : int
        Of each mass of Figure 4.
    irregular : int
        Number of cutouts with irregular clusters.
    """

    __test__ = False  # no class of tests, whatever its name says

    scatter: int
    per_mass: int
    irregular: int

    @classmethod
    def of(cls, n: int) -> "TestSizes":
        """Return sizes in the proportions of the report: 10,000 give 200 of each mass, 1,000 irregular."""
        return cls(n, max(n // 50, 10), max(n // 10, 10))


def tested_redshift(bundle: PaperBundle) -> float:
    """Return the paper's redshift, or the model's own where it has seen no other."""
    low, high = bundle.metadata.trained_redshift
    return float(np.clip(PAPER_REDSHIFT, low, high))


def scatter_clusters(clusters: ClusterConfig, sz_scatter_ln: float) -> ClusterConfig:
    """Return centred clusters of 2-7e14 Msun with a given scatter of the SZ amplitude."""
    others = {"masses": SCATTER_MASSES, "miscentring_arcmin": 0.0}
    return clusters.model_copy(update={"sz_scatter_ln": sz_scatter_ln, **others})


def clusters_of_each_mass(clusters: ClusterConfig) -> ClusterConfig:
    """Return centred clusters of the 19 masses of the paper in turn."""
    masses = ListedMasses(m200c_msun=tuple(mass * 1e14 for mass in MASSES_1E14))
    return clusters.model_copy(update={"masses": masses, "miscentring_arcmin": 0.0})


def irregular_survey(recipe: SurveyConfig) -> SurveyConfig:
    """Return the sky of a model with the irregular clusters of the preset `irregular` on it."""
    irregular = load_config("irregular")
    components = recipe.sky.foregrounds_dl3000_uk2
    # other halos are painted, so that their power must not be there twice
    sky = recipe.sky.model_copy(update={"foregrounds_dl3000_uk2": components.model_copy(update={"tsz": 0.0})})
    clusters = irregular.clusters.model_copy(
        update={"redshift": ListedRedshifts(redshifts=IRREGULAR_REDSHIFTS)}
    )
    return recipe.model_copy(update={"sky": sky, "clusters": clusters})
