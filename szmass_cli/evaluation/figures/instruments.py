"""The figures of a report on a model for any instrument."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from szmass_cli.evaluation.figures.training import GAIN_LOSS, loss_figure
from szmass_cli.evaluation.instruments.judging import Judged
from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics
from szmass_cli.evaluation.instruments.rows import CENTRAL, MIN_SNR, PIT_BINS, CaseRow
from szmass_cli.system.pictures import DPI

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = 3000
"""Clusters in one panel at most."""

WIDTH_EDGES_1E14 = np.geomspace(0.5, 15.0, 9)
"""Bins of true mass in which widths are compared."""

LEAST_IN_BIN = 8
"""Clusters that a median is taken of."""


def save_instrument_figures(
    metrics: InstrumentsMetrics,
    surveys: Mapping[str, Judged],
    history: list[dict[str, float]],
    folder: Path,
) -> None:
    """Draw every figure that there are numbers for, as PNG files.

    Parameters
    ----------
    metrics : InstrumentsMetrics
        Its numbers are drawn where sets of clusters are summed up: coverage, bias, mismatch.
    surveys : mapping of Judged
        Clusters with their verdicts, by name of the survey.
    history : list of dict
        The epochs of training.
    folder : Path
        An existing folder to write the figures to.
    """
    figures = {
        "shifts": shift_figure(surveys),
        "pit": pit_figure(surveys),
        "coverage": coverage_figure(metrics.surveys),
        "widths": width_figure(surveys),
    }
    if metrics.mismatch:
        figures["mismatch"] = bias_figure(metrics.mismatch)
    if metrics.variations:
        figures["variations"] = bias_figure(metrics.variations)
    if history:
        figures["loss"] = loss_figure(history, GAIN_LOSS)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=DPI)


def _panels(n: int, width: float, height: float, **options) -> tuple["Figure", list["Axes"]]:
    """Return a figure with n panels, at most four beside one another."""
    from matplotlib.figure import Figure

    columns = min(n, 4)
    rows = -(-n // columns)
    figure = Figure(figsize=(max(width * columns, 5.2), height * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options).ravel()
    for axis in axes[n:]:
        axis.set_visible(False)
    return figure, list(axes[:n])


def shift_figure(surveys: Mapping[str, Judged]) -> "Figure":
    """Return how far posterior means are from the exact ones against S/N, a survey a panel."""
    figure, axes = _panels(len(surveys), 3.0, 2.7, sharex=True, sharey=True)
    for axis, (name, judged) in zip(axes, surveys.items(), strict=True):
        detected = judged[judged.snr > MIN_SNR]
        shown = detected[:SHOWN]
        axis.scatter(shown.snr, shown.shift, s=4, alpha=0.35, color="C0", linewidths=0)
        axis.axhline(0.0, color="k", lw=0.8)
        rms = np.sqrt(np.mean(detected.shift**2)) if len(detected) else np.nan
        axis.set_title(f"{name}: rms {rms:.3f}", fontsize=9)
        axis.set(xscale="log", ylim=(-0.6, 0.6), xlim=(MIN_SNR, None))
    figure.supxlabel("matched-filter signal-to-noise", fontsize=10)
    figure.supylabel("(mean $-$ exact mean) / exact $\\sigma$, of ln M$_{200c}$", fontsize=10)
    return figure


def pit_figure(surveys: Mapping[str, Judged]) -> "Figure":
    """Return how much more often than stated the truth lies where in the posterior, a posterior a panel.

    An even distribution is a flat line at 0: its scatter is shown in grey.
    """
    figure, axes = _panels(2, 4.6, 3.6, sharex=True, sharey=True)
    detected = [one[one.snr > MIN_SNR] for one in surveys.values()]
    edges = np.linspace(0.0, 1.0, PIT_BINS + 1)
    for axis, name in zip(axes, ("model", "exact"), strict=True):
        below = np.concatenate([getattr(one, name).below for one in detected])
        counts, _ = np.histogram(below, bins=edges)
        expected = max(below.size / PIT_BINS, 1e-9)
        error = 200.0 * np.sqrt((1.0 - 1.0 / PIT_BINS) / expected)
        axis.axhspan(-error, error, color="0.88", lw=0)
        axis.axhline(0.0, color="k", lw=0.8)
        axis.stairs(
            100.0 * (counts / expected - 1.0), edges, color="C0" if name == "model" else "0.3", lw=1.4
        )
        axis.set(xlim=(0, 1), xlabel="probability of masses below the true one")
        axis.set_title(f"{name}: {below.size:,} clusters with S/N > {MIN_SNR:g}", fontsize=9)
    reach = max(10.0, max(abs(limit) for axis in axes for limit in axis.get_ylim()))
    axes[0].set(ylim=(-reach, reach), ylabel="clusters above an even share [per cent]")
    figure.suptitle("grey: two standard deviations of honest posteriors", fontsize=9)
    return figure


def coverage_figure(rows: tuple[CaseRow, ...]) -> "Figure":
    """Return coverage by S/N less what is stated, with its errors; a survey a line, a level a panel."""
    figure, axes = _panels(2, 4.9, 0.42 * len(rows) * 1.2 + 1.8, sharey=True)
    names = [row.name for row in rows]
    levels = (("68.3", CENTRAL[0], "coverage_68"), ("95.4", CENTRAL[1], "coverage_95"))
    for axis, (stated, level, key) in zip(axes, levels, strict=True):
        for part, (label, colour) in enumerate(
            (("S/N 3 to 6", "C0"), ("S/N 6 to 12", "C1"), ("S/N above 12", "C2"))
        ):
            places, values, errors = [], [], []
            for place, row in enumerate(rows):
                low = (3.0, 6.0, 12.0)[part]
                for of_snr in row.by_snr:
                    if of_snr.low == low:
                        n = of_snr.posterior.n_cutouts
                        places.append(place + 0.22 * (part - 1))
                        values.append(100.0 * (getattr(of_snr.posterior, key) - level))
                        errors.append(100.0 * np.sqrt(level * (1.0 - level) / n))
            axis.errorbar(values, places, xerr=errors, fmt="o", ms=4, color=colour, label=label, lw=1.2)
        axis.axvline(0.0, color="k", lw=0.8)
        axis.set(xlabel=f"truths in central {stated} per cent, less that [per cent]")
        axis.set_yticks(range(len(names)), names, fontsize=9)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    return figure


def width_figure(surveys: Mapping[str, Judged]) -> "Figure":
    """Return widths of posteriors against mass: of the model, and of the exact one of 150 GHz alone."""
    figure, axes = _panels(len(surveys), 3.0, 2.7, sharex=True, sharey=True)
    middle = np.sqrt(WIDTH_EDGES_1E14[1:] * WIDTH_EDGES_1E14[:-1])
    for axis, (name, judged) in zip(axes, surveys.items(), strict=True):
        lines = [
            ("model, all bands", judged.model, "C0", "o-"),
            ("exact, all bands", judged.exact, "0.3", "+"),
        ]
        if judged.alone is not None:
            lines.append(("exact, 150 GHz alone", judged.alone, "C1", "s--"))
        which = np.digitize(np.exp(judged.ln_mass) / 1e14, WIDTH_EDGES_1E14) - 1
        for label, verdict, colour, style in lines:
            widths = [
                np.median(verdict.sigma[which == k]) if np.sum(which == k) >= LEAST_IN_BIN else np.nan
                for k in range(middle.size)
            ]
            axis.plot(middle, widths, style, color=colour, ms=5 if style == "+" else 3.5, lw=1.2, label=label)
        axis.set_title(name, fontsize=9)
        axis.set(xscale="log", yscale="log", ylim=(0.07, 1.3))
        axis.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
        axis.set_yticks([0.1, 0.2, 0.5, 1.0], ["0.1", "0.2", "0.5", "1"])
        axis.minorticks_off()
    axes[0].legend(frameon=False, fontsize=7)
    figure.supxlabel("true M$_{200c}$ [10$^{14}$ M$_\\odot$]", fontsize=10)
    figure.supylabel("median $\\sigma$ of ln M$_{200c}$", fontsize=10)
    return figure


def bias_figure(rows: tuple[CaseRow, ...]) -> "Figure":
    """Return the median bias of each case, beside that of an analysis that knows the truth."""
    from matplotlib.figure import Figure

    rows = tuple(row for row in rows if row.bias is not None)
    figure = Figure(figsize=(8.6, 0.3 * len(rows) + 1.2), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(rows))
    model = [100.0 * row.bias.model for row in rows if row.bias is not None]
    error = [100.0 * row.bias.error for row in rows if row.bias is not None]
    exact = [100.0 * row.bias.exact for row in rows if row.bias is not None]
    axis.errorbar(model, places - 0.12, xerr=error, fmt="o", ms=4, color="C0", lw=1.2, label="model")
    axis.plot(exact, places + 0.12, "d", ms=4, color="0.35", label="exact, the truth known")
    axis.axvline(0.0, color="k", lw=0.8)
    axis.set_yticks(places, [row.name for row in rows], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("median of ln(M$_{est}$ / M$_{true}$), expected S/N above 5 [per cent]")
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure
