"""Where a training run stands, on disk: always one whole state, whenever it is killed."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from szmass_cli.config import parse_config
from szmass_cli.errors import ConfigError, InputError
from szmass_cli.system.files import atomic_path
from szmass_cli.system.hdf5 import Hdf5Sink, reading

Variables = Mapping[str, Sequence[Any]]
"""All that training changes, by kind: weights and running statistics, Adam's moments, averages."""


@dataclass
class TrainingState:
    """The state of a training run after its last whole epoch: all that going on needs besides weights."""

    epoch: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    epochs_without_gain: int = 0
    learning_rate_factor: float = 1.0
    history: list[dict[str, float]] = field(default_factory=list)
    recipe: str = ""


class Checkpoints:
    """A folder that always holds one whole state of a training run.

    Variables are written under a new name, then the state file that names them is replaced in one step, so
    that a kill at any moment leaves the state before or the state after.

    Parameters
    ----------
    folder : Path
        Made when the first state is saved.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._state_file = folder / "state.json"

    def load(self, recipe: str) -> TrainingState | None:
        """Return the state to go on from, if there is one of this recipe (YAML of the whole configuration).

        Raises
        ------
        InputError
            If the state is of another recipe, or damaged.
        """
        if not self._state_file.exists():
            return None
        try:
            state = TrainingState(**json.loads(self._state_file.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"{self._state_file} is not the state of a training run: {error}.",
                "--no-resume begins anew.",
            ) from None
        if not _same_recipe(state.recipe, recipe):
            raise InputError(
                f"{self.folder} holds a training run of another configuration.",
                "Use the configuration it was begun with, or --no-resume to begin anew.",
            )
        state.recipe = recipe
        return state

    def restore(self, epoch: int, variables: Variables) -> None:
        """Give all variables the values that they had after an epoch.

        Raises
        ------
        InputError
            If the file is missing or damaged.
        """
        path = self._variables(epoch)
        try:
            with reading(path) as file:
                for name, group in variables.items():
                    values = [dataset[()] for _, dataset in sorted(file[name].items())] if group else []
                    for variable, value in zip(group, values, strict=True):
                        variable.assign(value)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path} cannot be read: {error}.", "--no-resume begins anew.") from None

    def save(self, state: TrainingState, variables: Variables) -> None:
        """Save a state and all variables, and remove those that nothing needs any more.

        Raises
        ------
        SzmassError
            If they cannot be written; the state before is still there.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        new = atomic_path(self._variables(state.epoch), overwrite=True)
        with new as part, Hdf5Sink(part) as sink, h5py.File(sink, "w") as file:
            for name, group in variables.items():
                for index, variable in enumerate(group):
                    file[f"{name}/{index:04d}"] = np.asarray(variable)
        with atomic_path(self._state_file, overwrite=True) as part:
            part.write_text(json.dumps(asdict(state), indent=1))
        for old in self.folder.glob("epoch-*.h5"):
            if old not in (self._variables(state.epoch), self._variables(state.best_epoch)):
                old.unlink()

    def _variables(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:05d}.h5"


def _same_recipe(one: str, other: str) -> bool:
    """Return whether two recipes ask for the same; a key that an older one lacks has its default."""
    try:
        return one == other or parse_config(one, "the checkpoint") == parse_config(other, "the recipe")
    except ConfigError:
        return False
