"""Masses of cutouts of any instrument: likelihood, network, prior, percentiles and flags."""

from dataclasses import dataclass, replace
from threading import Lock

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.cutoutsources import CutoutSources
from szmass_cli.estimation.measured import Measured, nothing_measured
from szmass_cli.estimation.oddities import Oddities
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.seen import Fitted, y_score
from szmass_cli.estimation.settled import Wanted
from szmass_cli.estimation.sourcelist import SourceList
from szmass_cli.estimation.strips import Strip
from szmass_cli.likelihood.features import features
from szmass_cli.likelihood.gaussian import Weighed
from szmass_cli.likelihood.holes import filled
from szmass_cli.likelihood.observables import observables, products_by_band
from szmass_cli.likelihood.oddness import OddnessTest
from szmass_cli.likelihood.positions import PositionLikelihood
from szmass_cli.likelihood.residual import best_cluster, without_cluster
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.likelihood.sources import PlacedSources, SourceMarginal
from szmass_cli.likelihood.sourcesearch import FoundSources, SourceSearch
from szmass_cli.network.massmodel import MassModel
from szmass_cli.physics.bands import Instrument
from szmass_cli.posterior.inference import inferred
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.priors import PriorChange
from szmass_cli.posterior.redshift import unknown_redshift_nodes

DEPTHS_BYTES = 200e6
"""Memory that the inverse covariances of the rows that are measured together may take."""

VARIANCE_RATIO_RANGE = (1e-3, 1e3)
"""Rows whose noise is further from the typical one are taken to be there: weights are not that uneven."""

LN_STEP_OF_SEVERAL = 0.2
"""Steps of ln of the noise variances of several bands: depths are as many as their combinations, and each
costs a second. A noise that is 5 per cent off costs 1e-3 nats at most."""


@dataclass(frozen=True)
class Assumptions:
    """The assumptions that masses rest on, besides the data.

    Parameters
    ----------
    sky : SkyModel
        CMB, foregrounds and SZ model, which give the power spectra and templates of the likelihood.
    scatter : Scatter
        Intrinsic scatter of clusters at fixed mass.
    redshifts : (float, float)
        Redshift range of the model.
    change : PriorChange
        Change from the model's own prior to the requested one.
    largest_position_error_arcmin : float
        Largest position error of all rows of the run; 0 where all positions are exact.
    sources : SourceList, optional
        Point sources whose fluxes are marginalised over.
    find_sources : float, optional
        S/N above which other sources are looked for; None to look for none.
    """

    sky: SkyModel
    scatter: Scatter
    redshifts: tuple[float, float]
    change: PriorChange
    largest_position_error_arcmin: float
    sources: SourceList | None = None
    find_sources: float | None = None


class LikelihoodMeter:
    """Measures rows with any subset of the bands of an instrument.

    Parameters
    ----------
    instrument : Instrument
        Beams, filters and noise of all f bands.
    model : MassModel
        Corrects the likelihood with the network, and tabulates posteriors on its grid of ln M200c.
    assumptions : Assumptions
        Sky, scatter, redshifts and priors that hold for all rows of the run.
    """

    def __init__(self, instrument: Instrument, model: MassModel, assumptions: Assumptions):
        self._instrument, self._model, self._assumptions = instrument, model, assumptions
        self._made: dict[tuple[int, ...], InstrumentMeter] = {}
        self._lock = Lock()
        change = assumptions.change
        # tabulated here, by one thread: colossus has one cosmology for all of them
        change.ln_ratio(np.log([1e14, 2e14]), np.ones(1))
        unknown_redshift_nodes(np.zeros(1), np.zeros(1), assumptions.redshifts, change.cosmology)
        self._with(tuple(range(len(instrument))))

    def __call__(self, strip: Strip, wanted: Wanted) -> Measured:
        """Measure rows, each with the bands that have data at its position."""
        found = nothing_measured(strip, wanted)
        sets, which = np.unique(strip.usable, axis=0, return_inverse=True)
        for number, usable in enumerate(sets):
            rows = np.flatnonzero(which.reshape(-1) == number)
            chosen = tuple(int(band) for band in np.flatnonzero(usable))
            found.put(rows, self._with(chosen)(strip[rows], wanted))
        return found

    def view(self, strip: Strip, wanted: Wanted) -> Fitted:
        """Return images and curves of the one row of a strip, with the bands that have data there."""
        chosen = tuple(int(band) for band in np.flatnonzero(strip.usable[0]))
        return self._with(chosen).view(strip, replace(wanted, curves=True))

    def _with(self, chosen: tuple[int, ...]) -> "InstrumentMeter":
        """Return the meter of a subset of the bands; made at its first use."""
        with self._lock:
            if chosen not in self._made:
                instrument = self._instrument.only(chosen)
                self._made[chosen] = InstrumentMeter(chosen, instrument, self._model, self._assumptions)
            return self._made[chosen]


