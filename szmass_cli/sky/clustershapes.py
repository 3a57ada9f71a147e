"""The shapes of clusters: drawn, and turned into peaks of the SZ signal."""

from dataclasses import dataclass, fields, replace

import numpy as np

from szmass_cli.config import ClusterConfig, EllipticalShape
from szmass_cli.physics.beamedshapes import Ellipses
from szmass_cli.physics.gnfw import A10, PROFILES, ln_enclosed
from szmass_cli.physics.peaks import peak_height
from szmass_cli.physics.profiles import ClusterScales, SzModel
from szmass_cli.sky.mergers import draw_second_peaks
from szmass_cli.sky.shapedstamps import Peaks
from szmass_cli.sky.shapes import draw_projections

SLOPE_LIMIT = 3.0
"""Outer slopes are drawn within this many standard deviations."""


@dataclass(frozen=True)
class ClusterShapes:
    """Profiles and shapes of n clusters, arrays over the first axis.

    Parameters
    ----------
    profile : numpy.ndarray of int, shape (n,)
        Number of the profile in `PROFILES`.
    stretch : numpy.ndarray, shape (n,)
        Width of the profile over the mean one of its kind, at the same Y500.
    outer_slope : numpy.ndarray, shape (n,)
        beta.
    axis_ratio, position_angle_deg, elongation : numpy.ndarray, shape (n,)
        Of the projection, see `ProjectedEllipses`; the angle in degrees.
    second_mass_ratio : numpy.ndarray, shape (n,)
        Mass of the second peak over that of the main one; 0 where there is none.
    second_offset_arcmin : numpy.ndarray, shape (n, 2)
        Of the second peak from the main one, north and west.
    """

    profile: np.ndarray
    stretch: np.ndarray
    outer_slope: np.ndarray
    axis_ratio: np.ndarray
    position_angle_deg: np.ndarray
    elongation: np.ndarray
    second_mass_ratio: np.ndarray
    second_offset_arcmin: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __getitem__(self, rows) -> "ClusterShapes":
        return ClusterShapes(**{name: values[rows] for name, values in self.arrays().items()})


