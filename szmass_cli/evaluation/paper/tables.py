"""The paper's report as Markdown."""

from szmass_cli.evaluation.markdown import leak_warning, table
from szmass_cli.evaluation.paper.estimators import ESTIMATORS
from szmass_cli.evaluation.paper.metrics import Comparison, PaperMetrics
from szmass_cli.evaluation.statistics import MassScatter


def summary(metrics: PaperMetrics) -> str:
    """Return the numbers as Markdown tables: network, matched filter and best possible in three columns."""
    parts = [f"# How good {metrics.model} is", _introduction(metrics)]
    for comparison in metrics.scatter:
        parts += [
            f"## 2 to 7 x 1e14 Msun, SZ scatter {comparison.sz_scatter_ln:g}",
            _scatter_table(comparison),
        ]
    if metrics.masses:
        parts += ["## Each mass of the paper's Figure 4", _mass_table(metrics)]
    if metrics.profiles:
        parts += ["## Mean SZ maps (Figure 3)", _profile_table(metrics)]
    for comparison in metrics.irregular:
        title = f"## {comparison.n_cutouts:,} irregular clusters at z = 0.67 and 0.73 (Figure 6)"
        parts += [title, _scatter_table(comparison)]
    return "\n\n".join(parts) + "\n"


def _introduction(metrics: PaperMetrics) -> str:
    text = (
        "x = ln(M_est / M_true), M_est the median of the posterior. All estimators see the same cutouts, "
        f"fresh ones of seed {metrics.seed}, and have the same flat prior in mass.\n\n"
        "- matched filter: the amplitude of a fixed template, with a fitted scaling relation\n"
        "- best possible: the exact posterior on all pixels"
    )
    return f"{leak_warning()}\n\n{text}" if metrics.leaks else text


def _of_each(comparison: Comparison) -> tuple[MassScatter, MassScatter, MassScatter]:
    return comparison.network, comparison.matched_filter, comparison.best_possible


def _scatter_table(comparison: Comparison) -> str:
    each = _of_each(comparison)
    rows = [
        ["standard deviation of x", *(f"{s.std:.4f}" for s in each)],
        ["Gaussian fit to x", *(f"{s.gaussian_sigma:.4f}" for s in each)],
        ["median of x", *(f"{s.median:+.4f}" for s in each)],
        ["between 16th and 84th percentile", *(f"{s.coverage_68:.3f}" for s in each)],
        ["between 2.5th and 97.5th percentile", *(f"{s.coverage_95:.3f}" for s in each)],
        ["standard deviation over best possible", *(f"{s.std / each[-1].std:.3f}" for s in each)],
    ]
    return table([f"{comparison.n_cutouts:,} cutouts", *ESTIMATORS], rows)


def _mass_table(metrics: PaperMetrics) -> str:
    headings = ["M_true [1e14]", "cutouts"]
    headings += [f"{name}: {what}" for name in ESTIMATORS for what in ("M_est", "dM/M", "bias/sigma")]
    rows = []
    for row in metrics.masses:
        mark = " *" if metrics.is_extrapolated(row.m200c_msun) else ""
        cells = [f"{row.m200c_msun / 1e14:g}{mark}", str(row.n_cutouts)]
        for found in (row.network, row.matched_filter, row.best_possible):
            bias = found.bias_over_sigma(row.m200c_msun)
            cells += [f"{found.median_msun / 1e14:.2f}", f"{found.relative_error:.3f}", f"{bias:+.2f}"]
        rows.append(cells)
    return (
        table(headings, rows)
        + "\n\n\\* outside of the trained range, where estimates end at its nearest mass"
    )


def _profile_table(metrics: PaperMetrics) -> str:
    rows = [
        [
            f"{row.m200c_msun / 1e14:g}",
            str(row.n_cutouts),
            f"{row.true_centre_uk:.1f}",
            f"{row.network_residual:.2%}",
            f"{row.best_residual:.2%}",
        ]
        for row in metrics.profiles
    ]
    headings = ["M_true [1e14]", "maps", "mean central signal [µK]", "network: largest residual"]
    return table([*headings, "posterior mean: largest residual"], rows)
