"""Inverse variances are compared with the noise in the map: in another unit they differ by powers of ten."""

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.looks import NOISE_RANGE_UK_ARCMIN, Look, measured_noise
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN

OFF_BY = 7.0
"""Inverse variances that are this much off the noise of the map are in another unit: a factor of 10, whose
noise is known to some per cent."""

_ELL = 2000.0
"""What is measured as white is at most the noise at this multipole, where 1/f noise is stated."""


def check_ivar(one: BandMap, look: Look, band: Band, sky: SkyModel) -> None:
    """Refuse inverse variances whose noise is not that of the map.

    Parameters
    ----------
    one : BandMap
        The map; without inverse variances nothing is checked.
    look : Look
        Cutouts of the map.
    band : Band
        Its band with the noise that is taken for its own.
    sky : SkyModel
        The model's sky, which is in the map besides the noise.

    Raises
    ------
    InputError
        They are off by `OFF_BY` or more.
    """
    stated = one.noise_uk_arcmin(look.rows)
    if stated is None or not np.isfinite(stated).any():
        return
    found = measured_noise(look, band, sky, one.sky_map.pixel_arcmin)
    low, high = NOISE_RANGE_UK_ARCMIN
    if found is None or not 1.01 * low < found.white_uk_arcmin < 0.99 * high:
        return
    measured, white = found.white_uk_arcmin, float(np.nanmedian(stated))
    red = 0.0 if band.red_noise is None else float(band.red_noise.cl_uk2_sr(_ELL)) / ARCMIN**2
    most = float(np.sqrt(white**2 + red * (white / band.noise_uk_arcmin) ** 2))
    if white / np.sqrt(OFF_BY) < measured < most * np.sqrt(OFF_BY):
        return
    raise _in_another_unit(one, white, measured)


def check_depth(one: BandMap, by_ivar_uk_arcmin: float, measured_uk_arcmin: float) -> None:
    """Refuse inverse variances that say another noise than was measured around the same places.

    Parameters
    ----------
    one : BandMap
        The map.
    by_ivar_uk_arcmin, measured_uk_arcmin : float
        White noise by the inverse variances, NaN without any, and as measured [µK-arcmin].

    Raises
    ------
    InputError
        They are off by `OFF_BY` or more.
    """
    off = abs(2.0 * np.log(measured_uk_arcmin / by_ivar_uk_arcmin))
    if off >= np.log(OFF_BY):
        raise _in_another_unit(one, by_ivar_uk_arcmin, measured_uk_arcmin)


def _in_another_unit(one: BandMap, by_ivar_uk_arcmin: float, measured_uk_arcmin: float) -> InputError:
    assert one.weights.ivar is not None  # or there were no noise by it
    unit = one.sky_map.units.label
    return InputError(
        f"{one.weights.ivar.path}: by these inverse variances the noise of {one.request.path.name} is "
        f"{by_ivar_uk_arcmin:.3g} µK-arcmin, and {measured_uk_arcmin:.3g} are measured in it.",
        f"They are hardly in 1/{unit}^2: convert them, or state their unit in BUNIT; or give --noise alone.",
    )
