"""Instrument beams: what the sky is convolved with before it is a map."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import j0

from szmass_cli.errors import InputError
from szmass_cli.physics.quadrature import panel_nodes
from szmass_cli.system.inputs import read_table

ARCMIN = np.pi / 180.0 / 60.0
FWHM_PER_SIGMA = np.sqrt(8.0 * np.log(2.0))

NEGLIGIBLE = 1e-4
"""A tabulated beam is taken as zero from where its transfer function stays below this: measured beams end
in noise there."""


class AnyBeam(Protocol):
    """A circular beam, Gaussian or measured."""

    @property
    def fwhm_arcmin(self) -> float:
        """Return the full width at half maximum [arcmin]."""
        ...

    @property
    def ell_max(self) -> float:
        """Return the multipole beyond which nothing is passed."""
        ...

    def b_ell(self, ell):
        """Return the transfer function at multipoles ell, 1 at ell = 0."""
        ...


@dataclass(frozen=True)
class Beam:
    """A circular Gaussian beam.

    Parameters
    ----------
    fwhm_arcmin : float
        Full width at half maximum [arcmin]. A map's pixel window, where it has one, is part of its beam.
    """

    fwhm_arcmin: float

    @property
    def sigma_rad(self) -> float:
        return self.fwhm_arcmin * ARCMIN / FWHM_PER_SIGMA

    def b_ell(self, ell):
        """Return the beam transfer function at multipoles ell, 1 at ell = 0."""
        ell = np.asarray(ell, float)
        return np.exp(-0.5 * (ell * self.sigma_rad) ** 2)

    @property
    def ell_max(self) -> float:
        """Return the multipole beyond which the beam passes less than 1e-8 of an amplitude."""
        return 6.1 / self.sigma_rad


@dataclass(frozen=True, eq=False)
class TabulatedBeam:
    """A circular beam known by its transfer function.

    Parameters
    ----------
    ell : numpy.ndarray, shape (n,)
        Ascending multipoles, the first one 0.
    transfer : numpy.ndarray, shape (n,)
        B_ell, 1 at ell = 0; zero beyond the last multipole.
    """

    ell: np.ndarray
    transfer: np.ndarray

    def b_ell(self, ell):
        """Return the beam transfer function at multipoles ell, 1 at ell = 0."""
        return np.interp(ell, self.ell, self.transfer, right=0.0)

    @property
    def ell_max(self) -> float:
        """Return the last multipole of the table."""
        return float(self.ell[-1])

    @cached_property
    def fwhm_arcmin(self) -> float:
        """Return the full width at half maximum [arcmin] of the profile on the sky."""
        theta_arcmin = np.linspace(0.0, 600.0 * 60.0 / self.ell_max, 4000)
        profile = beam_profile(self, theta_arcmin)
        below = int(np.argmax(profile < 0.5 * profile[0]))
        return 2.0 * float(
            np.interp(0.5 * profile[0], profile[[below, below - 1]], theta_arcmin[[below, below - 1]])
        )


def harmonic_nodes(beam: AnyBeam, theta_max_arcmin: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Legendre nodes and weights in ell that resolve J0(ell theta) out to theta_max_arcmin."""
    oscillations = beam.ell_max * theta_max_arcmin * ARCMIN / (2.0 * np.pi)
    panels = int(np.ceil(oscillations / 2.0)) + 40
    # panels widen outwards: low multipoles carry the extended clusters
    return panel_nodes(beam.ell_max * np.linspace(0.0, 1.0, panels + 1) ** 1.5)


def beam_profile(beam: AnyBeam, theta_arcmin) -> np.ndarray:
    """Return the profile on the sky [1/sr] at angles [arcmin]: int ell d(ell) / 2 pi  B_ell J0(ell theta)."""
    theta = np.asarray(theta_arcmin, float)
    ell, weight = harmonic_nodes(beam, float(theta.max()))
    measure = weight * ell * beam.b_ell(ell) / (2.0 * np.pi)
    parts = np.array_split(theta.ravel() * ARCMIN, theta.size // 256 + 1)
    return np.concatenate([j0(np.outer(part, ell)) @ measure for part in parts]).reshape(theta.shape)


def read_beam(path: str | Path) -> TabulatedBeam:
    """Read a measured beam: two columns of text, further ones are ignored.

    Either multipoles from 0 or 1 on and B_ell, or angles [deg] from 0 on and the profile B(theta). Which one
    it is follows from the first column: no beam reaches over 90 degrees, and no B_ell ends at 90.

    Parameters
    ----------
    path : path
        Text file of ten rows or more, its first column ascending.

    Returns
    -------
    TabulatedBeam
        Normalised to B_ell = 1 at ell = 0, cut where it stays below `NEGLIGIBLE`.

    Raises
    ------
    InputError
        If the file cannot be read, or is not the table of a beam.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file is refused below
            columns = read_table(path, (0, 1))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"The beam {path} cannot be read: {error}.", _FORMAT) from None
    x, value = columns.T
    if len(x) < 10 or not np.isfinite(columns).all() or np.any(np.diff(x) <= 0) or not 0 <= x[0] <= 2:
        raise InputError(f"{path} is not a beam: its first column must ascend from 0.", _FORMAT)
    if not value[0] > 0 or np.abs(value).max() > 1.01 * value[0]:
        raise InputError(f"{path} is not a beam: its second column must be largest at the start.", _FORMAT)
    ell, transfer = _transfer(x, value) if x[-1] <= 90.0 else (x, value)
    passed = np.flatnonzero(np.abs(transfer) > NEGLIGIBLE * transfer[0])
    last = passed[-1] + 1
    if last >= len(ell) and transfer[-1] > 0.05 * transfer[0]:
        raise InputError(f"{path}: B_ell ends at ell = {ell[-1]:g}, where it is still large.", _FORMAT)
    ell, transfer = ell[:last], transfer[:last] / transfer[0]
    if ell[0] > 0:
        ell, transfer = np.append(0.0, ell), np.append(1.0, transfer)
    return TabulatedBeam(ell, transfer)


_FORMAT = "Give two columns: ell and B_ell from ell = 0, or theta [deg] and B(theta) from theta = 0."


def _transfer(theta_deg: np.ndarray, profile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return B_ell of a tabulated profile, on a grid of ell.

    B_ell = 2 pi int theta d(theta) B(theta) J0(ell theta).
    """
    theta = np.radians(theta_deg)
    half_power = theta[np.argmax(profile < 0.5 * profile[0])]
    if half_power == 0.0:
        raise InputError("A beam's profile must fall to half its peak.", _FORMAT)
    # what a Gaussian of this width passes is below 1e-8 at 14 / FWHM
    ell = np.linspace(0.0, 7.2 / half_power, 3000)
    nodes, weights = panel_nodes(np.append(0.0, np.geomspace(0.05 * half_power, theta[-1], 300)))
    measure = weights * nodes * CubicSpline(theta, profile)(nodes)
    return ell, np.concatenate([j0(np.outer(part, nodes)) @ measure for part in np.array_split(ell, 12)])
