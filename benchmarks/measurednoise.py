"""Masses with noise measured in a map, against those of the true noise, in mock ACT, SPT and SO fields.

Usage: python benchmarks/measurednoise.py [--survey act-dr6 spt-3g so-goal] [--fields 2] [--rows 1600]

Every field is a flat map of 10 x 10 degrees in each of three bands: a Gaussian sky of the preset behind its
beams, white noise, 1/f noise that is correlated between bands and stronger along one direction (stripes),
inverse variances that change by a factor of three, and for two surveys a filter that sky and noise went
through. Told are beams, inverse variances and the filter of the sky. The noise is measured around 150 rows.
Clusters of masses uniform in ln M, by the preset's scaling with 20 per cent scatter, are added to cutouts at
other positions, and their posteriors are computed twice: with measured noise, and with the true one.

Prints for S/N > 4: the median of the difference of ln M and its scatter, the mean ratio of quoted errors, and
how often 68 and 95 per cent hold the truth, of both.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from szmass_cli.config import load_config
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.likelihoodmeter import LN_STEP_OF_SEVERAL
from szmass_cli.estimation.noisemeasure import NoiseMeter
from szmass_cli.estimation.noiseplane import noise_plane
from szmass_cli.estimation.request import MapRequest
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.strips import cut_strip
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.observables import observables
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.physics.planenoise import PlaneNoise, passed_noise
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.physics.transfers import PlaneTransfer
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.planeratio import plane_nodes
from szmass_cli.system.presets import located

N_PIXELS, PIXEL_ARCMIN = 1200, 0.5
MASSES_MSUN, REDSHIFTS = (1.5e14, 1.2e15), (0.2, 1.2)
N_MEASURED_AROUND = 150
SCATTER = Scatter(0.2)
ELL_MAX = 15_000.0
BANDS_GHZ = (85.0, 240.0)


@dataclass(frozen=True)
class Mock:
    """What a mock survey has that its preset does not say.

    Parameters
    ----------
    stripes : float
        Strength of the stripes: power of 1/f noise is 1 + stripes cos 2 (phi - stripe_deg).
    stripe_deg : float
        Direction in the plane of multipoles that has most of it, from right ascension to declination [deg].
    high_pass : float
        |ell_x| below which nothing is left; 0 for no filter.
    """

    stripes: float
    stripe_deg: float
    high_pass: float


MOCKS = {
    "act-dr6": Mock(0.7, 60.0, 100.0),
    "spt-3g": Mock(0.9, 90.0, 300.0),
    "so-goal": Mock(0.8, 90.0, 0.0),
}


def filter_of(mock: Mock) -> PlaneTransfer | None:
    """Return the filter, a smooth step 100 wide."""
    if mock.high_pass == 0.0:
        return None
    ell = np.concatenate([np.arange(-1500.0, 1500.0, 10.0), [1500.0, 30_000.0]])
    ell = np.unique(np.concatenate([[-30_000.0], ell]))
    step = np.clip((np.abs(ell) - mock.high_pass + 50.0) / 100.0, 0.0, 1.0)
    return PlaneTransfer(ell, ell, np.tile(np.sin(0.5 * np.pi * step) ** 2, (ell.size, 1)))


def true_noise(bands: tuple[Band, ...], correlation: float, mock: Mock) -> PlaneNoise:
    """Return the noise of the field at its typical depth."""
    nodes = plane_nodes(ELL_MAX)
    ell_x, ell_y = np.concatenate([-nodes[:0:-1], nodes]), nodes
    x, y = np.meshgrid(ell_x, ell_y)
    power = noise_power(bands, correlation, mock, x, y)
    white = np.array([(band.noise_uk_arcmin * np.radians(1.0 / 60.0)) ** 2 for band in bands])
    return PlaneNoise(ell_x, ell_y, power, white, (filter_of(mock),) * len(bands))


def noise_power(bands, correlation: float, mock: Mock, ell_x: np.ndarray, ell_y: np.ndarray) -> np.ndarray:
    """Return the power of noise (f, f, ...) [µK^2 sr] before any filter."""
    ell, angle = np.hypot(ell_x, ell_y), np.arctan2(ell_y, ell_x)
    stripes = 1.0 + mock.stripes * np.cos(2.0 * (angle - np.radians(mock.stripe_deg)))
    reds = [
        np.zeros(ell.shape) if band.red_noise is None else band.red_noise.cl_uk2_sr(ell) for band in bands
    ]
    root = np.sqrt(np.array(reds) * stripes)
    between = correlation + (1.0 - correlation) * np.eye(len(bands))
    power = between.reshape(*between.shape, 1, 1) * root[:, None] * root[None, :]
    for index, band in enumerate(bands):
        power[index, index] += (band.noise_uk_arcmin * np.radians(1.0 / 60.0)) ** 2
    return power


def drawn(power: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return periodic Gaussian maps (f, n, n) of power (f, f, n, n) [µK^2 sr]."""
    f, _, n, _ = power.shape
    area = (n * np.radians(PIXEL_ARCMIN / 60.0)) ** 2
    matrices = np.moveaxis(power, (0, 1), (2, 3))
    matrices = (
        matrices + 1e-12 * np.einsum("yxii->yx", matrices)[..., None, None] * np.eye(f) + 1e-30 * np.eye(f)
    )
    lower = np.linalg.cholesky(matrices)
    modes = np.fft.fft2(rng.standard_normal((f, n, n)))
    modes = np.einsum("yxij,jyx->iyx", lower, modes) * (n / np.sqrt(area))
    return np.fft.ifft2(modes).real


