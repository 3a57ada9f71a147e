"""Noise measured in maps of known power: level, depth, splits, filters, and maps that cannot be used."""

import json
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from mocknoise import ARCMIN, PIXEL_ARCMIN, drawn, plane, rows_within, write_car

from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.looks import look_at
from szmass_cli.estimation.noisemeasure import NoiseMeter
from szmass_cli.estimation.noiseregions import regions_around
from szmass_cli.estimation.noisesettling import settled_noise
from szmass_cli.estimation.request import MapRequest
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.system.progress import silent

N = 480
WHITE_UK_ARCMIN, KNEE, SLOPE = 12.0, 4000.0, -3.5


@pytest.fixture(scope="module")
def sky():
    return read_bundle("survey").sky_model


@pytest.fixture(scope="module")
def seen(sky):
    """Sky of 4 x 4 degrees behind a beam of 1.4', and two noises of its kind, not yet scaled."""
    rng = np.random.default_rng(7)
    ell = np.hypot(*plane(N))
    band = Band(150.0, Beam(1.4), 1.0)
    power = sky.power((band,)).cl(ell.ravel())[0, 0].reshape(N, N)
    noise = (WHITE_UK_ARCMIN * ARCMIN) ** 2 * (1.0 + (np.maximum(ell, 100.0) / KNEE) ** SLOPE)
    signal = drawn(power * band.optics.b_ell(ell) ** 2, rng)
    return signal, drawn(noise, rng), drawn(noise, rng)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, seen):
    """A map with its splits, inverse variances, filtered and scaled."""
    folder = tmp_path_factory.mktemp("noise")
    signal, one, other = seen
    whole = signal + one
    write_car(folder / "map.fits", whole)
    write_car(folder / "half1.fits", whole + other)
    write_car(folder / "half2.fits", whole - other)
    write_car(folder / "ivar.fits", np.full((N, N), (0.5 / WHITE_UK_ARCMIN) ** 2))
    write_car(folder / "ivar_in_k.fits", np.full((N, N), 30.0 * (0.5 / WHITE_UK_ARCMIN) ** 2))
    ell_x, _ = plane(N)
    passed = np.abs(ell_x) > 300.0
    write_car(folder / "filtered.fits", np.fft.ifft2(np.fft.fft2(whole) * passed).real)
    write_car(folder / "turned.fits", whole.T)
    ell = np.unique([*np.arange(-2000.0, 2001.0, 20.0), -3e4, 3e4])
    step = np.where(np.abs(ell) > 300.0, 1.0, 0.0)
    np.savez(folder / "filter.npz", ell_x=ell, ell_y=ell, tf=np.tile(step, (ell.size, 1)))
    np.savez(folder / "small.npz", ell_x=ell / 60.0, ell_y=ell / 60.0, tf=np.tile(step, (ell.size, 1)))
    return folder


def settled(sky, folder, rows=None, name="map.fits", progress=silent, **options):
    request = MapRequest(folder / name, 150.0, beam=1.4, units="uK", **options)
    one = BandMap.open(request)
    rows = rows_within(1.8, 25) if rows is None else rows
    return settled_noise([one], rows, [look_at(one, rows)], [0.0], sky, None, progress=progress)


def words_of(found):
    return [float(number) for number in found.noise[0].split(",")]


@pytest.mark.parametrize("kind", ["map", "splits", "ivar"])
def test_white_noise_and_knee_are_those_of_the_map(sky, folder, kind):
    """To 3 per cent in the white level; the power that knee and slope make at l = 2000 to 25 per cent."""
    options = {
        "map": {},
        "splits": {"split": (folder / "half1.fits", folder / "half2.fits")},
        "ivar": {"ivar": folder / "ivar.fits"},
    }[kind]
    found, notes = settled(sky, folder, **options)
    white, knee, slope = words_of(found)
    assert found.noise_source == ("measured",) and found.flags == 0
    assert white == pytest.approx(WHITE_UK_ARCMIN, rel=0.03)
    truth = 1.0 + (2000.0 / KNEE) ** SLOPE
    assert 1.0 + (2000.0 / knee) ** slope == pytest.approx(truth, rel=0.25)
    for ell in (2000.0, 3000.0):
        power = found.measured.plane.total_uk2_sr(ell, 0.0)[0, 0]
        expected = (WHITE_UK_ARCMIN * ARCMIN) ** 2 * (1.0 + (ell / KNEE) ** SLOPE)
        assert power == pytest.approx(expected, rel=0.25)
    assert f"{found.noise[0].split(',')[0]} µK-arcmin" in " ".join(notes)
    assert ("splits" in " ".join(notes)) == (kind == "splits")


