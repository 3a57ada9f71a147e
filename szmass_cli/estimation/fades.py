"""Cutouts near the edges of maps that fade there: put up again, flagged, or given up."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.strips import Strip
from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.maps.fading import LEAST_LEFT, Fade

TOLERATED = 0.97
"""Of the amplitude: where more is left at the cluster, a row is not flagged."""


def without_fading(strip: Strip, maps: Sequence[BandMap], fades: Sequence[tuple[float, ...]]) -> Strip:
    """Return cutouts divided by what is left of the sky where maps fade.

    Rows that are damped by more than `TOLERATED` says are flagged ``UNCALIBRATED_MAP``. Where less than
    `LEAST_LEFT` is left at the centre, the map is taken to have no data.

    Parameters
    ----------
    strip : Strip
        The n rows with their cutouts in f bands.
    maps : sequence of BandMap, length f
        The opened maps.
    fades : sequence of tuple of float, length f, or empty
        Amplitudes of the `Fade` of each band, none where the map does not fade.
    """
    if not any(fades):
        return strip
    images, usable, flags = strip.images_uk.copy(), strip.usable.copy(), strip.flags.copy()
    rows = strip.rows
    there = np.flatnonzero(usable.any(axis=1) & np.isfinite(rows.ra_deg + rows.dec_deg))
    for band, (one, amplitude) in enumerate(zip(maps, fades, strict=True)):
        if not amplitude:
            continue
        at = rows.ra_deg[there], rows.dec_deg[there]
        left = Fade(amplitude).left(one.sky_map, one.weights, *at, pixel_offsets_arcmin())
        centre = left[:, left.shape[1] // 2, left.shape[2] // 2]
        images[there, ..., band] /= np.maximum(left, LEAST_LEFT).astype(images.dtype)
        lost = there[usable[there, band] & (centre < LEAST_LEFT)]
        usable[lost, band] = False
        faint = there[usable[there, band] & (centre < TOLERATED)]
        flags[faint] |= Flag.UNCALIBRATED_MAP
        flags[lost] |= Flag.BAND_MISSING
    none = there[~usable[there].any(axis=1)]
    flags[none] = (flags[none] & ~int(Flag.BAND_MISSING)) | int(Flag.MASKED)
    return replace(strip, images_uk=images, usable=usable, flags=flags)


def fading_notes(maps: Sequence[BandMap]) -> list[str]:
    """Return a note on each map that fades towards the edges of its field."""
    return [
        f"{one.request.path.name} fades towards the edges of its field, within {one.fade.width_arcmin:.0f}' "
        "of them, and clusters do with it. Cutouts there are divided by what is left of its fluctuations, "
        f"and their rows flagged UNCALIBRATED_MAP; where less than {100.0 * LEAST_LEFT:.0f} per cent is left "
        "there is no mass (MASKED). --mask says where the map is whole."
        for one in maps
        if one.fade is not None
    ]
