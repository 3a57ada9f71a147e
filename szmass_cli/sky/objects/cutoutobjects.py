"""Everything that is painted on cutouts, and what the truth says of it."""

from dataclasses import dataclass, fields

import numpy as np

from szmass_cli.config import SkyConfig
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.physics.profiles import ClusterScales, SzModel, cluster_scales
from szmass_cli.physics.spectra import cl_from_dl, cmb_dl_uk2
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.objects.halos import DrawnHalos, GasAndDust, Surroundings, draw_unrelated
from szmass_cli.sky.objects.kernels import KernelLattice, Kernels, place_of_size
from szmass_cli.sky.objects.lensing import CmbGradient, LensKernels
from szmass_cli.sky.objects.members import Members, MemberSource
from szmass_cli.sky.objects.paint import add_objects
from szmass_cli.sky.objects.sources import draw_sources, source_kinds
from szmass_cli.sky.power import tabulated_ell
from szmass_cli.sky.signals import Signals

MIDDLE = 0.5 * (N_PIXELS - 1)
"""Where a cluster lies, in pixels from the middle of the first one."""


@dataclass(frozen=True)
class Contents:
    """What was painted on n cutouts.

    Parameters
    ----------
    filled : numpy.ndarray, shape (n, f)
        Share of the cluster's SZ signal that its own radio galaxies, dust and motion take away in each band:
        -(t . c) / (t . t) of their image c and the cluster's t. Negative where they add to it.
    filled_radio : numpy.ndarray, shape (n, f)
        The same of its radio galaxies alone.
    radio_mjy, dust_mjy : numpy.ndarray, shape (n,)
        Flux densities at 150 GHz of the cluster's radio galaxies, before any removal, and of its dust.
    velocity_km_s : numpy.ndarray, shape (n,)
        Of the cluster, away from the observer.
    """

    filled: np.ndarray
    filled_radio: np.ndarray
    radio_mjy: np.ndarray
    dust_mjy: np.ndarray
    velocity_km_s: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class CutoutObjects:
    """Paints sources, halos and what else clusters shine with on cutouts.

    Parameters
    ----------
    config : SkyConfig
        Its ``objects`` say what there is.
    sky : CutoutSky
        The Gaussian part of the sky, with its instrument.
    model : SzModel
        How the clusters' signal follows from mass and redshift.
    light : GasAndDust
        What halos add to the bands.
    """

    def __init__(self, config: SkyConfig, sky: CutoutSky, model: SzModel, light: GasAndDust):
        self._objects, self._model, self._light = config.objects, model, light
        bands = sky.instrument.bands
        self._lattice = KernelLattice(bands)
        self._kinds = source_kinds(config, bands)
        self._members = MemberSource(config.objects, bands, model, light)
        self._surroundings = Surroundings(config.objects, model.cosmology, 0.5 * self._lattice.side_arcmin)
        self._lenses, self._gradient = None, None
        if config.objects.lensing and config.cmb:
            ell = tabulated_ell(max(band.beam.ell_max for band in bands))
            cmb = cl_from_dl(ell, cmb_dl_uk2(ell, model.cosmology))
            self._lenses = LensKernels(self._lattice, model.cosmology)
            self._gradient = CmbGradient(self._lattice, sky, cmb, ell)

    def draw(
        self,
        bare_uk: np.ndarray,
        signals: Signals,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, Contents]:
        """Draw what is painted on cutouts besides the clusters' gas, (n, 40, 40, f) [µK], and the truth.

        Parameters
        ----------
        bare_uk : numpy.ndarray, shape (n, 40, 40, f), float32
            Gaussian sky and noise, on which the gradient behind a lens depends.
        signals : Signals
            The clusters' own SZ signal, amplitudes and offsets.
        m200c_msun, redshift : numpy.ndarray, shape (n,)
            The clusters [Msun].
        rng : numpy.random.Generator
            Draws what each kind of object needs, kind after kind.
        """
        image = np.zeros_like(bare_uk)
        if self._lenses is not None and self._gradient is not None:
            gradient = self._gradient.draw(bare_uk, rng)
            image += self._lenses.images(m200c_msun, redshift, gradient)
        self._add_background(image, rng)
        if self._objects.halos:
            cosmology, side = self._model.cosmology, self._lattice.side_arcmin
            self._add_halos(image, draw_unrelated(self._objects, cosmology, len(image), side, rng), rng)
        if self._objects.correlated_halos:
            self._add_halos(image, self._surroundings.draw(m200c_msun, redshift, rng), rng)
        scales = cluster_scales(m200c_msun, redshift, self._model)
        return image, self._add_members(image, signals, scales, m200c_msun, redshift, rng)

    def _add_background(self, image: np.ndarray, rng: np.random.Generator) -> None:
        """Add the sources of the blank sky, at random places of the lattice."""
        if not self._kinds:
            return
        lattice = self._lattice
        area_deg2 = (lattice.side_arcmin / 60.0) ** 2
        sources = draw_sources(self._kinds, self._objects, area_deg2 * len(image), rng)
        cutout = np.sort(rng.integers(0, len(image), len(sources)))
        side = 2 * (N_PIXELS + 2 * lattice.margin)
        row, column = rng.integers(0, side, (2, len(sources))) - 2 * lattice.margin
        self._add_points(image, cutout, row, column, sources.brightness)

    def _add_points(
        self,
        image: np.ndarray,
        cutout: np.ndarray,
        row: np.ndarray,
        column: np.ndarray,
        brightness: np.ndarray,
    ) -> None:
        """Add point sources at half pixels (s,) from the first pixel's middle, of some brightness (s, f)."""
        _add(
            image, cutout, row // 2, column // 2, 2 * (row % 2) + column % 2, brightness, self._lattice.points
        )

    def _add_halos(self, image: np.ndarray, halos: DrawnHalos, rng: np.random.Generator) -> None:
        """Add halos, each in the pixel that it falls into."""
        light = self._light
        scales = light.scales(halos.m200c_msun, halos.redshift)
        scatter = light.dust.scatter_ln
        drawn = np.exp(scatter * rng.standard_normal(halos.cutout.size) - 0.5 * scatter**2)
        flux = light.dust_mjy(halos.m200c_msun, halos.redshift) * drawn
        brightness = light.brightness(scales, flux, halos.redshift)
        low, upper = place_of_size(scales.theta500_arcmin)
        row = np.rint(MIDDLE + halos.north_arcmin / PIXEL_ARCMIN).astype(np.int64)
        column = np.rint(MIDDLE + halos.west_arcmin / PIXEL_ARCMIN).astype(np.int64)
        for kernel, weight in ((low, 1.0 - upper), (low + 1, upper)):
            shares = brightness * weight[:, None]
            _add(image, halos.cutout, row, column, kernel, shares, self._lattice.halos)

    def _add_members(
        self,
        image: np.ndarray,
        signals: Signals,
        scales: ClusterScales,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
    ) -> Contents:
        """Add what clusters shine with, and return the truth."""
        members = self._members.draw(m200c_msun, redshift, rng)
        over_gas = self._members.over_gas(
            members.dust_mjy, members.velocity_km_s, scales, m200c_msun, redshift, signals.amplitude
        )
        own = signals.own
        of_radio = np.zeros_like(own)
        self.add_radio(of_radio, members, scales, signals.offset_arcmin)
        added = own * over_gas[:, None, None, :].astype(np.float32) + of_radio
        image += added
        radio_mjy = np.bincount(members.cluster, members.radio_mjy, len(image))
        return Contents(
            _filled(own, added), _filled(own, of_radio), radio_mjy, members.dust_mjy, members.velocity_km_s
        )

    def add_radio(
        self, image: np.ndarray, members: Members, scales: ClusterScales, offset_arcmin: np.ndarray | None
    ) -> None:
        """Add the clusters' radio galaxies to cutouts, in place.

        Parameters
        ----------
        image : numpy.ndarray, shape (n, 40, 40, f), float32
            Cutouts [µK], changed in place.
        members : Members
            What the n clusters shine with.
        scales : ClusterScales
            Their sizes (n,).
        offset_arcmin : numpy.ndarray, shape (n, 2), optional
            Of the clusters from the middle, north and west.
        """
        offset = np.zeros((len(image), 2)) if offset_arcmin is None else offset_arcmin
        cluster, size = members.cluster, scales.theta500_arcmin[members.cluster]
        north = offset[cluster, 0] + size * members.north_r500
        west = offset[cluster, 1] + size * members.west_r500
        row, column = (np.rint(2.0 * (MIDDLE + x / PIXEL_ARCMIN)).astype(np.int64) for x in (north, west))
        self._add_points(image, cluster, row, column, members.radio_uk_arcmin2)


def _filled(own: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Return the share (n, f) of signals (n, 40, 40, f) that what is added takes away."""
    square = np.einsum("nijf,nijf->nf", own, own, dtype=float)
    return -np.einsum("nijf,nijf->nf", own, added, dtype=float) / np.maximum(square, 1e-30)


def _add(
    image: np.ndarray,
    cutout: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    kernel: np.ndarray,
    brightness: np.ndarray,
    kernels: Kernels,
) -> None:
    """Add objects to cutouts (n, 40, 40, f), in place; see `add_objects`."""
    flat = image.reshape(*image.shape[:2], -1)
    add_objects(
        flat, cutout, row, column, kernel, brightness.astype(np.float32), kernels.images, kernels.reach
    )