def test_the_noise_does_not_depend_on_the_order_of_anything_but_the_catalogue(sky, folder):
    told = []
    one, other = (
        settled(sky, folder, progress=progress)[0] for progress in (silent, lambda *seen: told.append(seen))
    )
    done = [seen[1] for seen in told if seen[0] == "noise"]
    assert done == list(range(told[-1][2] + 1)) and done[-1] >= 4
    assert json.dumps(one.stated()) == json.dumps(other.stated())
    # a worker is sent it with every block: of another noise it would open maps and model again
    again = pickle.loads(pickle.dumps(one))
    assert again.measured is not one.measured and again == one == other and hash(again) == hash(one)
    assert replace(one.measured, foregrounds=one.measured.foregrounds + 0.1) != one.measured


def test_depth_by_inverse_variances_is_scaled_to_what_is_measured(sky, folder):
    """Rows of twice the stated noise have twice the measured one; those without weights, the region's."""
    noise = settled(sky, folder, ivar=folder / "ivar.fits")[0].measured
    stated = float(noise.stated_uk_arcmin[0])
    assert stated == pytest.approx(WHITE_UK_ARCMIN, rel=0.01)
    found = noise.noise_uk_arcmin(np.array([[stated], [2.0 * stated]]), np.full(2, 40.0), np.zeros(2))
    np.testing.assert_allclose(found[:, 0], noise.white_uk_arcmin[0] * np.array([1.0, 2.0]))


def test_bright_sources_and_rows_are_not_taken_for_noise(sky, folder, seen):
    """Forty sources of 3 mK, and clusters of -1 mK in every row, behind the beam."""
    rng, rows = np.random.default_rng(3), rows_within(1.8, 25)
    y, x = rng.uniform(30.0, N - 30.0, (2, 40))
    x = np.concatenate([x, (N - 1) / 2 - (rows.ra_deg - 40.0) * 120.0])
    y = np.concatenate([y, (N - 1) / 2 + rows.dec_deg * 120.0])
    height = np.concatenate([np.full(40, 3000.0), np.full(25, -1000.0)])
    row, column = np.mgrid[:N, :N]
    spots = sum(
        h * np.exp(-4.0 * np.log(2.0) * ((row - b) ** 2 + (column - a) ** 2) / 2.8**2)
        for a, b, h in zip(x, y, height, strict=True)
    )
    write_car(folder / "bright.fits", seen[0] + seen[1] + spots)
    white, _, _ = words_of(settled(sky, folder, name="bright.fits")[0])
    assert white == pytest.approx(WHITE_UK_ARCMIN, rel=0.04)


def test_a_filter_that_is_not_stated_flags_every_row_and_is_named(sky, folder):
    found, notes = settled(sky, folder, name="filtered.fits")
    assert found.flags == Flag.UNCALIBRATED_MAP and found.measured is None
    said = " ".join(notes)
    assert "filtered.fits" in said and "|l_x|" in said and "filtered" in said and "--transfer" in said


def test_a_filter_that_is_stated_is_not_held_against_the_map(sky, folder):
    found, _ = settled(sky, folder, name="filtered.fits", transfer=folder / "filter.npz")
    assert found.flags == 0
    # noise was filtered with the sky
    assert (
        found.measured.plane.total_uk2_sr(100.0, 2000.0)[0, 0]
        < 0.1 * (found.measured.plane.total_uk2_sr(600.0, 2000.0)[0, 0])
    )


def test_a_transfer_function_of_other_multipoles_is_refused(sky, folder):
    with pytest.raises(InputError, match=r"small.npz.*another grid"):
        settled(sky, folder, name="filtered.fits", transfer=folder / "small.npz")


def test_a_map_without_the_cmb_is_no_map_of_temperature(sky, folder, seen):
    write_car(folder / "nothing.fits", seen[1] * 0.3)
    found, notes = settled(sky, folder, name="nothing.fits")
    assert found.flags == Flag.UNCALIBRATED_MAP
    assert "--units y" in " ".join(notes)


