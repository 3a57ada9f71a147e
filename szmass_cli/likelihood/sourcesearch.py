"""Sources that stand out of cutouts: radio and dusty galaxies, and neighbouring clusters.

What is left of a cutout without the cluster that fits it best is compared with each of them, as score images
do: a matched filter of all bands. The one that stands out most is marginalised over, cluster and filters are
made again, and the next is looked for. Sources are positive: what a cluster takes from the CMB is none.
"""

from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.geometry import N_PIXELS, pixel_offsets_arcmin, pixel_radii_arcmin
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.residual import best_cluster, without_cluster
from szmass_cli.likelihood.scores import COMPONENTS, ScoreImages
from szmass_cli.likelihood.sources import (
    ON_CLUSTER_ARCMIN,
    Kind,
    PlacedSources,
    SourceMarginal,
)

MOST_FOUND = 6
"""In one cutout."""

CLUSTERS_APART_ARCMIN = 1.75
"""Of a row and its neighbours: what is nearer is taken for the shape of the one cluster."""

N_MASSES = 48
LEAST_SIGMA, MOST_SIGMA = 4.0, 100.0
"""Of thresholds: noise stands out by the one, somewhere, in one cutout of a hundred."""


@dataclass(frozen=True)
class FoundSources:
    """Sources that were found in cutouts.

    Parameters
    ----------
    placed : PlacedSources
        The k sources.
    sigma : numpy.ndarray, shape (k,)
        By how many standard deviations each stands out.
    flux_mjy : numpy.ndarray, shape (k, f)
        Its flux in each band, as if nothing was known of its spectrum; 0 for clusters.
    """

    placed: PlacedSources
    sigma: np.ndarray
    flux_mjy: np.ndarray

    @classmethod
    def none(cls, n_bands: int) -> "FoundSources":
        """Return no sources."""
        return cls(PlacedSources.none(), np.zeros(0), np.zeros((0, n_bands)))

    def and_more(self, others: "FoundSources") -> "FoundSources":
        """Return these sources followed by others."""
        return FoundSources(
            self.placed.and_more(others.placed),
            np.concatenate([self.sigma, others.sigma]),
            np.concatenate([self.flux_mjy, others.flux_mjy]),
        )


class SourceSearch:
    """Looks for sources in the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the cutouts.
    scores : ScoreImages
        Score images of the same likelihood.
    marginal : SourceMarginal
        Marginalises over what was found.
    ln_mass : numpy.ndarray, shape (m,)
        Grid of the masses of clusters [ln Msun].
    sigma : float
        Sources that stand out by less are not looked for.
    """

    def __init__(
        self,
        likelihood: GaussianLikelihood,
        scores: ScoreImages,
        marginal: SourceMarginal,
        ln_mass: np.ndarray,
        sigma: float,
    ):
        self._likelihood, self._scores, self._marginal = likelihood, scores, marginal
        self._ln_mass = np.linspace(ln_mass[0], ln_mass[-1], N_MASSES)
        self._sigma = sigma
        radii, several = pixel_radii_arcmin(), len(likelihood.instrument) > 1
        self._allowed = {
            # in one band nothing tells a source on a cluster from it, nor dusty sources from others
            Kind.RADIO: np.full(radii.shape, True) if several else radii > ON_CLUSTER_ARCMIN,
            Kind.DUSTY: np.full(radii.shape, several),
            Kind.CLUSTER: radii > CLUSTERS_APART_ARCMIN,
        }

    def __call__(self, weighed: Weighed, redshift: np.ndarray, known: PlacedSources) -> FoundSources:
        """Return the sources that stand out of cutouts besides known ones.

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        redshift : numpy.ndarray, shape (n,)
            Of each cluster.
        known : PlacedSources
            Sources in the cutouts that are known.
        """
        found = FoundSources.none(len(self._likelihood.instrument))
        rows = np.arange(len(weighed))
        for _ in range(MOST_FOUND):
            if not rows.size:
                break
            there = known.and_more(found.placed).of_rows(rows)
            more = self._next(weighed[rows], redshift[rows], there)
            rows = rows[more.placed.row]
            placed = replace(more.placed, row=rows)
            found = found.and_more(replace(more, placed=placed))
        return found

    def _next(self, weighed: Weighed, redshift: np.ndarray, there: PlacedSources) -> FoundSources:
        """Return for each cutout the one source that stands out most, of those where one does."""
        likelihood = self._likelihood
        clean = self._marginal(weighed, there)
        curves = likelihood.ln_likelihood(clean, self._ln_mass, redshift)
        cluster = best_cluster(likelihood, clean, self._ln_mass[curves.argmax(axis=1)], redshift)
        left = without_cluster(likelihood, clean, cluster)
        tsz, radio, dusty = np.moveaxis(self._scores(left, COMPONENTS), -1, 0)
        found = FoundSources.none(len(likelihood.instrument))
        for row in range(len(weighed)):
            images = {Kind.RADIO: radio[row], Kind.DUSTY: dusty[row], Kind.CLUSTER: -tsz[row]}
            one = self._brightest(images, tsz[row])
            if one is None:
                continue
            kind, north, west, sigma = one
            placed = PlacedSources(*(np.array([value]) for value in (row, north, west, int(kind))))
            flux = self._marginal.fluxes_mjy(left[np.array([row])], placed)
            found = found.and_more(FoundSources(placed, np.array([sigma]), flux[None]))
        return found

    def _brightest(
        self, images: dict[Kind, np.ndarray], opposite: np.ndarray
    ) -> tuple[Kind, float, float, float] | None:
        """Return kind, place and significance of what stands out most; None where nothing does.

        Parameters
        ----------
        images : dict of numpy.ndarray, shape (40, 40)
            Score of each kind.
        opposite : numpy.ndarray, shape (40, 40)
            Score of what would be a cluster of negative signal: a wrong profile, and no source.
        """
        several = len(self._likelihood.instrument) > 1
        best: tuple[float, Kind, int] | None = None
        for kind, image in images.items():
            allowed = self._allowed[kind]
            if several and kind is not Kind.CLUSTER:
                allowed = allowed & (image > opposite)
            peak = int(np.argmax(np.where(allowed, image, -np.inf)))
            sigma = float(image.flat[peak])
            if allowed.flat[peak] and sigma > self._sigma and (best is None or sigma > best[0]):
                best = sigma, kind, peak
        if best is None:
            return None
        sigma, kind, peak = best
        row, column = np.divmod(peak, N_PIXELS)
        axis = pixel_offsets_arcmin()
        step = axis[1] - axis[0]
        north = axis[row] + step * _between(images[kind][:, column], row)
        west = axis[column] + step * _between(images[kind][row], column)
        return kind, float(north), float(west), sigma


def _between(values: np.ndarray, peak: int) -> float:
    """Return where the maximum of a parabola through a peak and its neighbours is, in steps from it."""
    if peak in (0, values.size - 1):
        return 0.0
    before, at, after = values[peak - 1 : peak + 2]
    bent = before - 2.0 * at + after
    return float(np.clip(0.5 * (before - after) / bent, -0.5, 0.5)) if bent < 0.0 else 0.0
