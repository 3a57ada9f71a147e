"""What a simulation would do and how long it takes, by a small one that is thrown away."""

import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.simulation.cutouts import check_cutout_file
from szmass_cli.simulation.field import chosen_clusters, chosen_paths, simulate_survey_field
from szmass_cli.sky.cutouts import CutoutSimulator, Stream
from szmass_cli.sky.footprint import footprint
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.survey import FieldSimulation
from szmass_cli.system.progress import Progress, silent

TRIAL_DEG = (2.5, 5.0)
"""Sides of the fields that are made for a trial."""

TRIAL_SEED = 1


@dataclass(frozen=True)
class SimulationRehearsal:
    """What is understood of a simulation, and how long it will take.

    Parameters
    ----------
    bands : tuple of str
        One human-readable line for each band.
    contents : str
        What would be simulated, in words.
    outputs : tuple of str
        Files that would be written.
    gigabytes : float
        Their size on disk, before any compression.
    seconds : float
        Time that it will take on this machine, by the trial.
    """

    bands: tuple[str, ...]
    contents: str
    outputs: tuple[str, ...]
    gigabytes: float
    seconds: float


def rehearse_cutouts(
    config: SurveyConfig,
    output: Path,
    *,
    n: int | None,
    workers: int | None,
    overwrite: bool,
    progress: Progress = silent,
) -> SimulationRehearsal:
    """Check a simulation of cutouts, draw two blocks, and write nothing.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky``, ``clusters`` and ``cutouts`` sections.
    output : Path
        The HDF5 file that the simulation would write.
    n : int, optional
        Number of cutouts; the configuration's otherwise.
    workers : int, optional
        Blocks that would be drawn at the same time; one per core otherwise.
    overwrite : bool
        Whether a file that is already there may be replaced.
    progress : Progress
        Called with ``trial``, how much of it is done, and the total.

    Raises
    ------
    UsageError, OutputError, ConfigError
        What the simulation itself would refuse.
    """
    n = n or config.cutouts.n
    check_cutout_file(config, output, overwrite)
    progress("trial", 0, 2)
    begin = time.monotonic()
    simulator = CutoutSimulator(config)
    size = simulator.block_size
    blocks = simulator.blocks(config.cutout_clusters, 2 * size, TRIAL_SEED, Stream.USER)
    next(blocks)
    first = time.monotonic() - begin
    progress("trial", 1, 2)
    block = next(blocks)
    each = time.monotonic() - begin - first
    progress("trial", 2, 2)
    n_blocks = -(-n // size)
    at_once = min(workers or len(os.sched_getaffinity(0)), n_blocks)
    per_cutout = sum(values.nbytes for values in block.arrays().values()) / len(block)
    return SimulationRehearsal(
        _bands_in_words(config),
        f"{n:,} cutouts of {N_PIXELS} x {N_PIXELS} pixels, {_clusters_in_words(config)}",
        (str(output),),
        n * per_cutout / 1e9,
        first + max(n_blocks - 1, 0) * each / at_once,
    )


def rehearse_field(
    config: SurveyConfig,
    output: Path,
    *,
    seed: int,
    catalog: Path | None,
    columns: Mapping[str, str] | None,
    n_clusters: int | None,
    overwrite: bool,
    progress: Progress = silent,
) -> SimulationRehearsal:
    """Check a simulation of a field, make two small ones in its middle, and write nothing that stays.

    Parameters
    ----------
    config, output, seed, catalog, columns, n_clusters, overwrite
        As for `simulate_survey_field`.
    progress : Progress
        Called with ``trial``, how much of it is done, and the total.

    Raises
    ------
    InputError, UsageError, OutputError, ConfigError
        What the simulation itself would refuse.
    """
    paths = chosen_paths(config, output, catalog, n_clusters, overwrite)
    clusters = chosen_clusters(config, seed, catalog, columns, n_clusters)
    simulation = FieldSimulation(config, clusters, seed)
    per_deg2 = len(simulation.truth) / area_deg2(config)
    area, seconds = [], []
    for done, side in enumerate(TRIAL_DEG):
        progress("trial", done, len(TRIAL_DEG))
        small = _small(config, side)
        area.append(area_deg2(small))
        begin = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            n = max(1, round(per_deg2 * area[-1]))
            simulate_survey_field(small, Path(folder) / "trial.fits", seed=seed, n_clusters=n)
        seconds.append(time.monotonic() - begin)
    progress("trial", len(TRIAL_DEG), len(TRIAL_DEG))
    whole = area_deg2(config)
    size = footprint(config.field, simulation.instrument)
    return SimulationRehearsal(
        _bands_in_words(config),
        f"{simulation.pixels.description}; {len(simulation.truth):,} clusters",
        tuple(str(path) for path in paths.all),
        size.disk_bytes / 1e9,
        seconds_of_area(area, seconds, whole),
    )


def seconds_of_area(area: list[float], seconds: list[float], whole: float) -> float:
    """Return the time [s] that a field takes from those of two smaller ones, the first with all preparation.

    Parameters
    ----------
    area : list of float
        Areas of the two [deg^2], ascending.
    seconds : list of float
        Time that each took.
    whole : float
        Area of the field [deg^2].
    """
    if whole <= area[0]:
        return seconds[0]
    return seconds[0] + seconds[1] * (whole - area[0]) / area[1]


def area_deg2(config: SurveyConfig) -> float:
    """Return the area of a field [deg^2]."""
    return Patch.of(config.field).area_sr * np.degrees(1.0) ** 2


def _small(config: SurveyConfig, side_deg: float) -> SurveyConfig:
    """Return a configuration of the middle of its field, at most so many degrees wide and high."""
    field = config.field
    narrow = np.cos(np.radians(field.center_dec_deg))
    changes = {
        "height_deg": min(field.height_deg, side_deg),
        "width_deg": min(field.width_deg, side_deg / narrow),
        "apodisation_arcmin": min(field.apodisation_arcmin, 10.0 * side_deg),
    }
    return config.model_copy(update={"field": field.model_copy(update=changes)})


def _bands_in_words(config: SurveyConfig) -> tuple[str, ...]:
    """Return frequency, beam and noise of each band."""
    return tuple(
        f"{band.frequency_ghz:g} GHz, beam {band.beam.fwhm_arcmin:.3g}', {band.noise_uk_arcmin:.3g} µK-arcmin"
        for band in config.sky.build_bands()
    )


def _clusters_in_words(config: SurveyConfig) -> str:
    """Return which clusters are drawn."""
    clusters = config.cutout_clusters
    redshift = clusters.redshift if isinstance(clusters.redshift, float) else clusters.redshift.kind
    return f"masses {clusters.masses.kind}, redshift {redshift}"
