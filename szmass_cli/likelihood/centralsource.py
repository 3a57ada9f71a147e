"""A radio source of unknown flux in the middle of each cluster: what it may do to the likelihood of masses.

With s the image of a source of 1 mJy, a source of flux S changes t^T C^-1 d to t^T C^-1 (d - S s), and ln L
by S s^T C^-1 d - S^2 s^T C^-1 s / 2. Summed over fluxes with their frequencies this is the likelihood of a
cluster that may have a source; how frequent sources are at its mass and redshift is for the network to say.
"""

from typing import ClassVar

import numpy as np
from scipy.special import logsumexp

from szmass_cli.config import ObjectsConfig
from szmass_cli.likelihood.depth import Depth, PerDepth
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.pointimages import point_images_uk
from szmass_cli.likelihood.scores import component_spectrum
from szmass_cli.likelihood.templates import read_tables
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.physics.spectra import PIVOT_GHZ, uk_per_mjy
from szmass_cli.system.blas import one_blas_thread

FLUXES_MJY = np.array([0.35, 0.7, 1.4, 2.8, 5.6])
"""At 150 GHz, beside no source at all."""

FREQUENCIES = np.array([0.07, 0.05, 0.04, 0.023, 0.006])
"""Fraction of clusters with about such a flux within half an arcminute of their centres, of clusters evenly
drawn in ln M and ln z on the realistic sky; the other 81 per cent have none."""

N_STRETCHES = 7
"""Profiles that are summed over: it is the difference to no source that counts."""


class CentralSource:
    """What sources in the middle of clusters may do to the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the cutouts.
    """

    N_GAINS: ClassVar[int] = 1
    BELIEVED: ClassVar[float] = 0.0
    IN_WORDS: ClassVar[str] = "shown to the network: what a radio source in the middle would change"
    OBJECTS: ClassVar[ObjectsConfig] = ObjectsConfig()

    def __init__(self, likelihood: GaussianLikelihood):
        self._likelihood = likelihood
        bands = likelihood.instrument.bands
        spectrum = component_spectrum("radio", bands) * uk_per_mjy(PIVOT_GHZ)
        image = point_images_uk(bands, spectrum, np.zeros((1, 2)))
        self._field = likelihood.symmetry.fold(image)[0][0]
        self._at = PerDepth(self._make)

    def ln_gains(self, weighed: Weighed, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return ln of the likelihood with a possible source over that without one, (n, 1, m).

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        m200c_msun : numpy.ndarray, shape (m,)
            M200c of clusters [Msun].
        redshift : numpy.ndarray, shape (n,)
            Their redshifts.
        """
        likelihood = self._likelihood
        scales = cluster_scales(m200c_msun, redshift[:, None], likelihood.model)
        nodes, ln_weights = likelihood.scatter.stretches(N_STRETCHES)
        projection, fisher = likelihood.matched(weighed, scales, nodes)
        parts = [self._at(depth) for depth in weighed.depths]
        crossed = np.stack([tables for tables, _ in parts], axis=1)[:, weighed.depth_of]  # (f, n, N_FINE)
        square = np.array([squared for _, squared in parts])[weighed.depth_of]
        for row, removed in weighed.changed:
            of_source = removed.products[0] @ self._field
            clusters = np.stack(likelihood.projections_of(removed.products[0]))  # (f, k, N_FINE)
            crossed[:, row] -= np.einsum("fkt,k->ft", clusters, np.linalg.solve(removed.gram, of_source))
            square[row] -= removed.between(of_source, of_source)
        placed = likelihood.placed(scales, nodes)
        found = read_tables(list(crossed), np.arange(len(weighed)), placed.low, placed.upper)
        shared = sum(s * p for s, p in zip(placed.spectrum, found, strict=True)) * placed.y_scale
        seen = np.einsum("nj,j->n", weighed.weighted[0], self._field)

        def ln_likelihood(flux: float) -> np.ndarray:
            values = likelihood.amplitude(projection - flux * shared, fisher) + ln_weights
            own = flux * seen - 0.5 * flux**2 * square
            return logsumexp(values, axis=-1) + own[:, None]

        without = ln_likelihood(0.0)
        terms = [np.log1p(-FREQUENCIES.sum()) + np.zeros_like(without)]
        for flux, frequency in zip(FLUXES_MJY, FREQUENCIES, strict=True):
            terms.append(np.log(frequency) + ln_likelihood(flux) - without)
        return logsumexp(np.stack(terms), axis=0)[:, None]

    def _make(self, depth: Depth) -> tuple[np.ndarray, float]:
        """Return s^T C^-1 t of unit clusters (f, N_FINE), and s^T C^-1 s, at a depth."""
        with one_blas_thread():
            weighted = self._field @ depth.inverse[0]
        crossed = np.stack([table[0] for table in self._likelihood.projections_of(weighted[None])])
        return crossed, float(weighted @ self._field)