def draw_ln_stretch(config: ClusterConfig, ln_amplitude: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw ln of the widths of profiles, (n,): normal, and correlated with the amplitude as configured.

    A high concentration is a narrow profile. Without a correlation this is one normal number each.
    """
    wide = rng.standard_normal(len(ln_amplitude))
    narrow = _correlated(config, config.concentration_amplitude_correlation, ln_amplitude, -wide)
    return -config.concentration_scatter_ln * narrow


def _correlated(
    config: ClusterConfig, correlation: float, ln_amplitude: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Return standard normal numbers that go with the amplitude, from such that do not."""
    if correlation == 0.0 or config.sz_scatter_ln == 0.0:
        return own
    return correlation * ln_amplitude / config.sz_scatter_ln + np.sqrt(1.0 - correlation**2) * own


def draw_shapes(
    config: ClusterConfig,
    m200c_msun: np.ndarray,
    redshift: np.ndarray,
    ln_amplitude: np.ndarray,
    scales: ClusterScales,
    model: SzModel,
    rng: np.random.Generator,
) -> ClusterShapes:
    """Draw the shapes of clusters.

    Parameters
    ----------
    config : ClusterConfig
        How much each property scatters, and which are there at all.
    m200c_msun, redshift : numpy.ndarray, shape (n,)
        M200c [Msun] and redshift.
    ln_amplitude : numpy.ndarray, shape (n,)
        ln of the factor on each signal, that shapes are correlated with. All profiles have the same Y500, so
        that this alone is the scatter of Y500.
    scales : ClusterScales
        Angular sizes.
    model : SzModel
        Mass bias and cosmology.
    rng : numpy.random.Generator
        Advanced alike whatever is switched on, but for axis ratios, which come last.
    """
    n = len(m200c_msun)
    ln_stretch = draw_ln_stretch(config, ln_amplitude, rng)
    weights = list(config.profiles.by_name.values())
    profile = np.searchsorted(np.cumsum(weights), rng.random(n) * sum(weights), side="right")
    profile = np.minimum(profile, np.flatnonzero(weights)[-1]).astype(np.int8)
    own = rng.standard_normal(n)
    steeper = _correlated(config, config.outer_slope_amplitude_correlation, ln_amplitude, own)
    steeper = config.outer_slope_scatter * np.clip(steeper, -SLOPE_LIMIT, SLOPE_LIMIT)
    _, mean_slope = _mean_shapes(profile, m200c_msun, redshift, model)
    second = draw_second_peaks(config.second_peak, rng, n)
    ratio, angle, elongation = np.ones(n), np.zeros(n), np.ones(n)
    if isinstance(config.shape, EllipticalShape):
        nu = peak_height(m200c_msun, redshift, model.cosmology)
        seen = draw_projections(rng, nu, config.shape.gas_eccentricity_ratio)
        ratio, angle, elongation = seen.axis_ratio, np.degrees(seen.position_angle_rad), seen.elongation
    return ClusterShapes(
        profile,
        np.exp(ln_stretch),
        mean_slope + steeper,
        ratio,
        angle,
        elongation,
        second.mass_ratio,
        second.offset_r500 * scales.theta500_arcmin[:, None],
    )


def _mean_shapes(
    profile: np.ndarray, m200c_msun: np.ndarray, redshift: np.ndarray, model: SzModel
) -> tuple[np.ndarray, np.ndarray]:
    """Return ln of the stretch and the outer slope (n,) that clusters' profiles have in the mean."""
    ln_stretch, slope = np.zeros(len(profile)), np.zeros(len(profile))
    for number, kind in enumerate(PROFILES.values()):
        own = profile == number
        if own.any():
            ln_stretch[own], slope[own] = kind.shapes(
                m200c_msun[own], redshift[own], model.mass_bias, model.cosmology
            )
    return ln_stretch, slope


def peaks_of(
    shapes: ClusterShapes,
    m200c_msun: np.ndarray,
    redshift: np.ndarray,
    scales: ClusterScales,
    model: SzModel,
) -> tuple[Peaks, Peaks, np.ndarray]:
    """Return the peaks of clusters before the scatter of their amplitudes.

    Parameters
    ----------
    shapes : ClusterShapes
        Of n clusters.
    m200c_msun, redshift : numpy.ndarray, shape (n,)
        M200c [Msun] and redshift.
    scales : ClusterScales
        Sizes and Compton scales of the mean clusters with the universal profile.
    model : SzModel
        Slope of Y with mass, by which two peaks share the signal, mass bias and cosmology.

    Returns
    -------
    main : Peaks
        Of all clusters, at their positions.
    second : Peaks
        Those there are.
    whose : numpy.ndarray of int
        Which cluster each of them belongs to.

    Notes
    -----
    Both peaks together have the Y500 of the mean relation at the mass of both; each is as large as its mass
    says, and the second one is round, with the profile of the first.
    """
    whole = _whole(shapes, m200c_msun, redshift, scales, model)
    share = second_share(shapes.second_mass_ratio, model.slope)
    of_mass = 1.0 / (1.0 + shapes.second_mass_ratio)
    whose = np.flatnonzero(shapes.second_mass_ratio > 0.0)
    seen, longer = whole.ellipses, shapes.elongation
    flattened = replace(
        whole,
        ellipses=replace(seen, size_arcmin=seen.size_arcmin / np.sqrt(longer), axis_ratio=shapes.axis_ratio),
        y_scale=whole.y_scale * longer,
    )
    main = _of_part(flattened, 1.0 - share, of_mass)
    second = _of_part(whole[whose], share[whose], 1.0 - of_mass[whose])
    return main, replace(second, offset_arcmin=shapes.second_offset_arcmin[whose]), whose


def _whole(
    shapes: ClusterShapes,
    m200c_msun: np.ndarray,
    redshift: np.ndarray,
    scales: ClusterScales,
    model: SzModel,
) -> Peaks:
    """Return clusters as single round peaks: with their profiles, and the Y500 of the universal one."""
    mean_ln_stretch, _ = _mean_shapes(shapes.profile, m200c_msun, redshift, model)
    ln_stretch = mean_ln_stretch + np.log(shapes.stretch)
    ln_central = np.log(scales.y_scale) + ln_enclosed("a10", 0.0, A10.beta) - 2.0 * ln_stretch
    for number, name in enumerate(PROFILES):
        own = shapes.profile == number
        if own.any():
            ln_central[own] -= ln_enclosed(name, -ln_stretch[own], shapes.outer_slope[own])
    size = np.exp(ln_stretch) * scales.theta500_arcmin
    n = len(size)
    return Peaks(
        Ellipses(shapes.profile, size, shapes.outer_slope, np.ones(n)),
        np.exp(ln_central),
        np.radians(shapes.position_angle_deg),
        np.zeros((n, 2)),
        np.broadcast_to(scales.kt_kev, (n,)),
    )


def _of_part(whole: Peaks, signal: np.ndarray, mass: np.ndarray) -> Peaks:
    """Return peaks that have a part of the signal, and the size of a part of the mass."""
    smaller = np.cbrt(mass)
    size = whole.ellipses.size_arcmin * smaller
    return replace(
        whole,
        ellipses=replace(whole.ellipses, size_arcmin=size),
        y_scale=whole.y_scale * signal / smaller**2,
    )


def second_share(mass_ratio: np.ndarray, slope: float) -> np.ndarray:
    """Return the share of the second peak in Y, (n,): signals go as a power of the masses."""
    signal = mass_ratio**slope
    return signal / (1.0 + signal)
