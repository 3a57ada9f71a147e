"""Stamps of a simulated universe: the halos of a Compton-y map behind a survey's beam, with their masses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import fft, ndimage

from szmass_cli.catalog import Catalog, read_catalog
from szmass_cli.errors import InputError
from szmass_cli.geometry import N_PIXELS
from szmass_cli.maps import SkyMap, open_map
from szmass_cli.maps.cutoutpixels import CutoutPixels, lay_cutouts
from szmass_cli.maps.sampling import pixels_per_arcmin
from szmass_cli.physics.beams import AnyBeam
from szmass_cli.physics.cosmology import (
    MASS_RANGE_MSUN,
    PLANCK18,
    REDSHIFT_RANGE,
    Cosmology,
    m200c_from_m500c,
)
from szmass_cli.sky.ystamps import beam_is_resolved, beam_reach_arcmin, lattice_transfer
from szmass_cli.system.progress import Progress, silent

_SPLINE_ORDER = 5
_ABSURD_Y = 1.0  # no cluster's gas scatters every photon; UNSEEN is -1.6e30


@dataclass(frozen=True)
class HaloStamps:
    """Halos of a map that can be made into cutouts.

    Attributes
    ----------
    y : (n, 40, 40) array
        Compton y behind the beam at the pixels' centres, as `szmass_cli.geometry` lays them.
    m200c_msun, redshift : (n,) array
        M200c [Msun], whichever mass the catalogue gives; redshift.
    row : (n,) array
        Rows of the catalogue, from 0.
    n_incomplete : int
        Rows left out for want of a position, a redshift or a mass.
    n_unselected : int
        Rows left out because mass or redshift were not asked for.
    n_off_map : int
        Rows left out because the stamp, or what the beam carries into it, is not all on the map.
    """

    y: np.ndarray
    m200c_msun: np.ndarray
    redshift: np.ndarray
    row: np.ndarray
    n_incomplete: int
    n_unselected: int
    n_off_map: int


def halo_stamps(
    y_map: str | Path,
    halos: str | Path,
    beams: tuple[AnyBeam, ...],
    *,
    columns: Mapping[str, str] | None = None,
    m200c_range_msun: tuple[float, float] = MASS_RANGE_MSUN,
    redshift_range: tuple[float, float] = REDSHIFT_RANGE,
    cosmology: Cosmology = PLANCK18,
    progress: Progress = silent,
) -> tuple[HaloStamps, ...]:
    """Cut the halos of a catalogue out of a Compton-y map without a beam, and put them behind beams.

    Parameters
    ----------
    y_map : path
        Any map that `open_map` opens, in Compton y; values are means over pixels, as a simulation's are.
    halos : path
        Catalogue with positions, redshifts and M200c, or else M500c, [1e14 Msun] where it states no unit.
    beams : tuple of AnyBeam
        One set of stamps is made for each.
    columns : mapping, optional
        Role -> column name for the catalogue.
    m200c_range_msun, redshift_range : (float, float)
        Ranges of M200c [Msun] and redshift of the halos to use.
    cosmology : Cosmology
        The simulation's, for M500c -> M200c.
    progress : Progress
        Called with ``halos`` and how many have been cut out or found off the map.

    Returns
    -------
    tuple of HaloStamps
        One per beam, with the same halos in the catalogue's order.

    Raises
    ------
    InputError
        The map is no Compton-y map, or too coarse for a beam; the catalogue has no masses or redshifts; no
        halo is left.

    Notes
    -----
    A cluster's centre is too steep for the pixels of such a map, so nothing is interpolated before the beam
    is in: each halo's surroundings are beamed on the map's own pixels, and the pixels' window is taken out
    (`sky.ystamps.lattice_transfer`). What is left is smooth, and is brought to the stamp by quintic splines.
    M500c becomes M200c with the concentrations of Diemer & Kravtsov (2015), as in Gupta & Reichardt (2020).
    """
    sky_map = open_y_map(y_map)
    for beam in beams:
        if not beam_is_resolved(beam, sky_map.pixel_arcmin):
            raise InputError(
                f"{y_map}: its pixels of {sky_map.pixel_arcmin:.3g}' are too coarse for a beam of "
                f"{beam.fwhm_arcmin:.3g}'.",
                "Use a map with pixels of half the beam or less.",
            )
    catalog = read_catalog(halos, columns)
    mass, redshift = _masses(catalog, cosmology), catalog.redshift
    complete = np.isfinite(catalog.ra_deg + catalog.dec_deg + redshift + mass)
    if not complete.any():
        raise InputError(
            f"{halos}: no row has a position, a redshift and a mass within {MASS_RANGE_MSUN[0]:g} to "
            f"{MASS_RANGE_MSUN[1]:g} Msun.",
            "Masses are read in 1e14 Msun unless the column states its unit.",
        )
    wanted = complete & _within(mass, m200c_range_msun) & _within(redshift, redshift_range)
    if not wanted.any():
        raise InputError(
            f"{halos}: no halo of {m200c_range_msun[0]:g} to {m200c_range_msun[1]:g} Msun (M200c) has a "
            f"redshift of {redshift_range[0]:g} to {redshift_range[1]:g}.",
            "Masses are read in 1e14 Msun unless the column states its unit.",
        )
    rows = np.flatnonzero(wanted)
    whole, y = _cut(sky_map, catalog.ra_deg[rows], catalog.dec_deg[rows], beams, progress)
    if not whole.any():
        raise InputError(
            f"{y_map}: none of the {len(rows):,} halos asked for lies on the map with its surroundings.",
            "Compare the catalogue's positions with the map.",
        )
    counts = (int(np.sum(~complete)), int(np.sum(complete & ~wanted)), int(np.sum(~whole)))
    kept = rows[whole]
    return tuple(HaloStamps(stamps[whole], mass[kept], redshift[kept], kept, *counts) for stamps in y)


def open_y_map(path: str | Path) -> SkyMap:
    """Open a map of the Compton parameter; one that states no unit is taken as that.

    Raises
    ------
    InputError
        It cannot be opened, or says that it is in another unit.
    """
    sky_map = open_map(path, units=None)
    if sky_map.units.source == "header" and sky_map.units.label != "y":
        raise InputError(
            f"{path} is in {sky_map.units.label}, not in Compton y.",
            "Give the Compton-y map of the simulation; if it is one, correct BUNIT (or TUNIT).",
        )
    return sky_map


def _masses(catalog: Catalog, cosmology: Cosmology) -> np.ndarray:
    """Return the M200c [Msun] of every row, NaN where it is unknown or beyond what can be converted."""
    h = cosmology.h0_km_s_mpc / 100.0
    if "m200c" in catalog.roles or "m500c" not in catalog.roles:
        mass = catalog.masses_msun("m200c", h)
        return np.where(_within(mass, MASS_RANGE_MSUN), mass, np.nan)
    m500c, redshift = catalog.masses_msun("m500c", h), catalog.redshift
    low, high = MASS_RANGE_MSUN
    # M200c is larger by half; the upper limit leaves room for that
    known = _within(m500c, (low, 0.5 * high)) & _within(redshift, REDSHIFT_RANGE)
    mass = np.full(len(m500c), np.nan)
    mass[known] = m200c_from_m500c(m500c[known], redshift[known], cosmology)
    return mass


def _within(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (values >= limits[0]) & (values <= limits[1])


def _cut(
    sky_map: SkyMap, ra_deg: np.ndarray, dec_deg: np.ndarray, beams: tuple[AnyBeam, ...], progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return which halos (n,) are on the map, and the stamps (beams, n, 40, 40) of those."""
    laid = lay_cutouts(sky_map, ra_deg, dec_deg)
    y = np.zeros((len(beams), len(ra_deg), N_PIXELS, N_PIXELS))
    whole = np.zeros(len(ra_deg), bool)
    margin = int(np.ceil(max(beam_reach_arcmin(beam) for beam in beams) / sky_map.pixel_arcmin)) + 1
    for i in range(len(ra_deg)):
        cut = _beamed(sky_map, laid, i, beams, margin)
        if cut is not None:
            y[:, i], whole[i] = cut, True
        progress("halos", i + 1, len(ra_deg))
    return whole, y


