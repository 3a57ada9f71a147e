"""Noise that was measured in maps, as its power in the plane of multipoles: stripes, and what fits miss."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from szmass_cli.estimation.noisemeasure import (
    HIGHEST_ELL,
    NoiseMeasurement,
    NoiseMeter,
    RegionPower,
    of_difference,
)
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.planenoise import PlaneNoise, passed_noise, shape_of_filter
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer
from szmass_cli.sky.noisefit import NoiseShape
from szmass_cli.sky.patchpower import PlaneModes
from szmass_cli.sky.planeratio import PlaneModel, PlaneRatio, measured_noise_plane
from szmass_cli.system.blas import one_blas_thread

STOPPED, JUDGED_BY = 0.1, 4
"""Power that filters leave where it is looked whether noise went through them, and the regions that this is
judged by."""


def noise_plane(meter: NoiseMeter, instrument: Instrument, found: NoiseMeasurement) -> PlaneNoise:
    """Return the power of measured noise in the plane of multipoles.

    Parameters
    ----------
    meter : NoiseMeter
        What measured it, which knows the power of the sky.
    instrument : Instrument
        The f bands.
    found : NoiseMeasurement
        The noise as it was fitted, with the power of its regions.
    """
    with one_blas_thread():
        modes, shape = found.modes, found.shape
        powers = [of_difference(modes, one) for one in found.powers]
        of_map = partial(meter.sky_power, foregrounds=found.foregrounds)
        sky = of_map if powers[0].region.difference_uk is None else partial(_no_sky, len(instrument))
        filters = _noise_filters(instrument, modes, powers, shape)
        model = PlaneModel(sky, shape.power_uk2_sr, shape.white_uk2_sr, filters)
        lags = modes.lags(model.filtered_noise(*np.broadcast_arrays(*modes.box())))
        passed = model.passed(modes.ell_x, modes.ell_y)
        ratio = PlaneRatio(modes.ell_x, modes.ell_y, len(instrument))
        for one, variance in zip(powers, found.depth, strict=True):
            noise = modes.expected(lags, one.region.window, one.region.broad)
            root = np.sqrt(variance)
            white = model.white_uk2_sr * variance * np.square(passed.T)
            ratio.add(one.modes, one.sky, noise * root[:, None] * root[None, :], white)
        return measured_noise_plane(ratio, model, max(modes.ell_range[1], HIGHEST_ELL))


def _no_sky(n_bands: int, ell_x: np.ndarray, ell_y: np.ndarray) -> np.ndarray:
    """Return the power of the sky in the difference of splits: none."""
    return np.zeros((n_bands,) * 2 + np.broadcast_shapes(ell_x.shape, ell_y.shape))


def _noise_filters(
    instrument: Instrument, modes: PlaneModes, powers: Sequence[RegionPower], shape: NoiseShape
) -> tuple[IsotropicTransfer | PlaneTransfer | None, ...]:
    """Return the filter of each band's noise: that of its sky where that is likelier, else None."""
    filters: list[IsotropicTransfer | PlaneTransfer | None] = []
    noise = shape.power_uk2_sr(np.hypot(*modes.box()))
    for band, one in enumerate(instrument.bands):
        if one.transfer is None:
            filters.append(None)
            continue
        stopped = np.square(shape_of_filter(one.transfer, modes.ell_x, modes.ell_y)) < STOPPED
        costs = []
        for transfer in (None, one.transfer):
            passed = passed_noise(transfer, *modes.box())
            lags = modes.lags((noise[band, band] * passed**2)[None, None])
            cost = 0.0
            for region in powers[:JUDGED_BY]:
                window, broad = region.region.window, region.region.broad
                expected = modes.expected(lags, window, broad)[stopped, 0, 0]
                expected = expected + region.sky[stopped, band, band]
                power = np.abs(region.modes[stopped, band]) ** 2
                cost += float(np.sum(power / expected + np.log(expected)))
            costs.append(cost)
        filters.append(one.transfer if costs[1] < costs[0] else None)
    return tuple(filters)
