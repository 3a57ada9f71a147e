"""Tables of how good a model is, 80 columns wide."""

from rich.console import Console
from rich.table import Table

from szmass_cli.errors import SzmassError
from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics
from szmass_cli.evaluation.instruments.rows import CaseRow
from szmass_cli.evaluation.markdown import LEAK, LEAK_HINT
from szmass_cli.evaluation.metrics import AnyMetrics
from szmass_cli.evaluation.paper.estimators import ESTIMATORS
from szmass_cli.evaluation.paper.metrics import PaperMetrics
from szmass_cli.evaluation.realistic.rows import RealisticRow

WIDTH = 80


def print_metrics(metrics: AnyMetrics, *, as_json: bool) -> None:
    """Print a model beside the best possible, to stdout; an error if the model is better.

    Raises
    ------
    SzmassError
        If a comparison shows a leak.
    """
    if as_json:
        print(metrics.to_json().decode(), end="")
    elif isinstance(metrics, PaperMetrics):
        _print_scatter(metrics)
    else:
        _print_instruments(metrics)
    if metrics.leaks:
        raise SzmassError(LEAK, LEAK_HINT)


def _print_scatter(metrics: PaperMetrics) -> None:
    table = Table(title="x = ln(M_est / M_true), M200c 2-7e14 Msun", width=WIDTH, title_justify="left")
    for heading in ("SZ scatter", "estimator"):
        table.add_column(heading)
    for heading in ("std x", "Gauss", "median x", "in 68 %", "in 95 %"):
        table.add_column(heading, justify="right")
    for c in metrics.scatter:
        each = (c.network, c.matched_filter, c.best_possible)
        for name, s in zip(ESTIMATORS, each, strict=True):
            values = (s.std, s.gaussian_sigma, s.median, s.coverage_68, s.coverage_95)
            table.add_row(f"{c.sz_scatter_ln:g}", name, *(f"{v:.3f}" for v in values))
    Console(highlight=False).print(table, crop=False)


def _print_instruments(metrics: InstrumentsMetrics) -> None:
    """Print the surveys, and what else was measured."""
    if metrics.realistic:
        _print_realistic(metrics.realistic)
    _print_posteriors("Gaussian sky, S/N > 3: posteriors beside the exact ones", metrics.surveys)
    if metrics.cells:
        _print_posteriors("one white band at 150 GHz: redshift, beam, noise", metrics.cells)
    if metrics.outside:
        _print_posteriors("beyond the instruments of training", metrics.outside)
    for title, rows in (
        ("filters, depths, positions, profiles", metrics.variations),
        ("maps that are not what it is told", metrics.mismatch),
    ):
        if rows:
            _print_biases(title, rows)


def _print_realistic(rows: tuple[RealisticRow, ...]) -> None:
    """Print what a model gains on the realistic sky over a likelihood that is recalibrated there."""
    title = "realistic sky, S/N > 3: gain over the recalibrated Gaussian likelihood"
    table = _table(title, "survey", ("cutouts", "ln p, nats", "possible", "in 68 %", "in 95 %"))
    for row in rows:
        of, gain = row.estimators["network"], row.gains[0]
        table.add_row(
            row.name,
            f"{gain.n_clusters:,}",
            f"{gain.ln_p.value:+.3f} ± {gain.ln_p.error:.3f}",
            f"{gain.possible:+.3f}",
            f"{of.coverage_68:.3f}",
            f"{of.coverage_95:.3f}",
        )
    Console(highlight=False).print(table, crop=False)


def _table(title: str, first: str, headings: tuple[str, ...]) -> Table:
    """Return an empty table of `WIDTH` columns of text; its first column may wrap."""
    table = Table(title=title, width=WIDTH, title_justify="left", padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _print_posteriors(title: str, rows: tuple[CaseRow, ...]) -> None:
    table = _table(title, "survey", ("cutouts", "rms shift", "ln p gap", "in 68 %", "in 95 %", "gain"))
    for row in rows:
        found = row.detected
        if found is None:
            table.add_row(row.name, "0", *[""] * 5)
            continue
        gain = "" if row.gain is None else f"{row.gain.matched_filter:.2f}"
        table.add_row(
            row.name,
            f"{found.n_cutouts:,}",
            f"{found.rms_shift:.3f}",
            f"{found.ln_likelihood_gap:.4f}",
            f"{found.coverage_68:.3f}",
            f"{found.coverage_95:.3f}",
            gain,
        )
    Console(highlight=False).print(table, crop=False)


def _print_biases(title: str, rows: tuple[CaseRow, ...]) -> None:
    table = _table(title, "map", ("median x", "exact", "in 68 %", "in 95 %"))
    for row in rows:
        bias, found = row.bias, row.detected
        cells = ("", "") if bias is None else (f"{bias.model:+.3f} ± {bias.error:.3f}", f"{bias.exact:+.3f}")
        covered = ("", "") if found is None else (f"{found.coverage_68:.3f}", f"{found.coverage_95:.3f}")
        table.add_row(row.name, *cells, *covered)
    Console(highlight=False).print(table, crop=False)
