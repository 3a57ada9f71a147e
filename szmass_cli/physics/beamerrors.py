"""How well a beam is known: modes of its error, and beams that differ from what is stated."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.physics.beams import AnyBeam, Beam
from szmass_cli.system.inputs import read_table

SHOULDER_WIDTHS = 4.0
"""FWHM of the shoulder of a beam whose wings are not well known, over that of the beam."""

PASSED = 1e-3
"""Where a beam passes less than this, its relative error counts as none: nothing of a map is there."""

MAX_MODES = 12
_LARGEST = 0.3


@dataclass(frozen=True, eq=False)
class BeamModes:
    """Independent modes of the error of a beam, each of one standard deviation.

    Parameters
    ----------
    ell : numpy.ndarray, shape (n,)
        Multipoles of the table, ascending from 0.
    delta : numpy.ndarray, shape (m, n)
        What each of m modes adds to a B_ell that is 1 at ell = 0; nothing beyond the last multipole.
    """

    ell: np.ndarray
    delta: np.ndarray

    def __len__(self) -> int:
        return len(self.delta)

    def b_ell(self, ell) -> np.ndarray:
        """Return the modes (m, ...) at multipoles (...)."""
        return np.array([np.interp(ell, self.ell, mode, right=0.0) for mode in self.delta])

    def relative(self, beam: AnyBeam, ell) -> np.ndarray:
        """Return the modes (m, ...) over the beam's B_ell, 0 where it passes less than `PASSED`."""
        passed = np.asarray(beam.b_ell(ell))
        inside = np.abs(passed) > PASSED
        return np.where(inside, self.b_ell(ell) / np.where(inside, passed, 1.0), 0.0)


@dataclass(frozen=True, eq=False)
class MisknownBeam:
    """A beam that is not quite the stated one.

    Parameters
    ----------
    stated : Beam or TabulatedBeam
        What it is taken for.
    modes : BeamModes
        Modes of its error.
    drawn : numpy.ndarray, shape (m,)
        How many standard deviations of each mode there are.
    """

    stated: AnyBeam
    modes: BeamModes
    drawn: np.ndarray

    @property
    def fwhm_arcmin(self) -> float:
        """Return the full width at half maximum of the stated beam [arcmin]."""
        return self.stated.fwhm_arcmin

    @property
    def ell_max(self) -> float:
        """Return the multipole beyond which the stated beam passes nothing."""
        return self.stated.ell_max

    def b_ell(self, ell):
        """Return the transfer function at multipoles ell."""
        return self.stated.b_ell(ell) + np.tensordot(self.drawn, self.modes.b_ell(ell), 1)


def stretch_mode(beam: AnyBeam, rms: float) -> BeamModes:
    """Return the mode of a beam that is wider than stated by a fraction of standard deviation `rms`.

    To first order: B(ell (1 + e)) = B + e ell dB/d(ell).
    """
    ell, step = _table(beam), 1e-3
    slope = (beam.b_ell(ell * (1.0 + step)) - beam.b_ell(ell * (1.0 - step))) / (2.0 * step)
    return BeamModes(ell, rms * slope[None])


def wing_mode(beam: AnyBeam, rms: float) -> BeamModes:
    """Return the mode of a beam with a fraction of its solid angle, of deviation `rms`, in a shoulder."""
    ell = _table(beam)
    shoulder = Beam(SHOULDER_WIDTHS * beam.fwhm_arcmin)
    return BeamModes(ell, rms * (shoulder.b_ell(ell) - beam.b_ell(ell))[None])


def _table(beam: AnyBeam) -> np.ndarray:
    """Return multipoles that resolve a beam and its shoulder."""
    return np.linspace(0.0, beam.ell_max, 4000)


def all_modes(parts: Sequence[BeamModes]) -> BeamModes | None:
    """Return the modes of all parts on the finest of their tables; None where there are no parts."""
    if not parts:
        return None
    finest = max((part.ell for part in parts), key=len)
    ell = np.unique(np.concatenate([finest, *(part.ell[-1:] for part in parts)]))
    return BeamModes(ell, np.concatenate([part.b_ell(ell) for part in parts]))


_FORMAT = "Give ell, B_ell and one or more modes of its error, as the beams of ACT DR6 on LAMBDA have them."


def read_beam_modes(path: str | Path) -> BeamModes:
    """Read the modes of a measured beam's error.

    Parameters
    ----------
    path : path
        Text: multipoles from 0 or 1 on, B_ell, and in further columns modes of its error, so that
        B_ell + a1 dB1_ell + a2 dB2_ell ... with independent standard normal a is a beam as it may be.

    Returns
    -------
    BeamModes
        Over the B_ell of the lowest multipole. A mode that shifts it is one of the calibration, too.

    Raises
    ------
    InputError
        If the file cannot be read, or is no such table.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file is refused below
            columns = read_table(path, None).T
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"The beam modes {path} cannot be read: {error}.", _FORMAT) from None
    if len(columns) < 3 or columns.shape[1] < 10:
        raise InputError(
            f"{path} has {len(columns)} columns of {columns.shape[-1]} rows: no beam with modes.", _FORMAT
        )
    ell, beam, modes = columns[0], columns[1], columns[2 : 2 + MAX_MODES]
    if not np.isfinite(columns).all() or np.any(np.diff(ell) <= 0) or not 0 <= ell[0] <= 2:
        raise InputError(f"{path}: its first column must be multipoles that ascend from 0.", _FORMAT)
    if beam[0] <= 0 or np.abs(modes).max() > _LARGEST * beam[0]:
        raise InputError(
            f"{path}: a mode of {np.abs(modes).max() / beam[0]:.2g} of the beam is no error of it.", _FORMAT
        )
    ell, delta = np.append(0.0, ell[1:]), modes / beam[0]
    return BeamModes(ell, delta)
