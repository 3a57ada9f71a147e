"""Masses, widths and errors of `szmass estimate --mass-scale` against what a Monte Carlo says of them.

Usage: python benchmarks/massscale.py [--rows 200] [--draws 200000]

A field of the preset `gaussian` is simulated and measured by that model once plainly, with `--posteriors`,
and once on each of three scales: `--mass-bias 0.3`; a YAML file with every parameter and their covariance;
one with 1 - b in a table of redshift. What the columns should hold is made of the plain likelihoods with
nothing of the package but its file of posteriors: masses are converted by colossus, E(z) is astropy's, the
relation is written down here. On the model's scale a prior flat in ln M of the new one is the derivative of
one ln mass by the other.

Prints for each scale how far medians are from the integral over the posterior at most, how far widths (84th
less 16th percentile) are from those of draws of each posterior, and how far `M200c_err_sys` is from the
spread of the mass when the parameters of the relation are drawn; for the table, 1 - b as masses with and
without it have it.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.cosmology import Planck18
from astropy.table import Table
from colossus.cosmology import cosmology as colossus_cosmology
from colossus.halo import mass_adv

from szmass_cli import read_posteriors
from szmass_cli.config import FieldConfig, load_config
from szmass_cli.posterior.posteriorfile import PosteriorTable
from szmass_cli.simulation.field import simulate_survey_field

FIELD = {
    "width_deg": 10,
    "height_deg": 8,
    "masses": {"kind": "log_uniform", "min_m200c_msun": 2e14, "max_m200c_msun": 1.2e15},
    "redshift": {"kind": "log_uniform", "min": 0.15, "max": 1.6},
}
H, A10_SLOPE, A10_REDSHIFT_SLOPE = 0.6766, 5.0 / 3.0 + 0.12, 2.0 / 3.0
PIVOT_MSUN = 3e14 / (H / 0.7)
PARAMETERS = ("one_minus_b", "ln_normalisation", "mass_slope", "redshift_slope")
PLAIN = dict(zip(PARAMETERS, (1.0, 0.0, A10_SLOPE, A10_REDSHIFT_SLOPE), strict=True))
COVARIANCE = [
    [0.0013, 0.0002, 0.0000, 0.0002],
    [0.0002, 0.0010, 0.0003, 0.0001],
    [0.0000, 0.0003, 0.0005, 0.0000],
    [0.0002, 0.0001, 0.0000, 0.0029],
]
EVERYTHING = {"one_minus_b": 0.75, "ln_normalisation": -0.05, "mass_slope": 1.7, "redshift_slope": 0.8}
BIAS_OF_Z = {"redshift": [0.2, 0.5, 0.9], "value": [0.82, 0.70, 0.58], "error": [0.03, 0.04, 0.05]}
SCALES: dict[str, dict[str, Any]] = {
    "bias": {"one_minus_b": 0.7},
    "everything": EVERYTHING | {"covariance": {"parameters": list(PARAMETERS), "matrix": COVARIANCE}},
    "table": {"one_minus_b": BIAS_OF_Z},
}
CONVERTED = np.geomspace(1.5e13, 9e15, 700)
SYSTEMATIC_DRAWS = 40_000


def converted(redshift: float) -> tuple[np.ndarray, np.ndarray]:
    """Return ln M200c and ln M500c [ln Msun] of halos at a redshift, as colossus has them."""
    m500c, _, _ = mass_adv.changeMassDefinitionCModel(
        CONVERTED * H, redshift, "200c", "500c", c_model="diemer15"
    )
    return np.log(CONVERTED), np.log(m500c / H)


def bias_at(scale: Mapping, redshift: float) -> tuple[float, float]:
    """Return 1 - b of a scale and its own error at a redshift."""
    stated = scale.get("one_minus_b", 1.0)
    if isinstance(stated, float):
        return stated, 0.0
    value, error = (float(np.interp(redshift, stated["redshift"], stated[key])) for key in ("value", "error"))
    return value, error


def rescaled(ln_mass: np.ndarray, redshift: float, values: Mapping) -> np.ndarray:
    """Return ln M200c on another scale [ln Msun] of ln M200c on that of Arnaud et al. (2010).

    The signal is the same: N E^C ((1 - b) M / M_p)^B = E^(2/3) (M_A10 / M_p)^(5/3 + 0.12), of M500c.
    """
    of_200, of_500 = converted(redshift)
    ln_e = np.log(Planck18.efunc(redshift))
    signal = A10_SLOPE * (np.interp(ln_mass, of_200, of_500) - np.log(PIVOT_MSUN)) + A10_REDSHIFT_SLOPE * ln_e
    ln_biased = (signal - values["ln_normalisation"] - values["redshift_slope"] * ln_e) / values["mass_slope"]
    ln_m500c = ln_biased + np.log(PIVOT_MSUN) - np.log(values["one_minus_b"])
    return np.interp(ln_m500c, of_500, of_200)


def expected(
    table: PosteriorTable, row: int, scale: Mapping, rng: np.random.Generator, draws: int
) -> tuple[float, float, float]:
    """Return a row's median [Msun], the width of drawn masses [Msun], and the spread of ln M by the scale."""
    ln_mass, ln_likelihood, redshift = table.ln_mass, table.ln_likelihood[row], table.redshift[row]
    bias, bias_error = bias_at(scale, redshift)
    values = PLAIN | {name: scale[name] for name in PARAMETERS if name in scale} | {"one_minus_b": bias}
    fine = np.linspace(ln_mass[0], ln_mass[-1], 20 * ln_mass.size)
    on_scale = rescaled(fine, redshift, values)
    density = np.exp(np.interp(fine, ln_mass, ln_likelihood - ln_likelihood.max()))
    density *= np.gradient(on_scale, fine)  # flat in ln M of the new scale
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    cumulative /= cumulative[-1]
    median = np.exp(np.interp(0.5, cumulative, on_scale))
    drawn = np.exp(np.interp(rng.uniform(size=draws), cumulative, on_scale))
    width = np.diff(np.percentile(drawn, [16.0, 84.0]))[0]
    covariance = np.zeros((4, 4))
    if "covariance" in scale:
        covariance = np.array(scale["covariance"]["matrix"])
    covariance[0, 0] += bias_error**2
    about = np.array([values[name] for name in PARAMETERS])
    parameters = about[:, None] + np.linalg.cholesky(covariance + 1e-18 * np.eye(4)) @ rng.standard_normal(
        (4, SYSTEMATIC_DRAWS)
    )
    at = np.interp(np.log(median), on_scale, fine)
    spread = np.std(rescaled(at, redshift, dict(zip(PARAMETERS, parameters, strict=True))))
    return float(median), float(width), float(spread)


