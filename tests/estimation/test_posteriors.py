"""`--posteriors`, `--suffix`, `--flag-names` and the observables: what comes out beside the masses."""

import tracemalloc

import h5py
import numpy as np
import pytest
from astropy.table import Table

import szmass_cli
from szmass_cli import DEFAULT_MODEL
from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError, OutputError, SzmassError, UsageError
from szmass_cli.estimation import run as estimation
from szmass_cli.estimation.masstable import as_written
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.cosmology import PLANCK18, convert_m200c, theta500_arcmin
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.posteriorfile import written_posteriors
from szmass_cli.posterior.priors import Prior, ln_prior
from szmass_cli.system.hdf5 import own_array

UNKNOWN = 7
"""The row without a redshift."""


@pytest.fixture(scope="module")
def catalog(field, tmp_path_factory):
    """The field's clusters, some with redshift errors, one without a redshift, one beside the map."""
    table = field.truth.copy()
    table["redshift_err"] = np.tile([0.1, 0.0, 0.0], 8)
    table["dec"][5] += 40.0
    table["redshift"] = np.ma.masked_array(table["redshift"], np.arange(24) == UNKNOWN)
    path = tmp_path_factory.mktemp("posteriors") / "in.csv"
    table.write(path)
    return path


@pytest.fixture(scope="module")
def written(field, measure, catalog, tmp_path_factory):
    """Estimates under the mass function, with the file of their posteriors."""
    path = tmp_path_factory.mktemp("written") / "p.hdf5"
    estimates = measure(field.map_path, catalog, prior="mass-function", posteriors=path, block_rows=7)
    return estimates, path


def words(message):
    """What a message says, without its frame and line breaks."""
    return " ".join(word for word in message.split() if word != "│")


def column(estimates, name):
    return np.asarray(estimates.columns[name])


def test_medians_of_the_file_are_those_of_the_catalogue(written):
    estimates, path = written
    table = szmass_cli.read_posteriors(path)
    assert len(table) == 24 and table.posterior.density.shape == table.ln_likelihood.shape == (24, 400)
    medians = table.posterior.percentiles([16.0, 50.0, 84.0]) / 1e14
    for index, name in enumerate(("M200c_p16", "M200c", "M200c_p84")):
        np.testing.assert_allclose(medians[:, index], column(estimates, name), rtol=1e-5)
    np.testing.assert_array_equal(table.flags, column(estimates, "szmass_flags"))
    assert np.isnan(table.posterior.density[5]).all() and np.isnan(table.ln_likelihood[5]).all()
    assert table.flags[5] & Flag.OFF_MAP
    assert table.flags[UNKNOWN] == Flag.NO_REDSHIFT and np.isfinite(table.posterior.density[UNKNOWN]).all()
    np.testing.assert_array_equal(table.redshift, np.where(np.arange(24) == UNKNOWN, np.nan, 0.7))
    assert table.meta["SZM_PRI"].startswith("mass function") and table.meta["SZM_MAP"] == "field.fits"


def test_a_prior_put_on_the_likelihood_by_hand_gives_the_other_columns(written):
    """With the floor of the model, which is a share of the prior and no part of the likelihood."""
    estimates, path = written
    table, floor = szmass_cli.read_posteriors(path), read_bundle(DEFAULT_MODEL).recalibration.floor
    flat = MassPosterior(table.ln_mass, normalised(table.ln_likelihood.astype(float))).with_floor(floor)
    medians = flat.percentiles([50.0])[:, 0] / 1e14
    np.testing.assert_allclose(medians, column(estimates, "M200c_uncorr"), rtol=1e-4)
    # else the prior differs from node to node
    sure = np.flatnonzero((np.tile([0.1, 0.0, 0.0], 8) == 0.0) & np.isfinite(table.redshift))
    ln_mass_function = ln_prior(Prior.MASS_FUNCTION, table.ln_mass, table.redshift[sure], PLANCK18)
    with_prior = MassPosterior(
        table.ln_mass, normalised(table.ln_likelihood[sure].astype(float) + ln_mass_function)
    ).with_floor(floor, ln_mass_function)
    np.testing.assert_allclose(
        with_prior.percentiles([50.0])[:, 0] / 1e14, column(estimates, "M200c")[sure], rtol=1e-4
    )


def test_qp_reads_the_file(written):
    qp = pytest.importorskip("qp", reason="qp-prob is not installed")
    estimates, path = written
    there = np.isfinite(column(estimates, "M200c"))
    ensemble = qp.read(str(path))
    assert ensemble.npdf == 24 and "ln_likelihood" in ensemble.ancil
    medians = np.exp(ensemble.median().ravel()) / 1e14
    np.testing.assert_allclose(medians[there], column(estimates, "M200c")[there], rtol=1e-3)


