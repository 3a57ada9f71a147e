"""Tables of results, 80 columns wide."""

import json
import shlex
from pathlib import Path

import numpy as np
from rich.console import Console

from szmass_cli.cli.metricreports import print_metrics
from szmass_cli.cli.terminal import facts_table, note, stderr
from szmass_cli.estimation.checkresult import BLIND
from szmass_cli.estimation.parts import parts_folder
from szmass_cli.estimation.provenance import KEYWORDS
from szmass_cli.estimation.recipe import RECIPE_KEY
from szmass_cli.estimation.run import Estimates
from szmass_cli.estimation.runplan import Shard
from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.evaluation.report import METRICS
from szmass_cli.network.bundle.bundle import AnyBundle, PaperBundle
from szmass_cli.network.bundle.metadata import REPORT, Metadata, PaperMetadata
from szmass_cli.posterior.coverage import LEAST_SNR, Coverage

WIDTH = 80


def print_estimates(estimates: Estimates, output: Path, *, as_json: bool, quiet: bool) -> None:
    """Print the summary of a run: a table to stderr, or JSON to stdout."""
    summary = _summary(estimates, output)
    if as_json:
        print(json.dumps(summary))
    if quiet:
        return
    for text in estimates.notes:
        note(f"note: {text}")
    table = facts_table()
    table.add_row("model", f"{estimates.meta['SZM_MODL']}  ({str(estimates.meta['SZM_MSHA'])[:12]})")
    for line in estimates.maps:
        table.add_row("map", line)
    table.add_row("columns", str(estimates.meta["SZM_COLS"]))
    table.add_row("prior", str(estimates.meta["SZM_PRI"]))
    if estimates.meta["SZM_MSCL"]:
        table.add_row("mass scale", str(estimates.meta["SZM_MSCL"]))
    table.add_row("rows", f"{summary['rows']:,}")
    table.add_row("with a mass", f"{summary['with_mass']:,}")
    if summary["with_mass"]:
        base = _first_mass(estimates)
        low, middle, high = summary[f"{base.lower()}_1e14_msun"]
        table.add_row(base, f"{low:.2f}, {middle:.2f}, {high:.2f} x 1e14 Msun at 16, 50, 84 %")
        table.add_row("S/N above 5", f"{summary['snr_above_5']:,}")
    for name, count in summary["flags"].items():
        table.add_row(name, f"{count:,}", style="yellow")
    for name, line in _check_rows(estimates):
        table.add_row(name, line)
    table.add_row("written to", str(output))
    if estimates.posteriors is not None:
        table.add_row("posteriors", str(estimates.posteriors))
    stderr.print(table)


def _check_rows(estimates: Estimates) -> list[tuple[str, str]]:
    """Return what the check by injection found, with what it cannot see."""
    if estimates.check is None:
        return []
    rows = [(f"check, {estimates.check.n:,}", coverage_in_words(estimates.check.found))]
    if estimates.check.after is not None:
        rows.append(("recalibrated", coverage_in_words(estimates.check.after)))
    return [*rows, ("", BLIND)]


def coverage_in_words(found: Coverage) -> str:
    """Return bias and coverage of injected clusters, with their errors."""
    return (
        f"bias {found.bias:+.1%} ± {found.bias_err:.1%}; "
        f"{found.coverage_68:.1%} ± {found.coverage_68_err:.1%} within 68 %, "
        f"{found.coverage_95:.1%} ± {found.coverage_95_err:.1%} within 95 % "
        f"({found.n:,} of S/N > {LEAST_SNR:g})"
    )


def _first_mass(estimates: Estimates) -> str:
    """Return the name of the column of the first mass definition asked for."""
    return next(name for name in estimates.columns.colnames if name.startswith("M"))


def _summary(estimates: Estimates, output: Path) -> dict:
    """Return the numbers that summarise a run, for users and for scripts."""
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
        "model": estimates.meta["SZM_MODL"],
        "model_sha256": estimates.meta["SZM_MSHA"],
        "prior": estimates.meta["SZM_PRI"],
        "maps": list(estimates.bands),
        "mass_scale": estimates.meta["SZM_MSCL"] or None,
        "check": None if estimates.check is None else estimates.check.stated(),
        "notes": list(estimates.notes),
        "noise_regions": list(estimates.noise),
        "output": str(output),
        "posteriors": None if estimates.posteriors is None else str(estimates.posteriors),
    }


