"""A job's opened maps and model, and how a strip of rows is measured with them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Lock, Semaphore

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.fades import without_fading
from szmass_cli.estimation.injected import Injected, Painter, Population
from szmass_cli.estimation.measured import Measured, nothing_measured
from szmass_cli.estimation.method import Meter, Method, method_of
from szmass_cli.estimation.request import MapRequest, SkyRequest
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.seen import Seen
from szmass_cli.estimation.settled import Settled, Wanted
from szmass_cli.estimation.strips import Strip
from szmass_cli.network.backend import one_thread_per_operation
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.system.blas import one_blas_thread

CUTTING_SHARE = 4
"""Threads for each one that may cut cutouts at a time; cutting is a fifth of the work with one band."""


@dataclass(frozen=True)
class Job:
    """All that a worker needs to measure rows, except the rows themselves: small, plain data.

    Parameters
    ----------
    maps : tuple of MapRequest
        One for each band, in the order of the bands; absolute paths.
    model : Path
        Folder of the model bundle.
    sky : SkyRequest
        Properties of sky and clusters stated in place of the model's own.
    settled : Settled
        Noise and pixel sizes determined from the maps before the run.
    wanted : Wanted
        Percentiles, prior and curves to compute.
    inputs : str
        `inputs_identity` of maps and model; the files that a worker finds must have the same.
    """

    maps: tuple[MapRequest, ...]
    model: Path
    sky: SkyRequest
    settled: Settled
    wanted: Wanted
    inputs: str


def inputs_identity(maps: Sequence[BandMap], model_sha256: str) -> str:
    """Return a hexadecimal digest that changes with the maps, beams, masks, weights or model."""
    text = json.dumps([[band_map.identity for band_map in maps], model_sha256], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Bench:
    """A job's maps and model, opened.

    Numpy's linear algebra and each of the network's operations run in one thread, so that the order of
    summation does not depend on the number of cores; several strips are measured concurrently instead.

    Parameters
    ----------
    job : Job
        Paths of maps and model, and the settings of the measurement.
    method : Method
        How the job's model turns maps into masses.
    maps : sequence of BandMap
        The job's maps, already open, in the order of the bands.
    """

    def __init__(self, job: Job, method: Method, maps: Sequence[BandMap]):
        self.job, self.maps = job, tuple(maps)
        self._method = method
        self._meter: Meter | None = None
        self._painter: Painter | None = None
        self._cutting, self._painting = Semaphore(), Lock()

    @cached_property
    def white_uk_arcmin(self) -> np.ndarray:
        """Return the white noise (f,) of the bands [µK-arcmin] where there are no inverse variances."""
        return np.array([NoiseLevel.parse(level).white_uk_arcmin for level in self.job.settled.noise])

    @property
    def mass_range_msun(self) -> tuple[float, float]:
        """Return the mass range of the priors, M200c [Msun]."""
        return self._method.mass_range_msun

    @property
    def population(self) -> Population | None:
        """Return the clusters that the model's posteriors are of; None where they cannot be checked."""
        return self._method.population

    def y0_noise(self, theta500_arcmin: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """Return sigma of the central Compton y (k, m) at sizes (m,), for white noises (k, f) of bands."""
        return self._method.y0_noise(self.maps, self.job.settled, theta500_arcmin, noise_uk_arcmin)

    @classmethod
    def open(cls, job: Job) -> "Bench":
        """Open the maps and the model of a job, as a worker does.

        Raises
        ------
        InputError
            The files are not those that the run started with.
        """
        bundle = read_bundle(job.model)
        method = method_of(bundle, job.sky)
        maps = method.open_maps(job.maps)
        if inputs_identity(maps, bundle.sha256) != job.inputs:
            names = ", ".join(str(one.path) for one in job.maps)
            raise InputError(
                f"{names}, or the model {job.model}: not the files that the run began with.",
                "Do not change them during a run. Workers elsewhere must see the same; cp -p keeps dates.",
            )
        return cls(job, method, maps)

    def ready(self, n_threads: int) -> "Bench":
        """Load the network, limited to a number of threads, and return the bench."""
        # cutting is many small steps that hold the interpreter: two threads at it are slower than one
        self._cutting = Semaphore(max(1, n_threads // CUTTING_SHARE))
        if self._meter is None:
            one_thread_per_operation(n_threads)
            with one_blas_thread():
                self._meter = self._method.meter(self.maps, self.job.settled, self.job.wanted)
        return self

    def __call__(self, rows: Rows) -> Measured:
        """Measure one strip; the results are bitwise identical whatever else is measured.

        May be called from several threads at once.

        Parameters
        ----------
        rows : Rows
            At most a few hundred rows, since all of their cutouts are held in memory. Of injected clusters
            the signal is added to the cutouts, and curves are kept.
        """
        assert self._meter is not None  # made ready
        wanted = self.job.wanted
        with self._cutting:
            strip = self._cut(rows)
        if isinstance(rows, Injected):
            wanted = replace(wanted, curves=True)
            strip = self._painted(strip, rows)
        found = nothing_measured(strip, wanted, self.white_uk_arcmin)
        measurable = strip.measurable
        if measurable.size:
            found.put(measurable, self._meter(strip[measurable], wanted))
        return found

    def _cut(self, rows: Rows) -> Strip:
        """Return the cutouts of a strip, with the noise of its rows as far as it is known."""
        settled = self.job.settled
        strip, measured = self._method.cut(self.maps, rows), settled.measured
        strip = without_fading(strip, self.maps, settled.fades)
        if measured is None:
            return strip
        noise = measured.noise_uk_arcmin(strip.noise_uk_arcmin, rows.ra_deg, rows.dec_deg)
        return replace(strip, noise_uk_arcmin=noise)

    def view(self, row: Rows) -> Seen:
        """Return images and curves of a single row; its numbers are those that measuring it gives.

        Parameters
        ----------
        row : Rows
            The one row.
        """
        assert self._meter is not None  # made ready
        strip = self._cut(row)
        with one_blas_thread():
            return Seen.of(strip, self._meter.view(strip, self.job.wanted) if strip.measurable.size else None)

    def _painted(self, strip: Strip, injected: Injected) -> Strip:
        """Return cutouts with clusters added; what paints them is made with the first."""
        with self._painting:
            if self._painter is None:
                self._painter = self._method.painter(self.maps, self.job.settled)
        return self._painter(strip, injected)
