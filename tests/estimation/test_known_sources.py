"""Known point sources are marginalised over, and rows that have some say so."""

import hashlib

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from skies import separation_arcmin

from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.request import SkyRequest
from szmass_cli.estimation.sourcelist import SourceList
from szmass_cli.physics.spectra import uk_per_mjy

FLUX_MJY = 60.0


@pytest.fixture(scope="module")
def contaminated(field, tmp_path_factory):
    """The field with a source 2.5' east of each of the first twelve clusters, and one on the last."""
    folder = tmp_path_factory.mktemp("sources")
    with fits.open(field.map_path) as hdus:
        data, header = hdus[0].data.astype(float), hdus[0].header.copy()
    wcs = WCS(header)
    ra = np.array(field.truth["ra"][[*range(12), 23]], float)
    dec = np.array(field.truth["dec"][[*range(12), 23]], float)
    ra[:12] += 2.5 / 60.0 / np.cos(np.radians(dec[:12]))
    sigma = 1.0 / np.sqrt(8.0 * np.log(2.0))
    for one, other in zip(ra, dec, strict=True):
        column, row = (int(np.round(part)) for part in wcs.world_to_pixel_values(one, other))
        window = np.s_[max(row - 20, 0) : row + 21, max(column - 20, 0) : column + 21]
        rows, columns = np.mgrid[window]
        apart = separation_arcmin(one, other, *wcs.pixel_to_world_values(columns, rows))
        peak = FLUX_MJY * uk_per_mjy(150.0) / (2.0 * np.pi * sigma**2)
        data[window] += peak * np.exp(-0.5 * (apart / sigma) ** 2)
    fits.writeto(folder / "map.fits", data.astype("f4"), header)
    Table({"ra": ra, "dec": dec}).write(folder / "sources.csv")
    return folder


def test_masses_beside_known_sources_are_right_again(field, measure, measured, contaminated, tmp_path):
    clean = np.asarray(measured.columns["M200c"])[:12]
    spoilt = measure(contaminated / "map.fits", field.catalog_path)
    known = measure(contaminated / "map.fits", field.catalog_path, sources=str(contaminated / "sources.csv"))
    shift = [np.log(np.asarray(one.columns["M200c"])[:12] / clean) for one in (spoilt, known)]
    assert np.sqrt(np.mean(shift[1] ** 2)) < 0.15 * np.sqrt(np.mean(shift[0] ** 2))
    assert abs(np.median(shift[1])) < 0.02
    flags = np.asarray(known.columns["szmass_flags"])
    assert np.all(flags[:12] & Flag.SOURCES) and not np.any(flags[12:] & Flag.SOURCES)
    # in one band nothing tells a source on a cluster from it
    assert flags[23] & Flag.CENTRAL_SOURCE
    last = [np.asarray(one.columns["M200c"])[23] for one in (spoilt, known)]
    assert last[0] == last[1]
    digest = hashlib.sha256((contaminated / "sources.csv").read_bytes()).hexdigest()
    assert known.meta["SZM_SRCS"] == "sources.csv" and known.meta["SZM_SRCH"] == digest
    assert "nothing is subtracted or cut out" in known.meta["SZM_SRCT"] and "SZM_SRCT" not in spoilt.meta
    assert "13 known sources: 13 of 24 rows have some in their cutouts, 1 on the cluster" in " ".join(
        known.notes
    )


def test_sources_that_nobody_knows_are_found_listed_and_taken_out(
    field, measure, measured, contaminated, tmp_path
):
    clean = np.asarray(measured.columns["M200c"])[:12]
    spoilt, sky = measure(contaminated / "map.fits", field.catalog_path), contaminated / "map.fits"
    found = measure(sky, field.catalog_path, tmp_path / "masses.fits", find_sources=5.0)
    shift = [np.log(np.asarray(one.columns["M200c"])[:12] / clean) for one in (spoilt, found)]
    assert np.sqrt(np.mean(shift[1] ** 2)) < 0.2 * np.sqrt(np.mean(shift[0] ** 2))
    flags = np.asarray(found.columns["szmass_flags"])
    assert np.all(flags[:12] & Flag.SOURCES) and found.meta["SZM_FIND"] == 5.0
    listed, known = Table.read(tmp_path / "masses_sources.csv"), Table.read(contaminated / "sources.csv")
    assert set(listed.colnames) == {"ra", "dec", "kind", "snr", "row", "flux_mjy"}
    for ra, dec in known[:12]:
        apart = separation_arcmin(ra, dec, np.asarray(listed["ra"]), np.asarray(listed["dec"]))
        nearest = listed[int(np.argmin(apart))]
        assert apart.min() < 0.2 and nearest["kind"] == "radio"
        assert nearest["flux_mjy"] == pytest.approx(FLUX_MJY, rel=0.15)
    # no cluster is a source, and no source is listed twice
    assert np.sum(listed["kind"] == "radio") <= 14


def test_sources_and_uncertain_positions_exclude_each_other(field, measure, contaminated, tmp_path):
    with pytest.raises(UsageError, match="--sources: known sources are not marginalised over together"):
        measure(
            field.map_path,
            field.catalog_path,
            tmp_path / "out.fits",
            sources=str(contaminated / "sources.csv"),
            position_error_arcmin=0.3,
        )


def test_places_of_sources_are_those_of_cutouts():
    """Across 0 hours and near a pole; north is up, and columns grow westwards."""
    ra, dec = np.array([0.01, 120.0]), np.array([0.0, 85.0])
    arcmin = 1.0 / 60.0
    there = Table(
        {
            "ra": [359.99, 0.01, 120.0 + 3 * arcmin / np.cos(np.radians(85.0)), 60.0],
            "dec": [0.0, 0.05, 85.0, 0.0],
        }
    )
    lon, lat = np.radians(there["ra"]), np.radians(there["dec"])
    directions = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    placed = SourceList(directions).near(ra, dec)
    order = np.lexsort((placed.north_arcmin, placed.row))
    np.testing.assert_array_equal(placed.row[order], [0, 0, 1])
    np.testing.assert_allclose(placed.north_arcmin[order], [0.0, 3.0, 0.0], atol=0.02)
    np.testing.assert_allclose(placed.west_arcmin[order], [1.2, 0.0, -3.0], atol=0.01)


def test_a_threshold_at_which_noise_is_found_is_refused():
    with pytest.raises(UsageError, match="--find-sources 2: not between 4 and 100"):
        SkyRequest(find_sources=2.0)


def test_a_catalogue_without_positions_is_refused(tmp_path):
    (tmp_path / "none.csv").write_text("ra,dec\n,\n,\n")
    with pytest.raises(InputError, match=r"none\.csv"):
        SourceList.read(tmp_path / "none.csv")
