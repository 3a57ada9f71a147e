"""One epoch as it is given to whatever runs its steps: batches, rates, and who is told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from szmass_cli.network.fit.dataset import Batch


@dataclass(frozen=True)
class Course:
    """An epoch of training.

    Parameters
    ----------
    batches : callable
        Begins the epoch's batches; begun anew, they are the same.
    n_batches, batch_size : int
        Batches of the epoch, and cutouts of each.
    first_step : int
        Steps taken before this epoch.
    learning_rate : callable
        Of a batch by its number in the epoch.
    tell : callable
        Called with the number of batches done and the mean loss so far.
    """

    batches: Callable[[], Iterator[Batch]]
    n_batches: int
    batch_size: int
    first_step: int
    learning_rate: Callable[[int], float]
    tell: Callable[[int, float], None]

    @property
    def n_cutouts(self) -> int:
        return self.n_batches * self.batch_size
