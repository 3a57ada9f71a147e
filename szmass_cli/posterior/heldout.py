"""Simulations held out from a training, that posteriors are set right on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class HeldOut:
    """Posteriors of simulated clusters, with their true masses.

    Parameters
    ----------
    density : numpy.ndarray, shape (n, m)
        Probability of each cell of `mass_grid`; rows sum to one.
    ln_mass, redshift, snr : numpy.ndarray, shape (n,)
        True ln M200c [ln Msun], redshift, and S/N of the matched filter.
    evidence : numpy.ndarray, shape (n, k), optional
        What else is known of the cutouts.
    """

    density: np.ndarray
    ln_mass: np.ndarray
    redshift: np.ndarray
    snr: np.ndarray
    evidence: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self):
        if self.evidence.size == 0:
            object.__setattr__(self, "evidence", np.zeros((len(self.density), 0)))
        if len(self.evidence) != len(self.density):
            raise ValueError(f"evidence of {len(self.evidence)} cutouts, not {len(self.density)}")

    def __len__(self) -> int:
        return len(self.density)

    def __getitem__(self, rows: slice | np.ndarray) -> "HeldOut":
        return HeldOut(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @classmethod
    def concatenate(cls, parts: Sequence["HeldOut"]) -> "HeldOut":
        """Return the concatenated clusters of several sets."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
