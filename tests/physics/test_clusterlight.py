"""Radio galaxies and dust of clusters against astropy and the published forms."""

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import Planck18
from astropy.modeling.models import BlackBody
from scipy import integrate

from szmass_cli.physics.clusterlight import (
    BREAK_W_HZ,
    ClusterDust,
    ClusterRadio,
    fraction_above,
    luminosity_of_fraction,
)


def test_the_luminosity_function_is_that_of_mauch_and_sadler():
    def density(ln_over_break):
        return 1.0 / (np.exp(1.27 * ln_over_break) + np.exp(0.49 * ln_over_break))

    above = [integrate.quad(density, np.log(ratio), np.log(1e4))[0] for ratio in (1.0, 10.0, 0.1)]
    found = fraction_above(BREAK_W_HZ * np.array([10.0, 0.1]))
    assert found == pytest.approx([above[1] / above[0], above[2] / above[0]], rel=1e-3)
    assert luminosity_of_fraction(found) == pytest.approx(BREAK_W_HZ * np.array([10.0, 0.1]), rel=1e-3)


def test_a_flux_density_follows_from_luminosity_distance_and_index():
    radio = ClusterRadio()
    luminosity, z, index = 1e24, 0.6, -0.7
    distance = Planck18.luminosity_distance(z)
    expected = (luminosity * u.W / u.Hz * (1 + z) ** (1 + index) / (4 * np.pi * distance**2)).to_value(u.mJy)
    assert radio.flux_mjy(luminosity, z, index) == pytest.approx(expected, rel=2e-3)
    assert radio.luminosity_w_hz(radio.flux_mjy(luminosity, z, radio.index), z) == pytest.approx(luminosity)


def test_clusters_twice_as_massive_have_twice_the_radio_galaxies_and_twice_the_dust():
    radio, dust = ClusterRadio(), ClusterDust()
    assert radio.mean_number(6e14, 0.5, 1e24) == pytest.approx(2.0 * radio.mean_number(3e14, 0.5, 1e24))
    assert dust.mean_mjy(6e14, 0.5) == pytest.approx(2.0 * dust.mean_mjy(3e14, 0.5))
    assert dust.mean_mjy(3e14, dust.PIVOT_REDSHIFT) == pytest.approx(dust.flux_mjy)


@pytest.mark.parametrize("redshift", [0.2, 1.0, 2.0])
def test_the_spectrum_of_dust_is_a_modified_blackbody(redshift):
    dust = ClusterDust()
    body = BlackBody(dust.temperature_k * (1 + redshift) ** dust.temperature_evolution * u.K)

    def emitted(ghz):
        rest = ghz * (1 + redshift) * u.GHz
        return rest.value**dust.beta * body(rest).value

    found = dust.spectrum(np.array([95.0, 220.0, 353.0]), redshift)
    assert found == pytest.approx([emitted(nu) / emitted(150.0) for nu in (95.0, 220.0, 353.0)], rel=1e-6)


def test_the_flux_of_dust_changes_with_redshift_as_luminosity_distance_and_spectrum_do():
    dust = ClusterDust()

    def flux(z):
        temperature = dust.temperature_k * (1 + z) ** dust.temperature_evolution
        body = BlackBody(temperature * u.K)
        rest = 150.0 * (1 + z)
        all_of_it = temperature ** (4 + dust.beta)
        luminosity = (1 + z) ** dust.evolution * rest**dust.beta * body(rest * u.GHz).value / all_of_it
        return luminosity * (1 + z) / Planck18.luminosity_distance(z).value ** 2

    ratio = dust.mean_mjy(3e14, 0.3) / dust.mean_mjy(3e14, 1.5)
    assert ratio == pytest.approx(flux(0.3) / flux(1.5), rel=5e-3)
