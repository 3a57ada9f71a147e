"""A trained conditioned network ready to be asked: cutouts and conditions in, posteriors and SZ maps out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from szmass_cli import BATCH_SIZE
from szmass_cli.geometry import N_PIXELS
from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.network.backend import inference
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.conditioned import (
    SZ_SCALE_UK,
    ConditionedInput,
    Conditions,
    Decomposed,
    build_conditioned,
)
from szmass_cli.network.mixture import density_on_grid
from szmass_cli.network.model import set_weights
from szmass_cli.posterior.recalibration import mass_grid
from szmass_cli.sky.clusters import mass_range
from szmass_cli.system.allocator import keep_freed_memory

LARGEST_STRETCHED = 10.0
"""SZ maps end at some 0.2 K: a network that has lost its way shall not overflow."""


@dataclass(frozen=True)
class PosteriorPrediction:
    """What a conditioned network says of n cutouts, before it is set right.

    Parameters
    ----------
    mixture : numpy.ndarray, shape (n, 3 c)
        See `szmass_cli.network.mixture`.
    density : numpy.ndarray, shape (n, m)
        p(ln M200c) on `szmass_cli.posterior.recalibration.mass_grid`, rows summing to one.
    sz_uk : numpy.ndarray, shape (n, 40, 40)
        The cluster's own signal [µK_CMB].
    """

    mixture: np.ndarray
    density: np.ndarray
    sz_uk: np.ndarray


class PosteriorPredictor:
    """A Keras network with its inputs; may be asked from several threads at once.

    Parameters
    ----------
    network : keras.Model
    inputs : ConditionedInput
    ln_mass : numpy.ndarray, shape (m,)
        Where posteriors are tabulated [ln Msun].
    batch_size : int
        Cutouts that go through the network at once.
    """

    def __init__(self, network, inputs: ConditionedInput, ln_mass: np.ndarray, batch_size: int = BATCH_SIZE):
        keep_freed_memory()
        self._inputs, self._ln_mass = inputs, ln_mass
        self._batch_size = batch_size
        shapes = {name: (batch_size, *shape) for name, shape in inputs.shapes.items()}
        self._forward = inference(network, shapes)
        self._n_parameters = network.output["mixture"].shape[-1]

    @classmethod
    def from_bundle(
        cls, bundle: Bundle, modes: Mapping[float, BeamModes], batch_size: int = BATCH_SIZE
    ) -> "PosteriorPredictor":
        """Build the network of a bundle, for cutouts behind some beams."""
        inputs = ConditionedInput(bundle.recipe, modes)
        network = build_conditioned(bundle.recipe.network, inputs.shapes)
        set_weights(network, bundle.weights, str(bundle.path))
        return cls(network, inputs, mass_grid(mass_range(bundle.recipe.clusters)), batch_size)

    def __call__(self, images_uk: np.ndarray, conditions: Conditions) -> PosteriorPrediction:
        """Prediction for cutouts (n, 40, 40) [µK], in batches of one size whatever n is."""
        return self._asked(self._inputs(images_uk, conditions), len(conditions))

    def of(self, cutouts: Decomposed) -> PosteriorPrediction:
        """Prediction for cutouts behind one beam."""
        return self._asked(self._inputs.of(cutouts), len(cutouts))

    def _asked(self, inputs: Mapping[str, np.ndarray], n_cutouts: int) -> PosteriorPrediction:
        mixtures = [np.empty((0, self._n_parameters), np.float32)]
        maps = [np.empty((0, N_PIXELS, N_PIXELS), np.float32)]
        for start in range(0, n_cutouts, self._batch_size):
            n = min(self._batch_size, n_cutouts - start)
            outputs = self._forward({name: self._padded(x[start : start + n]) for name, x in inputs.items()})
            mixtures.append(outputs["mixture"][:n])
            maps.append(outputs["sz"][:n, ..., 0])
        mixture = np.concatenate(mixtures)
        density = density_on_grid(mixture, self._ln_mass)
        stretched = np.clip(np.concatenate(maps), -LARGEST_STRETCHED, LARGEST_STRETCHED)
        return PosteriorPrediction(mixture, density, SZ_SCALE_UK * np.sinh(stretched))

    def _padded(self, batch: np.ndarray) -> np.ndarray:
        # another shape would be computed in another order
        padded = np.zeros((self._batch_size, *batch.shape[1:]), np.float32)
        padded[: len(batch)] = batch
        return padded
