"""Masses of the paper's network, whose calibration turns its output into a posterior."""

from dataclasses import replace

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.measured import Measured, nothing_measured
from szmass_cli.estimation.seen import Fitted, y_score
from szmass_cli.estimation.settled import Wanted
from szmass_cli.estimation.strips import Strip
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.holes import filled
from szmass_cli.likelihood.observables import observables
from szmass_cli.likelihood.oddness import AWAY_ARCMIN, EXTREME_SIGMA
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.network.bundle.bundle import PaperBundle
from szmass_cli.network.paper.masses import CalibratedMasses
from szmass_cli.network.paper.predictor import Predictor
from szmass_cli.physics.bands import Instrument
from szmass_cli.posterior.priors import PriorChange

RMS_RATIO_RANGE = (0.78, 1.3)
"""Outside it, the filtered rms around a cluster is unlike the training sky's.

On the training sky 99.9 per cent of cutouts are inside; twice the noise is outside, half of it mostly.
"""


class PaperMeter:
    """Measures rows with the paper's network.

    Parameters
    ----------
    bundle : PaperBundle
        Network and calibration, and the sky and instrument that they are valid for.
    wanted : Wanted
        Percentiles to compute, and the batch size of the network.
    change : PriorChange
        Change from the calibration's own prior to the requested one.
    """

    def __init__(self, bundle: PaperBundle, wanted: Wanted, change: PriorChange):
        self._calibration = bundle.calibration
        self._masses = CalibratedMasses(bundle.calibration, wanted.percentiles, change)
        self._predictor = Predictor.from_bundle(bundle, bundle.training_sky(), wanted.batch_size)
        scatter = Scatter(bundle.recipe.clusters.sz_scatter_ln)
        instrument = Instrument(tuple(bundle.bands))
        self._likelihood = GaussianLikelihood(bundle.sky_power, instrument, bundle.sz_model, scatter)
        self._scores = ScoreImages(self._likelihood)
        self._depth = self._likelihood.depths([0] * len(instrument))
        self._away = pixel_radii_arcmin() > AWAY_ARCMIN
        self._band = bundle.labels.band

    def __call__(self, strip: Strip, wanted: Wanted) -> Measured:
        """Measure rows that have data in every band."""
        images_uk, rows = strip.images_uk, strip.rows
        images_uk = filled(images_uk, strip.bad, [self._depth] * len(images_uk), self._likelihood.symmetry)
        prediction = self._predictor(images_uk)
        raw = prediction.raw_mass_msun
        masses, own_median = self._masses(raw, rows.redshift, rows.redshift_err)
        flags = np.zeros(len(raw), np.int32)
        flags[self._calibration.beyond_range(raw, rows.redshift)] |= Flag.MASS_OUTSIDE_TRAINING
        flags[~np.isfinite(raw)] |= Flag.NONFINITE
        # what is said of the data does not depend on the prior
        median = np.nan_to_num(own_median, nan=1e14)
        fitted = observables(self._likelihood, self._likelihood.weigh(images_uk), median, rows.redshift)
        residual = images_uk - self._in_all_bands(prediction.sz_uk, median, rows.redshift)
        scores = self._scores(self._likelihood.weigh(residual), ("tsz",))[..., 0]
        ratio = np.sqrt(np.mean(scores[:, self._away] ** 2, axis=1))
        low, high = RMS_RATIO_RANGE
        flags[np.abs(scores).max(axis=(1, 2)) > EXTREME_SIGMA] |= Flag.UNLIKE_TRAINING
        flags[(ratio < low) | (ratio > high)] |= Flag.NOISE_MISMATCH
        found = nothing_measured(strip, wanted)
        return replace(
            found, m200c_msun=masses, own_prior_median_msun=own_median, flags=flags, **vars(fitted)
        )

    def view(self, strip: Strip, wanted: Wanted) -> Fitted:
        """Return images and curves of the one row of a strip; the model is the network's SZ map."""
        rows, depths = strip.rows, [self._depth] * len(strip)
        images_uk = filled(strip.images_uk, strip.bad, depths, self._likelihood.symmetry)
        prediction = self._predictor(images_uk)
        raw = prediction.raw_mass_msun
        masses, own_median = self._masses(raw, rows.redshift, rows.redshift_err)
        model_uk = self._in_all_bands(prediction.sz_uk, np.nan_to_num(own_median, nan=1e14), rows.redshift)
        score, left = (
            y_score(self._scores, self._likelihood.weigh(images))
            for images in (images_uk, images_uk - model_uk)
        )
        posterior = self._masses.posterior(raw, rows.redshift, rows.redshift_err)
        bands = tuple(range(images_uk.shape[-1]))
        grid, density = posterior.ln_mass, posterior.density[0]
        return Fitted(bands, score, left, model_uk[0], masses[0], grid, density, np.empty(0))

    def _in_all_bands(self, sz_uk: np.ndarray, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return the SZ signal (n, 40, 40, f) with the beam of each band, from the network's (n, 40, 40)."""
        templates_uk = self._likelihood.templates.images.mean_images(m200c_msun, redshift)
        reference = templates_uk[..., self._band]
        amplitude = np.sum(sz_uk * reference, axis=(1, 2)) / np.sum(reference**2, axis=(1, 2))
        signal = templates_uk * amplitude[:, None, None, None].astype(np.float32)
        signal[..., self._band] = sz_uk
        return signal
