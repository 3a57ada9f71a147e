"""Simulation as a stage: cutouts into HDF5; fields are made by `simulate_field`."""

from dataclasses import fields
from pathlib import Path

import h5py

from szmass_cli import __version__
from szmass_cli.config import SurveyConfig
from szmass_cli.fieldfiles import truth_path
from szmass_cli.files import atomic_path
from szmass_cli.hdf5 import Hdf5Sink
from szmass_cli.progress import Progress, silent
from szmass_cli.simulate_field import clusters_from_catalog, simulate_survey_field
from szmass_cli.sky.cutouts import BLOCK, CutoutSimulator, Stream

__all__ = ["clusters_from_catalog", "simulate_survey_field", "truth_path", "write_cutouts"]


def write_cutouts(
    config: SurveyConfig,
    n: int,
    seed: int,
    path: Path,
    overwrite: bool = False,
    progress: Progress = silent,
) -> None:
    """Simulate n cutouts into an HDF5 file, a block at a time.

    Parameters
    ----------
    config : SurveyConfig
    n : int
        Number of cutouts.
    seed : int
        Seed of every random number in the file.
    path : Path
        Appears when it is complete.
    overwrite : bool
        Whether a file already there is replaced.
    progress : Progress

    Raises
    ------
    OutputError
        If the file is already there or cannot be written.
    """
    simulator = CutoutSimulator(config)
    with atomic_path(path, overwrite=overwrite) as part, Hdf5Sink(part) as sink, h5py.File(sink, "w") as file:
        file.attrs.update(config=config.to_yaml(), seed=seed, version=__version__)
        done = 0
        for block in simulator.blocks(config.clusters, n, seed, Stream.USER):
            for field in fields(block):
                values = getattr(block, field.name)
                if done == 0:
                    chunks = (min(n, BLOCK), *values.shape[1:])
                    file.create_dataset(field.name, (n, *values.shape[1:]), values.dtype, chunks=chunks)
                file[field.name][done : done + len(block)] = values
            done += len(block)
            sink.check()
            progress("cutouts", done, n)
        file["image"].attrs["unit"] = file["sz"].attrs["unit"] = "uK_CMB"
        file["m200c"].attrs["unit"] = "Msun"
