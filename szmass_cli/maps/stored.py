"""Values as they lie in a FITS file, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StoredValues:
    """Values of a map: raw ones, the linear scale that FITS stores beside them, and those that mean no data.

    Parameters
    ----------
    raw : numpy.ndarray, two axes
        Memory-mapped where the file allows.
    scale, zero : float
        What is stored times `scale` plus `zero` is meant.
    blank : int, optional
        Stored integer of pixels without data: compared before scaling, as the FITS standard 4.0 says
        (BLANK in section 4.4.2.5, TNULL in section 7.3.2).
    bad : tuple of float
        Values, scaled, of pixels without data.
    """

    raw: np.ndarray
    scale: float = 1.0
    zero: float = 0.0
    blank: int | None = None
    bad: tuple[float, ...] = ()

    def __getitem__(self, key) -> np.ndarray:
        raw = self.raw[key]
        values = raw.astype(np.float64)
        if (self.scale, self.zero) != (1.0, 0.0):
            values = values * self.scale + self.zero
        if self.blank is not None:
            values[raw == self.blank] = np.nan
        for bad in self.bad:
            # a value written in single precision is not quite the one in the header
            values[np.abs(values - bad) <= 1e-6 * abs(bad)] = np.nan
        return values

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the numbers of rows and columns."""
        return self.raw.shape
