"""Clusters behind a filter that depends on direction: images by integrals over the plane of waves."""

import numpy as np

from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.profiles import form_factor
from szmass_cli.sky.lags import wave_nodes

FAINTEST = 1e-5
"""Amplitude below which a beam is taken to pass nothing."""

N_RADII = 6000


class PlaneImages:
    """Images of round clusters in one band whose filter is no function of the multipole alone.

    Parameters
    ----------
    band : Band
        A band that has a `plane_transfer`.

    Notes
    -----
    int d^2 ell / (2 pi)^2  B_ell T(ell_x, ell_y) theta500^2 F(ell theta500) cos(ell . (x - x0)), with F the
    form factor of the profile. Cosines of sums become products of cosines and of sines, so that the integral
    is a product of matrices.
    """

    def __init__(self, band: Band):
        assert band.plane_transfer is not None
        table = np.linspace(0.0, band.beam.ell_max, 4000)
        passed = np.abs(band.optics.b_ell(table)) > FAINTEST
        self._nodes, weights = wave_nodes(float(table[np.flatnonzero(passed)[-1]]))
        ell_y, ell_x = self._nodes[:, None], self._nodes[None, :]
        ell = np.hypot(ell_y, ell_x)
        measure = 2.0 * np.outer(weights, weights) / (2.0 * np.pi) ** 2 * band.optics.b_ell(ell)
        # right ascension grows eastwards, columns westwards
        one, other = (band.plane_transfer(-sign * ell_x, ell_y) for sign in (1.0, -1.0))
        self._alike, self._opposite = measure * (one + other), measure * (one - other)
        self._radii = np.linspace(0.0, float(ell.max()) * 1.0001, N_RADII)
        position = ell / self._radii[1]
        self._low = position.astype(np.int32)
        self._upper = position - self._low

    def __call__(self, theta500_arcmin: float, north_arcmin: float = 0.0, west_arcmin: float = 0.0):
        """Return the shape (40, 40) of a cluster of a size, whose centre lies off the middle [arcmin].

        Times the central scale `y_scale` it is Compton y.
        """
        size = theta500_arcmin * ARCMIN
        radial = size**2 * form_factor(self._radii * size)
        form = radial[self._low] * (1.0 - self._upper) + radial[self._low + 1] * self._upper
        return self._image(form, north_arcmin, west_arcmin)

    def of_point(self, north_arcmin: float, west_arcmin: float) -> np.ndarray:
        """Return the image (40, 40) [1/sr] of a point source of unit flux at a place [arcmin]."""
        return self._image(1.0, north_arcmin, west_arcmin)

    def _image(self, form: np.ndarray | float, north_arcmin: float, west_arcmin: float) -> np.ndarray:
        axis = pixel_offsets_arcmin()
        y, x = ((axis - offset) * ARCMIN for offset in (north_arcmin, west_arcmin))
        phase_y, phase_x = np.outer(y, self._nodes), np.outer(x, self._nodes)
        image = np.cos(phase_y) @ (self._alike * form) @ np.cos(phase_x).T
        if np.any(self._opposite):
            image -= np.sin(phase_y) @ (self._opposite * form) @ np.sin(phase_x).T
        return image
