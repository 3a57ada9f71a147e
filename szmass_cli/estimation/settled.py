"""Properties of the maps determined before the measurement: plain data, the same for all workers."""

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from szmass_cli.maps.tangent import unit_vectors
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.planenoise import PlaneNoise
from szmass_cli.posterior.grid import N_GRID
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.priors import Prior

ALWAYS = (16.0, 50.0, 84.0)
"""Percentiles that are always written: the error bars and the median."""


@dataclass(frozen=True, eq=False)
class MeasuredNoise:
    """Noise as it was measured in regions around the rows.

    Parameters
    ----------
    plane : PlaneNoise
        Power of the noise of all f bands at the typical depth.
    stated_uk_arcmin : numpy.ndarray, shape (f,)
        What the inverse variances say of that depth [µK-arcmin]; NaN without them.
    ra_deg, dec_deg : numpy.ndarray, shape (p,)
        Centres of the regions, ICRS [deg].
    region_uk_arcmin : numpy.ndarray, shape (p, f)
        White noise of each region [µK-arcmin].
    even : numpy.ndarray of bool, shape (f,)
        Whether all rows of a band without inverse variances have the typical depth, not that of their region.
    foregrounds : float
        Power of the sky's foregrounds over the model's.

    Notes
    -----
    Equal are those that state the same: a worker that is sent a job with each block knows it again.
    """

    plane: PlaneNoise
    stated_uk_arcmin: np.ndarray
    ra_deg: np.ndarray
    dec_deg: np.ndarray
    region_uk_arcmin: np.ndarray
    even: np.ndarray
    foregrounds: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MeasuredNoise) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    @cached_property
    def _digest(self) -> str:
        """Return a digest of all that is stated of the noise."""
        return sha256(json.dumps(self.stated()).encode()).hexdigest()

    @property
    def white_uk_arcmin(self) -> np.ndarray:
        """Return the white noise of each band at the typical depth, (f,) [µK-arcmin]."""
        return np.sqrt(self.plane.white_uk2_sr) / ARCMIN

    def noise_uk_arcmin(self, by_ivar: np.ndarray, ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
        """Return the white noise (n, f) of rows: by inverse variances (n, f), else by their region.

        Parameters
        ----------
        by_ivar : numpy.ndarray, shape (n, f)
            What the inverse variances say [µK-arcmin]; NaN where they say nothing.
        ra_deg, dec_deg : numpy.ndarray, shape (n,)
            Positions of the rows, ICRS [deg].
        """
        towards = unit_vectors(ra_deg, dec_deg) @ unit_vectors(self.ra_deg, self.dec_deg).T
        nearest = np.argmax(towards, axis=1)
        of_region = np.where(self.even, self.white_uk_arcmin, self.region_uk_arcmin[nearest])
        scaled = by_ivar * self.white_uk_arcmin / self.stated_uk_arcmin
        return np.where(np.isfinite(scaled), scaled, of_region)

    def stated(self) -> dict[str, Any]:
        """Return the noise in JSON form, its table by its digest."""
        digest = sha256(np.ascontiguousarray(self.plane.power_uk2_sr).tobytes()).hexdigest()
        return {
            "plane": digest,
            "stated": [float(f"{value:.6g}") for value in self.stated_uk_arcmin],
            "regions": self.regions(),
            "foregrounds": self.foregrounds,
        }

    def regions(self) -> list[dict[str, Any]]:
        """Return the centre and white noise of each region, for people and JSON."""
        return [
            {
                "ra_deg": round(float(ra), 3),
                "dec_deg": round(float(dec), 3),
                "white_uk_arcmin": [float(f"{value:.3g}") for value in white],
            }
            for ra, dec, white in zip(self.ra_deg, self.dec_deg, self.region_uk_arcmin, strict=True)
        ]


@dataclass(frozen=True)
class Settled:
    """Properties that masses depend on and that are assumed, or measured from the maps around the clusters.

    Parameters
    ----------
    noise : tuple of str
        Noise of each band, in the form of the option ``--noise``.
    noise_source : tuple of str
        Source of the noise of each band: ``option``, ``ivar``, ``measured`` in regions, in ``cutouts``,
        ``assumed`` or ``model``.
    pixel_arcmin : tuple of float
        Pixel side of each band if pixels are averages over their area; 0 for point-sampled pixels.
    noise_correlation : float
        Correlation of the 1/f noise between any two bands.
    measured : MeasuredNoise, optional
        The noise where it was measured in the maps; None where it was stated or assumed.
    flags : int
        Bits of `szmass_cli.catalog.flags.Flag` that what was found raises for every row.
    fades : tuple of tuple of float
        For each band the amplitudes of its `szmass_cli.maps.fading.Fade`, none where the map does not fade.
    """

    noise: tuple[str, ...]
    noise_source: tuple[str, ...]
    pixel_arcmin: tuple[float, ...]
    noise_correlation: float
    measured: MeasuredNoise | None = None
    flags: int = 0
    fades: tuple[tuple[float, ...], ...] = ()

    @property
    def foregrounds(self) -> float:
        """Return the power of the sky's foregrounds over the model's: 1 where the noise was not measured."""
        return 1.0 if self.measured is None else self.measured.foregrounds

    def stated(self) -> dict[str, Any]:
        """Return the properties in JSON form."""
        simple = {name: value for name, value in vars(self).items() if name != "measured"}
        return simple if self.measured is None else {**simple, "measured": self.measured.stated()}


@dataclass(frozen=True)
class Wanted:
    """The results requested from a meter.

    Parameters
    ----------
    percentiles : tuple of float
        Percentiles of the posterior, the median among them.
    prior : Prior
        Prior of the mass under which the percentiles are computed.
    batch_size : int
        Number of cutouts per batch of the network.
    largest_position_error_arcmin : float
        Largest position error per axis of all rows; 0 where all positions are exact.
    curves : bool
        Whether to keep the likelihood and posterior of each row on the grid of masses.
    scale : MassScale, optional
        Scale of the masses that the prior is of; by default that of the model.
    n_sources : int
        Most sources that are kept of each row; 0 where none are looked for.
    """

    percentiles: tuple[float, ...]
    prior: Prior
    batch_size: int
    largest_position_error_arcmin: float
    curves: bool = False
    scale: MassScale | None = None
    n_sources: int = 0

    @property
    def n_masses(self) -> int:
        """Return the number of grid masses of the curves; 0 where curves are not requested."""
        return N_GRID if self.curves else 0