def depth_ratio(rng: np.random.Generator) -> np.ndarray:
    """Return noise variances (n, n) over the typical one: 0.6 to 1.8, smooth over a degree."""
    axis = np.linspace(0.0, 2.0 * np.pi, N_PIXELS, endpoint=False)
    phase = rng.uniform(0.0, 2.0 * np.pi, 4)
    wave = np.sin(axis + phase[0])[:, None] * np.sin(axis + phase[1]) + 0.5 * np.sin(3 * axis + phase[2])
    return np.exp(0.5 * wave)


def write(path: Path, values: np.ndarray) -> None:
    """Write a CAR map around the equator, right ascension to the left."""
    middle = 0.5 * (N_PIXELS + 1)
    cards = {
        "CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CUNIT1": "deg", "CUNIT2": "deg",
        "CDELT1": -PIXEL_ARCMIN / 60, "CDELT2": PIXEL_ARCMIN / 60,
        "CRPIX1": middle, "CRPIX2": middle, "CRVAL1": 40.0, "CRVAL2": 0.0, "BUNIT": "uK",
    }  # fmt: skip
    fits.writeto(path, values.astype(np.float32), fits.Header(cards), overwrite=True)


def made_field(folder: Path, config, bands, correlation: float, sky: SkyModel, mock: Mock, seed: int):
    """Write maps, inverse variances and the filter, and return the requests of the maps."""
    rng = np.random.default_rng(seed)
    ell = 2.0 * np.pi * np.fft.fftfreq(N_PIXELS, np.radians(PIXEL_ARCMIN / 60.0))
    ell_x, ell_y = np.broadcast_arrays(-ell[None, :], ell[:, None])
    transfer = filter_of(mock)
    passed = np.ones(ell_x.shape) if transfer is None else transfer(ell_x, ell_y)
    optics = np.array([replace(band, transfer=None).optics.b_ell(np.hypot(ell_x, ell_y)) for band in bands])
    power = sky.power(bands)
    signal = power.cl(np.hypot(ell_x, ell_y).ravel()).reshape(len(bands), len(bands), *ell_x.shape)
    maps = drawn(signal * (optics[:, None] * optics[None, :] * passed**2), rng)
    ratio = depth_ratio(rng)
    quiet = passed_noise(transfer, ell_x, ell_y)
    noise = noise_power(bands, correlation, mock, ell_x, ell_y) * quiet**2
    maps += drawn(noise, rng) * np.sqrt(ratio)
    requests = []
    if transfer is not None:
        np.savez(folder / "transfer.npz", ell_x=transfer.ell_x, ell_y=transfer.ell_y, tf=transfer.tf)
    for band, one, values in zip(bands, config, maps, strict=True):
        name = folder / f"{band.frequency_ghz:g}.fits"
        write(name, values)
        ivar = name.with_suffix(".ivar.fits")
        write(ivar, 1.0 / (ratio * (band.noise_uk_arcmin / PIXEL_ARCMIN) ** 2))
        beam = one.beam_fwhm_arcmin if one.beam_file is None else str(located(one.beam_file))
        passband = None if one.passband_file is None else located(one.passband_file)
        requests.append(
            MapRequest(
                name, band.frequency_ghz, passband, "uK", beam, one.pixel_arcmin > 0.0,
                None if transfer is None else folder / "transfer.npz", None, ivar,
            )
        )  # fmt: skip
    return requests


def positions(rng: np.random.Generator, n: int) -> Rows:
    """Return rows at random positions in the middle 9 x 9 degrees of the field."""
    ra, dec = 40.0 + rng.uniform(-4.5, 4.5, n), rng.uniform(-4.5, 4.5, n)
    redshift = rng.uniform(*REDSHIFTS, n)
    return Rows(ra, dec, redshift, np.zeros(n), np.zeros(n), np.zeros(n, np.int32))


def posteriors(likelihood: GaussianLikelihood, images, ratio, redshift) -> tuple[MassPosterior, np.ndarray]:
    """Return posteriors under a prior flat in ln M, and S/N."""
    ln_mass = mass_grid(MASSES_MSUN)
    found, snr = [], []
    for part in np.array_split(np.argsort(ratio[:, 0]), 8):
        weighed = likelihood.weigh(images[part], ratio[part])
        found.append(normalised(likelihood.ln_likelihood(weighed, ln_mass, redshift[part])))
        posterior = MassPosterior(ln_mass, found[-1])
        median = posterior.percentiles((50.0,))[:, 0]
        snr.append(vars(observables(likelihood, weighed, median, redshift[part]))["snr"])
    order = np.argsort(np.argsort(ratio[:, 0]))
    return MassPosterior(ln_mass, np.concatenate(found)[order]), np.concatenate(snr)[order]