class InstrumentMeter:
    """Measures rows that have the same bands.

    Parameters
    ----------
    bands : tuple of int
        Indices of the bands among all bands of the run.
    instrument : Instrument
        Beams, filters and noise of these bands only.
    model : MassModel
        Corrects the likelihood with the network, and tabulates posteriors on its grid of ln M200c.
    assumptions : Assumptions
        Sky, scatter, redshifts and priors that hold for all rows of the run.
    """

    def __init__(
        self, bands: tuple[int, ...], instrument: Instrument, model: MassModel, assumptions: Assumptions
    ):
        self._bands, self._model, self._assumptions = list(bands), model, assumptions
        self._noise_uk_arcmin = instrument.noise_uk_arcmin
        self._likelihood = assumptions.sky.likelihood(instrument, assumptions.scatter)
        self._scores = ScoreImages(self._likelihood)
        self._contamination = assumptions.sky.contamination(self._likelihood)
        masses = np.exp(model.ln_mass[[0, -1]])
        range_msun = float(masses[0]), float(masses[1])
        test = OddnessTest(self._likelihood, self._scores, range_msun)
        self._oddities = Oddities(test, model.odd_levels)
        largest = assumptions.largest_position_error_arcmin
        self._positions = PositionLikelihood(self._likelihood, largest) if largest > 0.0 else None
        sigma, self._sources, self._search = assumptions.find_sources, None, None
        if assumptions.sources is not None or sigma is not None:
            self._sources = SourceMarginal(self._likelihood)
        if self._sources is not None and sigma is not None:
            self._search = SourceSearch(self._likelihood, self._scores, self._sources, model.ln_mass, sigma)

    def __call__(self, strip: Strip, wanted: Wanted) -> Measured:
        """Measure the rows of a strip, from the cutouts (n, 40, 40, f) of all bands of the run."""
        ratio = self._variance_ratio(strip)
        found = nothing_measured(strip, wanted)
        for rows in self._of_few_depths(ratio):
            part = strip[rows]
            weighed, sources = self._weigh(part, ratio[rows])
            found.put(rows, self._measure(weighed, sources, part, wanted))
        return found

    def view(self, strip: Strip, wanted: Wanted) -> Fitted:
        """Return images and curves of the one row of a strip; curves have to be wanted."""
        weighed, sources = self._weigh(strip, self._variance_ratio(strip))
        found = self._measure(weighed, sources, strip, wanted)
        median = np.nan_to_num(found.own_prior_median_msun, nan=1e14)
        cluster = best_cluster(self._likelihood, weighed, np.log(median), strip.rows.redshift)
        left = without_cluster(self._likelihood, weighed, cluster)
        unfold = self._likelihood.symmetry.unfold
        return Fitted(
            tuple(self._bands),
            y_score(self._scores, weighed),
            y_score(self._scores, left),
            (unfold(weighed.fields_uk) - unfold(left.fields_uk))[0],
            found.m200c_msun[0],
            self._model.ln_mass,
            found.density[0].astype(float),
            (found.ln_likelihood[0] - found.ln_likelihood[0].max()).astype(float),
        )

    def _variance_ratio(self, strip: Strip) -> np.ndarray:
        """Return the noise variance of rows relative to the instrument's; 1 where it is not known."""
        ratio = (strip.noise_uk_arcmin[:, self._bands] / self._noise_uk_arcmin) ** 2
        ratio = np.clip(np.where(np.isfinite(ratio), ratio, 1.0), *VARIANCE_RATIO_RANGE)
        if len(self._bands) == 1:
            return ratio
        return np.exp(LN_STEP_OF_SEVERAL * np.round(np.log(ratio) / LN_STEP_OF_SEVERAL))

    def _of_few_depths(self, ratio: np.ndarray) -> list[np.ndarray]:
        """Return groups of row numbers whose inverse covariances fit into memory together."""
        levels = self._likelihood.depths.levels(ratio)
        _, depth_of = np.unique(levels, axis=0, return_inverse=True)
        side = self._likelihood.symmetry.n_pixels * len(self._bands)
        together = max(1, int(DEPTHS_BYTES / (8 * len(self._likelihood.symmetry.parities) * side**2)))
        group = depth_of.reshape(-1) // together
        return [np.flatnonzero(group == number) for number in range(group.max() + 1)]

    def _weigh(self, strip: Strip, ratio: np.ndarray) -> tuple[Weighed, CutoutSources]:
        """Return hole-filled cutouts with their products with C^-1, without their sources, and these."""
        likelihood = self._likelihood
        images_uk, bad = strip.images_uk[..., self._bands], strip.bad[..., self._bands]
        holes = np.flatnonzero(bad.any(axis=(1, 2, 3)))
        if holes.size:
            depths = [likelihood.depths(level) for level in likelihood.depths.levels(ratio[holes])]
            images_uk = images_uk.copy()
            images_uk[holes] = filled(images_uk[holes], bad[holes], depths, likelihood.symmetry)
        weighed, known = likelihood.weigh(images_uk, ratio), PlacedSources.none()
        found = FoundSources.none(len(self._bands))
        if self._sources is None:
            return weighed, CutoutSources(known, found)
        if self._assumptions.sources is not None:
            known = self._assumptions.sources.near(strip.rows.ra_deg, strip.rows.dec_deg)
        if self._search is not None:
            found = self._search(weighed, strip.rows.redshift, known)
        sources = CutoutSources(known, found)
        return self._sources(weighed, sources.placed), sources

    def _measure(self, weighed: Weighed, sources: CutoutSources, strip: Strip, wanted: Wanted) -> Measured:
        rows, assumptions = strip.rows, self._assumptions

        def at(chosen: np.ndarray, redshift: np.ndarray) -> MassPosterior:
            return self._posterior(weighed[chosen], rows[chosen], redshift)

        inference = inferred(
            at,
            rows.redshift,
            rows.redshift_err,
            assumptions.change,
            assumptions.redshifts,
            self._model.floor,
        )
        own_median = inference.own.percentiles((50.0,))[:, 0]
        lost = ~np.isfinite(own_median)
        median = np.where(lost, 1e14, own_median)
        flags = self._oddities(weighed, median, rows)
        if self._sources is not None:
            flags |= sources.flags(len(rows), self._sources.which(sources.placed))
        flags[lost] |= Flag.NONFINITE
        flags[inference.is_prior_dominated & ~lost] |= Flag.PRIOR_DOMINATED
        fitted = vars(observables(self._likelihood, weighed, median, rows.redshift))
        nothing = nothing_measured(strip, wanted)
        sources.put(nothing.sources, self._bands)
        if len(self._bands) > 1:
            of_bands = products_by_band(self._likelihood, weighed, median, rows.redshift)
            of_bands[lost] = 0.0
            own = np.array(self._bands)
            nothing.by_band[:, own[:, None], np.concatenate([[0], 1 + own])] = of_bands
        found = replace(
            nothing,
            m200c_msun=inference.wanted.percentiles(wanted.percentiles),
            own_prior_median_msun=own_median,
            flags=flags,
            **{name: np.where(lost, np.nan, values) for name, values in fitted.items()},
        )
        if not wanted.curves:
            return found
        ln_likelihood = inference.ln_likelihood(assumptions.change, rows.redshift)
        return replace(
            found,
            ln_likelihood=ln_likelihood.astype(np.float32),
            density=inference.wanted.density.astype(np.float32),
        )

    def _posterior(self, weighed: Weighed, rows: Rows, redshift: np.ndarray) -> MassPosterior:
        """Return the posteriors at given redshifts (n,) under the model's own prior, without its floor."""
        ln_mass = self._model.ln_mass
        ln_likelihood = self._likelihood.ln_likelihood(weighed, ln_mass, redshift)
        uncertain = np.flatnonzero(rows.position_err_arcmin > 0.0)
        if uncertain.size:
            assert self._positions is not None
            ln_likelihood[uncertain] = self._positions.ln_likelihood(
                weighed[uncertain], ln_mass, redshift[uncertain], rows.position_err_arcmin[uncertain]
            )
        seen = features(
            self._likelihood, self._scores, self._contamination, weighed, redshift, ln_mass, ln_likelihood
        )
        return self._model(seen, redshift).told
