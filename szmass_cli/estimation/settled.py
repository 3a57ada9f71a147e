"""Properties of the maps determined before the measurement: plain data, the same for all workers."""

from dataclasses import asdict, dataclass
from typing import Any

from szmass_cli.posterior.grid import N_GRID
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.priors import Prior

ALWAYS = (16.0, 50.0, 84.0)
"""Percentiles that are always written: the error bars and the median."""


@dataclass(frozen=True)
class Settled:
    """Properties that masses depend on and that are assumed, or measured from the maps around the clusters.

    Parameters
    ----------
    noise : tuple of str
        Noise of each band, in the form of the option ``--noise``.
    noise_source : tuple of str
        Source of the noise of each band: ``option``, ``ivar``, ``measured``, ``assumed`` or ``model``.
    pixel_arcmin : tuple of float
        Pixel side of each band if pixels are averages over their area; 0 for point-sampled pixels.
    noise_correlation : float
        Correlation of the 1/f noise between any two bands.
    """

    noise: tuple[str, ...]
    noise_source: tuple[str, ...]
    pixel_arcmin: tuple[float, ...]
    noise_correlation: float

    def stated(self) -> dict[str, Any]:
        """Return the properties in JSON form."""
        return asdict(self)


@dataclass(frozen=True)
class Wanted:
    """The results requested from a meter.

    Parameters
    ----------
    percentiles : tuple of float
        Percentiles of the posterior, the median among them.
    prior : Prior
        Prior of the mass under which the percentiles are computed.
    batch_size : int
        Number of cutouts per batch of the network.
    largest_position_error_arcmin : float
        Largest position error per axis of all rows; 0 where all positions are exact.
    curves : bool
        Whether to keep the likelihood and posterior of each row on the grid of masses.
    scale : MassScale, optional
        Scale of the masses that the prior is of; by default that of the model.
    """

    percentiles: tuple[float, ...]
    prior: Prior
    batch_size: int
    largest_position_error_arcmin: float
    curves: bool = False
    scale: MassScale | None = None

    @property
    def n_masses(self) -> int:
        """Return the number of grid masses of the curves; 0 where curves are not requested."""
        return N_GRID if self.curves else 0
