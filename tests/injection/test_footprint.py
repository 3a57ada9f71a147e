"""Where maps have data: area, tiles, and blank positions."""

import numpy as np
import pytest
from astropy.io import fits

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.blanks import APART_ARCMIN, FROM_ROWS_ARCMIN, unit_vectors
from szmass_cli.estimation.request import MapRequest
from szmass_cli.estimation.rows import rows_at
from szmass_cli.injection.footprint import blanks_of, footprint_of

TRUE_AREA_DEG2 = 2.0 * 3.0 * np.cos(np.radians(30.0))


@pytest.fixture(scope="module")
def maps(field):
    return (BandMap.open(MapRequest(field.map_path, noise=5.0)),)


def test_the_area_is_that_of_the_field(maps):
    """3 x 2 degrees at a declination of -30: the mean of the cosine over the field is that of its middle."""
    footprint = footprint_of(maps, 10.0)
    assert footprint.tile_names == ("tile_1_1",)
    assert footprint.area_deg2.sum() == pytest.approx(TRUE_AREA_DEG2, rel=0.02)


def test_a_mask_takes_area_away(field, tmp_path):
    with fits.open(field.map_path) as hdus:
        mask = np.ones(hdus[0].data.shape, np.float32)
        mask[: len(mask) // 2] = 0.0
        fits.writeto(tmp_path / "mask.fits", mask, hdus[0].header)
    masked = (BandMap.open(MapRequest(field.map_path, noise=5.0, mask=tmp_path / "mask.fits")),)
    footprint = footprint_of(masked, 10.0)
    assert footprint.area_deg2.sum() == pytest.approx(0.5 * TRUE_AREA_DEG2, rel=0.03)


def test_tiles_share_the_area(maps):
    footprint = footprint_of(maps, 1.0)
    assert len(footprint.tile_names) == 6
    np.testing.assert_allclose(footprint.area_deg2, TRUE_AREA_DEG2 / 6.0, rtol=0.1)


def test_blank_positions_are_apart_from_known_clusters_and_in_their_tile(maps, field):
    footprint = footprint_of(maps, 1.0)
    known = rows_at(field.truth["ra"], field.truth["dec"])
    blanks = blanks_of(footprint, maps, known, 200, np.random.default_rng(1))
    assert len(blanks) > 100
    vectors = unit_vectors(blanks.ra_deg, blanks.dec_deg)
    between = np.degrees(np.arccos(np.clip(vectors @ vectors.T, -1.0, 1.0))) * 60.0
    assert between[~np.eye(len(between), dtype=bool)].min() > APART_ARCMIN - 1e-3
    rows = unit_vectors(known.ra_deg, known.dec_deg)
    assert np.degrees(np.arccos((vectors @ rows.T).max())) * 60.0 > FROM_ROWS_ARCMIN - 1e-3
    south = blanks.dec_deg < -30.05
    names = np.array(footprint.tile_names)[blanks.near]
    assert all(name.startswith("tile_1_") for name in names[south])
