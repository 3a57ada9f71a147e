"""Power of the microwave sky in the bands of a survey."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.config import SkyConfig
from szmass_cli.physics.bands import Band
from szmass_cli.physics.foregrounds import foreground_covariance_dl_uk2
from szmass_cli.physics.spectra import cl_from_dl, cmb_dl_uk2


def sky_dl_uk2(
    config: SkyConfig,
    ell,
    bands: Sequence[Band] | None = None,
    cmb_dl: Callable[..., np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Return the power D_ell [µK^2] between bands of each component that is switched on, before the beam.

    Parameters
    ----------
    config : SkyConfig
        Which components there are, and how strong they are.
    ell : array_like, shape (n,)
        Multipoles, along the last axis of what is returned.
    bands : sequence of Band, length f, optional
        Their responses with frequency; the configuration's own bands otherwise.
    cmb_dl : callable, optional
        D_ell [µK^2] of the CMB at multipoles, where it is known; computed by CAMB otherwise.

    Returns
    -------
    dict of numpy.ndarray, shape (f, f, n)
        By the name of the component.
    """
    bands = config.build_bands() if bands is None else bands
    components = {}
    if config.cmb:
        everywhere = np.ones((len(bands), len(bands), 1))
        dl = cmb_dl(ell) if cmb_dl is not None else cmb_dl_uk2(ell, config.cosmology.build())
        components["cmb"] = everywhere * dl
    responses = [band.response for band in bands]
    foregrounds = foreground_covariance_dl_uk2(
        ell, dict(config.foregrounds_dl3000_uk2), responses, config.foreground_spectra.build()
    )
    return components | foregrounds


def tabulated_ell(ell_max: float) -> np.ndarray:
    """Return the multipoles of tables: each where the acoustic peaks are, then steps fine against them."""
    return np.unique(np.concatenate([np.arange(2.0, 3000.0), np.arange(3000.0, ell_max + 20.0, 20.0)]))


@dataclass(frozen=True)
class SkyPower:
    """Total power of the unbeamed sky between bands, tabulated so that it can travel with a trained model.

    Parameters
    ----------
    ell : numpy.ndarray, shape (n,)
        Multipoles of the table, ascending.
    cl_uk2_sr : numpy.ndarray, shape (f, f, n)
        C_ell [µK^2 sr] of f bands, zero below the first and beyond the last multipole.
    """

    ell: np.ndarray
    cl_uk2_sr: np.ndarray

    def __post_init__(self):
        shape = np.shape(self.cl_uk2_sr)
        if self.ell.ndim != 1 or len(shape) != 3 or shape[0] != shape[1] or shape[2] != self.ell.size:
            raise ValueError("the sky's power is no table of multipoles between bands")
        if not np.all(np.diff(self.ell) > 0):
            raise ValueError("the sky's power is not a table of ascending multipoles")

    @classmethod
    def from_config(
        cls, config: SkyConfig, bands: Sequence[Band], cmb_dl: Callable[..., np.ndarray] | None = None
    ) -> "SkyPower":
        """Return the power of all components, as far as the sharpest beam lets any through.

        Parameters
        ----------
        config, bands, cmb_dl
            Sky, its bands and the CMB power, as for `sky_dl_uk2`.
        """
        ell = tabulated_ell(max(band.beam.ell_max for band in bands))
        none = np.zeros((len(bands), len(bands), ell.size))
        dl = sum(sky_dl_uk2(config, ell, bands, cmb_dl).values(), none)
        shows = np.array([not band.sky_free for band in bands])
        return cls(ell, cl_from_dl(ell, dl * np.outer(shows, shows)[:, :, None]))

    @property
    def n_bands(self) -> int:
        return len(self.cl_uk2_sr)

    def cl(self, ell) -> np.ndarray:
        """Return C_ell [µK^2 sr] at any multipoles (n,), shape (f, f, n), interpolated in ln-ln."""
        ell = np.asarray(ell, float)
        x, nodes = np.log(np.maximum(ell, 1e-3)), np.log(self.ell)
        autos = np.maximum(np.einsum("iin->in", self.cl_uk2_sr), 1e-300)
        roots = np.exp([0.5 * np.interp(x, nodes, np.log(auto)) for auto in autos])
        scale = np.sqrt(autos)
        correlation = self.cl_uk2_sr / (scale[:, None] * scale[None, :])
        inside = (ell >= 2.0) & (ell <= self.ell[-1])
        between = np.array([[np.interp(x, nodes, rho) for rho in row] for row in correlation])
        return np.where(inside, between * roots[:, None] * roots[None, :], 0.0)

    def mixing(self) -> np.ndarray:
        """Return square roots (f, f, n) of the power at the tabulated multipoles: white noise into sky."""
        values, vectors = np.linalg.eigh(self.cl_uk2_sr.transpose(2, 0, 1))
        # perfectly correlated bands have zero eigenvalues, which rounding makes negative
        roots = np.sqrt(np.maximum(values, 0.0))
        return np.einsum("nij,nj,nkj->ikn", vectors, roots, vectors)
