"""What a network is taught: the arrays of a batch, the layers that take them, and the loss between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.network import mixture
from szmass_cli.network.backend import load_keras
from szmass_cli.network.conditioned import SZ_SCALE_UK, ConditionedInput, Conditions, build_conditioned
from szmass_cli.network.inputs import Labels, NetworkInput
from szmass_cli.network.mresunet import OUTPUTS, build_mresunet
from szmass_cli.sky.clusters import mass_range
from szmass_cli.sky.cutouts import CutoutBlock

if TYPE_CHECKING:
    import keras

Arrays = np.ndarray | Mapping[str, np.ndarray]


class Lesson(Protocol):
    """Turns labelled cutouts into the arrays that a network is trained on."""

    def __call__(self, block: CutoutBlock) -> tuple[Any, Any]:
        """Inputs and targets of n cutouts."""
        ...

    def build(self, synchronised: bool = False) -> "keras.Model":
        """The network, untrained; `synchronised` as in `build_mresunet`."""
        ...

    @property
    def losses(self) -> Any:
        """What Keras minimises, and with which weights: arguments of `compile`."""
        ...


@dataclass(frozen=True)
class Encoder:
    """The paper's two label maps, with the weight of each pixel's squared error."""

    config: SurveyConfig
    inputs: NetworkInput
    labels: Labels

    def __call__(self, block: CutoutBlock) -> tuple[np.ndarray, np.ndarray]:
        """Network input (n, 40, 40, channels), and targets with their weights (n, 40, 40, 4)."""
        weights = self.labels.weights(block, self.config.training)
        targets = np.concatenate([self.labels.maps(block), weights], axis=-1)
        return self.inputs(block.image), targets

    def build(self, synchronised: bool = False) -> "keras.Model":
        return build_mresunet(self.config.network, self.inputs.channels, synchronised)

    @property
    def losses(self) -> dict[str, Any]:
        return {"loss": weighted_mse}


@dataclass(frozen=True)
class PosteriorLesson:
    """The likelihood of ln M, and the SZ map of one band."""

    config: SurveyConfig
    inputs: ConditionedInput

    def __call__(self, block: CutoutBlock) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Inputs of `build_conditioned`, and SZ map (n, 40, 40, 1) and ln(M / pivot) (n, 1)."""
        ln_mass = np.log(block.m200c / mixture.PIVOT_MSUN).astype(np.float32)
        sz = np.arcsinh(block.sz.reshape(-1, N_PIXELS, N_PIXELS, 1) / SZ_SCALE_UK)
        return self.inputs(block.image, Conditions.of(block)), {"sz": sz, "mixture": ln_mass[:, None]}

    def build(self, synchronised: bool = False) -> "keras.Model":
        return build_conditioned(self.config.network, self.inputs.shapes, synchronised)

    @property
    def losses(self) -> dict[str, Any]:
        low, high = np.log(mass_range(self.config.clusters))
        return {
            "loss": {"sz": mean_square_of_each, "mixture": mixture.loss((float(low), float(high)))},
            "loss_weights": {"sz": self.config.training.sz_map_weight, "mixture": 1.0},
        }


def weighted_mse(targets, outputs):
    """Mean squared error of each cutout, with the weights carried in the targets' last channels.

    Keras takes the mean over the batch: a mean taken here would count once on each device.
    """
    ops = load_keras().ops
    wanted, weights = targets[..., :OUTPUTS], targets[..., OUTPUTS:]
    return ops.mean(weights * ops.square(wanted - outputs), axis=(1, 2, 3))


def mean_square_of_each(targets, outputs):
    """Mean squared error of each cutout."""
    ops = load_keras().ops
    return ops.mean(ops.square(targets - outputs), axis=(1, 2, 3))
