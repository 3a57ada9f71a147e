"""The Gaussian power that is left of a sky some of whose sources and halos are painted."""

from collections.abc import Callable, Sequence

import numpy as np

from szmass_cli.config import SkyConfig
from szmass_cli.physics.bands import Band
from szmass_cli.physics.counts import FAINTEST_MJY
from szmass_cli.physics.spectra import cl_from_dl
from szmass_cli.sky.objects.halos import GasAndDust, halo_power_uk2_sr
from szmass_cli.sky.objects.sources import source_kinds
from szmass_cli.sky.power import SkyPower, sky_dl_uk2

HALO_PARTS = ("tsz", "dusty_clustered", "tsz_dust")
"""Foregrounds whose power unrelated halos have a part of."""


def gaussian_power(
    config: SkyConfig,
    bands: Sequence[Band],
    light: GasAndDust,
    cmb_dl: Callable[..., np.ndarray] | None = None,
) -> SkyPower:
    """Return the power of a sky without what is painted on it.

    Parameters
    ----------
    config : SkyConfig
        The sky; ``objects`` says what is painted.
    bands : sequence of Band, length f
        Their responses with frequency.
    light : GasAndDust
        What halos add to the bands.
    cmb_dl : callable, optional
        D_ell [µK^2] of the CMB at multipoles, where it is known.

    Notes
    -----
    Of sources those that are too faint to be painted are left. Of the foregrounds that halos are part of,
    their power less that of the halos: where halos have more, as their spectrum or shape is another one,
    nothing is left, and negative eigenvalues between bands count as zero.
    """
    total = SkyPower.from_config(config, bands, cmb_dl)
    objects = config.objects
    if not objects.has_sources and not objects.halos:
        return total
    ell, none = total.ell, np.zeros_like(total.cl_uk2_sr)
    without_cmb = config.model_copy(update={"cmb": False})
    parts = {name: cl_from_dl(ell, dl) for name, dl in sky_dl_uk2(without_cmb, ell, bands).items()}
    cmb = total.cl_uk2_sr - sum(parts.values(), none)
    for kind in source_kinds(config, bands):
        faint = kind.power_uk2_sr(FAINTEST_MJY, objects.faintest_mjy)
        parts[kind.name] = faint[:, :, None] * np.ones(ell.size)
    if objects.halos:
        there = [name for name in HALO_PARTS if name in parts]
        before = sum((parts.pop(name) for name in there), none)
        parts["halos"] = _positive(before - halo_power_uk2_sr(objects, light, ell))
    return SkyPower(ell, cmb + sum(parts.values(), none))


def _positive(cl_uk2_sr: np.ndarray) -> np.ndarray:
    """Return power between bands (f, f, n) without its negative eigenvalues."""
    values, vectors = np.linalg.eigh(cl_uk2_sr.transpose(2, 0, 1))
    return np.einsum("nij,nj,nkj->ikn", vectors, np.maximum(values, 0.0), vectors)
