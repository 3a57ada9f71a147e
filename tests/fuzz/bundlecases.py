"""Model bundles: damaged ones are refused, hostile ones are refused and do nothing."""

import hashlib
import json
import shutil

import damage
import h5py
import numpy as np
from outcome import Fault

from szmass_cli import DEFAULT_MODEL
from szmass_cli.network.bundle.bundle import find_bundle, read_bundle

METADATA = "metadata.json"


def damaged(rng, folder):
    """A shipped bundle with a file changed; its hash is put right half of the time, as a stranger would."""
    source, path = find_bundle(DEFAULT_MODEL), folder / "model"
    shutil.copytree(source, path, ignore=shutil.ignore_patterns("report*", "README*"))
    hashes = json.loads((path / METADATA).read_text())["sha256"]
    name = sorted(hashes)[rng.integers(len(hashes))]
    sealed = bool(rng.integers(2))
    if rng.random() < 0.2:
        name, sealed = METADATA, False
    before = (path / name).read_bytes()
    done = _change(rng, path / name, folder)
    changed = not (path / name).is_file() or (path / name).read_bytes() != before
    if sealed and (path / name).is_file():
        facts = json.loads((path / METADATA).read_text())
        facts["sha256"][name] = hashlib.sha256((path / name).read_bytes()).hexdigest()
        (path / METADATA).write_text(json.dumps(facts))

    def act():
        read_bundle(path)
        if changed and not sealed and name != METADATA:
            raise Fault(f"{name} was altered, and the bundle is accepted")
        return "accepted" if changed else "same"

    return f"{done}, {'sealed' if sealed else 'as it is'}", act


def _change(rng, path, folder) -> str:
    kind = rng.integers(4)
    if kind == 0 and path.suffix == ".h5":
        return _hostile_hdf5(rng, path, folder)
    if kind == 1:
        return damage.strange_file(rng, path)
    if kind == 2 and path.suffix in (".yaml", ".json", ".txt", ".csv"):
        done, text = damage.text_of(rng, path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        return done
    done, content = damage.bytes_of(rng, path.read_bytes(), path.name)
    path.write_bytes(content)
    return done


def _hostile_hdf5(rng, path, folder) -> str:
    """Put something that is no numbers of its own in the place of a dataset."""
    secret = folder / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["values"] = np.zeros(3)
    with h5py.File(path, "a") as file:
        names = sorted(file)
        name = names[rng.integers(len(names))]
        shape = file[name].shape if isinstance(file[name], h5py.Dataset) else (3,)
        del file[name]
        kind = ("external link", "soft link", "virtual", "bomb", "text", "other shape", "nan", "lost")[
            rng.integers(8)
        ]
        if kind == "external link":
            file[name] = h5py.ExternalLink(str(secret), "values")
        elif kind == "soft link":
            file[name] = h5py.SoftLink(f"/{names[0]}")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3,), "f8")
            layout[:] = h5py.VirtualSource(str(secret), "values", shape=(3,))
            file.create_virtual_dataset(name, layout)
        elif kind == "bomb":
            file.create_dataset(name, (10**12,), "f8", chunks=(10**6,), compression="gzip")
        elif kind == "text":
            file[name] = "import os"
        elif kind == "other shape":
            file[name] = np.zeros(tuple(rng.integers(1, 5, rng.integers(0, 4))))
        elif kind == "nan":
            file[name] = np.full(shape, np.nan)
    return f"{kind} for {name} in {path.name}"
