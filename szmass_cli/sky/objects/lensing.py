"""Lensing of the CMB by the cluster: the gradient behind it turns into a dipole of its size."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from astropy import constants, units
from scipy.special import j1, sici

from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN, pixel_offsets_arcmin
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.cosmology import Cosmology, angular_diameter_distance_mpc, r200_mpc
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.objects.kernels import FILTERED_BOX, KernelLattice

CONCENTRATION = 4.0
"""c200c of all lenses; behind beams of an arcminute it hardly matters."""

LAST_SCATTERING = 1089.0

SCALES_ARCMIN = np.geomspace(0.1, 5.0, 24)
"""theta200 / c of tabulated lenses."""


@lru_cache(maxsize=1)
def _nfw_table() -> tuple[np.ndarray, np.ndarray]:
    """Return ln(1 + k) and the form at k, to k = 300 where 1 per cent is left."""
    ln_1k = np.linspace(0.0, np.log1p(300.0), 6000)
    return ln_1k, nfw_form(np.expm1(ln_1k))


def tabulated_nfw_form(k) -> np.ndarray:
    """Return `nfw_form` from a table; 0 beyond it."""
    ln_1k, form = _nfw_table()
    return np.interp(np.log1p(k), ln_1k, form, right=0.0)


def nfw_form(k) -> np.ndarray:
    """Return the Fourier transform of an NFW profile cut at c, 1 at k = 0, for k in units of 1 / r_s.

    Scoccimarro et al. (2001, ApJ 546, 20), eq. A8.
    """
    k = np.maximum(np.asarray(k, float), 1e-6)
    c = CONCENTRATION
    outer_si, outer_ci = sici((1.0 + c) * k)
    inner_si, inner_ci = sici(k)
    waves = np.sin(k) * (outer_si - inner_si) + np.cos(k) * (outer_ci - inner_ci)
    return (waves - np.sin(c * k) / ((1.0 + c) * k)) / (np.log1p(c) - c / (1.0 + c))


def lens_strength_sr(m200c_msun, redshift, cosmology: Cosmology) -> np.ndarray:
    """Return the integral of the convergence of clusters over solid angle [sr]: M / (Sigma_cr D_l^2).

    Parameters
    ----------
    m200c_msun, redshift : array_like, shape (n,)
        The clusters [Msun].
    cosmology : Cosmology
        Distances to the lens and to last scattering.
    """
    z = np.asarray(redshift, float)
    lens = angular_diameter_distance_mpc(z, cosmology) * (1.0 + z)
    source = cosmology.astropy.comoving_distance(LAST_SCATTERING).to_value(units.Mpc)
    # M / (Sigma_cr D_l^2) = 4 pi G M / c^2 D_ls / (D_l D_s), of angular diameter distances
    radius_mpc = (4.0 * np.pi * constants.G * units.Msun / constants.c**2).to_value(units.Mpc)
    return radius_mpc * np.asarray(m200c_msun) * (1.0 + z) * (source - lens) / (lens * source)


def half_a_pixel(ell_y: np.ndarray, ell_x: np.ndarray) -> np.ndarray:
    """Return the phases of waves that take a cutout's middle, between its pixels, to a lattice's point."""
    return np.exp(0.5j * PIXEL_ARCMIN * ARCMIN * (ell_y + ell_x))


def on_cutout(images: np.ndarray) -> np.ndarray:
    """Return the 40 x 40 pixels around the middle of images on a lattice (n, k, k, f)."""
    middle = images.shape[1] // 2
    near = slice(middle - N_PIXELS // 2, middle + N_PIXELS // 2)
    return np.ascontiguousarray(images[:, near, near])


def _circular_dipoles(lattice: KernelLattice, along: int) -> np.ndarray:
    """Return the change for a unit gradient along an axis, (sizes, 40, 40, f), without a box."""

    def of_scale(scale: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda ell: tabulated_nfw_form(ell * scale) / ell

    north, west = np.meshgrid(pixel_offsets_arcmin(), pixel_offsets_arcmin(), indexing="ij")
    radius = np.hypot(north, west)
    distinct, where = np.unique(radius.round(9), return_inverse=True)
    forms = [of_scale(scale) for scale in SCALES_ARCMIN * ARCMIN]
    profiles = lattice.profiles(forms, j1, distinct)[:, where.reshape(radius.shape)]
    dipole = -2.0 * (north, west)[along] / radius
    return (profiles * dipole[None, :, :, None]).astype(np.float32)


class LensKernels:
    """Dipoles that clusters of tabulated sizes make of a gradient of the CMB, behind beams.

    Parameters
    ----------
    lattice : KernelLattice
        Bands, and where images are made.
    cosmology : Cosmology
        Turns masses into sizes and strengths.
    """

    def __init__(self, lattice: KernelLattice, cosmology: Cosmology):
        self._cosmology = cosmology
        self._images = np.stack([self._table(lattice, along) for along in (0, 1)])

    @staticmethod
    def _table(lattice: KernelLattice, along: int) -> np.ndarray:
        """Return the change for a unit gradient along an axis, (sizes, 40, 40, f)."""
        if lattice.is_filtered and lattice.is_circular:
            return _circular_dipoles(lattice, along)

        def of_scale(scale: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
            def form(ell_y: np.ndarray, ell_x: np.ndarray) -> np.ndarray:
                ell = np.hypot(ell_y, ell_x)
                # deflection = grad psi, laplace psi = 2 kappa; -grad T . grad psi
                waves = 2j * (ell_y, ell_x)[along] / np.where(ell > 0.0, ell, np.inf) ** 2
                return waves * tabulated_nfw_form(ell * scale) * half_a_pixel(ell_y, ell_x)

            return form

        return on_cutout(lattice.images([of_scale(scale) for scale in SCALES_ARCMIN * ARCMIN]))

    def images(self, m200c_msun: np.ndarray, redshift: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return what clusters change in the bands, (n, 40, 40, f) float32 [µK].

        Parameters
        ----------
        m200c_msun, redshift : numpy.ndarray, shape (n,)
            The clusters [Msun].
        gradient : numpy.ndarray, shape (n, 2)
            Of the CMB behind each, northwards and westwards [µK / rad].
        """
        distance = angular_diameter_distance_mpc(redshift, self._cosmology)
        scale = r200_mpc(m200c_msun, redshift, self._cosmology) / distance / CONCENTRATION / ARCMIN
        position = np.interp(np.log(scale), np.log(SCALES_ARCMIN), np.arange(SCALES_ARCMIN.size))
        low = np.minimum(position.astype(int), SCALES_ARCMIN.size - 2)
        upper = (position - low).astype(np.float32)[:, None, None, None]
        strength = lens_strength_sr(m200c_msun, redshift, self._cosmology)
        change = np.zeros((len(redshift), *self._images.shape[2:]), np.float32)
        for axis, table in enumerate(self._images):
            weight = (strength * gradient[:, axis]).astype(np.float32)[:, None, None, None]
            change += weight * (table[low] * (1.0 - upper) + table[low + 1] * upper)
        return change


