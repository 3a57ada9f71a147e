"""The page of one cluster: a row of images for each band, score images and the posterior below."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from szmass_cli.pictures.cluster import Cluster
from szmass_cli.pictures.panels import Curves, Panel, band_panels, facts, score_panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EXTENT = (5.0, -5.0, -5.0, 5.0)
"""Edges of a cutout [arcmin]: east is on the left."""

WIDTH, ROW, HEAD, FOOT = 9.0, 2.6, 0.75, 0.6
"""Width of a page, height of a row of images, of the head and of the foot [inches]."""

TOP = 1.45
"""Upper end of the posterior's panel, whose highest curve is 1; the legend stands above `BELOW`."""

BELOW = 1.05 / TOP
_NO_DATA = "0.75"
_LEFTS, _SIDE = (0.075, 0.395, 0.715), 0.225
_LABEL, _TICK = 7.0, 6.5


def draw_cluster(cluster: Cluster) -> "Figure":
    """Draw a cluster on one page.

    Parameters
    ----------
    cluster : Cluster
        What is drawn; of a row without a mass only its cutouts.
    """
    from matplotlib.figure import Figure

    n_bands = len(cluster.frequencies_ghz)
    height = HEAD + FOOT + ROW * (n_bands + 1)
    figure = Figure(figsize=(WIDTH, height))
    for band in range(n_bands):
        bottom = 1.0 - (HEAD + ROW * (band + 1) - 0.42) / height
        for column, panel in enumerate(band_panels(cluster, band)):
            _draw_panel(figure, _axes(figure, column, bottom), panel)
    bottom = (FOOT + 0.42) / height
    for column, panel in enumerate(score_panels(cluster)):
        axes = _axes(figure, column, bottom)
        _draw_panel(figure, axes, panel)
        axes.set_xlabel("east [arcmin]", fontsize=_LABEL, labelpad=1)
    for axes in [one for one in figure.axes if one.get_position().x0 == _LEFTS[0]]:
        axes.set_ylabel("north [arcmin]", fontsize=_LABEL, labelpad=1)
    _draw_posterior(_axes(figure, 2, bottom), cluster)
    _write(figure, cluster, height)
    return figure


def _axes(figure: "Figure", column: int, bottom: float) -> "Axes":
    """Add a square panel."""
    width, height = figure.get_size_inches()
    return figure.add_axes((_LEFTS[column], bottom, _SIDE, _SIDE * width / height))


def _draw_panel(figure: "Figure", axes: "Axes", panel: Panel) -> None:
    """Draw an image with its bar of colours; pixels without data are grey."""
    axes.set_facecolor(_NO_DATA)
    low, high = panel.middle - panel.reach, panel.middle + panel.reach
    shown = axes.imshow(panel.image, origin="lower", extent=EXTENT, cmap=panel.colours, vmin=low, vmax=high)
    axes.plot(0.0, 0.0, "+", color="k", ms=7, mew=0.6)
    axes.set_xticks((4, 2, 0, -2, -4))
    axes.set_yticks((-4, -2, 0, 2, 4))
    axes.tick_params(labelsize=_TICK, length=2.5, pad=2)
    axes.set_title(panel.title, fontsize=8, pad=3)
    if not panel.has_data:
        axes.text(0.0, 1.0, "no data", ha="center", fontsize=8)
        return
    left, bottom, width, height = axes.get_position().bounds
    bar = figure.colorbar(shown, cax=figure.add_axes((left + width + 0.008, bottom, 0.011, height)))
    bar.ax.tick_params(labelsize=_TICK, length=2, pad=1.5)
    bar.ax.set_title(panel.unit, fontsize=_LABEL, pad=3)


def _draw_posterior(axes: "Axes", cluster: Cluster) -> None:
    """Draw posterior and likelihood, the interval that is written and the input mass."""
    axes.set_title("posterior of M$_{200c}$", fontsize=8, pad=3)
    axes.set(xticks=(), yticks=())
    if not cluster.has_mass:
        axes.text(0.5, 0.5, "no mass", ha="center", va="center", fontsize=9, transform=axes.transAxes)
        return
    curves, (low, median, high) = Curves.of(cluster), cluster.m200c_msun / 1e14
    inside = (curves.mass >= low) & (curves.mass <= high)
    axes.fill_between(
        curves.mass, 0.0, curves.density, where=inside, color="C0", alpha=0.25, lw=0, label="16 to 84 %"
    )
    axes.plot(curves.mass, curves.density, color="C0", lw=1.3, label="posterior")
    axes.axvline(median, ymax=BELOW, color="C0", lw=0.8, ls=":", label="median")
    if curves.likelihood.size:
        axes.plot(curves.mass, curves.likelihood, color="0.3", lw=0.9, ls="--", label="likelihood")
    if np.isfinite(cluster.input_m200c_msun):
        axes.axvline(cluster.input_m200c_msun / 1e14, ymax=BELOW, color="C3", lw=1.1, label="input mass")
    axes.set(xscale="log", xlim=curves.shown, ylim=(0.0, TOP))
    axes.set_xticks(curves.ticks, [f"{tick:.2g}" for tick in curves.ticks])
    axes.minorticks_off()
    axes.tick_params(labelsize=_TICK, length=2.5, pad=2)
    axes.set_xlabel("M$_{200c}$ [10$^{14}$ M$_\\odot$]", fontsize=_LABEL, labelpad=1)
    axes.set_ylabel("probability per ln M", fontsize=_LABEL, labelpad=2)
    axes.legend(frameon=False, fontsize=6, ncols=2, loc="upper center", handlelength=1.4, columnspacing=0.9)


def _write(figure: "Figure", cluster: Cluster, height: float) -> None:
    """Write name, facts and flags above the images, and what made them below.

    Names are text: what stands between two $ in them is no formula.
    """
    name = cluster.name if len(cluster.name) <= 60 else cluster.name[:59] + "…"
    colour = "C3" if cluster.flags else "0.4"
    figure.text(0.02, 1.0 - 0.28 / height, name, fontsize=13, weight="bold", parse_math=False)
    figure.text(0.02, 1.0 - 0.47 / height, facts(cluster), fontsize=8.5, parse_math=False)
    flags = ", ".join(cluster.flags) or "no flags"
    figure.text(0.02, 1.0 - 0.64 / height, flags, fontsize=7, color=colour, parse_math=False)
    made_with = "\n".join(textwrap.wrap(cluster.made_with, 165)[:3])
    figure.text(0.02, 0.1 / height, made_with, fontsize=6, color="0.35", parse_math=False)
