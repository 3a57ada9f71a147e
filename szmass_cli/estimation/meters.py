"""The meter of a model: what turns stamps into masses, for each head that a network can have."""

from collections.abc import Sequence

from szmass_cli import BATCH_SIZE
from szmass_cli.estimation.massmeter import MassMeter
from szmass_cli.estimation.posteriormeter import PosteriorMeter
from szmass_cli.estimation.reading import ALWAYS, Meter
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.paper.calibration import Calibration
from szmass_cli.physics.bands import Band
from szmass_cli.posterior.priors import Prior, PriorChange


def build_meter(
    bundle: Bundle,
    bands: Sequence[Band] | None = None,
    percentiles: Sequence[float] = ALWAYS,
    batch_size: int = BATCH_SIZE,
    prior: Prior | None = None,
) -> Meter:
    """The meter for a model.

    Parameters
    ----------
    bundle : Bundle
        The model.
    bands : sequence of Band, optional
        What stamps were brought to; the model's own otherwise.
    percentiles : sequence of float
        Percentiles of the posterior to give, the median among them.
    batch_size : int
        Cutouts that go through the network at once.
    prior : Prior, optional
        The prior of the percentiles; the model's own otherwise.
    """
    own = bundle.calibration.prior
    change = PriorChange(own, prior or own, bundle.cosmology)
    if isinstance(bundle.calibration, Calibration):
        return MassMeter(bundle, bundle.calibration, percentiles, batch_size, change)
    band = (bands or bundle.bands)[0]
    return PosteriorMeter(bundle, bundle.calibration, band, percentiles, batch_size, change)
