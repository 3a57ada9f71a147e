"""The report on a model for any instrument, as Markdown."""

from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics
from szmass_cli.evaluation.instruments.rows import CaseRow
from szmass_cli.evaluation.instruments.suspicion import SUSPECT
from szmass_cli.evaluation.markdown import leak_warning, table
from szmass_cli.evaluation.realistic.tables import realistic_tables

EXPLAINED = (
    "Of clusters with S/N above 3. Shift: (mean of ln M - exact mean) / exact sigma, rms. Gap: mean ln p of "
    "the true mass, exact less model's, cutout by cutout [nats]. 68.3 and 95.4 %: true masses in central "
    "intervals."
)


def summary(metrics: InstrumentsMetrics) -> str:
    """Return the numbers as Markdown tables."""
    parts = [f"# How good {metrics.model} is", _introduction(metrics)]
    if metrics.realistic:
        parts += realistic_tables(metrics.realistic)
    parts += [
        "## Surveys of a Gaussian sky",
        posterior_table(metrics.surveys),
        EXPLAINED,
        "## By S/N",
        snr_table(metrics),
    ]
    if any(row.gain for row in metrics.surveys):
        parts += ["## What several bands are worth", gain_table(metrics)]
    if metrics.bias:
        parts += ["## Bias of clusters with an expected S/N above 5", bias_table(metrics)]
    sections = (
        ("## One white band at 150 GHz: redshift, beam, noise [µK-arcmin]", metrics.cells, posterior_table),
        ("## Instruments beyond those of training", metrics.outside, posterior_table),
        ("## Filters, depths, positions and profiles", metrics.variations, truth_table),
    )
    for title, rows, make in sections:
        if rows:
            parts += [title, make(rows)]
    if metrics.mass_function:
        parts += ["## Clusters of the mass function, under that prior", prior_table(metrics)]
    if metrics.mismatch:
        parts += ["## What it makes of maps that are not what it is told", truth_table(metrics.mismatch)]
    return "\n\n".join(parts) + "\n"


def _introduction(metrics: InstrumentsMetrics) -> str:
    text = (
        f"Fresh cutouts of seed {metrics.seed}; clusters as in training, evenly in ln M and ln z. The "
        "model's posterior stands beside the exact posterior of the same cutouts, which knows the sky that "
        "they were drawn from."
    )
    return f"{leak_warning()}\n\n{text}" if metrics.leaks else text


def posterior_table(rows: tuple[CaseRow, ...]) -> str:
    """Return information lost and coverage, a case a row."""
    lines = []
    for row in rows:
        found = row.detected
        if found is None:
            lines.append([row.name, f"{row.n_cutouts:,}", "0", *[""] * 5])
            continue
        lines.append(
            [
                row.name,
                f"{row.n_cutouts:,}",
                f"{found.n_cutouts:,}",
                f"{found.rms_shift:.3f}",
                f"{found.mean_shift:+.3f}",
                f"{found.ln_likelihood_gap:.4f} ± {found.gap_error:.4f}",
                f"{found.coverage_68:.3f}",
                f"{found.coverage_95:.3f}",
            ]
        )
    headings = ["survey", "cutouts", "S/N > 3", "rms shift", "mean shift", "ln p gap", "in 68.3 %"]
    return table([*headings, "in 95.4 %"], lines)


def snr_table(metrics: InstrumentsMetrics) -> str:
    """Return information lost and coverage by S/N."""
    lines = [
        [
            f"{row.name}, S/N {part.low:g} to {part.high:g}"
            if part.high is not None
            else f"{row.name}, S/N above {part.low:g}",
            f"{part.posterior.n_cutouts:,}",
            f"{part.posterior.rms_shift:.3f}",
            f"{part.posterior.ln_likelihood_gap:.4f} ± {part.posterior.gap_error:.4f}",
            f"{part.posterior.coverage_68:.3f}",
            f"{part.posterior.coverage_95:.3f}",
        ]
        for row in metrics.surveys
        for part in row.by_snr
    ]
    return table(["survey", "cutouts", "rms shift", "ln p gap", "in 68.3 %", "in 95.4 %"], lines)


def gain_table(metrics: InstrumentsMetrics) -> str:
    """Return how much narrower posteriors of several bands are."""
    lines = [
        [row.name, f"{row.gain.posterior:.2f}", f"{row.gain.matched_filter:.2f}"]
        for row in metrics.surveys
        if row.gain is not None
    ]
    headings = [
        "survey",
        "sigma of ln M, 150 GHz alone / all",
        "error of matched filter, 150 GHz alone / all",
    ]
    return table(headings, lines)


def bias_table(metrics: InstrumentsMetrics) -> str:
    """Return medians of estimated over true mass, by true mass."""
    lines = [
        [
            f"{row.m200c_1e14[0]:g} - {row.m200c_1e14[1]:g}",
            f"{row.bias.n_cutouts:,}",
            f"{row.bias.model:+.3f} ± {row.bias.error:.3f}",
            f"{row.bias.exact:+.3f}",
        ]
        for row in metrics.bias
    ]
    headings = ["true M200c [1e14]", "cutouts", "median of ln(M_est / M_true)", "exact posterior"]
    return table(headings, lines)


def prior_table(metrics: InstrumentsMetrics) -> str:
    """Return bias and coverage under the mass function."""
    lines = [
        [
            row.clusters,
            f"{row.n_cutouts:,}",
            f"{row.mean_bias_sigma:+.3f}",
            f"{row.coverage_68:.3f}",
            f"{row.coverage_95:.3f}",
        ]
        for row in metrics.mass_function
    ]
    return table(["clusters", "cutouts", "mean bias / sigma", "in 68.3 %", "in 95.4 %"], lines)


def truth_table(rows: tuple[CaseRow, ...]) -> str:
    """Return bias and coverage, with the bias of an analysis that knows the truth beside it."""
    lines = []
    counted = any(row.flagged is not None for row in rows)
    for row in rows:
        bias, found = row.bias, row.detected
        lines.append(
            [
                row.name,
                f"{row.n_cutouts:,}",
                "" if bias is None else f"{bias.model:+.3f} ± {bias.error:.3f}",
                "" if bias is None else f"{bias.exact:+.3f}",
                "" if found is None else f"{found.coverage_68:.3f}",
                "" if found is None else f"{found.coverage_95:.3f}",
                *([f"{row.flagged:.3f}" if row.flagged is not None else ""] if counted else []),
            ]
        )
    explained = (
        "Medians of ln(M_est / M_true) of clusters with an expected S/N above 5; exact: by who knows the "
        "truth (behind filters: the exact posterior of the unfiltered maps). Coverage: S/N above 3."
    )
    headings = ["the map", "cutouts", "median", "exact", "in 68.3 %", "in 95.4 %"]
    if counted:
        headings.append("flagged")
        explained += f" Flagged: fraction of cutouts with {', '.join(str(flag.name) for flag in SUSPECT)}."
    return f"{table(headings, lines)}\n\n{explained}"
