"""Measured power spectra beside their input, and their ratio."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from szmass_cli.config import SkyConfig
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.foregrounds import FOREGROUNDS, TSZ_DUST
from szmass_cli.sky.measured import MeasuredSpectra, noise_dl_uk2, passed_power
from szmass_cli.sky.power import sky_dl_uk2

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

AGREEMENT = 0.02
"""Half the width of the band in the panels of ratios."""

_NOISE = "noise"
_LABELS = {
    "cmb": "CMB",
    **{row.name: row.label for row in FOREGROUNDS},
    TSZ_DUST: "|SZ × dust|",
    _NOISE: "noise",
}
_COLOURS = {name: f"C{number}" for number, name in enumerate(_LABELS)} | {_NOISE: "0.5"}
_MARKERS = (("o", "k"), ("s", "C3"))
_ELL_MIN = 400.0
_TICKS = (1000, 3000, 10_000)
_TELLING = 0.1
"""Points with larger errors do not set the scale of ratios; beyond it an arrow at the edge stands for one."""

_BEYOND = "_beyond the panel"  # the underscore keeps it out of legends


@dataclass(frozen=True)
class InputSpectra:
    """What a sky was made from, for curves.

    Parameters
    ----------
    bands : sequence of Band, length f
        In the order of the first two axes of `components`.
    ell : numpy.ndarray, shape (n,)
        Multipoles of the curves, ascending.
    components : dict of numpy.ndarray, shape (f, f, n)
        D_ell [µK^2] behind the beams, noise included.
    """

    bands: Sequence[Band]
    ell: np.ndarray
    components: dict[str, np.ndarray]

    @classmethod
    def of(cls, sky: SkyConfig, instrument: Instrument, ell_max: float) -> "InputSpectra":
        ell = np.geomspace(_ELL_MIN, ell_max, 500)
        passed = passed_power(instrument, ell)
        components = {name: dl * passed for name, dl in sky_dl_uk2(sky, ell, instrument.bands).items()}
        return cls(instrument.bands, ell, components | {_NOISE: noise_dl_uk2(instrument, ell)})

    @property
    def total(self) -> np.ndarray:
        return sum(self.components.values(), np.zeros_like(self.components[_NOISE]))


def shown_pairs(n_bands: int) -> list[tuple[int, int]]:
    """Return which spectra between bands are shown: the auto-spectrum of each, and one cross-spectrum."""
    autos = [(i, i) for i in range(n_bands)]
    return autos if n_bands == 1 else [*autos, (0, 1)]


def draw_spectra(
    figure: "FigureBase", given: InputSpectra, measured: Sequence[MeasuredSpectra], note: str = ""
) -> None:
    """Draw one column for each spectrum: D_ell above, measured over expected below.

    Parameters
    ----------
    figure : matplotlib figure or subfigure
        What the panels are added to, in constrained layout: the legend stands outside of them.
    given : InputSpectra
        The power that went in, drawn as curves by component.
    measured : sequence of MeasuredSpectra
        Between the same bands.
    note : str
        A line of text below the panels.
    """
    pairs = shown_pairs(len(given.bands))
    grid = figure.subplots(2, len(pairs), height_ratios=(2.2, 1), sharex=True, squeeze=False)
    for (top, bottom), pair in zip(grid.T, pairs, strict=True):
        _draw_curves(top, given, pair)
        _draw_points(top, measured, pair)
        _draw_ratio(bottom, measured, pair)
        frequencies = " × ".join(f"{given.bands[i].frequency_ghz:g}" for i in sorted(set(pair)))
        top.set_title(f"{frequencies} GHz", fontsize=10)
    grid[0, 0].set_ylabel(r"$D_\ell$ [µK$^2$], behind the beam")
    grid[1, 0].set_ylabel("measured /\nexpected")
    # a legend of its own: over the panels it would hide points
    handles = {
        label: h for axes in grid[0] for h, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside right center",
        frameon=False,
        fontsize=8,
        title=note or None,
    )


def _draw_curves(axes: "Axes", given: InputSpectra, pair: tuple[int, int]) -> None:
    axes.plot(given.ell, given.total[pair], "k-", lw=1.6, label="input, total")
    for name, dl in given.components.items():
        if dl[pair].any():
            style = "-" if dl[pair].min() >= 0 else "--"
            curve = np.abs(dl[pair])
            axes.plot(given.ell, curve, style, color=_COLOURS[name], lw=0.8, label=_LABELS[name])
    total = np.abs(given.total[pair])
    axes.set(xscale="log", yscale="log", xlim=(_ELL_MIN, given.ell[-1]))
    axes.set_ylim(max(total.min() / 300.0, 1e-3), 3.0 * total.max())


def _draw_points(axes: "Axes", measured: Sequence[MeasuredSpectra], pair: tuple[int, int]) -> None:
    for spectra, (marker, colour) in zip(measured, _MARKERS, strict=False):
        axes.errorbar(
            spectra.ell,
            spectra.unwindowed[pair],
            spectra.error[pair],
            fmt=marker,
            color=colour,
            ms=3.5,
            mfc="white",
            lw=1,
            label=spectra.label,
            zorder=3,
        )


def _draw_ratio(axes: "Axes", measured: Sequence[MeasuredSpectra], pair: tuple[int, int]) -> None:
    reach = 0.05
    for spectra, (marker, colour) in zip(measured, _MARKERS, strict=False):
        ell, ratio, error = ratios(spectra, pair)
        axes.errorbar(ell, ratio, error, fmt=marker, color=colour, ms=3.5, mfc="white", lw=1)
        far = (np.abs(ratio - 1.0) + error)[error < _TELLING]
        reach = max(reach, 1.1 * float(far.max())) if far.size else max(reach, 0.5)
    for spectra, (_, colour) in zip(measured, _MARKERS, strict=False):
        ell, ratio, _ = ratios(spectra, pair)
        for arrow, side in (("^", 1.0), ("v", -1.0)):
            beyond = ell[side * (ratio - 1.0) > reach]
            edge = np.full(beyond.size, 1.0 + 0.88 * side * reach)
            axes.plot(beyond, edge, arrow, color=colour, ms=5, zorder=4, label=_BEYOND)
    axes.axhspan(1.0 - AGREEMENT, 1.0 + AGREEMENT, color="0.9", zorder=0)
    axes.axhline(1.0, color="k", lw=0.8)
    limits = axes.get_xlim()
    axes.set(ylim=(1.0 - reach, 1.0 + reach), xlabel=r"multipole $\ell$")
    axes.set_xticks(_TICKS, [f"{tick:,}" for tick in _TICKS])
    axes.set_xticks([], minor=True)
    axes.set_xlim(limits)


def ratios(spectra: MeasuredSpectra, pair: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return multipoles, measured over expected power, and its error, of the bins that have a signal.

    A bin whose error exceeds its expected power has no signal, and its ratio would be noise over nothing.
    This happens in cross-spectra at high multipoles, where beams leave no signal and bands share no noise.
    """
    expected, error = np.abs(spectra.expected[pair]), spectra.error[pair]
    there = expected > error
    ratio = spectra.measured[pair][there] / spectra.expected[pair][there]
    return spectra.ell[there], ratio, error[there] / expected[there]
