"""`simulate field` as a stage: files, headers, what comes of them, and what is refused."""

import os
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from papersky import paper_clusters
from pixell import enmap
from surveys import QUIET, geometry, on_pixels, survey

from szmass_cli.config import FieldConfig, SurveyConfig, parse_config
from szmass_cli.errors import ConfigError, InputError, OutputError, SzmassError, UsageError
from szmass_cli.maps.cutouts import extract_cutouts
from szmass_cli.maps.reader import open_map
from szmass_cli.simulation import field as simulate_field
from szmass_cli.simulation.field import clusters_from_catalog, simulate_survey_field
from szmass_cli.simulation.fieldfiles import field_paths, truth_path
from szmass_cli.sky import footprint

FRAMES = [(order, frame) for order in ("ring", "nested") for frame in ("equatorial", "galactic")]
FILES = {"f.fits", "f_ivar.fits", "f_mask.fits", "f_truth.csv"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def yaml(text):
    """A configuration of quiet skies and small fields; see `QUIET`."""
    fields = "{tsz: 0, ksz: 0, dusty_poisson: 0, dusty_clustered: 0, radio: 0}"
    return parse_config(f"sky: {{cmb: false, foregrounds_dl3000_uk2: {fields}, {text}", "survey.yaml")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A CAR field with everything switched on."""
    folder = tmp_path_factory.mktemp("field")
    config = SurveyConfig(
        field=FieldConfig(
            width_deg=3, height_deg=2, apodisation_arcmin=10, holes_per_deg2=0.5, depth_variation=0.3
        ),
        clusters=paper_clusters(miscentring_arcmin=0.5),
    )
    return folder, simulate_survey_field(config, folder / "f.fits", seed=3, n_clusters=7)


def test_the_files_lie_beside_each_other(written):
    folder, field = written
    assert names(folder) == FILES
    assert {path.name for path in field.paths.all} == FILES


def test_names_of_files_follow_from_one_name():
    assert [p.name for p in field_paths(Path("a/x.fits.gz"), [150.0]).all] == [
        "x.fits.gz",
        "x_ivar.fits.gz",
        "x_mask.fits.gz",
        "x_truth.csv",
    ]
    assert [str(p) for p in field_paths(Path("a/x.fits"), [92.6, 150.0]).all] == [
        "a/x_92p6.fits",
        "a/x_150.fits",
        "a/x_92p6_ivar.fits",
        "a/x_150_ivar.fits",
        "a/x_mask.fits",
        "a/x_truth.csv",
    ]
    assert truth_path(Path("f.fits.gz")) == Path("f_truth.csv")


def test_headers_say_what_the_files_hold(written):
    folder, _ = written
    header, data = fits.getheader(folder / "f.fits"), fits.getdata(folder / "f.fits")
    assert header["BUNIT"] == "uK" and header["SEED"] == 3 and header["ORIGIN"].startswith("szmass")
    assert header["FREQ"] == 150.0 and header["BEAM"] == 1.0 and header["NOISE"] == 5.0
    assert header["CTYPE1"] == "RA---CAR" and header["CTYPE2"] == "DEC--CAR"
    assert abs(header["CDELT1"]) * 60 == pytest.approx(0.5, rel=1e-6)
    assert data.dtype == np.dtype(">f4") and data.shape == (240, 360)
    centre = WCS(header).pixel_to_world(179.5, 119.5)
    assert centre.separation(SkyCoord(0.0, -55.0, unit="deg")).arcmin < 0.5
    assert fits.getheader(folder / "f_ivar.fits")["BUNIT"] == "uK-2"
    mask = fits.getheader(folder / "f_mask.fits")
    assert mask["EXTNAME"] == "MASK" and "1 inside, 0 in holes" in mask.comments["EXTNAME"]
    assert "BUNIT" not in mask and mask["SEED"] == 3
    assert (mask["APOD"], mask["HOLERAD"], mask["HOLEDENS"]) == (10.0, 3.0, 0.5)
    for name in FILES - {"f_truth.csv"}:
        with fits.open(folder / name) as hdus:
            hdus.verify("exception")
            assert hdus[0].data.shape == (240, 360)
            assert (folder / name).stat().st_size % 2880 == 0
        assert enmap.read_map(str(folder / name)).wcs.wcs.crpix[1] == header["CRPIX2"]


def test_mask_map_and_inverse_variance_belong_together(written):
    folder, _ = written
    sky, ivar, mask = (fits.getdata(folder / f"f{part}.fits") for part in ("", "_ivar", "_mask"))
    assert mask.min() == 0 and mask.max() == 1 and 0 < np.mean((mask > 0) & (mask < 1)) < 1
    np.testing.assert_array_equal(sky[mask == 0], 0.0)
    np.testing.assert_array_equal(ivar > 0, mask > 0)


def test_the_truth_says_what_was_painted_and_can_be_fed_back(written, tmp_path):
    folder, field = written
    truth = Table.read(folder / "f_truth.csv")
    assert len(truth) == 7
    for name in ("ra", "dec", "redshift", "M200c_true", "amplitude_true", "ra_painted", "dec_painted"):
        np.testing.assert_allclose(truth[name], field.truth[name])
    config = survey(QUIET)
    again = simulate_survey_field(config, tmp_path / "g.fits", seed=1, catalog=folder / "f_truth.csv")
    np.testing.assert_allclose(again.truth["M200c_true"], truth["M200c_true"])
    np.testing.assert_allclose(again.truth["ra"], truth["ra"])
    assert list(again.truth["name"]) == list(truth["name"])


@pytest.mark.parametrize("taken", sorted(FILES))
def test_no_file_is_overwritten_unasked(tmp_path, taken):
    (tmp_path / taken).write_text("precious")
    with pytest.raises(OutputError, match=taken):
        simulate_survey_field(survey(), tmp_path / "f.fits", seed=1, n_clusters=2)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [(taken, "precious")]
    simulate_survey_field(survey(), tmp_path / "f.fits", seed=1, n_clusters=2, overwrite=True)
    assert names(tmp_path) == FILES and len(Table.read(tmp_path / "f_truth.csv")) == 2


@pytest.mark.parametrize("old", [set(), {"f.fits", "f_mask.fits"}], ids=["new", "overwriting"])
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_if_one_file_cannot_be_put_in_its_place_none_is(tmp_path, monkeypatch, old, nth):
    for name in old:
        (tmp_path / name).write_text("last week's")
    replace, calls = os.replace, []

    def fail_once(source, target):
        calls.append(target)
        if len(calls) == nth:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_once)
    with pytest.raises(SzmassError, match="could not be written: No space left"):
        simulate_survey_field(survey(), tmp_path / "f.fits", seed=1, n_clusters=2, overwrite=True)
    assert names(tmp_path) == old
    assert all((tmp_path / name).read_text() == "last week's" for name in old)


def test_a_disk_that_fills_up_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("szmass_cli.simulation.fitsmap.open", full, raising=False)
    with pytest.raises(SzmassError, match=r"f\.fits: could not be written: No space left on device"):
        simulate_survey_field(survey(), tmp_path / "f.fits", seed=1, n_clusters=2)
    assert names(tmp_path) == set()


def test_a_compressed_field_is_the_same(tmp_path):
    for name in ("f.fits", "g.fits.gz"):
        simulate_survey_field(survey(), tmp_path / name, seed=1, n_clusters=2)
    for part in ("", "_ivar", "_mask"):
        plain, packed = (
            fits.getdata(tmp_path / f"{n}{part}.{s}") for n, s in (("f", "fits"), ("g", "fits.gz"))
        )
        np.testing.assert_array_equal(plain, packed)
    assert (tmp_path / "g.fits.gz").read_bytes()[:2] == b"\x1f\x8b"


PARTIAL = {"width_deg": 4.0, "height_deg": 3.0, "nside": 1024}
FULL = {"width_deg": 360.0, "height_deg": 180.0, "nside": 512}


@pytest.fixture(
    scope="module",
    params=[(extent, order, frame) for extent in (PARTIAL, FULL) for order, frame in FRAMES],
    ids=lambda case: f"nside {case[0]['nside']} {case[1]} {case[2]}",
)
def healpix_field(request, tmp_path_factory):
    """A lone cluster of 1.5e15 Msun behind an 8' beam at (0.3, -54.2), with the map's settings."""
    extent, order, frame = request.param
    folder = tmp_path_factory.mktemp("healpix")
    settings = FieldConfig(pixelisation="healpix", order=order, frame=frame, center_ra_deg=359.5, **extent)
    text = "beam_fwhm_arcmin: 8.0, noise_uk_arcmin: 1.0e-4}\nclusters: {sz_scatter_ln: 0}"
    config = yaml(text).model_copy(update={"field": settings})
    (folder / "in.csv").write_text("name,ra,dec,redshift,M200c\na,0.3,-54.2,0.5,15\n")
    simulate_survey_field(config, folder / "f.fits", seed=1, catalog=folder / "in.csv")
    return folder, settings


def test_healpix_maps_are_read_by_healpy(healpix_field):
    """The peak is where astropy says, and inverse variance and mask have the same pixels."""
    folder, settings = healpix_field
    sky, header = healpy.read_map(folder / "f.fits", nest=None, h=True, dtype=float)
    header = dict(header)
    assert header["ORDERING"] == settings.order.upper()
    assert header["COORDSYS"] == {"equatorial": "C", "galactic": "G"}[settings.frame]
    assert header["FREQ"] == 150 and header["BEAM"] == 8.0 and header["BUNIT"] == "uK"
    assert "uK" in (header["TUNIT1"] if "TUNIT1" in header else header["TUNIT2"])
    seen, nested = sky != healpy.UNSEEN, settings.order == "nested"
    lon, lat = healpy.pix2ang(
        settings.nside, int(np.argmin(np.where(seen, sky, 0.0))), nest=nested, lonlat=True
    )
    found = SkyCoord(lon, lat, unit="deg", frame="galactic" if settings.frame == "galactic" else "icrs")
    pixel_arcmin = healpy.nside2resol(settings.nside, arcmin=True)
    assert found.separation(SkyCoord(0.3, -54.2, unit="deg")).arcmin < pixel_arcmin
    ivar, mask = (
        healpy.read_map(folder / f"f_{part}.fits", nest=None, dtype=float) for part in ("ivar", "mask")
    )
    np.testing.assert_array_equal(ivar != healpy.UNSEEN, seen)
    np.testing.assert_array_equal(mask[seen], 1.0)
    np.testing.assert_allclose(ivar[seen], pixel_arcmin**2 / 1e-4**2, rtol=1e-5)
    area_deg2 = seen.sum() * (pixel_arcmin / 60) ** 2
    expected = 41_253.0 if settings.width_deg == 360 else 4.0 * 3.0 * np.cos(np.radians(55))
    assert area_deg2 == pytest.approx(expected, rel=0.03)


def test_healpix_maps_are_read_by_us(healpix_field):
    folder, _ = healpix_field
    sky_map = open_map(folder / "f.fits")
    assert sky_map.assumptions == () and sky_map.units.source == "header"
    facts = sky_map.instrument.facts
    assert facts.beam.value == 8.0 and facts.frequency_ghz.value == 150
    cutout = extract_cutouts(sky_map, np.array([0.3]), np.array([-54.2]))
    assert not cutout.bad.any()
    sky = healpy.read_map(folder / "f.fits", nest=None, dtype=float)
    # the peak lies between pixels, 3.4' wide in one of the maps and 6.9' in the other
    assert cutout.images[0, 19:21, 19:21].mean() == pytest.approx(sky[sky != healpy.UNSEEN].min(), rel=0.1)


def test_bands_have_a_map_each_and_share_what_they_look_at(tmp_path):
    low = "{frequency_ghz: 95, beam_fwhm_arcmin: 1.5, noise_uk_arcmin: 4}"
    bands = f"bands: [{low}, {{frequency_ghz: 150, beam_fwhm_arcmin: 1.0}}]"
    config = parse_config(f"sky: {{{bands}}}\nfield: {{width_deg: 2, height_deg: 1}}", "survey.yaml")
    field = simulate_survey_field(config, tmp_path / "f.fits", seed=5, n_clusters=2)
    assert names(tmp_path) == {
        "f_95.fits",
        "f_150.fits",
        "f_95_ivar.fits",
        "f_150_ivar.fits",
        "f_mask.fits",
        "f_truth.csv",
    }
    headers = [fits.getheader(path) for path in field.paths.maps]
    assert [h["FREQ"] for h in headers] == [95, 150] and [h["BEAM"] for h in headers] == [1.5, 1.0]
    assert [h["NOISE"] for h in headers] == [4, 5]
    low, high = (fits.getdata(path) for path in field.paths.maps)
    # the CMB dominates both; noise of 8 and 10 µK a pixel does not
    assert np.corrcoef(low.ravel(), high.ravel())[0, 1] > 0.95
    ivars = [fits.getdata(path) for path in field.paths.ivars]
    np.testing.assert_allclose(ivars[0] / ivars[1], (5 / 4) ** 2, rtol=1e-5)


def test_a_measured_beam_is_painted_with_its_wings(tmp_path):
    """A beam file of a Gaussian and a pedestal: far out only the pedestal's share of the flux is left."""
    ell = np.arange(0.0, 30_000.0, 10.0)

    def gaussian(fwhm_arcmin):
        return np.exp(-0.5 * (ell * np.radians(fwhm_arcmin / 60) / 2.354820) ** 2)

    np.savetxt(tmp_path / "beam.txt", np.column_stack([ell, 0.95 * gaussian(1.4) + 0.05 * gaussian(30.0)]))
    (tmp_path / "in.csv").write_text("name,ra,dec,redshift,M200c\na,0,0,0.7,8\n")
    where = "field: {width_deg: 3, height_deg: 3, center_dec_deg: 0}\nclusters: {sz_scatter_ln: 0}"
    totals = {}
    for name, beam in (("plain", "beam_fwhm_arcmin: 1.4"), ("wings", f"beam_file: {tmp_path}/beam.txt")):
        config = yaml(f"{beam}, noise_uk_arcmin: 1.0e-5}}\n{where}")
        simulate_survey_field(config, tmp_path / f"{name}.fits", seed=1, catalog=tmp_path / "in.csv")
        sky = fits.getdata(tmp_path / f"{name}.fits").astype(float)
        y, x = np.mgrid[:360, :360] - 179.5
        totals[name] = sky.sum(), sky[np.hypot(x, y) * 0.5 < 16].sum()
    assert totals["plain"][1] == pytest.approx(totals["plain"][0], rel=1e-3)
    # of a 30' Gaussian 45 per cent lie beyond 16'; the cluster itself is small
    assert totals["wings"][0] == pytest.approx(totals["plain"][0], rel=0.01)
    assert 1 - totals["wings"][1] / totals["wings"][0] == pytest.approx(0.05 * 0.45, abs=0.004)


def test_the_seed_alone_decides(tmp_path, monkeypatch):
    """The same bytes again, in blocks of another size too; other bytes with another seed."""
    config = SurveyConfig(field=FieldConfig(width_deg=1, height_deg=1, depth_variation=0.2, holes_per_deg2=2))
    curved = SurveyConfig(
        field=FieldConfig(pixelisation="healpix", nside=512, width_deg=40, height_deg=20, center_dec_deg=0),
        sky=SurveyConfig().sky.model_validate({"beam_fwhm_arcmin": 9.0}),
    )
    for number, setup in enumerate((config, curved)):
        for name, seed in (("one", 4), ("two", 4), ("other", 5)):
            if name == "two":
                monkeypatch.setattr("szmass_cli.sky.pixels.BLOCK_PIXELS", 1000)
                monkeypatch.setattr("szmass_cli.sky.harmonics.BLOCK_RINGS", 77)
                monkeypatch.setattr("szmass_cli.sky.harmonics._BLOCK_M", 33)
            simulate_survey_field(setup, tmp_path / f"{name}{number}.fits", seed=seed, n_clusters=3)
            monkeypatch.undo()
        for part in (".fits", "_ivar.fits", "_mask.fits", "_truth.csv"):
            one, two = ((tmp_path / f"{n}{number}{part}").read_bytes() for n in ("one", "two"))
            assert one == two
        one, other = ((tmp_path / f"{n}{number}.fits").read_bytes() for n in ("one", "other"))
        assert one.replace(b"4", b"5") != other.replace(b"4", b"5")


def test_progress_counts_to_the_end(tmp_path):
    seen = {}

    def progress(task, done, total, detail=""):
        assert 0 <= done <= total
        seen[task] = (done, total)

    config = SurveyConfig(
        field=FieldConfig(width_deg=1, height_deg=1, holes_per_deg2=10, apodisation_arcmin=5)
    )
    simulate_survey_field(config, tmp_path / "f.fits", seed=1, n_clusters=2, progress=progress)
    assert {"mask", "holes", "spectra", "plane", "sky", "clusters", "noise", "writing"} <= seen.keys()
    assert all(done == total for done, total in seen.values())


def test_clusters_of_a_catalogue_are_painted_where_they_are(tmp_path):
    config = survey(center_ra_deg=0.0, center_dec_deg=-55.0)
    ra, dec = on_pixels(config, [(60, 60), (120, 300)])
    lines = ["name,ra,dec,redshift,M200c", f"a,{ra[0]},{dec[0]},0.7,5.0", f"b,{ra[1]},{dec[1]},0.7,2.0"]
    lines += ["no redshift,0.0,-55.0,,5.0", "no mass,0.0,-55.0,0.7,"]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    clusters = clusters_from_catalog(tmp_path / "in.csv")
    assert list(clusters.name) == ["a", "b"]
    np.testing.assert_allclose(clusters.m200c_msun, [5e14, 2e14])
    simulate_survey_field(config, tmp_path / "f.fits", seed=1, catalog=tmp_path / "in.csv")
    sky = fits.getdata(tmp_path / "f.fits")
    assert sky.shape == geometry(config)[0]
    assert sky[60, 60] == pytest.approx(-122.4, rel=0.005)
    assert sky[120, 300] == pytest.approx(-33.7, rel=0.005)


# --- what is refused ----------------------------------------------------------------------------------------


def refused(tmp_path, kind, match, text="", **options):
    with pytest.raises(kind, match=match) as error:
        simulate_survey_field(parse_config(text, "survey.yaml"), tmp_path / "f.fits", seed=1, **options)
    assert error.value.hint
    assert names(tmp_path) <= {"in.csv", "beam.txt"}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("field: {width_deg: 361}", "field.width_deg"),
        ("field: {height_deg: 181}", "field.height_deg"),
        (
            "field: {center_dec_deg: 80, height_deg: 30}",
            "center_dec_deg and height_deg reach beyond",
        ),
        ("field: {center_dec_deg: 85, height_deg: 9}", "beyond .dec. = 89 deg.*pixelisation: healpix"),
        ("field: {height_deg: 180}", "beyond .dec. = 89 deg"),
        ("field: {pixelisation: healpix, nside: 3000}", "nside must be a power of two"),
        ("field: {height_deg: 1, apodisation_arcmin: 31}", "apodisation_arcmin must be less than half"),
        ("field: {depth_variation: 1}", "field.depth_variation"),
        ("field: {frame: ecliptic}", "field.frame"),
        (
            "field: {pixel_arcmin: 1.1}",
            "field.pixel_arcmin = 1.1: pixels of 1.1' are wider.*of 1'",
        ),
        (
            "field: {pixelisation: healpix, nside: 2048}",
            "nside = 2048: pixels of 1.72'.*sky.beam_fwhm_arcmin",
        ),
    ],
)
def test_fields_that_cannot_be_are_refused(tmp_path, text, match):
    refused(tmp_path, ConfigError, f"(?s){match}", text, n_clusters=2)