def compared(name: str, n_fields: int, n_rows: int) -> None:
    """Print how a survey's masses with measured noise compare with the exact ones."""
    survey, mock = load_config(name), MOCKS[name]
    sky = SkyModel.from_config(survey)
    chosen = [one for one in survey.sky.bands if BANDS_GHZ[0] < one.frequency_ghz < BANDS_GHZ[1]]
    bands = tuple(replace(one.build(), transfer=filter_of(mock)) for one in chosen)
    correlation = survey.sky.noise_correlation
    truth = Instrument(bands, correlation, plane_noise=true_noise(bands, correlation, mock))
    exact = GaussianLikelihood(sky.power(bands), truth, sky.sz_model, SCATTER)
    stamps = ClusterStamps(bands, sky.sz_model)
    rows_of = []
    for seed in range(n_fields):
        rng = np.random.default_rng([1, seed])
        with tempfile.TemporaryDirectory() as folder:
            requests = made_field(Path(folder), chosen, bands, correlation, sky, mock, seed)
            maps = [BandMap.open(request) for request in requests]
            seen = Instrument(
                tuple(
                    one.band(NoiseLevel(10.0), band.pixel_arcmin)
                    for one, band in zip(maps, bands, strict=True)
                )
            )
            start = time.process_time()
            meter = NoiseMeter(maps, seen, sky)
            found = meter(positions(rng, N_MEASURED_AROUND))
            assert found is not None
            plane = noise_plane(meter, seen, found)
            seconds = time.process_time() - start
            rows = positions(rng, n_rows)
            strip = cut_strip(maps, rows)
        print(
            f"{name}, field {seed}: {len(found.regions)} regions, {seconds:.1f} s; {found.shape}, "
            f"foregrounds x {found.foregrounds:g}",
            flush=True,
        )
        white = found.shape.white_uk_arcmin
        same = tuple(replace(band, noise_uk_arcmin=float(w)) for band, w in zip(bands, white, strict=True))
        instrument = Instrument(same, found.shape.correlation, plane_noise=plane)
        brighter = sky.with_foregrounds(found.foregrounds)
        measured = GaussianLikelihood(brighter.power(same), instrument, sky.sz_model, SCATTER)
        mass = MASSES_MSUN[0] * (MASSES_MSUN[1] / MASSES_MSUN[0]) ** rng.uniform(size=n_rows)
        images = np.asarray(strip.images_uk, float)
        amplitude = np.exp(SCATTER.amplitude_ln * rng.standard_normal(n_rows))
        clusters = stamps.images(cluster_scales(mass, rows.redshift, sky.sz_model))
        images = images + clusters * amplitude[:, None, None, None]
        stated = np.array([band.noise_uk_arcmin for band in bands])
        ratios = [(strip.noise_uk_arcmin / one) ** 2 for one in (stated, found.reference_uk_arcmin)]
        ratios = [np.exp(LN_STEP_OF_SEVERAL * np.round(np.log(one) / LN_STEP_OF_SEVERAL)) for one in ratios]
        of_exact, snr = posteriors(exact, images, ratios[0], rows.redshift)
        of_measured, _ = posteriors(measured, images, ratios[1], rows.redshift)
        levels = (2.5, 16, 50, 84, 97.5)
        rows_of.append((mass, snr, of_exact.percentiles(levels), of_measured.percentiles(levels)))
    mass, snr, true, mine = (np.concatenate(values) for values in zip(*rows_of, strict=True))
    kept = snr > 4.0
    mass, true, mine = mass[kept], np.log(true[kept]), np.log(mine[kept])
    shift = mine[:, 2] - true[:, 2]
    width = [values[:, 3] - values[:, 1] for values in (mine, true)]
    print(f"{name}: {kept.sum()} clusters of S/N > 4")
    print(f"  median difference of ln M {np.median(shift):+.4f}, its robust scatter {robust(shift):.4f}")
    print(f"  quoted errors over exact ones: mean {np.mean(width[0] / width[1]):.3f}")
    error = np.sqrt(0.68 * 0.32 / kept.sum())
    for label, values in (("measured", mine), ("exact", true)):
        one, two = (covered(np.log(mass), values[:, [low, 4 - low]]) for low in (1, 0))
        print(f"  {label}: 68 per cent hold {one:.3f} ± {error:.3f}, 95 per cent {two:.3f}", flush=True)


def covered(ln_mass: np.ndarray, bounds: np.ndarray) -> float:
    """Return how often bounds (n, 2) hold the truth."""
    return float(np.mean((ln_mass > bounds[:, 0]) & (ln_mass < bounds[:, 1])))


def robust(values: np.ndarray) -> float:
    """Return the scatter from the median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--survey", nargs="+", default=list(MOCKS))
    parser.add_argument("--fields", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1600)
    arguments = parser.parse_args()
    for name in arguments.survey:
        compared(name, arguments.fields, arguments.rows)


if __name__ == "__main__":
    main()
