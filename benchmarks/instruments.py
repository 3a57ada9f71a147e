"""What the model for any instrument must show: posteriors beside the exact ones, limits met or missed.

Usage: python benchmarks/instruments.py [--clusters 5000] [--model gaussian] [--only 1 2 3 4 6 7] [--seed 1]
       [--likelihood-only] [--transfer ../shared/data/toy_spt_transfer_2d.npz]

Fresh simulations; numbers are of clusters with S/N > 3 unless said otherwise. In sections 1, 6 and 7 as many
clusters are drawn as give --clusters of them. One core: set OMP_NUM_THREADS=1.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from szmass_cli.config import load_config
from szmass_cli.evaluation.instruments.cases import (
    Case,
    cell_cases,
    outside_case,
    preset_cases,
    white_band,
)
from szmass_cli.evaluation.instruments.judging import Judged, Network, judged_case
from szmass_cli.evaluation.instruments.rows import (
    BIAS_SNR,
    CENTRAL,
    MEDIAN_ERROR,
    MIN_SNR,
    Gain,
    PosteriorRow,
)
from szmass_cli.evaluation.instruments.variations import (
    concentration_cases,
    depth_case,
    filter_cases,
    position_cases,
    scan_filter,
)
from szmass_cli.likelihood import depth
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.transfers import PlaneTransfer, read_transfer

DETECTED = 0.4
"""Least fraction of clusters with S/N above 3 among those drawn."""

DEPTHS_BYTES = 4e9
"""Memory for inverse covariances."""

LEAST_GAIN = {"so-goal": 1.4, "act-dr6": 1.4, "spt-3g": 1.65}


@dataclass(frozen=True)
class Limit:
    """A number with the limit it should keep."""

    what: str
    value: float
    limit: float
    at_least: bool = False
    error: float | None = None

    @property
    def is_met(self) -> bool:
        """Return whether the limit is kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def without_limit(self) -> str:
        """Return the number alone."""
        error = "" if self.error is None else f" ± {self.error:.4f}"
        return f"{self.what} {self.value:.4f}{error}"

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        word = "met" if self.is_met else "MISSED"
        return f"{self.without_limit} ({sign} {self.limit:g}) {word}"


@dataclass(frozen=True)
class Bench:
    """What all sections share."""

    bundle: Bundle
    network: Network | None
    n: int
    seed: int

    @property
    def sky(self) -> SkyModel:
        """Return the sky of the model."""
        return self.bundle.sky_model

    def judged(self, case: Case, salt: int, n: int | None = None) -> Judged:
        """Return n clusters of a case, judged."""
        return judged_case(case, self.bundle.ln_mass, self.network, n or self.n, self.seed, salt)

    def detected(self, case: Case, salt: int) -> Judged:
        """Return as many clusters with S/N > 3 as asked for."""
        judged = self.judged(case, salt, int(self.n / DETECTED))
        return judged[judged.snr > MIN_SNR][: self.n]


def honest(row: PosteriorRow) -> list[Limit]:
    """Return the limits of coverage, with the errors of so many clusters."""
    each = []
    found = (row.coverage_68, row.coverage_95)
    for value, level, reach in zip(found, CENTRAL, (0.015, 0.01), strict=True):
        error = float(np.sqrt(level * (1.0 - level) / row.n_cutouts))
        each.append(Limit(f"|{value:.4f} - {level:g}|", abs(value - level), reach, error=error))
    return each


def close(row: PosteriorRow, shift: float, gap: float) -> list[Limit]:
    """Return the limits of what is lost against the exact posterior."""
    return [
        Limit("rms shift", row.rms_shift, shift),
        Limit("gap", row.ln_likelihood_gap, gap, error=row.gap_error),
    ]


def of_band(instrument: Instrument, frequency_ghz: float = 150.0) -> Instrument:
    """Return the band nearest to a frequency alone."""
    apart = [abs(band.frequency_ghz - frequency_ghz) for band in instrument.bands]
    return instrument.only((int(np.argmin(apart)),))


Rows = Iterator[tuple[str, int, list[Limit]]]


def instruments(bench: Bench) -> Rows:
    """1. Four surveys of three bands, rho 0 and 0.9."""
    for index, case in enumerate(preset_cases(bench.sky)):
        judged = bench.detected(case, 100 + index)
        row, gain = PosteriorRow.of(judged), Gain.of(judged)
        limits = [*close(row, 0.10, 0.01), *honest(row)]
        least = LEAST_GAIN.get(case.name.split(",")[0])
        assert gain is not None
        if least is not None:
            limits.append(Limit("filter's error, 150 GHz / all", gain.matched_filter, least, at_least=True))
            limits.append(Limit("sigma of ln M, 150 GHz / all", gain.posterior, least, at_least=True))
        yield case.name, len(judged), limits


def cells(bench: Bench) -> Rows:
    """2. One white band at 150 GHz: 25 cells."""
    for index, case in enumerate(cell_cases(bench.sky)):
        judged = bench.judged(case, 200 + index)
        row = PosteriorRow.of(judged[judged.snr > MIN_SNR])
        whole = PosteriorRow.of(judged)
        gap = Limit("gap", whole.ln_likelihood_gap, 0.005, error=whole.gap_error)
        yield case.name, len(judged), [Limit("rms shift", row.rms_shift, 0.10), gap]


def outside(bench: Bench) -> Rows:
    """3. Outside of all training ranges in beam and noise."""
    case = outside_case(bench.sky)
    judged = bench.detected(case, 300)
    row = PosteriorRow.of(judged)
    yield (
        case.name,
        len(judged),
        [Limit("gap", row.ln_likelihood_gap, 0.01, error=row.gap_error), *honest(row)],
    )


