"""What turns stamps into masses, S/N and flags: a meter for each head that a network can have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from szmass_cli import BATCH_SIZE
from szmass_cli.bandmaps import NOISE_RATIO_RANGE
from szmass_cli.catalog import Flag
from szmass_cli.maps.inpaint import inpaint
from szmass_cli.network.bundle import Bundle
from szmass_cli.network.conditioned import Conditions
from szmass_cli.network.model import Predictor
from szmass_cli.network.recalibrated import RecalibratedNetwork
from szmass_cli.optimal import MatchedFilter, NoiseLevel
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.posterior import Calibration
from szmass_cli.posterior.inference import CalibratedMasses, percentiles_and_own_median
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.posterior.redshift import unknown_redshift_nodes
from szmass_cli.recalibration import Recalibration
from szmass_cli.sky.centre import CentreTest
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.modes import EVEN, BeamModes
from szmass_cli.sky.stamps import StampSky, pixel_noise_uk
from szmass_cli.stamp import N_PIXELS, pixel_radii_arcmin

ALWAYS = (16.0, 50.0, 84.0)
"""Percentiles that are always written: the error bars and the median."""

EXTREME_SIGMA = 5.5
"""A filtered residual beyond this, anywhere in a stamp, is of something that training skies do not have.

None of 3000 training stamps went beyond 5.3; a point source of 100 µK away from the cluster always does.
"""

SOURCE_SIGMA = 2.5
"""A point source on a cluster is told of from here: of fewer than 2 per cent of cutouts without one."""

OFFSET_CHI2 = 8.0
"""An offset is told of from here: of one centred cluster in 55."""

NOISE_TIMES = 2.0 ** np.linspace(-1.25, 1.25, 11)
NOISE_STEP = 0.05
NOISE_TIMES_RANGE = (0.6, 1.65)
"""The likeliest white noise of a cutout, as looked for, in which steps of ln noise, and where it may be."""

N_CENTRE_MASSES = 24

EDGE_LN_MASS = 0.1
"""A median so near to an end of the masses of training may be of a cluster beyond it."""

AWAY_ARCMIN = 3.0
"""Residuals this far from the cluster tell the noise."""


@dataclass(frozen=True)
class Stamps:
    """Stamps without holes, and what is known of their clusters.

    Parameters
    ----------
    images_uk : numpy.ndarray, shape (n, 40, 40, f)
        [µK_CMB].
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Errors are 0 where the redshift is exact, and infinite where it is not known at all.
    noise_uk_arcmin : numpy.ndarray, shape (n,)
        White noise of the map there, in the first band.
    """

    images_uk: np.ndarray
    redshift: np.ndarray
    redshift_err: np.ndarray
    noise_uk_arcmin: np.ndarray

    def __len__(self) -> int:
        return len(self.redshift)

    def __getitem__(self, rows: np.ndarray) -> "Stamps":
        return Stamps(
            self.images_uk[rows], self.redshift[rows], self.redshift_err[rows], self.noise_uk_arcmin[rows]
        )


@dataclass(frozen=True)
class Reading:
    """What came of n stamps.

    Parameters
    ----------
    m200c_msun : numpy.ndarray, shape (n, p)
        Percentiles of M200c [Msun].
    own_prior_median_msun : numpy.ndarray, shape (n,)
        Median of M200c [Msun] under the model's own prior, whichever the percentiles are of.
    sz_snr : numpy.ndarray, shape (n,)
        Matched-filter signal-to-noise of a cluster of this median mass.
    flags : numpy.ndarray of int, shape (n,)
        `Flag` bits.
    """

    m200c_msun: np.ndarray
    own_prior_median_msun: np.ndarray
    sz_snr: np.ndarray
    flags: np.ndarray


class Meter(Protocol):
    """Everything that turns stamps into numbers; the same stamps give the same bytes."""

    @property
    def percentiles(self) -> Sequence[float]:
        """Percentiles of the posterior that are given, the median among them."""
        ...

    def filled(self, images_uk: np.ndarray, bad: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """Stamps (n, 40, 40, f) [µK] with their bad pixels (the same shape) filled from the sky around them.

        The white noise (n,) [µK-arcmin] is that of the first band.
        """
        ...

    def __call__(self, stamps: Stamps) -> Reading: ...


def build_meter(
    bundle: Bundle,
    bands: Sequence[Band] | None = None,
    percentiles: Sequence[float] = ALWAYS,
    batch_size: int = BATCH_SIZE,
    prior: Prior | None = None,
) -> Meter:
    """The meter for a model.

    Parameters
    ----------
    bundle : Bundle
        The model.
    bands : sequence of Band, optional
        What stamps were brought to; the model's own otherwise.
    percentiles : sequence of float
        Percentiles of the posterior to give, the median among them.
    batch_size : int
        Cutouts that go through the network at once.
    prior : Prior, optional
        The prior of the percentiles; the model's own otherwise.
    """
    own = bundle.calibration.prior
    change = PriorChange(own, prior or own, bundle.cosmology)
    if isinstance(bundle.calibration, Calibration):
        return MassMeter(bundle, bundle.calibration, percentiles, batch_size, change)
    band = (bands or bundle.bands)[0]
    return PosteriorMeter(bundle, bundle.calibration, band, percentiles, batch_size, change)


class MassMeter:
    """For networks that give a mass, whose calibration makes a posterior of it."""

    def __init__(
        self,
        bundle: Bundle,
        calibration: Calibration,
        percentiles: Sequence[float],
        batch_size: int,
        change: PriorChange,
    ):
        self.sky = bundle.training_sky()
        self.percentiles = list(percentiles)
        self._calibration = calibration
        self._masses = CalibratedMasses(calibration, percentiles, change)
        self._predictor = Predictor.from_bundle(bundle, self.sky, batch_size)
        self._stamps = ClusterStamps(bundle.bands, bundle.sz_model)
        self._filter = MatchedFilter(self.sky)
        self._noise = NoiseLevel(self.sky)
        self._band = bundle.labels.band

    def __call__(self, stamps: Stamps) -> Reading:
        images_uk, redshift = stamps.images_uk, stamps.redshift
        prediction = self._predictor(images_uk)
        raw = prediction.raw_mass_msun
        masses, own_median = self._masses(raw, redshift, stamps.redshift_err)
        flags = np.zeros(len(raw), np.int32)
        flags[self._calibration.beyond_range(raw, redshift)] |= Flag.MASS_OUTSIDE_TRAINING
        flags[~np.isfinite(raw)] |= Flag.NONFINITE
        # what is said of the data does not depend on the prior
        templates = self._stamps.mean_images(np.nan_to_num(own_median, nan=1e14), redshift)
        residual = images_uk - self._in_all_bands(prediction.sz_uk, templates)
        flags |= residual_flags(*self._noise.ratio_and_extreme(residual))
        return Reading(masses, own_median, self._filter.snr(images_uk, templates), flags)

    def filled(self, images_uk: np.ndarray, bad: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        return inpaint(images_uk, bad, self.sky.covariance_uk2)

    def _in_all_bands(self, sz_uk: np.ndarray, templates_uk: np.ndarray) -> np.ndarray:
        """The SZ signal behind every beam (n, 40, 40, f), of which the network gave one (n, 40, 40)."""
        reference = templates_uk[..., self._band]
        amplitude = np.sum(sz_uk * reference, axis=(1, 2)) / np.sum(reference**2, axis=(1, 2))
        signal = templates_uk * amplitude[:, None, None, None].astype(np.float32)
        signal[..., self._band] = sz_uk
        return signal


class PosteriorMeter:
    """For networks that are told of redshift, beam and noise and give a posterior.

    Parameters
    ----------
    bundle : Bundle
    recalibration : Recalibration
    band : Band
        The beam of the stamps, and the noise that holes are filled with.
    percentiles : sequence of float
    batch_size : int
    change : PriorChange
    """

    def __init__(
        self,
        bundle: Bundle,
        recalibration: Recalibration,
        band: Band,
        percentiles: Sequence[float],
        batch_size: int,
        change: PriorChange,
    ):
        assert isinstance(band.beam, Beam)  # other beams were brought to one
        self.sky = StampSky(bundle.sky_power, [band])
        self.percentiles = list(percentiles)
        self._fwhm_arcmin = band.beam.fwhm_arcmin
        self._modes = BeamModes(bundle.sky_power, band, bundle.sz_model)
        self._network = RecalibratedNetwork(bundle, {self._fwhm_arcmin: self._modes}, batch_size)
        self._masses_msun, self._change = recalibration.prior_range_msun, change
        self._centre = CentreTest(self._modes, np.geomspace(*self._masses_msun, N_CENTRE_MASSES))
        self._redshifts = bundle.metadata.trained_redshift
        # tabulated here, by one thread: colossus has one cosmology for all of them
        change.ln_ratio(np.zeros((1, 1)), np.ones(1))
        unknown_redshift_nodes(np.zeros(1), np.zeros(1), self._redshifts, change.cosmology)
        self._away = pixel_radii_arcmin() > AWAY_ARCMIN

    def __call__(self, stamps: Stamps) -> Reading:
        def at(rows: np.ndarray, redshift: np.ndarray) -> MassPosterior:
            return self._posterior(stamps[rows], redshift)

        masses, own_median = percentiles_and_own_median(
            at, stamps.redshift, stamps.redshift_err, self.percentiles, self._change, self._redshifts
        )
        images = stamps.images_uk.reshape(len(stamps), N_PIXELS, N_PIXELS)
        lost = ~np.isfinite(own_median)
        assumed = np.where(lost, 1e14, own_median)
        coefficients = self._modes.coefficients(images)
        projection, fisher = self._modes.matched(
            coefficients, stamps.noise_uk_arcmin, assumed[:, None], stamps.redshift
        )
        left = coefficients.copy()
        template = self._modes.templates(assumed[:, None], stamps.redshift)[:, 0]
        left[EVEN] -= (projection / fisher) * template
        flags = self._residual_flags(left, stamps.noise_uk_arcmin)
        flags[self._is_of_another_depth(coefficients, stamps.noise_uk_arcmin)] |= Flag.NOISE_MISMATCH
        at_centre = coefficients, stamps.noise_uk_arcmin
        source = self._centre.source_sigma(*at_centre, stamps.redshift)
        flags[source > SOURCE_SIGMA] |= Flag.CENTRAL_SOURCE
        flags[self._centre.offset_chi2(*at_centre, assumed, stamps.redshift) > OFFSET_CHI2] |= Flag.OFF_CENTRE
        flags[self._at_an_edge(assumed)] |= Flag.MASS_OUTSIDE_TRAINING
        flags[lost] |= Flag.NONFINITE
        snr = np.where(lost, np.nan, (projection / np.sqrt(fisher))[:, 0])
        return Reading(masses, own_median, snr, flags)

    def filled(self, images_uk: np.ndarray, bad: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        images = images_uk.copy()
        for row in np.flatnonzero(bad.any(axis=(1, 2, 3))):
            covariance = self.sky.sky_covariance_uk2.copy()
            covariance.flat[:: len(covariance) + 1] += pixel_noise_uk(noise_uk_arcmin[row]) ** 2
            images[row] = inpaint(images[row : row + 1], bad[row : row + 1], covariance)[0]
        return images

    def _posterior(self, stamps: Stamps, redshift: np.ndarray) -> MassPosterior:
        """Posteriors under the model's own prior, with the redshifts (n,) given."""
        conditions = Conditions(redshift, np.full(len(stamps), self._fwhm_arcmin), stamps.noise_uk_arcmin)
        answer = self._network(stamps.images_uk, conditions)
        ln_mass = np.where(answer.lost[:, None], np.nan, self._network.ln_mass)
        return MassPosterior(ln_mass, answer.density)

    def _residual_flags(self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        deviations = self._modes.deviations(coefficients_uk, noise_uk_arcmin)
        ratio = np.sqrt(np.mean(deviations[:, self._away] ** 2, axis=1))
        return residual_flags(ratio, np.abs(deviations).max(axis=(1, 2)))

    def _is_of_another_depth(self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """Whether the white noise of cutouts is far from what is told of them."""
        # rows of nearly the same noise are looked at together
        told = np.exp(NOISE_STEP * np.round(np.log(noise_uk_arcmin) / NOISE_STEP))
        found = np.empty(len(told))
        for level in np.unique(told):
            rows = told == level
            found[rows] = self._modes.likeliest_noise_uk_arcmin(coefficients_uk[:, rows], level * NOISE_TIMES)
        times = found / noise_uk_arcmin
        return (times < NOISE_TIMES_RANGE[0]) | (times > NOISE_TIMES_RANGE[1])

    def _at_an_edge(self, median_msun: np.ndarray) -> np.ndarray:
        """Whether posteriors lean on the heaviest masses of training, or on the lightest."""
        low, high = np.log(self._masses_msun)
        ln_median = np.log(median_msun)
        return (ln_median < low + EDGE_LN_MASS) | (ln_median > high - EDGE_LN_MASS)


def residual_flags(rms_ratio: np.ndarray, extreme_sigma: np.ndarray) -> np.ndarray:
    """Flags (n,) of what is left in stamps without their clusters.

    Parameters
    ----------
    rms_ratio : numpy.ndarray, shape (n,)
        Filtered rms over the one expected of sky and noise.
    extreme_sigma : numpy.ndarray, shape (n,)
        Largest deviation anywhere [sigma].
    """
    low, high = NOISE_RATIO_RANGE
    flags = np.zeros(len(rms_ratio), np.int32)
    flags[extreme_sigma > EXTREME_SIGMA] |= Flag.UNLIKE_TRAINING
    flags[(rms_ratio < low) | (rms_ratio > high)] |= Flag.NOISE_MISMATCH
    return flags
