"""What is simulated, and what a model is told of it."""

from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.config import ClusterConfig, SkyConfig, SurveyConfig, load_config
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.positions import PositionLikelihood
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam

PRESETS = ("so-goal", "spt-3g", "s4-wide", "act-dr6")
"""Surveys whose bands near 95, 150 and 220 GHz are looked at."""

NEAR_GHZ = (95.0, 150.0, 220.0)

CORRELATIONS = (0.0, 0.9)
"""Of the red noise between bands."""

CELL_REDSHIFTS = (0.2, 0.4, 0.7, 1.0, 1.5)
CELL_BEAMS_AND_NOISE = ((1.0, 5.0), (1.2, 2.5), (1.4, 15.0), (1.4, 30.0), (2.0, 10.0))
"""FWHM [arcmin] and white noise [µK-arcmin] of the cells of one band at 150 GHz."""

PIVOT_GHZ = 150.0


@dataclass(frozen=True, eq=False)
class Assumed:
    """What is assumed of cutouts; for those that a simulation makes, it is the truth.

    Parameters
    ----------
    sky : SkyModel
        Power of the sky, and how the SZ signal follows from mass.
    instrument : Instrument
        Bands, beams, filters and noise of the maps.
    scatter : Scatter
        Intrinsic scatter of clusters at fixed mass.
    position_error_arcmin : float
        Standard deviation of positions along each axis [arcmin].
    """

    sky: SkyModel
    instrument: Instrument
    scatter: Scatter
    position_error_arcmin: float = 0.0

    @classmethod
    def of(cls, sky: SkyModel, instrument: Instrument) -> "Assumed":
        """Return what is true of a sky's clusters seen with an instrument."""
        return cls(sky, instrument, sky.scatter, sky.config.clusters.miscentring_arcmin)

    def likelihood(self) -> GaussianLikelihood:
        """Return the likelihood of clusters in the middle."""
        return self.sky.likelihood(self.instrument, self.scatter)

    def positions(self, likelihood: GaussianLikelihood) -> PositionLikelihood | None:
        """Return the likelihood of clusters at uncertain positions; none where they are known."""
        error = self.position_error_arcmin
        return PositionLikelihood(likelihood, error) if error > 0.0 else None

    def only(self, chosen: tuple[int, ...]) -> "Assumed":
        """Return the same assumptions for some of the bands."""
        return replace(self, instrument=self.instrument.only(chosen))


@dataclass(frozen=True, eq=False)
class Case:
    """One test set.

    Parameters
    ----------
    name : str
        What tables and figures call it.
    truth : Assumed
        What the cutouts are simulated with.
    told : Assumed
        What the model is told; the same object where it is told the truth.
    clusters : ClusterConfig
        Which clusters there are.
    depth_range : float
        Largest over least variance of the noise from cutout to cutout; 1 where all are as deep.
    seen_by_model : Instrument, optional
        Instrument of the maps that the model is given, of the same sky with the same noise; else the truth's.
    added_uk : numpy.ndarray, shape (40, 40, f), optional
        Added to the cutouts that the model is given, and not to those of the exact posterior [µK_CMB].
    counts_flags : bool
        Whether to count how many cutouts `szmass estimate` would flag.
    """

    name: str
    truth: Assumed
    told: Assumed
    clusters: ClusterConfig
    depth_range: float = 1.0
    seen_by_model: Instrument | None = None
    added_uk: np.ndarray | None = None
    counts_flags: bool = False

    @property
    def is_told_the_truth(self) -> bool:
        """Return whether the exact posterior is the best that the model can give."""
        return self.told is self.truth and self.seen_by_model is None and self.added_uk is None

    @property
    def pivot_band(self) -> int:
        """Return the band nearest to 150 GHz."""
        return int(np.argmin([abs(band.frequency_ghz - PIVOT_GHZ) for band in self.truth.instrument.bands]))

    @classmethod
    def as_told(
        cls, name: str, sky: SkyModel, instrument: Instrument, clusters: ClusterConfig | None = None
    ) -> "Case":
        """Return a case in which the model is told the truth."""
        truth = Assumed.of(sky, instrument)
        return cls(name, truth, truth, clusters or sky.config.clusters)

    def told_of(self, name: str, **changes) -> "Case":
        """Return the case with other assumptions told to the model."""
        return replace(self, name=name, told=replace(self.told, **changes))

    @property
    def views(self) -> tuple[Instrument, ...]:
        """Return the instruments that the sky is seen with: that of the truth, then that of the model."""
        further = () if self.seen_by_model is None else (self.seen_by_model,)
        return self.truth.instrument, *further


