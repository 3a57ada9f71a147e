"""A trained network ready to be asked: cutouts in, raw masses and SZ maps out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from szmass_cli import BATCH_SIZE
from szmass_cli.config import NetworkConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.network.backend import inference
from szmass_cli.network.mresunet import build_mresunet
from szmass_cli.network.paper.bundle import PaperBundle
from szmass_cli.network.paper.inputs import Labels, NetworkInput
from szmass_cli.network.weights import set_weights
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.system.allocator import keep_freed_memory

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Prediction:
    """What the network says of n cutouts, before calibration.

    Parameters
    ----------
    raw_mass_msun : numpy.ndarray, shape (n,)
        Mass pixel times the mean training mass.
    sz_uk : numpy.ndarray, shape (n, 40, 40)
        The cluster's own signal in the reference band [µK_CMB].
    """

    raw_mass_msun: np.ndarray
    sz_uk: np.ndarray


class Predictor:
    """A Keras network with its input filters and labels; may be asked from several threads at once.

    Parameters
    ----------
    network : keras.Model
        A network made by `build_mresunet`, with its weights loaded.
    inputs : NetworkInput
        From cutouts [µK] to the channels that the network sees.
    labels : Labels
        From its two maps to raw masses [Msun] and SZ maps [µK].
    batch_size : int
        Cutouts that go through the network at once.
    """

    def __init__(self, network, inputs: NetworkInput, labels: Labels, batch_size: int = BATCH_SIZE):
        keep_freed_memory()
        self._inputs, self._labels = inputs, labels
        self._batch_size = batch_size
        self._forward = inference(network, (batch_size, N_PIXELS, N_PIXELS, inputs.channels))

    @classmethod
    def from_bundle(cls, bundle: PaperBundle, sky: CutoutSky, batch_size: int = BATCH_SIZE) -> "Predictor":
        """Return the network of a bundle; `sky` is the sky it was trained on."""
        inputs = NetworkInput.create(bundle.recipe.network, sky, bundle.bands, bundle.labels.scale_uk)
        network = network_of(bundle.recipe.network, inputs.channels, bundle.weights, str(bundle.path))
        return cls(network, inputs, bundle.labels, batch_size)

    def __call__(self, images_uk: np.ndarray) -> Prediction:
        """Return the prediction for cutouts (n, 40, 40, f) [µK], in batches of one size whatever n is."""
        masses, profiles = [], []
        for start in range(0, len(images_uk), self._batch_size):
            batch = images_uk[start : start + self._batch_size]
            # the last batch is padded: another shape would be computed in another order
            padded = np.zeros((self._batch_size, *batch.shape[1:]), np.float32)
            padded[: len(batch)] = batch
            outputs = self._forward(self._inputs(padded))[: len(batch)]
            masses.append(self._labels.mass_msun(outputs))
            profiles.append(self._labels.sz_uk(outputs))
        if not masses:
            return Prediction(np.empty(0), np.empty((0, *images_uk.shape[1:]), np.float32))
        return Prediction(np.concatenate(masses), np.concatenate(profiles))


def network_of(
    config: NetworkConfig, channels: int, weights: list[np.ndarray], name: str = "the model"
) -> "keras.Model":
    """Return a network in single precision with given weights.

    Raises
    ------
    InputError
        If they are not those of such a network.
    """
    network = build_mresunet(config, channels)
    set_weights(network, weights, name)
    return network
