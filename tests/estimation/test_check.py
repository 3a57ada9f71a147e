"""The check by injection: what it injects, what it finds, and that it finds the same however it is run."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.blanks import APART_ARCMIN, FROM_ROWS_ARCMIN, Blanks, unit_vectors
from szmass_cli.estimation.checkrequest import N_CHECKED, CheckRequest
from szmass_cli.estimation.checkresult import BLIND
from szmass_cli.estimation.injected import Painter, Population, draw_injected
from szmass_cli.estimation.preparation import prepared
from szmass_cli.estimation.request import Request, map_requests
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.run import estimate_catalog, estimate_shard, merge_shards
from szmass_cli.estimation.runplan import Shard
from szmass_cli.estimation.strips import Strip
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import ARNAUD2010, compton_y
from szmass_cli.physics.spectra import tsz_uk_per_y


def request_of(field, check, noise=5.0, **settings):
    maps = map_requests(field.map_path, {"noise": noise, **settings})
    return Request(maps, field.catalog_path, check=check)


@pytest.fixture(scope="module")
def checked(field, measure):
    """The field as it is, with as many injected clusters as there is room for."""
    return measure(field.map_path, field.catalog_path, check=CheckRequest(N_CHECKED))


@pytest.fixture(scope="module")
def noisy(field, tmp_path_factory):
    """The field with 30 µK-arcmin of white noise added, of which 8 will be stated."""
    path = tmp_path_factory.mktemp("noisy") / "noisy.fits"
    with fits.open(field.map_path) as hdus:
        noise = np.random.default_rng(9).standard_normal(hdus[0].data.shape) * 30.0 / 0.5
        fits.writeto(path, (hdus[0].data + noise).astype(np.float32), hdus[0].header)
    return path


@pytest.fixture(scope="module")
def too_sure(noisy, field, measure):
    """The noisy map with error bars corrected for what the check finds."""
    check = CheckRequest(N_CHECKED, recalibrate=True)
    return measure(noisy, field.catalog_path, noise=8.0, check=check)


# --- what it finds ------------------------------------------------------------------------------------------


def test_error_bars_hold_where_all_is_as_stated(checked):
    found = checked.check.found
    assert found.n > 100
    assert abs(found.bias) < 3.5 * found.bias_err
    assert abs(found.coverage_68 - 0.68) < 3.5 * found.coverage_68_err
    assert abs(found.coverage_95 - 0.95) < 3.5 * found.coverage_95_err
    assert sum(one.n for _, _, one in checked.check.by_snr) == found.n


def test_the_check_changes_no_mass(checked, measured):
    for name in measured.columns.colnames:
        np.testing.assert_array_equal(checked.columns[name], measured.columns[name], err_msg=name)


def test_noise_stated_too_low_is_told(too_sure):
    found = too_sure.check.found
    assert found.coverage_68 < 0.68 - 3.0 * found.coverage_68_err
    note = next(note for note in too_sure.notes if "check by injection misses" in note)
    assert "error bars are too narrow" in note and "--recalibrate" in note


def test_recalibration_widens_error_bars_that_are_too_narrow(too_sure, noisy, field, measure):
    after = too_sure.check.after
    assert abs(after.coverage_68 - 0.68) < 3.0 * after.coverage_68_err + 0.02
    as_it_was = measure(noisy, field.catalog_path, noise=8.0)
    both = [np.log(run.columns["M200c_p84"] / run.columns["M200c_p16"]) for run in (too_sure, as_it_was)]
    assert np.median(both[0] / both[1]) > 1.1
    np.testing.assert_array_equal(too_sure.columns["sz_snr"], as_it_was.columns["sz_snr"])
    assert "stretched by" in too_sure.meta["SZM_RCAL"] and "SZM_RCAL" not in as_it_was.meta


def test_the_header_states_what_was_found_and_what_is_not_seen(checked):
    meta, found = checked.meta, checked.check.found
    assert meta["SZM_CHKN"] == checked.check.n and meta["SZM_CHKD"] == found.n
    for key, value in (
        ("CBIA", found.bias),
        ("CBIE", found.bias_err),
        ("C68", found.coverage_68),
        ("C68E", found.coverage_68_err),
        ("C95", found.coverage_95),
        ("C95E", found.coverage_95_err),
    ):
        assert meta[f"SZM_{key}"] == pytest.approx(value, abs=1e-4), key
    assert BLIND in meta["SZM_CHK"] and "M200c drawn evenly in ln M from 0.3 to 20" in meta["SZM_CHK"]


# --- what it injects ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def injected(field):
    """The clusters that the check of the field injects, with the rows of its catalogue."""
    run = prepared(request_of(field, CheckRequest(N_CHECKED)))
    return run.check.injected, run.rows


def separations_arcmin(one, other):
    dots = unit_vectors(one.ra_deg, one.dec_deg) @ unit_vectors(other.ra_deg, other.dec_deg).T
    return np.degrees(np.arccos(np.clip(dots, -1.0, 1.0))) * 60.0


def test_injected_clusters_are_apart_from_rows_and_from_each_other(injected):
    clusters, rows = injected
    assert separations_arcmin(clusters, rows).min() > FROM_ROWS_ARCMIN - 1e-3
    between = separations_arcmin(clusters, clusters)
    assert between[~np.eye(len(between), dtype=bool)].min() > APART_ARCMIN - 1e-3
    assert np.all(np.abs(clusters.dec_deg + 30.0) < 1.0)  # within the map


def test_masked_and_weightless_places_are_not_blank(field, tmp_path):
    with fits.open(field.map_path) as hdus:
        header, shape = hdus[0].header, hdus[0].data.shape
    mask = np.ones(shape, np.float32)
    ivar = np.full(shape, (0.5 / 5.0) ** 2, np.float32)  # 5 µK-arcmin in pixels of 0.5'
    mask[:, : shape[1] // 2] = 0.0
    ivar[: shape[0] // 2] = 0.0
    paths = {"mask": tmp_path / "mask.fits", "ivar": tmp_path / "ivar.fits"}
    fits.writeto(paths["mask"], mask, header)
    fits.writeto(paths["ivar"], ivar, header)
    clusters = prepared(request_of(field, CheckRequest(100), **paths)).check
    some = clusters if clusters is None else clusters.injected
    assert some is None or np.all(some.dec_deg > -30.0)  # row 0 is the most southern
    whole = prepared(request_of(field, CheckRequest(100))).check.injected
    assert np.any(whole.dec_deg < -30.0)


def test_other_seeds_and_catalogues_give_other_clusters(field, injected, tmp_path):
    again = prepared(request_of(field, CheckRequest(N_CHECKED))).check.injected
    np.testing.assert_array_equal(again.m200c_msun, injected[0].m200c_msun)
    other = prepared(request_of(field, CheckRequest(N_CHECKED, seed=2))).check.injected
    assert other.m200c_msun[0] != again.m200c_msun[0]


POPULATION = Population(ARNAUD2010, Scatter(0.2, 0.1), (1e14, 1e15), (0.1, 2.0))


def test_clusters_are_drawn_as_the_posterior_has_them():
    n = 4000
    redshift_err = np.array([0.0, 0.05, np.inf, 0.0])
    rows = Rows(
        np.arange(4.0),
        np.zeros(4),
        np.array([0.5, 0.6, 0.7, 0.8]),
        redshift_err,
        np.array([0.0, 0.0, 0.0, 0.5]),
        np.zeros(4, np.int32),
    )
    near = np.repeat(np.arange(4), n)
    blanks = Blanks(near, np.zeros(4 * n), np.zeros(4 * n))
    drawn = draw_injected(rows, blanks, POPULATION, np.random.default_rng(1))
    by_row = [drawn[near == row] for row in range(4)]
    assert np.ptp(drawn.m200c_msun) > 8e14
    assert np.median(drawn.m200c_msun) == pytest.approx(10**14.5, rel=0.03)
    assert np.std(drawn.ln_amplitude) == pytest.approx(0.2, rel=0.05)
    assert np.std(drawn.ln_stretch) == pytest.approx(0.1, rel=0.05)
    assert np.all(by_row[0].true_redshift == 0.5) and np.all(by_row[1].redshift == 0.6)
    assert np.std(by_row[1].true_redshift) == pytest.approx(0.05, rel=0.1)
    assert np.std(by_row[2].true_redshift) > 0.1 and np.all(by_row[2].redshift == 0.7)
    assert not np.any(by_row[0].north_arcmin)
    assert np.std(by_row[3].west_arcmin) == pytest.approx(0.5, rel=0.1)


def test_painted_signal_is_the_beamed_profile():
    beam_arcmin = 0.3  # so narrow that the beam changes little at 3'
    band = Band(150.0, Beam(beam_arcmin), 5.0)
    rows = Rows(*np.zeros((2, 1)), np.array([0.7]), *np.zeros((2, 1)), np.zeros(1, np.int32))
    blanks = Blanks(np.zeros(1, int), np.zeros(1), np.zeros(1))
    still = Population(ARNAUD2010, Scatter(0.0), (5e14, 5.0001e14), (0.1, 2.0))
    injected = draw_injected(rows, blanks, still, np.random.default_rng(1))
    sky = np.full((1, 40, 40, 1), 7.0, np.float32)
    strip = Strip(rows, sky, sky < 0, np.ones((1, 1), bool), np.full((1, 1), np.nan), rows.flags)
    added = Painter((band,), ARNAUD2010)(strip, injected).images_uk - sky
    expected = compton_y(5e14, 0.7, np.hypot(3.125, 0.125)) * tsz_uk_per_y(150.0)
    assert added[0, 32, 20, 0] == pytest.approx(expected, rel=0.02)
    assert np.all(sky == 7.0)


# --- however it is run --------------------------------------------------------------------------------------


def test_shards_and_interrupted_runs_give_the_same_bytes(field, measure, tmp_path):
    request = request_of(field, CheckRequest(200, recalibrate=True))
    whole, shared, resumed = (tmp_path / name / "out.fits" for name in ("whole", "shared", "resumed"))
    for path in (whole, shared, resumed):
        path.parent.mkdir()
    estimate_catalog(request, whole)
    for number in (2, 1):
        estimate_shard(request, shared, Shard(number, 2))
    merge_shards(shared)
    assert shared.read_bytes() == whole.read_bytes()

    def stop(what, done, total):
        if what == "clusters" and 0 < done < total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        estimate_catalog(request, resumed, progress=stop)
    assert list(resumed.parent.glob("out.fits.parts/part-*.npz"))
    estimate_catalog(request, resumed)
    assert resumed.read_bytes() == whole.read_bytes()


def test_shards_that_measure_the_noise_give_the_same_bytes(field, measure, tmp_path):
    """Every shard measures it in the same regions, whatever its own rows."""
    request = request_of(field, CheckRequest(100), noise=None)
    whole, shared = (tmp_path / name / "out.fits" for name in ("whole", "shared"))
    for path in (whole, shared):
        path.parent.mkdir()
    assert estimate_catalog(request, whole).meta["SZM_NOSR"] == "measured"
    for number in (1, 2):
        estimate_shard(request, shared, Shard(number, 2))
    merge_shards(shared)
    assert shared.read_bytes() == whole.read_bytes()


def test_shards_of_different_checks_are_refused(field, measure, tmp_path):
    estimate_shard(request_of(field, CheckRequest(100)), tmp_path / "out.fits", Shard(1, 2))
    with pytest.raises(UsageError, match="--check"):
        estimate_shard(request_of(field, CheckRequest(200)), tmp_path / "out.fits", Shard(2, 2))


# --- where it cannot be made --------------------------------------------------------------------------------


def small_map(field, path):
    """A map of half a degree, where nothing is far from the two rows."""
    with fits.open(field.map_path) as hdus:
        header, data = hdus[0].header, hdus[0].data
        rows, columns = (slice(size // 2 - 40, size // 2 + 40) for size in data.shape)
        header["CRPIX1"] -= columns.start
        header["CRPIX2"] -= rows.start
        fits.writeto(path, data[rows, columns], header)
    Table({"ra": [40.0, 40.1], "dec": [-30.0, -30.1], "redshift": [0.7, 0.6]}).write(path.with_suffix(".csv"))
    return path, path.with_suffix(".csv")


def test_a_map_without_room_says_so_or_is_refused(field, measure, tmp_path):
    path, catalog = small_map(field, tmp_path / "small.fits")
    estimates = measure(path, catalog, check=CheckRequest(N_CHECKED))
    assert estimates.check is None and "SZM_CHKN" not in estimates.meta
    assert any("not checked by injection" in note and "blank positions" in note for note in estimates.notes)
    with pytest.raises(InputError, match="blank positions") as refused:
        measure(path, catalog, check=CheckRequest(N_CHECKED, asked=True))
    assert "--check 0" in refused.value.hint


def test_bad_numbers_are_refused():
    for n in (-1, 5, 10_000_000):
        with pytest.raises(UsageError, match="--check"):
            CheckRequest(n)
    with pytest.raises(UsageError, match="--recalibrate"):
        CheckRequest(0, recalibrate=True)


def test_the_command_prints_numbers_and_what_is_not_seen(field, szmass_here, tmp_path):
    arguments = [field.map_path, field.catalog_path, "--noise", "5", "-o", "out.ecsv", "--check", "120"]
    done = szmass_here("estimate", *arguments, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    check = json.loads(done.out)["check"]
    assert check["n"] == 120
    for name in ("bias", "coverage_68", "coverage_95"):
        assert np.isfinite(check[name]) and check[f"{name}_err"] > 0.0
    assert "within 68 %" in done.err and "Injection does not see" in " ".join(done.err.split())
    assert max(map(len, done.err.splitlines())) <= 80
    assert Table.read(tmp_path / "out.ecsv").meta["SZM_C68"] == check["coverage_68"]
