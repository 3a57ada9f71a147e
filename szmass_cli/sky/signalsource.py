"""What sources of SZ signals give for cutouts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from szmass_cli.config import ClusterConfig


@dataclass(frozen=True)
class Signals:
    """SZ signals of n clusters behind f beams.

    Parameters
    ----------
    own : numpy.ndarray, shape (n, 40, 40, f), float32
        The clusters' own [µK].
    all : numpy.ndarray, shape (n, 40, 40, f), float32
        With the halos that lie in front of and behind them [µK].
    amplitude : numpy.ndarray, shape (n,)
        The log-normal factors in `own`.
    offset_arcmin : numpy.ndarray, shape (n, 2), optional
        Of the clusters from the middle, north and west, where they are not centred.
    shapes : mapping of str to numpy.ndarray, shape (n, ...)
        Names and values of what is known of the clusters' shapes, where they are not all alike.
    """

    own: np.ndarray
    all: np.ndarray
    amplitude: np.ndarray
    offset_arcmin: np.ndarray | None = None
    shapes: Mapping[str, np.ndarray] = field(default_factory=dict)


class SignalSource(Protocol):
    """Draws the SZ signals of the first n of a block of clusters; n changes none of them."""

    @property
    def block_size(self) -> int:
        """Return the number of cutouts of one random stream.

        They are drawn together, so that chunking has no effect.
        """
        ...

    def draw(
        self,
        clusters: ClusterConfig,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
        n: int,
    ) -> Signals: ...
