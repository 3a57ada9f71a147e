"""Posteriors of a network beside the exact ones, and the probability integral transform."""

from typing import TYPE_CHECKING

import numpy as np

from szmass_cli.evaluation.honesty import PIT_BINS, Honesty
from szmass_cli.evaluation.posteriors import MIN_SNR, Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def posterior_figure(judged: Judged, honesty: Honesty) -> "Figure":
    """How far posterior means are from the exact ones, and how often truth lies where in the posterior.

    Parameters
    ----------
    judged : Judged
    honesty : Honesty
        Measured of them.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    detected = judged[judged.snr > MIN_SNR]
    shown = slice(0, 4000)
    left.scatter(detected.snr[shown], detected.shift[shown], s=3, alpha=0.4, color="C0", linewidths=0)
    left.axhline(0.0, color="k", lw=0.8)
    left.set(
        xscale="log",
        ylim=(-1.5, 1.5),
        xlabel="matched-filter signal-to-noise",
        ylabel="(mean $-$ exact mean) / exact $\\sigma$, of ln M",
        title=f"{min(len(detected), 4000):,} clusters with S/N > {MIN_SNR:g}",
    )
    edges = np.linspace(0.0, 1.0, PIT_BINS + 1)
    right.stairs(honesty.pit, edges, color="C0", fill=True, alpha=0.5)
    expected = 1.0 / PIT_BINS
    error = np.sqrt(expected * (1.0 - expected) / len(judged))
    right.axhspan(expected - 2.0 * error, expected + 2.0 * error, color="0.5", alpha=0.4, lw=0)
    right.axhline(expected, color="k", lw=0.8)
    right.set(
        xlim=(0, 1),
        xlabel="probability of masses below the true one",
        ylabel="fraction of clusters",
        title=f"{len(judged):,} clusters; grey: 2 $\\sigma$ of honest posteriors",
    )
    return figure
