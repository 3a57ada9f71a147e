"""Surveys of the realistic sky: what is simulated, and what the model is told of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from szmass_cli.config import ClusterConfig, SurveyConfig, load_config
from szmass_cli.evaluation.instruments.cases import NEAR_GHZ, Assumed
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Instrument
from szmass_cli.sky.clusters import draw_masses, draw_redshifts
from szmass_cli.sky.cutouts import BLOCK, CutoutBlock, CutoutSimulator, Stream, block_generator
from szmass_cli.sky.cutoutsky import reference_band
from szmass_cli.system.presets import SkyKind

SURVEYS = ("act-dr6", "spt-3g", "so-goal")
"""Presets whose bands near 95, 150 and 220 GHz are looked at."""

ALONE = "spt-3g"
"""The preset whose band near 150 GHz is looked at alone."""


@dataclass(frozen=True, eq=False)
class RealisticCase:
    """One survey of the realistic sky.

    Parameters
    ----------
    name : str
        What tables and figures call it.
    drawn : SurveyConfig
        Sky and clusters of its cutouts.
    instrument : Instrument
        Bands, beams, filters and noise, as the model is told.
    told : Assumed
        What the model assumes besides.
    """

    name: str
    drawn: SurveyConfig
    instrument: Instrument
    told: Assumed

    @classmethod
    def of(cls, sky: SkyModel, survey: SurveyConfig, name: str) -> "RealisticCase":
        """Return the case of a survey's configuration, with the clusters of a model.

        Parameters
        ----------
        sky : SkyModel
            Sky and clusters that the model assumes.
        survey : SurveyConfig
            Its ``sky`` section: bands, foregrounds, and by how much it falls short of what it states.
        name : str
            What the survey is called.
        """
        drawn = survey.model_copy(update={"clusters": sky.config.clusters}).with_sky(SkyKind.REALISTIC)
        known = {"min_noise_factor": 1.0, "max_noise_factor": 1.0}
        observing = drawn.sky.observing.model_copy(update=known)
        drawn = drawn.model_copy(update={"sky": drawn.sky.model_copy(update={"observing": observing})})
        instrument = drawn.sky.build_instrument()
        return cls(name, drawn, instrument, Assumed.of(sky, instrument))

    @property
    def clusters(self) -> ClusterConfig:
        """Return the clusters that are drawn."""
        return self.drawn.clusters


def realistic_cases(sky: SkyModel) -> list[RealisticCase]:
    """Return three bands of each of `SURVEYS`, and one band of `ALONE`."""
    cases = []
    for name in SURVEYS:
        config = load_config(name)
        there = np.array(config.sky.frequencies_ghz)
        three = config.with_frequencies([there[np.abs(there - near).argmin()] for near in NEAR_GHZ])
        cases.append(RealisticCase.of(sky, three, f"{name}, three bands"))
    config = load_config(ALONE)
    frequencies = config.sky.frequencies_ghz
    alone = config.with_frequencies([frequencies[reference_band(frequencies)]])
    cases.append(RealisticCase.of(sky, alone, f"{ALONE}, 150 GHz alone"))
    return cases


def drawn_blocks(
    case: RealisticCase, sky: SkyModel, n: int, seed: int, salt: int
) -> Iterator[tuple[CutoutBlock, np.ndarray]]:
    """Yield blocks of cutouts of a case that add up to n, and their images without any contamination.

    Parameters
    ----------
    case : RealisticCase
        What is drawn.
    sky : SkyModel
        Knows the power of the CMB.
    n : int
        Number of cutouts; the last block is cut, not drawn short.
    seed, salt : int
        Which random streams; those of test sets, which no training sees.
    """
    simulator = CutoutSimulator(case.drawn, case.instrument, sky.cmb_dl)
    cosmology = case.drawn.sky.cosmology.build()
    for index in range(-(-n // BLOCK)):
        rng = block_generator(seed, Stream.TEST, index, salt)
        redshift = draw_redshifts(case.clusters, rng, BLOCK, cosmology=cosmology)
        m200c = draw_masses(case.clusters, rng, BLOCK, redshift=redshift, cosmology=cosmology)
        bare = simulator.observer.draw(rng, BLOCK)
        block, clean = simulator.painted(bare, case.clusters, m200c, redshift, rng)
        left = n - index * BLOCK
        yield block[:left], clean[:left]
