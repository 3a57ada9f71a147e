"""Peak heights against colossus, straight from its variance."""

import numpy as np
import pytest
from colossus.lss import peaks

from szmass_cli.physics.cosmology import PLANCK18, Cosmology, convert_m200c
from szmass_cli.physics.peaks import peak_height


@pytest.mark.parametrize("cosmology", [PLANCK18, Cosmology(h0_km_s_mpc=70.0, omega_m=0.25, sigma8=0.9)])
@pytest.mark.parametrize("redshift", [0.05, 0.7, 2.1])
def test_peak_heights_are_those_of_colossus(cosmology, redshift):
    mass = np.array([1.3e13, 4.1e14, 2.7e15])
    got = peak_height(mass, redshift, cosmology)
    m_vir = convert_m200c(mass, redshift, "vir", cosmology)
    h = cosmology.use_in_colossus()
    # delta_c / (D(z) sigma(R)), 1.686 being that of spherical collapse
    from colossus.cosmology import cosmology as colossus_cosmology

    current = colossus_cosmology.getCurrent()
    sigma = current.sigma(peaks.lagrangianR(m_vir * h), 0.0) * current.growthFactor(redshift)
    np.testing.assert_allclose(got, 1.686 / sigma, rtol=0.003)


def test_clusters_are_rare_and_rarer_earlier():
    nu = peak_height(np.array([[1e14], [1e15]]), np.array([0.1, 0.7, 1.5]))
    assert np.all(np.diff(nu, axis=0) > 0) and np.all(np.diff(nu, axis=1) > 0)
    assert nu.min() > 1.5 and nu.max() < 8
