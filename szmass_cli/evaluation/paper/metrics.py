"""The numbers of the paper's report, as they stand in its metrics.json."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from szmass_cli.evaluation.statistics import AtOneMass, MassScatter, is_better_than_possible


@dataclass(frozen=True)
class Comparison:
    """Estimators on the same cutouts of one set.

    Parameters
    ----------
    n_cutouts : int
        Cutouts that all three have seen.
    sz_scatter_ln : float
        Log-normal scatter of the SZ amplitude in the set; all estimators assume the model's own.
    network, matched_filter, best_possible : MassScatter
        Of each estimator on the same cutouts.
    """

    n_cutouts: int
    sz_scatter_ln: float
    network: MassScatter
    matched_filter: MassScatter
    best_possible: MassScatter

    @property
    def leaks(self) -> bool:
        """Return whether the network is better than the best possible by over three standard errors."""
        return is_better_than_possible(self.network.std, self.best_possible.std, self.n_cutouts)

    @property
    def ratio(self) -> float:
        """Return scatter of the network over the best possible one."""
        return self.network.std / self.best_possible.std


@dataclass(frozen=True)
class MassRow:
    """One of the masses of Figure 4."""

    m200c_msun: float
    n_cutouts: int
    network: AtOneMass
    matched_filter: AtOneMass
    best_possible: AtOneMass


@dataclass(frozen=True)
class ProfileRow:
    """Mean SZ maps of Figure 3.

    Parameters
    ----------
    m200c_msun : float
        True mass of all clusters in the mean [Msun].
    n_cutouts : int
        Maps in the mean.
    true_centre_uk : float
        Mean true signal [µK] of the four central pixels.
    network_residual, best_residual : float
        Largest difference between mean true and mean estimated map, over the central signal.
    """

    m200c_msun: float
    n_cutouts: int
    true_centre_uk: float
    network_residual: float
    best_residual: float


@dataclass(frozen=True)
class PaperMetrics:
    """All of the paper's report.

    Parameters
    ----------
    model, model_sha256 : str
        Name of the model, and hash of its metadata.
    seed : int
        Seed of the random streams; the same seed gives the same cutouts.
    scatter : tuple of Comparison
        Clusters of 2-7e14 Msun: with SZ scatter, and without.
    masses : tuple of MassRow
        Each mass of Figure 4; empty in a short evaluation.
    profiles : tuple of ProfileRow
        Mean SZ maps of Figure 3, a mass a row; empty in a short evaluation.
    irregular : tuple of Comparison
        The first 140, and all; empty where irregular clusters cannot be simulated.
    trained_m200c_msun : (float, float) or None
        Mass range of training: clusters beyond it are extrapolated.
    """

    model: str
    model_sha256: str
    seed: int
    scatter: tuple[Comparison, ...]
    masses: tuple[MassRow, ...] = ()
    profiles: tuple[ProfileRow, ...] = ()
    irregular: tuple[Comparison, ...] = ()
    trained_m200c_msun: tuple[float, float] | None = None
    format_version: Literal[2] = 2

    def is_extrapolated(self, m200c_msun: float) -> bool:
        """Return whether a mass lies outside of the trained range."""
        low, high = self.trained_m200c_msun or (m200c_msun, m200c_msun)
        return not low * (1.0 - 1e-9) <= m200c_msun <= high * (1.0 + 1e-9)

    @property
    def leaks(self) -> bool:
        """Return whether the network did better than is possible anywhere."""
        return any(comparison.leaks for comparison in self.scatter)

    def to_json(self) -> bytes:
        """Return the text of metrics.json."""
        return _ADAPTER.dump_json(self, indent=2) + b"\n"


_ADAPTER = TypeAdapter(PaperMetrics)
