"""The interface of models, and the choice between those of any instrument and the paper's kind."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.injected import Painter, Population
from szmass_cli.estimation.likelihoodmethod import LikelihoodMethod
from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.papermethod import PaperMethod
from szmass_cli.estimation.request import MapRequest, SkyRequest
from szmass_cli.estimation.rows import RedshiftLimits, Rows
from szmass_cli.estimation.seen import Fitted
from szmass_cli.estimation.settled import Settled, Wanted
from szmass_cli.estimation.strips import Strip
from szmass_cli.network.bundle.bundle import AnyBundle, PaperBundle
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.system.progress import Progress, silent


class Meter(Protocol):
    """Turns cutouts into results; the same cutouts give bitwise identical results."""

    def __call__(self, strip: Strip, wanted: Wanted) -> Measured:
        """Measure rows that each have data in at least one band; curves are kept where they are wanted."""
        ...

    def view(self, strip: Strip, wanted: Wanted) -> Fitted:
        """Return images and curves of the one row of a strip, which has data in at least one band."""
        ...


class Method(Protocol):
    """How a model turns maps into masses."""

    @property
    def redshifts(self) -> RedshiftLimits:
        """Return the redshift ranges of the model."""
        ...

    @property
    def mass_range_msun(self) -> tuple[float, float]:
        """Return the mass range of the priors, M200c [Msun]."""
        ...

    @property
    def population(self) -> Population | None:
        """Return the clusters that the posteriors are of; None for a model without a likelihood."""
        ...

    def prior_change(self, wanted: Prior | None, scale: MassScale | None) -> PriorChange:
        """Return the change from the model's own prior to the requested one, of masses on a scale.

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
            A map cannot be used, or the maps do not match the bands of the model.
        """
        ...

    def settled(
        self,
        maps: Sequence[BandMap],
        rows: Rows,
        known: Rows | None = None,
        progress: Progress = silent,
    ) -> tuple[Settled, tuple[str, ...]]:
        """Return the properties of the maps measured around the clusters, with notes for the user.

        Parameters
        ----------
        maps : sequence of BandMap
            The opened maps.
        rows : Rows
            All rows of the catalogue.
        known : Rows, optional
            Clusters that are masked where noise is measured; the rows themselves by default.
        progress : Progress
            Called while noise is measured in the maps.
        """
        ...

    def flags(self, maps: Sequence[BandMap]) -> int:
        """Return the flags common to all rows."""
        ...

    def cut(self, maps: Sequence[BandMap], rows: Rows) -> Strip:
        """Return the cutouts of a strip of rows."""
        ...

    def painter(self, maps: Sequence[BandMap], settled: Settled) -> Painter:
        """Return what adds clusters to the cutouts, as the maps with their stated properties show them."""
        ...

    def y0_noise(
        self,
        maps: Sequence[BandMap],
        settled: Settled,
        theta500_arcmin: np.ndarray,
        noise_uk_arcmin: np.ndarray,
    ) -> np.ndarray:
        """Return sigma of the central Compton y (k, m) at sizes (m,), for white noises (k, f) of bands.

        Only of models that have a population.
        """
        ...

    def meter(self, maps: Sequence[BandMap], settled: Settled, wanted: Wanted) -> Meter:
        """Load the network and return the meter of the cutouts."""
        ...


def method_of(bundle: AnyBundle, sky: SkyRequest) -> Method:
    """Return the method of a model.

    Parameters
    ----------
    bundle : Bundle or PaperBundle
        The model; its type decides.
    sky : SkyRequest
        Properties of sky and clusters stated in place of the model's own.

    Raises
    ------
    UsageError
        The model does not support a stated property of the sky.
    """
    return PaperMethod(bundle, sky) if isinstance(bundle, PaperBundle) else LikelihoodMethod(bundle, sky)
