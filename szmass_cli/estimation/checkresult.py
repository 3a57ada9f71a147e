"""What the check of a run found: bias and coverage of the injected clusters, in numbers and in words."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from szmass_cli.estimation.injected import Injected
from szmass_cli.estimation.measured import Measured
from szmass_cli.posterior.coverage import LEAST_SNR, SNR_EDGES, Coverage
from szmass_cli.posterior.grid import normalised
from szmass_cli.posterior.heldout import HeldOut
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.tempering import Tempering, fitted_tempering

LEAST_FOUND = 30
"""Injected clusters above the S/N; with fewer nothing is stated."""

BLIND = (
    "Injection does not see sources, dust and neighbours of real clusters, a gas other than the model's, nor "
    "a beam, filter, unit or calibration that is wrongly stated: clusters are painted with what is stated."
)
"""What the numbers do not cover; it stands beside them wherever they do."""


@dataclass(frozen=True)
class Judged:
    """Injected clusters as measured, those that have a mass.

    Parameters
    ----------
    posterior : MassPosterior
        Posteriors of n clusters, under the prior that their masses were drawn from, without the floor of the
        model: a share of the prior that moves no percentile by what injected clusters can tell.
    m200c_msun, redshift, snr : numpy.ndarray, shape (n,)
        True M200c [Msun], stated redshift, and S/N as measured.
    """

    posterior: MassPosterior
    m200c_msun: np.ndarray
    redshift: np.ndarray
    snr: np.ndarray

    def __len__(self) -> int:
        return len(self.snr)

    def __getitem__(self, rows: np.ndarray) -> "Judged":
        return Judged(self.posterior[rows], self.m200c_msun[rows], self.redshift[rows], self.snr[rows])

    @classmethod
    def of(cls, measured: Measured, injected: Injected, ln_mass: np.ndarray) -> "Judged":
        """Return the clusters of which a mass was measured.

        Parameters
        ----------
        measured : Measured
            Results of the injected clusters, with curves.
        injected : Injected
            The clusters.
        ln_mass : numpy.ndarray, shape (m,)
            ln M200c of the curves [ln Msun]; true masses were drawn evenly from their range.
        """
        known = np.flatnonzero(np.isfinite(measured.m200c_msun[:, 0]) & np.isfinite(measured.snr))
        density = normalised(measured.ln_likelihood[known].astype(float))
        return cls(
            MassPosterior(ln_mass, density),
            injected.m200c_msun[known],
            injected.redshift[known],
            measured.snr[known],
        )

    def recalibrated(self, recalibration: Tempering) -> "Judged":
        """Return the clusters with other posteriors."""
        density = recalibration(self.posterior.density, self.snr)
        posterior = MassPosterior(self.posterior.ln_mass, density)
        return Judged(posterior, self.m200c_msun, self.redshift, self.snr)

    def fitted(self, prior_range_msun: tuple[float, float]) -> Tempering:
        """Return the shift and power by S/N that these clusters ask for."""
        held_out = HeldOut(self.posterior.density, np.log(self.m200c_msun), self.redshift, self.snr)
        return fitted_tempering(prior_range_msun, held_out)


@dataclass(frozen=True)
class CheckResult:
    """What the check of a run found.

    Parameters
    ----------
    n : int
        Number of injected clusters of which a mass was measured.
    seed : int
        Seed of positions and masses.
    found : Coverage
        Bias and coverage of those above the S/N of `LEAST_SNR`.
    by_snr : tuple
        (low, high, Coverage) for each range of S/N that has some.
    mass_range_msun : (float, float)
        Range of M200c that masses were drawn from [Msun].
    recalibration : Tempering, optional
        What was applied to the masses of the catalogue.
    after : Coverage, optional
        Bias and coverage with it, each half of the clusters corrected by what the other half asks for.
    """

    n: int
    seed: int
    found: Coverage
    by_snr: tuple[tuple[float, float, Coverage], ...]
    mass_range_msun: tuple[float, float]
    recalibration: Tempering | None = None
    after: Coverage | None = None

    def stated(self) -> dict[str, Any]:
        """Return the result in JSON form."""
        numbers = {name: _rounded(value) for name, value in asdict(self.found).items() if name != "n"}
        ranges = [
            {"snr": [low, high if np.isfinite(high) else None]}
            | {name: _rounded(value) for name, value in asdict(one).items()}
            for low, high, one in self.by_snr
        ]
        after = self.after and {name: _rounded(value) for name, value in asdict(self.after).items()}
        return {
            "n": self.n,
            **numbers,
            "n_above_snr_3": self.found.n,
            "seed": self.seed,
            "by_snr": ranges,
            "recalibrated": after,
            "does_not_see": BLIND,
        }

    @property
    def meta(self) -> dict[str, str | float]:
        """Return keywords and values of the output's header."""
        found = self.found
        numbers: dict[str, str | float] = {
            "SZM_CHKN": self.n,
            "SZM_CHKD": found.n,
            "SZM_CSED": self.seed,
            "SZM_CBIA": _rounded(found.bias),
            "SZM_CBIE": _rounded(found.bias_err),
            "SZM_C68": _rounded(found.coverage_68),
            "SZM_C68E": _rounded(found.coverage_68_err),
            "SZM_C95": _rounded(found.coverage_95),
            "SZM_C95E": _rounded(found.coverage_95_err),
            "SZM_CHK": f"{self.in_words()} {BLIND}",
        }
        if self.recalibration is not None and self.after is not None:
            numbers |= {
                "SZM_RCAL": self.recalibration.in_words,
                "SZM_RC68": _rounded(self.after.coverage_68),
                "SZM_RC95": _rounded(self.after.coverage_95),
                "SZM_RBIA": _rounded(self.after.bias),
            }
        return numbers

    def in_words(self) -> str:
        """Return what was done, in one sentence."""
        low, high = (mass / 1e14 for mass in self.mass_range_msun)
        return (
            f"{self.n} clusters with the catalogue's redshifts and depths, M200c drawn evenly in ln M from "
            f"{low:g} to {high:g} x 1e14 Msun, injected at blank positions and measured as the rows are; "
            f"numbers are of the {self.found.n} with S/N above {LEAST_SNR:g}, under that prior."
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return notes for the user where bias or coverage miss."""
        misses = self.found.misses
        if not misses:
            return ()
        advice = (
            "They were corrected (--recalibrate)."
            if self.recalibration is not None
            else "Check noise, filter and sources of the map; --recalibrate corrects for it."
        )
        return (f"The check by injection misses: {'; '.join(misses)}. {advice}",)


def check_result(judged: Judged, seed: int, prior_range_msun: tuple[float, float]) -> CheckResult | None:
    """Return what injected clusters say of the masses; None where too few are above the S/N.

    Parameters
    ----------
    judged : Judged
        The injected clusters.
    seed : int
        Seed they were drawn with.
    prior_range_msun : (float, float)
        Range of M200c that masses were drawn from [Msun].
    """
    above = judged[np.flatnonzero(judged.snr > LEAST_SNR)]
    if len(above) < LEAST_FOUND:
        return None
    ranges = []
    for low, high in pairwise(SNR_EDGES):
        rows = np.flatnonzero((judged.snr > low) & (judged.snr <= high))
        if rows.size > 1:
            ranges.append((low, float(high), _coverage(judged[rows])))
    return CheckResult(len(judged), seed, _coverage(above), tuple(ranges), prior_range_msun)


def cross_fitted(judged: Judged, prior_range_msun: tuple[float, float]) -> Coverage:
    """Return bias and coverage above the S/N with each half corrected by what the other half asks for."""
    half = np.arange(len(judged)) % 2
    parts = [
        judged[np.flatnonzero(half == side)].recalibrated(
            judged[np.flatnonzero(half != side)].fitted(prior_range_msun)
        )
        for side in (0, 1)
    ]
    posterior = MassPosterior.concatenate([part.posterior for part in parts])
    both = Judged(
        posterior,
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("m200c_msun", "redshift", "snr")
        ),
    )
    return _coverage(both[np.flatnonzero(both.snr > LEAST_SNR)])


def _coverage(judged: Judged) -> Coverage:
    return Coverage.of(judged.posterior, judged.m200c_msun)


def _rounded(value: float) -> float:
    return round(float(value), 4) if isinstance(value, float) else value
