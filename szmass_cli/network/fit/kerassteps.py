"""Steps of training by Keras' own loop, on TensorFlow."""

from collections.abc import Iterator
from typing import Any

from szmass_cli.network.backend import load_keras, load_tensorflow
from szmass_cli.network.fit.averaging import WeightAverage
from szmass_cli.network.fit.course import Course
from szmass_cli.network.fit.dataset import Batch
from szmass_cli.system.allocator import keep_freed_memory


class KerasSteps:
    """Trains a compiled model, and its average beside it.

    Parameters
    ----------
    model : keras.Model
        Compiled with its losses and Adam.
    average : WeightAverage
        Of the model's weights, counted in after each step.
    like : Batch
        Arrays as those of the batches, of any length.
    batch_size : int
        Cutouts of each step.
    """

    def __init__(self, model, average: WeightAverage, like: Any, batch_size: int):
        tf = load_tensorflow()
        self._model, self._average = model, average
        self._signature = tf.nest.map_structure(
            lambda array: tf.TensorSpec((batch_size, *array.shape[1:]), tf.float32), like
        )

    def epoch(self, course: Course) -> float:
        """Take all steps of an epoch and return the mean loss."""
        failures: list[BaseException] = []

        def batches() -> Iterator[Batch]:
            try:
                yield from course.batches()
            except Exception as error:  # whatever it is: it is raised again, here and below
                failures.append(error)
                raise

        # simulation runs in tf.data's own thread while the network trains; on several devices Keras looks
        # at the first batch and begins the epoch again
        data = (
            load_tensorflow()
            .data.Dataset.from_generator(batches, output_signature=self._signature)
            .prefetch(8)
        )
        try:
            history = self._model.fit(
                data,
                epochs=1,
                steps_per_epoch=course.n_batches,
                shuffle=False,
                verbose=0,
                callbacks=[_per_batch(course, self._average)],
            )
        except Exception:  # which kind TensorFlow makes of it depends on where the batches failed
            # TensorFlow passes on the text of what went wrong with the batches, and not what it was
            if failures:
                raise failures[0] from None
            raise
        return float(history.history["loss"][-1])


def _per_batch(course: Course, average: WeightAverage) -> Any:
    keras: Any = load_keras()

    class PerBatch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate.assign(course.learning_rate(batch))

        def on_train_batch_end(self, batch, logs=None):
            if batch == 0:  # TensorFlow, given a Python generator, has set the allocator back
                keep_freed_memory()
            average.update(course.first_step + batch + 1)
            course.tell(batch + 1, logs["loss"])

    return PerBatch()
