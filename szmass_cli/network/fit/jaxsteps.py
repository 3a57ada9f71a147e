"""Steps of training on JAX: network, optimiser and average in one compiled function."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from szmass_cli.network.backend import load_keras
from szmass_cli.network.fit.averaging import WeightAverage, blend
from szmass_cli.network.fit.course import Course

TOLD_EVERY = 20
"""Steps between two looks at the loss: a look waits for the device."""

BATCHES_AHEAD = 8


class JaxSteps:
    """Trains a compiled model, and its average beside it.

    Its parameters are those of `szmass_cli.network.fit.kerassteps.KerasSteps`.
    """

    def __init__(self, model, average: WeightAverage, like: Any, batch_size: int):
        import jax

        self._model, self._average = model, average
        # Keras makes its metrics at the first look at a loss: here, not inside the compiled step
        few = load_keras().tree.map_structure(lambda array: array[:batch_size], like)
        model.evaluate(*few, batch_size=batch_size, verbose=0)
        self._put, self._copied = jax.device_put, jax.numpy.copy
        self._groups = (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            average.variables,
        )
        by_identity = {id(v): place for place, v in enumerate(model.optimizer.variables)}
        self._rate_at = by_identity[id(model.optimizer.learning_rate)]
        places = {id(v): (g, i) for g, group in enumerate(self._groups[:2]) for i, v in enumerate(group)}
        self._averaged = [places[id(v)] for v in average.averaged]
        self._gradient = jax.value_and_grad(model.compute_loss_and_updates, has_aux=True)
        self._step = jax.jit(self._one_step, donate_argnums=0)

    def epoch(self, course: Course) -> float:
        """Take all steps of an epoch and return the mean loss."""
        # copied, as each step gives the memory of its arguments away
        state = [[self._copied(v.value) for v in group] for group in self._groups]
        total = 0.0
        for number, (inputs, targets) in enumerate(_ahead(self._put, course.batches(), BATCHES_AHEAD)):
            rate = np.float32(course.learning_rate(number))
            decay = np.float32(self._average.decay_at(course.first_step + number + 1))
            state, loss = self._step(state, inputs, targets, rate, decay)
            total = total + loss
            if (number + 1) % TOLD_EVERY == 0 or number + 1 == course.n_batches:
                course.tell(number + 1, float(total) / (number + 1))
        for group, values in zip(self._groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return float(total) / course.n_batches

    def _one_step(self, state, inputs, targets, rate, decay):
        trainable, others, adam, averages = state
        adam = [rate.astype(v.dtype) if i == self._rate_at else v for i, v in enumerate(adam)]
        metrics = [v.value for v in self._model.metrics_variables]
        (_, told), gradients = self._gradient(
            trainable, others, metrics, inputs, targets, None, training=True, optimizer_variables=adam
        )
        loss, _, others, _ = told
        trainable, adam = self._model.optimizer.stateless_apply(adam, gradients, trainable)
        groups = (trainable, others)
        averages = list(blend(decay, averages, (groups[g][i] for g, i in self._averaged)))
        return [list(trainable), list(others), list(adam), averages], loss


def _ahead(put: Any, batches: Iterable[Any], depth: int) -> Iterator[Any]:
    """Yield batches, put on the device in another thread before they are asked for."""
    source = iter(batches)

    def following() -> Any:
        batch = next(source, None)
        return None if batch is None else put(batch)

    with ThreadPoolExecutor(1) as thread:
        try:
            waiting = deque(thread.submit(following) for _ in range(depth))
            while (batch := waiting.popleft().result()) is not None:
                waiting.append(thread.submit(following))
                yield batch
        finally:
            thread.shutdown(wait=True, cancel_futures=True)
