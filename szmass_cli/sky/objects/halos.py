"""Halos besides the cluster: unrelated ones along the line of sight, and those that surround it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from szmass_cli.config import ObjectsConfig
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.clusterlight import ClusterDust
from szmass_cli.physics.cosmology import Cosmology, angular_diameter_distance_mpc, m500c_from_m200c
from szmass_cli.physics.massfunction import halo_density_per_mpc3
from szmass_cli.physics.profiles import ClusterScales, SzModel, cluster_scales, form_factor
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.physics.twohalo import growth, halo_bias, projected_correlation_mpc
from szmass_cli.sky.abundance import halo_abundance

HALO_REDSHIFTS = (0.05, 2.5)
"""Of unrelated halos: nearer ones are wider than a cutout, farther ones too few to matter."""

HALO_SIZES_ARCMIN = (0.2, 20.0)
"""theta500 of painted halos: images of them are tabulated between these."""

N_REDSHIFTS, N_MASSES, N_DUST = 16, 60, 60
"""Nodes of tables: the density of halos, interpolated between redshifts, is right to 1 per cent."""


@dataclass(frozen=True)
class GasAndDust:
    """What a halo of a mass and redshift adds to the bands of a survey.

    Parameters
    ----------
    bands : tuple of Band, length f
        Their responses with frequency.
    model : SzModel
        How the gas follows from mass and redshift.
    dust : ClusterDust
        The dust, spread like the gas: the profile of stacked clusters is that of their SZ signal (Planck
        intermediate results XLIII, 2016).
    dust_number : float
        How many times that dust; 0 for none.
    """

    bands: tuple[Band, ...]
    model: SzModel
    dust: ClusterDust
    dust_number: float

    def scales(self, m200c_msun: np.ndarray, redshift: np.ndarray) -> ClusterScales:
        """Return the sizes and Compton scales of halos (h,), sizes beyond `HALO_SIZES_ARCMIN` as its ends.

        The signal of the whole halo stays what it is.
        """
        scales = cluster_scales(m200c_msun, redshift, self.model)
        size = np.clip(scales.theta500_arcmin, *HALO_SIZES_ARCMIN)
        return ClusterScales(size, scales.y_scale * (scales.theta500_arcmin / size) ** 2, scales.kt_kev)

    def dust_mjy(self, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return the mean flux densities of halos at 150 GHz, (h,) [mJy]."""
        cosmology = self.model.cosmology
        m500c_msun = m500c_from_m200c(m200c_msun, redshift, cosmology)
        return self.dust_number * self.dust.mean_mjy(m500c_msun, redshift, cosmology)

    @cached_property
    def gas_uk(self) -> np.ndarray:
        """Return the temperature of one unit of Compton y of cold gas in each band, (f,) [µK]."""
        return np.array([band.response.tsz_uk_per_y() for band in self.bands])

    @cached_property
    def _dust_table(self) -> tuple[np.ndarray, np.ndarray]:
        """Return redshifts (z,), and temperature times solid angle of 1 mJy at 150 GHz (z, f)."""
        redshift = np.linspace(0.01, 3.0, N_DUST)

        def seen(band: Band, z: float) -> float:
            return band.response.mean(lambda nu: self.dust.spectrum(nu, z) * uk_per_mjy(nu))

        return redshift, np.array([[seen(band, z) for band in self.bands] for z in redshift])

    def dust_uk_arcmin2(self, flux_mjy: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return temperature times solid angle of dust of flux densities at 150 GHz, (h, f) [µK arcmin^2]."""
        nodes, table = self._dust_table
        per_mjy = np.stack([np.interp(redshift, nodes, column) for column in table.T], axis=-1)
        return flux_mjy[:, None] * per_mjy

    def brightness(self, scales: ClusterScales, flux_mjy: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return what multiplies the projected shape of each halo in each band, (h, f) [µK].

        Parameters
        ----------
        scales : ClusterScales
            Sizes and Compton scales of halos (h,).
        flux_mjy, redshift : numpy.ndarray, shape (h,)
            Flux density of the dust at 150 GHz [mJy], and redshift.
        """
        solid_angle_arcmin2 = scales.theta500_arcmin**2 * form_factor(0.0)
        dust = self.dust_uk_arcmin2(flux_mjy, redshift) / solid_angle_arcmin2[:, None]
        return scales.y_scale[:, None] * self.gas_uk + dust


def halo_light(objects: ObjectsConfig, bands: Sequence[Band], model: SzModel) -> GasAndDust:
    """Return what halos shine with: gas with their own mass bias, and dust.

    Parameters
    ----------
    objects : ObjectsConfig
        Mass bias of the halos, and how many times the dust there is.
    bands : sequence of Band, length f
        Their responses with frequency.
    model : SzModel
        The relation of the clusters, whose slope and cosmology halos share.
    """
    of_halos = SzModel(objects.halo_mass_bias, model.slope, model.cosmology)
    return GasAndDust(tuple(bands), of_halos, ClusterDust(), objects.cluster_dust)


def halo_power_uk2_sr(objects: ObjectsConfig, light: GasAndDust, ell: np.ndarray) -> np.ndarray:
    """Return the power C_ell of unrelated halos between bands, (f, f, n) [µK^2 sr].

    Parameters
    ----------
    objects : ObjectsConfig
        The range of masses that is painted.
    light : GasAndDust
        What they add to each of f bands.
    ell : numpy.ndarray, shape (n,)
        Multipoles.

    Notes
    -----
    int dN/(dlnM dz dOmega) a_i a_j |theta500^2 F(ell theta500)|^2 dlnM dz, the one-halo term (Komatsu &
    Seljak 2002, MNRAS 336, 1256, eq. 1) of halos that are not clustered; a is the brightness of each in a
    band, whose dust has log-normal scatter.
    """
    span = (objects.min_halo_m200c_msun, objects.max_halo_m200c_msun)
    abundance = halo_abundance(light.model.cosmology, span, HALO_REDSHIFTS)
    mass, redshift = np.meshgrid(np.exp(abundance.ln_m200c), abundance.redshift, indexing="ij")
    mass, redshift = mass.ravel(), redshift.ravel()
    weight = np.outer(_trapezoid(abundance.ln_m200c), _trapezoid(abundance.redshift)) * abundance.per_sr
    scales = light.scales(mass, redshift)
    flux = light.dust_mjy(mass, redshift)
    mean = light.brightness(scales, flux, redshift)
    dust = light.brightness(ClusterScales(scales.theta500_arcmin, 0.0 * scales.y_scale), flux, redshift)
    scattered = np.expm1(light.dust.scatter_ln**2)
    size = scales.theta500_arcmin * ARCMIN
    ln_ell = np.linspace(np.log(2.0), np.log(max(ell[-1], 3.0)), 40)
    coarse = np.empty((ln_ell.size, mean.shape[1], mean.shape[1]))
    for index, one in enumerate(np.exp(ln_ell)):
        seen = weight.ravel() * (size**2 * form_factor(one * size)) ** 2
        coarse[index] = (mean * seen[:, None]).T @ mean + scattered * (dust * seen[:, None]).T @ dust
    x = np.log(np.maximum(ell, 2.0))
    return np.array([[np.interp(x, ln_ell, values) for values in row] for row in coarse.transpose(1, 2, 0)])


def _trapezoid(x: np.ndarray) -> np.ndarray:
    """Return the weights of the trapezoidal rule at ascending nodes (n,)."""
    step = np.diff(x)
    return 0.5 * (np.append(step, 0.0) + np.append(0.0, step))


@dataclass(frozen=True)
class DrawnHalos:
    """Halos on squares around clusters, arrays of shape (h,).

    Parameters
    ----------
    cutout : numpy.ndarray of int
        The square that each lies in.
    m200c_msun, redshift : numpy.ndarray
        M200c [Msun] and redshift.
    north_arcmin, west_arcmin : numpy.ndarray
        Offsets from the square's middle.
    """

    cutout: np.ndarray
    m200c_msun: np.ndarray
    redshift: np.ndarray
    north_arcmin: np.ndarray
    west_arcmin: np.ndarray


def draw_unrelated(
    objects: ObjectsConfig, cosmology: Cosmology, n: int, side_arcmin: float, rng: np.random.Generator
) -> DrawnHalos:
    """Draw unrelated halos on n squares.

    Parameters
    ----------
    objects : ObjectsConfig
        The range of masses.
    cosmology : Cosmology
        Of the mass function.
    n : int
        Number of squares.
    side_arcmin : float
        Side of each.
    rng : numpy.random.Generator
        Draws numbers, redshifts, masses and offsets, in this order.
    """
    span = (objects.min_halo_m200c_msun, objects.max_halo_m200c_msun)
    abundance = halo_abundance(cosmology, span, HALO_REDSHIFTS)
    per_square = abundance.total_per_sr * (side_arcmin * ARCMIN) ** 2
    cutout = np.repeat(np.arange(n), rng.poisson(per_square, n))
    redshift = abundance.draw_redshifts(rng, cutout.size)
    mass = abundance.draw_masses(redshift, rng)
    north, west = side_arcmin * (rng.random((2, cutout.size)) - 0.5)
    return DrawnHalos(cutout, mass, redshift, north, west)


@dataclass(frozen=True)
class Surroundings:
    """The mean excess of halos around clusters of a mass and redshift: the two-halo term.

    Parameters
    ----------
    objects : ObjectsConfig
        The range of the halos' masses.
    cosmology : Cosmology
        Of mass function, bias and growth.
    reach_arcmin : float
        How far from a cluster halos are drawn.
    """

    objects: ObjectsConfig
    cosmology: Cosmology
    reach_arcmin: float

    @cached_property
    def _tables(self) -> "_SurroundingsTable":
        return _surroundings_table(
            self.objects.min_halo_m200c_msun, self.objects.max_halo_m200c_msun, self.cosmology
        )

    def mean_number(self, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return the mean number of additional halos around clusters (n,), out to the reach.

        b(M) int dm n(m) b(m) D(z)^2 int 2 pi R w(R) dR, comoving, of linear theory (Cooray & Sheth 2002,
        Phys. Rep. 372, 1): pairs within a cluster's own radius in projection are counted too, as they lie in
        front of it or behind.
        """
        table = self._tables
        distance = angular_diameter_distance_mpc(redshift, self.cosmology) * (1.0 + redshift)
        reach_mpc = self.reach_arcmin * ARCMIN * distance
        pairs = np.interp(np.log(reach_mpc), table.ln_radius, table.within)
        bias = table.bias(np.log(m200c_msun), redshift)
        return np.maximum(bias * np.interp(redshift, table.redshift, table.biased_density) * pairs, 0.0)

    def draw(self, m200c_msun: np.ndarray, redshift: np.ndarray, rng: np.random.Generator) -> DrawnHalos:
        """Draw the halos around clusters (n,), at the clusters' own redshifts.

        Parameters
        ----------
        m200c_msun, redshift : numpy.ndarray, shape (n,)
            The clusters [Msun].
        rng : numpy.random.Generator
            Draws numbers, masses, distances and directions, in this order.
        """
        table = self._tables
        cutout = np.repeat(np.arange(len(redshift)), rng.poisson(self.mean_number(m200c_msun, redshift)))
        z = redshift[cutout]
        mass = table.draw_masses(z, rng)
        distance = angular_diameter_distance_mpc(z, self.cosmology) * (1.0 + z)
        pairs = np.interp(np.log(self.reach_arcmin * ARCMIN * distance), table.ln_radius, table.within)
        radius_mpc = np.exp(np.interp(rng.random(cutout.size) * pairs, table.within, table.ln_radius))
        theta, angle = radius_mpc / distance / ARCMIN, 2.0 * np.pi * rng.random(cutout.size)
        return DrawnHalos(cutout, mass, z, theta * np.cos(angle), theta * np.sin(angle))


@dataclass(frozen=True, eq=False)
class _SurroundingsTable:
    """What `Surroundings` interpolates: by redshift (k,), ln M200c (m,) and ln comoving radius (r,)."""

    redshift: np.ndarray
    ln_mass: np.ndarray
    cumulative: np.ndarray
    biased_density: np.ndarray
    ln_cluster: np.ndarray
    cluster_bias: np.ndarray
    ln_radius: np.ndarray
    within: np.ndarray

    def bias(self, ln_m200c: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return the bias of clusters (n,)."""
        return _bilinear(self.redshift, self.ln_cluster, self.cluster_bias, redshift, ln_m200c)

    def draw_masses(self, redshift: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw masses [Msun] of halos at redshifts (h,), weighted by their bias."""
        nearest = np.rint(np.interp(redshift, self.redshift, np.arange(self.redshift.size))).astype(int)
        levels, mass = rng.random(redshift.size), np.empty(redshift.size)
        for row in np.unique(nearest):
            here = nearest == row
            mass[here] = np.interp(levels[here], self.cumulative[row], self.ln_mass)
        return np.exp(mass)


def _bilinear(
    x: np.ndarray, y: np.ndarray, table: np.ndarray, at_x: np.ndarray, at_y: np.ndarray
) -> np.ndarray:
    """Return a table (k, m) of ascending x (k,) and y (m,) between its points; its edges beyond them."""
    column = np.interp(at_y, y, np.arange(y.size))
    row = np.interp(at_x, x, np.arange(x.size))
    i, j = np.minimum(row.astype(int), x.size - 2), np.minimum(column.astype(int), y.size - 2)
    u, v = row - i, column - j
    lower = table[i, j] * (1.0 - v) + table[i, j + 1] * v
    upper = table[i + 1, j] * (1.0 - v) + table[i + 1, j + 1] * v
    return lower * (1.0 - u) + upper * u


@lru_cache(maxsize=8)
def _surroundings_table(low_msun: float, high_msun: float, cosmology: Cosmology) -> _SurroundingsTable:
    redshift = np.linspace(0.02, 2.5, N_REDSHIFTS)
    ln_mass = np.linspace(np.log(low_msun), np.log(high_msun), N_MASSES)
    density = halo_density_per_mpc3(np.exp(ln_mass), redshift, "200c", cosmology)
    ln_cluster = np.linspace(np.log(1e13), np.log(5e15), N_MASSES)
    cluster_bias = np.array([halo_bias(np.exp(ln_cluster), z, cosmology) for z in redshift])
    weighted = density * np.array([np.interp(ln_mass, ln_cluster, row) for row in cluster_bias])
    steps = 0.5 * (weighted[:, 1:] + weighted[:, :-1]) * np.diff(ln_mass)
    cumulative = np.concatenate([np.zeros((N_REDSHIFTS, 1)), np.cumsum(steps, axis=1)], axis=1)
    radius, projected = projected_correlation_mpc(cosmology)
    ln_radius = np.log(radius)
    ring = 2.0 * np.pi * radius**2 * np.maximum(projected, 0.0)
    within = np.append(0.0, np.cumsum(0.5 * (ring[1:] + ring[:-1]) * np.diff(ln_radius)))
    return _SurroundingsTable(
        redshift,
        ln_mass,
        cumulative / cumulative[:, -1:],
        cumulative[:, -1] * growth(redshift, cosmology) ** 2,
        ln_cluster,
        cluster_bias,
        ln_radius,
        within + np.pi * radius[0] ** 2 * projected[0],
    )
