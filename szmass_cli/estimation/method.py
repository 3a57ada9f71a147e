"""The one place where models are told apart: those of any instrument, and those of the paper's kind."""

from collections.abc import Sequence
from typing import Protocol

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.likelihoodmethod import LikelihoodMethod
from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.papermethod import PaperMethod
from szmass_cli.estimation.request import MapRequest, SkyRequest
from szmass_cli.estimation.rows import RedshiftLimits, Rows
from szmass_cli.estimation.settled import Settled, Wanted
from szmass_cli.estimation.strips import Strip
from szmass_cli.network.bundle.bundle import AnyBundle, PaperBundle
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.priors import Prior, PriorChange


class Meter(Protocol):
    """Everything that turns cutouts into numbers; the same cutouts give the same bytes."""

    def __call__(self, strip: Strip) -> Measured:
        """Measure rows that each have data in some band."""
        ...


class Method(Protocol):
    """How a model gets from maps to masses."""

    @property
    def redshifts(self) -> RedshiftLimits:
        """Return the redshifts that the model knows."""
        ...

    @property
    def mass_range_msun(self) -> tuple[float, float]:
        """Return the masses that priors are over [Msun]."""
        ...

    def prior_change(self, wanted: Prior | None, scale: MassScale | None) -> PriorChange:
        """Return the way from the model's own prior to the one that is wanted, of masses on a scale.

        Raises
        ------
        UsageError
            The model was made with a mass scale of its own.
        """
        ...

    def open_maps(self, requests: Sequence[MapRequest]) -> tuple[BandMap, ...]:
        """Open the maps of a run, in the order of the bands.

        Raises
        ------
        InputError
            One cannot be used, or they are not those of the model.
        """
        ...

    def settled(self, maps: Sequence[BandMap], rows: Rows) -> tuple[Settled, tuple[str, ...]]:
        """Return what is found out about the maps where the clusters are, and what is to be said of it."""
        ...

    def flags(self, maps: Sequence[BandMap]) -> int:
        """Return flags that all rows get."""
        ...

    def cut(self, maps: Sequence[BandMap], rows: Rows) -> Strip:
        """Return the cutouts of a strip of rows."""
        ...

    def meter(self, maps: Sequence[BandMap], settled: Settled, wanted: Wanted) -> Meter:
        """Return what measures cutouts; the network is loaded."""
        ...


def method_of(bundle: AnyBundle, sky: SkyRequest) -> Method:
    """Return the method of a model.

    Parameters
    ----------
    bundle : Bundle or PaperBundle
        The model; its type decides.
    sky : SkyRequest
        What is said in place of the model's own sky.

    Raises
    ------
    UsageError
        The model has no use for what is said.
    """
    return PaperMethod(bundle, sky) if isinstance(bundle, PaperBundle) else LikelihoodMethod(bundle, sky)
