"""The white noise of a map whose depth nobody states, as its cutouts show it."""

from dataclasses import replace

import numpy as np

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.rows import Rows
from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.network.bundle.bundle import Bundle

LOOKED_AT = 200
"""Cutouts that the noise is measured in; it is then known to a few per cent."""

LOOKED_FOR = 20
"""Times as many rows are tried: of a catalogue far from the map, or a map full of holes, not all."""

N_LEVELS = 400


def measured_noise_uk_arcmin(band_map: BandMap, rows: Rows, bundle: Bundle) -> float | None:
    """White noise [µK-arcmin] of a map, from cutouts around rows of all the catalogue.

    The median of the likeliest levels, each for the power of the sky that the model was trained on; levels
    beyond those of training are put on the nearest one. None if there is no whole cutout.

    Parameters
    ----------
    band_map : BandMap
    rows : Rows
    bundle : Bundle
    """
    # in an order of chance, since catalogues are sorted in some way
    order = np.random.default_rng(0).permutation(len(rows))
    found: list[np.ndarray] = []
    for start in range(0, min(len(rows), LOOKED_FOR * LOOKED_AT), LOOKED_AT):
        cutouts = band_map.cutouts(rows[order[start : start + LOOKED_AT]])
        whole = ~cutouts.off_map & (cutouts.bad_fraction == 0.0)
        found += list(cutouts.images[whole])
        if len(found) >= LOOKED_AT:
            break
    if not found:
        return None
    modes = BeamModes(bundle.sky_power, band_map.band, bundle.sz_model)
    low, high = band_map.trained.noise_range_uk_arcmin
    levels = np.geomspace(0.5 * low, 2.0 * high, N_LEVELS)
    likeliest = modes.likeliest_noise_uk_arcmin(modes.coefficients(np.array(found)), levels)
    noise = float(np.median(likeliest))
    return float(f"{noise:.3g}")


def with_noise(band_map: BandMap, noise_uk_arcmin: float) -> BandMap:
    """The same map, with its noise stated."""
    request = replace(band_map.request, noise_uk_arcmin=noise_uk_arcmin)
    fwhm = band_map.beam.fwhm_arcmin
    return replace(band_map, request=request, band=band_map.trained.nearest_to(fwhm, noise_uk_arcmin))
