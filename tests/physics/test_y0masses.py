"""Masses from ỹ0: each step by hand, clusters that were drawn, and the published masses of ACTPol's E-D56."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import kstest

from szmass_cli.errors import InputError
from szmass_cli.physics.massfunction import tabulated_halo_density
from szmass_cli.physics.y0masses import (
    LN_M500C,
    MassPrior,
    ln_posteriors,
    m200m_from_m500c,
    m500c_from_y0,
)
from szmass_cli.physics.y0relation import (
    H18_COSMOLOGY,
    H18_RICHNESS_CALIBRATION,
    FilterMismatch,
    HotGas,
    Y0Relation,
    relativistic_factor,
    y0_from_m500c,
)

ED56 = Path(__file__).resolve().parents[1] / "data" / "ed56"
COLD = Y0Relation(hot_gas=HotGas.NONE)
WHOLE = FilterMismatch(
    [0.01, 1.0, 10.0, 1000.0], [1.0, 1.0, 1.0, 1.0]
)  # a filter that finds all of any cluster


def expansion(z):
    return np.sqrt(0.3 * (1.0 + z) ** 3 + 0.7)


@pytest.fixture(scope="module")
def table():
    return Table.read(ED56 / "actpol_ed56.csv")


@pytest.fixture(scope="module")
def mismatch():
    return FilterMismatch.read(ED56 / "qfit.csv")


@pytest.fixture(scope="module")
def estimated(table, mismatch):
    """M500c [1e14 Msun] by prior."""
    measured = (table["y0tilde"] * 1e-4, table["y0tilde_err"] * 1e-4, table["z"])
    return {prior: m500c_from_y0(*measured, mismatch, prior) for prior in MassPrior}


def percentiles_of_difference(found, expected):
    """Return median and 95th percentile of |Δ ln M| in per cent."""
    difference = 100.0 * np.abs(np.log(np.asarray(found) / np.asarray(expected)))
    return np.percentile(difference, [50.0, 95.0])


def test_y0_is_the_relation_worked_out_by_hand(mismatch):
    # theta500 of 4e14 Msun at z = 0.6 by integral; Q between the two rows of the table beside it
    critical = 2.77537e11 * 0.7**2 * expansion(0.6) ** 2
    r500_mpc = (3.0 * 4e14 / (4.0 * np.pi * 500.0 * critical)) ** (1.0 / 3.0)
    distance = 299792.458 / 70.0 * quad(lambda z: 1.0 / expansion(z), 0.0, 0.6)[0] / 1.6
    theta500 = np.degrees(r500_mpc / distance) * 60.0
    assert 2.2 < theta500 < 2.3
    rows = Table.read(ED56 / "qfit.csv")
    q = np.interp(theta500, rows["theta500Arcmin"], rows["PRIMARY"])
    expected = 4.95e-5 * expansion(0.6) ** 2 * (4.0 / 3.0) ** 1.08 * q
    assert y0_from_m500c(4e14, 0.6, mismatch, COLD) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("mass", "kt_kev"), [(3e14, 4.3276), (9e14, 8.227)])
def test_hot_gas_makes_y0_fainter_as_published(mass, kt_kev):
    """At z = 0 and 148 GHz the first order of Itoh et al. (1998) is -3.79 kT/mc^2, the second about 28."""
    exact = relativistic_factor(mass, 0.0, Y0Relation(hot_gas=HotGas.EXACT))
    theta = kt_kev / 511.0
    assert exact == pytest.approx(1.0 - 3.79 * theta + 28.2 * theta**2, abs=2e-3)
    assert kt_kev == pytest.approx(5.0 * (mass / 3.84e14) ** (1 / 1.71), rel=1e-3)


def test_formula_of_148_ghz_is_as_stated_and_falls_with_mass():
    factor = relativistic_factor([3e14, 9e14], 0.0)
    t = 0.00848 * 3.0**-0.585
    assert factor == pytest.approx(
        [1 - 3.79 * 0.00848 - 28.2 * 0.00848**2, 1 - 3.79 * t - 28.2 * t**2], rel=1e-4
    )
    assert factor[1] > factor[0]


def test_bands_are_averaged_by_their_weights():
    def at(*bands):
        return relativistic_factor(8e14, 0.5, Y0Relation(hot_gas=HotGas.EXACT, frequency_weights=bands))

    low, high = at((98.0, 1.0)), at((150.0, 1.0))
    assert at((98.0, 1.0), (150.0, 3.0)) == pytest.approx(0.25 * low + 0.75 * high, rel=1e-9)
    assert low > high  # less of the effect is lost at low frequencies


@pytest.mark.parametrize("prior", list(MassPrior))
@pytest.mark.parametrize("hot_gas", list(HotGas))
def test_mass_is_where_the_posterior_found_otherwise_is_steepest_up_then_down(prior, hot_gas, mismatch):
    relation = Y0Relation(hot_gas=hot_gas)
    found = m500c_from_y0(1.1e-4, 1.5e-5, 0.45, mismatch, prior, relation)
    halos = tabulated_halo_density("500c", H18_COSMOLOGY)
    ln_prior = {"flat": lambda x, z: 0.0 * x, "mass-function": halos.ln_density}.get(
        prior, halos.ln_density_above
    )
    variance = np.log(1.0 + 1.5 / 11.0) ** 2 + 0.04

    def density(x):
        distance = np.log(1.1e-4 / y0_from_m500c(np.exp(x), 0.45, mismatch, relation))
        return np.exp(-0.5 * distance**2 / variance + ln_prior(x, 0.45) - ln_prior(np.log(3e14), 0.45))

    x = np.linspace(np.log(1e14), np.log(1e15), 200001)
    top = x[np.argmax(density(x))]
    assert np.log(found.m500c_msun[0]) == pytest.approx(top, abs=1e-4)
    total = quad(density, np.log(2e13), np.log(9e15), points=[top], limit=400)[0]
    half = brentq(lambda w: quad(density, top - w, top + w)[0] / total - 0.6827, 0.01, 2.0)
    assert found.err_plus_msun[0] == pytest.approx(np.exp(top) * np.expm1(half), rel=2e-3)
    assert found.err_minus_msun[0] == pytest.approx(np.exp(top) * -np.expm1(-half), rel=2e-3)


def test_without_mass_function_and_errors_a_mass_comes_back(mismatch):
    mass, z = np.array([1.2e14, 3e14, 1.1e15]), np.array([1.1, 0.4, 0.15])
    y0 = y0_from_m500c(mass, z, mismatch)
    found = m500c_from_y0(y0, 1e-3 * y0, z, mismatch, MassPrior.FLAT)
    assert found.m500c_msun == pytest.approx(mass, rel=1e-4)
    # of the scatter alone, with a relation of slope 1.08
    plain = m500c_from_y0(y0, 1e-6 * y0, z, WHOLE, MassPrior.FLAT, COLD)
    assert np.log1p(plain.err_plus_msun / plain.m500c_msun) == pytest.approx(0.2 / 1.08, rel=1e-3)


def test_clusters_that_were_drawn_lie_in_their_posteriors_as_often_as_these_say(mismatch):
    """Bayes' theorem wants dn/dlnM; all halos above a mass, as in nemo, are steeper: masses too low."""
    rng = np.random.default_rng(16)
    z = 0.5
    halos = tabulated_halo_density("500c", H18_COSMOLOGY)
    x = np.linspace(np.log(4e13), np.log(5e15), 4000)
    cumulative = np.cumsum(np.exp(halos.ln_density(x, z)))
    true = np.interp(rng.random(400_000), cumulative / cumulative[-1], x)
    y0 = y0_from_m500c(np.exp(true), z, mismatch) * np.exp(0.2 * rng.standard_normal(true.size))
    kept = np.flatnonzero(y0 > 8e-5)[:1500]  # a selection by what is measured leaves the posterior alone
    below = {}
    for prior in MassPrior:
        ln_p = ln_posteriors(y0[kept], 1e-9, np.full(kept.size, z), mismatch, prior)
        p = np.exp(ln_p - ln_p.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        below[prior] = (p * (true[kept, None] > LN_M500C)).sum(axis=1)
    assert kept.size == 1500
    assert kstest(below[MassPrior.MASS_FUNCTION], "uniform").pvalue > 0.01
    assert below[MassPrior.FLAT].mean() < 0.4
    assert 0.01 < np.mean(below[MassPrior.HALOS_ABOVE] - below[MassPrior.MASS_FUNCTION]) < 0.05


def test_masses_of_ed56_are_those_published(estimated, table):
    for column, prior in (("M500cUPP", MassPrior.HALOS_ABOVE), ("M500cUnc", MassPrior.FLAT)):
        found = estimated[prior]
        median, high = percentiles_of_difference(found.m500c_msun / 1e14, table[column])
        assert median < 1.5 and high < 3.5
        for side in ("Plus", "Minus"):
            error = getattr(found, f"err_{side.lower()}_msun") / 1e14
            assert percentiles_of_difference(error, table[f"{column}_err{side}"])[1] < 3.5


def test_effect_of_the_mass_function_in_ed56_is_that_published(estimated, table):
    found = estimated[MassPrior.HALOS_ABOVE].m500c_msun / estimated[MassPrior.FLAT].m500c_msun
    median, high = percentiles_of_difference(found, table["M500cUPP"] / table["M500cUnc"])
    assert median < 0.3 and high < 1.0


@pytest.mark.parametrize("kind", ["UPP", "Unc"])
def test_m200m_of_ed56_is_that_published(table, kind):
    found = m200m_from_m500c(table[f"M500c{kind}"] * 1e14, table["z"])
    assert percentiles_of_difference(found / 1e14, table[f"M200m{kind}"])[1] < 0.5


def test_calibrated_masses_of_ed56_are_those_published(table):
    found = table["M500cUPP"] / H18_RICHNESS_CALIBRATION
    np.testing.assert_allclose(found, table["M500cCal"], rtol=1e-6)


@pytest.mark.parametrize(("mass", "redshift"), [(2e14, 0.1), (9e14, 0.6)])
def test_m200m_is_the_same_halo(mass, redshift):
    """Put back through colossus with the same concentration."""
    from colossus.cosmology import cosmology
    from colossus.halo import mass_defs

    m200m = float(m200m_from_m500c(mass, redshift))
    h = H18_COSMOLOGY.use_in_colossus()
    growth = cosmology.getCurrent().growthFactor(redshift)
    nu = (1.12 * (m200m * h / 5e13) ** 0.3 + 0.53) / growth
    c = 9.0 * growth**1.15 * nu**-0.29
    back, _, _ = mass_defs.changeMassDefinition(m200m * h, c, redshift, "200m", "500c")
    assert back / h == pytest.approx(mass, rel=1e-3)


@pytest.mark.filterwarnings("ignore:Some masses or redshifts")
def test_m200m_with_exact_peak_heights_is_2_per_cent_larger(table):
    from colossus.halo import mass_adv

    h = H18_COSMOLOGY.use_in_colossus()
    rows = table[10:170:40]
    found = m200m_from_m500c(rows["M500cUPP"] * 1e14, rows["z"])
    exact = [
        mass_adv.changeMassDefinitionCModel(mass * 1e14 * h, z, "500c", "200m", c_model="bhattacharya13")[0]
        / h
        for mass, z in rows.iterrows("M500cUPP", "z")
    ]
    np.testing.assert_allclose(np.array(exact) / found, 1.02, atol=0.015)


def test_the_example_of_the_documentation_runs(monkeypatch, capsys):
    repository = Path(__file__).resolve().parents[2]
    example = (
        (repository / "docs" / "y0-masses.md").read_text().partition("```python\n")[2].partition("```")[0]
    )
    monkeypatch.chdir(repository)
    exec(example, {})
    assert "e+14" in capsys.readouterr().out


def test_missing_numbers_give_missing_masses(mismatch):
    y0 = np.ma.masked_array([1e-4, 1e-4, 1e-4, 1e-4], [False, True, False, False])
    found = m500c_from_y0(y0, [1e-5, 1e-5, np.nan, 1e-5], [0.3, 0.3, 0.3, np.nan], mismatch)
    assert np.array_equal(np.isnan(found.m500c_msun), [False, True, True, True])
    assert np.array_equal(np.isnan(found.err_plus_msun), [False, True, True, True])
    assert m500c_from_y0([], [], [], mismatch).m500c_msun.size == 0


@pytest.mark.parametrize(
    ("y0", "y0_err", "redshift", "named"),
    [
        (0.99, 1e-5, 0.3, "0.99 in row 2"),
        (-1e-5, 1e-5, 0.3, "-1e-05 in row 2"),
        (1e-4, 0.0, 0.3, "error of y0 is 0"),
        (1e-4, 1e-5, 5.0, "redshift = 5"),
        (9e-3, 1e-5, 0.3, r"row 2.*no mass"),
        (1e-9, 1e-10, 0.5, r"row 2.*no mass"),
    ],
)
def test_what_gives_no_mass_is_an_error_that_names_the_row(mismatch, y0, y0_err, redshift, named):
    with pytest.raises(InputError, match=named):
        m500c_from_y0([1e-4, y0], [1e-5, y0_err], [0.3, redshift], mismatch)


def test_rows_do_not_depend_on_their_neighbours(mismatch):
    z = np.linspace(0.1, 1.2, 1203)
    all_at_once = m500c_from_y0(1.2e-4, 2e-5, z, mismatch).m500c_msun
    alone = [m500c_from_y0(1.2e-4, 2e-5, z[i], mismatch).m500c_msun[0] for i in (0, 499, 500, 1202)]
    np.testing.assert_allclose(all_at_once[[0, 499, 500, 1202]], alone, rtol=1e-12)


def test_q_of_a_tile_is_read_by_its_name(tmp_path):
    path = tmp_path / "QFit.fits"
    columns = {"theta500Arcmin": [4.0, 2.0, 1.0, 0.5], "1_0_0": [1.2, 1.0, 0.5, 0.2], "1_0_1": [1.0] * 4}
    Table(columns).write(path)
    assert FilterMismatch.read(path, "1_0_0")([1.0, 2.0, 9.0]) == pytest.approx(
        [0.5, 1.0, np.nan], nan_ok=True
    )
    with pytest.raises(InputError, match="2 tiles"):
        FilterMismatch.read(path)
    with pytest.raises(InputError, match=r"no tile '1_0_2'.*Did you mean"):
        FilterMismatch.read(path, "1_0_2")


def test_q_of_a_tile_is_read_from_its_own_table_as_nemo_writes_it_today(tmp_path):
    path = tmp_path / "QFit.fits"
    names = {"1_0_0": 1.0, "1_0_1": 2.0}
    tables = [
        fits.BinTableHDU(
            Table({"theta500Arcmin": [0.5, 1.0, 2.0, 4.0], "Q": [0.2, 0.5, f, 1.2], "z": [0.0] * 4}), name=n
        )
        for n, f in names.items()
    ]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path)
    assert FilterMismatch.read(path, "1_0_1")(2.0) == pytest.approx(2.0)
    with pytest.raises(InputError, match="2 tiles"):
        FilterMismatch.read(path)


def test_what_is_no_table_of_q_is_refused(tmp_path):
    text = tmp_path / "q.csv"
    text.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="theta500Arcmin"):
        FilterMismatch.read(text)
    with pytest.raises(InputError, match="cannot be read"):
        FilterMismatch.read(tmp_path / "none.fits")
    with pytest.raises(InputError, match="ascending"):
        FilterMismatch([1.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0])
