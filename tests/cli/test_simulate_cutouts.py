"""`szmass simulate cutouts` as users call it: what it writes, and what it refuses."""

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import BeamedProfile, cluster_scales, compton_y

NO_SKY = "{tsz: 0, ksz: 0, dusty_poisson: 0, dusty_clustered: 0, radio: 0}"


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def files_in(folder):
    return {path.name for path in folder.iterdir()}


def test_several_bands_make_several_channels(folder, szmass_fork):
    outcome = szmass_fork("simulate", "cutouts", "-c", "spt-3g", "--n", 20, "-o", "c.h5", cwd=folder)
    assert outcome.code == 0, outcome.err
    assert "20 cutouts written to c.h5" in outcome.err and outcome.out == ""
    with h5py.File(folder / "c.h5") as file:
        assert file["image"].shape == file["sz"].shape == (20, 40, 40, 3)
        assert list(file["image"].attrs["frequency_ghz"]) == [95.7, 148.8, 220.2]
        low, middle, high = (np.abs(file["sz"][..., band]).max() for band in range(3))
        # f of 220.2 GHz is within a few per cent of none, and its sign depends on how hot the gas is
        assert low > middle > 10 * high and file["sz"][..., :2].max() < 0.1
    outcome = szmass_fork(
        "simulate", "cutouts", "-c", "spt-3g", "--freq", 150, "--n", 3, "-o", "one.h5", cwd=folder
    )
    assert outcome.code == 0, outcome.err
    with h5py.File(folder / "one.h5") as file:
        assert file["image"].shape == (3, 40, 40, 1)
    assert files_in(folder) == {"c.h5", "one.h5"}


def test_the_number_of_workers_changes_no_byte(folder, szmass_fork):
    for workers in (1, 2):
        name = f"{workers}.h5"
        arguments = ("-c", "so-lat", "--freq", "93,145", "--n", 600, "--workers", workers, "--seed", 4)
        assert szmass_fork("simulate", "cutouts", *arguments, "-o", name, cwd=folder).code == 0
    assert (folder / "1.h5").read_bytes() == (folder / "2.h5").read_bytes()


def test_a_realistic_sky_has_its_truth_in_the_file_and_a_gaussian_one_has_not(folder, szmass_fork):
    (folder / "two.yaml").write_text(
        "sky:\n  cmb: false\n  bands:\n  - {frequency_ghz: 95, beam_fwhm_arcmin: 1.6, noise_uk_arcmin: 5}\n"
        "  - {frequency_ghz: 150, beam_fwhm_arcmin: 1.2, noise_uk_arcmin: 5}\n"
    )
    for sky in ("realistic", "gaussian"):
        arguments = ("-c", "two.yaml", "--sky", sky, "--n", 5, "-o", f"{sky}.h5")
        outcome = szmass_fork("simulate", "cutouts", *arguments, cwd=folder)
        assert outcome.code == 0, outcome.err
    with h5py.File(folder / "realistic.h5") as file:
        assert file["filled"].shape == (5, 2) and np.all(file["dust_mjy"][:] > 0)
        assert {"radio_mjy", "velocity_km_s", "calibration"} <= set(file)
        assert "cluster_radio: 1.0" in file.attrs["config"]
    with h5py.File(folder / "gaussian.h5") as file:
        assert not {"filled", "dust_mjy", "calibration"} & set(file)
    outcome = szmass_fork("simulate", "cutouts", "-c", "two.yaml", "--sky", "real", "-o", "x.h5", cwd=folder)
    assert outcome.code == 2 and "realistic" in outcome.err


