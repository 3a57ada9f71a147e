"""What the paper's network is taught: two maps, each pixel with its weight."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.network.backend import load_keras
from szmass_cli.network.mresunet import OUTPUTS, build_mresunet
from szmass_cli.network.paper.inputs import Labels, NetworkInput
from szmass_cli.sky.cutouts import CutoutBlock

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Encoder:
    """The paper's two label maps, with the weight of each pixel's squared error.

    Parameters
    ----------
    config : SurveyConfig
        Network, and the weights of mass pixel and SZ map.
    inputs : NetworkInput
        From cutouts [µK] to the channels that the network sees.
    labels : Labels
        From true masses and SZ maps [µK] to the two maps that are taught.
    """

    config: SurveyConfig
    inputs: NetworkInput
    labels: Labels

    judged_by: ClassVar[str] = "loss"
    counts_untrained: ClassVar[bool] = False

    def __call__(self, block: CutoutBlock) -> tuple[np.ndarray, np.ndarray]:
        """Return network input (n, 40, 40, channels), and targets with their weights (n, 40, 40, 4)."""
        weights = self.labels.weights(block, self.config.training)
        targets = np.concatenate([self.labels.maps(block), weights], axis=-1)
        return self.inputs(block.image), targets

    def build(self, synchronised: bool = False) -> "keras.Model":
        """Return the network, untrained."""
        return build_mresunet(self.config.network, self.inputs.channels, synchronised)

    @property
    def losses(self) -> dict[str, Any]:
        """Return the loss."""
        return {"loss": weighted_mse}


def weighted_mse(targets, outputs):
    """Return the mean squared error of each cutout, with the weights in the targets' last channels.

    Keras takes the mean over the batch: a mean taken here would count once on each device.
    """
    ops = load_keras().ops
    wanted, weights = targets[..., :OUTPUTS], targets[..., OUTPUTS:]
    return ops.mean(weights * ops.square(wanted - outputs), axis=(1, 2, 3))
