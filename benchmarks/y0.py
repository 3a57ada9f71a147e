"""Compton y and angular size that `szmass estimate` gives of clusters in fields of `szmass simulate field`.

Usage: python benchmarks/y0.py [--survey spt-3g so-goal] [--fields 1] [--seed 1]

Clusters of masses even in ln M200c and redshifts even in ln z stand on a shaken grid of 0.4 degrees, so that
none lies in the cutout of another. Fields of 20 x 10 degrees and catalogues go through the two commands as a
user gives them, inverse variances told, noise measured in the maps. True amplitude and width of each cluster
stand in the truth table; its true central Compton y and angular size follow from them. Each field is made
twice: with clusters of one profile, and with concentrations that scatter by 20 per cent at fixed Y500, where
a cluster's own y0 is another than that of the mean profile that is fitted.

Prints for clusters whose expected S/N, y0 of the mean relation over `y0_err`, is above 10 (a cut on the
measured S/N would prefer those that noise or scatter made brighter): median and mean of y0 over the true one
and over that of the mean profile with the cluster's Y500, rms of (y0 - truth) / y0_err, the same ratios of
`theta500_arcmin` and `Y500_arcmin2`, and how far `theta500_arcmin` is from what the `M500c` of its row says.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli.config import SurveyConfig, load_config
from szmass_cli.physics.cosmology import convert_m200c, theta500_arcmin
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.simulation.fieldfiles import field_paths, truth_path

STEP_DEG, JITTER_DEG, EDGE_DEG = 0.4, 0.07, 0.5
MASSES_MSUN, REDSHIFTS = (3e14, 1.5e15), (0.2, 1.5)
LEAST_SNR = 10.0
BANDS_GHZ = (85.0, 240.0)
FOUND = ("y0", "y0_err", "theta500_arcmin", "Y500_arcmin2", "M500c")
TRUE = ("M200c_true", "redshift", "amplitude_true", "stretch_true")
PROFILES = {"one profile": 0.0, "scattered concentrations": 0.2}


def placed(config: SurveyConfig, rng: np.random.Generator) -> Table:
    """Return clusters on a shaken grid, away from the edges of the field."""
    field = config.field
    half = 0.5 * field.height_deg - EDGE_DEG
    ra, dec = [], []
    for row in np.arange(-half, half, STEP_DEG) + field.center_dec_deg:
        narrow = np.cos(np.radians(row))
        reach = 0.5 * field.width_deg - EDGE_DEG / narrow
        ra.append(np.arange(-reach, reach, STEP_DEG / narrow) + field.center_ra_deg)
        dec.append(np.full(ra[-1].size, row))
    at = np.stack([np.concatenate(ra), np.concatenate(dec)])
    shaken = rng.uniform(-JITTER_DEG, JITTER_DEG, at.shape)
    shaken[0] /= np.cos(np.radians(at[1]))
    ra_deg, dec_deg = at + shaken
    mass, redshift = (
        low * (high / low) ** rng.uniform(size=ra_deg.size) for low, high in (MASSES_MSUN, REDSHIFTS)
    )
    columns = {"ra": np.mod(ra_deg, 360.0), "dec": dec_deg, "redshift": redshift, "M200c": mass / 1e14}
    return Table(columns)


def szmass(*words: str | Path) -> None:
    """Run a command as a user does."""
    subprocess.run([sys.executable, "-m", "szmass_cli", *map(str, words), "--quiet"], check=True)


def measured(config: SurveyConfig, seed: int, folder: Path) -> tuple[Table, Table]:
    """Return what `estimate` writes of the clusters of a field, and the field's truth table."""
    recipe, catalog, field = folder / "survey.yaml", folder / "clusters.csv", folder / "field.fits"
    recipe.write_text(config.to_yaml())
    placed(config, np.random.default_rng([seed, 77])).write(catalog)
    szmass("simulate", "field", "-c", recipe, "--catalog", catalog, "--seed", str(seed), "-o", field)
    bands = [band.frequency_ghz for band in config.sky.bands]
    paths = field_paths(field, bands)
    maps = []
    for ghz, values, ivar in zip(bands, paths.maps, paths.ivars, strict=True):
        maps += ["--map", f"{ghz:g}={values}", "--ivar", f"{ghz:g}={ivar}"]
    out = folder / "masses.ecsv"
    told = ("--model", "gaussian", "--mass-def", "200c,500c", "--check", "0")
    szmass("estimate", truth_path(field), *maps, *told, "-o", out)
    return Table.read(out), Table.read(truth_path(field))


def printed(name: str, ratio: np.ndarray) -> None:
    """Print the centre of ratios with its error."""
    error = np.std(ratio) / np.sqrt(ratio.size)
    median = f"median {np.median(ratio):.4f} ± {1.2533 * error:.4f}"
    print(f"  {name:42} {median}, mean {np.mean(ratio):.4f} ± {error:.4f}")


def compared(config: SurveyConfig, fields: list[tuple[Table, Table]]) -> None:
    """Print how columns compare with the truth."""
    cosmology = config.sky.cosmology.build()
    model = config.clusters.sz_model(cosmology)
    found, truth = (
        {name: np.concatenate([np.asarray(one[side][name], float) for one in fields]) for name in names}
        for side, names in enumerate((FOUND, TRUE))
    )
    mass, redshift = truth["M200c_true"] * 1e14, truth["redshift"]
    mean = cluster_scales(mass, redshift, model)
    own = mean.stretched(np.log(truth["stretch_true"]))
    size = theta500_arcmin(convert_m200c(mass, redshift, "500c", cosmology), redshift, cosmology)
    kept = mean.y0 / found["y0_err"] > LEAST_SNR
    print(f"  {kept.sum()} of {kept.size} clusters have an expected S/N above {LEAST_SNR:g}")
    y0, amplitude = found["y0"], truth["amplitude_true"]
    printed("y0 over the cluster's own", (y0 / (amplitude * own.y0))[kept])
    printed("y0 over that of the mean profile", (y0 / (amplitude * mean.y0))[kept])
    pull = ((y0 - amplitude * own.y0) / found["y0_err"])[kept]
    print(f"  rms of (y0 - own) / y0_err {np.sqrt(np.mean(pull**2)):.3f}")
    printed("theta500_arcmin over the true one", (found["theta500_arcmin"] / size)[kept])
    printed("Y500_arcmin2 over the true one", (found["Y500_arcmin2"] / (amplitude * mean.y500_arcmin2))[kept])
    said = theta500_arcmin(found["M500c"] * 1e14, redshift, cosmology)
    apart = np.abs(found["theta500_arcmin"] / said - 1.0)[kept].max()
    print(f"  theta500_arcmin and the size that M500c says differ by at most {apart:.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--survey", nargs="+", default=["spt-3g", "so-goal"])
    parser.add_argument("--fields", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for name in arguments.survey:
        shipped = load_config(name)
        bands = [band.frequency_ghz for band in shipped.sky.bands]
        shipped = shipped.with_frequencies([ghz for ghz in bands if BANDS_GHZ[0] < ghz < BANDS_GHZ[1]])
        for kind, scatter in PROFILES.items():
            clusters = shipped.clusters.model_copy(update={"concentration_scatter_ln": scatter})
            config = shipped.model_copy(update={"clusters": clusters})
            fields = []
            for seed in range(arguments.seed, arguments.seed + arguments.fields):
                with tempfile.TemporaryDirectory() as folder:
                    fields.append(measured(config, seed, Path(folder)))
            print(f"{name}, {kind}")
            compared(config, fields)


if __name__ == "__main__":
    main()
