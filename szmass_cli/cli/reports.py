"""Tables of results, 80 columns wide."""

import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from szmass_cli.cli.console import facts_table, note, stderr
from szmass_cli.errors import SzmassError
from szmass_cli.estimation.run import Estimates
from szmass_cli.evaluation.estimators import ESTIMATORS
from szmass_cli.evaluation.honesty import Honesty, PosteriorRow
from szmass_cli.evaluation.metrics import Metrics, read_metrics
from szmass_cli.evaluation.report import LEAK, LEAK_HINT, METRICS
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.bundle.metadata import REPORT

WIDTH = 80


def print_estimates(estimates: Estimates, output: Path, *, as_json: bool, quiet: bool) -> None:
    """Summary of a run: a table to stderr, or JSON to stdout."""
    summary = _summary(estimates, output)
    if as_json:
        print(json.dumps(summary))
    if quiet:
        return
    for text in estimates.notes:
        note(f"note: {text}")
    table = facts_table()
    table.add_row("model", f"{estimates.meta['SZM_MODL']}  ({str(estimates.meta['SZM_MSHA'])[:12]})")
    unit = f"{estimates.meta['SZM_UNIT']} ({estimates.meta['SZM_UNSR']})"
    table.add_row("map", f"{estimates.meta['SZM_MAP']}  in {unit}")
    table.add_row("columns", str(estimates.meta["SZM_COLS"]))
    table.add_row("rows", f"{summary['rows']:,}")
    table.add_row("with a mass", f"{summary['with_mass']:,}")
    if summary["with_mass"]:
        base = _first_mass(estimates)
        low, middle, high = summary[f"{base.lower()}_1e14_msun"]
        table.add_row(base, f"{low:.2f}, {middle:.2f}, {high:.2f} x 1e14 Msun at 16, 50, 84 %")
        table.add_row("S/N above 5", f"{summary['snr_above_5']:,}")
    for name, count in summary["flags"].items():
        table.add_row(name, f"{count:,}", style="yellow")
    table.add_row("written to", str(output))
    stderr.print(table)


def _first_mass(estimates: Estimates) -> str:
    """The first mass definition asked for, as its column is called."""
    return next(name for name in estimates.columns.colnames if name.startswith("M"))


def _summary(estimates: Estimates, output: Path) -> dict:
    """Numbers of a run, for people and for scripts."""
    base = _first_mass(estimates)
    masses = np.asarray(estimates.columns[base])
    found = masses[np.isfinite(masses)]
    return {
        "rows": len(masses),
        "with_mass": int(found.size),
        f"{base.lower()}_1e14_msun": [round(float(v), 4) for v in np.percentile(found, [16, 50, 84])]
        if found.size
        else None,
        "snr_above_5": int(np.sum(np.asarray(estimates.columns["sz_snr"]) > 5)),
        "flags": estimates.flag_counts(),
        "columns": dict(estimates.catalog.roles),
        "notes": list(estimates.notes),
        "output": str(output),
    }


def print_bundle(bundle: Bundle, *, as_json: bool, quiet: bool) -> None:
    """What a bundle is, to stdout."""
    if as_json:
        print(json.dumps(bundle.metadata.model_dump()))
        return
    if quiet:
        return
    m = bundle.metadata
    table = facts_table()
    low, high = (mass / 1e14 for mass in m.trained_m200c_msun)
    rows = {
        "model": f"{m.name}  ({bundle.sha256[:12]})",
        "folder": str(bundle.path),
        "trained by": f"szmass {m.szmass_version}, {m.cutouts_trained_on:,} cutouts, seed {m.seed}",
        "network": f"mResUNet, {bundle.recipe.network.base_filters} base filters, "
        f"{sum(w.size for w in bundle.weights):,} weights",
        "frequency": f"{m.per_band('frequency_ghz')} GHz",
        "beam": f"{_spanned(m.trained_beam_fwhm_arcmin) or m.per_band('beam_fwhm_arcmin')}' FWHM",
        "noise": f"{_spanned(m.trained_noise_uk_arcmin) or m.per_band('noise_uk_arcmin')} µK-arcmin",
        "masses": f"M200c {low:g} to {high:g} x 1e14 Msun",
        "redshift": f"{_spanned(m.trained_redshift)}, calibrated {_spanned(m.calibrated_redshift)}",
        "prior": m.prior,
    }
    for key, value in rows.items():
        table.add_row(key, value)
    stdout = Console(highlight=False)
    stdout.print(table)
    if (bundle.path / REPORT / METRICS).is_file():
        print_metrics(read_metrics(bundle.path / REPORT / METRICS), as_json=False)


def _spanned(span: tuple[float, float] | None) -> str:
    """A range, or the one number that it is, in words."""
    if span is None:
        return ""
    return f"{span[0]:g}" if span[0] == span[1] else f"{span[0]:g} to {span[1]:g}"


def print_metrics(metrics: Metrics, *, as_json: bool) -> None:
    """Network, matched filter and best possible side by side, to stdout; an error if the network is best.

    Raises
    ------
    SzmassError
        If a comparison shows a leak.
    """
    if as_json:
        print(metrics.to_json().decode(), end="")
    else:
        _print_scatter(metrics)
        if metrics.posteriors is not None:
            _print_posteriors(metrics.posteriors)
    if metrics.leaks:
        raise SzmassError(LEAK, LEAK_HINT)


def _print_scatter(metrics: Metrics) -> None:
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


def _print_posteriors(honesty: Honesty) -> None:
    table = Table(title="posteriors beside the exact ones", width=WIDTH, title_justify="left")
    for heading in ("z", "beam", "noise"):
        table.add_column(heading)
    for heading in ("S/N > 3", "rms shift", "ln p gap", "in 68 %", "in 95 %"):
        table.add_column(heading, justify="right")
    sets: list[tuple[str, str, str, PosteriorRow]] = [("all", "all", "all", honesty.overall)]
    sets += [
        (f"{row.redshift:g}", f"{row.beam_fwhm_arcmin:g}'", f"{row.noise_uk_arcmin:g}", row.posterior)
        for row in honesty.instruments
    ]
    for z, beam, noise, found in sets:
        shift = "" if found.rms_shift is None else f"{found.rms_shift:.3f}"
        numbers = (f"{found.ln_likelihood_gap:.4f}", f"{found.coverage_68:.3f}", f"{found.coverage_95:.3f}")
        table.add_row(z, beam, noise, f"{found.n_detected:,}", shift, *numbers)
    Console(highlight=False).print(table, crop=False)
