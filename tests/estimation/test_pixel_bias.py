"""What a map's pixels do to a mass: noise-free clusters cut from ideal maps, against ideal cutouts."""

from dataclasses import dataclass
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.coordinates import ICRS
from astropy.wcs import WCS
from pixell import enmap, reproject
from scipy.ndimage import gaussian_filter

from szmass_cli.estimation.looks import pixel_side_arcmin
from szmass_cli.estimation.rows import Rows
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.maps.healpixmap import HealpixMap
from szmass_cli.maps.healpixplane import angles_of
from szmass_cli.maps.instrument import StatedInstrument
from szmass_cli.maps.stored import StoredValues
from szmass_cli.maps.units import MapUnits
from szmass_cli.maps.wcsmap import WcsMap
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import BeamedProfile, cluster_scales
from szmass_cli.physics.spectra import tsz_uk_per_y

CLUSTERS = 40
BEAM = Beam(1.0)
CENTRES = np.zeros(1)
"""Sub-pixel places of a map that holds values at its pixels' centres."""
MEANS = (np.arange(3) + 0.5) / 3 - 0.5
"""Those over which a map that holds means is averaged, along each side."""


class Clusters:
    """Clusters of 2-8e14 Msun at z = 0.7 with given centres: their signal [µK] at any pixel nearby."""

    def __init__(self, ra_deg, dec_deg):
        self.mass = np.random.default_rng(2).uniform(2e14, 8e14, len(ra_deg))
        scales = cluster_scales(self.mass, 0.7)
        self.size, self.peak = scales.theta500_arcmin, tsz_uk_per_y(150.0) * scales.y_scale
        self.profile, self._centres = BeamedProfile(BEAM), healpy.ang2vec(ra_deg, dec_deg, lonlat=True)

    def mean_over(self, vectors_at, shape, steps):
        """Signal of the cluster that a window is around, averaged over sub-pixel steps in row and column."""
        which, total = None, 0.0
        for up in steps:
            for right in steps:
                vectors = vectors_at(up, right)
                if which is None:
                    which = int(np.argmax(self._centres @ vectors.mean(axis=0)))
                chord = np.linalg.norm(vectors - self._centres[which], axis=-1)
                theta = np.degrees(2.0 * np.arcsin(np.minimum(chord / 2.0, 1.0))) * 60.0
                total = total + self.peak[which] * self.profile(self.size[which], theta)
        return np.reshape(total / len(steps) ** 2, shape) + 1e-3


@dataclass(frozen=True)
class PaintedHealpix(HealpixMap):
    """A full HEALPix sky whose pixels are worked out as they are read."""

    clusters: Clusters
    steps: np.ndarray

    def read(self, chart, rows, columns):
        row, column = np.mgrid[slice(*rows), slice(*columns)].astype(float)

        def vectors_at(up, right):
            theta, phi = angles_of(row + up, column + right, chart, self.nside)
            return healpy.ang2vec(theta.ravel(), phi.ravel())

        return self.clusters.mean_over(vectors_at, row.shape, self.steps), np.zeros(row.shape, bool)


@dataclass(frozen=True)
class PaintedCar(WcsMap):
    """The same for a full CAR sky."""

    clusters: Clusters
    steps: np.ndarray

    def read(self, chart, rows, columns):
        row, column = np.mgrid[slice(*rows), slice(*columns)].astype(float)

        def vectors_at(up, right):
            lon, lat = self.wcs.wcs_pix2world((column + right).ravel(), (row + up).ravel(), 0)
            return healpy.ang2vec(lon, np.clip(lat, -90, 90), lonlat=True)

        return self.clusters.mean_over(vectors_at, row.shape, self.steps), np.zeros(row.shape, bool)


COMMON = {"path": Path("painted"), "units": MapUnits("uK", 1.0, "option"), "instrument": StatedInstrument()}
COMMON |= {"description": "", "assumptions": ()}


def healpix(nside, clusters, steps):
    side = float(healpy.nside2resol(nside, arcmin=True))
    values = StoredValues(np.zeros((1, 1), np.float32))
    return PaintedHealpix(
        nside=nside,
        nested=False,
        values=values,
        pixel_numbers=None,
        rotation=np.eye(3),
        pixel_arcmin=side,
        clusters=clusters,
        steps=steps,
        **COMMON,
    )


def car(step_arcmin, clusters, steps):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.cdelt = [-step_arcmin / 60, step_arcmin / 60]
    wcs.wcs.crpix = [180 * 60 / step_arcmin + 0.5, 90 * 60 / step_arcmin + 1]
    shape = (round(180 * 60 / step_arcmin) + 1, round(360 * 60 / step_arcmin))
    plane = StoredValues(np.broadcast_to(np.float32(1.0), shape))
    return PaintedCar(
        plane=plane,
        wcs=wcs,
        frame=ICRS(),
        pixel_arcmin=step_arcmin,
        turn_columns=float(shape[1]),
        full_circle=shape[1],
        clusters=clusters,
        steps=steps,
        **COMMON,
    )


