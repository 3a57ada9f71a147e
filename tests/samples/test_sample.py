"""`szmass population`: files in, table, figure and JSON out."""

import json

import numpy as np
import pytest
from astropy.table import Table

import szmass_cli
from szmass_cli.config.massscale import MassScaleConfig
from szmass_cli.errors import InputError
from szmass_cli.physics.cosmology import Cosmology, theta500_arcmin
from szmass_cli.physics.profiles import ARNAUD2010, cluster_scales
from szmass_cli.physics.sizenoise import SizeNoise
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.posteriorfile import written_posteriors
from szmass_cli.samples.sample import Request, read_sample
from szmass_cli.samples.selected import SnrCut

GRID = mass_grid((3e13, 2e15))
N, LOST = 400, 7
SLOPE, SCATTER, MIDDLE = 1.1, 0.3, float(np.log(3e14))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Likelihoods of clusters of known richness, with Gaussian errors of 0.25 in ln M."""
    folder = tmp_path_factory.mktemp("population")
    rng = np.random.default_rng(4)
    richness = np.exp(rng.uniform(np.log(20.0), np.log(120.0), N))
    ln_mass = MIDDLE + SLOPE * np.log(richness / 50.0) + SCATTER * rng.standard_normal(N)
    found = ln_mass + 0.25 * rng.standard_normal(N)
    ln_likelihood = -0.5 * ((GRID - found[:, None]) / 0.25) ** 2
    ln_likelihood[LOST] = np.nan
    redshift, flags = rng.uniform(0.2, 0.8, N), np.zeros(N, int)
    meta = {"SZM_MODL": "survey", "SZM_MSCL": ""}
    with written_posteriors(folder / "p.hdf5", GRID, redshift, flags, meta) as out:
        out.put(np.arange(N), ln_likelihood, normalised(ln_likelihood))
    Table({"richness": richness, "ra": redshift, "dec": redshift}).write(folder / "c.csv")
    return folder


def test_the_command_writes_table_picture_and_json(files, szmass_fork):
    done = szmass_fork(
        "population", "p.hdf5", "--by", "richness", "--catalog", "c.csv", "--bins", "20,40,70,120", "--slope",
        "-o", "out.ecsv", "--plot", "out.png", "--json", cwd=files,
    )  # fmt: skip
    assert done.code == 0, done.err
    said = json.loads(done.out)
    table = Table.read(files / "out.ecsv")
    assert [row["n_rows"] for row in said["bins"]] == list(table["n_rows"]) and table["n_rows"].sum() == N - 1
    for row in table:
        expected = MIDDLE + SLOPE * np.log(row["centre"] / 50.0)
        assert abs(row["ln_M200c"] - expected) < 4.0 * row["ln_M200c_err"] < 0.2
        assert abs(row["scatter"] - SCATTER) < 4.0 * row["scatter_err"]
        assert np.log(row["M200c"] * 1e14) == pytest.approx(row["ln_M200c"])
    assert said["POP_SLOP"] == pytest.approx(SLOPE, abs=4.0 * said["POP_ESLO"])
    assert said["POP_CUT"] == "none" and "without regard to its SZ signal" in said["POP_NOTE"]
    assert table.meta["POP_SCAT"] == pytest.approx(said["POP_SCAT"])
    assert (files / "out.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_fits_80_columns(files, szmass_fork):
    done = szmass_fork("population", "p.hdf5", "--by", "redshift", "--bins", "3", cwd=files)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) == 4 and "±" in lines[1]
    assert "1 rows have no likelihood" in done.err


def test_the_twin_gives_the_same_table_as_the_command(files):
    catalog = Table.read(files / "c.csv")
    table = szmass_cli.population(files / "p.hdf5", "richness", [20, 120], catalog=catalog)
    again = szmass_cli.population(files / "p.hdf5", "richness", [20, 120], catalog=files / "c.csv")
    assert table["ln_M200c"][0] == again["ln_M200c"][0]
    # without the slope the spread of richness counts as scatter
    spread = SLOPE * np.log(120.0 / 20.0) / np.sqrt(12.0)
    assert table["scatter"][0] == pytest.approx(np.hypot(SCATTER, spread), abs=0.06)


def test_a_bin_of_few_rows_is_empty_not_wrong(files):
    table = szmass_cli.population(
        files / "p.hdf5", "richness", [20, 119.9, 120, 500], catalog=files / "c.csv"
    )
    assert np.isnan(table["ln_M200c"][2]) and table["n_rows"][2] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "richness"], "Give the catalogue"),
        (["--by", "richnes", "--catalog", "c.csv"], "Did you mean richness?"),
        (["--by", "redshift", "--bins", "3,2"], "edges must ascend"),
        (["--by", "redshift", "--bins", "0"], "not 1 to 1000"),
        (["--by", "redshift", "--bins", "300"], "A bin needs"),
        (["--by", "redshift", "-o", "out.xyz"], "out.xyz"),
        (["--by", "redshift", "--plot", "p.hdf5"], "--plot"),
        (["--by", "redshift", "--snr-above", "5"], "sz_snr is not in"),
        (["--by", "dec", "--catalog", "short.csv"], "has 3 rows"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(files, szmass_fork, arguments, words):
    (files / "short.csv").write_text("ra,dec\n1,2\n1,2\n1,2\n")
    done = szmass_fork("population", "p.hdf5", *arguments, cwd=files)
    assert done.code == 2 and words in " ".join(done.err.replace("│", " ").split())
    assert not (files / "out.xyz").exists()


def test_a_file_that_holds_no_likelihoods_is_refused(tmp_path):
    (tmp_path / "p.hdf5").write_bytes(b"no")
    with pytest.raises(InputError, match="holds no posteriors"):
        read_sample(Request(tmp_path / "p.hdf5", "redshift"))


def with_snr(files):
    """The catalogue with columns that a cut in S/N needs."""
    table = Table.read(files / "c.csv")
    rng = np.random.default_rng(9)
    table["sz_snr"] = rng.uniform(2.0, 8.0, N)
    table["theta500_arcmin"] = rng.uniform(1.0, 4.0, N)
    table["y0_err"] = 1e-5 * table["theta500_arcmin"] ** -0.5
    return table


def test_a_cut_keeps_only_what_is_above_it_and_knows_its_chances(files):
    table = with_snr(files)
    sample = read_sample(Request(files / "p.hdf5", "richness", table, least_snr=5.0))
    above = table["sz_snr"] > 5.0
    assert len(sample) == int(above.sum()) - int(above[LOST]) and sample.n_below == N - int(above.sum())
    chance = sample.curves.selection
    assert chance.shape == sample.curves.likelihood.shape
    assert np.all(np.diff(chance, axis=1) >= 0.0) and chance[:, 0].max() < 0.01 and chance[:, -1].min() > 0.99


def test_the_chance_to_be_selected_is_what_drawing_clusters_gives():
    noise = SizeNoise.fitted(np.geomspace(0.8, 6.0, 50), 2e-5 * np.geomspace(0.8, 6.0, 50) ** -0.7)
    mass, z = np.log(np.array([2e14, 5e14])), np.array([0.5])
    chance = SnrCut(4.0, ARNAUD2010, 0.2).probability(mass, z, noise, np.array([1.3]))[0]
    rng = np.random.default_rng(3)
    for ln_mass, found in zip(mass, chance, strict=True):
        scales = cluster_scales(np.exp(ln_mass), 0.5)
        sigma = 1.3 * 2e-5 * scales.theta500_arcmin**-0.7
        snr = scales.y0 * np.exp(0.2 * rng.standard_normal(100_000)) / sigma + rng.standard_normal(100_000)
        assert found == pytest.approx(np.mean(snr > 4.0), abs=0.006)


def test_noise_by_size_is_recovered_through_rows_of_another_depth():
    rng = np.random.default_rng(2)
    size = theta500_arcmin(np.exp(rng.uniform(np.log(1e14), np.log(8e14), 300)), rng.uniform(0.2, 1.0, 300))
    depth = np.where(np.arange(300) % 10 == 0, 1.6, 1.0)
    error = depth * 3e-5 * size**-0.6
    noise = SizeNoise.fitted(size, error)
    np.testing.assert_allclose(noise(size), 3e-5 * size**-0.6, rtol=1e-3)
    np.testing.assert_allclose(noise.depth(size, error), depth, rtol=1e-3)
    np.testing.assert_allclose(noise(np.array([0.3, 20.0])), 3e-5 * np.array([0.3, 20.0]) ** -0.6, rtol=0.02)


# --- on another mass scale ----------------------------------------------------------------------------------


def test_means_move_as_the_mass_scale_says(files):
    catalog, scale = files / "c.csv", MassScale("bias", MassScaleConfig(one_minus_b=0.7))
    own = szmass_cli.population(files / "p.hdf5", "richness", [20, 40, 120], catalog=catalog, slope=True)
    moved = szmass_cli.population(
        files / "p.hdf5", "richness", [20, 40, 120], catalog=catalog, slope=True, mass_bias=0.3
    )
    for before, after in zip(own, moved, strict=True):
        expected = np.log(scale.m200c(np.exp(before["ln_M200c"]), np.array([0.5]), Cosmology()))[0]
        assert after["ln_M200c"] == pytest.approx(expected, abs=0.004)
        assert after["scatter"] == pytest.approx(before["scatter"], rel=0.05)
    assert moved.meta["POP_MSCL"].startswith("bias: 1-b 0.7") and own.meta["POP_MSCL"] == ""
    assert moved.meta["POP_SLOP"] == pytest.approx(own.meta["POP_SLOP"], rel=0.03)
    assert "ln_M200c_err_sys" not in moved.colnames


def test_a_scale_that_changes_with_redshift_is_that_of_each_row(tmp_path):
    """Masses that are alike on the true scale, 1-b of 0.8 to 0.6, are not on that of the model."""
    table = {"redshift": [0.2, 0.8], "value": [0.8, 0.6], "error": [0.05, 0.05]}
    (tmp_path / "mine.yaml").write_text(json.dumps({"one_minus_b": table}))
    scale, rng = (
        MassScale("mine", MassScaleConfig.model_validate({"one_minus_b": table})),
        np.random.default_rng(6),
    )
    redshift, n = np.linspace(0.21, 0.79, 2000), 2000
    true = MIDDLE + 0.3 * rng.standard_normal(n)
    of_model = np.log(scale.m200c(np.exp(GRID[None, ::10]), redshift[:, None], Cosmology()))
    own = np.array([np.interp(one, x, GRID[::10]) for one, x in zip(true, of_model, strict=True)])
    found = own + 0.25 * rng.standard_normal(n)
    ln_likelihood = -0.5 * ((GRID - found[:, None]) / 0.25) ** 2
    with written_posteriors(
        tmp_path / "p.hdf5", GRID, redshift, np.zeros(n, int), {"SZM_MODL": "survey"}
    ) as out:
        out.put(np.arange(n), ln_likelihood, normalised(ln_likelihood))
    edges = [0.2, 0.5, 0.8]
    means = szmass_cli.population(tmp_path / "p.hdf5", "redshift", edges, mass_scale=tmp_path / "mine.yaml")
    for row in means:
        assert abs(row["ln_M200c"] - MIDDLE) < 4.0 * row["ln_M200c_err"] < 0.06
        assert abs(row["scatter"] - 0.3) < 4.0 * row["scatter_err"] < 0.06
        assert 0.05 < row["ln_M200c_err_sys"] < 0.1
    plain = szmass_cli.population(tmp_path / "p.hdf5", "redshift", edges)
    assert plain["ln_M200c"][1] < MIDDLE - 0.3


def test_a_cut_in_snr_is_undone_on_another_scale_too(files):
    """The same clusters are chosen: what was inferred of them moves as every mass does."""
    columns = {"catalog": with_snr(files), "snr_above": 5.0}
    own = szmass_cli.population(files / "p.hdf5", "richness", [40, 120], **columns)
    moved = szmass_cli.population(files / "p.hdf5", "richness", [40, 120], mass_bias=0.3, **columns)
    scale = MassScale("bias", MassScaleConfig(one_minus_b=0.7))
    expected = np.log(scale.m200c(np.exp(own["ln_M200c"]), np.array([0.5]), Cosmology()))
    assert moved["ln_M200c"][0] == pytest.approx(expected[0], abs=0.01)
