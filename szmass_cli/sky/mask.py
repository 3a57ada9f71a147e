"""The mask of a field, and how its depth varies."""

import numpy as np

from szmass_cli.config import FieldConfig
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.pixels import Part, Pixels, blocks
from szmass_cli.system.progress import Progress, silent


def cosine_taper(distance, width) -> np.ndarray:
    """Return a taper from 0 at distance 0 to 1 at a width and beyond; a step for no width."""
    if width <= 0:
        return np.where(np.asarray(distance) >= 0, 1.0, 0.0)
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.asarray(distance) / width, 0.0, 1.0))


def apodised_mask(
    field: FieldConfig,
    pixels: Pixels,
    rng: np.random.Generator,
    progress: Progress = silent,
    removed_deg: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Return the mask of a field: 1 inside, 0 in holes, with a cosine taper at the edges and around holes.

    Holes stand for masked point sources: a Poisson number of discs, spread evenly over the field, and with
    ``holes_at_sources`` one for each source that was removed.

    Parameters
    ----------
    field : FieldConfig
        Width of the taper, number and radius of holes, and the area that they are spread over.
    pixels : Pixels
        At whose centres the mask is evaluated.
    rng : numpy.random.Generator
        Draws the number of holes and their positions.
    progress : Progress
        Called with ``mask`` and how many pixels are done, then with ``holes`` and how many of them.
    removed_deg : (numpy.ndarray, numpy.ndarray), shape (s,), optional
        Right ascensions and declinations [deg] of removed sources.

    Returns
    -------
    numpy.ndarray, shape (pixels.size,), float32
    """
    patch, width_deg = Patch.of(field), field.apodisation_arcmin / 60.0
    mask = np.ones(pixels.size, np.float32)
    if width_deg > 0:
        for part in blocks(pixels.size):
            for distance in patch.edge_distance_deg(*pixels.ra_dec_deg(part)):
                mask[part] *= cosine_taper(distance, width_deg)
            progress("mask", part.stop, pixels.size)
    n_holes = rng.poisson(field.holes_per_deg2 * patch.area_sr * np.degrees(1.0) ** 2)
    ra_deg, dec_deg = patch.random_positions(rng, n_holes)
    if field.holes_at_sources and removed_deg is not None:
        ra_deg, dec_deg = np.append(ra_deg, removed_deg[0]), np.append(dec_deg, removed_deg[1])
    lon, lat = pixels.to_frame(ra_deg, dec_deg)
    radius, taper = field.hole_radius_arcmin * ARCMIN, field.apodisation_arcmin * ARCMIN
    for hole in range(len(lon)):
        number, distance = pixels.within(lon[hole], lat[hole], radius + taper)
        # the hole is closed: its rim is still 0
        mask[number] *= np.where(distance <= radius, 0.0, cosine_taper(distance - radius, taper))
        progress("holes", hole + 1, len(lon))
    return mask


def noise_uk(field: FieldConfig, pixels: Pixels, noise_uk_arcmin: float, part: Part) -> np.ndarray:
    """Return the standard deviation [µK] of the white noise in a part's pixels; see `shallowness`."""
    return noise_uk_arcmin / np.sqrt(pixels.area_arcmin2(part)) * depth_factor(field, pixels, part)


def depth_factor(field: FieldConfig, pixels: Pixels, part: Part) -> np.ndarray | float:
    """Return noise over that in the middle of the field, in pixels of a part of the map."""
    if field.depth_variation == 0 and field.scan_depth_variation == 0:
        return 1.0
    return shallowness(field, *pixels.ra_dec_deg(part))


def shallowness(field: FieldConfig, ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
    """Return the noise at positions over that in the middle of the field.

    It grows, as a cosine of the distance in right ascension and in declination, by the fraction
    ``depth_variation`` up to the edges; and it rises and falls across the direction of the scans, as where
    they overlap and where they do not, by the fraction ``scan_depth_variation``.
    """
    patch = Patch.of(field)
    middle = (patch.south_deg + patch.north_deg) / 2.0
    across = patch.offset_deg(ra_deg) / patch.width_deg
    upright = (dec_deg - middle) / (patch.north_deg - patch.south_deg)
    central = np.cos(np.pi * np.clip(across, -0.5, 0.5)) * np.cos(np.pi * np.clip(upright, -0.5, 0.5))
    edges = 1.0 + field.depth_variation * (1.0 - central)
    if field.scan_depth_variation == 0:
        return edges
    east, angle = (
        patch.offset_deg(ra_deg) * np.cos(np.radians(middle)),
        np.radians(field.scan_depth_angle_deg),
    )
    from_scan = (dec_deg - middle) * np.cos(angle) - east * np.sin(angle)
    wave = np.cos(2.0 * np.pi * from_scan / field.scan_depth_period_deg)
    return edges * (1.0 + field.scan_depth_variation * 0.5 * (1.0 - wave))
