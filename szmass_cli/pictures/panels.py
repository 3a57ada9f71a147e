"""What the picture of a cluster consists of, whatever draws it: images with their colours, and curves."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.pictures.cluster import Cluster

LEAST_SCORE = 5.0
"""Scores of fewer standard deviations than this never fill the range of colours."""

LEAST_DENSITY = 1e-3
"""Posteriors are shown where they are above this fraction of their peak."""


@dataclass(frozen=True)
class Panel:
    """An image and its colours.

    Parameters
    ----------
    title : str
        What it shows.
    image : numpy.ndarray, shape (40, 40)
        Its values, south first, east first; NaN without data.
    colours : str
        Name of the colour map of matplotlib; its middle is white.
    middle, reach : float
        Value in the middle of the colours, and how far they reach to both sides.
    unit : str
        Unit of the values.
    """

    title: str
    image: np.ndarray
    colours: str
    middle: float
    reach: float
    unit: str

    @property
    def has_data(self) -> bool:
        """Return whether any pixel has a value."""
        return bool(np.isfinite(self.image).any())


def band_panels(cluster: Cluster, band: int) -> list[Panel]:
    """Return cutout, model and residual of one band: a colour is worth the same in all three.

    Those of cutout and residual are centred on the median of the cutout, or the CMB behind it would take all.
    """
    images = [each[..., band] for each in (cluster.cutout_uk, cluster.model_uk, cluster.residual_uk)]
    known = images[0][np.isfinite(images[0])]
    middle = float(np.median(known)) if known.size else 0.0
    reach = _reach(images[0] - middle, 1.0)
    titles = (
        f"{cluster.frequencies_ghz[band]:g} GHz: cutout",
        "model" if cluster.has_mass else "no model",
        "cutout less model",
    )
    middles = (middle, 0.0, middle)
    return [
        Panel(title, image, "RdBu_r", centre, reach, "µK")
        for title, image, centre in zip(titles, images, middles, strict=True)
    ]


def score_panels(cluster: Cluster) -> list[Panel]:
    """Return the score images of Compton y with and without the cluster, in the same colours."""
    reach = _reach(cluster.score, LEAST_SCORE)
    both = (("y score image", cluster.score), ("the same without the model", cluster.score_left))
    return [Panel(title, image, "PuOr_r", 0.0, reach, "σ") for title, image in both]


def _reach(image: np.ndarray, least: float) -> float:
    """Return the value that the colours end at: that of all but the brightest pixels."""
    values = np.abs(image[np.isfinite(image)])
    return max(least, float(np.percentile(values, 99.7))) if values.size else least


@dataclass(frozen=True)
class Curves:
    """The posterior of a cluster's mass as it is drawn.

    Parameters
    ----------
    mass : numpy.ndarray, shape (m,)
        M200c [1e14 Msun], ascending.
    density : numpy.ndarray, shape (m,)
        Posterior per ln M over its peak.
    likelihood : numpy.ndarray, shape (m,) or (0,)
        Likelihood over its peak; empty where there is none.
    shown : (float, float)
        Range of masses to show [1e14 Msun].
    """

    mass: np.ndarray
    density: np.ndarray
    likelihood: np.ndarray
    shown: tuple[float, float]

    @classmethod
    def of(cls, cluster: Cluster) -> "Curves":
        """Return the curves of a cluster that has a mass, where its posterior and input mass are."""
        mass = np.exp(cluster.ln_mass) / 1e14
        density = cluster.density / np.gradient(cluster.ln_mass)
        density = density / density.max()
        there = mass[density > LEAST_DENSITY]
        low, high = float(there[0]), float(there[-1])
        input_mass = cluster.input_m200c_msun / 1e14
        if np.isfinite(input_mass):
            low, high = min(low, 0.9 * input_mass), max(high, 1.1 * input_mass)
        inside = (mass >= 0.98 * low) & (mass <= 1.02 * high)
        likelihood = np.exp(cluster.ln_likelihood)
        return cls(
            mass[inside],
            density[inside],
            likelihood[inside] if likelihood.size else likelihood,
            (low, high),
        )

    @property
    def ticks(self) -> list[float]:
        """Return round masses within the range [1e14 Msun], at most seven."""
        low, high = self.shown
        inside = [tick for tick in _TICKS if low <= tick <= high]
        return inside[:: -(-len(inside) // 7)] if len(inside) > 1 else [low, high]


_TICKS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0)


def facts(cluster: Cluster) -> str:
    """Return position, redshift, signal-to-noise and mass of a cluster in one line of text."""
    parts = [f"RA {cluster.ra_deg:.4f}°, Dec {cluster.dec_deg:+.4f}°", f"z = {cluster.redshift:.3g}"]
    if cluster.has_mass:
        low, median, high = cluster.m200c_msun / 1e14
        parts.append(f"S/N {cluster.values['sz_snr']:.1f}")
        parts.append(f"M200c = {median:.2f} +{high - median:.2f} −{median - low:.2f} × 10¹⁴ M☉")
    if np.isfinite(cluster.input_m200c_msun):
        parts.append(f"input {cluster.input_m200c_msun / 1e14:.2f} (column {cluster.input_column})")
    return ",  ".join(parts)
