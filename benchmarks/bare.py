"""The network alone, on cutouts in memory, whichever head it has."""

from collections.abc import Callable

import numpy as np

from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.conditioned import Conditions
from szmass_cli.network.model import Predictor
from szmass_cli.network.posteriormodel import PosteriorPredictor


def bare_network(bundle: Bundle, batch_size: int) -> Callable[[np.ndarray], object]:
    """What takes cutouts (n, 40, 40) [µK] through the network of a bundle, its input filters included."""
    if not bundle.is_conditioned:
        return Predictor.from_bundle(bundle, bundle.training_sky(), batch_size)
    band = bundle.bands[0]
    fwhm = band.beam.fwhm_arcmin
    modes = {fwhm: BeamModes(bundle.sky_power, band, bundle.sz_model)}
    predictor = PosteriorPredictor.from_bundle(bundle, modes, batch_size)

    def forward(images_uk: np.ndarray) -> object:
        ones = np.ones(len(images_uk))
        return predictor(images_uk, Conditions(0.7 * ones, fwhm * ones, band.noise_uk_arcmin * ones))

    return forward
