"""The clusters of a survey field: drawn, chosen, and moved off their catalogue positions."""

from dataclasses import dataclass, fields

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from szmass_cli.config import MassFunctionMasses, SurveyConfig
from szmass_cli.errors import InputError
from szmass_cli.physics.profiles import BeamedProfile, ClusterScales
from szmass_cli.sky.abundance import halo_abundance
from szmass_cli.sky.clusters import draw_masses, draw_redshifts, redshift_range
from szmass_cli.sky.patch import Patch

N_DEFAULT = 100
EDGE_DEG = 0.5
"""Drawn clusters keep this distance from the field's edges, so that they can be measured."""

MAX_CLUSTERS = 5_000_000


@dataclass(frozen=True)
class FieldClusters:
    """The clusters to paint, arrays of shape (n,)."""

    name: np.ndarray
    ra_deg: np.ndarray
    dec_deg: np.ndarray
    redshift: np.ndarray
    m200c_msun: np.ndarray

    def __len__(self) -> int:
        return len(self.ra_deg)

    def __getitem__(self, rows) -> "FieldClusters":
        return FieldClusters(*(getattr(self, column.name)[rows] for column in fields(self)))


def random_clusters(config: SurveyConfig, rng: np.random.Generator, n: int | None = None) -> FieldClusters:
    """Draw clusters spread evenly over the field's area, half a degree from its edges if it is large enough.

    Parameters
    ----------
    config : SurveyConfig
        Its ``field`` section says where; masses and redshifts are that section's, or else the clusters'.
    rng : numpy.random.Generator
        Draws the number, where it is not given, then positions, redshifts and masses.
    n : int, optional
        How many; otherwise as many as the mass function says (`expected_number`), with Poisson scatter, or
        100 where it does not say.

    Raises
    ------
    InputError
        If the mass function gives none, or more than can be.
    """
    patch = Patch.of(config.field).inner(EDGE_DEG)
    if n is None:
        expected = expected_number(config, patch)
        n = N_DEFAULT if expected is None else _poisson(expected, rng)
    ra_deg, dec_deg = patch.random_positions(rng, n)
    name = np.array([f"SIM-{index:05d}" for index in range(n)])
    cosmology = config.sky.cosmology.build()
    redshift = draw_redshifts(config.field_clusters, rng, n, cosmology=cosmology)
    mass = draw_masses(config.field_clusters, rng, n, 0, redshift, cosmology)
    return FieldClusters(name, ra_deg, dec_deg, redshift, mass)


def expected_number(config: SurveyConfig, patch: Patch) -> float | None:
    """Return the mean number of clusters of the mass function on a patch, over the configured redshifts.

    None where masses are drawn from another distribution, or all clusters are at one redshift.
    """
    masses, span = config.field_clusters.masses, redshift_range(config.field_clusters)
    if not isinstance(masses, MassFunctionMasses) or span[0] >= span[1]:
        return None
    limits = (masses.min_m200c_msun, masses.max_m200c_msun)
    return halo_abundance(config.sky.cosmology.build(), limits, span).total_per_sr * patch.area_sr


def _poisson(expected: float, rng: np.random.Generator) -> int:
    if expected > MAX_CLUSTERS:
        raise InputError(
            f"The mass function gives {expected:,.0f} clusters in the field, more than {MAX_CLUSTERS:,}.",
            "Raise clusters.masses.min_m200c_msun, or say --n-clusters.",
        )
    n = int(rng.poisson(expected))
    if n == 0:
        raise InputError(
            f"The mass function gives no cluster in the field ({expected:.2g} expected).",
            "Make the field larger, lower clusters.masses.min_m200c_msun, or say --n-clusters.",
        )
    return n


def clusters_inside(clusters: FieldClusters, patch: Patch) -> FieldClusters:
    """Return the clusters whose positions lie in the field.

    Raises
    ------
    InputError
        If none does.
    """
    inside = patch.contains(clusters.ra_deg, clusters.dec_deg)
    if not inside.any():
        raise InputError(
            "No cluster lies inside the field.",
            "Compare the catalogue with field.center_ra_deg, center_dec_deg, width_deg and height_deg.",
        )
    return clusters[inside]


def check_sizes(clusters: FieldClusters, scales: ClusterScales) -> None:
    """Refuse, by name, a cluster too large or too small on the sky to be simulated."""
    size = scales.theta500_arcmin
    for index in np.flatnonzero(~BeamedProfile.is_tabulated(size))[:1]:
        raise InputError(
            f"Cluster {clusters.name[index]}: {clusters.m200c_msun[index]:.3g} Msun at redshift "
            f"{clusters.redshift[index]:g} has theta500 = {size[index]:.3g}', which cannot be simulated.",
            "Check its mass and redshift, or take it out.",
        )


def miscentred(
    clusters: FieldClusters, rms_arcmin: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions [deg] where clusters are painted.

    They are off the catalogue's positions by a Gaussian of this rms per axis.
    """
    if rms_arcmin == 0:
        return clusters.ra_deg, clusters.dec_deg
    east, north = rms_arcmin * rng.standard_normal((2, len(clusters)))
    return moved((clusters.ra_deg, clusters.dec_deg), north, east)


def moved(
    position_deg: tuple[np.ndarray, np.ndarray], north_arcmin: np.ndarray, east_arcmin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions [deg] that lie off others, by distances to the north and to the east [arcmin]."""
    there = SkyCoord(*position_deg, unit="deg").directional_offset_by(
        np.arctan2(east_arcmin, north_arcmin) * u.rad, np.hypot(east_arcmin, north_arcmin) * u.arcmin
    )
    return there.ra.deg, there.dec.deg


def truth_table(
    clusters: FieldClusters,
    painted_deg: tuple[np.ndarray, np.ndarray],
    amplitude: np.ndarray,
    stretch: np.ndarray,
    kt_kev: np.ndarray | float,
) -> Table:
    """Return what is in the map: a catalogue that can be estimated, or simulated again, as it is.

    ``ra`` and ``dec`` are the catalogue's positions, ``ra_painted`` and ``dec_painted`` the true ones [deg];
    ``M200c_true`` is in 1e14 Msun, ``amplitude_true`` multiplied the SZ signal, ``stretch_true`` the width of
    the profile at the same Y500 (its c500 is 1.177, or that of its kind, over that), and ``kT_true`` [keV]
    made the spectrum relativistic; 0 is the non-relativistic one.
    """
    return Table(
        {
            "name": clusters.name,
            "ra": clusters.ra_deg,
            "dec": clusters.dec_deg,
            "redshift": clusters.redshift,
            "M200c_true": clusters.m200c_msun / 1e14,
            "amplitude_true": amplitude,
            "stretch_true": stretch,
            "kT_true": np.broadcast_to(kt_kev, amplitude.shape),
            "ra_painted": painted_deg[0],
            "dec_painted": painted_deg[1],
        }
    )
