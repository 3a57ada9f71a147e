"""Shipped models keep their word on instruments never seen, on the sky where the exact posterior is known."""

import numpy as np
import pytest

from szmass_cli import DEFAULT_MODEL
from szmass_cli.likelihood.features import features
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.network.bundle.bundle import read_bundle, shipped_models
from szmass_cli.network.massmodel import MassModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.grid import ln_density_at, normalised, probability_below

N = {"gaussian": 640, DEFAULT_MODEL: 256}
"""Of clusters; each takes the default model 20 ms."""

MAY_LOSE = {"gaussian": 0.01, DEFAULT_MODEL: 0.1}
"""ln p of the true mass [nats] that a model may lose to the exact posterior: the default one expects light of
cluster members and sources that are not there, and cannot tell them from less gas in a single band."""

INSTRUMENTS = {
    "one band, white noise": Instrument((Band(150.0, Beam(1.0), 5.0),)),
    "two bands, 1/f noise": Instrument(
        (
            Band(97.8, Beam(2.2), 10.0, KneeNoise(10.0, 2000.0)),
            Band(149.6, Beam(1.4), 10.0, KneeNoise(10.0, 3000.0)),
        ),
        0.9,
    ),
    "blunter and deeper than any of training": Instrument((Band(140.0, Beam(3.4), 0.7),)),
}


@pytest.fixture(scope="module", params=N)
def bundle(request):
    return read_bundle(request.param)


@pytest.fixture(scope="module")
def model(bundle):
    return MassModel.from_bundle(bundle)


def simulated(likelihood, ln_mass, n, rng):
    """Clusters of the prior on Gaussian skies: cutouts weighed, true ln M and redshift."""
    mass, redshift = rng.uniform(ln_mass[0], ln_mass[-1], n), np.exp(rng.uniform(np.log(0.1), np.log(2.0), n))
    scales = cluster_scales(np.exp(mass), redshift, likelihood.model)
    stretched = scales.stretched(likelihood.scatter.concentration_ln * rng.standard_normal(n))
    images = likelihood.templates.images.images(stretched).astype(float)
    images *= np.exp(likelihood.scatter.amplitude_ln * rng.standard_normal(n))[:, None, None, None]
    blocks = likelihood.depths.covariance(np.ones(len(likelihood.instrument)))
    fields = [rng.standard_normal((n, len(block))) @ np.linalg.cholesky(block).T for block in blocks]
    return likelihood.weigh(images + likelihood.symmetry.unfold(np.stack(fields))), mass, redshift


@pytest.mark.parametrize("instrument", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_posteriors_are_about_the_exact_ones_on_a_gaussian_sky(bundle, model, instrument):
    likelihood, n = bundle.sky_model.likelihood(instrument), N[bundle.metadata.name]
    weighed, mass, redshift = simulated(likelihood, model.ln_mass, n, np.random.default_rng(20_261_126))
    seen = features(
        likelihood,
        ScoreImages(likelihood),
        bundle.sky_model.contamination(likelihood),
        weighed,
        redshift,
        model.ln_mass,
    )
    found, exact = model(seen, redshift).posterior.density, normalised(seen.ln_likelihood)
    gap = ln_density_at(model.ln_mass, exact, mass) - ln_density_at(model.ln_mass, found, mass)
    assert gap.mean() < MAY_LOSE[bundle.metadata.name] + 3.0 * gap.std() / np.sqrt(n)
    below = probability_below(model.ln_mass, found, mass)
    for level in (0.68, 0.95):
        held = np.mean(np.abs(below - 0.5) < 0.5 * level)
        assert held == pytest.approx(level, abs=4.0 * np.sqrt(level * (1.0 - level) / n))


@pytest.mark.parametrize("name", shipped_models())
def test_models_are_small(name):
    """What a user downloads."""
    files = [file for file in shipped_models()[name].iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) < (10 if name == DEFAULT_MODEL else 36) * 2**20
