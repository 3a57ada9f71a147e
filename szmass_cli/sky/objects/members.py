"""What a cluster itself shines with besides its gas: radio galaxies, dust, and its motion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import constants

from szmass_cli.config import ObjectsConfig
from szmass_cli.physics.bands import Band
from szmass_cli.physics.clusterlight import ClusterRadio, luminosity_of_fraction
from szmass_cli.physics.comptonization import ELECTRON_KEV
from szmass_cli.physics.cosmology import T_CMB_K, m500c_from_m200c
from szmass_cli.physics.profiles import ClusterScales, SzModel, form_factor
from szmass_cli.physics.relativistic import temperature_kev
from szmass_cli.physics.spectra import PIVOT_GHZ, uk_per_mjy
from szmass_cli.sky.objects.halos import GasAndDust

CENTRAL_R500, CONCENTRATION, OUTERMOST_R500 = 0.05, 3.0, 1.5
"""Where radio galaxies are: the brightest ones a Rayleigh distance of 0.05 R500 from the centre, the others
like a projected NFW profile of c500 = 3 out to 1.5 R500: ESTIMATES, centrally concentrated as in Gupta et al.
(2017)."""

NULL_UK = 100.0
"""Signal of one unit of y below which a band is at the null of the SZ effect: no ratio is taken to it."""


@dataclass(frozen=True)
class Members:
    """What n clusters shine with besides their gas.

    Parameters
    ----------
    cluster : numpy.ndarray of int, shape (s,)
        The cluster of each radio galaxy.
    radio_mjy : numpy.ndarray, shape (s,)
        Flux density of each at 150 GHz, before any removal [mJy].
    radio_index : numpy.ndarray, shape (s,)
        Spectral index of each.
    radio_uk_arcmin2 : numpy.ndarray, shape (s, f)
        What is left of each in the bands.
    north_r500, west_r500 : numpy.ndarray, shape (s,)
        Offsets from the cluster's centre, in theta500.
    dust_mjy : numpy.ndarray, shape (n,)
        Flux density of each cluster's dust at 150 GHz [mJy].
    velocity_km_s : numpy.ndarray, shape (n,)
        Velocity of each cluster away from the observer.
    """

    cluster: np.ndarray
    radio_mjy: np.ndarray
    radio_index: np.ndarray
    radio_uk_arcmin2: np.ndarray
    north_r500: np.ndarray
    west_r500: np.ndarray
    dust_mjy: np.ndarray
    velocity_km_s: np.ndarray


class MemberSource:
    """Draws what clusters shine with besides their gas.

    Parameters
    ----------
    objects : ObjectsConfig
        How many times the radio galaxies, dust and motion as published there is.
    bands : sequence of Band, length f
        Their responses with frequency.
    model : SzModel
        Gives the clusters' cosmology.
    light : GasAndDust
        The dust of halos, which is that of clusters.
    """

    INDEX_RANGE = (-4.0, 3.0)

    def __init__(self, objects: ObjectsConfig, bands: Sequence[Band], model: SzModel, light: GasAndDust):
        self._objects, self._model, self._light = objects, model, light
        self._radio = ClusterRadio()
        self._indices = np.linspace(*self.INDEX_RANGE, 71)
        self._radio_uk = np.array([[_radio_uk(band, index) for band in bands] for index in self._indices])

    def draw(self, m200c_msun: np.ndarray, redshift: np.ndarray, rng: np.random.Generator) -> Members:
        """Draw what clusters shine with.

        Parameters
        ----------
        m200c_msun, redshift : numpy.ndarray, shape (n,)
            The clusters [Msun].
        rng : numpy.random.Generator
            Draws the uncertainty of each cluster, then radio galaxies, dust and velocities.
        """
        objects, n = self._objects, len(redshift)
        m500c_msun = m500c_from_m200c(m200c_msun, redshift, self._model.cosmology)
        radio_factor, dust_factor = np.exp(objects.uncertainty_ln * rng.standard_normal((2, n)))
        number = objects.cluster_radio * radio_factor
        cluster, flux, index = self._galaxies(number, m500c_msun, redshift, rng)
        brightness = self.radio_uk_arcmin2(flux, index)
        left = objects.removal_error * rng.standard_normal(brightness.shape)
        removed = flux > objects.removed_above_mjy
        north, west = self._places(cluster.size, rng)
        scatter = self._light.dust.scatter_ln
        drawn = np.exp(scatter * rng.standard_normal(n) - 0.5 * scatter**2)
        return Members(
            cluster,
            flux,
            index,
            np.where(removed[:, None], left * brightness, brightness),
            north,
            west,
            self._light.dust_mjy(m200c_msun, redshift) * dust_factor * drawn,
            objects.velocity_km_s * rng.standard_normal(n),
        )

    def radio_uk_arcmin2(self, flux_mjy: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Return temperature times solid angle (s, f) [µK arcmin^2] of sources of fluxes and indices.

        Parameters
        ----------
        flux_mjy, index : numpy.ndarray, shape (s,)
            Flux densities at 150 GHz [mJy], and spectral indices.
        """
        per_mjy = [np.interp(index, self._indices, column) for column in self._radio_uk.T]
        return flux_mjy[:, None] * np.stack(per_mjy, axis=-1)

    def _galaxies(
        self, number: np.ndarray, m500c_msun: np.ndarray, redshift: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return cluster, flux density [mJy] and index of radio galaxies brighter than the faintest."""
        radio, cosmology = self._radio, self._model.cosmology
        faintest = radio.luminosity_w_hz(self._objects.faintest_mjy, redshift, cosmology)
        at_break = number * radio.mean_number(m500c_msun, redshift, luminosity_of_fraction(1.0))
        mean = number * radio.mean_number(m500c_msun, redshift, faintest)
        cluster = np.repeat(np.arange(len(redshift)), rng.poisson(mean))
        above = mean[cluster] / at_break[cluster] if cluster.size else np.zeros(0)
        luminosity = luminosity_of_fraction(above * rng.random(cluster.size))
        index = radio.index + radio.index_scatter * rng.standard_normal(cluster.size)
        # a galaxy's frequency is shifted by the mean index: scatter is that of what is observed
        flux = radio.flux_mjy(luminosity, redshift[cluster], radio.index, cosmology)
        return cluster, flux, np.clip(index, *self.INDEX_RANGE)

    def _places(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw offsets of n radio galaxies from their clusters' centres, north and west, in theta500."""
        central = rng.random(n) < self._radio.central
        near = CENTRAL_R500 * np.sqrt(2.0 * rng.exponential(size=n))
        radius, within = _projected_nfw()
        far = np.interp(rng.random(n), within, radius)
        distance, angle = np.where(central, near, far), 2.0 * np.pi * rng.random(n)
        return distance * np.cos(angle), distance * np.sin(angle)

    def over_gas(
        self,
        dust_mjy: np.ndarray,
        velocity_km_s: np.ndarray,
        scales: ClusterScales,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        amplitude: np.ndarray,
    ) -> np.ndarray:
        """Return dust and kinematic effect over the thermal effect of clusters, (n, f).

        Parameters
        ----------
        dust_mjy, velocity_km_s : numpy.ndarray, shape (n,)
            Flux densities of the clusters' dust at 150 GHz, and velocities away from the observer.
        scales : ClusterScales
            Their mean sizes, Compton scales and temperatures (n,).
        m200c_msun, redshift : numpy.ndarray, shape (n,)
            The clusters [Msun].
        amplitude : numpy.ndarray, shape (n,)
            What the mean thermal effect is multiplied by; the dust is not.

        Notes
        -----
        The kinematic effect is -tau v / c T_CMB with tau = y m_e c^2 / kT of gas of one temperature (Sunyaev
        & Zel'dovich 1980, MNRAS 190, 413); the dust is spread like the gas. 0 in bands at the thermal null.
        """
        cosmology = self._model.cosmology
        gas_uk = np.stack([band.response.tsz_uk_per_y(scales.kt_kev) for band in self._light.bands], axis=-1)
        gas_uk = np.broadcast_to(gas_uk, (len(redshift), gas_uk.shape[-1]))
        solid_angle_arcmin2 = scales.theta500_arcmin**2 * form_factor(0.0)
        dust = self._light.dust_uk_arcmin2(dust_mjy, redshift)
        dust_per_y = dust / (amplitude * scales.y_scale * solid_angle_arcmin2)[:, None]
        m500c_msun = m500c_from_m200c(m200c_msun, redshift, cosmology)
        kt_kev = temperature_kev(m500c_msun, redshift, cosmology)
        speed = velocity_km_s * 1e3 / constants.c
        kinetic_per_y = -speed * T_CMB_K * 1e6 * ELECTRON_KEV / kt_kev
        at_null = np.abs(gas_uk) < NULL_UK
        added = dust_per_y + kinetic_per_y[:, None]
        return np.where(at_null, 0.0, added / np.where(at_null, 1.0, gas_uk))


def _radio_uk(band: Band, index: float) -> float:
    """Return temperature times solid angle [µK arcmin^2] of a source of 1 mJy at 150 GHz and of an index."""
    return band.response.mean(lambda nu: (nu / PIVOT_GHZ) ** index * uk_per_mjy(nu))


def share_within(radius_r500: np.ndarray, central: float) -> np.ndarray:
    """Return the share of a cluster's radio galaxies that is seen within radii of its centre, any shape.

    Parameters
    ----------
    radius_r500 : numpy.ndarray
        Projected radii over R500.
    central : float
        Share of the galaxies that are the brightest of their cluster.
    """
    near = -np.expm1(-0.5 * (radius_r500 / CENTRAL_R500) ** 2)
    return central * near + (1.0 - central) * np.interp(radius_r500, *_projected_nfw())


def _projected_nfw() -> tuple[np.ndarray, np.ndarray]:
    """Return radii over R500, and the fraction of a projected NFW profile within each."""
    radius = np.linspace(0.0, OUTERMOST_R500, 400)
    x = np.maximum(radius * CONCENTRATION, 1e-6)
    root = np.sqrt(np.abs(1.0 - x**2))
    # Bartelmann 1996 (A&A 313, 697), eq. 13: mass within a cylinder
    inner = np.arctanh(np.sqrt(np.clip((1.0 - x) / (1.0 + x), 0.0, 1.0 - 1e-15)))
    outer = np.arctan(np.sqrt(np.maximum((x - 1.0) / (1.0 + x), 0.0)))
    middle = np.where(x < 1.0, 2.0 * inner, 2.0 * outer) / np.maximum(root, 1e-9)
    within = np.log(x / 2.0) + np.where(np.abs(x - 1.0) < 1e-6, 1.0, middle)
    within = np.maximum.accumulate(np.maximum(within, 0.0))
    return radius, within / within[-1]