def test_one_band_with_too_sharp_a_beam_is_named(tmp_path):
    bands = "{frequency_ghz: 95, beam_fwhm_arcmin: 2}, {frequency_ghz: 220, beam_fwhm_arcmin: 0.8}"
    text = f"sky: {{bands: [{bands}]}}\nfield: {{pixel_arcmin: 1}}"
    refused(tmp_path, ConfigError, "beam of 0.8' at 220 GHz", text, n_clusters=2)


def test_a_field_that_does_not_fit_into_memory_or_on_the_disk_is_refused_with_numbers(tmp_path, monkeypatch):
    whole = "field: {pixelisation: healpix, nside: 8192, width_deg: 360, height_deg: 180}"
    monkeypatch.setattr(footprint, "available_bytes", lambda: 8e9)
    refused(
        tmp_path,
        ConfigError,
        r"805,306,368 pixels need \d+\.\d GB of memory, and 8\.0 GB",
        whole,
        n_clusters=2,
    )
    usage = type("Usage", (), {"free": 1e9})
    monkeypatch.setattr(simulate_field.shutil, "disk_usage", lambda _: usage)
    # map, inverse variance and mask of 4 bytes a pixel
    refused(tmp_path, OutputError, r"take 9\.7 GB, and 1\.0 GB are free", whole, n_clusters=2)


