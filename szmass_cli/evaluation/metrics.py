"""The numbers of a report, as they stand in its metrics.json."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from szmass_cli.errors import InputError
from szmass_cli.evaluation.honesty import Honesty
from szmass_cli.evaluation.statistics import AtOneMass, MassScatter, is_better_than_possible

FORMAT_VERSION = 2


@dataclass(frozen=True)
class Comparison:
    """Estimators on the same cutouts of one set.

    Parameters
    ----------
    n_cutouts : int
    sz_scatter_ln : float
        Log-normal scatter of the SZ amplitude in the set; all estimators assume the model's own.
    network, matched_filter, best_possible : MassScatter
    """

    n_cutouts: int
    sz_scatter_ln: float
    network: MassScatter
    matched_filter: MassScatter
    best_possible: MassScatter

    @property
    def leaks(self) -> bool:
        """Whether the network is better than the best possible by over three standard errors."""
        return is_better_than_possible(self.network.std, self.best_possible.std, self.n_cutouts)

    @property
    def ratio(self) -> float:
        """Scatter of the network over the best possible one."""
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
    n_cutouts : int
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
class Metrics:
    """All of a report.

    Parameters
    ----------
    format_version : int
    model, model_sha256 : str
    seed : int
    scatter : tuple of Comparison
        Clusters of 2-7e14 Msun: with SZ scatter, and without.
    masses : tuple of MassRow
        Each mass of Figure 4; empty in a short evaluation.
    profiles : tuple of ProfileRow
    irregular : tuple of Comparison
        The first 140, and all; empty where irregular clusters cannot be simulated.
    trained_m200c_msun : (float, float) or None
        Mass range of training: clusters beyond it are extrapolated.
    posteriors : Honesty or None
        Of networks with a posterior head, over all redshifts, beams and depths.
    """

    format_version: int
    model: str
    model_sha256: str
    seed: int
    scatter: tuple[Comparison, ...]
    masses: tuple[MassRow, ...] = ()
    profiles: tuple[ProfileRow, ...] = ()
    irregular: tuple[Comparison, ...] = ()
    trained_m200c_msun: tuple[float, float] | None = None
    posteriors: Honesty | None = None

    def is_extrapolated(self, m200c_msun: float) -> bool:
        """Whether a mass lies outside of the trained range."""
        low, high = self.trained_m200c_msun or (m200c_msun, m200c_msun)
        return not low * (1.0 - 1e-9) <= m200c_msun <= high * (1.0 + 1e-9)

    @property
    def leaks(self) -> bool:
        """Whether the network did better than is possible anywhere."""
        posteriors = self.posteriors is not None and self.posteriors.leaks
        return posteriors or any(comparison.leaks for comparison in self.scatter)

    def to_json(self) -> bytes:
        """The text of metrics.json."""
        return _ADAPTER.dump_json(self, indent=2) + b"\n"

    def to_dict(self) -> dict:
        """Plain values."""
        return asdict(self)


_ADAPTER = TypeAdapter(Metrics)


def read_metrics(path: Path) -> Metrics:
    """The metrics of a report.

    Raises
    ------
    InputError
        If the file does not hold any.
    """
    try:
        metrics = _ADAPTER.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise InputError(f"{path} does not hold metrics: {reason}.", "Fetch the bundle again.") from None
    if metrics.format_version != FORMAT_VERSION:
        raise InputError(
            f"{path} is of format {metrics.format_version}, this szmass reads {FORMAT_VERSION}.",
            "Update szmass, or evaluate the model again.",
        )
    return metrics
