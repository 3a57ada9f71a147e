"""Labelled cutouts into HDF5: simulated clusters, or the halos of a user's Compton-y map."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from szmass_cli import __version__
from szmass_cli.config import ClusterConfig, SplitConfig, SurveyConfig
from szmass_cli.errors import ConfigError
from szmass_cli.geometry import ORIENTATION, PIXEL_ARCMIN, edge_taper
from szmass_cli.physics.bands import Band
from szmass_cli.physics.gnfw import PROFILES
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.simulation.lightcone import HaloStamps, halo_stamps
from szmass_cli.sky.cutouts import BLOCK, CutoutBlock, CutoutSimulator, Stream, block_generator
from szmass_cli.sky.signalsource import Signals
from szmass_cli.system.blas import one_blas_thread
from szmass_cli.system.files import atomic_path, check_not_an_input, check_suffix, check_writable
from szmass_cli.system.hdf5 import Hdf5Sink
from szmass_cli.system.progress import Progress, silent

SUFFIXES = (".h5", ".hdf5")
"""Of files of cutouts."""


def write_cutouts(
    config: SurveyConfig,
    path: Path,
    *,
    seed: int,
    n: int | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> int:
    """Simulate cutouts into an HDF5 file, a block at a time.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky``, ``clusters`` and ``cutouts`` sections: instrument and sky, what is drawn, and the taper.
    path : Path
        Appears when it is complete.
    seed : int
        Seed of every random number in the file.
    n : int, optional
        Number of cutouts; the configuration's otherwise.
    workers : int, optional
        Blocks that are drawn at the same time, which changes nothing but the speed; otherwise one per core.
    overwrite : bool
        Whether a file already there is replaced.
    progress : Progress
        Called with ``sky`` while its power is computed, then with ``cutouts`` and how many are written.

    Returns
    -------
    int
        Number of cutouts written.

    Raises
    ------
    UsageError
        If the file's suffix is none of `SUFFIXES`.
    OutputError
        If the file is already there or cannot be written.
    SzmassError
        If the clusters are irregular and `pitszi` is not installed.
    """
    n = n or config.cutouts.n
    check_cutout_file(config, path, overwrite)
    simulator = _simulator(config, progress)
    workers = workers or len(os.sched_getaffinity(0))
    blocks = drawn_in_parallel(simulator, config.cutout_clusters, n, seed, workers)
    _write(path, config, simulator, n, seed, blocks, {}, overwrite, progress)
    return n


def check_cutout_file(config: SurveyConfig, path: Path, overwrite: bool, *inputs: Path) -> None:
    """Refuse a file of cutouts that cannot be written, or is an input.

    Raises
    ------
    UsageError, OutputError
    """
    check_not_an_input(path, *inputs, *config.data_files)
    check_suffix(path, SUFFIXES)
    check_writable(path, overwrite)


@dataclass(frozen=True)
class HaloCounts:
    """What became of the rows of a halo catalogue."""

    written: int
    incomplete: int
    off_map: int


def write_halo_cutouts(
    config: SurveyConfig,
    y_map: Path,
    halos: Path,
    path: Path,
    *,
    seed: int,
    columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> HaloCounts:
    """Make cutouts of the halos of a Compton-y map, on simulated skies, into an HDF5 file.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky`` section, objects painted around the halos included, ``cutouts.apodisation_arcmin``, and
        ``clusters.relativistic``.
    y_map : Path
        A simulation's map of Compton y without a beam; see `halo_stamps`.
    halos : Path
        Its halos: positions, redshifts, M200c or M500c.
    path : Path
        Appears when it is complete. It has one dataset more than that of `write_cutouts`: ``row``, the halo's
        row in the catalogue, from 0.
    seed : int
        Of all that is drawn: sky and noise, and the objects that a realistic sky has.
    columns : mapping, optional
        Role -> column name for the catalogue.
    overwrite : bool
        Whether a file already at `path` is replaced.
    progress : Progress
        Called with ``halos`` as they are cut out of the map, then as by `write_cutouts`.

    Returns
    -------
    HaloCounts

    Raises
    ------
    InputError, UsageError, OutputError
    """
    check_cutout_file(config, path, overwrite, y_map, halos)
    bands, cosmology = config.sky.build_bands(), config.sky.cosmology.build()
    check_reach(bands)
    beams = tuple(band.optics for band in bands)
    stamps = halo_stamps(y_map, halos, beams, columns=columns, cosmology=cosmology, progress=progress)
    simulator = _simulator(config, progress)
    first = stamps[0]
    blocks = _on_skies(config, simulator, stamps, seed)
    rows = {"row": first.row}
    _write(path, config, simulator, len(first.row), seed, blocks, rows, overwrite, progress)
    return HaloCounts(len(first.row), first.n_incomplete, first.n_off_map)


def _simulator(config: SurveyConfig, progress: Progress) -> CutoutSimulator:
    progress("sky", 0, 1)
    simulator = CutoutSimulator(config)
    progress("sky", 1, 1)
    return simulator


def drawn_in_parallel(
    simulator: CutoutSimulator, clusters: ClusterConfig, n: int, seed: int, workers: int
) -> Iterator[CutoutBlock]:
    """Yield the blocks of `CutoutSimulator.blocks`, in their order, some of them drawn ahead by threads."""
    size = simulator.block_size

    def draw(index: int) -> CutoutBlock:
        rng = block_generator(seed, Stream.USER, index)
        return simulator.block(clusters, rng, index * size, min(n - index * size, size))

    ahead: deque[Future[CutoutBlock]] = deque()
    # held around all of them: each block, as it ends, would give the others' threads back
    with one_blas_thread(), ThreadPoolExecutor(workers) as pool:
        for index in range(-(-n // size)):
            ahead.append(pool.submit(draw, index))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def check_reach(bands: Sequence[Band]) -> None:
    """Refuse filters, which carry into a cutout what lies degrees away.

    Raises
    ------
    ConfigError
        With the band.
    """
    for band in bands:
        if band.transfer is not None:
            raise ConfigError(
                f"transfer_file of {band.frequency_ghz:g} GHz: halos are cut out of a map with as much "
                "around them as the beam reaches, and a filter reaches over degrees.",
                "Leave transfer_file out, or filter the map of Compton y before.",
            )


def _hot_gas(config: SurveyConfig, halos: HaloStamps) -> np.ndarray:
    """Return the temperatures [keV] of the halos' gas, (n,); 0 without relativistic corrections."""
    if not config.clusters.relativistic:
        return np.zeros(len(halos.row))
    model = config.clusters.sz_model(config.sky.cosmology.build())
    return np.asarray(cluster_scales(halos.m200c_msun, halos.redshift, model).kt_kev)


