"""Masses of networks that give a mass, whose calibration makes a posterior of it."""

from collections.abc import Sequence

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.reading import Reading, Stamps, residual_flags
from szmass_cli.likelihood.optimal import MatchedFilter, NoiseLevel
from szmass_cli.maps.inpaint import inpaint
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.model import Predictor
from szmass_cli.network.paper.calibration import Calibration
from szmass_cli.network.paper.masses import CalibratedMasses
from szmass_cli.posterior.priors import PriorChange
from szmass_cli.sky.clusters import ClusterStamps


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
