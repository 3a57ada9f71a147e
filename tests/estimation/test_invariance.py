"""A mass depends on the sky around its row and on the model: on no other row, no order and no block size."""

import numpy as np
from astropy.io import fits
from astropy.table import Table, vstack
from astropy.wcs import WCS

from szmass_cli.estimation import runplan

VALUES = ["M200c", "M200c_p16", "M200c_p84", "M200c_err_plus", "M200c_err_minus", "sz_snr", "szmass_flags"]
ROUNDING = 1e-6
"""The network computes in float32, and a cutout's place in its batch may change the last digits."""


def write(path, table):
    table.write(path)
    return path


def assert_same(columns, expected):
    for name in VALUES:
        np.testing.assert_allclose(np.asarray(columns[name]), np.asarray(expected[name]), rtol=ROUNDING)


def test_shuffled_rows_give_shuffled_masses(field, measure, measured, tmp_path):
    order = np.random.default_rng(3).permutation(len(field.truth))
    estimates = measure(field.map_path, write(tmp_path / "in.csv", field.truth[order]), tmp_path / "out.ecsv")
    assert_same(estimates.columns, measured.columns[order])
    assert list(Table.read(tmp_path / "out.ecsv")["name"]) == list(field.truth["name"][order])


def test_one_row_alone_has_the_same_mass(field, measure, measured, tmp_path):
    estimates = measure(field.map_path, write(tmp_path / "in.csv", field.truth[[23]]))
    assert_same(estimates.columns, measured.columns[[23]])


def test_neighbours_without_a_mass_change_nothing(field, measure, measured, tmp_path):
    lost = field.truth[:7].copy()
    lost["ra"] += 90.0
    mixed = vstack([lost[:3], field.truth, lost[3:]])
    estimates = measure(field.map_path, write(tmp_path / "in.csv", mixed))
    assert_same(estimates.columns[3:-4], measured.columns)
    assert np.isnan(estimates.columns["M200c"][[0, 1, 2, -4, -3, -2, -1]]).all()


def test_a_strip_without_any_mass_changes_nothing(field, measure, measured, tmp_path, monkeypatch):
    monkeypatch.setattr(runplan, "STRIP_ROWS", 7)
    lost = field.truth[:7].copy()
    lost["dec"] -= 20.0
    above = field.truth[:7].copy()
    above["dec"] += 20.0
    table = vstack([lost, field.truth, above])
    estimates = measure(field.map_path, write(tmp_path / "in.csv", table), batch_size=7)
    assert_same(estimates.columns[7:-7], measured.columns)
    assert np.isnan(np.concatenate([estimates.columns["M200c"][:7], estimates.columns["M200c"][-7:]])).all()


def test_a_turn_in_right_ascension_changes_nothing(field, measure, measured, tmp_path):
    turned = field.truth.copy()
    turned["ra"][::2] -= 360.0
    estimates = measure(field.map_path, write(tmp_path / "in.csv", turned))
    assert_same(estimates.columns, measured.columns)


def test_the_size_of_a_block_changes_no_byte(field, measure, tmp_path, monkeypatch):
    monkeypatch.setattr(runplan, "STRIP_ROWS", 7)
    calls = []
    for rows in (1, 15, 1000):
        measure(
            field.map_path,
            field.catalog_path,
            tmp_path / f"{rows}.fits",
            batch_size=7,
            block_rows=rows,
            progress=lambda task, done, total, detail="": calls.append((task, done)),
        )
    assert [done for task, done in calls if task == "clusters" and done] == [7, 14, 21, 24, 21, 24, 24]
    first, *others = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert len(others) == 2 and others == [first, first]


def test_one_bright_place_does_not_depend_on_the_block_it_falls_in(field, measure, tmp_path, monkeypatch):
    """The unit is judged by the whole catalogue: a thousandfold patch is no reason to refuse the map."""
    with fits.open(field.map_path) as hdus:
        data, header = hdus[0].data.copy(), hdus[0].header
    column, row = WCS(header).all_world2pix(field.truth["ra"][:1], field.truth["dec"][:1], 0)
    near = np.hypot(*(np.indices(data.shape) - np.array([row, column])[..., None])) < 16
    data[near] *= 1000
    fits.writeto(tmp_path / "map.fits", data, header)
    whole = measure(tmp_path / "map.fits", field.catalog_path).columns
    monkeypatch.setattr(runplan, "STRIP_ROWS", 1)
    assert_same(measure(tmp_path / "map.fits", field.catalog_path, batch_size=1).columns, whole)


def test_right_ascension_has_no_origin(field, measure, measured, tmp_path):
    """The same map with RA = 0 between its clusters."""
    shift_deg = 360.0 - field.truth["ra"].mean()
    with fits.open(field.map_path) as hdus:
        header = hdus[0].header.copy()
        header["CRVAL1"] = (header["CRVAL1"] + shift_deg) % 360.0
        fits.writeto(tmp_path / "map.fits", hdus[0].data, header)
    moved = field.truth.copy()
    moved["ra"] = (moved["ra"] + shift_deg) % 360.0
    assert moved["ra"].min() < 1.0 and moved["ra"].max() > 359.0
    estimates = measure(tmp_path / "map.fits", write(tmp_path / "in.csv", moved))
    difference = np.log(np.asarray(estimates.columns["M200c"]) / np.asarray(measured.columns["M200c"]))
    assert np.abs(difference).max() < 1e-5
