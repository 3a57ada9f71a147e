"""What errors of an instrument do to the amplitude of a cluster that is fitted without knowing of them.

Usage: python benchmarks/observing.py [--config so-lat spt-3g ...] [--m200c 3e14] [--redshift 0.5] [--rate]

For each preset, with the bands nearest to 95, 150 and 220 GHz and the sizes of its `realistic_observing`: the
error of the amplitude, which is 1; the rms that errors of calibration, and of the widths and wings of beams,
add to it; what calibration lets through of the sky that the bands cancel, over the error; and, where stripes
are taken for isotropic noise, the true error over the quoted one and over that of one who knows. All of it is
algebra on the covariance of a cutout, no simulation. With `--rate` also the cutouts a core draws a second.
"""

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.config import SkyConfig, SurveyConfig, load_config
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beamerrors import MisknownBeam
from szmass_cli.physics.profiles import SzModel, cluster_scales
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.cutouts import CutoutSimulator, Stream
from szmass_cli.sky.cutoutsky import pixel_noise_uk
from szmass_cli.sky.lags import correlated_lags_uk2
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.symmetry import HALF_TURN

BANDS_GHZ = (95.0, 150.0, 220.0)
PRESETS = ("act-dr6", "spt-3g", "so-lat", "so-advanced", "s4-wide")


@dataclass(frozen=True)
class Cost:
    """What errors add to a fitted amplitude of 1.

    Parameters
    ----------
    error : float
        The amplitude's own error.
    calibration, beams : float
        Rms that errors of calibration and of beams add to it.
    leak : float
        Rms of what errors of calibration let through of the sky, over `error`.
    unknown_stripes : float
        True error over the quoted one where stripes are taken for isotropic noise.
    lost_to_stripes : float
        The same over the error of one who knows of them.
    """

    error: float
    calibration: float
    beams: float
    leak: float
    unknown_stripes: float
    lost_to_stripes: float


def nearest_bands(config: SurveyConfig) -> SurveyConfig:
    """Return the survey with the bands nearest to 95, 150 and 220 GHz."""
    there = np.array(config.sky.frequencies_ghz)
    nearest = {float(there[np.abs(there - frequency).argmin()]) for frequency in BANDS_GHZ}
    return config.with_frequencies(sorted(nearest))


def even_block(power: SkyPower, instrument: Instrument) -> np.ndarray:
    """Return the covariance (800 f, 800 f) [µK^2] of what is even under a half turn, as clusters are."""
    block = HALF_TURN.blocks(correlated_lags_uk2(power, instrument))[0]
    white = np.tile(pixel_noise_uk(instrument.noise_uk_arcmin) ** 2, HALF_TURN.n_pixels)
    return block + np.diag(white)


def template(bands: tuple[Band, ...], model: SzModel, m200c_msun: float, redshift: float) -> np.ndarray:
    """Return the cluster (800, f) [µK] in the fields that are even under a half turn."""
    scales = cluster_scales(np.array([m200c_msun]), redshift, model)
    images = ClusterStamps(bands, model).images(scales).astype(float)
    return HALF_TURN.fold(images)[0].reshape(HALF_TURN.n_pixels, len(bands))


def costs(config: SurveyConfig, m200c_msun: float, redshift: float) -> Cost:
    """Return what the errors of a survey's instrument cost."""
    sky: SkyConfig = config.sky.realistically_observed()
    observing, instrument = sky.observing, config.sky.build_instrument()
    model = config.clusters.sz_model(sky.cosmology.build())
    power = SkyPower.from_config(sky, instrument.bands)
    signal = template(instrument.bands, model, m200c_msun, redshift)
    covariance = even_block(power, instrument)
    weights = np.linalg.solve(covariance, signal.ravel())
    fisher = float(weights @ signal.ravel())
    weights /= fisher
    by_band = weights.reshape(signal.shape)
    share = np.einsum("pf,pf->f", by_band, signal)
    alone = [np.where(np.arange(len(instrument)) == band, by_band, 0.0).ravel() for band in range(len(share))]
    leak = sum(float(one @ covariance @ one) for one in alone)
    beams = 0.0
    for band, (stated, modes) in enumerate(zip(instrument.bands, sky.build_beam_modes(), strict=True)):
        if modes is None:
            continue
        known = replace(stated, transfer=None, pixel_arcmin=0.0)
        for drawn in np.eye(len(modes)):
            truly = replace(known, beam=MisknownBeam(stated.beam, modes, drawn))
            change = [template((one,), model, m200c_msun, redshift)[:, 0] for one in (known, truly)]
            beams += float(by_band[:, band] @ (change[1] - change[0])) ** 2
    striped = even_block(power, sky.build_instrument())
    true_variance = float(weights @ striped @ weights)
    return Cost(
        error=fisher**-0.5,
        calibration=observing.calibration_error * float(np.sqrt(np.sum(share**2))),
        beams=beams**0.5,
        leak=observing.calibration_error * float(np.sqrt(leak * fisher)),
        unknown_stripes=float(np.sqrt(true_variance * fisher)),
        lost_to_stripes=float(
            np.sqrt(true_variance * signal.ravel() @ np.linalg.solve(striped, signal.ravel()))
        ),
    )


def rate(config: SurveyConfig, n: int = 2048) -> tuple[float, float]:
    """Return the cutouts drawn in a second of one core as stated, and realistically observed."""
    rates = []
    for sky in (config.sky, config.sky.realistically_observed()):
        simulator = CutoutSimulator(config.model_copy(update={"sky": sky}))
        list(simulator.blocks(config.clusters, 256, 1, Stream.USER))
        start = time.process_time()
        list(simulator.blocks(config.clusters, n, 1, Stream.USER))
        rates.append(n / (time.process_time() - start))
    return rates[0], rates[1]


def main() -> None:
    """Print a row for each preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", nargs="+", default=PRESETS)
    parser.add_argument("--m200c", type=float, default=3e14)
    parser.add_argument("--redshift", type=float, default=0.5)
    parser.add_argument("--rate", action="store_true")
    arguments = parser.parse_args()
    print("preset        error  calibration  beams  leak/error  stripes/quoted  /known")
    for name in arguments.config:
        config = nearest_bands(load_config(name))
        cost = costs(config, arguments.m200c, arguments.redshift)
        print(
            f"{name:12} {cost.error:6.3f} {cost.calibration:12.4f} {cost.beams:6.4f} {cost.leak:11.3f} "
            f"{cost.unknown_stripes:15.4f} {cost.lost_to_stripes:7.4f}",
            flush=True,
        )
        if arguments.rate:
            plain, real = rate(config)
            print(f"{'':12} {plain:,.0f} cutouts/s as stated, {real:,.0f} as observed", flush=True)


if __name__ == "__main__":
    main()
