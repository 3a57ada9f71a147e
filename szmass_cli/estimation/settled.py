"""What was found out about the maps of a run before the long work: data only, the same for all workers."""

from dataclasses import asdict, dataclass
from typing import Any

from szmass_cli.posterior.grid import N_GRID
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.priors import Prior

ALWAYS = (16.0, 50.0, 84.0)
"""Percentiles that are always written: the error bars and the median."""


@dataclass(frozen=True)
class Settled:
    """What masses depend on that nobody stated, or that follows from the maps around the clusters.

    Parameters
    ----------
    noise : tuple of str
        Noise of each band, as ``--noise`` takes it.
    noise_source : tuple of str
        ``option``, ``ivar``, ``measured``, ``assumed`` or ``model``, for each band.
    pixel_arcmin : tuple of float
        Side of the pixels of each band whose pixels are means over their area; 0 for samples.
    noise_correlation : float
        Correlation of the 1/f noise between any two bands.
    """

    noise: tuple[str, ...]
    noise_source: tuple[str, ...]
    pixel_arcmin: tuple[float, ...]
    noise_correlation: float

    def stated(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Wanted:
    """What a meter is to give.

    Parameters
    ----------
    percentiles : tuple of float
        Percentiles of the posterior, the median among them.
    prior : Prior
        The prior of these percentiles.
    batch_size : int
        Cutouts that go through the network at once.
    largest_position_error_arcmin : float
        Of all rows; 0 where all positions are exact.
    curves : bool
        Whether likelihood and posterior of each row are kept on the grid of masses.
    scale : MassScale, optional
        Of the masses that the prior is of; that of the model otherwise.
    """

    percentiles: tuple[float, ...]
    prior: Prior
    batch_size: int
    largest_position_error_arcmin: float
    curves: bool = False
    scale: MassScale | None = None

    @property
    def n_masses(self) -> int:
        """Return the number of masses that curves are kept on, 0 where they are not wanted."""
        return N_GRID if self.curves else 0
