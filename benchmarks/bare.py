"""A model alone, on cutouts in memory: likelihood, features and network of one instrument."""

from collections.abc import Callable

import numpy as np

from szmass_cli.likelihood.features import features
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.massmodel import MassModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import KneeNoise

ACT_LIKE = Instrument(
    (
        Band(97.8, Beam(2.1), 14.0, KneeNoise(14.0, 2000.0)),
        Band(149.6, Beam(1.4), 14.0, KneeNoise(14.0, 3000.0)),
        Band(216.5, Beam(1.0), 40.0, KneeNoise(40.0, 3000.0)),
    ),
    0.9,
)
"""Three bands about as deep as those of ACT DR6."""

ONE_BAND = ACT_LIKE.only((1,))


def bare_network(
    bundle: Bundle, batch_size: int, instrument: Instrument = ONE_BAND
) -> Callable[[np.ndarray], object]:
    """Return what takes cutouts (n, 40, 40, f) or (n, 40, 40) [µK] to posteriors at z = 0.7."""
    model = MassModel.from_bundle(bundle, batch_size)
    likelihood = bundle.sky_model.likelihood(instrument)
    scores, contamination = ScoreImages(likelihood), bundle.sky_model.contamination(likelihood)

    def forward(images_uk: np.ndarray) -> object:
        images = images_uk.reshape(len(images_uk), 40, 40, len(instrument))
        redshift = np.full(len(images), 0.7)
        weighed = likelihood.weigh(images)
        return model(features(likelihood, scores, contamination, weighed, redshift, model.ln_mass), redshift)

    return forward
