"""What a network is taught: the arrays of a batch, the layers that take them, and the loss between them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy.special import logsumexp

from szmass_cli.config import SurveyConfig
from szmass_cli.likelihood.features import N_MASSES, LabelledFeatures
from szmass_cli.network.backend import load_keras
from szmass_cli.network.correction import build_correction, interpolation
from szmass_cli.physics.evengrid import place
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.sky.clusters import mass_range

if TYPE_CHECKING:
    import keras


FLOOR = 1e-3
"""Probability that losses spread evenly over all masses, as `fit_recalibration` does."""


class Lesson(Protocol):
    """Turns labelled simulations into the arrays that a network is trained on."""

    @property
    def judged_by(self) -> str:
        """Return which of Keras' losses says how good a network is; ``loss`` is the sum of all."""
        ...

    @property
    def counts_untrained(self) -> bool:
        """Return whether training must improve on the answer of a network that has learnt nothing."""
        ...

    def __call__(self, block: Any) -> tuple[Any, Any]:
        """Return inputs and targets of n cutouts."""
        ...

    def build(self, synchronised: bool = False) -> "keras.Model":
        """Return the network, untrained; `synchronised` as in `build_mresunet`."""
        ...

    @property
    def losses(self) -> Any:
        """Return what Keras minimises, and with which weights: arguments of `compile`."""
        ...


class CorrectionLesson:
    """The posterior of the true mass, and the map of Compton y.

    Parameters
    ----------
    config : SurveyConfig
        Network, masses and weight of the SZ map.

    Notes
    -----
    With q the posterior of the Gaussian likelihood, the corrected one is p = q e^g / sum q e^g: the loss is
    minus what is gained in ln [(1 - f) p + f u] at the true mass, in nats, with u the prior and f = 0.001, so
    that no outlier counts more than by its ln; 0 without a correction.
    """

    judged_by, counts_untrained = "g_loss", True

    def __init__(self, config: SurveyConfig):
        self._config = config
        self._ln_mass = mass_grid(mass_range(config.clusters))

    def __call__(self, block: LabelledFeatures) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the inputs of `build_correction`, and its targets.

        ``g`` (n, 25 + m): weights of a cubic spline at the true mass, ln of the posterior over the prior
        there, and ln of the posterior, without correction; ``y`` (n, 40, 40, 1): what is missing in the map,
        over its error.
        """
        seen = block.features
        ln_true = np.log(block.m200c)
        at_truth = interpolation(self._ln_mass, ln_true).T
        missing = (block.y_map - seen.y_map) / seen.y_sigma[:, None, None]
        inputs = {"images": seen.images, "curves": seen.curves}
        # ln, as corrections may raise what no density in single precision could hold
        ln_exact = seen.ln_likelihood - logsumexp(seen.ln_likelihood, axis=1, keepdims=True)
        over_prior = _ln_at(self._ln_mass, ln_exact, ln_true) + np.log(self._ln_mass.size)
        g = np.concatenate([at_truth, over_prior[:, None], ln_exact], axis=1).astype(np.float32)
        return inputs, {"g": g, "y": missing[..., None].astype(np.float32)}

    def build(self, synchronised: bool = False) -> "keras.Model":
        """Return the network, untrained; it normalises nothing over a batch."""
        return build_correction(self._config.network)

    @property
    def losses(self) -> dict[str, Any]:
        """Return the losses of both outputs and their weights."""
        to_grid = interpolation(self._ln_mass, self._ln_mass).astype(np.float32)
        return {
            "loss": {"g": _MinusGain(to_grid), "y": mean_square_of_each},
            "loss_weights": {"g": 1.0, "y": self._config.training.sz_map_weight},
        }


def _ln_at(ln_mass: np.ndarray, ln_probability: np.ndarray, ln_true: np.ndarray) -> np.ndarray:
    """Return ln of probabilities (n, m) of cells at true masses (n,), between cells, however low."""
    low, upper = place(ln_mass, ln_true)
    rows = np.arange(len(ln_true))
    below, above = np.log(np.maximum([1.0 - upper, upper], 1e-30))
    return np.logaddexp(ln_probability[rows, low] + below, ln_probability[rows, low + 1] + above)


@dataclass(frozen=True)
class _MinusGain:
    """Keras' loss of corrections at `mass_nodes` (n, 24) against the targets of `CorrectionLesson`.

    Parameters
    ----------
    to_grid : numpy.ndarray, shape (24, m)
        From the nodes to the grid of masses.
    """

    to_grid: np.ndarray

    __name__ = "minus_gain"

    def __call__(self, targets, g):
        ops = load_keras().ops
        at_truth, before, ln_exact = (
            targets[:, :N_MASSES],
            targets[:, N_MASSES],
            targets[:, N_MASSES + 1 :],
        )
        on_grid = ops.matmul(g, ops.convert_to_tensor(self.to_grid))
        norm = ops.logsumexp(on_grid + ln_exact, axis=1)
        after = before + ops.sum(at_truth * g, axis=1) - norm
        floor, share = np.log(FLOOR), np.log1p(-FLOOR)
        return ops.logaddexp(share + before, floor) - ops.logaddexp(share + after, floor)


def mean_square_of_each(targets, outputs):
    """Return the mean squared error of each cutout.

    Keras takes the mean over the batch: a mean taken here would count once on each device.
    """
    ops = load_keras().ops
    return ops.mean(ops.square(targets - outputs), axis=(1, 2, 3))
