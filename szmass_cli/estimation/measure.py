"""The path of a strip of rows: cutouts, network, calibration, with a flag for whatever is odd on the way."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError
from szmass_cli.estimation.bandmaps import BandMap, MapRequest, open_band_maps, together
from szmass_cli.estimation.meters import build_meter
from szmass_cli.estimation.reading import Meter, Reading, Stamps
from szmass_cli.estimation.rows import Rows
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.maps.cutouts import Cutouts, extract_cutouts, robust_rms
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.network.backend import one_thread_per_operation
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.posterior.priors import Prior
from szmass_cli.system.blas import one_blas_thread

MAX_BAD_FRACTION = 0.4
CORE_ARCMIN = 2.0
"""More bad pixels than this, or any within the core, and there is no mass; other holes are inpainted."""

N_LOOKED_AT = 100
PLAUSIBLE_RMS_RATIO = 50.0
"""A map whose fluctuations differ more than this from the training sky's is in another unit."""

_NO_MASS = (
    Flag.BAD_COORDINATES | Flag.OFF_MAP | Flag.MASKED | Flag.NONFINITE | Flag.REDSHIFT_OUTSIDE_CALIBRATION
)


@dataclass(frozen=True)
class Measured(Reading):
    """What came of n rows; NaN where there is no usable answer, with a flag that says why.

    Parameters
    ----------
    masked_fraction : numpy.ndarray, shape (n,)
        Fraction of the stamp without data; what else there is, see `Reading`.
    """

    masked_fraction: np.ndarray


