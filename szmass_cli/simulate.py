"""Simulation as a stage: cutouts into HDF5, a survey field into FITS with its truth catalogue."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
from astropy.io import fits

from szmass_cli import __version__
from szmass_cli.blas import one_blas_thread
from szmass_cli.catalog import read_catalog
from szmass_cli.config import ClusterConfig, SplitConfig, SurveyConfig
from szmass_cli.errors import InputError
from szmass_cli.files import atomic_path, check_not_an_input, check_writable
from szmass_cli.hdf5 import Hdf5Sink
from szmass_cli.progress import Progress, silent
from szmass_cli.sky.cutouts import BLOCK, CutoutBlock, CutoutSimulator, Stream, block_generator
from szmass_cli.sky.survey import FieldClusters, SurveyField, random_clusters, simulate_field
from szmass_cli.stamp import N_PIXELS, PIXEL_ARCMIN, pixel_offsets_arcmin


def truth_path(output: Path) -> Path:
    """Where the truth catalogue of a field goes: ``field.fits`` has ``field_truth.csv`` beside it."""
    stem = output.name.removesuffix(".gz").removesuffix(".fits").removesuffix(".fit")
    return output.with_name(f"{stem}_truth.csv")


def clusters_from_catalog(path: str | Path, columns: Mapping[str, str] | None = None) -> FieldClusters:
    """Clusters to paint, from a catalogue with positions, redshifts and masses.

    Rows without a position, redshift or mass are left out.

    Raises
    ------
    InputError
        If the catalogue has no usable row or no mass column.
    """
    catalog = read_catalog(path, columns)
    m200c_msun = catalog.m200c_msun
    known = np.isfinite(catalog.ra_deg + catalog.dec_deg + catalog.redshift + m200c_msun)
    if not known.any():
        raise InputError(
            f"{path}: no row has a position, a redshift and a mass.", "Each painted cluster needs all three."
        )
    clusters = FieldClusters(catalog.names, catalog.ra_deg, catalog.dec_deg, catalog.redshift, m200c_msun)
    return clusters[known]


def simulate_survey_field(
    config: SurveyConfig,
    output: Path,
    *,
    seed: int,
    catalog: Path | None = None,
    columns: Mapping[str, str] | None = None,
    n_clusters: int = 100,
    overwrite: bool = False,
    progress: Progress = silent,
) -> SurveyField:
    """Simulate a field and write its map [µK_CMB] and truth catalogue.

    Parameters
    ----------
    config : SurveyConfig
    output : Path
        FITS file of the map; see `truth_path` for the other.
    seed : int
    catalog : Path, optional
        Clusters to paint; otherwise `n_clusters` are drawn from the configuration.
    columns : mapping, optional
        Role -> column name for the catalogue.
    n_clusters : int
    overwrite : bool
    progress : Progress

    Returns
    -------
    SurveyField

    Raises
    ------
    InputError, OutputError
    """
    truth = truth_path(output)
    for path in (output, truth):
        check_not_an_input(path, *([catalog] if catalog is not None else []))
        check_writable(path, overwrite)
    if catalog is not None:
        clusters = clusters_from_catalog(catalog, columns)
    else:
        clusters = random_clusters(config, block_generator(seed, Stream.USER, 0), n_clusters)
    field = simulate_field(config, clusters, seed, progress)
    (band,) = config.sky.build_bands()
    header = field.map_uk.wcs.to_header()
    header["BUNIT"] = ("uK", "thermodynamic (CMB) temperature")
    header["FREQ"] = (band.frequency_ghz, "[GHz]")
    header["BEAM"] = (band.beam.fwhm_arcmin, "[arcmin] FWHM of the beam")
    header["NOISE"] = (band.noise_uk_arcmin, "[uK arcmin] white noise")
    header["SEED"] = seed
    header["ORIGIN"] = f"szmass {__version__} simulate field"
    with (
        atomic_path(output, overwrite=overwrite) as map_part,
        atomic_path(truth, overwrite=overwrite) as part,
    ):
        fits.PrimaryHDU(np.asarray(field.map_uk), header).writeto(map_part)
        field.truth.write(part, format="ascii.csv")
    return field


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

    Returns
    -------
    int
        Number of cutouts written.

    Raises
    ------
    OutputError
        If the file is already there or cannot be written.
    """
    n = n or config.cutouts.n
    check_writable(path, overwrite)
    progress("sky", 0, 1)
    simulator = CutoutSimulator(config)
    progress("sky", 1, 1)
    blocks = drawn_in_parallel(
        simulator, config.cutout_clusters, n, seed, workers or len(os.sched_getaffinity(0))
    )
    with atomic_path(path, overwrite=overwrite) as part, Hdf5Sink(part) as sink, h5py.File(sink, "w") as file:
        file.attrs.update(config=config.to_yaml(), seed=seed, version=__version__)
        done = 0
        for block in map(apodised(config.cutouts.apodisation_arcmin), blocks):
            for field in fields(block):
                values = getattr(block, field.name)
                if done == 0:
                    chunks = (min(n, BLOCK), *values.shape[1:])
                    file.create_dataset(field.name, (n, *values.shape[1:]), values.dtype, chunks=chunks)
                file[field.name][done : done + len(block)] = values
            done += len(block)
            sink.check()
            progress("cutouts", done, n)
        for name in ("image", "sz"):
            file[name].attrs["unit"] = "uK_CMB"
            file[name].attrs["frequency_ghz"] = [band.frequency_ghz for band in simulator.bands]
        file["m200c"].attrs["unit"] = "Msun"
        if config.cutouts.split is not None:
            file["split"] = split_of(config.cutouts.split, n)
            file["split"].attrs["values"] = "0 train, 1 validation, 2 test"
    return n


def drawn_in_parallel(
    simulator: CutoutSimulator, clusters: ClusterConfig, n: int, seed: int, workers: int
) -> Iterator[CutoutBlock]:
    """The blocks of `CutoutSimulator.blocks`, in their order, some of them drawn ahead by threads."""

    def draw(index: int) -> CutoutBlock:
        rng = block_generator(seed, Stream.USER, index)
        return simulator.block(clusters, rng, index * BLOCK, min(n - index * BLOCK, BLOCK))

    ahead: deque[Future[CutoutBlock]] = deque()
    # held around all of them: each block, as it ends, would give the others' threads back
    with one_blas_thread(), ThreadPoolExecutor(workers) as pool:
        for index in range(-(-n // BLOCK)):
            ahead.append(pool.submit(draw, index))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def apodised(width_arcmin: float) -> Callable[[CutoutBlock], CutoutBlock]:
    """A function that tapers the images, not the labels, with a cosine of the given width at their edges."""
    if width_arcmin == 0.0:
        return lambda block: block
    distance = 0.5 * N_PIXELS * PIXEL_ARCMIN - np.abs(pixel_offsets_arcmin())
    taper = 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / width_arcmin, 0.0, 1.0))
    window = np.outer(taper, taper)[:, :, None].astype(np.float32)
    return lambda block: replace(block, image=block.image * window)


def split_of(split: SplitConfig, n: int) -> np.ndarray:
    """Which set each of n cutouts belongs to, in their order: 0 training, 1 validation, 2 test."""
    ends = np.round(n * np.cumsum([split.train, split.validation]))
    return np.searchsorted(ends, np.arange(n), side="right").astype(np.int8)