LN_MASS = np.log(np.geomspace(1e14, 1.6e15, 400))


class Masses:
    """Masses of noise-free cutouts behind the same skies each time, by the likelihood of one instrument."""

    def __init__(self, sky, pixel_arcmin):
        instrument = Instrument((Band(150.0, BEAM, 5.0, pixel_arcmin=pixel_arcmin),))
        self.likelihood = sky.likelihood(instrument, Scatter(0.2, 0.2))
        rng, blocks = np.random.default_rng(1), self.likelihood.depths.covariance(np.ones(1))
        fields = [
            rng.standard_normal((CLUSTERS, len(block))) @ np.linalg.cholesky(block).T for block in blocks
        ]
        self._background = self.likelihood.symmetry.unfold(np.stack(fields))

    def __call__(self, images):
        """Posterior means of ln M of cutouts (n, 40, 40) [µK] at z = 0.7."""
        weighed = self.likelihood.weigh(images[..., None] + self._background)
        ln_likelihood = self.likelihood.ln_likelihood(weighed, LN_MASS, np.full(len(images), 0.7))
        density = np.exp(ln_likelihood - ln_likelihood.max(axis=1, keepdims=True))
        return density @ LN_MASS / density.sum(axis=1)


@pytest.fixture(scope="module")
def sky():
    return read_bundle("survey").sky_model


@pytest.fixture(scope="module")
def ideal(sky):
    """Masses where the map holds values at the centres of its pixels."""
    return Masses(sky, 0.0)


def ideal_images(clusters):
    """The signal at the pixels of cutouts, from its formula."""
    offsets = pixel_radii_arcmin()
    return np.stack(
        [
            peak * clusters.profile(size, offsets)
            for size, peak in zip(clusters.size, clusters.peak, strict=True)
        ]
    )


@pytest.mark.parametrize("steps", [CENTRES, MEANS], ids=["values at centres", "means over pixels"])
@pytest.mark.parametrize(
    ("paint", "size", "dec_deg", "allowed"),
    [
        (car, 0.5, (-1.0, 1.0), 0.005),
        (car, 0.5, (59.0, 61.0), 0.005),
        (car, 0.5, (-85.0, -84.0), 0.005),
        (healpix, 8192, (-89.0, 89.0), 0.01),
        (healpix, 4096, (-89.0, 89.0), 0.02),
    ],
    ids=["CAR at 0", "CAR at 60", "CAR at -85", "HEALPix 8192", "HEALPix 4096"],
)
def test_pixels_change_no_mass_by_more_than(sky, ideal, paint, size, dec_deg, allowed, steps):
    rng = np.random.default_rng(3)
    ra = rng.uniform(0.0, 360.0, CLUSTERS)
    dec = np.degrees(np.arcsin(rng.uniform(*np.sin(np.radians(dec_deg)), CLUSTERS)))
    clusters = Clusters(ra, dec)
    painted = paint(size, clusters, steps)
    images = extract_cutouts(painted, ra, dec).images
    none = np.zeros(CLUSTERS)
    masses = ideal
    if steps is MEANS:
        masses = Masses(sky, pixel_side_arcmin(painted, Rows(ra, dec, none, none, none, none.astype(int))))
    difference = masses(images) - ideal(ideal_images(clusters))
    assert abs(difference.mean()) < allowed


def test_cutouts_are_those_of_pixell_s_fourier_thumbnails(field):
    """A slow and independent way to the same pixels, on a map with noise and all."""
    plane = enmap.read_map(str(field.map_path))
    truth = field.truth[::3]
    ours = extract_cutouts(open_map(field.map_path), truth["ra"], truth["dec"]).images
    for row, image in zip(truth, ours, strict=True):
        place = np.radians([[row["dec"], row["ra"]]])
        options = {"r": np.radians(8.0 / 60), "res": np.radians(0.25 / 60), "proj": "tan", "oversample": 4}
        theirs = reproject.thumbnails(plane, place, verbose=False, order=3, **options)[0]
        wcs, (height, width) = theirs.wcs, theirs.shape
        offsets = (np.arange(40) - 19.5) * 0.25 / 60
        local = [
            offsets / wcs.wcs.cdelt[1] + wcs.wcs.crpix[1] - 1,
            -offsets / wcs.wcs.cdelt[0] + wcs.wcs.crpix[0] - 1,
        ]
        rows, columns = np.meshgrid(*local, indexing="ij")
        assert rows.min() > 5 and rows.max() < height - 5 and columns.min() > 5 and columns.max() < width - 5
        expected = enmap.samewcs(theirs, theirs).at(np.array([rows, columns]), unit="pix", order=5)
        # white noise between pixels is anybody's guess: what passes the beam is compared
        difference = gaussian_filter(image - expected, 1.7)[5:-5, 5:-5]
        assert np.std(difference) < 0.005 * np.std(expected)
