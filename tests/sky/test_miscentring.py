"""Offsets of catalogue positions against the published distributions."""

import numpy as np
import pytest

from szmass_cli.config import ClusterConfig
from szmass_cli.physics.cosmology import PLANCK18, angular_diameter_distance_mpc, convert_m200c
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.sky.miscentring import draw_offsets, r_lambda_mpc

N = 40_000


def distances_mpc(kind, mass=2.2e14, z=0.7):
    config = ClusterConfig(miscentring={"kind": kind})
    mass, z = np.full(N, mass), np.full(N, z)
    offset = draw_offsets(config, cluster_scales(mass, z), mass, z, PLANCK18, np.random.default_rng(1))
    np.testing.assert_allclose(offset.mean(axis=0), 0.0, atol=0.02)
    return np.radians(np.hypot(*offset.T) / 60.0) * angular_diameter_distance_mpc(z)


@pytest.mark.parametrize(
    ("beyond_kpc", "percent"), [(20, 34.0), (50, 11.1), (200, 8.0), (300, 6.5), (500, 2.0)]
)
def test_x_ray_peaks_are_as_far_off_as_published(beyond_kpc, percent):
    """Zhang, Yu & Lu (2014), abstract: clusters above 2e14 Msun at z = 0.7."""
    assert 100 * np.mean(distances_mpc("xray") > beyond_kpc / 1e3) == pytest.approx(percent, abs=2.5)


def test_optical_centres_have_a_well_centred_core_and_a_gamma_tail():
    """Zhang et al. (2019): 75 per cent well centred; Ding et al. (2025) find 10 to 25 per cent of centres
    in HSC more than 330 kpc from those of ACT."""
    distance = distances_mpc("optical", 5e14, 0.4)
    assert 0.1 < np.mean(distance > 0.33) < 0.25
    in_r_lambda = distance / r_lambda_mpc(5e14, 0.4, PLANCK18)
    # P(> x) of an exponential of scale 0.04, and of a Gamma of shape 2 and scale 0.17
    for x in (0.1, 0.3, 0.6):
        beyond = 0.75 * np.exp(-x / 0.04) + 0.25 * (1 + x / 0.17) * np.exp(-x / 0.17)
        assert np.mean(in_r_lambda > x) == pytest.approx(beyond, abs=0.01)


def test_r_lambda_follows_from_the_mass_richness_relation():
    """At the pivot, M200m = 3.081e14 and z = 0.35, richness is 40: 0.4^0.2 / h Mpc."""
    mass = np.exp(np.linspace(np.log(1e14), np.log(1e15), 400))
    at_pivot = mass[np.argmin(np.abs(convert_m200c(mass, 0.35, "200m") - 3.081e14))]
    assert r_lambda_mpc(at_pivot, 0.35, PLANCK18) == pytest.approx(0.4**0.2 / 0.6766, rel=2e-3)


def test_the_two_ways_to_write_a_normal_offset_are_one():
    old = ClusterConfig(miscentring_arcmin=0.4)
    new = ClusterConfig(miscentring={"kind": "gaussian", "rms_arcmin": 0.4})
    assert new.miscentring_arcmin == 0.4 and not new.is_shaped
    scales, mass, z = cluster_scales(np.full(5, 3e14), 0.7), np.full(5, 3e14), np.full(5, 0.7)
    one, other = (
        draw_offsets(config, scales, mass, z, PLANCK18, np.random.default_rng(1)) for config in (old, new)
    )
    assert one.tobytes() == other.tobytes()
    assert draw_offsets(ClusterConfig(), scales, mass, z, PLANCK18, np.random.default_rng(1)) is None