def test_no_cluster_in_the_field_is_refused(tmp_path):
    (tmp_path / "in.csv").write_text("name,ra,dec,redshift,M200c\na,180,0,0.7,5\n")
    refused(tmp_path, InputError, "No cluster lies inside the field", catalog=tmp_path / "in.csv")


def test_a_catalogue_and_a_number_are_two_sets_of_clusters(tmp_path):
    (tmp_path / "in.csv").write_text("name,ra,dec,redshift,M200c\na,0,-55,0.7,5\n")
    refused(tmp_path, UsageError, "--n-clusters", catalog=tmp_path / "in.csv", n_clusters=3)


def test_inputs_are_never_replaced(tmp_path):
    (tmp_path / "f_truth.csv").write_text("name,ra,dec,redshift,M200c\na,0,-55,0.7,5\n")
    with pytest.raises(UsageError, match="is an input"):
        simulate_survey_field(
            survey(), tmp_path / "f.fits", seed=1, catalog=tmp_path / "f_truth.csv", overwrite=True
        )
    assert names(tmp_path) == {"f_truth.csv"}


def test_headers_state_noise_filter_pixels_and_passband(tmp_path):
    """Of bands as ACT has them: what a Gaussian beam is stays BEAM, what is in files is named."""
    np.savetxt(tmp_path / "tf.txt", [[0, 0.5], [1000, 1.0], [30_000, 1.0]])
    np.savetxt(tmp_path / "noise.txt", [[1, 1e-3], [1000, 1e-5], [3000, 1e-6]])
    sky = {
        "noise_correlation": 0.9,
        "cmb": False,
        "bands": [
            {
                "frequency_ghz": "f090",
                "passband_file": "preset:act_dr6/passband_f090.txt",
                "beam_file": "preset:act_dr6/beam_f090.txt",
                "noise_uk_arcmin": 14,
                "ell_knee": 2000,
            },
            {
                "frequency_ghz": 150,
                "transfer_file": tmp_path / "tf.txt",
                "noise_file": tmp_path / "noise.txt",
            },
        ],
    }
    small = {"width_deg": 0.5, "height_deg": 0.5, "pixel_averaging": True}
    config = SurveyConfig.model_validate({"sky": sky, "field": small})
    paths = simulate_survey_field(config, tmp_path / "f.fits", seed=1, n_clusters=1).paths
    low, high = (fits.getheader(path) for path in paths.maps)
    # the SZ effect in this passband, as for a map at 96.8 GHz
    assert low["FREQ"] == pytest.approx(96.8, abs=0.05) and high["FREQ"] == 150
    assert (low["NOISE"], low["LKNEE"], low["NSLOPE"], low["NOISECOR"]) == (14, 2000, -3.5, 0.9)
    assert low["BEAMFILE"] == "preset:act_dr6/beam_f090.txt" and low["PASSBAND"].endswith("band_f090.txt")
    assert "BEAM" not in low and "TRANSFER" not in low and low["PIXWIN"] == high["PIXWIN"] == 0.5
    assert high["BEAM"] == 1.0 and high["TRANSFER"] == "tf.txt" and high["NOISEFIL"] == "noise.txt"
    assert high["NOISE"] == pytest.approx(1e-3 * 10_800 / np.pi) and "LKNEE" not in high