def _on_skies(
    config: SurveyConfig, simulator: CutoutSimulator, stamps: tuple[HaloStamps, ...], seed: int
) -> Iterator[CutoutBlock]:
    """Yield blocks of halos, each halo on a sky of its own."""
    hot, responses = _hot_gas(config, stamps[0]), [band.response for band in simulator.bands]
    n = len(stamps[0].row)
    for index in range(-(-n // BLOCK)):
        part = slice(index * BLOCK, min((index + 1) * BLOCK, n))
        y = np.stack([beamed.y[part] for beamed in stamps], axis=-1)
        uk_per_y = np.stack([response.tsz_uk_per_y(hot[part]) for response in responses], axis=-1)
        sz = (y * uk_per_y[:, None, None, :]).astype(np.float32)
        rng = block_generator(seed, Stream.USER, index)
        bare = simulator.observer.draw(rng, BLOCK)[: len(sz)]
        mass, redshift = stamps[0].m200c_msun[part], stamps[0].redshift[part]
        yield simulator.surrounded(bare, Signals(sz, sz, np.ones(len(sz))), mass, redshift, rng)[0]


def _write(
    path: Path,
    config: SurveyConfig,
    simulator: CutoutSimulator,
    n: int,
    seed: int,
    blocks: Iterator[CutoutBlock],
    further: Mapping[str, np.ndarray],
    overwrite: bool,
    progress: Progress,
) -> None:
    """Write n cutouts as they come, and further datasets."""
    with atomic_path(path, overwrite=overwrite) as part, Hdf5Sink(part) as sink, h5py.File(sink, "w") as file:
        file.attrs.update(config=config.to_yaml(), seed=seed, version=__version__)
        file.attrs.update(pixel_arcmin=PIXEL_ARCMIN, orientation=ORIENTATION)
        file.attrs["beam_fwhm_arcmin"] = [band.beam.fwhm_arcmin for band in simulator.bands]
        done = 0
        for block in map(apodised(config.cutouts.apodisation_arcmin), blocks):
            for name, values in block.arrays().items():
                if done == 0:
                    chunks = (min(n, BLOCK), *values.shape[1:])
                    file.create_dataset(name, (n, *values.shape[1:]), values.dtype, chunks=chunks)
                file[name][done : done + len(block)] = values
            done += len(block)
            sink.check()
            progress("cutouts", done, n)
        for name in ("image", "sz"):
            file[name].attrs["unit"] = "uK_CMB"
            file[name].attrs["frequency_ghz"] = [band.frequency_ghz for band in simulator.bands]
        file["m200c"].attrs["unit"] = "Msun"
        for name, (key, value) in _ATTRIBUTES.items():
            if name in file:
                file[name].attrs[key] = value
        for name, dataset in further.items():
            file[name] = dataset
        if config.cutouts.split is not None:
            file["split"] = split_of(config.cutouts.split, n)
            file["split"].attrs["values"] = "0 train, 1 validation, 2 test"


_ATTRIBUTES = {
    "offset_arcmin": ("axes", "north, west"),
    "second_offset_arcmin": ("axes", "north, west"),
    "profile": ("values", ", ".join(f"{index} {name}" for index, name in enumerate(PROFILES))),
    "position_angle_deg": ("from", "north through east"),
    "depth": ("meaning", "noise of the image over that of the configuration"),
    "calibration": ("meaning", "fraction by which the image is too bright, per band"),
    "beam_error": ("meaning", "standard deviations of each mode of the beam's error, per band"),
}
"""Of datasets that are there where something is drawn."""


def apodised(width_arcmin: float) -> Callable[[CutoutBlock], CutoutBlock]:
    """Return a function that tapers the images, not the labels, with a cosine of this width at the edges."""
    if width_arcmin == 0.0:
        return lambda block: block
    window = edge_taper(width_arcmin)[:, :, None].astype(np.float32)
    return lambda block: replace(block, image=block.image * window)


def split_of(split: SplitConfig, n: int) -> np.ndarray:
    """Return which set each of n cutouts belongs to, in their order: 0 training, 1 validation, 2 test."""
    ends = np.round(n * np.cumsum([split.train, split.validation]))
    return np.searchsorted(ends, np.arange(n), side="right").astype(np.int8)