def filters(bench: Bench, toy: PlaneTransfer) -> Rows:
    """4. Filters, with and without --transfer; medians against the unfiltered exact posterior."""
    three = load_config("spt-3g").sky.build_instrument()
    transfers = {"|ell_x| > 300": scan_filter(300), "|ell_x| > 500": scan_filter(500), "2-D file": toy}
    cases = filter_cases(bench.sky, of_band(three), "spt-3g 150 GHz", transfers)
    cases += filter_cases(bench.sky, three, "spt-3g", transfers)
    for index, case in enumerate(cases):
        judged = bench.judged(case, 400 + index // 2, int(bench.n / DETECTED))
        found = judged[judged.snr > MIN_SNR][: bench.n]
        strong = judged[judged.expected_snr > BIAS_SNR]
        # cluster by cluster: both see the same sky and noise
        apart = strong.model.median - strong.exact.median
        off, best = (np.median(one.median - strong.ln_mass) for one in (strong.model, strong.exact))
        error = MEDIAN_ERROR * apart.std() / np.sqrt(len(apart))
        bias = Limit(
            f"median {off:+.4f}, unfiltered exact {best:+.4f}: apart", abs(off - best), 0.005, error=error
        )
        yield case.name, len(found), [bias, *honest(PosteriorRow.of(found))]


def depths_and_positions(bench: Bench) -> Rows:
    """6. Depth varying by four, in thirds; positions off by a Rayleigh 0.3'."""
    three = load_config("spt-3g").sky.build_instrument()
    for index, (name, instrument) in enumerate({"spt-3g": three, "spt-3g 150 GHz": of_band(three)}.items()):
        case = depth_case(bench.sky, instrument, name)
        judged = bench.judged(case, 600 + index, int(3 * bench.n / DETECTED))
        judged = judged[judged.snr > MIN_SNR]
        edges = np.quantile(judged.depth, [0, 1 / 3, 2 / 3, 1])
        for part, (low, high) in enumerate(pairwise(edges)):
            third = judged[(judged.depth >= low) & (judged.depth <= high)][: bench.n]
            yield f"{case.name}, third {part + 1}", len(third), honest(PosteriorRow.of(third))
    for index, (name, instrument) in enumerate(
        {"spt-3g": three, "1', 5 µK-arcmin": white_band(1.0, 5.0)}.items()
    ):
        for case in position_cases(bench.sky, instrument, name):
            judged = bench.judged(case, 610 + index, int(bench.n / DETECTED))
            strong = judged[judged.snr > BIAS_SNR][: bench.n]
            off = strong.model.median - strong.ln_mass
            error = MEDIAN_ERROR * off.std() / np.sqrt(len(off))
            median = Limit(f"|median {np.median(off):+.4f}|", abs(np.median(off)), 0.02, error=error)
            row = PosteriorRow.of(strong)
            within = Limit(f"|{row.coverage_68:.4f} - 0.68|", abs(row.coverage_68 - 0.68), 0.03)
            yield f"{case.name}, S/N > 5", len(strong), [median, within]


def profiles(bench: Bench) -> Rows:
    """7. Scatter of profiles, in the likelihood and not."""
    three = load_config("spt-3g").sky.build_instrument()
    chosen = {"spt-3g": three, "spt-3g 150 GHz": of_band(three), "1', 5 µK-arcmin": white_band(1.0, 5.0)}
    for index, (name, instrument) in enumerate(chosen.items()):
        for case in concentration_cases(bench.sky, instrument, name):
            judged = bench.detected(case, 700 + index)
            yield case.name, len(judged), honest(PosteriorRow.of(judged))[:1]


def main() -> None:
    """Print every section."""
    # depths of section 6 come in no order, which those of `szmass estimate` do
    depth.CACHE_BYTES = DEPTHS_BYTES
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clusters", type=int, default=5000)
    parser.add_argument("--model", default="gaussian")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*", default=[1, 2, 3, 4, 6, 7])
    parser.add_argument("--likelihood-only", action="store_true", help="without the network")
    parser.add_argument("--transfer", default="../shared/data/toy_spt_transfer_2d.npz")
    options = parser.parse_args()
    bundle = read_bundle(options.model)
    assert isinstance(bundle, Bundle), "a model for any instrument"
    network = None if options.likelihood_only else Network.of(bundle)
    toy = read_transfer(options.transfer) if 4 in options.only else scan_filter(500, 800)
    assert isinstance(toy, PlaneTransfer), "a transfer function of two dimensions"
    bench = Bench(bundle, network, options.clusters, options.seed)
    sections: dict[int, Callable[[Bench], Rows]] = {
        1: instruments,
        2: cells,
        3: outside,
        4: partial(filters, toy=toy),
        6: depths_and_positions,
        7: profiles,
    }
    print(f"model {options.model} {bundle.sha256[:12]}, network {network is not None}, seed {options.seed}")
    for number in options.only:
        began, missed = time.time(), 0
        for name, n, limits in sections[number](bench):
            # what is not told to the likelihood is shown for what it costs: no limit is asked of it
            told = "not told" not in name
            missed += told * sum(not limit.is_met for limit in limits)
            shown = map(str, limits) if told else (limit.without_limit for limit in limits)
            print(f"{number}. {name:40s} n {n:6,d}  " + "; ".join(shown), flush=True)
        print(f"{number}. {missed} limits missed; {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