def join(parts: Sequence[Measured]) -> Measured:
    """Rows of all parts, one after the other."""
    names = [field.name for field in fields(Measured)]
    return Measured(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Job:
    """All that a worker must know to measure rows, but for the rows: small, and data only.

    Parameters
    ----------
    maps : tuple of MapRequest
        One for each band of the model, in its order; absolute paths.
    model : Path
        A bundle's folder.
    percentiles : tuple of float
        Percentiles of the posterior to give, the median among them.
    prior : Prior
        The prior of these percentiles.
    batch_size : int
        Cutouts that go through the network at once.
    inputs : str
        `inputs_identity` of maps and model, which must be what a worker finds under their paths.
    """

    maps: tuple[MapRequest, ...]
    model: Path
    percentiles: tuple[float, ...]
    prior: Prior
    batch_size: int
    inputs: str


def inputs_identity(maps: Sequence[BandMap], bundle: Bundle) -> str:
    """Hexadecimal digits that differ for other maps, beams, masks, weights or models."""
    text = json.dumps([[band_map.identity() for band_map in maps], bundle.sha256], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Bench:
    """A job's maps and model, opened and ready.

    Numpy's linear algebra and each of the network's operations run in one thread, so that their sums have
    one order on any number of cores; cores are kept busy by measuring several strips at once.

    Parameters
    ----------
    job : Job
    n_threads : int
        Threads that the network may use.
    """

    def __init__(self, job: Job, n_threads: int):
        one_thread_per_operation(n_threads)
        bundle = read_bundle(job.model)
        self._maps = open_band_maps(job.maps, bundle)
        if inputs_identity(self._maps, bundle) != job.inputs:
            names = ", ".join(str(one.path) for one in job.maps)
            raise InputError(
                f"{names}, or the model {job.model}: not the files that the run began with.",
                "Do not change them during a run. Workers elsewhere must see the same; cp -p keeps dates.",
            )
        with one_blas_thread():
            bands = [one.band for one in self._maps]
            self._meter = build_meter(bundle, bands, job.percentiles, job.batch_size, job.prior)

    def __call__(self, rows: Rows) -> Measured:
        """Measure one strip; may be called from several threads at once."""
        return measure_strip(self._maps, rows, self._meter)


def measure_strip(maps: Sequence[BandMap], rows: Rows, meter: Meter) -> Measured:
    """Measure a strip of rows: the same rows give the same bytes, whatever else is measured.

    Parameters
    ----------
    maps : sequence of BandMap
        One for each band of the model.
    rows : Rows
        A few hundred at most: their cutouts are in memory at once.
    meter : Meter

    Returns
    -------
    Measured
    """
    in_bands = [band_map.cutouts(rows) for band_map in maps]
    cutouts = together(in_bands)
    flags = rows.flags | cutout_flags(cutouts, ~np.isfinite(rows.ra_deg + rows.dec_deg))
    usable = np.flatnonzero(((flags & _NO_MASS) == 0) & np.isfinite(rows.redshift))
    masses = np.full((len(rows), len(meter.percentiles)), np.nan)
    own_median, snr = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    if usable.size:
        bad = np.stack([band.bad[usable] for band in in_bands], axis=-1)
        images, chosen = cutouts.images[usable], rows[usable]
        noise = maps[0].noise_uk_arcmin(chosen)
        if bad.any():  # the covariance of all pixels is large, and made when it is first asked for
            images = meter.filled(images, bad, noise)
        found = meter(Stamps(images, chosen.redshift, chosen.redshift_err, noise))
        masses[usable], snr[usable] = found.m200c_msun, found.sz_snr
        own_median[usable] = found.own_prior_median_msun
        flags[usable] |= found.flags | np.where(bad.any(axis=(1, 2, 3)), int(Flag.INPAINTED), 0)
        for band_map in maps:
            flags[usable] |= band_map.row_flags(chosen)
    return Measured(masses, own_median, snr, flags, cutouts.bad_fraction)


def cutout_flags(cutouts: Cutouts, bad_position: np.ndarray) -> np.ndarray:
    """Flags (n,) that follow from a row's position and from the pixels of its stamp."""
    flags = np.zeros(len(bad_position), np.int32)
    flags[bad_position] |= Flag.BAD_COORDINATES
    flags[cutouts.off_map & ~bad_position] |= Flag.OFF_MAP
    on_map = ~cutouts.off_map & ~bad_position
    flags[cutouts.cut_by_edge & on_map] |= Flag.CUT_BY_EDGE
    core = (cutouts.bad & (pixel_radii_arcmin() < CORE_ARCMIN)).any(axis=(1, 2))
    masked = (cutouts.bad_fraction > MAX_BAD_FRACTION) | core
    flags[masked & on_map] |= Flag.MASKED
    mostly_nan = cutouts.nonfinite_fraction > 0.5 * cutouts.bad_fraction
    flags[masked & mostly_nan & on_map] |= Flag.NONFINITE
    return flags


def check_plausible(sky_map: SkyMap, rows: Rows, expected_rms_uk: float) -> None:
    """Refuse a map whose unit, not stated by the user, makes its sky absurdly faint or bright.

    Looked at are rows from all over the catalogue, until there are `N_LOOKED_AT` with data around them.

    Parameters
    ----------
    sky_map : SkyMap
    rows : Rows
    expected_rms_uk : float
        Of a pixel of the training sky, noise included.

    Raises
    ------
    InputError
        If the map's values cannot be in the unit that was assumed.
    """
    if sky_map.units.source == "option":
        return
    # in an order of chance, since catalogues are sorted in some way
    order = np.random.default_rng(0).permutation(len(rows))
    values: list[np.ndarray] = []
    for start in range(0, len(rows), N_LOOKED_AT):
        some = rows[order[start : start + N_LOOKED_AT]]
        cutouts = extract_cutouts(sky_map, some.ra_deg, some.dec_deg)
        values += [cutouts.images[i][~cutouts.bad[i]] for i in np.flatnonzero(~cutouts.off_map)]
        if len(values) >= N_LOOKED_AT:
            break
    if not values:
        return
    found = robust_rms(np.concatenate(values))
    if not 1.0 / PLAUSIBLE_RMS_RATIO < found / expected_rms_uk < PLAUSIBLE_RMS_RATIO:
        raise InputError(
            f"{sky_map.path}: read as {sky_map.units.label} ({sky_map.units.source}), its fluctuations are "
            f"{found:.3g} µK; the model's sky has {expected_rms_uk:.3g} µK.",
            "The unit is hardly right: give --units K, mK, uK or y.",
        )
