"""The report of an evaluation: metrics.json, a summary to read, and the paper's figures."""

import tempfile
from pathlib import Path

from szmass_cli.errors import OutputError, SzmassError
from szmass_cli.evaluation.estimators import ESTIMATORS
from szmass_cli.evaluation.figures.evaluation import save_figures
from szmass_cli.evaluation.honesty import Honesty
from szmass_cli.evaluation.metrics import Comparison, Metrics
from szmass_cli.evaluation.results import Evaluation
from szmass_cli.evaluation.statistics import MassScatter
from szmass_cli.system.files import check_writable, move_folder

METRICS, SUMMARY = "metrics.json", "summary.md"

LEAK = "The network is better than the best possible estimator by over three sigma."
LEAK_HINT = "It has seen the test set, or its skies have weaker foregrounds than they should."


def check_report_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that is taken by anything but a report to be replaced, or cannot be made.

    Raises
    ------
    OutputError
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; a report is a folder.", "Give a folder, such as report/.")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / METRICS).is_file() or not (folder / SUMMARY).is_file():
            raise OutputError(f"{folder} is not a report, so it is not replaced.", "Give another name.")
        if not overwrite:
            raise OutputError(f"{folder} is already there.", "--overwrite replaces it.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: its folder cannot be made: {error.strerror or error}", "Give another name."
        ) from None
    check_writable(folder.parent / f".{folder.name}.check")


def write_report(
    evaluation: Evaluation, history: list[dict[str, float]], folder: Path, overwrite: bool = False
) -> None:
    """Write a report; the folder appears, or is replaced, when it is complete.

    Parameters
    ----------
    evaluation : Evaluation
    history : list of dict
        The epochs of training, for the loss curve.
    folder : Path
    overwrite : bool

    Raises
    ------
    OutputError
        See `check_report_folder`.
    SzmassError
        If it cannot be written.
    """
    check_report_folder(folder, overwrite)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            part = Path(temporary) / "report"
            part.mkdir()
            (part / METRICS).write_bytes(evaluation.metrics.to_json())
            (part / SUMMARY).write_text(summary(evaluation.metrics))
            save_figures(evaluation, history, part)
            move_folder(part, folder)
    except OSError as error:
        raise SzmassError(
            f"{folder} could not be written: {error.strerror or error}", "Free some space and evaluate again."
        ) from error


def summary(metrics: Metrics) -> str:
    """The numbers as Markdown tables: network, matched filter and best possible in three columns."""
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
    if metrics.posteriors is not None:
        parts += [
            "## Posteriors beside the exact ones",
            posterior_table(metrics.posteriors),
            "## Coverage where S/N, redshift and estimated mass lie between",
            coverage_table(metrics.posteriors),
            "## Bias of clusters with an expected S/N above 5",
            bias_table(metrics.posteriors),
            "## Clusters of the mass function, under that prior",
            prior_table(metrics.posteriors),
            "## Maps that are not as stated",
            mismatch_table(metrics.posteriors),
        ]
    return "\n\n".join(parts) + "\n"


def _introduction(metrics: Metrics) -> str:
    text = (
        "x = ln(M_est / M_true), M_est the median of the posterior. All estimators see the same cutouts, "
        f"fresh ones of seed {metrics.seed}, and have the same flat prior in mass.\n\n"
        "- matched filter: the amplitude of a fixed template, with a fitted scaling relation\n"
        "- best possible: the exact posterior on all pixels"
    )
    return f"**FAILED: {LEAK}** {LEAK_HINT}\n\n{text}" if metrics.leaks else text


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


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
    return _table([f"{comparison.n_cutouts:,} cutouts", *ESTIMATORS], rows)


def _mass_table(metrics: Metrics) -> str:
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
        _table(headings, rows)
        + "\n\n\\* outside of the trained range, where estimates end at its nearest mass"
    )


