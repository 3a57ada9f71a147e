"""The family of profiles against published numbers, and integrals done by other means."""

import numpy as np
import pytest
from scipy.integrate import quad

from szmass_cli.physics.cosmology import PLANCK18, m500c_from_m200c
from szmass_cli.physics.gnfw import A10, PROFILES, ln_enclosed, tabulated_slopes

# minot, pitszi and others quote these from appendix C of Arnaud et al. (2010): P0, c500, gamma, alpha, beta
PUBLISHED = {
    "a10": (8.403, 1.177, 0.3081, 1.0510, 5.4905),
    "cool_core": (3.249, 1.128, 0.7736, 1.2223, 5.4905),
    "disturbed": (3.202, 1.083, 0.3798, 1.4063, 5.4905),
}


def written_out(name, x, beta=None):
    """The same formula a second time."""
    p0, c500, gamma, alpha, slope = PUBLISHED[name]
    u, slope = c500 * x, slope if beta is None else beta
    return p0 * u**-gamma * (1 + u**alpha) ** (-(slope - gamma) / alpha)


@pytest.mark.parametrize(("edge", "published"), [(1.0, 0.6145), (5.0, 1.1037)])
def test_shape_integrals_are_those_of_arnaud_et_al(edge, published):
    """Section 6.3: I(x) = int_0^x 3 p(u) u^2 du."""
    assert 3 * np.exp(ln_enclosed("a10", np.log(edge), A10.beta)) == pytest.approx(published, rel=1e-3)


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("beta", [4.1, 5.4905, 7.0])
def test_integrals_agree_with_adaptive_quadrature(name, beta):
    edges = np.array([0.3, 1.0, 2.7])
    expected = [quad(lambda x: written_out(name, x, beta) * x**2, 0, edge, limit=200)[0] for edge in edges]
    np.testing.assert_allclose(np.exp(ln_enclosed(name, np.log(edges), beta)), expected, rtol=1e-4)


def test_subsamples_have_about_the_y500_of_all():
    """The subsamples differ at the centre; further out their stacked profiles meet."""
    within = {name: np.exp(ln_enclosed(name, 0.0, A10.beta)) for name in PUBLISHED}
    for name in ("cool_core", "disturbed"):
        assert within[name] / within["a10"] == pytest.approx(1.0, abs=0.1)
    core = {name: PROFILES[name].gnfw.pressure(0.03) for name in PUBLISHED}
    assert core["cool_core"] > 1.3 * core["a10"] > 1.3 * 1.5 * core["disturbed"]


@pytest.mark.parametrize(("mass", "z"), [(1e14, 0.1), (4e14, 0.7), (1.5e15, 1.6)])
def test_battaglia_profiles_fall_as_their_table_says(mass, z):
    """Eqs. 10-11 with Table 1 in radii of R200, against the stretched GNFW form in radii of R500."""
    core = 0.497 * (mass / 1e14) ** -0.00865 * (1 + z) ** 0.731
    fall = 4.35 * (mass / 1e14) ** 0.0393 * (1 + z) ** 0.415
    per_r200 = np.cbrt(0.4 * m500c_from_m200c(mass, z) / mass)
    x500 = np.array([0.05, 0.3, 1.0, 2.5])
    x = x500 * per_r200 / core
    expected = x**-0.3 * (1 + x) ** -fall
    profile = PROFILES["battaglia2012"]
    ln_stretch, slope = profile.shapes(np.array([mass]), np.array([z]), 0.0, PLANCK18)
    scaled = x500 * np.exp(-ln_stretch) * profile.gnfw.c500
    got = scaled**-profile.gnfw.gamma * (1 + scaled) ** (profile.gnfw.gamma - slope)
    np.testing.assert_allclose(got / got[1], expected / expected[1], rtol=1e-9)


def test_battaglia_slopes_stay_within_the_table():
    mass, z = (np.ravel(a) for a in np.meshgrid([1e13, 5e15], [0.02, 2.5]))
    _, slope = PROFILES["battaglia2012"].shapes(mass, z, 0.0, PLANCK18)
    low, high = tabulated_slopes(PROFILES["battaglia2012"])[[0, -1]]
    assert low < slope.min() - 3 * 0.7 + 0.01 and slope.max() + 3 * 0.7 < high