def sky_of(model_sky: SkyModel, sky: SkyConfig) -> SkyModel:
    """Return the sky of a configuration with the clusters of a model; the model's own where they agree.

    Parameters
    ----------
    model_sky : SkyModel
        Sky power and SZ model of the trained model.
    sky : SkyConfig
        Its components count, not its bands.
    """
    own = model_sky.config.sky
    parts = ("cmb", "foregrounds_dl3000_uk2", "foreground_spectra", "cosmology")
    if all(getattr(sky, part) == getattr(own, part) for part in parts):
        return model_sky
    config = SurveyConfig(sky=sky, clusters=model_sky.config.clusters)
    if sky.cosmology == own.cosmology:
        return SkyModel(config, model_sky.cmb_dl_uk2)
    return SkyModel.from_config(config)


def survey_case(model_sky: SkyModel, config: SurveyConfig, name: str) -> Case:
    """Return the case of a configuration: its sky and bands, the model's clusters.

    Where the configuration's sky differs from the model's, the model assumes its own.
    """
    sky, instrument = sky_of(model_sky, config.sky), config.sky.build_instrument()
    truth = Assumed.of(sky, instrument)
    told = truth if sky is model_sky else Assumed.of(model_sky, instrument)
    return Case(name, truth, told, model_sky.config.clusters)


def preset_cases(
    model_sky: SkyModel,
    presets: tuple[str, ...] = PRESETS,
    correlations: tuple[float, ...] = CORRELATIONS,
) -> list[Case]:
    """Return three bands of each survey, with red noise that bands share and that they do not."""
    cases = []
    for name in presets:
        config = load_config(name)
        there = np.array(config.sky.frequencies_ghz)
        three = config.with_frequencies([there[np.abs(there - near).argmin()] for near in NEAR_GHZ])
        for rho in correlations:
            sky = three.sky.model_copy(update={"noise_correlation": rho})
            case = survey_case(model_sky, three.model_copy(update={"sky": sky}), f"{name}, rho {rho:g}")
            cases.append(case)
    return cases


def cell_cases(model_sky: SkyModel) -> list[Case]:
    """Return single bands of white noise at 150 GHz, each at five redshifts."""
    cases = []
    for fwhm, noise in CELL_BEAMS_AND_NOISE:
        truth = Assumed.of(model_sky, white_band(fwhm, noise))
        for z in CELL_REDSHIFTS:
            clusters = model_sky.config.clusters.model_copy(update={"redshift": z})
            cases.append(Case(f"z {z:g}, {fwhm:g}', {noise:g}", truth, truth, clusters))
    return cases


def white_band(fwhm_arcmin: float, noise_uk_arcmin: float, frequency_ghz: float = PIVOT_GHZ) -> Instrument:
    """Return an instrument of one band with a Gaussian beam and white noise."""
    return Instrument((Band(frequency_ghz, Beam(fwhm_arcmin), noise_uk_arcmin),))


def outside_case(model_sky: SkyModel) -> Case:
    """Return an instrument that is sharper and deeper than all that models are trained with."""
    recipe = model_sky.config.instruments
    fwhm, noise = 0.85 * recipe.min_beam_fwhm_arcmin, 0.7 * recipe.min_noise_uk_arcmin
    bands = (Band(95.0, Beam(1.5 * fwhm), 1.2 * noise), Band(150.0, Beam(fwhm), noise))
    name = f"95, 150 GHz, {1.5 * fwhm:.2g}', {fwhm:.2g}', {1.2 * noise:.2g}, {noise:.2g} µK-arcmin"
    return Case.as_told(name, model_sky, Instrument(bands))
