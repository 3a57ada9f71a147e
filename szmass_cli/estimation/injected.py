"""Clusters that are injected into the maps of a run: drawn as the model has them, painted on the cutouts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from szmass_cli.config import ObjectsConfig
from szmass_cli.estimation.blanks import Blanks
from szmass_cli.estimation.injectedlight import InjectedLight, LightPainter, draw_light
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.strips import Strip
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.bands import Band
from szmass_cli.physics.cosmology import MASS_RANGE_MSUN
from szmass_cli.physics.profiles import BeamedProfile, ClusterScales, SzModel, cluster_scales
from szmass_cli.posterior.redshift import FOUND_ABOVE_MSUN
from szmass_cli.sky.abundance import halo_abundance
from szmass_cli.sky.clusters import ClusterStamps


@dataclass(frozen=True)
class Population:
    """The clusters that a model's posteriors are of: what is to be injected, so that coverage is defined.

    Parameters
    ----------
    sz_model : SzModel
        How the mean signal follows from mass and redshift.
    scatter : Scatter
        Intrinsic scatter of clusters at fixed mass.
    m200c_range_msun, redshifts : (float, float)
        Range of M200c [Msun], in which masses are drawn evenly in ln M, and range of redshifts.
    objects : ObjectsConfig
        What clusters shine with besides their gas, as far as posteriors reckon with it; nothing by default.
    """

    sz_model: SzModel
    scatter: Scatter
    m200c_range_msun: tuple[float, float]
    redshifts: tuple[float, float]
    objects: ObjectsConfig = field(default_factory=ObjectsConfig)


@dataclass(frozen=True)
class Injected(Rows):
    """Rows of clusters to be injected, with what is true of them; the rows state what a catalogue would.

    Parameters
    ----------
    m200c_msun, true_redshift : numpy.ndarray, shape (n,)
        True M200c [Msun] and redshift.
    ln_amplitude, ln_stretch : numpy.ndarray, shape (n,)
        ln of the departure of the signal from the mean, and of the profile's size at fixed Y500.
    north_arcmin, west_arcmin : numpy.ndarray, shape (n,)
        Offset of the cluster from the position that the row states [arcmin].
    light : InjectedLight
        What else than gas the clusters shine with.
    """

    m200c_msun: np.ndarray
    true_redshift: np.ndarray
    ln_amplitude: np.ndarray
    ln_stretch: np.ndarray
    north_arcmin: np.ndarray
    west_arcmin: np.ndarray
    light: InjectedLight


def draw_injected(rows: Rows, blanks: Blanks, population: Population, rng: np.random.Generator) -> Injected:
    """Draw clusters for blank positions, each with redshift and errors of the row that it is near.

    Parameters
    ----------
    rows : Rows
        Rows of the catalogue.
    blanks : Blanks
        The k positions.
    population : Population
        What masses and signals are drawn from: evenly in ln M, and scatter and light as the model assumes.
    rng : numpy.random.Generator
        Draws masses, scatter, the departures of redshift and position from what rows state, and light.
    """
    k, near = len(blanks), blanks.near
    lowest, highest = np.log(population.m200c_range_msun)
    ln_mass = rng.uniform(lowest, highest, k)
    amplitude, stretch, in_redshift, north, west = rng.standard_normal((5, k))
    level = rng.uniform(size=k)
    error = rows.redshift_err[near]
    unknown = np.isinf(error)
    redshift = rows.redshift[near] + np.where(unknown, 0.0, error) * in_redshift
    if unknown.any():
        # of the prior that rows without a redshift are marginalised with
        limits = (FOUND_ABOVE_MSUN, MASS_RANGE_MSUN[1])
        found = halo_abundance(population.sz_model.cosmology, limits, population.redshifts)
        redshift[unknown] = found.redshift_quantiles(level[unknown])
    stated = {one.name: getattr(rows, one.name)[near] for one in fields(Rows)}
    true_redshift = np.clip(redshift, *population.redshifts)
    light = InjectedLight.none(k)
    if population.objects.has_members:
        light = draw_light(population.objects, population.sz_model, np.exp(ln_mass), true_redshift, rng)
    stated |= {"ra_deg": blanks.ra_deg, "dec_deg": blanks.dec_deg, "flags": np.zeros(k, np.int32)}
    return Injected(
        **stated,
        m200c_msun=np.exp(ln_mass),
        true_redshift=true_redshift,
        ln_amplitude=population.scatter.amplitude_ln * amplitude,
        ln_stretch=population.scatter.concentration_ln * stretch,
        north_arcmin=rows.position_err_arcmin[near] * north,
        west_arcmin=rows.position_err_arcmin[near] * west,
        light=light,
    )


class Painter:
    """Adds injected clusters to cutouts, through beams, pixel windows and filters of the maps.

    Parameters
    ----------
    bands : sequence of Band, length f
        The bands of the cutouts.
    model : SzModel
        How the mean signal follows from mass and redshift.
    """

    def __init__(self, bands: Sequence[Band], model: SzModel):
        self._stamps, self._model = ClusterStamps(bands, model), model
        self._light = LightPainter(bands, model)

    def __call__(self, strip: Strip, injected: Injected) -> Strip:
        """Return the cutouts of the strip (n rows) with the signals of the n injected clusters added."""
        images = strip.images_uk.copy()
        off = np.hypot(injected.north_arcmin, injected.west_arcmin) > 0.0
        for rows, is_off in ((np.flatnonzero(~off), False), (np.flatnonzero(off), True)):
            if rows.size:
                some = injected[rows]
                scales = self._scales(some)
                offset = np.stack([some.north_arcmin, some.west_arcmin], axis=1)
                signal = self._stamps.offset_images(scales, offset) if is_off else self._stamps.images(scales)
                amplitude, mass = np.exp(some.ln_amplitude), some.m200c_msun
                over_gas = self._light.over_gas(some.light, mass, some.true_redshift, amplitude)
                factor = (amplitude[:, None] * (1.0 + over_gas)).astype(np.float32)
                images[rows] += factor[:, None, None, :] * signal
        offset = np.stack([injected.north_arcmin, injected.west_arcmin], axis=1)
        self._light.add_galaxies(images, injected.light, self._scales(injected), offset)
        return replace(strip, images_uk=images)

    def _scales(self, injected: Injected) -> ClusterScales:
        mean = cluster_scales(injected.m200c_msun, injected.true_redshift, self._model)
        scales = mean.stretched(injected.ln_stretch)
        size = np.clip(scales.theta500_arcmin, *BeamedProfile.THETA500_RANGE_ARCMIN)
        return replace(scales, theta500_arcmin=size)
