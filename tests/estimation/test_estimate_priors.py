"""`--prior` and redshift errors, from the catalogue to the columns."""

import json

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

import szmass_cli
from szmass_cli.catalog import read_catalog
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation import runplan
from szmass_cli.estimation.rows import RedshiftLimits, redshift_errors_to_use
from szmass_cli.physics.cosmology import convert_m200c

MASSES = ["M200c", "M200c_p16", "M200c_p84", "M200c_err_plus", "M200c_err_minus"]
OF_THE_DATA = [
    "sz_snr",
    "y0",
    "y0_err",
    "theta500_arcmin",
    "Y500_arcmin2",
    "noise_uk_arcmin",
    "sz_masked_fraction",
    "szmass_flags",
]


@pytest.fixture(scope="module")
def uncertain(field, tmp_path_factory):
    """The field's clusters, every third with a redshift error, and every third with a sentinel for none."""
    table = field.truth.copy()
    table["redshift_err"] = np.tile([0.1, -1.0, 0.0], 8)
    path = tmp_path_factory.mktemp("uncertain") / "in.csv"
    table.write(path)
    return path


@pytest.fixture(scope="module")
def corrected(field, measure):
    """Masses of the field under the mass function."""
    return measure(
        field.map_path, field.catalog_path, prior="mass-function", mass_definitions=["200c", "500c"]
    )


def values(estimates, name):
    return np.asarray(estimates.columns[name])


def words(text):
    return " ".join(text.replace("│", " ").split())


# --- priors -------------------------------------------------------------------------------------------------


def test_a_prior_changes_masses_and_keeps_the_uncorrected_ones(corrected, measured):
    np.testing.assert_array_equal(values(corrected, "M200c_uncorr"), values(measured, "M200c"))
    assert np.all(values(corrected, "M200c") < values(measured, "M200c"))
    for name in OF_THE_DATA:
        np.testing.assert_array_equal(values(corrected, name), values(measured, name))
    assert np.all(values(corrected, "M200c_p16") < values(corrected, "M200c"))
    assert np.all(values(corrected, "M200c") < values(corrected, "M200c_p84"))


def test_uncertain_masses_are_corrected_more(corrected, measured):
    width = np.log(values(measured, "M200c_p84") / values(measured, "M200c_p16"))
    shift = np.log(values(corrected, "M200c") / values(measured, "M200c"))
    faint, bright = values(measured, "sz_snr") < 6, values(measured, "sz_snr") > 15
    assert width[faint].mean() > width[bright].mean()
    assert shift[faint].mean() < shift[bright].mean() < -0.02


def test_every_mass_definition_has_its_uncorrected_column(corrected):
    for name, base in (("M500c_uncorr", "M200c_uncorr"), ("M500c", "M200c")):
        expected = convert_m200c(values(corrected, base) * 1e14, 0.7, "500c") / 1e14
        np.testing.assert_allclose(values(corrected, name), expected, rtol=1e-12)
    assert str(corrected.columns["M500c_uncorr"].unit) == str(corrected.columns["M500c"].unit)
    assert "flat in ln M200c" in corrected.columns["M500c_uncorr"].description


def test_the_header_says_which_prior(corrected, measured):
    assert measured.meta["SZM_PRI"] == "flat in ln M200c, 0.3 to 20 1e14 Msun"
    assert corrected.meta["SZM_PRI"] == (
        "mass function of Tinker et al. (2008), planck18, 0.3 to 20 1e14 Msun; "
        "M*_uncorr: flat in ln M200c, 0.3 to 20 1e14 Msun"
    )


def test_the_models_own_prior_by_name_changes_nothing(field, measure, tmp_path):
    paths = [tmp_path / "left_out.fits", tmp_path / "named.fits"]
    for path, options in zip(paths, ({}, {"prior": "flat-log"}), strict=True):
        measure(field.map_path, field.catalog_path, path, **options)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_prior_flat_in_m_gives_more(field, measure, measured):
    flat = measure(field.map_path, field.catalog_path, prior="flat")
    assert np.all(values(flat, "M200c") > values(measured, "M200c"))
    np.testing.assert_array_equal(values(flat, "M200c_uncorr"), values(measured, "M200c"))