def test_irregular_clusters_are_not_round_and_their_halos_are_in_the_image_alone(folder, szmass_fork):
    pytest.importorskip("pitszi")
    (folder / "quiet.yaml").write_text(
        f"sky: {{cmb: false, foregrounds_dl3000_uk2: {NO_SKY}, noise_uk_arcmin: 1.0e-4}}\n"
        "clusters: {redshift: 0.7, masses: {kind: list, m200c_msun: [5.0e+14]}, shape: {kind: irregular},\n"
        "  concentration_scatter_ln: 0, relativistic: false}\n"
    )
    arguments = ("simulate", "cutouts", "-c", "quiet.yaml", "--seed", 2)
    assert szmass_fork(*arguments, "--n", 24, "-o", "c.h5", cwd=folder).code == 0
    assert szmass_fork(*arguments, "--n", 10, "--workers", 1, "-o", "some.h5", cwd=folder).code == 0
    with h5py.File(folder / "c.h5") as file, h5py.File(folder / "some.h5") as some:
        image, sz, amplitude = (file[name][()] for name in ("image", "sz", "amplitude"))
        for name in ("image", "sz", "m200c", "redshift", "amplitude"):
            np.testing.assert_array_equal(some[name][()], file[name][:10])
    sz = sz[..., 0]
    # another shape in each, none of them the same from left to right
    lopsided = np.abs(sz - sz[:, :, ::-1]).max(axis=(1, 2)) / np.abs(sz).max(axis=(1, 2))
    assert np.all(lopsided > 0.01)
    # a round one has -118.7 µK in the middle four pixels, 0.18' off (design, section 3), times the amplitude
    peak = sz[:, 19:21, 19:21].mean(axis=(1, 2)) / amplitude
    assert peak.mean() == pytest.approx(-118.7, rel=0.06) and 0.02 < peak.std() / -peak.mean() < 0.3
    # other halos only add decrements
    others = image[..., 0] - sz
    assert others.max() < 0.01 and others.min() < -1.0


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    """A Compton-y map of one cluster, 0.2' pixels that are means of 25 samples, and its halo catalogue."""
    folder = tmp_path_factory.mktemp("simulation")
    size, parts = 200, 5
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [30, 10], [100.5, 100.5], [-0.2 / 60, 0.2 / 60]
    fine = ((np.arange(size * parts) + 0.5) / parts - 100.0) * 0.2
    theta = np.linspace(0, 40, 50_000)
    y = np.interp(np.hypot(fine[:, None], fine[None, :]), theta, compton_y(5e14, 0.67, theta))
    y = y.reshape(size, parts, size, parts).mean(axis=(1, 3))
    header = wcs.to_header()
    header["BUNIT"] = "y"
    fits.PrimaryHDU(y, header).writeto(folder / "y.fits")
    table = Table(
        {
            "ra": [30.0, 30.3, 30.0],
            "dec": [10.0, 10.3, 10.0],
            "z": [0.67, 0.67, np.nan],
            "M200c": [5.0, 3.0, 3.0],
        }
    )
    table.write(folder / "halos.csv")
    return folder


