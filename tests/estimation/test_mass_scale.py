"""`--mass-scale` and `--mass-bias`, from the command to the columns."""

import hashlib

import numpy as np
import pytest
from astropy.table import Table

import szmass_cli
from szmass_cli.errors import UsageError
from szmass_cli.physics.cosmology import m200c_from_m500c, m500c_from_m200c


def column(estimates, name):
    return np.asarray(estimates.columns[name])


def test_a_bias_divides_masses_and_leaves_observables(field, measure, measured):
    z = np.asarray(field.truth["redshift"])
    found = measure(field.map_path, field.catalog_path, mass_bias=0.3, mass_definitions=["500c"])
    expected = m500c_from_m200c(column(measured, "M200c") * 1e14, z) / 0.7 / 1e14
    np.testing.assert_allclose(column(found, "M500c"), expected, rtol=2e-3)
    for name in ("sz_snr", "y0", "theta500_arcmin", "szmass_flags"):
        np.testing.assert_allclose(column(found, name), column(measured, name), rtol=1e-6)
    assert found.meta["SZM_MSCL"].startswith("bias: 1-b 0.7")
    assert "M500c_err_sys" not in found.columns.colnames and "M500c_uncorr" not in found.columns.colnames


def test_a_scale_has_its_own_error_in_a_column_of_its_own(field, measure, measured):
    z = np.asarray(field.truth["redshift"])
    found = measure(field.map_path, field.catalog_path, mass_scale="act-kids")
    m500c = m500c_from_m200c(column(measured, "M200c") * 1e14, z) / 0.65
    np.testing.assert_allclose(column(found, "M200c") * 1e14, m200c_from_m500c(m500c, z), rtol=2e-3)
    systematic = column(found, "M200c_err_sys") / column(found, "M200c")
    np.testing.assert_allclose(systematic, 0.05 / 0.65, rtol=0.05)  # which is that of M500c
    statistical = column(found, "M200c_err_plus") / column(found, "M200c")
    np.testing.assert_allclose(
        statistical, column(measured, "M200c_err_plus") / column(measured, "M200c"), rtol=0.02
    )


def test_the_mass_function_is_of_the_masses_on_the_scale(field, measure):
    plain = measure(field.map_path, field.catalog_path, prior="mass-function")
    scaled = measure(field.map_path, field.catalog_path, prior="mass-function", mass_bias=0.3)
    # heavier clusters are rarer: their masses are corrected by more
    ratio = [column(one, "M200c") / column(one, "M200c_uncorr") for one in (plain, scaled)]
    assert np.all(ratio[1] < ratio[0])
    assert "M*_uncorr" in scaled.meta["SZM_PRI"]


def test_the_command_takes_a_file_and_shards_remember_it(field, szmass_here, tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "one_minus_b: {redshift: [0.3, 0.6], value: [0.8, 0.7]}\nscatter_ln: 0.1\nsource: mine\n"
    )
    arguments = (field.map_path, field.catalog_path, "--noise", "5", "--mass-scale", "mine.yaml")
    outcome = szmass_here("estimate", *arguments, "-o", "out.fits", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "24 rows are beyond the redshifts of the mass scale mine.yaml" in " ".join(outcome.err.split())
    assert "mass scale mine.yaml: 1-b 0.8/0.7 at z 0.3/0.6" in " ".join(outcome.err.split())
    for shard in ("1/2", "2/2"):
        assert szmass_here("estimate", *arguments, "-o", "s.fits", "--shard", shard, cwd=tmp_path).code == 0
    other = ("--mass-bias", "0.2", "-o", "s.fits", "--shard", "1/2")
    refused = szmass_here("estimate", *arguments[:4], *other, cwd=tmp_path)
    assert refused.code == 2 and "mass scale" in refused.err
    assert szmass_here("merge", "s.fits", cwd=tmp_path).code == 0
    whole, shards = (Table.read(tmp_path / name) for name in ("out.fits", "s.fits"))
    np.testing.assert_array_equal(whole["M200c"], shards["M200c"])
    assert whole.meta["SZM_SCAT"] == 0.1 and "mine" in whole.meta["SZM_MSCL"]
    assert whole.meta["SZM_MSCH"] == hashlib.sha256((tmp_path / "mine.yaml").read_bytes()).hexdigest()


def test_uncertain_redshifts_are_told_of_where_the_scale_depends_on_them(field, measure, tmp_path):
    table = field.truth.copy()
    table["redshift_err"] = np.tile([0.1, 0.0], 12)
    table.write(tmp_path / "in.csv")
    notes = {
        name: " ".join(measure(field.map_path, tmp_path / "in.csv", mass_scale=name).notes)
        for name in ("act-des", "act-kids")
    }
    assert "of 12 rows whose redshift is uncertain or unknown" in notes["act-des"]
    assert "mass scale" not in notes["act-kids"]


def test_what_excludes_each_other_is_refused(field, tmp_path):
    inputs = (field.map_path, field.catalog_path)
    with pytest.raises(UsageError, match="both given"):
        szmass_cli.estimate(*inputs, mass_scale="a10", mass_bias=0.2)
    with pytest.raises(UsageError, match=r"--mass-bias 0\.8"):
        szmass_cli.estimate(*inputs, mass_bias=0.8)
    with pytest.raises(UsageError, match="--posteriors are on the model's own mass scale"):
        szmass_cli.estimate(*inputs, mass_bias=0.2, posteriors=tmp_path / "p.hdf5")
