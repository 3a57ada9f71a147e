"""What is left of cutouts when the cluster that fits them best is taken away."""

from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.physics.evengrid import place
from szmass_cli.physics.profiles import ClusterScales, cluster_scales
from szmass_cli.system.blas import one_blas_thread


@dataclass(frozen=True)
class BestCluster:
    """The cluster that fits each cutout best.

    Parameters
    ----------
    scales : ClusterScales
        Its size and its central scale, amplitude included, shape (n,).
    snr : numpy.ndarray, shape (n,)
        S/N of the matched filter of its size.
    """

    scales: ClusterScales
    snr: np.ndarray

    @property
    def theta500_arcmin(self) -> np.ndarray:
        """Return the angular size (n,)."""
        return self.scales.theta500_arcmin


def best_cluster(
    likelihood: GaussianLikelihood, weighed: Weighed, ln_mass: np.ndarray, redshift: np.ndarray
) -> BestCluster:
    """Return the clusters of given masses with the concentrations and amplitudes that fit best.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Gives matched filters, and the concentrations to choose from.
    weighed : Weighed
        The n cutouts with their products with the inverse covariance.
    ln_mass, redshift : numpy.ndarray, shape (n,)
        ln M200c [ln Msun], of the likeliest mass as a rule, and redshift of each cluster.
    """
    scales = cluster_scales(np.exp(ln_mass)[:, None], np.asarray(redshift, float)[:, None], likelihood.model)
    nodes, ln_weights = likelihood.scatter.stretches()
    projection, fisher = (values[:, 0] for values in likelihood.matched(weighed, scales, nodes))
    gain = 0.5 * np.maximum(projection, 0.0) ** 2 / fisher + ln_weights
    rows, best = np.arange(len(weighed)), gain.argmax(axis=1)
    amplitude = np.maximum(projection[rows, best] / fisher[rows, best], 0.0)
    kt = np.broadcast_to(scales.kt_kev, scales.y_scale.shape)[:, 0]
    flat = ClusterScales(scales.theta500_arcmin[:, 0], scales.y_scale[:, 0], kt).stretched(nodes[best])
    found = ClusterScales(flat.theta500_arcmin, flat.y_scale * amplitude, kt)
    return BestCluster(found, projection[rows, best] / np.sqrt(fisher[rows, best]))


def even_fields(likelihood: GaussianLikelihood, scales: ClusterScales) -> np.ndarray:
    """Return clusters (n,) in the even block of the symmetry, (n, q f) [µK]."""
    templates = likelihood.templates
    low, way = place(templates.ln_size, np.log(scales.theta500_arcmin))
    upper = way[:, None, None]
    shape = templates.even[low] * (1.0 - upper) + templates.even[low + 1] * upper
    spectrum = templates.spectrum(scales.kt_kev)
    return (shape * (spectrum * scales.y_scale[:, None])[:, None, :]).reshape(len(low), -1)


def without_cluster(likelihood: GaussianLikelihood, weighed: Weighed, cluster: BestCluster) -> Weighed:
    """Return cutouts, and their products with C^-1, without their clusters."""
    signal = even_fields(likelihood, cluster.scales)
    fields, weighted = weighed.fields_uk.copy(), weighed.weighted.copy()
    fields[0] -= signal
    with one_blas_thread():
        for index, depth in enumerate(weighed.depths):
            rows = np.flatnonzero(weighed.depth_of == index)
            weighted[0, rows] -= signal[rows] @ depth.inverse[0]
        for row, removed in weighed.changed:
            seen = removed.products[0] @ signal[row]
            weighted[:, row] += np.einsum("k,pkj->pj", np.linalg.solve(removed.gram, seen), removed.products)
    return replace(weighed, fields_uk=fields, weighted=weighted)
