"""What a picture needs of a file of cutouts: a few clusters, and many skies to measure spectra on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass_cli.geometry import edge_taper
from szmass_cli.system.hdf5 import reading

N_SHOWN = 3
N_MEASURED = 4096
_N_SEARCHED = 20_000  # rows among which clusters to show are looked for


@dataclass(frozen=True)
class ShownClusters:
    """A few clusters of different masses, ascending.

    Parameters
    ----------
    image, sz : numpy.ndarray, shape (n, 40, 40, f)
        Cutouts, and SZ signal of their clusters [µK_CMB].
    m200c_msun, redshift, amplitude : numpy.ndarray, shape (n,)
        True M200c [Msun], ascending; redshift; the log-normal factor on the SZ signal.
    """

    image: np.ndarray
    sz: np.ndarray
    m200c_msun: np.ndarray
    redshift: np.ndarray
    amplitude: np.ndarray


def read_shown_clusters(path: Path) -> ShownClusters:
    """Read the clusters at the 15th, 50th and 90th percentile of mass; fewer of a smaller file."""
    with reading(path) as file:
        mass = file["m200c"][:_N_SEARCHED]
        ascending = np.argsort(mass, kind="stable")
        wanted = np.round(np.array([0.15, 0.5, 0.9]) * (len(mass) - 1)).astype(int)
        rows = ascending[np.unique(wanted)][-N_SHOWN:]
        names = ("image", "sz", "m200c", "redshift", "amplitude")
        return ShownClusters(*(np.stack([file[name][row] for row in rows]) for name in names))


def read_skies(path: Path, bands: Sequence[int], apodisation_arcmin: float) -> np.ndarray:
    """Read the sky and noise (n, f, 40, 40) [µK] of the first cutouts.

    The clusters' own signal and the taper are taken out.

    Parameters
    ----------
    path : Path
        HDF5 file of cutouts; its images are with taper, its signals without.
    bands : sequence of int, length f
        Indices of the channels to read.
    apodisation_arcmin : float
        Width [arcmin] of the taper that the images were multiplied by.
    """
    taper = edge_taper(apodisation_arcmin)
    with reading(path) as file:
        image, sz = (file[name][:N_MEASURED][..., list(bands)] for name in ("image", "sz"))
    return np.moveaxis(image, -1, 1) / taper - np.moveaxis(sz, -1, 1)