def _beamed(
    sky_map: SkyMap, laid: CutoutPixels, i: int, beams: tuple[AnyBeam, ...], margin: int
) -> np.ndarray | None:
    """Return stamp i behind each beam, (beams, 40, 40).

    None if the stamp is not all on the map, or the map bends there.
    """
    pixels = laid.pixels[i]
    if laid.rough[i] or np.isnan(pixels).any():
        return None
    low = np.floor(pixels.min(axis=(0, 1))).astype(int) - margin
    high = np.ceil(pixels.max(axis=(0, 1))).astype(int) + margin + 1
    window, outside = sky_map.read(laid.charts[i], (low[0], high[0]), (low[1], high[1]))
    if outside.any() or not np.all(np.abs(window) < _ABSURD_Y):
        return None
    # a smooth end: the opposite edges of the window meet within its margin
    size = [fft.next_fast_len(length, real=True) for length in window.shape]
    modes = fft.rfft2(
        np.pad(window, [(0, n - m) for n, m in zip(size, window.shape, strict=True)], mode="edge")
    )
    places = np.moveaxis(pixels - low, -1, 0)
    cut = np.empty((len(beams), N_PIXELS, N_PIXELS))
    for stamp, beam in zip(cut, beams, strict=True):
        transfer = lattice_transfer((size[0], size[1]), pixels_per_arcmin(pixels), beam)
        smooth = fft.irfft2(modes * transfer, s=size)
        stamp[:] = ndimage.map_coordinates(smooth, places, order=_SPLINE_ORDER, mode="nearest")
    return cut
