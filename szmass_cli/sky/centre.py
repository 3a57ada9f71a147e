"""Whether there is more at the centre of a cutout than a cluster, or the cluster is not at the centre."""

import numpy as np

from szmass_cli.sky.modes import EVEN, NORTH, WEST, BeamModes
from szmass_cli.stamp import N_PIXELS, pixel_radii_arcmin


class CentreTest:
    """Likelihood ratios of cutouts behind one beam, for what hides in the amplitude of a cluster.

    Parameters
    ----------
    modes : BeamModes
    m200c_msun : numpy.ndarray, shape (k,)
        Clusters that the centre may be one of [Msun].
    """

    def __init__(self, modes: BeamModes, m200c_msun: np.ndarray):
        self._modes, self._masses = modes, m200c_msun
        fwhm = modes.band.beam.fwhm_arcmin
        source = np.exp(-4.0 * np.log(2.0) * (pixel_radii_arcmin() / fwhm) ** 2)
        self._source = modes.coefficients(source.reshape(1, N_PIXELS, N_PIXELS))[EVEN, 0]

    def source_sigma(
        self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray, redshift: np.ndarray
    ) -> np.ndarray:
        """By how many sigma (n,) a point source beside the cluster explains a cutout better; <0 a decrement.

        The root of twice the gain in ln likelihood, each time of the best mass and amplitudes. About a
        Gaussian of unit width, or narrower, where there is no source.

        Parameters
        ----------
        coefficients_uk : numpy.ndarray, shape (4, n, 400)
            Of `BeamModes.coefficients`.
        noise_uk_arcmin, redshift : numpy.ndarray, shape (n,)
        """
        inverse, found = self._modes.inverse_variance(noise_uk_arcmin)[EVEN], coefficients_uk[EVEN]
        templates = self._modes.templates(self._masses, redshift)
        weighted = templates * inverse[:, None, :]
        cluster = np.einsum("nkj,nj->nk", weighted, found)
        fisher = np.einsum("nkj,nkj->nk", weighted, templates)
        overlap = weighted @ self._source
        source = np.einsum("nj,j->n", inverse * found, self._source)[:, None]
        source_fisher = np.einsum("nj,j->n", inverse, self._source**2)[:, None]
        left = source - overlap * cluster / fisher  # of the source, once the cluster is fitted
        left_fisher = source_fisher - overlap**2 / fisher
        # a cluster is a decrement: where the fit of both makes it the opposite, the source is alone
        is_cluster = cluster * source_fisher > overlap * source
        both = np.where(
            is_cluster,
            0.5 * (cluster**2 / fisher + left**2 / left_fisher),
            0.5 * source**2 / source_fisher,
        )
        sign = np.sign(np.where(is_cluster, left, source))
        rows, best = np.arange(len(both)), both.argmax(axis=1)
        alone = np.max(0.5 * np.maximum(cluster, 0.0) ** 2 / fisher, axis=1)
        gain = np.maximum(both[rows, best] - alone, 0.0)
        return np.sqrt(2.0 * gain) * sign[rows, best]

    def offset_chi2(
        self,
        coefficients_uk: np.ndarray,
        noise_uk_arcmin: np.ndarray,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
    ) -> np.ndarray:
        """Twice the gain in ln likelihood (n,) of a small move of clusters (n,) [Msun], the best there is.

        Chi-squared of two degrees of freedom where they are centred.
        """
        inverse = self._modes.inverse_variance(noise_uk_arcmin)[[WEST, NORTH]]
        slopes = self._modes.slopes(m200c_msun, redshift)
        projection = np.einsum("anj,anj->an", slopes * inverse, coefficients_uk[[WEST, NORTH]])
        fisher = np.einsum("anj,anj->an", slopes * inverse, slopes)
        return (projection**2 / fisher).sum(axis=0)
