"""Running average of a network's weights: smoother than the last ones, and better on new cutouts."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from szmass_cli.network.backend import load_keras, load_tensorflow


class WeightAverage:
    """Exponential average of all that training changes in a network, running statistics included.

    Parameters
    ----------
    model : keras.Model
        Whose variables are averaged; it is not copied.
    decay : float
        Share of the average that is kept at each step; 0 takes no average.
    """

    def __init__(self, model, decay: float):
        keras = load_keras()
        self._decay = decay
        # dropout's random state is an integer
        self.averaged = [v for v in model.variables if "float" in str(v.dtype)] if decay > 0 else []
        self.variables = [keras.Variable(np.array(v), trainable=False, dtype=v.dtype) for v in self.averaged]

    def decay_at(self, step: int) -> float:
        """Return the share of the average kept after `step` steps: early on the average is shorter."""
        return min(self._decay, (1.0 + step) / (10.0 + step))

    def update(self, step: int) -> None:
        """Add the weights after `step` steps to the average, on TensorFlow."""
        if self.averaged:
            self._blend_in(load_tensorflow().constant(self.decay_at(step)))

    @cached_property
    def _blend_in(self) -> Any:
        return load_tensorflow().function(self._blend_all)

    def _blend_all(self, decay) -> None:
        averages, weights = ([v.value for v in group] for group in (self.variables, self.averaged))
        for average, value in zip(self.variables, blend(decay, averages, weights), strict=True):
            average.assign(value)

    def take(self) -> None:
        """Replace the network's weights by their average."""
        for average, weight in zip(self.variables, self.averaged, strict=True):
            # a copy: on JAX whoever holds weights may give their memory away
            weight.assign(np.array(average))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the network its average weights, and its own weights again afterwards."""
        own = [np.array(v) for v in self.averaged]
        self.take()
        try:
            yield
        finally:
            for weight, values in zip(self.averaged, own, strict=True):
                weight.assign(values)


def blend(decay: Any, averages: Iterable[Any], weights: Iterable[Any]) -> list[Any]:
    """Return the averages after the weights of one more step have been counted in."""
    return [
        decay * average + (1.0 - decay) * weight for average, weight in zip(averages, weights, strict=True)
    ]
