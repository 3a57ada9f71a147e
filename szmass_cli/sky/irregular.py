"""Irregular clusters: what a network trained on round ones has not seen, on Compton-y maps without a beam."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from szmass_cli.physics.peaks import peak_height
from szmass_cli.physics.profiles import ARNAUD2010, SzModel, cluster_scales
from szmass_cli.sky.abundance import halo_abundance
from szmass_cli.sky.fluctuations import FluctuationSpectrum, PressureFluctuations
from szmass_cli.sky.shapes import Ellipsoid, draw_ellipsoid
from szmass_cli.sky.sightline import SEARCH_ARCMIN, ShapeTable, add_halos, draw_halos
from szmass_cli.sky.ygrid import DEFAULT_GRID, YGrid

HALO_MAX_M200C_MSUN = 5e15
"""The universe holds none beyond."""
_COARSE = 2  # pixels of the map to one of the fluctuations'


@dataclass(frozen=True)
class IrregularSettings:
    """How irregular clusters are; each ingredient is off at 0.

    Parameters
    ----------
    gas_eccentricity_ratio : float
        Eccentricity of the gas over that of its dark matter halo. 0.7: the ratio in equilibrium at about R500
        (Lee & Suto 2003, ApJ 585, 151).
    fluctuation_rms : float
        Standard deviation of dP / P. 0.2: turbulence of Mach number 0.3 (Gaspari & Churazov 2013, A&A 559,
        A78: the amplitude of density is 0.25 Mach at its peak, that of adiabatic pressure 5/3 of it; the rms
        is 1.64 times that for the spectrum used). Coma has 0.33 +- 0.12 at the peak (Khatri & Gaspari 2016).
    fluctuation_peak_r500 : float
        Wavelength of the largest fluctuations over R500. 0.4: the 500 kpc of Coma (Khatri & Gaspari 2016,
        MNRAS 463, 655), whose R500 is 1.3 Mpc.
    halo_min_m200c_msun : float
        Smallest M200c [Msun] of other halos along the line of sight; `math.inf` for none of them.
    halo_redshifts : (float, float)
        Where these halos are.
    scatter_ln : float
        Standard deviation of the log-normal factor, of median 1, on the cluster's y. 0.16: that of the light
        cones in Gupta & Reichardt (2020), section 4.4. Shapes and fluctuations add theirs to it.
    concentration_scatter_ln : float
        Standard deviation of ln c500 at the same Y500.
    """

    gas_eccentricity_ratio: float = 0.7
    fluctuation_rms: float = 0.2
    fluctuation_peak_r500: float = 0.4
    halo_min_m200c_msun: float = 1e13
    halo_redshifts: tuple[float, float] = (0.05, 2.5)
    scatter_ln: float = 0.16
    concentration_scatter_ln: float = 0.0


def draw_irregular_population(
    n: int,
    rng: np.random.Generator,
    m200c_range_msun: tuple[float, float] = (2e14, 7e14),
    redshifts: tuple[float, ...] = (0.67, 0.73),
) -> tuple[np.ndarray, np.ndarray]:
    """Draw masses [Msun] and redshifts (n,) of clusters as in section 4.4 of Gupta & Reichardt (2020).

    Masses are uniform in their range; each redshift comes equally often, in random order.
    """
    mass = rng.uniform(*m200c_range_msun, n)
    return mass, rng.permutation(np.resize(np.asarray(redshifts, float), n))


@dataclass(frozen=True)
class IrregularCluster:
    """One irregular cluster.

    Attributes
    ----------
    y : (n, n) array
        Compton y without a beam: the mean over each pixel, other halos included.
    own_y : (n, n) array
        The cluster's own part of it.
    amplitude : float
        The log-normal factor in `own_y`.
    shape : Ellipsoid
        Axes and orientation of its gas.
    kt_kev : float
        Temperature of its gas; 0 without relativistic corrections.
    """

    y: np.ndarray
    own_y: np.ndarray
    amplitude: float
    shape: Ellipsoid
    kt_kev: float = 0.0


class IrregularClusters:
    """Draws irregular clusters one by one.

    Parameters
    ----------
    settings : IrregularSettings
        How irregular they are, and which ingredients are off.
    model : SzModel
        How y follows from mass and redshift.
    grid : YGrid
        Size and pixels of the y maps, which are to hold a cutout and what a beam brings into it.

    Raises
    ------
    SzmassError
        Fluctuations are asked for and `pitszi` is not installed.

    Notes
    -----
    y = A (y_ellipsoid + y_fluctuations) + y_halos.

    - y_ellipsoid is the profile of Arnaud et al. (2010) on similar ellipsoids (`sky.shapes`), stretched so
      that the volume within each is the sphere's: the integrated Y is that of the sphere, and so is its mean
      at a mass. (To divide the pressure by the product of the axis ratios instead would keep Y too, but press
      it together: a volume a third smaller, at a pressure half as high again.)
    - y_fluctuations comes from `sky.fluctuations`: mean 0, so that the mean of Y is kept.
    - y_halos are spherical clusters without scatter, a Poisson number after Tinker et al. (2008). A Gaussian
      sky that has a thermal SZ component holds the mean power of such halos once more: leave that component
      out of it, or these halos. Their mean y is left in, as it is in the maps of a simulation.

    Left out: halos correlated with the cluster, substructure and mergers, fluctuations that grow with radius,
    shapes that change with radius, a displaced centre.
    """

    def __init__(self, settings: IrregularSettings, model: SzModel = ARNAUD2010, grid: YGrid = DEFAULT_GRID):
        self.settings, self.model, self.grid = settings, model, grid
        self._shape_table = ShapeTable()
        self._fluctuations = None
        if settings.fluctuation_rms > 0:
            spectrum = FluctuationSpectrum(settings.fluctuation_rms, settings.fluctuation_peak_r500)
            self._fluctuations = PressureFluctuations(spectrum, grid.n_pixels // _COARSE)
        self._abundance = None
        if np.isfinite(settings.halo_min_m200c_msun):
            masses = (settings.halo_min_m200c_msun, HALO_MAX_M200C_MSUN)
            self._abundance = halo_abundance(model.cosmology, masses, settings.halo_redshifts)

    def draw(self, m200c_msun: float, redshift: float, rng: np.random.Generator) -> IrregularCluster:
        """Draw one cluster, a function of its mass and redshift and of the generator's state alone.

        Parameters
        ----------
        m200c_msun, redshift : float
            M200c [Msun] and redshift, which the signal scatters about.
        rng : numpy.random.Generator
            Advanced by the same step whatever the settings: each ingredient has a stream of its own, so that
            switching one off leaves the others as they were.

        Raises
        ------
        InputError
            Mass or redshift are beyond the range of the concentration-mass relation.
        """
        seeds = rng.integers(2**63, size=4)
        shapes, fluctuations, halos, scatter = (np.random.default_rng(int(seed)) for seed in seeds)
        scales = cluster_scales(m200c_msun, redshift, self.model)
        nu = float(peak_height(m200c_msun, redshift, self.model.cosmology))
        shape = draw_ellipsoid(shapes, nu, self.settings.gas_eccentricity_ratio)
        amplitude = float(np.exp(self.settings.scatter_ln * scatter.standard_normal()))
        scales = scales.stretched(self.settings.concentration_scatter_ln * scatter.standard_normal())
        size, central = float(scales.theta500_arcmin), float(scales.y_scale)
        own = self._ellipsoid(shape, size)
        if self._fluctuations is not None:
            pixel_r500 = _COARSE * self.grid.pixel_arcmin / size
            own += _refined(self._fluctuations.image(shape, pixel_r500, fluctuations))
        own *= amplitude * central
        y = own.copy()
        if self._abundance is not None:
            around = draw_halos(self._abundance, self.grid.half_width_arcmin + SEARCH_ARCMIN, halos)
            if len(around.redshift):  # astropy's distances are not for none
                their_scales = cluster_scales(around.m200c_msun, around.redshift, self.model)
                add_halos(y, self.grid, around, their_scales, self._shape_table)
        return IrregularCluster(y, own, amplitude, shape, float(scales.kt_kev))

    def _ellipsoid(self, shape: Ellipsoid, theta500_arcmin: float) -> np.ndarray:
        """Return the projection of the smooth cluster, in units of its central scale."""
        metric, depth = shape.projection()
        samples = self.grid.fine_offsets(slice(0, self.grid.n_pixels)) / theta500_arcmin
        west, north = samples[None, :], samples[:, None]
        squared = metric[0, 0] * west**2 + metric[1, 1] * north**2 + 2.0 * metric[0, 1] * west * north
        return depth * self.grid.pixel_means(self._shape_table(squared))


def _refined(image: np.ndarray) -> np.ndarray:
    """Return a smooth image on pixels of half the side."""
    fine = (np.arange(_COARSE * len(image)) + 0.5) / _COARSE - 0.5
    return map_coordinates(image, np.meshgrid(fine, fine, indexing="ij"), order=5, mode="nearest")
