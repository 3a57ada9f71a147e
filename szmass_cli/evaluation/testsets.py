"""The sets of clusters that a model is tested on: those of Gupta & Reichardt (2020), section 4."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.config import (
    ClusterConfig,
    InstrumentsConfig,
    ListedMasses,
    ListedRedshifts,
    SurveyConfig,
    UniformMasses,
    load_config,
)
from szmass_cli.network.bundle.bundle import Bundle

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

POSTERIOR_REDSHIFTS = (0.2, 0.4, 0.7, 1.0, 1.5)
POSTERIOR_INSTRUMENTS = ((1.0, 5.0), (1.2, 2.5), (1.4, 15.0), (1.4, 30.0), (2.0, 10.0))
"""Beam FWHM [arcmin] and noise [µK-arcmin] of the cells in which posteriors are compared with exact ones."""


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
        Irregular clusters.
    posteriors : int
        Clusters drawn as those of training, for networks with a posterior head.
    per_instrument : int
        Clusters at each redshift, beam and noise.
    """

    __test__ = False  # no class of tests, whatever its name says

    scatter: int
    per_mass: int
    irregular: int
    posteriors: int
    per_instrument: int

    @classmethod
    def of(cls, n: int) -> "TestSizes":
        """Sizes in the proportions of the report: 10,000 give 200 of each mass and 1,000 irregular ones."""
        return cls(n, max(n // 50, 10), max(n // 10, 10), max(4 * n, 50), max(n // 10, 10))


def tested_redshift(bundle: Bundle) -> float:
    """The paper's redshift, or the model's own where it has seen no other."""
    low, high = bundle.metadata.trained_redshift
    return float(np.clip(PAPER_REDSHIFT, low, high))


def is_centred_and_round(clusters: ClusterConfig) -> bool:
    """Whether the exact posterior is that of such clusters."""
    return clusters.miscentring_arcmin == 0.0 and clusters.shape.kind == "round"


def is_trained_for(bundle: Bundle, fwhm_arcmin: float, noise_uk_arcmin: float) -> bool:
    """Whether a network was trained for maps of such a beam and noise."""
    ranges = bundle.recipe.trained_instruments
    spans = (ranges.beam_range_arcmin, fwhm_arcmin), (ranges.noise_range_uk_arcmin, noise_uk_arcmin)
    return all(low <= value <= high for (low, high), value in spans)


def at_instrument(recipe: SurveyConfig, fwhm_arcmin: float, noise_uk_arcmin: float) -> SurveyConfig:
    """A recipe seen through one beam at one depth."""
    instruments = InstrumentsConfig(
        min_beam_fwhm_arcmin=fwhm_arcmin,
        max_beam_fwhm_arcmin=fwhm_arcmin,
        min_noise_uk_arcmin=noise_uk_arcmin,
        max_noise_uk_arcmin=noise_uk_arcmin,
    )
    return recipe.model_copy(update={"instruments": instruments})


def scatter_clusters(clusters: ClusterConfig, sz_scatter_ln: float) -> ClusterConfig:
    """Centred clusters of 2-7e14 Msun with a given scatter of the SZ amplitude."""
    others = {"masses": SCATTER_MASSES, "miscentring_arcmin": 0.0}
    return clusters.model_copy(update={"sz_scatter_ln": sz_scatter_ln, **others})


def clusters_of_each_mass(clusters: ClusterConfig) -> ClusterConfig:
    """Centred clusters of the 19 masses of the paper in turn."""
    masses = ListedMasses(m200c_msun=tuple(mass * 1e14 for mass in MASSES_1E14))
    return clusters.model_copy(update={"masses": masses, "miscentring_arcmin": 0.0})


def irregular_survey(recipe: SurveyConfig) -> SurveyConfig:
    """The sky of a model with the irregular clusters of the preset `irregular` on it."""
    irregular = load_config("irregular")
    components = recipe.sky.foregrounds_dl3000_uk2
    # other halos are painted, so that their power must not be there twice
    sky = recipe.sky.model_copy(update={"foregrounds_dl3000_uk2": components.model_copy(update={"tsz": 0.0})})
    clusters = irregular.clusters.model_copy(
        update={"redshift": ListedRedshifts(redshifts=IRREGULAR_REDSHIFTS)}
    )
    return recipe.model_copy(update={"sky": sky, "clusters": clusters})
