"""The piece of sky that a field covers: between two parallels and two meridians."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.config import FieldConfig


@dataclass(frozen=True)
class Patch:
    """All directions between two declinations and two right ascensions.

    Parameters
    ----------
    center_ra_deg, width_deg : float
        Middle and extent in right ascension; 360 is all round.
    south_deg, north_deg : float
        Declinations of its edges.
    """

    center_ra_deg: float
    width_deg: float
    south_deg: float
    north_deg: float

    @classmethod
    def of(cls, field: FieldConfig) -> "Patch":
        """Return the patch that a configuration asks for."""
        if field.height_deg >= 180.0:
            return cls(field.center_ra_deg, field.width_deg, -90.0, 90.0)
        half = field.height_deg / 2.0
        return cls(
            field.center_ra_deg, field.width_deg, field.center_dec_deg - half, field.center_dec_deg + half
        )

    @property
    def is_full_circle(self) -> bool:
        return self.width_deg >= 360.0

    @property
    def is_full_sky(self) -> bool:
        return self.is_full_circle and self.south_deg <= -90.0 and self.north_deg >= 90.0

    @property
    def area_sr(self) -> float:
        south, north = np.radians([self.south_deg, self.north_deg])
        return float(np.radians(self.width_deg) * (np.sin(north) - np.sin(south)))

    def offset_deg(self, ra_deg):
        """Return the right ascension [deg] east of the middle, -180 to 180."""
        return (np.asarray(ra_deg) - self.center_ra_deg + 180.0) % 360.0 - 180.0

    def contains(self, ra_deg, dec_deg) -> np.ndarray:
        """Return whether positions [deg] lie inside; those that are NaN do not."""
        dec = np.asarray(dec_deg)
        across = np.abs(self.offset_deg(ra_deg)) <= self.width_deg / 2.0
        return across & (dec >= self.south_deg) & (dec <= self.north_deg)

    def inner(self, margin_deg: float) -> "Patch":
        """Return the patch without a margin, at most an eighth of its extent, along the edges that it has."""
        height = self.north_deg - self.south_deg
        aside, upright = min(margin_deg, self.width_deg / 8.0), min(margin_deg, height / 8.0)
        return Patch(
            self.center_ra_deg,
            self.width_deg - (0.0 if self.is_full_circle else 2.0 * aside),
            self.south_deg + (upright if self.south_deg > -90.0 else 0.0),
            self.north_deg - (upright if self.north_deg < 90.0 else 0.0),
        )

    def random_positions(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw n right ascensions and declinations [deg], spread evenly over the patch's area."""
        south, north = np.radians([self.south_deg, self.north_deg])
        dec_deg = np.degrees(np.arcsin(rng.uniform(np.sin(south), np.sin(north), n)))
        offset_deg = rng.uniform(-self.width_deg / 2.0, self.width_deg / 2.0, n)
        return (self.center_ra_deg + offset_deg) % 360.0, dec_deg

    def edge_distance_deg(self, ra_deg, dec_deg) -> tuple[np.ndarray, np.ndarray]:
        """Return the distance [deg] of inside positions from the nearer parallel and the nearer meridian.

        It is infinite where there is no such edge: where the patch goes all round, or includes a pole.
        """
        dec = np.asarray(dec_deg)
        south = dec - self.south_deg if self.south_deg > -90.0 else np.inf
        north = self.north_deg - dec if self.north_deg < 90.0 else np.inf
        upright = np.broadcast_to(np.minimum(south, north), dec.shape)
        if self.is_full_circle:
            return upright, np.full(dec.shape, np.inf)
        to_meridian = np.radians(self.width_deg / 2.0 - np.abs(self.offset_deg(ra_deg)))
        # beyond a right angle the nearest point of the meridian is the pole
        sine = np.sin(np.minimum(to_meridian, np.pi / 2.0)) * np.cos(np.radians(dec))
        return upright, np.degrees(np.arcsin(sine))

    def grid_deg(self) -> tuple[np.ndarray, np.ndarray]:
        """Return right ascensions (181,) and declinations (181, 1) [deg] from edge to edge."""
        half = self.width_deg / 2.0
        ra_deg = self.center_ra_deg + np.linspace(-half, half, 181)
        return ra_deg, np.linspace(self.south_deg, self.north_deg, 181)[:, None]

    def bounding_circle_deg(self) -> tuple[float, float, float]:
        """Return the right ascension, declination and radius [deg] of a small circle that holds the patch.

        Its centre is the middle of the patch or a pole, whichever makes it smaller.
        """
        middle = (self.south_deg + self.north_deg) / 2.0
        ra, dec = (np.radians(axis) for axis in self.grid_deg())
        ra = ra - np.radians(self.center_ra_deg)
        radii = {}
        for centre in (middle, -90.0, 90.0):
            c = np.radians(centre)
            cosine = np.sin(dec) * np.sin(c) + np.cos(dec) * np.cos(c) * np.cos(ra)
            radii[centre] = float(np.degrees(np.arccos(np.clip(cosine.min(), -1.0, 1.0))))
        best = min(radii, key=lambda centre: radii[centre])
        return self.center_ra_deg % 360.0, best, radii[best]
