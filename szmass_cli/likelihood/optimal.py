"""The best possible estimator: the exact posterior of mass on a Gaussian sky, and the matched filter.

With d = A t(M) + n, n Gaussian of covariance C, and ln A ~ N(0, scatter^2), the likelihood of M is
int dA p(A) exp(A t^T C^-1 d - A^2 t^T C^-1 t / 2), up to a factor without M.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.stamps import StampSky


@dataclass(frozen=True)
class GridPosterior:
    """p(ln M | cutout) on a grid of masses.

    Parameters
    ----------
    m200c_msun : numpy.ndarray, shape (m,)
    probability : numpy.ndarray, shape (n, m)
        Probability of each grid cell, rows summing to 1.
    """

    m200c_msun: np.ndarray
    probability: np.ndarray

    def percentile(self, percent: float) -> np.ndarray:
        """Mass [Msun] below which the given per cent of each posterior lies, shape (n,)."""
        cumulative = np.cumsum(self.probability, axis=1) - 0.5 * self.probability
        grid = np.log(self.m200c_msun)
        return np.exp([np.interp(percent / 100.0, row, grid) for row in cumulative])


class OptimalEstimator:
    """Exact posterior of M200c for cutouts of one survey and redshift.

    Parameters
    ----------
    sky : StampSky
        The Gaussian sky and noise.
    stamps : ClusterStamps
        Cluster images behind the survey's beam.
    redshift : float
    sz_scatter_ln : float
        Log-normal scatter of the SZ amplitude.
    prior_range_msun : (float, float)
        The prior is flat in M200c between these.
    """

    def __init__(
        self,
        sky: StampSky,
        stamps: ClusterStamps,
        redshift: float,
        sz_scatter_ln: float,
        prior_range_msun: tuple[float, float],
    ):
        self._m200c = np.linspace(*prior_range_msun, 600)
        self._templates = stamps.mean_images(self._m200c, redshift).reshape(self._m200c.size, -1)
        self._weighted = (self._templates @ sky.inverse_covariance).astype(np.float32)
        self._fisher = np.einsum("mp,mp->m", self._weighted, self._templates)
        nodes, self._ln_weights = normal_nodes(sz_scatter_ln * float(np.sqrt(self._fisher.max())))
        self._amplitudes = np.exp(sz_scatter_ln * nodes)

    def posterior(self, images_uk: np.ndarray) -> GridPosterior:
        """Posterior of each cutout, images (n, 40, 40) or (n, 40, 40, f) [µK]."""
        ln_likelihood = logsumexp(self._ln_terms(images_uk), axis=0)
        probability = np.exp(ln_likelihood - ln_likelihood.max(axis=1, keepdims=True))
        return GridPosterior(self._m200c, probability / probability.sum(axis=1, keepdims=True))

    def mean_signal_uk(self, images_uk: np.ndarray) -> np.ndarray:
        """Posterior mean of the cluster's own signal A t(M) [µK], in the shape of the images.

        Of all estimates of the signal it has the least mean squared error.
        """
        terms = self._ln_terms(images_uk)
        joint = np.exp(terms - terms.max(axis=(0, 2), keepdims=True))
        joint /= joint.sum(axis=(0, 2), keepdims=True)
        amplitudes = np.einsum("a,anm->nm", self._amplitudes, joint)
        return (amplitudes @ self._templates).reshape(images_uk.shape)

    def _ln_terms(self, images_uk: np.ndarray) -> np.ndarray:
        """ln of the joint posterior of amplitude and mass, up to a constant, shape (amplitudes, n, m)."""
        projected = images_uk.reshape(len(images_uk), -1) @ self._weighted.T
        return np.stack(
            [
                w + a * projected - 0.5 * a**2 * self._fisher
                for a, w in zip(self._amplitudes, self._ln_weights, strict=True)
            ]
        )


def normal_nodes(sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes x of an integral over a standard normal, and ln of their weights.

    Evenly spaced, so close that a Gaussian of x with a width of 1 / `sharpness` falls on several of them:
    few nodes of Gauss and Hermite would miss the narrow likelihood of a massive cluster.
    """
    # the tail towards large amplitudes, where the likelihood is narrowest, is worth a factor of 1.5
    step = float(np.clip(0.8 / max(sharpness, 1e-9), 0.1, 0.45))
    nodes = step * np.arange(-np.ceil(4.5 / step), np.ceil(4.5 / step) + 1)
    ln_weights = -0.5 * nodes**2
    return nodes, ln_weights - logsumexp(ln_weights)


class MatchedFilter:
    """Signal-to-noise of a cluster template in a cutout of sky and noise of known covariance.

    The estimate of the amplitude is t^T C^-1 d / t^T C^-1 t and its error (t^T C^-1 t)^-1/2, so that
    S/N = t^T C^-1 d / (t^T C^-1 t)^1/2 (Haehnelt & Tegmark 1996; Melin et al. 2006, eqs. 7-9).
    """

    def __init__(self, sky: StampSky):
        self._inverse = sky.inverse

    def snr(self, images_uk: np.ndarray, templates_uk: np.ndarray) -> np.ndarray:
        """S/N of each cutout against its own template, both (n, 40, 40, f) [µK]; returns (n,)."""
        weighted = self._inverse(templates_uk.astype(float)).reshape(len(templates_uk), -1)
        templates = templates_uk.reshape(len(templates_uk), -1)
        signal = np.einsum("np,np->n", weighted, images_uk.reshape(len(images_uk), -1))
        return signal / np.sqrt(np.einsum("np,np->n", weighted, templates))


class NoiseLevel:
    """How the fluctuations around a cluster compare with those of the sky a model was trained on.

    The stamp is filtered by B C^-1 (inverse covariance, then the beam), which removes the CMB gradient and
    the pixel scales on which maps differ; its rms outside 3' is compared with the one expected, and its
    extreme anywhere with the scatter expected there.
    """

    def __init__(self, sky: StampSky):
        self._outside = pixel_radii_arcmin().ravel() > 3.0
        variance = (sky.sz_filter @ sky.covariance @ sky.sz_filter.transposed).diagonal()
        self._filter = sky.sz_filter.astype(np.float32)
        self._weight = (1.0 / np.sqrt(variance)).ravel().astype(np.float32)

    def ratio(self, images_uk: np.ndarray) -> np.ndarray:
        """Filtered rms over the expected one, (n,), for stamps (n, 40, 40, f) [µK]."""
        return self.ratio_and_extreme(images_uk)[0]

    def ratio_and_extreme(self, images_uk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Filtered rms over the expected one, (n,), and the largest deviation [sigma], (n,)."""
        filtered = self._filter(images_uk).reshape(len(images_uk), -1) * self._weight
        return np.sqrt(np.mean(filtered[:, self._outside] ** 2, axis=1)), np.abs(filtered).max(axis=1)
