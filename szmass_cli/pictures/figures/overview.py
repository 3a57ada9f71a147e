"""Charts of all clusters of a catalogue: masses against anything, and where they are on the sky."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

SIZE = (4.6, 3.5)
"""Size of a chart [inches]; it is shown about 380 pixels wide, where its text is as large as the page's."""

BARS = 400
"""Points up to which error bars are drawn; more would hide one another."""


def mass_figure(
    x: np.ndarray, masses: np.ndarray, flagged: np.ndarray, labels: tuple[str, str], log: bool
) -> "Figure":
    """Return masses against another number; flagged clusters stand out.

    Parameters
    ----------
    x : numpy.ndarray, shape (n,)
        What masses are drawn against.
    masses : numpy.ndarray, shape (n, 3)
        16th percentile, median and 84th percentile [1e14 Msun].
    flagged : numpy.ndarray of bool, shape (n,)
        Whether a cluster has a flag.
    labels : (str, str)
        Labels of the two axes, plain text.
    log : bool
        Whether the first axis is logarithmic.
    """
    figure, axes = _new()
    known = np.isfinite(x) & np.isfinite(masses[:, 1]) & (masses[:, 1] > 0.0)
    if log:
        known &= x > 0.0
    for chosen, colour, label in ((known & ~flagged, "C0", "no flag"), (known & flagged, "C3", "flagged")):
        n = int(chosen.sum())
        at, (low, median, high) = x[chosen], masses[chosen].T
        size, alpha = (14, 0.9) if n <= BARS else (5, 0.35)
        axes.scatter(at, median, s=size, alpha=alpha, color=colour, linewidths=0, label=f"{label}: {n:,}")
        if known.sum() <= BARS:
            errors = np.abs([median - low, high - median])
            axes.errorbar(at, median, errors, fmt="none", color=colour, alpha=0.4, lw=0.7)
    scale = 1.0 if known.sum() <= BARS else 2.5
    axes.set(yscale="log", xscale="log" if log else "linear")
    if known.any():
        _round_ticks(axes.yaxis, masses[known, 1])
        if log:
            _round_ticks(axes.xaxis, x[known])
    axes.set_xlabel(labels[0], parse_math=False)
    axes.set_ylabel(labels[1], parse_math=False)
    figure.legend(frameon=False, fontsize=8, loc="outside upper left", ncols=2, markerscale=scale)
    axes.grid(alpha=0.25)
    return figure


def sky_figure(ra_deg: np.ndarray, dec_deg: np.ndarray, snr: np.ndarray, flagged: np.ndarray) -> "Figure":
    """Return where the clusters are on the sky, coloured by signal-to-noise; rings mark flagged ones.

    Parameters
    ----------
    ra_deg, dec_deg : numpy.ndarray, shape (n,)
        ICRS positions [deg].
    snr : numpy.ndarray, shape (n,)
        Signal-to-noise; NaN where there is no mass.
    flagged : numpy.ndarray of bool, shape (n,)
        Whether a cluster has a flag.
    """
    figure, axes = _new()
    known = np.isfinite(ra_deg + dec_deg)
    middle = _middle_deg(ra_deg[known])
    # about the middle of the catalogue, so that fields over RA 0 stay in one piece
    around = (ra_deg - middle + 180.0) % 360.0 - 180.0 + middle
    measured, size = known & np.isfinite(snr), 14 if known.sum() <= 2000 else 4
    shown = axes.scatter(
        around[measured], dec_deg[measured], s=size, c=snr[measured], cmap="viridis", linewidths=0
    )
    lost, scale = known & ~measured, 14 / size
    axes.scatter(
        around[lost], dec_deg[lost], s=size, marker="x", color="0.5", lw=0.8, label=f"no mass: {lost.sum():,}"
    )
    rings = known & flagged
    axes.scatter(
        around[rings], dec_deg[rings], s=2.5 * size, facecolors="none", edgecolors="C3", linewidths=0.6,
        zorder=0.5, label=f"flagged: {rings.sum():,}",
    )  # fmt: skip
    if measured.any():
        figure.colorbar(shown, ax=axes, label="signal-to-noise")
    axes.invert_xaxis()
    ticks = [tick for tick in axes.get_xticks() if axes.viewLim.x1 <= tick <= axes.viewLim.x0]
    axes.set_xticks(ticks, [f"{tick % 360.0:g}" for tick in ticks])
    axes.set(xlabel="right ascension [deg]", ylabel="declination [deg]")
    figure.legend(frameon=False, fontsize=8, loc="outside upper left", ncols=2, markerscale=scale)
    axes.grid(alpha=0.25)
    return figure


def _new() -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    return figure, figure.subplots()


def _round_ticks(axis: "Axis", values: np.ndarray) -> None:
    """Put round numbers on a logarithmic axis: the ticks of a decade would name one or two."""
    low, high = values.min() * 0.8, values.max() * 1.25
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.log10(high))
    steps = (1, 2, 3, 5, 7) if high / low < 100.0 else (1, 3) if high / low < 1e4 else (1,)
    ticks = [step * decade for decade in decades for step in steps if low <= step * decade <= high]
    if len(ticks) > 1:
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)


def _middle_deg(angles_deg: np.ndarray) -> float:
    """Return the mean direction of angles [deg], 0 of none."""
    if not angles_deg.size:
        return 0.0
    mean = np.mean(np.exp(1j * np.radians(angles_deg)))
    return float(np.degrees(np.angle(mean))) % 360.0