def posterior_table(honesty: Honesty) -> str:
    """Markdown: information lost and coverage, over all and at each instrument."""
    sets = [("as in training", honesty.overall)]
    sets += [
        (f"z {row.redshift:g}, {row.beam_fwhm_arcmin:g}', {row.noise_uk_arcmin:g} µK-arcmin", row.posterior)
        for row in honesty.instruments
    ]
    rows = [
        [
            name,
            f"{found.n_cutouts:,}",
            f"{found.n_detected:,}",
            "" if found.rms_shift is None else f"{found.rms_shift:.3f}",
            "" if found.mean_shift is None else f"{found.mean_shift:+.3f}",
            f"{found.ln_likelihood_gap:.4f} ± {found.gap_error:.4f}",
            f"{found.coverage_68:.3f}",
            f"{found.coverage_95:.3f}",
        ]
        for name, found in sets
    ]
    headings = ["clusters", "cutouts", "S/N > 3", "rms shift", "mean shift", "ln p gap [nats]", "in 68.3 %"]
    explained = (
        "shift = (mean of ln M - exact mean) / exact sigma, where S/N > 3; ln p gap: mean ln p of the true "
        "mass, exact less network's."
    )
    return f"{_table([*headings, 'in 95.4 %'], rows)}\n\n{explained}"


def coverage_table(honesty: Honesty) -> str:
    """Markdown: coverage in each cell that holds enough clusters."""
    rows = [
        [
            f"{row.m200c_1e14[0]:g} - {row.m200c_1e14[1]:g}",
            f"{row.redshift[0]:g} - {row.redshift[1]:g}",
            " - ".join("" if edge is None else f"{edge:g}" for edge in row.snr),
            f"{row.n_cutouts:,}",
            f"{row.coverage_68:.3f}",
            f"{row.coverage_95:.3f}",
        ]
        for row in honesty.coverage
    ]
    return _table(["M200c [1e14]", "redshift", "S/N", "cutouts", "in 68.3 %", "in 95.4 %"], rows)


def bias_table(honesty: Honesty) -> str:
    """Markdown: medians of estimated over true mass, by true mass."""
    rows = [
        [
            f"{row.m200c_1e14[0]:g} - {row.m200c_1e14[1]:g}",
            f"{row.n_cutouts:,}",
            f"{row.median:+.3f} ± {row.error:.3f}",
            f"{row.best_median:+.3f}",
        ]
        for row in honesty.bias
    ]
    headings = ["true M200c [1e14]", "cutouts", "median of ln(M_est / M_true)"]
    return _table([*headings, "exact posterior"], rows)


def prior_table(honesty: Honesty) -> str:
    """Markdown: bias and coverage under the mass function."""
    rows = [
        [
            row.clusters,
            f"{row.n_cutouts:,}",
            f"{row.mean_bias_sigma:+.3f}",
            f"{row.coverage_68:.3f}",
            f"{row.coverage_95:.3f}",
        ]
        for row in honesty.mass_function
    ]
    return _table(["clusters", "cutouts", "mean bias / sigma", "in 68.3 %", "in 95.4 %"], rows)


def mismatch_table(honesty: Honesty) -> str:
    """Markdown: what is made of maps that are not as stated."""
    rows = [
        [
            f"{row.beam_fwhm_arcmin:g}', {row.noise_uk_arcmin:g}",
            row.case,
            f"{row.median_bias:+.3f}",
            f"{row.coverage_68:.3f}",
            f"{row.coverage_95:.3f}",
            f"{row.flagged:.3f}",
        ]
        for row in honesty.mismatch
    ]
    if not rows:
        return ""
    told = honesty.mismatch[0]
    explained = (
        f"Told in all cases: the beam and noise [µK-arcmin] in the first column, z = {told.redshift:g}; "
        f"M200c 3-12e14, {told.n_cutouts:,} cutouts each. "
        "Flagged: UNLIKE_TRAINING, NOISE_MISMATCH, CENTRAL_SOURCE or OFF_CENTRE."
    )
    headings = ["told", "the map", "median of ln(M_est / M_true)", "in 68.3 %", "in 95.4 %", "flagged"]
    return f"{_table(headings, rows)}\n\n{explained}"


def _profile_table(metrics: Metrics) -> str:
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
    return _table([*headings, "posterior mean: largest residual"], rows)
