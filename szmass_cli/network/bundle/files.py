"""The files of a bundle: found, checked against their hashes, and read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from szmass_cli.errors import InputError, did_you_mean
from szmass_cli.network.bundle.metadata import HASHED, HISTORY, METADATA, WEIGHTS, AnyMetadata
from szmass_cli.system.files import sha256_of
from szmass_cli.system.hdf5 import own_array, reading
from szmass_cli.system.presets import models_folder


def shipped_models() -> dict[str, Path]:
    """Return the folders of the models that come with szmass, by name."""
    folder = models_folder()
    if folder is None:
        return {}
    return {p.parent.name: p.parent for p in sorted(folder.glob(f"*/{METADATA}"))}


def find_bundle(model: str | Path) -> Path:
    """Return the folder of a model given by name or path.

    Raises
    ------
    InputError
        If there is neither a shipped model nor a bundle of that name.
    """
    shipped = shipped_models()
    if str(model) in shipped:
        return shipped[str(model)]
    path = Path(model)
    if (path / METADATA).is_file():
        return path
    what = "holds no metadata.json, so it is not a model bundle" if path.exists() else "is not there"
    raise InputError(
        f"The model {model} {what}.{did_you_mean(str(model), shipped)}",
        f"Give a bundle's folder, or a shipped model: {', '.join(shipped)}.",
    )


def check_hashes(path: Path, metadata: AnyMetadata) -> None:
    """Refuse a bundle whose files are not those that its metadata seal.

    Raises
    ------
    InputError
        If a file is missing or altered.
    """
    # beam files beside the recipe, where it has any
    for name in {*HASHED, *metadata.sha256}:
        if Path(name).name != name:
            raise InputError(f"{path / METADATA}: {name!r} is no file's name.", "Fetch the bundle again.")
        if not (path / name).is_file():
            raise InputError(f"The model {path} lacks {name}.", "Fetch the bundle again.")
        if metadata.sha256.get(name) != sha256_of(path / name):
            raise InputError(
                f"{path / name} is not the file that the model was saved with: its hash differs.",
                "It was altered or damaged. Fetch the bundle again.",
            )


@contextmanager
def refusing_malformed(path: Path) -> Iterator[None]:
    """Turn the errors of malformed files of a bundle into one that says what to do.

    Raises
    ------
    InputError
    """
    try:
        yield
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"The model {path} cannot be read: {error}.", "Fetch the bundle again.") from error


def check_facts(path: Path, metadata: AnyMetadata, facts: dict) -> None:
    """Refuse metadata that contradict what the sealed files say.

    Raises
    ------
    InputError
    """
    for key, value in facts.items():
        if getattr(metadata, key) != value:
            raise InputError(
                f"{path / METADATA}: {key} is {getattr(metadata, key)}, its sealed files say {value}.",
                "It was altered. Fetch the bundle again.",
            )


def read_weights(path: Path) -> tuple[list[np.ndarray], dict[str, float]]:
    """Return the variables of a network in the order that Keras lists them, float32, and what is noted there.

    Raises
    ------
    OSError, KeyError, ValueError
        If the file is malformed.
    """
    with reading(path / WEIGHTS) as file:
        weights = [own_array(file, name).astype(np.float32) for name in sorted(file)]
        return weights, {name: float(value) for name, value in file.attrs.items()}


def read_table(path: Path) -> dict[str, np.ndarray]:
    """Return all datasets of an HDF5 file by name.

    Raises
    ------
    OSError, KeyError, ValueError
        If the file is malformed.
    """
    with reading(path) as file:
        return {name: own_array(file, name) for name in file}


def read_history(folder: Path) -> list[dict[str, float]]:
    """Return the epochs of the training of a bundle; none if it holds no history.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = folder / HISTORY
    if not path.is_file():
        return []
    try:
        return TypeAdapter(list[dict[str, float]]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(
            f"{path} is no history of a training run: {error.errors()[0]['msg']}.", "Fetch the bundle again."
        ) from None
