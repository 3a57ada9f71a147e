"""What a field takes in memory and on disk, before it is begun."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass

from szmass_cli.config import FieldConfig
from szmass_cli.errors import ConfigError
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.sky.fields import MARGIN_ARCMIN, PLANE_RADIUS_DEG, plane_pixel_arcmin
from szmass_cli.sky.harmonics import BLOCK_RINGS, last_multipole, n_coefficients
from szmass_cli.sky.patch import Patch

_PROGRAM_BYTES = 600_000_000  # Python with its libraries, CAMB's tables and blocks of pixels


@dataclass(frozen=True)
class Footprint:
    """Bytes that a field needs.

    Parameters
    ----------
    n_pixels : float
        Number of pixels of one map.
    memory_bytes, disk_bytes : float
        At the most at one time, and of all files.
    """

    n_pixels: float
    memory_bytes: float
    disk_bytes: float


def footprint(field: FieldConfig, instrument: Instrument) -> Footprint:
    """Estimate what a field takes; right to a few per cent for those that are large."""
    patch, bands = Patch.of(field), instrument.bands
    car = field.pixelisation == "car"
    if car:
        extent = patch.width_deg * (patch.north_deg - patch.south_deg)
        n_pixels = extent * 3600.0 / field.pixel_side_arcmin**2
    else:
        n_pixels = patch.area_sr * (10_800.0 / math.pi) ** 2 / field.pixel_side_arcmin**2
    number_bytes = 0 if car or patch.is_full_sky else 8  # the pixel's number, in memory and in the file
    # map and mask are kept; inverse variances are written as they are made
    kept = n_pixels * (4 + 4 + number_bytes)
    n_files = 2 * len(bands) + 1
    on_disk = n_files * n_pixels * (4 + min(number_bytes, 4))
    sky = _sky_bytes(patch, bands)
    if any(band.red_noise is not None for band in bands):
        sky *= 2.0  # red noise is made as the sky is
    if car and (field.pixel_averaging or not instrument.is_isotropic or instrument.stripes is not None):
        # the map with its margins, its modes, and what they are transformed back to
        kept += n_pixels * (4 + 8 + 8 + 4)
    return Footprint(n_pixels, kept + sky + _PROGRAM_BYTES, on_disk)


def _sky_bytes(patch: Patch, bands: Sequence[Band]) -> float:
    """Return the memory that making the Gaussian sky takes."""
    radius_deg = patch.bounding_circle_deg()[2]
    if radius_deg <= PLANE_RADIUS_DEG:
        side = (2.0 * radius_deg * 60.0 + MARGIN_ARCMIN) / plane_pixel_arcmin([band.beam for band in bands])
        # white noise and result of each band; modes, their transform and the random numbers
        return side**2 * 4 * (2 * len(bands) + 3)
    ell_max = max(last_multipole(band.beam) for band in bands)
    return 8 * n_coefficients(ell_max) + BLOCK_RINGS * ell_max * 24


def check_memory(field: FieldConfig, instrument: Instrument) -> None:
    """Refuse a field that does not fit into memory.

    Raises
    ------
    ConfigError
        With both numbers.
    """
    needed, there = footprint(field, instrument), available_bytes()
    if needed.memory_bytes > there:
        key = "nside" if field.pixelisation == "healpix" else "pixel_arcmin"
        raise ConfigError(
            f"field: {needed.n_pixels:,.0f} pixels need {needed.memory_bytes / 1e9:.1f} GB of memory, "
            f"and {there / 1e9:.1f} GB are there.",
            f"Make it smaller (field.width_deg, field.height_deg) or its pixels larger (field.{key}).",
        )


def available_bytes() -> float:
    """Return the memory that is available now; infinite where the system does not say."""
    try:
        with open("/proc/meminfo") as lines:
            values = dict(line.split(":", 1) for line in lines)
        return float(values["MemAvailable"].split()[0]) * 1024.0
    except (OSError, KeyError):
        pass
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return float("inf")
