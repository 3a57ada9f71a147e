"""What is left of cutouts when the cluster that fits them best is taken away."""

from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.scatter import Profiles
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
    ln_stretch, amplitude, snr = _likeliest(
        likelihood, weighed, scales, Profiles(*likelihood.scatter.stretches())
    )
    for row, profiles in likelihood.finer_profiles(scales, snr):
        one = _likeliest(likelihood, weighed[[row]], scales[[row]], profiles)
        ln_stretch[row], amplitude[row], snr[row] = (value[0] for value in one)
    kt = np.broadcast_to(scales.kt_kev, scales.y_scale.shape)[:, 0]
    flat = ClusterScales(scales.theta500_arcmin[:, 0], scales.y_scale[:, 0], kt).stretched(ln_stretch)
    return BestCluster(ClusterScales(flat.theta500_arcmin, flat.y_scale * amplitude, kt), snr)


def _likeliest(
    likelihood: GaussianLikelihood, weighed: Weighed, scales: ClusterScales, profiles: Profiles
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ln of the stretch, the amplitude and the S/N (n,) of the best profiles of clusters (n, 1)."""
    projection, fisher = (values[:, 0] for values in likelihood.matched(weighed, scales, profiles.ln_stretch))
    gain = 0.5 * np.maximum(projection, 0.0) ** 2 / fisher + profiles.ln_weight
    rows, best = np.arange(len(weighed)), gain.argmax(axis=1)
    seen, own = projection[rows, best], fisher[rows, best]
    return profiles.ln_stretch.ravel()[best], np.maximum(seen / own, 0.0), seen / np.sqrt(own)


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