def test_splits_of_another_map_are_refused(sky, folder, seen):
    with pytest.raises(InputError, match="do not match"):
        settled(sky, folder, split=(folder / "turned.fits", folder / "turned.fits"))
    write_car(folder / "smaller.fits", np.ones((N // 2, N // 2)) + np.eye(N // 2))
    with pytest.raises(InputError, match=r"smaller.fits does not match"):
        settled(sky, folder, split=(folder / "half1.fits", folder / "smaller.fits"))
    # the same waves of the sky, as in another band: only the white noise is not that of the map
    white_uk = WHITE_UK_ARCMIN / PIXEL_ARCMIN
    other = seen[0] + seen[1] + np.random.default_rng(2).normal(0.0, white_uk, (N, N))
    write_car(folder / "other1.fits", other + seen[1])
    write_car(folder / "other2.fits", other - seen[1])
    with pytest.raises(InputError, match=r"other1.fits and .* do not match .*of its noise"):
        settled(sky, folder, split=(folder / "other1.fits", folder / "other2.fits"))
    with pytest.raises(UsageError, match="--split and --noise"):
        settled(sky, folder, split=(folder / "half1.fits", folder / "half2.fits"), noise=10.0)


def test_inverse_variances_in_another_unit_are_refused(sky, folder):
    with pytest.raises(InputError, match=r"ivar_in_k.fits: by these inverse variances"):
        settled(sky, folder, ivar=folder / "ivar_in_k.fits")


def test_inverse_variances_off_by_exactly_ten_are_refused(sky, folder):
    write_car(folder / "ivar_ten.fits", np.full((N, N), 10.0 * (0.5 / WHITE_UK_ARCMIN) ** 2))
    with pytest.raises(InputError, match=r"ivar_ten.fits: by these inverse variances"):
        settled(sky, folder, ivar=folder / "ivar_ten.fits")


STATED_RIGHTLY = f"{WHITE_UK_ARCMIN:g},{KNEE:g},{SLOPE:g}"


def test_noise_that_is_stated_rightly_is_taken_without_a_word(sky, folder):
    found, notes = settled(sky, folder, noise=STATED_RIGHTLY)
    assert found.flags == 0 and found.noise == (STATED_RIGHTLY,) and notes == ()


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        (f"{2.0 * WHITE_UK_ARCMIN:g},{KNEE:g},{SLOPE:g}", "24 µK-arcmin (l_knee 4000, slope -3.5)"),
        (f"{0.5 * WHITE_UK_ARCMIN:g},{KNEE:g},{SLOPE:g}", "6 µK-arcmin (l_knee 4000, slope -3.5)"),
        (f"{WHITE_UK_ARCMIN:g}", "12 µK-arcmin of map.fits"),
    ],
    ids=["twice", "half", "without its 1/f part"],
)
def test_noise_that_is_stated_wrongly_flags_every_row_and_both_numbers_are_named(sky, folder, stated, said):
    found, notes = settled(sky, folder, noise=stated)
    assert found.flags == Flag.UNCALIBRATED_MAP and found.noise == (stated,)
    (note,) = notes
    assert said in note and "map.fits" in note and "--noise" in note
    level, knee, slope = re.search(
        r"where ([\d.]+) µK-arcmin \(l_knee ([\d.]+), slope (-[\d.]+)\)", note
    ).groups()
    assert float(level) == pytest.approx(WHITE_UK_ARCMIN, rel=0.05)
    assert 1.0 + (2000.0 / float(knee)) ** float(slope) == pytest.approx(
        1.0 + (2000.0 / KNEE) ** SLOPE, rel=0.3
    )
    # more noise than was stated asks for wider error bars, less for narrower ones
    factor = float(re.search(r"would have to be ([\d.]+) times", note)[1])
    assert (factor > 1.0) == (float(stated.split(",")[0]) <= WHITE_UK_ARCMIN)


def test_inverse_variances_beside_stated_noise_are_its_level(sky, folder):
    """They say twice the noise that is in the map; a knee is stated besides."""
    write_car(folder / "deep.fits", np.full((N, N), (0.25 / WHITE_UK_ARCMIN) ** 2))
    found, notes = settled(sky, folder, noise=STATED_RIGHTLY, ivar=folder / "deep.fits")
    assert found.flags == Flag.UNCALIBRATED_MAP
    assert "24 µK-arcmin" in notes[0] and "by the inverse variances" in notes[0]
    right, notes = settled(sky, folder, noise=f"5,{KNEE:g},{SLOPE:g}", ivar=folder / "ivar.fits")
    assert right.flags == 0 and notes == ()


def test_a_filter_is_seen_where_the_noise_is_stated_too(sky, folder):
    found, notes = settled(sky, folder, name="filtered.fits", noise=STATED_RIGHTLY)
    assert found.flags == Flag.UNCALIBRATED_MAP
    (note,) = notes
    assert "filtered.fits" in note and "|l_x|" in note and "--transfer" in note


def test_stated_noise_that_is_compared_with_nothing_is_said_to_be(sky, folder):
    found, notes = settled(sky, folder, rows=rows_within(1.9, 1500), noise=STATED_RIGHTLY)
    assert found.flags == 0
    (note,) = notes
    assert "could not be compared with map.fits" in note and "blank sky" in note


def test_no_blank_sky_is_said_and_flagged(sky, folder):
    crowded = rows_within(1.9, 1500)
    found, notes = settled(sky, folder, rows=crowded)
    assert found.flags == Flag.UNCALIBRATED_MAP
    assert "blank sky" in " ".join(notes) and "--noise" in " ".join(notes)


def test_regions_lie_apart_within_the_map_and_hold_no_rows(folder):
    rows = rows_within(1.9, 40)
    one = BandMap.open(MapRequest(folder / "map.fits", 150.0, beam=1.4, units="uK"))
    told = []
    regions = regions_around([one], rows, progress=lambda *seen: told.append(seen))
    assert 2 <= len(regions) <= 16
    assert told[0] == ("regions", 0, 16) and told[-1] == ("regions", 16, 16)
    for number, region in enumerate(regions):
        for other in regions[:number]:
            assert np.hypot(region.ra_deg - other.ra_deg, region.dec_deg - other.dec_deg) > 0.89
        for row in range(len(rows)):
            assert not np.any(region.window[around(region, rows[[row]])])


def test_two_bands_of_which_each_is_shallow_where_the_other_is_deep(sky, seen, tmp_path):
    """No region is the typical one of both: all of them are kept, each with the depth that it has."""
    signal, one, other = seen
    east = np.arange(N)[None, :] < N // 2
    write_car(tmp_path / "95.fits", signal + np.where(east, 1.0, 12.0) * one)
    write_car(tmp_path / "150.fits", signal + np.where(east, 12.0, 1.0) * other)
    maps = [
        BandMap.open(MapRequest(tmp_path / f"{name}.fits", float(name), beam=1.4, units="uK"))
        for name in ("95", "150")
    ]
    rows = rows_within(0.1, 8)
    rows.ra_deg[:] += np.where(np.arange(8) % 2 == 0, 0.98, -0.98)
    instrument = Instrument(tuple(one.band(NoiseLevel(10.0), 0.0) for one in maps))
    found = NoiseMeter(maps, instrument, sky)(rows)
    assert len(found.regions) == 2
    deep, shallow = np.sort(found.shape.white_uk_arcmin * np.sqrt(found.depth), axis=0)
    np.testing.assert_allclose(shallow, 12.0 * WHITE_UK_ARCMIN, rtol=0.25)
    assert np.all(deep < shallow / 6.0)  # the window falls over the edge between the two halves


def test_known_clusters_are_masked_in_place_of_the_rows(folder):
    """A study measures the noise around positions of its own, whose cutouts alone get clusters."""
    crowded, known = rows_within(1.9, 1500), rows_within(0.5, 1)
    one = BandMap.open(MapRequest(folder / "map.fits", 150.0, beam=1.4, units="uK"))
    assert regions_around([one], crowded) == []
    regions = regions_around([one], crowded, known=known)
    assert len(regions) >= 2
    taken = [
        1.0 - np.mean(region.window[near] > 0.0)
        for region in regions
        if (near := around(region, known)).any()
    ]
    assert taken and min(taken) == 1.0
    assert np.mean([np.mean(region.window > 0.0) for region in regions]) > 0.9


def around(region, row):
    """Which pixels of a region lie within 4' of a row."""
    ra, dec = np.radians([row.ra_deg[0], row.dec_deg[0]])
    towards = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    grid = region.grid.directions(region.ra_deg, region.dec_deg)
    return grid @ towards > np.cos(np.radians(4.0 / 60.0))


def test_a_map_of_compton_y_has_no_sky_of_its_own(sky):
    band = Band(150.0, Beam(1.4), 1.0)
    assert np.all(sky.power((replace(band, sky_free=True),)).cl_uk2_sr == 0.0)
    assert np.all(sky.power((band,)).cl_uk2_sr > 0.0)
