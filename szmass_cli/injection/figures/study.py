"""Coverage, completeness and selection of a study, drawn."""

from typing import TYPE_CHECKING

import numpy as np
from astropy.table import Table

from szmass_cli.injection.study import SIZES_ARCMIN, Study
from szmass_cli.injection.tables import ALL, LEAST, REDSHIFT_EDGES
from szmass_cli.posterior.coverage import LEAST_SNR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_CUT = 5.0
"""S/N of the completeness that is drawn."""

MOST_NAMED = 8
"""Tiles that are named in a legend; of more the range is drawn."""


def coverage_figure(coverage: Table) -> "Figure":
    """Draw bias and coverage in ranges of S/N, all tiles together.

    Parameters
    ----------
    coverage : astropy.table.Table
        See `szmass_cli.injection.tables.coverage_table`.
    """
    from matplotlib.figure import Figure

    rows = coverage[(coverage["tile"] == ALL) & (coverage["of"] == "snr")]
    rows = rows[~((rows["low"] == LEAST_SNR) & np.isinf(rows["high"]))]
    labels = [
        f"{row['low']:g} to {row['high']:g}" if np.isfinite(row["high"]) else f"above {row['low']:g}"
        for row in rows
    ]
    place = np.arange(len(rows))
    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.axhline(0.0, color="0.6", lw=1)
    left.errorbar(place, rows["bias"], rows["bias_err"], fmt="o", color="C0")
    left.set_ylabel(r"mean of $\ln(M_{\rm est} / M_{\rm true})$")
    for level, colour in ((68, "C0"), (95, "C1")):
        right.axhline(level / 100.0, color=colour, lw=1, ls=":")
        right.errorbar(
            place,
            rows[f"coverage_{level}"],
            rows[f"coverage_{level}_err"],
            fmt="o",
            color=colour,
            label=f"{level} per cent",
        )
    right.set_ylabel("true masses within the error bars")
    right.set_ylim(top=1.02)
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    for axes in (left, right):
        axes.set_xticks(place, labels)
        axes.set_xlabel("signal-to-noise")
        axes.set_xlim(-0.5, max(len(rows), 1) - 0.5)
    return figure


def completeness_figure(completeness: Table, snr_cut: float = SHOWN_CUT) -> "Figure":
    """Draw the fraction of clusters above a cut in S/N with mass, a line for each range of redshift.

    Parameters
    ----------
    completeness : astropy.table.Table
        See `szmass_cli.injection.tables.completeness_table`.
    snr_cut : float
        The cut, one of those of the table.
    """
    from matplotlib.figure import Figure

    rows = completeness[(completeness["tile"] == ALL) & (completeness["snr_cut"] == snr_cut)]
    rows = rows[rows["n"] >= LEAST]
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axes = figure.subplots()
    for number, low in enumerate(REDSHIFT_EDGES[:-1]):
        some = rows[rows["redshift_low"] == low]
        if len(some):
            mass = np.sqrt(np.asarray(some["M200c_low"]) * np.asarray(some["M200c_high"]))
            label = f"{low:g} < z < {some['redshift_high'][0]:g}"
            shift = 1.02 ** (number - 1.5)
            axes.errorbar(
                mass * shift, some["completeness"], some["completeness_err"], fmt="o-", ms=4, label=label
            )
    axes.set_xscale("log")
    axes.set_xlabel(r"$M_{200c}$ [$10^{14}\,M_\odot$]")
    axes.set_ylabel(f"fraction with S/N above {snr_cut:g}")
    axes.set_ylim(-0.03, 1.03)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return figure


def selection_figure(study: Study) -> "Figure":
    """Draw the noise of the central Compton y with the size of clusters, a line for each tile."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    axes = figure.subplots()
    names = study.footprint.tile_names
    if len(names) <= MOST_NAMED:
        for name, noise, area in zip(names, study.y0_noise, study.footprint.area_deg2, strict=True):
            size = f"{area:,.0f}" if area >= 100.0 else f"{area:.3g}"
            axes.plot(SIZES_ARCMIN, noise, label=f"{name}, {size} deg$^2$")
    else:
        low, middle, high = np.nanpercentile(study.y0_noise, (0.0, 50.0, 100.0), axis=0)
        axes.fill_between(SIZES_ARCMIN, low, high, alpha=0.3, label=f"{len(names)} tiles")
        axes.plot(SIZES_ARCMIN, middle, label="median")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(r"$\theta_{500}$ [arcmin]")
    axes.set_ylabel(r"$\sigma(y_0)$ of the matched filter")
    axes.legend(frameon=False)
    return figure