def test_a_row_without_a_mass_has_none_under_any_prior(field, measure, tmp_path):
    lost = field.truth[:3].copy()
    lost["ra"][1] += 90.0
    lost.write(tmp_path / "in.csv")
    estimates = measure(field.map_path, tmp_path / "in.csv", prior="mass-function")
    for name in [*MASSES, "M200c_uncorr"]:
        assert np.isnan(values(estimates, name)).tolist() == [False, True, False]


def test_a_catalogue_that_has_the_uncorrected_column_is_refused(field, measure, measured, tmp_path):
    table = field.truth.copy()
    table["m200C_uncorr"] = 1.0
    table.write(tmp_path / "in.csv")
    with pytest.raises(InputError, match="already has what szmass would add: 'm200C_uncorr'"):
        measure(field.map_path, tmp_path / "in.csv", prior="mass-function")
    plain = measure(field.map_path, tmp_path / "in.csv")
    np.testing.assert_array_equal(values(plain, "M200c"), values(measured, "M200c"))


def test_the_command(field, corrected, szmass_here, tmp_path):
    arguments = (field.map_path, field.catalog_path, "--noise", "5", "-o", "out.csv")
    outcome = szmass_here("estimate", *arguments, "--prior", "mass-function", "--json", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    table = Table.read(tmp_path / "out.csv")
    added = [name for name in table.colnames if name not in field.truth.colnames]
    assert added == [*MASSES, "M200c_uncorr", *OF_THE_DATA]
    np.testing.assert_allclose(table["M200c"], values(corrected, "M200c"), rtol=1e-6)
    low, middle, high = json.loads(outcome.out)["m200c_1e14_msun"]
    np.testing.assert_allclose([low, middle, high], np.percentile(table["M200c"], [16, 50, 84]), atol=1e-4)
    assert "Tinker" in json.loads((tmp_path / "out.csv.meta.json").read_text())["meta"]["SZM_PRI"]


def test_shards_are_of_one_prior_and_merge_remembers_it(field, uncertain, szmass_here, tmp_path):
    run = (field.map_path, uncertain, "--noise", "5", "-o")
    prior = ("--prior", "mass-function")
    assert szmass_here("estimate", *run, "whole.fits", *prior, cwd=tmp_path).code == 0
    for shard in ("2/2", "1/2"):
        outcome = szmass_here("estimate", *run, "out.fits", *prior, "--shard", shard, cwd=tmp_path)
        assert outcome.code == 0, outcome.err
    outcome = szmass_here("estimate", *run, "out.fits", "--shard", "1/2", cwd=tmp_path)
    assert outcome.code == 2 and "holds parts of another run: other prior" in words(outcome.err)
    outcome = szmass_here("merge", "out.fits", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "out.fits").read_bytes() == (tmp_path / "whole.fits").read_bytes()


def test_an_unknown_prior_is_wrong_usage(field, szmass_fork, tmp_path):
    arguments = (field.map_path, field.catalog_path, "-o", "out.csv", "--prior", "mass-funktion")
    outcome = szmass_fork("estimate", *arguments, cwd=tmp_path)
    assert outcome.code == 2 and "Traceback" not in outcome.err
    assert "--prior: 'mass-funktion' is not a known prior. Did you mean mass-function?" in words(outcome.err)
    assert "Use flat-log, flat, mass-function" in words(outcome.err)
    assert not list(tmp_path.iterdir())


def test_from_a_script(field, corrected, measure):
    clusters = field.truth["ra", "dec", "redshift"]
    table = szmass_cli.estimate(field.map_path, clusters, noise=5, prior="mass-function", check=0)
    np.testing.assert_allclose(table["M200c"], values(corrected, "M200c"), rtol=1e-6)
    np.testing.assert_allclose(table["M200c_uncorr"], values(corrected, "M200c_uncorr"), rtol=1e-6)
    with pytest.raises(UsageError, match="'steep' is not a known prior"):
        szmass_cli.estimate(field.map_path, field.catalog_path, prior="steep")


# --- redshift errors ----------------------------------------------------------------------------------------


def test_masses_are_marginalised_where_there_is_an_error(field, measure, measured, uncertain):
    estimates = measure(field.map_path, uncertain)
    rows = np.arange(24) % 3 == 0
    for name in MASSES:
        np.testing.assert_array_equal(values(estimates, name)[~rows], values(measured, name)[~rows])
    for name in MASSES[:3]:
        ratio = np.log(values(estimates, name) / values(measured, name))[rows]
        # about z = 0.7 the network's answer depends little on redshift
        assert np.all(ratio != 0) and np.abs(ratio).max() < 0.1
    assert estimates.notes == (
        "8 of 24 rows have a redshift error (redshift_err): their masses are marginalised over it.",
    )
    assert estimates.meta["SZM_NOTE"] == estimates.notes[0]


def test_blocks_and_shuffling_change_no_byte(field, measure, uncertain, tmp_path, monkeypatch):
    monkeypatch.setattr(runplan, "STRIP_ROWS", 7)
    options = {"prior": "mass-function", "batch_size": 7}
    for rows in (1, 15, 1000):
        measure(field.map_path, uncertain, tmp_path / f"{rows}.fits", block_rows=rows, **options)
    first, *others = (path.read_bytes() for path in sorted(tmp_path.glob("*.fits")))
    assert len(others) == 2 and others == [first, first]
    order = np.random.default_rng(3).permutation(24)
    Table.read(uncertain)[order].write(tmp_path / "in.csv")
    shuffled = measure(field.map_path, tmp_path / "in.csv", **options)
    expected = Table.read(tmp_path / "1.fits")
    for name in [*MASSES, "M200c_uncorr"]:
        np.testing.assert_allclose(values(shuffled, name), np.asarray(expected[name])[order], rtol=1e-6)


def test_an_error_without_a_redshift_of_its_own_says_nothing(field, measure, tmp_path):
    table = field.truth[:2].copy()
    table["redshift"] = MaskedColumn(table["redshift"], mask=[True, False])
    table["zErr"] = 0.1
    table.write(tmp_path / "in.csv")
    estimates = measure(field.map_path, tmp_path / "in.csv")
    assert (
        "1 of 2 rows have a redshift error (zErr): their masses are marginalised over it." in estimates.notes
    )
    table.remove_column("zErr")
    table.write(tmp_path / "plain.csv")
    plain = measure(field.map_path, tmp_path / "plain.csv")
    assert values(estimates, "M200c")[0] == values(plain, "M200c")[0]
    assert values(estimates, "M200c")[1] != values(plain, "M200c")[1]


def test_a_model_of_one_redshift_cannot_use_errors(uncertain):
    catalog = read_catalog(uncertain)
    limits = RedshiftLimits((0.7, 0.7), (0.7, 0.7), marginalises=False)
    errors, notes = redshift_errors_to_use(catalog, catalog.redshift, limits)
    np.testing.assert_array_equal(errors, 0)
    assert notes == ("8 of 24 rows have a redshift error, which a model of one redshift cannot use.",)


@pytest.mark.parametrize("cell", ["", "nan", "--", "0", "-1", "-99", "inf"])
def test_what_stands_for_no_error(tmp_path, cell):
    (tmp_path / "in.csv").write_text(f"ra,dec,z,zErr\n1,2,0.5,0.03\n1,2,0.5,{cell}\n")
    np.testing.assert_array_equal(read_catalog(tmp_path / "in.csv").redshift_err, [0.03, np.nan])


def test_no_column_no_error(field):
    assert np.isnan(read_catalog(field.catalog_path).redshift_err).all()


def test_an_error_that_is_no_number_names_its_row(field, szmass_fork, tmp_path):
    (tmp_path / "in.csv").write_text("ra,dec,z,zErr\n40,-30,0.5,0.03\n40,-30,0.5,spec\n")
    outcome = szmass_fork("estimate", field.map_path, "in.csv", "-o", "out.csv", cwd=tmp_path)
    assert outcome.code == 2 and "column 'zErr', row 2: 'spec' is not a number" in words(outcome.err)


def test_errors_of_a_table_in_memory_belong_to_its_identity():
    table = Table({"ra": [1.0], "dec": [2.0], "z": [0.5], "dz": [0.1]})
    before = read_catalog(table).sha256()
    table["dz"] = 0.2
    assert read_catalog(table).sha256() != before
