"""Whether there is more at the centre of a cutout than a cluster, or the cluster is not at the centre."""

import numpy as np

from szmass_cli.geometry import N_PIXELS, pixel_radii_arcmin
from szmass_cli.likelihood.modes import EVEN, NORTH, WEST, BeamModes
from szmass_cli.physics.profiles import BeamedProfile, cluster_scales
from szmass_cli.system.blas import one_blas_thread

EVERY = 2
"""Which of the tabulated sizes are looked at: they differ by 2.7 per cent then."""


class CentreTest:
    """Likelihood ratios of cutouts behind one beam, for what hides in the amplitude of a cluster.

    Parameters
    ----------
    modes : BeamModes
    mass_range_msun : (float, float)
        Clusters that the centre may be one of [Msun].
    """

    def __init__(self, modes: BeamModes, mass_range_msun: tuple[float, float]):
        self._modes, self._masses = modes, np.array(mass_range_msun)
        fwhm = modes.band.beam.fwhm_arcmin
        source = np.exp(-4.0 * np.log(2.0) * (pixel_radii_arcmin() / fwhm) ** 2)
        self._source = modes.coefficients(source.reshape(1, N_PIXELS, N_PIXELS))[EVEN, 0]

    def source_sigma(
        self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray, redshift: np.ndarray
    ) -> np.ndarray:
        """By how many sigma (n,) a point source beside the cluster explains a cutout better; <0 a decrement.

        The root of twice the gain in ln likelihood, each time of the best cluster and amplitudes; of a
        cluster whose amplitude is free, only the size counts. About a Gaussian of unit width, or narrower,
        where there is no source.

        Parameters
        ----------
        coefficients_uk : numpy.ndarray, shape (4, n, 400)
            Of `BeamModes.coefficients`.
        noise_uk_arcmin, redshift : numpy.ndarray, shape (n,)
        """
        shapes, possible = self._shapes(redshift)
        inverse = self._modes.inverse_variance(noise_uk_arcmin)[EVEN]
        weighted = inverse * coefficients_uk[EVEN]
        with one_blas_thread():
            cluster, fisher = weighted @ shapes.T, inverse @ (shapes**2).T
            overlap = inverse @ (shapes * self._source).T
            source = (weighted @ self._source)[:, None]
            source_fisher = (inverse @ self._source**2)[:, None]
        left = source - overlap * cluster / fisher  # of the source, once the cluster is fitted
        left_fisher = source_fisher - overlap**2 / fisher
        # a cluster is a decrement: where the fit of both makes it the opposite, the source is alone
        is_cluster = cluster * source_fisher > overlap * source
        both = np.where(
            is_cluster,
            0.5 * (cluster**2 / fisher + left**2 / left_fisher),
            0.5 * source**2 / source_fisher,
        )
        both[~possible] = -np.inf
        sign = np.sign(np.where(is_cluster, left, source))
        rows, best = np.arange(len(both)), both.argmax(axis=1)
        alone = np.max(np.where(possible, 0.5 * np.maximum(cluster, 0.0) ** 2 / fisher, 0.0), axis=1)
        gain = np.maximum(both[rows, best] - alone, 0.0)
        return np.sqrt(2.0 * gain) * sign[rows, best]

    def _shapes(self, redshift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Clusters of some sizes (k, 400) [µK], and which (n, k) the masses have at redshifts (n,)."""
        ln_size, shapes = self._modes.sizes(EVERY)
        half_step = 0.5 * (ln_size[1] - ln_size[0])
        scales = cluster_scales(self._masses, np.asarray(redshift, float)[:, None], self._modes.model)
        BeamedProfile.check_size(scales.theta500_arcmin)
        smallest, largest = np.log(scales.theta500_arcmin).T[..., None]
        possible = (ln_size > smallest - half_step) & (ln_size < largest + half_step)
        of_any = possible.any(axis=0)
        return shapes[of_any], possible[:, of_any]

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