def test_the_file_is_what_qp_calls_a_histogram(written):
    with h5py.File(written[1]) as file:
        assert file["meta/pdf_name"][()].tolist() == [b"hist"]
        bins, pdfs = file["meta/bins"][0], file["data/pdfs"][()]
        assert file["meta/bins"].shape == (1, 401) and pdfs.dtype == np.float32
        np.testing.assert_allclose(np.nansum(pdfs * np.diff(bins), axis=1), np.arange(24) != 5, atol=1e-5)
        np.testing.assert_array_equal(file["ancil/row"], np.arange(24))


def test_bytes_are_the_same_over_blocks_shards_and_an_interruption(
    field, catalog, measure, szmass_here, tmp_path, monkeypatch
):
    monkeypatch.setattr("szmass_cli.estimation.runplan.STRIP_ROWS", 8)
    again = {"block_rows": 8, "batch_size": 8}
    wanted = measure(
        field.map_path, catalog, posteriors=tmp_path / "whole.hdf5", **again | {"block_rows": 24}
    )
    whole = (tmp_path / "whole.hdf5").read_bytes()

    kept, write = [], estimation.Parts.write

    def write_one(self, block, measured):
        if kept:
            raise SzmassError("the disk is gone", "")
        kept.append(block)
        write(self, block, measured)

    monkeypatch.setattr(estimation.Parts, "write", write_one)
    out = tmp_path / "out.fits"
    again["posteriors"] = tmp_path / "parts.hdf5"
    with pytest.raises(SzmassError, match="the disk is gone"):
        measure(field.map_path, catalog, out, **again)
    assert not (tmp_path / "parts.hdf5").exists() and not out.exists()
    monkeypatch.setattr(estimation.Parts, "write", write)
    resumed = measure(field.map_path, catalog, out, **again)
    np.testing.assert_array_equal(column(resumed, "M200c"), column(wanted, "M200c"))
    first = (tmp_path / "parts.hdf5").read_bytes()
    arguments = (field.map_path, catalog, "--noise", "5", "-o", "shared.fits", "--block-rows", "8", "-b", "8")
    for shard in ("1/2", "2/2"):
        share = ("--posteriors", "shared.hdf5", "--shard", shard)
        outcome = szmass_here("estimate", *arguments, *share, cwd=tmp_path)
        assert outcome.code == 0, outcome.err
    assert not (tmp_path / "shared.hdf5").exists()
    outcome = szmass_here("merge", "shared.fits", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    shared = (tmp_path / "shared.hdf5").read_bytes()
    assert whole == first == shared


@pytest.mark.parametrize(
    ("option", "other"),
    [("--posteriors", ("--posteriors", "q.hdf5")), ("--suffix", ("--suffix", "_b")), ("--flag-names", ())],
)
def test_shards_that_would_make_other_outputs_are_refused(
    field, catalog, szmass_here, tmp_path, monkeypatch, option, other
):
    monkeypatch.setattr(estimation, "_measure", lambda *_: None)
    first = ("--posteriors", "p.hdf5", "--flag-names", "--suffix", "_a")
    share = ("estimate", field.map_path, catalog, "--noise", "5", "-o", "out.fits", *first)
    assert szmass_here(*share, "--shard", "1/2", cwd=tmp_path).code == 0
    if option == "--flag-names":
        share = [word for word in share if word != option]
    outcome = szmass_here(*share, *other, "--shard", "2/2", cwd=tmp_path)
    assert outcome.code == 2 and option in outcome.err and "remove the folder" in words(outcome.err)
    assert szmass_here("estimate", field.map_path, catalog, "--noise", "5", "-o", "out.fits", *first,
                       "--shard", "2/2", cwd=tmp_path).code == 0  # fmt: skip


def test_shards_may_be_said_to_overwrite(field, catalog, szmass_here, tmp_path, monkeypatch):
    monkeypatch.setattr(estimation, "_measure", lambda *_: None)
    for name in ("out.fits", "p.hdf5"):
        (tmp_path / name).write_text("old")
    share = ("estimate", field.map_path, catalog, "--noise", "5", "-o", "out.fits", "--posteriors", "p.hdf5")
    refused = szmass_here(*share, "--shard", "1/2", cwd=tmp_path)
    assert refused.code == 2 and "--overwrite replaces it" in words(refused.err)
    done = szmass_here(*share, "--shard", "1/2", "--overwrite", cwd=tmp_path)
    assert done.code == 0 and "szmass merge out.fits --overwrite" in words(done.err)
    assert (tmp_path / "out.fits").read_text() == (tmp_path / "p.hdf5").read_text() == "old"


def test_a_failing_catalogue_leaves_no_posteriors(field, catalog, measure, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise SzmassError("no room for the catalogue", "")

    monkeypatch.setattr(estimation, "write_catalog", fails)
    with pytest.raises(SzmassError, match="no room"):
        measure(field.map_path, catalog, tmp_path / "out.fits", posteriors=tmp_path / "p.hdf5")
    assert [path.name for path in tmp_path.iterdir()] == ["out.fits.parts"]


def test_the_file_is_checked_before_the_work(field, catalog, measure, tmp_path):
    with pytest.raises(UsageError, match=r"p\.h5: the suffix is not \.hdf5") as caught:
        measure(field.map_path, catalog, posteriors=tmp_path / "p.h5")
    assert "p.hdf5" in caught.value.hint
    (tmp_path / "p.hdf5").write_text("mine")
    with pytest.raises(OutputError, match=r"p\.hdf5"):
        measure(field.map_path, catalog, posteriors=tmp_path / "p.hdf5")
    assert (tmp_path / "p.hdf5").read_text() == "mine"
    with pytest.raises(UsageError, match="the model paper gives percentiles"):
        measure(field.map_path, catalog, posteriors=tmp_path / "q.hdf5", model="paper")
    with pytest.raises(InputError, match="holds no posteriors"):
        szmass_cli.read_posteriors(tmp_path / "p.hdf5")


def test_posteriors_and_catalogue_are_not_one_file(field, catalog, measure, tmp_path):
    (tmp_path / "p.hdf5").symlink_to("out.fits")
    with pytest.raises(UsageError, match="are one file"):
        measure(field.map_path, catalog, tmp_path / "out.fits", posteriors=tmp_path / "p.hdf5")


def test_many_rows_are_read_in_little_memory(tmp_path, monkeypatch):
    n, m = 2000, 400
    rows, curves = np.arange(n), np.full((n, m), 1.0 / m, np.float32)
    with written_posteriors(tmp_path / "p.hdf5", mass_grid((3e13, 2e15)), rows, rows, {}) as out:
        out.put(rows, curves, curves)
    monkeypatch.setattr(own_array, "__defaults__", (10_000 + 8 * n,))  # what packed data may take
    tracemalloc.start()
    table = szmass_cli.read_posteriors(tmp_path / "p.hdf5")
    peak = tracemalloc.get_traced_memory()[1] / curves.nbytes
    tracemalloc.stop()
    assert len(table) == n and peak < 4.5  # both as stored, and one with twice the digits


def test_truncated_posteriors_are_refused(written, tmp_path):
    whole = written[1].read_bytes()
    for size in (0, 100, 5000, len(whole) - 100):
        (tmp_path / "p.hdf5").write_bytes(whole[:size])
        with pytest.raises(InputError, match="holds no posteriors"):
            szmass_cli.read_posteriors(tmp_path / "p.hdf5")


def test_names_of_columns_take_a_suffix_and_flags_their_words(field, measured, szmass_here, tmp_path):
    table = field.truth.copy()
    table["M200c"], table["y0"] = 1.0, 2.0
    table["dec"][3] += 40.0
    table.write(tmp_path / "in.fits")
    arguments = (field.map_path, "in.fits", "--noise", "5", "-o", "out.fits", "--flag-names")
    refused = szmass_here("estimate", *arguments, cwd=tmp_path)
    assert refused.code == 2 and "already has" in refused.err
    outcome = szmass_here("estimate", *arguments, "--suffix", "_sz", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    out = Table.read(tmp_path / "out.fits")
    added = [name for name in out.colnames if name not in table.colnames]
    assert all(name.endswith("_sz") for name in added) and "M200c_sz" in added
    np.testing.assert_array_equal(out["M200c"], 1.0)
    others = np.arange(24) != 3
    np.testing.assert_allclose(out["M200c_sz"][others], column(measured, "M200c")[others], rtol=1e-6)
    assert out["szmass_flag_names_sz"][3] == "OFF_MAP" and out["szmass_flags_sz"][3] == Flag.OFF_MAP
    with pytest.raises(UsageError, match="--suffix"):
        szmass_cli.estimate(field.map_path, field.catalog_path, suffix="a b")


@pytest.mark.parametrize("suffix", ["_err", "_p16"])
def test_a_suffix_may_make_names_of_other_columns(measured, suffix):
    before = list(measured.columns.colnames)
    out = as_written(measured.columns, suffix, flag_names=True)
    assert out.colnames == [name + suffix for name in (*before, "szmass_flag_names")]
    assert measured.columns.colnames == before
    for name in before:
        was, now = measured.columns[name], out[name + suffix]
        np.testing.assert_array_equal(now, was)
        assert (now.unit, now.description) == (was.unit, was.description)


def test_observables_belong_to_the_median_mass(measured, field):
    z = np.asarray(field.truth["redshift"])
    m500c = convert_m200c(column(measured, "M200c") * 1e14, z, "500c", PLANCK18)
    size = theta500_arcmin(m500c, z, PLANCK18)
    np.testing.assert_allclose(column(measured, "theta500_arcmin"), size, rtol=1e-9)
    snr = column(measured, "y0") / column(measured, "y0_err")
    np.testing.assert_allclose(snr, column(measured, "sz_snr"), rtol=1e-9)
    assert measured.columns["Y500_arcmin2"].unit == "arcmin2" and np.all(column(measured, "Y500_arcmin2") > 0)
