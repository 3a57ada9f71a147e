"""Does `estimate --check` say of a map what its own clusters show? Mock fields, wrong in known ways.

A field is simulated with clusters whose masses are even in ln M, as the prior of the model. It is then
spoiled, or its beam or noise are stated wrongly, and measured: bias and coverage of the catalogue's own
clusters (S/N above 3), whose true masses are known here, stand beside those of the injected ones.

One field knows coverage to 2 per cent, and all faults of a field share its clusters: numbers are of several
fields, each with a sky and clusters of its own.

First comes what a check costs, and a study (`szmass inject`) of twice as many clusters.

Usage: python benchmarks/check.py [--fields 4] [--width 16] [--height 10] [--checks 1000] [--faults NAME ...]
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from faults import BEAM_ARCMIN, FAULTS, NOISE_UK_ARCMIN, PIXEL_ARCMIN, Fault

import szmass_cli
from szmass_cli.config import FieldConfig, SurveyConfig, load_config
from szmass_cli.posterior.coverage import LEAST_SNR
from szmass_cli.simulation.field import simulate_survey_field
from szmass_cli.sky.clusters import draw_masses, draw_redshifts

MODEL = "gaussian"
"""Clusters of the fields shine with their gas alone."""

APART_ARCMIN, JITTER_ARCMIN = 22.0, 3.0
SPREAD = tuple(np.arange(2.5, 100.0, 5.0).tolist())
"""Percentiles whose mean is that of a posterior."""

PERCENTILES = tuple(sorted({*SPREAD, 16.0, 50.0, 84.0}))


@dataclass(frozen=True)
class Seen:
    """What clusters above the S/N show: ln M_est / M_true, and whether 68 and 95 per cent hold the truth.

    And by how much medians lie above the means of posteriors in ln M, which is the bias of right ones: a
    faint cluster may weigh next to nothing, so that posteriors have long tails towards small masses.
    """

    ln_ratio: np.ndarray
    above_mean: np.ndarray
    inside_68: np.ndarray
    inside_95: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, masses: Table, true_1e14: np.ndarray) -> "Seen":
        """Of the clusters of a catalogue, whose true masses are known."""
        above = np.asarray(masses["sz_snr"]) > LEAST_SNR
        truth, table = true_1e14[above], masses[above]
        inside = [
            np.asarray((table[f"M200c_{low}"] <= truth) & (truth <= table[f"M200c_{high}"]))
            for low, high in (("p16", "p84"), ("p2p5", "p97p5"))
        ]
        ln_mass = np.log(np.asarray(table["M200c"]))
        spread = [np.log(np.asarray(table[f"M200c_p{level:g}".replace(".", "p")])) for level in SPREAD]
        width = np.log(np.asarray(table["M200c_p84"] / table["M200c_p16"]))
        return cls(ln_mass - np.log(truth), ln_mass - np.mean(spread, axis=0), inside[0], inside[1], width)

    def left(self) -> str:
        """In words the bias less that of right posteriors, of the widest quarter and of the others."""
        wide, rest = self.width > np.quantile(self.width, 0.75), self.ln_ratio - self.above_mean
        means = [
            f"{one.mean():+.3f} ± {one.std() / np.sqrt(one.size):.3f}" for one in (rest[wide], rest[~wide])
        ]
        return f"{means[0]} in the widest quarter, {means[1]} in the others"

    def numbers(self) -> dict[str, float]:
        """Bias and coverage, with errors."""
        n = len(self.ln_ratio)
        found = {"n": n, "bias": self.ln_ratio.mean(), "bias_err": self.ln_ratio.std() / np.sqrt(n)}
        found["above_mean"] = self.above_mean.mean()
        found["too_high"] = float(np.mean(self.ln_ratio > 0.0))
        for name, inside in (("coverage_68", self.inside_68), ("coverage_95", self.inside_95)):
            share = float(np.mean(inside))
            found |= {name: share, f"{name}_err": float(np.sqrt(max(share * (1.0 - share), 0.01) / n))}
        return found


def together(seen: Sequence[Seen]) -> Seen:
    """Clusters of several fields as one sample."""
    columns = ("ln_ratio", "above_mean", "inside_68", "inside_95", "width")
    return Seen(*(np.concatenate([getattr(one, name) for one in seen]) for name in columns))


def mean_of(numbers: Sequence[dict[str, float]]) -> dict[str, float]:
    """Numbers of several fields' checks, weighted by their clusters."""
    n = np.array([one["n"] for one in numbers])
    found: dict[str, float] = {"n": n.sum()}
    for key in ("bias", "coverage_68", "coverage_95"):
        found[key] = float(np.sum([one[key] for one in numbers] * n) / n.sum())
        errors = np.array([one[f"{key}_err"] for one in numbers])
        found[f"{key}_err"] = float(np.sqrt(np.sum((errors * n) ** 2)) / n.sum())
    return found


