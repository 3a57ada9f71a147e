"""A trained model: features of cutouts in, recalibrated posteriors of their masses out."""

from dataclasses import dataclass

import numpy as np

from szmass_cli import BATCH_SIZE
from szmass_cli.likelihood.features import Features
from szmass_cli.likelihood.oddness import OddnessLevels
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.correction import Corrector
from szmass_cli.network.evidence import Corrected
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.recalibration import Recalibration


@dataclass(frozen=True)
class MassAnswer:
    """What a model says of n cutouts.

    Parameters
    ----------
    told : MassPosterior
        Recalibrated posterior without the floor, under the model's own prior, flat in ln M200c.
    floor : float
        Probability that `posterior` spreads evenly over ln M200c, whatever the cutout shows.
    y_map : numpy.ndarray, shape (n, 40, 40), float32
        Compton-y maps, see `szmass_cli.network.correction.Correction`.
    lost : numpy.ndarray of bool, shape (n,)
        Where the network's answer is not finite; the posterior is that of the Gaussian likelihood there.
    """

    told: MassPosterior
    floor: float
    y_map: np.ndarray
    lost: np.ndarray

    @property
    def posterior(self) -> MassPosterior:
        """Return the posterior under the model's own prior."""
        return self.told.with_floor(self.floor)


class MassModel:
    """The network of a bundle with its recalibration; may be asked from several threads at once.

    Parameters
    ----------
    corrector : Corrector
        What is to be added to ln L on the grid of masses.
    recalibration : Recalibration
        Shift and stretch of the corrected posteriors; the grid of masses is its own.
    odd_levels : OddnessLevels
        Levels above which cutouts are unlike those of its training.
    """

    def __init__(self, corrector: Corrector, recalibration: Recalibration, odd_levels: OddnessLevels):
        self._corrector, self._recalibration = corrector, recalibration
        self.odd_levels = odd_levels

    @classmethod
    def from_bundle(cls, bundle: Bundle, batch_size: int = BATCH_SIZE) -> "MassModel":
        """Return the model of a bundle, which takes so many cutouts at once through its network."""
        return cls(Corrector.from_bundle(bundle, batch_size), bundle.recalibration, bundle.odd_levels)

    @property
    def ln_mass(self) -> np.ndarray:
        """Return the grid of posteriors [ln Msun], (m,), that features must be made on."""
        return self._recalibration.ln_mass

    @property
    def floor(self) -> float:
        """Return the probability that posteriors spread as the prior, whatever a cutout shows."""
        return self._recalibration.floor

    def __call__(self, features: Features, redshift: np.ndarray) -> MassAnswer:
        """Return the posteriors of n cutouts at redshifts (n,)."""
        correction = self._corrector(features)
        found = Corrected.of(features, correction.g, self.ln_mass)
        told = self._recalibration.without_floor(found.density, redshift, features.snr, found.evidence)
        posterior = MassPosterior(self.ln_mass, told)
        return MassAnswer(posterior, self.floor, correction.y_map, correction.lost)
