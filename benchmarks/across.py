"""A model on skies and clusters that are not those it was trained on.

    python benchmarks/across.py [--model NAME] [--n 4000] [--seed 60] [--only NAME] [-o FILE]

For three bands of SPT-3G and of ACT DR6 on the realistic sky: contamination doubled and halved, all clusters
of one family of profiles, irregular clusters (SPT-3G: beams above 2' are too wide for them), and another
cosmology. Prints a row for each, of S/N above 3: ln p of the truth over that of the Gaussian likelihood
recalibrated on the model's own simulations, coverage, and, above 5, median and rms of ln(M_est / M_true).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from szmass_cli.config import SurveyConfig
from szmass_cli.config.clustershapes import IrregularShape, ProfileWeights
from szmass_cli.evaluation.markdown import table
from szmass_cli.evaluation.realistic.rows import RealisticRow
from szmass_cli.evaluation.realistic.run import realistic_rows
from szmass_cli.evaluation.realistic.testsets import RealisticCase, realistic_cases
from szmass_cli.network.bundle.bundle import Bundle, read_bundle

IRREGULAR = "irregular clusters"

PARTS_OF_CONTAMINATION = ("radio", "dusty", "cluster_radio", "cluster_dust")


def contaminated(config: SurveyConfig, factor: float) -> SurveyConfig:
    """Return a survey of a sky with so many times the sources and the light of clusters."""
    objects = config.sky.objects
    changes = {name: factor * getattr(objects, name) for name in PARTS_OF_CONTAMINATION}
    sky = config.sky.model_copy(update={"objects": objects.model_copy(update=changes)})
    return config.model_copy(update={"sky": sky})


def of_family(config: SurveyConfig, name: str) -> SurveyConfig:
    """Return a survey whose clusters all have one profile."""
    weights = ProfileWeights(**{name: 1.0})
    return config.model_copy(update={"clusters": config.clusters.model_copy(update={"profiles": weights})})


def irregular(config: SurveyConfig) -> SurveyConfig:
    """Return a survey of triaxial clusters with pressure fluctuations."""
    round_ones = {"second_peak": type(config.clusters.second_peak)(), "outer_slope_scatter": 0.0}
    shape = {"shape": IrregularShape(other_halos=False), "profiles": ProfileWeights(a10=1.0)}
    no_correlation = {"concentration_amplitude_correlation": 0.0, "outer_slope_amplitude_correlation": 0.0}
    changes = round_ones | shape | no_correlation
    return config.model_copy(update={"clusters": config.clusters.model_copy(update=changes)})


def elsewhere(config: SurveyConfig) -> SurveyConfig:
    """Return a survey of a cosmology whose distances are those of local measurements of H0."""
    cosmology = config.sky.cosmology.model_copy(update={"h0_km_s_mpc": 73.0, "omega_m": 0.27})
    return config.model_copy(update={"sky": config.sky.model_copy(update={"cosmology": cosmology})})


VARIANTS = {
    "as trained": lambda config: config,
    "contamination doubled": lambda config: contaminated(config, 2.0),
    "contamination halved": lambda config: contaminated(config, 0.5),
    "profiles of Arnaud et al. alone": lambda config: of_family(config, "a10"),
    "cool cores alone": lambda config: of_family(config, "cool_core"),
    "disturbed clusters alone": lambda config: of_family(config, "disturbed"),
    "profiles of Battaglia et al. alone": lambda config: of_family(config, "battaglia2012"),
    IRREGULAR: irregular,
    "H0 = 73, Omega_m = 0.27": elsewhere,
}


def cells(row: RealisticRow) -> list[str]:
    """Return the cells of a test set."""
    model, gain = row.estimators["network"], row.gains[0].ln_p
    return [
        row.name,
        str(row.n_detected),
        f"{gain.value:+.3f} ± {gain.error:.3f}",
        f"{100 * model.coverage_68:.1f}",
        f"{100 * model.coverage_95:.1f}",
        "-" if model.median_bright is None else f"{100 * model.median_bright:+.1f}",
        "-" if model.rms_bright is None else f"{model.rms_bright:.3f}",
    ]


def main() -> None:
    """Evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="survey")
    parser.add_argument("--n", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=60)
    parser.add_argument("--only", choices=VARIANTS, action="append")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    bundle = read_bundle(options.model)
    assert isinstance(bundle, Bundle)  # of any instrument
    spt, act = (
        next(case for case in realistic_cases(bundle.sky_model) if case.name.startswith(name))
        for name in ("spt-3g", "act-dr6")
    )

    def told(task: str, done: float, total: float, detail: str = "") -> None:
        if done == total:
            print(f"{task}: {done:,.0f}", file=sys.stderr, flush=True)

    lines = []
    for name in options.only or VARIANTS:
        cases: list[RealisticCase] = [
            replace(case, name=f"{case.name.split(',')[0]}: {name}", drawn=VARIANTS[name](case.drawn))
            for case in ((spt,) if name == IRREGULAR else (spt, act))
        ]
        lines += [cells(row) for row in realistic_rows(bundle, cases, options.n, options.seed, told)]
    head = ["", "S/N > 3", "gain in ln p [nats]", "68 %", "95 %", "median, S/N > 5 [%]", "rms"]
    text = table(head, lines)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
