"""What is painted on cutouts, against what is published: counts of sources, and how much they fill in."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from szmass_cli.config import SkyConfig
from szmass_cli.sky.objects.sources import SourceKind, draw_sources, source_kinds
from szmass_cli.system.hdf5 import reading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

DRAWN_DEG2 = 300.0
"""Area of the sources that are drawn for the picture."""

LABELS = {"radio": "radio: Tucci et al. 2011", "dusty_poisson": "dusty: Fujimoto et al. 2016"}
COLOURS = {"radio": "tab:brown", "dusty_poisson": "tab:red"}

PUBLISHED = (0.2, 0.03, 0.01)
"""Share of the signal that is lost, the fraction of ACT's clusters that lose more to radio, and its error.

Dicker et al. (2021, MNRAS 508, 2600).
"""


def read_filled(path: Path) -> np.ndarray | None:
    """Return the share of each cluster's signal that radio galaxies fill, (n, f); None without any."""
    with reading(path) as file:
        return file["filled_radio"][:] if "filled_radio" in file else None


def draw_contents(
    figure: "FigureBase", sky: SkyConfig, filled: np.ndarray, band_name: str, rng: np.random.Generator
) -> None:
    """Draw the counts of sources beside the published ones, and how many clusters are filled by how much.

    Parameters
    ----------
    figure : matplotlib.figure.FigureBase
        Part of a figure that is filled.
    sky : SkyConfig
        The sky whose sources are drawn.
    filled : numpy.ndarray, shape (n,)
        Share of each cluster's signal that its own radio galaxies take away in a band.
    band_name : str
        Name of that band.
    rng : numpy.random.Generator
        Draws the sources.
    """
    figure.suptitle("What is painted, and what is published")
    counts, infill = figure.subplots(1, 2)
    kinds = source_kinds(sky, sky.build_bands())
    for kind in kinds:
        _draw_counts(counts, kind, sky, rng)
    counts.set(xscale="log", yscale="log", ylim=(1e-2, 1e3), xlabel="flux density at 150 GHz [mJy]")
    counts.set_ylabel("$S^{5/2}\\, dN/dS$ [mJy$^{3/2}$ deg$^{-2}$]")
    if kinds:
        counts.legend(fontsize=8)
    _draw_infill(infill, filled, band_name)


def _draw_counts(axes: "Axes", kind: SourceKind, sky: SkyConfig, rng: np.random.Generator) -> None:
    """Draw the published counts of a kind as a line, and those of drawn sources as points."""
    low, high = sky.objects.faintest_mjy, sky.objects.removed_above_mjy
    shown = (kind.counts.flux_mjy > low / 5.0) & (kind.counts.flux_mjy < high * 2.0)
    flux = kind.counts.flux_mjy[shown]
    colour = COLOURS[kind.name]
    axes.plot(flux, flux**2.5 * kind.counts.per_mjy_deg2[shown], color=colour, label=LABELS[kind.name])
    drawn = draw_sources([kind], sky.objects, DRAWN_DEG2, rng)
    edges = np.geomspace(low, high, 9)
    number = np.histogram(drawn.flux_mjy, edges)[0]
    middle = np.sqrt(edges[1:] * edges[:-1])
    scale = middle**2.5 / np.diff(edges) / DRAWN_DEG2
    there = number > 0
    axes.errorbar(
        middle[there],
        (number * scale)[there],
        (np.sqrt(number) * scale)[there],
        fmt="o",
        color=colour,
        label=f"painted, {DRAWN_DEG2:g} deg²",
    )


def _draw_infill(axes: "Axes", filled: np.ndarray, band_name: str) -> None:
    """Draw the fraction of clusters that lose more than a share of their signal."""
    share = np.linspace(0.0, 1.0, 201)
    fraction = np.array([np.mean(filled > value) for value in share])
    axes.plot(share, np.where(fraction > 0, fraction, np.nan), label=f"painted, {band_name}")
    lost, published, error = PUBLISHED
    axes.errorbar(lost, published, error, fmt="s", color="black", label="clusters of ACT (published)")
    axes.set(
        yscale="log", xlabel="share of the SZ signal that is filled in", ylabel="fraction of clusters above"
    )
    axes.legend(fontsize=8)
