"""A conditioned network with its recalibration: cutouts and conditions in, honest posteriors out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from szmass_cli import BATCH_SIZE
from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.conditioned import ConditionedInput, Conditions, Decomposed
from szmass_cli.network.posteriormodel import PosteriorPrediction, PosteriorPredictor
from szmass_cli.posterior.grid import median_mass
from szmass_cli.posterior.recalibration import Recalibration


@dataclass(frozen=True)
class PosteriorAnswer:
    """What a conditioned network says of n cutouts.

    Parameters
    ----------
    density : numpy.ndarray, shape (n, m)
        p(ln M200c) on the grid of `RecalibratedNetwork.ln_mass`, rows summing to one; flat where it is lost.
    snr : numpy.ndarray, shape (n,)
        Matched-filter S/N at the median mass before recalibration.
    sz_uk : numpy.ndarray, shape (n, 40, 40)
        The cluster's own signal [µK_CMB].
    lost : numpy.ndarray of bool, shape (n,)
        Where the network's answer is not finite.
    """

    density: np.ndarray
    snr: np.ndarray
    sz_uk: np.ndarray
    lost: np.ndarray


class RecalibratedNetwork:
    """The network of a bundle, for cutouts behind some beams; may be asked from several threads at once.

    Parameters
    ----------
    bundle : Bundle
        With a posterior head.
    modes : mapping of float to BeamModes
        By beam FWHM [arcmin].
    batch_size : int
        Cutouts that go through the network at once.
    """

    def __init__(self, bundle: Bundle, modes: Mapping[float, BeamModes], batch_size: int = BATCH_SIZE):
        assert isinstance(bundle.calibration, Recalibration)
        self._recalibration = bundle.calibration
        self.inputs = ConditionedInput(bundle.recipe, modes)
        self._predictor = PosteriorPredictor.from_bundle(bundle, modes, batch_size)

    @property
    def ln_mass(self) -> np.ndarray:
        """Where posteriors are tabulated [ln Msun], (m,)."""
        return self._recalibration.ln_mass

    def __call__(self, images_uk: np.ndarray, conditions: Conditions) -> PosteriorAnswer:
        """Posteriors of cutouts (n, 40, 40) or (n, 40, 40, 1) [µK], under the model's own prior."""

        def snr(m200c_msun: np.ndarray) -> np.ndarray:
            return self.inputs.snr(images_uk, conditions, m200c_msun)

        return self._set_right(self._predictor(images_uk, conditions), conditions, snr)

    def of(self, cutouts: Decomposed) -> PosteriorAnswer:
        """Posteriors of cutouts behind one beam."""
        return self._set_right(self._predictor.of(cutouts), cutouts.conditions, cutouts.snr)

    def _set_right(
        self,
        prediction: PosteriorPrediction,
        conditions: Conditions,
        snr_of: Callable[[np.ndarray], np.ndarray],
    ) -> PosteriorAnswer:
        density = prediction.density
        lost = ~np.isfinite(density).all(axis=1)
        density[lost] = 1.0 / self.ln_mass.size
        snr = np.nan_to_num(snr_of(median_mass(self.ln_mass, density)))
        density = self._recalibration(density, conditions.redshift, snr)
        return PosteriorAnswer(density, snr, prediction.sz_uk, lost)