def print_study(summary: dict, output: Path, *, as_json: bool, quiet: bool) -> None:
    """Print the summary of a study: a table to stderr, or JSON to stdout."""
    if as_json:
        print(json.dumps({**summary, "output": str(output)}, default=str))
    if quiet:
        return
    for text in summary["notes"]:
        note(f"note: {text}")
    table = facts_table()
    table.add_row("injected", f"{summary['n']:,}, {summary['n_above_snr_3']:,} of them with S/N > 3")
    table.add_row("area", f"{summary['area_deg2']:,.4g} square degrees, {summary['tiles']} tiles")
    for name in ("bias", "coverage_68", "coverage_95"):
        if name in summary:
            table.add_row(name, f"{summary[name]:+.1%} ± {summary[name + '_err']:.1%}")
    table.add_row("", BLIND)
    table.add_row("written to", str(output))
    stderr.print(table)


def print_shard(
    shard: Shard, output: Path, rows: int, *, as_json: bool, quiet: bool, overwrite: bool
) -> None:
    """Print what came of one shard: a line to stderr, or JSON to stdout."""
    folder = parts_folder(output)
    merge = shlex.join(["szmass", "merge", str(output), *["--overwrite"] * overwrite])
    if as_json:
        print(json.dumps({"shard": str(shard), "rows": rows, "parts": str(folder), "merge": merge}))
    if not quiet:
        note(f"Shard {shard} is finished, in {folder}. When all are: {merge}")


def print_provenance(meta: dict, *, as_json: bool) -> None:
    """Print how an output was made, to stdout."""
    if as_json:
        print(json.dumps(meta))
        return
    table = facts_table()
    for key, (name, _) in KEYWORDS.items():
        # the run as JSON is for programs, and the command says the same
        if key != RECIPE_KEY and str(meta.get(key, "")).strip(" ,"):
            table.add_row(name, str(meta[key]))
    Console(highlight=False).print(table)


def print_bundle(bundle: AnyBundle, *, as_json: bool, quiet: bool) -> None:
    """Print what a bundle is, to stdout."""
    if as_json:
        print(json.dumps(bundle.metadata.model_dump()))
        return
    if quiet:
        return
    m = bundle.metadata
    table = facts_table()
    low, high = (mass / 1e14 for mass in m.trained_m200c_msun)
    seen = _one_instrument(m) if isinstance(m, PaperMetadata) else _any_instrument(m)
    rows = {
        "model": f"{m.name}  ({bundle.sha256[:12]})",
        "folder": str(bundle.path),
        "trained by": f"szmass {m.szmass_version}, {m.cutouts_trained_on:,} cutouts, seed {m.seed}",
        "network": f"mResUNet, {bundle.recipe.network.base_filters} base filters, "
        f"{sum(w.size for w in bundle.weights):,} weights",
        **seen,
        "masses": f"M200c {low:g} to {high:g} x 1e14 Msun",
        "redshift": _spanned(m.trained_redshift),
        "prior": m.prior,
    }
    if isinstance(bundle, PaperBundle):
        rows["redshift"] += f", calibrated {_spanned(bundle.metadata.calibrated_redshift)}"
    elif bundle.sky_model.members.has_members:
        rows["besides gas"] = "dust, motion and radio galaxies of clusters are summed over"
    for key, value in rows.items():
        table.add_row(key, value)
    stdout = Console(highlight=False)
    stdout.print(table)
    if (bundle.path / REPORT / METRICS).is_file():
        print_metrics(read_metrics(bundle.path / REPORT / METRICS), as_json=False)


def _one_instrument(m: PaperMetadata) -> dict[str, str]:
    """Return what is said of the maps of the paper's network."""
    return {
        "frequency": f"{m.per_band('frequency_ghz')} GHz",
        "beam": f"{m.per_band('beam_fwhm_arcmin')}' FWHM",
        "noise": f"{m.per_band('noise_uk_arcmin')} µK-arcmin",
    }


def _any_instrument(m: Metadata) -> dict[str, str]:
    """Return what is said of the maps of a model for any instrument."""
    return {
        "maps": "any bands, beams, noise and filters: they go into the likelihood",
        "correction": f"trained with {_spanned(m.trained_bands)} bands at "
        f"{_spanned(m.trained_frequency_ghz)} GHz,",
        "": f"beams {_spanned(m.trained_beam_fwhm_arcmin)}', noise "
        f"{_spanned(m.trained_noise_uk_arcmin)} µK-arcmin",
    }


def _spanned(span: tuple[float, float] | None) -> str:
    """Return a range, or the one number that it is, in words."""
    if span is None:
        return ""
    return f"{span[0]:g}" if span[0] == span[1] else f"{span[0]:g} to {span[1]:g}"
