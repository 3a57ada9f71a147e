"""The figures of the paper's report: 3 to 6 of Gupta & Reichardt (2020), and the loss curve."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import curve_fit

from szmass_cli.evaluation.figures.training import MSE_LOSS, loss_figure
from szmass_cli.evaluation.paper.estimators import BEST_POSSIBLE, ESTIMATORS, MATCHED_FILTER, NETWORK
from szmass_cli.evaluation.paper.measure import Estimated, MeanMaps
from szmass_cli.evaluation.paper.metrics import Comparison, PaperMetrics
from szmass_cli.evaluation.paper.results import PaperResults
from szmass_cli.evaluation.statistics import gaussian
from szmass_cli.system.pictures import DPI

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXTENT = (5.0, -5.0, -5.0, 5.0)
"""Edges of a cutout [arcmin]: east is on the left."""

LEAST_RESIDUAL = 5.0
"""Residuals of less than this [per cent of the peak] do not fill the range of colours."""

_COLOURS = {NETWORK: "C0", MATCHED_FILTER: "C1", BEST_POSSIBLE: "0.35"}
_MARKERS = {NETWORK: "o", MATCHED_FILTER: "s", BEST_POSSIBLE: "d"}
_LN_BINS = np.linspace(-1.0, 1.0, 61)


def save_paper_figures(evaluation: PaperResults, history: list[dict[str, float]], folder: Path) -> None:
    """Draw every figure that the evaluation has numbers for, as PNG files.

    Parameters
    ----------
    evaluation : PaperResults
        Numbers, and the estimates and maps behind them.
    history : list of dict
        The epochs of training.
    folder : Path
        An existing folder to write the figures to.
    """
    figures = {"figure5_scatter": _scatter_figure(evaluation)}
    if evaluation.maps:
        figures["figure3_sz_maps"] = _map_figure(evaluation.maps)
    if evaluation.masses is not None:
        figures["figure4_masses"] = _mass_figure(evaluation.metrics)
    if evaluation.irregular is not None:
        figures["figure6_irregular"] = _irregular_figure(evaluation)
    if history:
        figures["loss"] = loss_figure(history, MSE_LOSS)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=DPI)


def _new_figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _map_figure(maps: Mapping[float, MeanMaps]) -> "Figure":
    """Draw Figure 3: a map, the mean true and estimated SZ signal, and their difference."""
    figure = _new_figure(11.0, 2.7 * len(maps) + 0.3)
    axes = figure.subplots(len(maps), 4, squeeze=False, sharex=True, sharey=True)
    for row, (mass, sums) in zip(axes, maps.items(), strict=True):
        assert sums.example_uk is not None
        true, estimated = sums.mean_true_uk, sums.mean_estimated_uk(NETWORK)
        reach, deepest = np.abs(sums.example_uk).max(), np.abs(true).max()
        residual = 100.0 * (estimated - true) / deepest
        largest = max(LEAST_RESIDUAL, np.abs(residual).max())
        panels = (
            (sums.example_uk, "RdBu_r", -reach, reach, "one cutout", "µK"),
            (true, "viridis", -deepest, 0.0, f"mean true SZ, {sums.n} maps", "µK"),
            (estimated, "viridis", -deepest, 0.0, "mean estimated SZ", "µK"),
            (residual, "RdBu_r", -largest, largest, "estimated $-$ true", "per cent of the true peak"),
        )
        for axis, (image, colours, low, high, title, unit) in zip(row, panels, strict=True):
            shown = axis.imshow(image, extent=EXTENT, origin="lower", cmap=colours, vmin=low, vmax=high)
            figure.colorbar(shown, ax=axis, label=unit, shrink=0.8)
            axis.set_title(title, fontsize=9)
        row[0].set(xticks=(4, 2, 0, -2, -4))
        row[0].set_ylabel(f"{mass / 1e14:g} × 10$^{{14}}$ M$_\\odot$\nnorth [arcmin]")
    for axis in axes[-1]:
        axis.set_xlabel("east [arcmin]")
    return figure


def _mass_figure(metrics: PaperMetrics) -> "Figure":
    """Draw Figure 4: estimated against true mass, and bias over sigma."""
    figure = _new_figure(7.0, 7.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    true = np.array([row.m200c_msun for row in metrics.masses])
    for index, name in enumerate(ESTIMATORS):
        found = [getattr(row, name.replace(" ", "_")) for row in metrics.masses]
        median = np.array([f.median_msun for f in found])
        sigma = np.array([f.sigma_msun for f in found])
        shift = 1.0 + 0.012 * (index - 1)
        style = {"fmt": _MARKERS[name], "color": _COLOURS[name], "ms": 4.5, "lw": 1.2, "label": name}
        upper.errorbar(true * shift / 1e14, median / 1e14, sigma / 1e14, **style)
        lower.plot(true * shift / 1e14, (median - true) / sigma, _MARKERS[name], color=_COLOURS[name], ms=4.5)
    span = np.array([0.4, 11.0])
    upper.plot(span, span, "k-", lw=0.8, zorder=0)
    upper.set_ylabel("estimated M$_{200c}$ [10$^{14}$ M$_\\odot$]")
    upper.legend(frameon=False)
    lower.axhline(0.0, color="k", lw=0.8, zorder=0)
    lower.axhspan(-1.0, 1.0, color="0.92", zorder=-1)
    lower.set(ylabel="(M$_{est}$ - M$_{true}$) / σ", xlabel="true M$_{200c}$ [10$^{14}$ M$_\\odot$]")
    for axis in (upper, lower):
        if metrics.trained_m200c_msun is not None:
            low, high = (mass / 1e14 for mass in metrics.trained_m200c_msun)
            axis.axvline(low, color="0.6", ls=":", lw=1.0)
            axis.axvline(high, color="0.6", ls=":", lw=1.0)
        axis.set_xscale("log")
        axis.set_xticks([0.5, 1, 2, 3, 5, 7, 10], ["0.5", "1", "2", "3", "5", "7", "10"])
        axis.minorticks_off()
    upper.set_yscale("log")
    upper.set_yticks([0.5, 1, 2, 3, 5, 7, 10], ["0.5", "1", "2", "3", "5", "7", "10"])
    upper.minorticks_off()
    title = "error bars: 16th to 84th percentile of the estimates; between the dotted lines: trained"
    upper.set_title(title, fontsize=9)
    return figure


def _scatter_figure(evaluation: PaperResults) -> "Figure":
    """Draw Figure 5: scatter of ln M with SZ scatter and without, a row each; an estimator a panel."""
    comparisons = evaluation.metrics.scatter
    figure = _new_figure(9.6, 2.7 * len(comparisons) + 0.4)
    axes = figure.subplots(len(comparisons), len(ESTIMATORS), squeeze=False, sharex=True, sharey="row")
    for row, found, comparison in zip(axes, evaluation.scatter, comparisons, strict=True):
        _histograms(row, found, comparison)
        what = f"SZ scatter {comparison.sz_scatter_ln:g}\n{comparison.n_cutouts:,} clusters"
        row[0].set_ylabel(f"{what}\nprobability density", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("ln(M$_{est}$ / M$_{true}$)")
    return figure


def _histograms(axes: Sequence["Axes"], found: Estimated, comparison: Comparison) -> None:
    """Draw the scatter of each estimator in a panel of its own, over that of the best possible in grey."""
    bins = _LN_BINS if len(found) > 2000 else _LN_BINS[::3]
    densities = {}
    for name in ESTIMATORS:
        ln_ratio = np.log(found.median_msun(name) / found.m200c_msun)
        # of all clusters, those beyond the edges too
        weights = np.full(ln_ratio.size, 1.0 / (ln_ratio.size * (bins[1] - bins[0])))
        densities[name], edges = np.histogram(ln_ratio, bins=bins, weights=weights)
    for axis, name in zip(axes, ESTIMATORS, strict=True):
        if name != BEST_POSSIBLE:
            axis.stairs(densities[BEST_POSSIBLE], edges, fill=True, color="0.88")
        axis.stairs(densities[name], edges, color=_COLOURS[name], lw=1.4)
        _draw_fit(axis, densities[name], edges, _COLOURS[name])
        sigma = getattr(comparison, name.replace(" ", "_")).gaussian_sigma
        axis.set_title(f"{name}: σ of a Gaussian fit {sigma:.3f}", fontsize=9)
        axis.axvline(0.0, color="k", lw=0.6)
        axis.set_xlim(_LN_BINS[0], _LN_BINS[-1])


def _draw_fit(axis: "Axes", density: np.ndarray, edges: np.ndarray, colour: str) -> None:
    centres = 0.5 * (edges[1:] + edges[:-1])
    if not density.any():
        return
    try:
        best, _ = curve_fit(gaussian, centres, density, p0=(density.max(), 0.0, 0.15))
    except RuntimeError:  # no Gaussian comes near it
        return
    x = np.linspace(edges[0], edges[-1], 400)
    axis.plot(x, gaussian(x, *best), "--", color=colour, lw=0.9)


def _irregular_figure(evaluation: PaperResults) -> "Figure":
    """Draw Figure 6: estimated against true mass of irregular clusters, and their scatter, a panel each."""
    found = evaluation.irregular
    assert found is not None
    figure = _new_figure(9.6, 6.4)
    upper, lower = figure.subplots(2, len(ESTIMATORS), sharey="row")
    shown = slice(0, 300)
    for axis, name in zip(upper, ESTIMATORS, strict=True):
        true, estimated = found.m200c_msun[shown] / 1e14, found.median_msun(name)[shown] / 1e14
        axis.plot(true, estimated, _MARKERS[name], color=_COLOURS[name], ms=3, alpha=0.6)
        axis.plot([1.5, 8], [1.5, 8], "k-", lw=0.8)
        axis.set(xlabel="true M$_{200c}$ [10$^{14}$ M$_\\odot$]")
        axis.set_title(name, fontsize=9)
    upper[0].set_ylabel("estimated M$_{200c}$ [10$^{14}$ M$_\\odot$]")
    figure.suptitle(
        f"above the first {min(300, len(found))} of {len(found):,} irregular clusters", fontsize=10
    )
    _histograms(lower, found, evaluation.metrics.irregular[-1])
    for axis in lower:
        axis.set_xlabel("ln(M$_{est}$ / M$_{true}$)")
    lower[0].set_ylabel("probability density")
    return figure
