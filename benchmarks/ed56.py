"""Masses of the ACTPol E-D56 clusters from their ỹ0, against those that Hilton et al. (2018) published.

Usage: python benchmarks/ed56.py [--data tests/data/ed56] [--figure docs/ed56.png]

Prints medians and 95th percentiles of |Δ ln M| for every published column and for other ways to calculate
them, and what Q the published masses imply; writes a figure of both. Takes some seconds.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table
from matplotlib.figure import Figure

from szmass_cli.physics.cosmology import theta500_arcmin
from szmass_cli.physics.y0masses import MassPrior, Y0Masses, m200m_from_m500c, m500c_from_y0
from szmass_cli.physics.y0relation import (
    H18,
    H18_COSMOLOGY,
    H18_RICHNESS_CALIBRATION,
    FilterMismatch,
    HotGas,
    Y0Relation,
    y0_from_m500c,
)

HERE = Path(__file__).resolve().parent
PUBLISHED = {"M500cUPP": MassPrior.HALOS_ABOVE, "M500cUnc": MassPrior.FLAT}
GAS = {
    HotGas.HASSELFIELD2013: "formula of H13",
    HotGas.EXACT: "exact spectrum",
    HotGas.NONE: "no hot gas",
}
DEGREE = 5  # of the polynomial in ln theta500 that the implied Q is compared with


class Ed56:
    """The catalogue, and masses from it.

    Parameters
    ----------
    folder : Path
        With ``actpol_ed56.csv`` and ``qfit.csv``.
    """

    def __init__(self, folder: Path):
        self.table = Table.read(folder / "actpol_ed56.csv")
        self.mismatch = FilterMismatch.read(folder / "qfit.csv")
        self.redshift = np.asarray(self.table["z"])
        self.y0 = 1e-4 * np.asarray(self.table["y0tilde"])
        self.theta500_arcmin = theta500_arcmin(self.published("M500cUnc"), self.redshift, H18_COSMOLOGY)

    def published(self, column: str) -> np.ndarray:
        """Return a published mass [Msun]."""
        return 1e14 * np.asarray(self.table[column])

    def masses(
        self, prior: MassPrior, relation: Y0Relation = H18, mismatch: FilterMismatch | None = None
    ) -> Y0Masses:
        """Return masses from ỹ0."""
        error = 1e-4 * np.asarray(self.table["y0tilde_err"])
        return m500c_from_y0(self.y0, error, self.redshift, mismatch or self.mismatch, prior, relation)

    def ln_implied_q(self, hot_gas: HotGas) -> np.ndarray:
        """Return ln of the Q that turns ỹ0 into ``M500cUnc``, over that of the table."""
        mass = self.published("M500cUnc")
        relation = Y0Relation(hot_gas=hot_gas)
        return np.log(self.y0 / y0_from_m500c(mass, self.redshift, self.mismatch, relation))

    def implied_mismatch(self) -> FilterMismatch:
        """Return Q times a smooth function of theta500 that was fitted to ``M500cUnc``."""
        ln_size = np.log(self.theta500_arcmin)
        fit = np.polynomial.Polynomial.fit(ln_size, self.ln_implied_q(HotGas.HASSELFIELD2013), DEGREE)
        size = np.geomspace(*self.mismatch.range_arcmin, 400)[1:-1]
        change = fit(np.clip(np.log(size), ln_size.min(), ln_size.max()))
        return FilterMismatch(size, self.mismatch(size) * np.exp(change))


def row(name: str, found, expected, limits: tuple[float, float] | None = None) -> str:
    """Return a line of Markdown: median and 95th percentile of |Δ ln|, its mean with sign, in per cent."""
    change = 100.0 * np.log(np.asarray(found) / np.asarray(expected))
    median, high = np.percentile(np.abs(change), [50.0, 95.0])
    wanted = "" if limits is None else f"{limits[0]:g}, {limits[1]:g}"
    return f"| {name} | {median:.2f} | {high:.2f} | {change.mean():+.2f} | {wanted} |"


def published_columns(data: Ed56) -> list[str]:
    """Return the comparison with each published column."""
    found = {column: data.masses(prior) for column, prior in PUBLISHED.items()}
    upp, unc = found["M500cUPP"], found["M500cUnc"]
    lines = [row(f"`{name}`", f.m500c_msun, data.published(name), (1.5, 3.5)) for name, f in found.items()]
    effect = data.published("M500cUPP") / data.published("M500cUnc")
    lines.append(row("`M500cUPP / M500cUnc`", upp.m500c_msun / unc.m500c_msun, effect, (0.3, 1.0)))
    for kind, masses in (("UPP", upp), ("Unc", unc)):
        expected = data.published(f"M200m{kind}")
        from_published = m200m_from_m500c(data.published(f"M500c{kind}"), data.redshift)
        lines.append(row(f"`M200m{kind}`, from the published M500c", from_published, expected, (0.5, 0.5)))
        ours = m200m_from_m500c(masses.m500c_msun, data.redshift)
        lines.append(row(f"`M200m{kind}`, from ỹ0", ours, expected))
    calibrated = data.published("M500cUPP") / H18_RICHNESS_CALIBRATION
    lines.append(row("`M500cCal`, from the published M500c", calibrated, data.published("M500cCal")))
    lines.append(
        row("`M500cCal`, from ỹ0", upp.m500c_msun / H18_RICHNESS_CALIBRATION, data.published("M500cCal"))
    )
    for name, masses in found.items():
        for side, error in (("Plus", masses.err_plus_msun), ("Minus", masses.err_minus_msun)):
            lines.append(row(f"`{name}_err{side}`", error, data.published(f"{name}_err{side}")))
    return lines


def other_ways(data: Ed56) -> list[str]:
    """Return the comparison with other corrections for hot gas and other priors."""
    lines = []
    for hot_gas, gas in GAS.items():
        relation = Y0Relation(hot_gas=hot_gas)
        flat = data.masses(MassPrior.FLAT, relation).m500c_msun
        lines.append(row(f"`M500cUnc`: {gas}", flat, data.published("M500cUnc")))
        for prior in (MassPrior.HALOS_ABOVE, MassPrior.MASS_FUNCTION):
            mass = data.masses(prior, relation).m500c_msun
            lines.append(row(f"`M500cUPP`: {gas}, {prior}", mass, data.published("M500cUPP")))
            effect = data.published("M500cUPP") / data.published("M500cUnc")
            lines.append(row(f"`M500cUPP / M500cUnc`: {gas}, {prior}", mass / flat, effect))
    tilted = Y0Relation(cosmology=replace(H18_COSMOLOGY, n_s=0.95))
    mass = data.masses(MassPrior.HALOS_ABOVE, tilted).m500c_msun
    lines.append(row("`M500cUPP`: spectral index of 0.95", mass, data.published("M500cUPP")))
    return lines


def with_implied_q(data: Ed56) -> list[str]:
    """Return the comparison with Q fitted to ``M500cUnc``; the other columns then test all but Q."""
    mismatch = data.implied_mismatch()
    lines = []
    for name, prior in PUBLISHED.items():
        masses = data.masses(prior, mismatch=mismatch)
        lines.append(row(f"`{name}`", masses.m500c_msun, data.published(name)))
        for side, error in (("Plus", masses.err_plus_msun), ("Minus", masses.err_minus_msun)):
            lines.append(row(f"`{name}_err{side}`", error, data.published(f"{name}_err{side}")))
    return lines


def largest_differences(data: Ed56, n: int = 5) -> list[str]:
    """Return the clusters whose ``M500cUPP`` is least like the published one, with the Q implied."""
    found = data.masses(PUBLISHED["M500cUPP"], mismatch=data.implied_mismatch())
    change = 100.0 * np.log(found.m500c_msun / data.published("M500cUPP"))
    worst = np.argsort(-np.abs(change))[:n]
    return [f"| {data.table['name'][i]} | {data.table['zType'][i]} | {change[i]:+.2f} |" for i in worst]


def curve_of_implied_q(data: Ed56) -> list[str]:
    """Return the implied Q over that of the table, less one."""
    implied = data.implied_mismatch()
    sizes = (1.2, 2.0, 3.0, 5.0, 8.0)
    return [f"| {size:g} | {100.0 * (implied(size) / data.mismatch(size) - 1.0):+.1f} |" for size in sizes]


def scatter_of_implied_q(data: Ed56) -> list[str]:
    """Return by how much the implied Q is no function of theta500, for each correction for hot gas."""
    ln_size = np.log(data.theta500_arcmin)
    lines = []
    for hot_gas, gas in GAS.items():
        implied = data.ln_implied_q(hot_gas)
        fit = np.polynomial.Polynomial.fit(ln_size, implied, DEGREE)
        lines.append(f"| {gas} | {100.0 * np.std(implied - fit(ln_size)):.2f} |")
    return lines


def draw(data: Ed56, path: Path) -> None:
    """Write the figure."""
    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (name, prior), marker in zip(PUBLISHED.items(), "o^", strict=True):
        change = 100.0 * np.log(data.masses(prior).m500c_msun / data.published(name))
        left.plot(data.theta500_arcmin, change, marker, ms=4, alpha=0.6, label=name, mec="none")
    left.set_ylabel("ln (mass from ỹ0 / published mass) [per cent]")
    left.set_title("M500c, this code over published", fontsize=11)
    for (hot_gas, gas), marker in zip(GAS.items(), "o^s", strict=True):
        implied = 100.0 * data.ln_implied_q(hot_gas)
        right.plot(data.theta500_arcmin, implied, marker, ms=4, alpha=0.6, mec="none", label=gas)
    right.set_ylabel("ln (Q implied / Q of the table) [per cent]")
    right.set_title("Q that turns ỹ0 into M500cUnc", fontsize=11)
    for axes in (left, right):
        axes.axhline(0.0, color="0.6", lw=0.8, zorder=0)
        axes.set_xscale("log")
        axes.set_xticks([1, 2, 3, 5, 8], ["1", "2", "3", "5", "8"])
        axes.minorticks_off()
        axes.set_xlabel("θ500 [arcmin]")
        axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Print the tables and write the figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=HERE.parent / "tests" / "data" / "ed56")
    parser.add_argument("--figure", type=Path, default=HERE.parent / "docs" / "ed56.png")
    arguments = parser.parse_args()
    data = Ed56(arguments.data)
    head = "| | median of abs(Δ ln) | 95th percentile | mean of Δ ln | limits |\n|---|---|---|---|---|"
    for title, lines in (
        ("Published columns", published_columns(data)),
        ("Other ways to calculate them", other_ways(data)),
        ("With the Q that M500cUnc implies", with_implied_q(data)),
    ):
        print(f"{title}, {len(data.table)} clusters, per cent\n\n{head}", *lines, "", sep="\n")
    print("Largest differences of M500cUPP then, per cent\n\n| cluster | redshift | Δ ln |\n|---|---|---|")
    print(*largest_differences(data), "", sep="\n")
    print(
        "Scatter of the implied Q about a function of theta500, per cent\n\n| hot gas | scatter |\n|---|---|"
    )
    print(*scatter_of_implied_q(data), "", sep="\n")
    print("Implied Q over that of the table, less one, per cent\n\n| theta500 [arcmin] | |\n|---|---|")
    print(*curve_of_implied_q(data), sep="\n")
    draw(data, arguments.figure)


if __name__ == "__main__":
    main()
