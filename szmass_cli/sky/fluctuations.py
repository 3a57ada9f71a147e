"""Log-normal pressure fluctuations of a cluster, projected; the field is made by `pitszi`."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from astropy.io import fits
from scipy.spatial.transform import Rotation

from szmass_cli.errors import SzmassError
from szmass_cli.physics.profiles import ALPHA, BETA, C500, CUT_R500, GAMMA, P0
from szmass_cli.sky.shapes import Ellipsoid

_R500_KPC = 1000.0  # pitszi counts in kpc; its cluster's R500 is our unit of length
_LOS_CELL_R500 = 1.0 / 12.0
_LOS_CELLS = 72
_INNERMOST_R500 = 1e-3
_DISSIPATION_R500 = 1e-3  # far below a cell


@dataclass(frozen=True)
class FluctuationSpectrum:
    """Statistics of dP / P about the smooth pressure.

    Parameters
    ----------
    rms : float
        Standard deviation of dP / P over all scales.
    peak_r500 : float
        Wavelength over R500 at which the amplitude (4 pi k^3 P)^1/2 is largest, k = 1 / wavelength: the scale
        at which turbulence is injected.
    slope : float
        Of the three-dimensional power spectrum at short wavelengths; -11/3 is Kolmogorov's. Below -3.
    """

    rms: float
    peak_r500: float
    slope: float = -11.0 / 3.0

    @property
    def cutoff_r500(self) -> float:
        """Return the scale L over R500 of P(k) ~ k^slope exp(-1 / (k L)^2).

        k^3 P is largest at k L = (-2 / (slope + 3))^1/2.
        """
        return self.peak_r500 * float(np.sqrt(-2.0 / (self.slope + 3.0)))


class PressureFluctuations:
    """Makes images of what fluctuations add to the projection of a smooth cluster.

    Parameters
    ----------
    spectrum : FluctuationSpectrum
        Standard deviation, largest scale and slope of dP / P.
    n_pixels : int
        Pixels on a side of the images.

    Raises
    ------
    SzmassError
        `pitszi` is not installed.

    Notes
    -----
    pitszi fills a box of n x n x 72 cells, 6 R500 deep, with smooth pressure p and with a log-normal field of
    mean 1; here p (field - 1) is summed along the line of sight. The smooth part is left to
    `szmass_cli.sky.shapes`, whose projection is exact, so that the cells need not resolve the steep centre.
    What pitszi does differently:

    - its pressure is normalised by the gas fraction, without the h70^-3/2 of P0 (15 per cent below Arnaud et
      al. 2010 in our cosmology, and nothing at all without Ob0): it is given the bare shape, in units of the
      central scale;
    - its cells are spread from edge to edge, a factor n / (n - 1) apart, and its sum along the line of sight
      counts them as one apart: the cells it is given are smaller by as much;
    - its triaxial cluster has the spherical one's length along the major axis, and so less volume: its scale
      radius is divided by the cube root of the volume;
    - it draws from numpy's global generator: that is put back as it was.
    """

    def __init__(self, spectrum: FluctuationSpectrum, n_pixels: int):
        self._n_pixels = n_pixels
        model_class = _import_model()
        with _global_random_state():
            model = model_class(redshift=0.5, cosmology=FlatLambdaCDM(70.0, 0.3, Ob0=0.05), silent=True)
        model.R500 = _R500_KPC * u.kpc
        model.Rmin = _INNERMOST_R500 * _R500_KPC * u.kpc
        model.model_pressure_fluctuation = {
            "name": "CutoffPowerLaw",
            "statistics": "lognormal",
            "Norm": spectrum.rms,
            "slope": spectrum.slope,
            "Linj": spectrum.cutoff_r500 * _R500_KPC * u.kpc,
            "Ldis": _DISSIPATION_R500 * _R500_KPC * u.kpc,
        }
        cell = _LOS_CELL_R500 * _R500_KPC * (_LOS_CELLS - 1) / _LOS_CELLS
        model.los_reso = cell * u.kpc
        model.los_size = (_LOS_CELLS - 0.5) * cell * u.kpc  # rounded up to whole cells
        self._model = model

    def image(self, shape: Ellipsoid, pixel_r500: float, rng: np.random.Generator) -> np.ndarray:
        """Draw an image of int p(x) (f(x) - 1) dl / R500, in the units of `physics.profiles.projected_shape`.

        Parameters
        ----------
        shape : Ellipsoid
            Shape of the smooth pressure.
        pixel_r500 : float
            Pixel side over R500; smaller fluctuations are left out, and fade behind a beam of a few pixels.
        rng : numpy.random.Generator
            Only one number is drawn from it.

        Returns
        -------
        (n_pixels, n_pixels) array
            At the pixels' centres, the cluster at the array's centre; rows to the north, columns to the west.
        """
        self._set_geometry(shape, pixel_r500)
        self._model.model_seed_fluctuation = int(rng.integers(2**32))
        with _global_random_state():
            fluctuation = self._model.get_pressure_cube_fluctuation()
        pressure = self._model.get_pressure_cube_profile().to_value("keV cm-3")
        return np.einsum("zyx,zyx->yx", pressure, fluctuation) * _LOS_CELL_R500

    def _set_geometry(self, shape: Ellipsoid, pixel_r500: float) -> None:
        model, n = self._model, self._n_pixels
        pixel_kpc = pixel_r500 * _R500_KPC * (n - 1) / n
        # 10 digits: pitszi refuses steps that differ in the last of the 13 that a header keeps
        step_deg = float(f"{np.degrees(pixel_kpc / model.D_ang.to_value('kpc')):.9e}")
        header = fits.Header(
            {"NAXIS": 2, "NAXIS1": n, "NAXIS2": n, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
        )
        for axis, step in (("1", -step_deg), ("2", step_deg)):
            header.update({f"CDELT{axis}": step, f"CRPIX{axis}": (n + 1) / 2.0, f"CRVAL{axis}": 0.0})
        model.map_header = header
        major = float(shape.axes[2])  # relative to the sphere of the same volume
        model.R_truncation = CUT_R500 * major * _R500_KPC * u.kpc
        model.model_pressure_profile = {
            "name": "GNFW",
            "P_0": P0 * u.Unit("keV cm-3"),
            "r_p": major / C500 * _R500_KPC * u.kpc,
            "a": ALPHA,
            "b": BETA,
            "c": GAMMA,
        }
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # of axes along those of the sky: any of the angles do
            angles_deg = Rotation.from_matrix(shape.rotation).as_euler("ZXZ", degrees=True)
        model.triaxiality = {
            "min_to_maj_axis_ratio": shape.axes[0] / major,
            "int_to_maj_axis_ratio": shape.axes[1] / major,
            **{f"euler_angle{i + 1}": angle * u.deg for i, angle in enumerate(angles_deg)},
        }


def _import_model():
    """Return pitszi's class of cluster models."""
    try:
        with _global_random_state():
            from pitszi import Model
    except ImportError as error:
        raise SzmassError(
            "Irregular clusters need the package pitszi, which is not installed.",
            "Install it with: pip install 'szmass[irregular]' (or pip install pitszi).",
        ) from error
    return Model


@contextmanager
def _global_random_state() -> Iterator[None]:
    """Put numpy's global generator back, whatever is done to it inside."""
    state = np.random.get_state()  # noqa: NPY002 - pitszi draws from it
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002 - pitszi draws from it
