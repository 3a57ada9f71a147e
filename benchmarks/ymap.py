"""A model on the clusters of a user's Compton-y map, which are not those of its training.

    python benchmarks/ymap.py [--y-map FILE --halos FILE] [--model NAME] [--survey spt-3g act-dr6] [--n 1600]

Without a map one is made by another code: pressures of Planck intermediate results V (2013) from pitszi, seen
with a log-normal scatter of 15 per cent, stretched on the sky by up to 1.5, n clusters on a lattice with
20' between them. `szmass simulate cutouts --from-y-map --sky realistic` puts them on skies with sources, dust
and motion, seen by bands near 95, 150 and 220 GHz. Prints what `benchmarks/across.py` does of them. The
median shows how much brighter the map's clusters are at a mass than those of the training.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import h5py
import numpy as np
from astropy.constants import c, m_e, sigma_T
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from pitszi import Model

from szmass_cli.config import load_config
from szmass_cli.evaluation.instruments.cases import NEAR_GHZ
from szmass_cli.evaluation.instruments.judging import Network, Posteriors, Verdict
from szmass_cli.evaluation.markdown import table
from szmass_cli.evaluation.realistic.testsets import RealisticCase
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.simulation.cutouts import write_halo_cutouts
from szmass_cli.system.presets import SkyKind

PIXEL_ARCMIN, APART_PIXELS, PARTS = 0.2, 100, 3
MASSES_1E14, REDSHIFTS = (1.0, 10.0), (0.15, 1.2)
SCATTER_LN, MOST_STRETCHED = 0.15, 1.5


def compton_y(model: Model, theta_arcmin: np.ndarray) -> np.ndarray:
    """Return y at angles from the middle of a cluster, by the trapezoidal rule along the line of sight."""
    reach = model.R_truncation.to_value(u.kpc)
    radius = np.geomspace(0.5, reach, 400)
    pressure = model.get_pressure_profile(radius * u.kpc)[1].to(u.J / u.m**3)
    impact = np.minimum(theta_arcmin, 60.0) * u.arcmin.to(u.rad) * model.D_ang.to_value(u.kpc)
    along = np.geomspace(0.5, reach, 300)
    at = np.hypot(impact[:, None], np.concatenate([[0.0], along]))
    seen = np.interp(at, radius, pressure.value, right=0.0)
    length = np.trapezoid(seen, np.concatenate([[0.0], along]), axis=1)
    return (2.0 * length * u.kpc * pressure.unit * sigma_T / (m_e * c**2)).to_value(u.one)


def write_y_map(folder: Path, n: int, rng: np.random.Generator) -> tuple[Path, Path]:
    """Write a map of n clusters and their catalogue."""
    side = int(np.ceil(np.sqrt(n)))
    values = np.zeros((side * APART_PIXELS,) * 2, np.float32)
    fine = (np.arange(APART_PIXELS * PARTS) + 0.5) / PARTS - 0.5 * APART_PIXELS
    north, west = np.meshgrid(fine * PIXEL_ARCMIN, fine * PIXEL_ARCMIN, indexing="ij")
    theta = np.concatenate([[0.0], np.geomspace(0.02, 20.0, 150)])
    mass = MASSES_1E14[0] * (MASSES_1E14[1] / MASSES_1E14[0]) ** rng.uniform(size=n)
    redshift = rng.uniform(*REDSHIFTS, n)
    pixel = np.empty((n, 2))
    for i in range(n):
        model = Model(redshift=redshift[i], M500=mass[i] * 1e14 * u.Msun, silent=True)
        model.set_pressure_profile_universal_param(pressure_model="P13UPP")
        ratio, angle = np.sqrt(rng.uniform(1.0, MOST_STRETCHED)), rng.uniform(0.0, np.pi)
        along = north * np.cos(angle) + west * np.sin(angle)
        across = west * np.cos(angle) - north * np.sin(angle)
        seen = np.interp(np.hypot(along / ratio, across * ratio), theta, compton_y(model, theta))
        seen *= np.exp(SCATTER_LN * rng.standard_normal())
        rows, columns = (slice(k * APART_PIXELS, (k + 1) * APART_PIXELS) for k in divmod(i, side))
        values[rows, columns] = seen.reshape(APART_PIXELS, PARTS, APART_PIXELS, PARTS).mean(axis=(1, 3))
        pixel[i] = [0.5 * (one.start + one.stop - 1) for one in (columns, rows)]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.crval, wcs.wcs.crpix = [40.0, 0.0], [0.5 * (len(values) + 1)] * 2
    wcs.wcs.cdelt = [-PIXEL_ARCMIN / 60.0, PIXEL_ARCMIN / 60.0]
    header = wcs.to_header()
    header["BUNIT"] = "y"
    y_map, halos = folder / "y.fits", folder / "halos.csv"
    fits.PrimaryHDU(values, header).writeto(y_map)
    ra, dec = wcs.all_pix2world(pixel, 0).T
    Table({"ra": ra, "dec": dec, "z": redshift, "M500c": mass}).write(halos)
    return y_map, halos


@dataclass(frozen=True)
class Halos:
    """Cutouts of halos: images (n, 40, 40, f) [µK], M200c [Msun] and redshift (n,)."""

    image: np.ndarray
    m200c: np.ndarray
    redshift: np.ndarray

    def parts(self, size: int = 512) -> Iterator["Halos"]:
        """Yield them in parts."""
        for start in range(0, len(self.m200c), size):
            rows = slice(start, start + size)
            yield Halos(self.image[rows], self.m200c[rows], self.redshift[rows])


def cells(bundle: Bundle, survey: str, y_map: Path, halos: Path) -> list[str]:
    """Return the cells of a survey."""
    config = load_config(survey)
    there = np.array(config.sky.frequencies_ghz)
    config = config.with_frequencies([there[np.abs(there - near).argmin()] for near in NEAR_GHZ])
    case = RealisticCase.of(bundle.sky_model, config, survey)
    drawn = config.with_sky(SkyKind.REALISTIC)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cutouts.h5"
        write_halo_cutouts(drawn, y_map, halos, path, seed=1)
        with h5py.File(path) as file:
            found = Halos(*(file[name][()] for name in ("image", "m200c", "redshift")))
    ln_mass = bundle.ln_mass
    posteriors = Posteriors(case.told, ln_mass, Network.of(bundle))
    model, recalibrated, snr, ln_ratio = [], [], [], []
    for part in found.parts():
        answer = posteriors(part.image, part.redshift, np.ones((len(part.m200c), len(case.instrument))))
        assert bundle.of_likelihood is not None
        alone = bundle.of_likelihood(answer.exact.density, part.redshift, answer.snr)
        model.append(Verdict.of(answer.posterior, part.m200c))
        recalibrated.append(Verdict.of(MassPosterior(ln_mass, alone), part.m200c))
        ln_ratio.append(np.log(answer.posterior.percentiles((50.0,))[:, 0] / part.m200c))
        snr.append(answer.snr)
    seen = np.concatenate(snr) > 3.0
    bright = np.concatenate(ln_ratio)[np.concatenate(snr) > 5.0]
    one, other = (Verdict.concatenate(parts)[seen] for parts in (model, recalibrated))
    gain = one.ln_density - other.ln_density
    return [
        survey,
        str(seen.sum()),
        f"{gain.mean():+.3f} ± {gain.std() / np.sqrt(gain.size):.3f}",
        *(f"{100 * np.mean(np.abs(one.below - 0.5) < 0.5 * share):.1f}" for share in (0.683, 0.954)),
        f"{100 * np.median(bright):+.1f}",
        f"{bright.std():.3f}",
    ]


def main() -> None:
    """Make a map if there is none, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--y-map", type=Path)
    parser.add_argument("--halos", type=Path)
    parser.add_argument("--model", default="survey")
    parser.add_argument("--survey", nargs="+", default=["spt-3g", "act-dr6"])
    parser.add_argument("--n", type=int, default=1600)
    options = parser.parse_args()
    bundle = read_bundle(options.model)
    assert isinstance(bundle, Bundle)  # of any instrument
    with tempfile.TemporaryDirectory() as folder:
        y_map, halos = options.y_map, options.halos
        if y_map is None:
            y_map, halos = write_y_map(Path(folder), options.n, np.random.default_rng(1))
        lines = [cells(bundle, survey, y_map, halos) for survey in options.survey]
    head = ["clusters of a y map", "S/N > 3", "gain in ln p [nats]", "68 %", "95 %", "median, S/N > 5 [%]"]
    print(table([*head, "scatter"], lines))


if __name__ == "__main__":
    main()
