"""Test sets of the realistic sky, as Markdown."""

from szmass_cli.evaluation.markdown import table
from szmass_cli.evaluation.realistic.rows import ESTIMATORS, CellRow, Measured, RealisticRow
from szmass_cli.posterior.coverage import SNR_EDGES

CALLED = {
    "likelihood": "Gaussian likelihood",
    "recalibrated": "recalibrated",
    "network": "model",
    "clean": "no contamination",
}
"""What tables call `ESTIMATORS`."""

EXPLAINED = (
    "Of clusters with S/N above 3. Gaussian likelihood: exact on a Gaussian sky, marginalised over the "
    "scatter of profiles. Recalibrated: the same, shifted, stretched and given tails by maximum likelihood "
    "on the simulations that the model was recalibrated on; what a matched filter can do at best. No "
    "contamination: the Gaussian likelihood of the same cutouts without sources, dust, neighbours, motion "
    "and lensing. ln p: of the true ln M [nats]; rms and median of ln(M_est / M_true): S/N above 5; wild: "
    "off by more than 0.7 in ln M."
)

FLAGS_EXPLAINED = (
    "Wrong: S/N above 5 and mean ln M over 3 sigma off. Last columns: rms of rows without a flag over that "
    "of all rows of a bin of S/N, less 1."
)

GAINS_EXPLAINED = (
    "Model against the recalibrated likelihood, cutout by cutout, with standard errors. Share: gain in "
    "ln p over that of cutouts without contamination. Wild: change of the number of clusters off by over 0.7."
)


CELLS_EXPLAINED = (
    "Cells of S/N, redshift and true mass with 500 clusters or more, an error of 2 per cent. Largest median: "
    "of ln(M_est / M_true) of the model, S/N above 5. Clean: the same of the likelihood of cutouts without "
    "contamination, over all cells and in that one, as cuts in the true mass shift and narrow what any "
    "posterior shows. TARP: largest departure of expected coverage from its level."
)


def realistic_tables(rows: tuple[RealisticRow, ...]) -> list[str]:
    """Return all that a report says of the realistic sky, paragraph by paragraph."""
    parts = ["## The realistic sky", estimator_table(rows), EXPLAINED]
    parts += ["### Gains", gain_table(rows), GAINS_EXPLAINED]
    parts += ["### Coverage in cells of S/N, redshift and mass", cell_table(rows), CELLS_EXPLAINED]
    parts += ["### Flags and wrong rows", flag_table(rows), FLAGS_EXPLAINED]
    return parts


def flag_table(rows: tuple[RealisticRow, ...]) -> str:
    """Return how many wrong and right rows are flagged, a test set a row."""
    lines = []
    for row in rows:
        flags = row.flags
        lines.append(
            [
                row.name,
                str(flags.wrong),
                _number(flags.wrong_flagged, ".0%"),
                _number(flags.right_flagged, ".1%"),
                *[_percent(ratio) for ratio in flags.rms_ratio],
            ]
        )
    bins = [f"S/N > {low:g}" for low in SNR_EDGES[:-1]]
    return table(["", "wrong", "flagged", "others flagged", *bins], lines)


def estimator_table(rows: tuple[RealisticRow, ...]) -> str:
    """Return how good each estimator is, a test set and an estimator a row."""
    lines = []
    for row in rows:
        for name in ESTIMATORS:
            of = row.estimators[name]
            lines.append(
                [
                    f"{row.name}: {CALLED[name]}",
                    f"{of.ln_p:+.3f}",
                    _number(of.rms_bright, ".3f"),
                    _number(of.median_bright, "+.3f"),
                    f"{of.coverage_68:.3f}",
                    f"{of.coverage_95:.3f}",
                    f"{100 * of.beyond_3_sigma:.2f} %",
                    f"{100 * of.wild:.2f} %",
                ]
            )
    return table(["", "ln p", "rms", "median", "in 68.3 %", "in 95.4 %", "> 3 sigma", "wild"], lines)


def gain_table(rows: tuple[RealisticRow, ...]) -> str:
    """Return what the model gains, a test set and a group of clusters a row."""
    lines = []
    for row in rows:
        for gain in row.gains:
            share = gain.ln_p.value / gain.possible if gain.possible > 0.0 else None
            lines.append(
                [
                    f"{row.name}, {gain.clusters}",
                    f"{gain.n_clusters:,}",
                    f"{gain.ln_p.value:+.4f} ± {gain.ln_p.error:.4f}",
                    _number(share, ".0%"),
                    _percent(gain.rms),
                    _percent(gain.wild),
                ]
            )
    return table(["", "clusters", "ln p", "share", "rms", "wild"], lines)


def cell_table(rows: tuple[RealisticRow, ...]) -> str:
    """Return the least and the most that holds, and the largest bias, over the cells of each test set."""
    lines = []
    for row in rows:
        if not row.cells:
            continue
        bright = [cell for cell in row.cells if cell.snr[0] >= 5.0]
        worst = max(bright, key=lambda cell: abs(cell.median.value), default=None)
        lines.append(
            [
                row.name,
                str(len(row.cells)),
                _range([cell.coverage_68 for cell in row.cells]),
                _range([cell.clean_coverage_68 for cell in row.cells]),
                "" if worst is None else f"{worst.median.value:+.3f} ± {worst.median.error:.3f}",
                "" if worst is None else _number(worst.clean_median, "+.3f"),
                "" if worst is None else _cell(worst),
                f"{row.tarp:.3f}",
            ]
        )
    headings = ["", "cells", "in 68.3 %", "clean", "largest median", "clean", "where", "TARP"]
    return table(headings, lines)


def _range(covered: list[float | None]) -> str:
    known = [value for value in covered if value is not None]
    return f"{min(known):.3f} to {max(known):.3f}" if known else ""


def _cell(cell: CellRow) -> str:
    return (
        f"S/N > {cell.snr[0]:g}, z {cell.redshift[0]:g}-{cell.redshift[1]:g}, "
        f"{cell.m200c_msun[0] / 1e14:g}-{cell.m200c_msun[1] / 1e14:g}e14 Msun"
    )


def _percent(found: Measured | None) -> str:
    if found is None:
        return ""
    return f"{100 * found.value:+.1f} ± {100 * found.error:.1f} %"


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form).replace("%", " %")
