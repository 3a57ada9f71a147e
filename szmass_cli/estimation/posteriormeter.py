"""Masses of networks that are told of redshift, beam and noise and give a posterior."""

from collections.abc import Sequence

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.reading import Reading, Stamps, residual_flags
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.centre import CentreTest
from szmass_cli.likelihood.modes import EVEN, BeamModes
from szmass_cli.maps.inpaint import inpaint
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.conditioned import Conditions, Decomposed
from szmass_cli.network.recalibrated import RecalibratedNetwork
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.posterior.inference import percentiles_and_own_median
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.priors import PriorChange
from szmass_cli.posterior.recalibration import Recalibration
from szmass_cli.posterior.redshift import unknown_redshift_nodes
from szmass_cli.sky.stamps import StampSky, pixel_noise_uk

SOURCE_SIGMA = 2.5
"""A point source on a cluster is told of from here: of fewer than 2 per cent of cutouts without one."""

OFFSET_CHI2 = 8.0
"""An offset is told of from here: of one centred cluster in 55."""

NOISE_TIMES = 2.0 ** np.linspace(-1.25, 1.25, 11)
NOISE_STEP = 0.05
NOISE_TIMES_RANGE = (0.6, 1.65)
"""The likeliest white noise of a cutout, as looked for, in which steps of ln noise, and where it may be."""

EDGE_LN_MASS = 0.1
"""A median so near to an end of the masses of training may be of a cluster beyond it."""

AWAY_ARCMIN = 3.0
"""Residuals this far from the cluster tell the noise."""


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
        self._centre = CentreTest(self._modes, self._masses_msun)
        self._redshifts = bundle.metadata.trained_redshift
        # tabulated here, by one thread: colossus has one cosmology for all of them
        change.ln_ratio(np.zeros((1, 1)), np.ones(1))
        unknown_redshift_nodes(np.zeros(1), np.zeros(1), self._redshifts, change.cosmology)
        self._away = pixel_radii_arcmin() > AWAY_ARCMIN

    def __call__(self, stamps: Stamps) -> Reading:
        told = Conditions(stamps.redshift, np.full(len(stamps), self._fwhm_arcmin), stamps.noise_uk_arcmin)
        cutouts = Decomposed.of(stamps.images_uk, told, self._modes)

        def at(rows: np.ndarray, redshift: np.ndarray) -> MassPosterior:
            return self._posterior(cutouts[rows].at(redshift))

        masses, own_median = percentiles_and_own_median(
            at, stamps.redshift, stamps.redshift_err, self.percentiles, self._change, self._redshifts
        )
        lost = ~np.isfinite(own_median)
        assumed = np.where(lost, 1e14, own_median)
        projection, fisher = cutouts.matched(assumed[:, None])
        left = cutouts.coefficients_uk.copy()
        left[EVEN] -= (projection / fisher) * self._modes.templates(assumed[:, None], told.redshift)[:, 0]
        flags = self._residual_flags(left, told.noise_uk_arcmin)
        flags |= self._flags_of(cutouts, assumed)
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

    def _posterior(self, cutouts: Decomposed) -> MassPosterior:
        """Posteriors under the model's own prior."""
        answer = self._network.of(cutouts)
        ln_mass = np.where(answer.lost[:, None], np.nan, self._network.ln_mass)
        return MassPosterior(ln_mass, answer.density)

    def _flags_of(self, cutouts: Decomposed, m200c_msun: np.ndarray) -> np.ndarray:
        """Flags (n,) of cutouts with clusters of masses (n,) [Msun]."""
        flags = np.zeros(len(cutouts), np.int32)
        coefficients, redshift = cutouts.coefficients_uk, cutouts.conditions.redshift
        noise = cutouts.conditions.noise_uk_arcmin
        flags[self._is_of_another_depth(coefficients, noise)] |= Flag.NOISE_MISMATCH
        source = self._centre.source_sigma(coefficients, noise, redshift)
        flags[source > SOURCE_SIGMA] |= Flag.CENTRAL_SOURCE
        offset = self._centre.offset_chi2(coefficients, noise, m200c_msun, redshift)
        flags[offset > OFFSET_CHI2] |= Flag.OFF_CENTRE
        flags[self._at_an_edge(m200c_msun)] |= Flag.MASS_OUTSIDE_TRAINING
        return flags

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
