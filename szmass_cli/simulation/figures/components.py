"""Cutouts by component: what the sky of a survey is made of."""

from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.config import Foregrounds, SkyConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.physics.bands import Instrument
from szmass_cli.sky.cutoutsky import CutoutSky, pixel_noise_uk
from szmass_cli.sky.power import SkyPower


@dataclass(frozen=True)
class ComponentImages:
    """Images [µK] of n cutouts in one band, each (n, 40, 40)."""

    cmb: np.ndarray
    foregrounds: np.ndarray
    sz: np.ndarray
    noise: np.ndarray

    @property
    def sum(self) -> np.ndarray:
        """Return what the instrument sees."""
        return self.cmb + self.foregrounds + self.sz + self.noise


def draw_components(sky: SkyConfig, sz_uk: np.ndarray, rng: np.random.Generator) -> ComponentImages:
    """Draw the components of cutouts around given clusters.

    CMB and foregrounds are independent Gaussian fields, so that each is drawn as the whole is in
    `CutoutSimulator`, from its own power: their sum has the power of the whole.

    Parameters
    ----------
    sky : SkyConfig
        Sky configuration with a single band.
    sz_uk : numpy.ndarray, shape (n, 40, 40)
        Beamed SZ signal of the clusters [µK_CMB].
    rng : numpy.random.Generator
        Draws CMB, foregrounds and noise, in this order.
    """
    nothing = Foregrounds(**dict.fromkeys(Foregrounds.model_fields, 0.0))
    cmb_alone = sky.model_copy(update={"foregrounds_dl3000_uk2": nothing})
    without_cmb = sky.model_copy(update={"cmb": False})
    instrument = sky.build_instrument()
    bands = instrument.bands
    white = Instrument(tuple(replace(band, red_noise=None) for band in bands))
    cmb, foregrounds = (
        CutoutSky(SkyPower.from_config(part, bands), white).draw_sky(rng, len(sz_uk))[..., 0]
        for part in (cmb_alone, without_cmb)
    )
    noise_uk = np.float32(pixel_noise_uk(bands[0].noise_uk_arcmin))
    noise = noise_uk * rng.standard_normal((len(sz_uk), N_PIXELS, N_PIXELS), dtype=np.float32)
    if bands[0].red_noise is not None:
        empty = sky.model_copy(update={"foregrounds_dl3000_uk2": nothing, "cmb": False})
        no_sky = SkyPower.from_config(empty, bands)
        noise += CutoutSky(no_sky, instrument).draw_sky(rng, len(sz_uk))[..., 0]
    return ComponentImages(cmb, foregrounds, np.asarray(sz_uk), noise)
