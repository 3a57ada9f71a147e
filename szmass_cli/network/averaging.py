"""Running average of a network's weights: smoother than the last ones, and better on new cutouts."""

from collections.abc import Iterator
from contextlib import contextmanager

from szmass_cli.network.backend import load_tensorflow


class WeightAverage:
    """Exponential average of all that training changes in a network, running statistics included.

    Parameters
    ----------
    model : keras.Model
    decay : float
        What is kept of the average at each step; 0 takes no average.
    """

    def __init__(self, model, decay: float):
        tf = load_tensorflow()
        self._decay = decay
        # dropout's random state is an integer
        self._weights = [v for v in model.variables if "float" in str(v.dtype)] if decay > 0 else []
        self.variables = [tf.Variable(v.value, trainable=False) for v in self._weights]
        self._blend = tf.function(self._blend_all)

    def update(self, step: int) -> None:
        """Count the weights after `step` steps in; early on the average is shorter."""
        if self._weights:
            self._blend(load_tensorflow().constant(min(self._decay, (1.0 + step) / (10.0 + step))))

    def _blend_all(self, decay) -> None:
        for average, weight in zip(self.variables, self._weights, strict=True):
            average.assign(decay * average + (1.0 - decay) * weight.value)

    def take(self) -> None:
        """Give the network its average for good."""
        for average, weight in zip(self.variables, self._weights, strict=True):
            weight.assign(average)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network with its average, and with its own weights again afterwards."""
        own = [v.numpy() for v in self._weights]
        self.take()
        try:
            yield
        finally:
            for weight, values in zip(self._weights, own, strict=True):
                weight.assign(values)