class CmbGradient:
    """Draws the gradient of the CMB behind clusters, given the cutouts that show the CMB.

    Parameters
    ----------
    lattice : KernelLattice
        Bands of the cutouts.
    sky : CutoutSky
        Covariance of sky and noise in cutouts.
    cmb_cl_uk2_sr : numpy.ndarray, shape (n,)
        C_ell of the CMB [µK^2 sr] at multipoles `ell`.
    ell : numpy.ndarray, shape (n,)
        Ascending multipoles.

    Notes
    -----
    Both are Gaussian, so that the gradient g has the mean w . d and the variance <g^2> - w . <g d>, with
    w = C^-1 <g d>: cutout and gradient drawn one after the other are as if drawn together.
    """

    def __init__(self, lattice: KernelLattice, sky: CutoutSky, cmb_cl_uk2_sr: np.ndarray, ell: np.ndarray):
        def along(axis: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
            def form(ell_y: np.ndarray, ell_x: np.ndarray) -> np.ndarray:
                waves = np.hypot(ell_y, ell_x)
                power = np.interp(waves, ell, cmb_cl_uk2_sr, left=0.0, right=0.0)
                return -1j * (ell_y, ell_x)[axis] * power * half_a_pixel(ell_y, ell_x)

            return form

        shared = on_cutout(lattice.images([along(0), along(1)], box=FILTERED_BOX)).astype(float)
        symmetry = sky.symmetry
        folded = symmetry.fold(shared)
        noise = np.tile(sky.noise_uk.astype(float) ** 2, symmetry.n_pixels)
        solved = np.stack(
            [
                np.linalg.solve(block + np.diag(noise), fields.T).T
                for block, fields in zip(sky.blocks_uk2, folded, strict=True)
            ]
        )
        self._weights = symmetry.unfold(solved).reshape(2, -1)
        total = 0.5 * np.trapezoid(ell**3 * cmb_cl_uk2_sr / (2.0 * np.pi), ell)
        explained = np.einsum("ap,ap->a", self._weights, shared.reshape(2, -1))
        self.rms_uk_per_rad = float(np.sqrt(total))
        self._left = np.sqrt(np.maximum(total - explained, 0.0))

    def draw(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw the gradients behind cutouts, (n, 2) [µK / rad], northwards and westwards.

        Parameters
        ----------
        image : numpy.ndarray, shape (n, 40, 40, f)
            Gaussian sky and noise of each cutout [µK].
        rng : numpy.random.Generator
            Draws what the cutout does not say.
        """
        mean = image.reshape(len(image), -1).astype(float) @ self._weights.T
        return mean + self._left * rng.standard_normal((len(image), 2))