def test_halos_of_a_simulation_get_a_sky(simulation, folder, szmass_fork):
    (folder / "cold.yaml").write_text(
        "sky:\n  bands:\n    - {frequency_ghz: 95.7, beam_fwhm_arcmin: 1.57, noise_uk_arcmin: 5.4}\n"
        "    - {frequency_ghz: 148.9, beam_fwhm_arcmin: 1.17, noise_uk_arcmin: 4.4}\n"
        "    - {frequency_ghz: 220.2, beam_fwhm_arcmin: 1.04, noise_uk_arcmin: 16.2}\n"
        "clusters: {relativistic: false}\n"
    )
    outcome = szmass_fork(
        "simulate", "cutouts", "--from-y-map", simulation / "y.fits", "--halos", simulation / "halos.csv",
        "-c", "cold.yaml", "--freq", "95,150GHz", "-o", "c.h5", cwd=folder,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "1 cutouts written" in outcome.err
    assert "1 halos left out" in outcome.err and "1 rows left out" in outcome.err
    with h5py.File(folder / "c.h5") as file:
        assert file["image"].shape == (1, 40, 40, 2)
        assert list(file["row"]) == [0] and list(file["redshift"]) == [0.67]
        assert file["m200c"][0] == pytest.approx(5e14)
        image, sz = file["image"][0], file["sz"][0]
    assert 20 < (image - sz)[..., 1].std() < 200
    # f(148.9) = -0.9671 and f(95.7) = -1.5477: Sunyaev & Zel'dovich (1972)
    scales = cluster_scales(5e14, 0.67)
    for channel, (f, fwhm) in enumerate([(-1.5477, 1.57), (-0.9671, 1.17)]):
        expected = BeamedProfile(Beam(fwhm))(scales.theta500_arcmin, pixel_radii_arcmin())
        expected = expected * scales.y_scale * f * 2.7255e6
        bright = np.abs(expected) > 0.01 * np.abs(expected).max()
        np.testing.assert_allclose(sz[..., channel][bright], expected[bright], rtol=0.01)


def test_halos_of_a_simulation_on_a_realistic_sky_shine(simulation, folder, szmass_fork):
    """What is painted goes on top of the map's own cluster, and the truth of it is written."""
    outcome = szmass_fork(
        "simulate", "cutouts", "--from-y-map", simulation / "y.fits", "--halos", simulation / "halos.csv",
        "-c", "spt-3g", "--sky", "realistic", "--freq", "95,150GHz", "-o", "real.h5", cwd=folder,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    with h5py.File(folder / "real.h5") as file:
        assert file["dust_mjy"].shape == file["velocity_km_s"].shape == (1,)
        assert file["dust_mjy"][0] > 0.0 and file["velocity_km_s"][0] != 0.0


REFUSED = {
    "negative noise": ("sky: {noise_uk_arcmin: -5}", "sky.noise_uk_arcmin"),
    "narrow beam": ("sky: {beam_fwhm_arcmin: 0.2}", "sky.beam_fwhm_arcmin"),
    "redshift zero": ("clusters: {redshift: 0}", "clusters.redshift"),
    "redshift below zero": ("clusters: {redshift: {kind: list, redshifts: [-1]}}", "redshift.redshifts.0"),
    "mass off range": ("clusters: {masses: {kind: list, m200c_msun: [1.0e+10]}}", "masses.m200c_msun.0"),
    "unknown component": ("sky: {foregrounds_dl3000_uk2: {cib: 3}}", "sky.foregrounds_dl3000_uk2.cib"),
    "no beam file": ("sky: {beam_file: nowhere.txt}", "beam_file"),
    "garbled beam file": ("sky: {beam_file: bytes.txt}", "beam_file"),
    "beam file in radians": ("sky: {beam_file: radians.txt}", "beam_file"),
    "too large on the sky": (
        "clusters: {redshift: 0.02, masses: {kind: list, m200c_msun: [5.0e+15]}}",
        "theta500",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_impossible_configurations_are_refused(text, words, folder, szmass_fork):
    (folder / "bytes.txt").write_bytes(b"\xff\xfe\x00\x81" * 50)
    theta = np.linspace(0, 0.003, 500)
    np.savetxt(folder / "radians.txt", np.column_stack([theta, np.exp(-((theta / 2e-4) ** 2))]))
    (folder / "survey.yaml").write_text(text)
    before = files_in(folder)
    outcome = szmass_fork("simulate", "cutouts", "-c", "survey.yaml", "--n", 10, "-o", "c.h5", cwd=folder)
    assert outcome.code == 2
    assert words in " ".join(outcome.err.split()) and "Traceback" not in outcome.err
    assert outcome.err.count("error") == 1
    assert files_in(folder) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--freq", "90"], "no band at 90 GHz"),
        (["--freq", "many"], "not frequencies"),
        (["--freq", "nan"], "not frequencies"),
        (["--freq", "0"], "not frequencies"),
        (["--from-y-map", "y.fits"], "go together"),
        (["--halos", "h.csv"], "go together"),
        (["--from-y-map", "y.fits", "--halos", "h.csv", "--n", "5"], "as many cutouts as halos"),
        (["--from-y-map", "y.fits", "--halos", "h.csv"], "y.fits"),
        (["-c", "nowhere.yaml"], "no configuration nowhere.yaml"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused(options, words, folder, szmass_fork):
    outcome = szmass_fork("simulate", "cutouts", *options, "-o", "c.h5", cwd=folder)
    assert outcome.code == 2 and words in " ".join(outcome.err.split())
    assert not files_in(folder)


def test_a_disk_that_fills_up_leaves_no_file(folder, szmass_fork):
    arguments = ("simulate", "cutouts", "--n", 2000, "-o", "c.h5")
    outcome = szmass_fork(*arguments, cwd=folder, largest_file=5_000_000)
    assert outcome.code == 1 and "could not be written" in outcome.err and "Traceback" not in outcome.err
    assert not files_in(folder)
