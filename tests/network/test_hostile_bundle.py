"""Bundles of strangers, whose hashes are right: nothing outside is read, nothing huge is made."""

import hashlib
import json
import os
import shutil

import h5py
import numpy as np
import pytest

from szmass_cli import DEFAULT_MODEL
from szmass_cli.errors import InputError
from szmass_cli.network.bundle.bundle import find_bundle, read_bundle


@pytest.fixture
def bundle(tmp_path):
    """A copy of the default model."""
    return shutil.copytree(
        find_bundle(DEFAULT_MODEL), tmp_path / "model", ignore=shutil.ignore_patterns("report")
    )


def sealed(bundle, name):
    """Put the hash of a file right, as whoever altered it would."""
    facts = json.loads((bundle / "metadata.json").read_text())
    facts["sha256"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    (bundle / "metadata.json").write_text(json.dumps(facts))


def refused(bundle):
    with pytest.raises(InputError) as caught:
        read_bundle(bundle)
    assert str(bundle) in caught.value.message and caught.value.hint
    return caught.value.message


def hashed(bundle, suffix):
    names = json.loads((bundle / "metadata.json").read_text())["sha256"]
    return sorted(name for name in names if name.endswith(suffix))


@pytest.mark.parametrize("kind", ["external link", "virtual", "external storage", "text", "bomb", "group"])
def test_datasets_that_are_no_numbers_of_their_own(bundle, tmp_path, kind):
    secret = tmp_path / "secret.h5"
    for name in hashed(bundle, ".h5"):
        with h5py.File(bundle / name, "a") as file, h5py.File(secret, "w") as outside:
            key = sorted(file)[0]
            values = file[key][()]
            del file[key]
            outside["values"] = values
            if kind == "external link":
                file[key] = h5py.ExternalLink(str(secret), "values")
            elif kind == "virtual":
                layout = h5py.VirtualLayout(values.shape, values.dtype)
                layout[...] = h5py.VirtualSource(str(secret), "values", shape=values.shape)
                file.create_virtual_dataset(key, layout)
            elif kind == "external storage":
                file.create_dataset(
                    key, values.shape, values.dtype, external=[(str(secret), 0, values.nbytes)]
                )
            elif kind == "text":
                file[key] = "import os"
            elif kind == "bomb":
                file.create_dataset(key, (10**12,), "f8", chunks=(10**6,), compression="gzip")
            else:
                file.create_group(key)["values"] = values
        sealed(bundle, name)
        assert key in refused(bundle)


@pytest.mark.parametrize(
    "damage", [lambda c: c[: len(c) // 2], lambda c: c[:2000] + bytes(500) + c[2500:], lambda c: b""]
)
def test_damaged_hdf5_files_with_the_right_hash(bundle, damage):
    for name in hashed(bundle, ".h5"):
        (bundle / name).write_bytes(damage((bundle / name).read_bytes()))
        sealed(bundle, name)
        refused(bundle)


def test_a_recipe_is_not_executed(bundle, tmp_path):
    (name,) = hashed(bundle, ".yaml")
    (bundle / name).write_text(f"sky: !!python/object/apply:os.mkdir ['{tmp_path}/executed']\n")
    sealed(bundle, name)
    refused(bundle)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("file", ["../../secret.txt", "/etc/passwd", "sub/beam.txt", ""])
def test_files_elsewhere_are_no_part_of_a_bundle(bundle, file):
    facts = json.loads((bundle / "metadata.json").read_text())
    facts["sha256"][file] = "0" * 64
    (bundle / "metadata.json").write_text(json.dumps(facts))
    refused(bundle)


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "/dev/zero"])
def test_what_is_no_ordinary_file_is_not_waited_for(bundle, kind):
    for name in ("metadata.json", hashed(bundle, ".h5")[0]):
        (bundle / name).rename(bundle / "kept")
        if kind == "pipe":
            os.mkfifo(bundle / name)
        elif kind == "folder":
            (bundle / name).mkdir()
        else:
            (bundle / name).symlink_to(name if kind == "loop" else kind)
        with pytest.raises(InputError):
            read_bundle(bundle)
        (bundle / name).rmdir() if kind == "folder" else (bundle / name).unlink()
        (bundle / "kept").rename(bundle / name)


def test_values_that_are_not_finite_are_refused(bundle):
    for name in hashed(bundle, ".h5"):
        with h5py.File(bundle / name, "a") as file:
            key = sorted(file)[0]
            file[key][...] = np.full(file[key].shape, np.nan)
        sealed(bundle, name)
        refused(bundle)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("usual", np.array(1.0)),
        ("usual", np.ones((2, 2))),
        ("slopes", np.full((3, 4), 1e300)),
        ("tail", np.full(6, 0.1 + 0.1j)),
        ("of_likelihood_tail", np.full(6, 0.7)),
    ],
)
def test_tables_of_a_recalibration_that_are_none(bundle, name, values):
    with h5py.File(bundle / "calibration.h5", "a") as file:
        assert name in file
        del file[name]
        file[name] = values
    sealed(bundle, "calibration.h5")
    refused(bundle)


def test_evidence_of_another_kind_of_contamination(bundle):
    with h5py.File(bundle / "calibration.h5", "a") as file:
        for name, rows in (("usual", 2), ("slopes", 3)):
            del file[name]
            file[name] = np.ones((rows, 2))
    sealed(bundle, "calibration.h5")
    assert "evidence" in refused(bundle)