def szmass(folder: Path, *words: str) -> None:
    """Run a command as a user does."""
    subprocess.run([sys.executable, "-m", "szmass_cli", *words, "--quiet"], cwd=folder, check=True)


def said(name: str, ratio: np.ndarray, limit_percent: float) -> None:
    """Print how far ratios are from one."""
    apart = 100.0 * np.abs(ratio - 1.0)
    centre, largest = np.median(apart), apart.max()
    print(f"  {name:26} off by {centre:.3f} %, at most {largest:.3f} % (limit {limit_percent:g} %)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--draws", type=int, default=200_000)
    arguments = parser.parse_args()
    colossus_cosmology.setCosmology("planck18", persistence="")
    config = load_config("gaussian").model_copy(update={"field": FieldConfig.model_validate(FIELD)})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        field = simulate_survey_field(config, folder / "map.fits", seed=1, n_clusters=arguments.rows)
        field.truth["name", "ra", "dec", "redshift"].write(folder / "clusters.csv")
        run = (
            "estimate",
            "map.fits",
            "clusters.csv",
            "--model",
            "gaussian",
            "--noise",
            "5",
            "--check",
            "0",
            "--mass-def",
            "200c,500c",
        )
        szmass(folder, *run, "-o", "plain.fits", "--posteriors", "plain.hdf5")
        plain = Table.read(folder / "plain.fits")
        table = read_posteriors(folder / "plain.hdf5")
        for kind, scale in SCALES.items():
            (folder / f"{kind}.yaml").write_text(yaml.safe_dump(scale))
            option = ("--mass-bias", "0.3") if kind == "bias" else ("--mass-scale", f"{kind}.yaml")
            szmass(folder, *run, *option, "-o", f"{kind}.fits")
            found = Table.read(folder / f"{kind}.fits")
            rng = np.random.default_rng(2)
            answered = np.flatnonzero(np.isfinite(found["M200c"]))
            wanted = np.array([expected(table, int(row), scale, rng, arguments.draws) for row in answered])
            print(f"{' '.join(option)}: {answered.size} rows")
            rows = found[answered]
            said("median of M200c", rows["M200c"] * 1e14 / wanted[:, 0], 0.1)
            width = (rows["M200c_p84"] - rows["M200c_p16"]) * 1e14
            said("84th less 16th percentile", width / wanted[:, 1], 2.0)
            if "M200c_err_sys" in found.colnames:
                said("M200c_err_sys", rows["M200c_err_sys"] / rows["M200c"] / wanted[:, 2], 2.0)
            if kind == "table":
                ratio = np.asarray(plain["M500c"] / found["M500c"])[answered]
                stated = np.array([bias_at(scale, z)[0] for z in table.redshift[answered]])
                said("M500c without over with it", ratio / stated, 2.0)
                redshift = table.redshift[answered]
                for z in (0.2, 0.35, 0.5, 0.7, 0.9, 1.3):
                    near = np.argmin(np.abs(redshift - z))
                    print(f"    z {redshift[near]:.3f}: 1 - b {ratio[near]:.4f}, stated {stated[near]:.4f}")


if __name__ == "__main__":
    main()
