"""Cutouts of clusters of any profile, elliptical and off the middle, fast enough for training sets."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from szmass_cli.geometry import N_PIXELS, pixel_offsets_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beamedshapes import BeamedShapes, Ellipses

TOGETHER = 16
"""Images that are made at once: what they need stays in the processor's cache."""

THETA_MAX_ARCMIN = 30.0
"""From a corner of a cutout to a cluster's centre, at most; clusters further off are not seen in it."""


@dataclass(frozen=True)
class Peaks:
    """Single peaks of the SZ signal, arrays over the first axis of length n.

    Parameters
    ----------
    ellipses : Ellipses
        Their profiles and shapes on the sky.
    y_scale : numpy.ndarray, shape (n,)
        Compton y is this times the tabulated shape.
    position_angle_rad : numpy.ndarray, shape (n,)
        Of the major axis, from north through east.
    offset_arcmin : numpy.ndarray, shape (n, 2)
        Of the centre from a common point, north and west.
    kt_kev : numpy.ndarray, shape (n,)
        Temperature of the gas [keV]; 0 for a spectrum without relativistic corrections.
    """

    ellipses: Ellipses
    y_scale: np.ndarray
    position_angle_rad: np.ndarray
    offset_arcmin: np.ndarray
    kt_kev: np.ndarray

    def __len__(self) -> int:
        return len(self.y_scale)

    def __getitem__(self, rows) -> "Peaks":
        return Peaks(
            self.ellipses[rows],
            self.y_scale[rows],
            self.position_angle_rad[rows],
            self.offset_arcmin[rows],
            self.kt_kev[rows],
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Peaks"]) -> "Peaks":
        """Return all peaks of several lots, one lot after the other."""
        ellipses = [[getattr(part.ellipses, one.name) for part in parts] for one in fields(Ellipses)]
        names = [one.name for one in fields(cls) if one.name != "ellipses"]
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(Ellipses(*map(np.concatenate, ellipses)), **joined)


class ShapedStamps:
    """Images of peaks on cutouts, behind the beams of a survey.

    Parameters
    ----------
    bands : sequence of Band, length f
        Whose responses, beams and filters the images are seen through; a filter that depends on direction is
        not applied.
    profiles : sequence of str
        Names of the profiles, in the order of their numbers.
    """

    def __init__(self, bands: Sequence[Band], profiles: Sequence[str]):
        self.shapes = BeamedShapes(profiles, [band.optics for band in bands], THETA_MAX_ARCMIN)
        self._responses = [band.response for band in bands]

    def images(self, peaks: Peaks) -> np.ndarray:
        """Return images of peaks, shape (n, 40, 40, f) float32 [µK].

        Raises
        ------
        InputError
            If a cluster is larger or smaller than those tabulated.
        """
        uk_per_y = [np.broadcast_to(one.tsz_uk_per_y(peaks.kt_kev), len(peaks)) for one in self._responses]
        central = peaks.y_scale[:, None] * np.stack(uk_per_y, axis=-1)
        radial = self.shapes.radial(peaks.ellipses)
        radial *= central.astype(np.float32)[:, None, :, None]
        images = np.empty((len(peaks), N_PIXELS, N_PIXELS, len(self._responses)), np.float32)
        for start in range(0, len(peaks), TOGETHER):
            part = slice(start, start + TOGETHER)
            self._render(images[part], radial[part], peaks[part])
        return images

    def _render(self, images: np.ndarray, radial: np.ndarray, peaks: Peaks) -> None:
        """Make images (n, 40, 40, f), in place, of radial parts (n, 3, f, radii)."""
        axis = pixel_offsets_arcmin()
        north, west = (axis - offset[:, None] for offset in peaks.offset_arcmin.T)
        north, west = north.astype(np.float32)[:, :, None], west.astype(np.float32)[:, None, :]
        squared = north**2 + west**2
        low, upper = self.shapes.place(squared)
        low += (radial.shape[-1] * np.arange(len(peaks), dtype=np.int32))[:, None, None]
        steps = np.zeros_like(radial)
        np.subtract(radial[..., 1:], radial[..., :-1], out=steps[..., :-1])

        def part(harmonic: int, band: int) -> np.ndarray:
            # one band and harmonic at a time: long runs of numbers of one kind are what numpy is quick with
            values = np.take(steps[:, harmonic, band].ravel(), low, mode="clip")
            values *= upper
            values += np.take(radial[:, harmonic, band].ravel(), low, mode="clip")
            return values

        if np.all(peaks.ellipses.axis_ratio == 1.0):
            for band in range(images.shape[-1]):
                images[..., band] = part(0, band)
            return
        of_two = _cos_twice(north, west, squared, peaks.position_angle_rad)
        of_four = 2.0 * of_two**2 - 1.0
        for band in range(images.shape[-1]):
            image = part(1, band)
            image *= of_two
            four = part(2, band)
            four *= of_four
            image += four
            image += part(0, band)
            images[..., band] = image


def _cos_twice(
    north: np.ndarray, west: np.ndarray, squared: np.ndarray, position_angle_rad: np.ndarray
) -> np.ndarray:
    """Return the cosine of twice the angle from the major axis."""
    turn = (2.0 * position_angle_rad).astype(np.float32)[:, None, None]
    twice = np.cos(turn) * (north**2 - west**2) - (2.0 * np.sin(turn) * north) * west
    return twice / np.maximum(squared, np.float32(1e-12))
