"""What is asked of the check by injected clusters."""

from dataclasses import dataclass

from szmass_cli.errors import UsageError

N_CHECKED = 1000
"""Clusters injected where nothing else is asked for: coverages are then known to two per cent."""

MOST_CHECKED = 1_000_000

LEAST_CHECKED = 100
"""Fewer say too little: coverages to no better than five per cent."""

LEAST_RECALIBRATED = 200
"""Fewer do not fix a shift and a stretch at each S/N."""


@dataclass(frozen=True)
class CheckRequest:
    """How many clusters are injected into the maps, and what is done with what they show.

    Parameters
    ----------
    n : int
        Number of clusters; 0 for no check.
    seed : int
        Of positions, masses and scatter; the catalogue is the other part of the seed.
    asked : bool
        Whether the number was asked for, so that maps without room for a check are an error.
    recalibrate : bool
        Whether the masses of the catalogue are corrected for what the check finds.

    Raises
    ------
    UsageError
        The number is out of range, or nothing is checked and there is to be a correction.
    """

    n: int = 0
    seed: int = 1
    asked: bool = False
    recalibrate: bool = False

    def __post_init__(self) -> None:
        if self.recalibrate and self.n < LEAST_RECALIBRATED:
            raise UsageError(
                f"--recalibrate with --check {self.n}: shift and stretch are fitted to what a check finds.",
                f"Give --check {N_CHECKED}, or {LEAST_RECALIBRATED} at least.",
            )
        if not 0 <= self.n <= MOST_CHECKED or 0 < self.n < LEAST_CHECKED:
            raise UsageError(
                f"--check {self.n}: neither 0 nor {LEAST_CHECKED} to {MOST_CHECKED:,}.",
                f"Coverages of {N_CHECKED} clusters are known to two per cent; 0 makes no check.",
            )

    @property
    def least(self) -> int:
        """Return the number of blank positions below which there is no check."""
        return LEAST_RECALIBRATED if self.recalibrate else LEAST_CHECKED

    @classmethod
    def of_options(cls, n: int | None, seed: int, recalibrate: bool) -> "CheckRequest":
        """Return the request of ``--check``, None where the option is not given, and ``--recalibrate``."""
        return cls(N_CHECKED if n is None else n, seed, bool(n) or recalibrate, recalibrate)


NO_CHECK = CheckRequest()