def checked_numbers(meta: dict[str, Any]) -> dict[str, float]:
    """Bias and coverage of the injected clusters, as the header states them."""
    keys = {"n": "CHKD", "bias": "CBIA", "bias_err": "CBIE", "coverage_68": "C68", "coverage_68_err": "C68E"}
    keys |= {"coverage_95": "C95", "coverage_95_err": "C95E"}
    return {name: meta[f"SZM_{key}"] for name, key in keys.items()}


def line(name: str, numbers: dict[str, float]) -> str:
    """One line of the table."""
    keys = ("bias", "coverage_68", "coverage_95")
    parts = [f"{numbers[key]:+7.3f} ± {numbers[f'{key}_err']:.3f}" for key in keys]
    return f"{name:36s} {numbers['n']:5.0f}  " + "  ".join(parts)


def sigmas_apart(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """By how many standard errors two sets of numbers differ."""
    return {
        key: (one[key] - other[key]) / np.hypot(one[f"{key}_err"], other[f"{key}_err"])
        for key in ("bias", "coverage_68", "coverage_95")
    }


@dataclass(frozen=True)
class Field:
    """A mock field, with the true masses of its clusters, and the seed of what spoils it."""

    path: Path
    truth: Table
    seed: int

    @property
    def catalog(self) -> Table:
        """What is told of its clusters."""
        return self.truth["name", "ra", "dec", "redshift"]

    def measured(self, fault: Fault, n_checked: int) -> tuple[Seen, Seen, dict[str, float]]:
        """Its own clusters without and with recalibration, and the check's numbers, under a fault."""
        spoiled = self.path.with_name("spoiled.fits")
        with fits.open(self.path) as hdus:
            rng = np.random.default_rng([9, self.seed])
            hdus[0].data = fault.spoil(hdus[0].data.astype(float), rng).astype(np.float32)
            hdus.writeto(spoiled, overwrite=True)
        stated: dict[str, Any] = {"noise": NOISE_UK_ARCMIN, "percentiles": PERCENTILES, "model": MODEL}
        stated |= fault.stated
        true = np.asarray(self.truth["M200c_true"])
        plain = szmass_cli.estimate(spoiled, self.catalog, check=0, **stated)
        again = szmass_cli.estimate(spoiled, self.catalog, check=n_checked, recalibrate=True, **stated)
        return Seen.of(plain, true), Seen.of(again, true), checked_numbers(again.meta)


def compare(fault: Fault, fields: list[Field], n_checked: int) -> bool:
    """Measure spoiled maps, print what their clusters and the checks show, return whether they agree."""
    found = [one.measured(fault, n_checked) for one in fields]
    plain, recalibrated, checks = zip(*found, strict=True)
    own, again = together(plain).numbers(), together(recalibrated).numbers()
    checked = mean_of(checks)
    print(line(f"{fault.name}: own clusters", own))
    print(line("    check", checked))
    apart = sigmas_apart(own, checked)
    agree = max(map(abs, apart.values())) <= 2.0
    words = ", ".join(f"{key} {value:+.1f}" for key, value in apart.items())
    says = "agree" if agree else "DIFFER" if fault.seen else "differ: not to be seen by injection"
    print(f"    standard errors apart: {words}: {says}")
    print(line("    own clusters, --recalibrate", again))
    lean = f"{own['above_mean']:+.3f}, with --recalibrate {again['above_mean']:+.3f}"
    print(f"    bias of such posteriors, were they right (median over mean): {lean}")
    high = (
        f"{own['too_high']:.3f}, with --recalibrate {again['too_high']:.3f} ± {0.5 / np.sqrt(own['n']):.3f}"
    )
    print(f"    medians above the truth: {high}")
    print(f"    bias less that, with --recalibrate: {together(recalibrated).left()}", flush=True)
    return agree or not fault.seen


def costs(field: Field, n_checked: int) -> None:
    """Print what a check, and a study of twice as many clusters, cost: wall clock, and time of all cores."""
    path, catalog = field.path, field.catalog[:64]

    def seconds(function: Callable[[], Any]) -> np.ndarray:
        start = time.perf_counter(), time.process_time()
        function()
        return np.array([time.perf_counter(), time.process_time()]) - start

    def estimate(n: int) -> np.ndarray:
        return seconds(
            lambda: szmass_cli.estimate(path, catalog, noise=NOISE_UK_ARCMIN, check=n, model=MODEL)
        )

    estimate(0)  # the network is loaded
    wall, cores = estimate(n_checked) - estimate(0)
    print(f"check of {n_checked}: {wall:.1f} s, {cores:.1f} s of cores, load {os.getloadavg()[0]:.1f}")
    n = 2 * n_checked
    wall, cores = seconds(lambda: szmass_cli.inject(path, noise=NOISE_UK_ARCMIN, n=n, model=MODEL))
    print(f"study of {n}: {wall:.1f} s, {cores:.1f} s of cores, load {os.getloadavg()[0]:.1f}", flush=True)


def mock_survey(width_deg: float, height_deg: float) -> SurveyConfig:
    """The sky of the model over a field, as an instrument of one band sees it."""
    shape = FieldConfig(
        width_deg=width_deg, height_deg=height_deg, center_dec_deg=0.0, pixel_arcmin=PIXEL_ARCMIN
    )
    survey = load_config(MODEL)
    band = survey.sky.bands[0].model_copy(
        update={"noise_uk_arcmin": NOISE_UK_ARCMIN, "beam_fwhm_arcmin": BEAM_ARCMIN}
    )
    return survey.model_copy(update={"field": shape, "sky": survey.sky.model_copy(update={"bands": (band,)})})


def wanted_clusters(survey: SurveyConfig, seed: int) -> Table:
    """Clusters on a lattice with jitter: no two in one cutout. Masses and redshifts as the model has them."""
    rng, shape = np.random.default_rng([7, seed]), survey.field
    axes = [
        np.arange(-0.5 * size + 0.25, 0.5 * size - 0.25, APART_ARCMIN / 60.0)
        for size in (shape.width_deg, shape.height_deg)
    ]
    ra, dec = (axis.ravel() for axis in np.meshgrid(*axes))
    jitter = rng.uniform(-JITTER_ARCMIN, JITTER_ARCMIN, (2, ra.size)) / 60.0
    redshift = draw_redshifts(survey.clusters, rng, ra.size)
    masses = draw_masses(survey.clusters, rng, ra.size) / 1e14
    names = [f"MOCK-{number:04d}" for number in range(ra.size)]
    return Table(
        {"name": names, "ra": ra + jitter[0], "dec": dec + jitter[1], "redshift": redshift, "M200c": masses}
    )


def simulated_field(survey: SurveyConfig, folder: Path, seed: int) -> Field:
    """Write a field with its clusters."""
    path, catalog = folder / f"field{seed}.fits", folder / f"wanted{seed}.csv"
    wanted_clusters(survey, seed).write(catalog)
    return Field(path, simulate_survey_field(survey, path, seed=8 + seed, catalog=catalog).truth, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fields", type=int, default=4, help="mock fields")
    parser.add_argument("--width", type=float, default=16.0, help="of a field [deg]")
    parser.add_argument("--height", type=float, default=10.0, help="of a field [deg]")
    parser.add_argument("--checks", type=int, default=1000, help="injected clusters of a field")
    parser.add_argument("--faults", nargs="+", default=[fault.name for fault in FAULTS])
    given = parser.parse_args()
    survey, load = mock_survey(given.width, given.height), os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f}; {given.fields} x {given.width:g} x {given.height:g} deg")
    start, fine = time.perf_counter(), True
    with tempfile.TemporaryDirectory() as folder:
        fields = [simulated_field(survey, Path(folder), seed) for seed in range(given.fields)]
        print(f"{sum(len(one.truth) for one in fields)} clusters")
        if len(given.faults) == len(FAULTS):
            costs(fields[0], given.checks)
        print(f"{'':36s}     n  {'bias':17s}  {'within 68 %':17s}  within 95 %")
        for fault in (one for one in FAULTS if one.name in given.faults):
            fine &= compare(fault, fields, given.checks)
    print(f"{time.perf_counter() - start:.0f} s")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
