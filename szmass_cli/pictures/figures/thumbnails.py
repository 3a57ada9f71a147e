"""The panels of a cluster as a page of HTML holds them: images pixel by pixel, the posterior as SVG."""

from io import BytesIO

import numpy as np

from szmass_cli.pictures.cluster import Cluster
from szmass_cli.pictures.panels import Curves, Panel

NO_DATA = (190, 190, 190)
"""Colour of pixels without data."""

_SIDE, _BASE, _TOP = 120.0, 104.0, 8.0


def png(panel: Panel) -> bytes:
    """Return an image in its colours as PNG, one pixel each, north at the top."""
    from matplotlib import colormaps
    from matplotlib.image import imsave

    scaled = (panel.image - panel.middle + panel.reach) / (2.0 * panel.reach)
    known = np.isfinite(scaled)
    colours = colormaps[panel.colours](np.where(known, scaled, 0.5), bytes=True)[..., :3]
    colours[~known] = NO_DATA
    stream = BytesIO()
    imsave(stream, colours[::-1], format="png")
    return stream.getvalue()


def posterior_svg(cluster: Cluster) -> str:
    """Return the posterior with its interval, the likelihood and the input mass as SVG without text of names.

    Parameters
    ----------
    cluster : Cluster
        One that has a mass.
    """
    curves, (low, median, high) = Curves.of(cluster), cluster.m200c_msun / 1e14
    left, right = np.log(curves.shown)

    def x(mass: np.ndarray | float) -> np.ndarray:
        return 4.0 + (_SIDE - 8.0) * (np.log(mass) - left) / (right - left)

    def path(mass: np.ndarray, height: np.ndarray) -> str:
        y = _BASE - (_BASE - _TOP) * height
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x(mass), y, strict=True))

    def upright(mass: float, colour: str, dash: str) -> str:
        at = f"{float(x(mass)):.1f}"
        return f'<line x1="{at}" x2="{at}" y1="{_TOP}" y2="{_BASE}" stroke="{colour}"{dash}/>'

    inside = (curves.mass >= low) & (curves.mass <= high)
    parts = [f'<svg viewBox="0 0 {_SIDE:g} {_SIDE:g}" role="img" aria-label="posterior of the mass">']
    if inside.any():
        first, last = (float(x(mass)) for mass in curves.mass[inside][[0, -1]])
        floor = f"{last:.1f},{_BASE} {first:.1f},{_BASE}"
        area = f"{path(curves.mass[inside], curves.density[inside])} {floor}"
        parts.append(f'<polygon points="{area}" fill="#1f77b4" fill-opacity="0.25"/>')
    parts.append(_line(path(curves.mass, curves.density), "#1f77b4", ""))
    if curves.likelihood.size:
        parts.append(_line(path(curves.mass, curves.likelihood), "#555", ' stroke-dasharray="3 2"'))
    parts.append(upright(median, "#1f77b4", ' stroke-dasharray="1 2"'))
    if np.isfinite(cluster.input_m200c_msun):
        parts.append(upright(cluster.input_m200c_msun / 1e14, "#d62728", ""))
    parts.append(f'<line x1="4" x2="{_SIDE - 4:g}" y1="{_BASE}" y2="{_BASE}" stroke="#333"/>')
    ticks = curves.ticks[:: 2 if len(curves.ticks) > 4 else 1]
    parts += [
        f'<text x="{float(x(tick)):.1f}" y="{_BASE + 12:g}" font-size="9" text-anchor="middle">'
        f"{tick:.2g}</text>"
        for tick in ticks
    ]
    return "".join([*parts, "</svg>"])


def _line(points: str, colour: str, dash: str) -> str:
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"{dash}/>'
