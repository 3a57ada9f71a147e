"""Mean masses and scatters against the column."""

from typing import TYPE_CHECKING

import numpy as np

from szmass_cli.samples.run import Populations

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOGARITHMIC_ABOVE = 3.0
"""Ratio of the last to the first edge from which the column's axis is logarithmic."""


def population_figure(found: Populations) -> "Figure":
    """Return mean M200c, with the scatter as a band, and the scatter itself, against the column."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    masses, scatters = figure.subplots(2, sharex=True, height_ratios=(2.0, 1.0))
    shown = [(one, one.population) for one in found.bins if one.population is not None]
    for one, population in shown:
        (mean,), (mean_err, scatter_err) = population.coefficients, population.errors
        span = [[one.centre - one.low], [one.high - one.centre]]
        width = np.exp(mean + np.array([-1.0, 1.0]) * population.scatter) / 1e14
        masses.fill_between([one.low, one.high], *width, color="C0", alpha=0.15, lw=0)
        mass = np.exp(mean) / 1e14
        errors = [[mass * -np.expm1(-mean_err)], [mass * np.expm1(mean_err)]]
        masses.errorbar([one.centre], [mass], errors, span, fmt="o", color="C0", ms=4)
        scatters.errorbar([one.centre], [population.scatter], [scatter_err], span, fmt="o", color="C0", ms=4)
    masses.plot([], [], "o", color="C0", ms=4, label="mean, with its error")
    masses.fill_between([], [], color="C0", alpha=0.15, lw=0, label="scatter of clusters")
    if found.line is not None:
        (mean, slope), scatter = found.line.population.coefficients, found.line.population.scatter
        x = np.geomspace(found.bins[0].low, found.bins[-1].high, 50)
        label = f"slope {slope:.2f} ± {found.line.population.errors[1]:.2f}"
        masses.plot(x, np.exp(mean + slope * np.log(x / found.line.pivot)) / 1e14, "C1", label=label)
        scatters.axhline(scatter, color="C1")
    masses.set_yscale("log")
    low, high = found.bins[0].low, found.bins[-1].high
    axes = [masses.yaxis]
    if low > 0.0 and high / low > LOGARITHMIC_ABOVE:
        masses.set_xscale("log")
        axes.append(scatters.xaxis)
    for axis in axes:
        axis.set_major_formatter(LogFormatter(labelOnlyBase=False))
        axis.set_minor_formatter(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.6)))
    masses.set_ylabel(r"$M_{200c}$ [$10^{14}\,M_\odot$]")
    scatters.set_ylabel(r"scatter of $\ln M_{200c}$")
    scatters.set_ylim(bottom=0.0)
    scatters.set_xlabel(found.request.by)
    masses.legend(frameon=False)
    for panel in (masses, scatters):
        panel.grid(alpha=0.3)
    return figure
