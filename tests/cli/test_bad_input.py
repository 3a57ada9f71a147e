"""Bad input of every kind: one panel that names file and key or row, the right exit code, nothing written."""

import os
import re
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from szmass_cli.network.bundle.bundle import find_bundle


@pytest.fixture(scope="module")
def broken(field, tmp_path_factory):
    """A folder with a good map and a good catalogue, and with everything that can be wrong with either."""
    folder = tmp_path_factory.mktemp("broken")
    shutil.copy(field.map_path, folder / "map.fits")
    shutil.copy(field.catalog_path, folder / "cat.csv")
    write_catalogues(folder)
    write_maps(folder)
    write_models(folder)
    (folder / "key.yaml").write_text("sky:\n  beam_arcmin: 1.0\n")
    (folder / "range.yaml").write_text("sky:\n  beam_fwhm_arcmin: 99\n")
    (folder / "type.yaml").write_text("training:\n  seed: many\n")
    (folder / "order.yaml").write_text("calibration:\n  min_m200c_msun: 9.0e+14\n")
    (folder / "indent.yaml").write_text("sky: [1\n  a: b: c\n")
    (folder / "list.yaml").write_text("- 1\n- 2\n")
    (folder / "bytes.yaml").write_bytes(b"\xff\xfe\x00\x81")
    (folder / "empty_folder").mkdir()
    (folder / "folder.fits").mkdir()
    os.mkfifo(folder / "pipe.fits")
    for name in ("taken.fits", "taken.h5"):
        (folder / name).write_text("somebody's work")
    (folder / "sidecar.csv.meta.json").write_text("{}")
    return folder


def write_catalogues(folder):
    table = Table.read(folder / "cat.csv")
    table.write(folder / "cat.fits")

    def changed(name, **columns):
        copy = table.copy()
        for key, values in columns.items():
            copy[key] = values
        copy.write(folder / name)

    def cell(column, row, value):
        values = [str(v) for v in table[column]]
        values[row - 1] = value
        return values

    def from_row(column, row, value):
        return [str(v) for v in table[column][: row - 1]] + [value] * (len(table) - row + 1)

    table[[n for n in table.colnames if n != "ra"]].write(folder / "no_ra.csv")
    changed("two_dec.csv", DEJ2000=table["dec"])
    changed("two_z.fits", z_cl=table["redshift"])
    changed("hours.csv", ra=cell("ra", 3, "02:40:00"))
    changed("far_dec.csv", dec=from_row("dec", 4, "-95.5"))
    changed("far_ra.csv", ra=from_row("ra", 5, "1e9"))
    changed("inf_z.csv", redshift=from_row("redshift", 6, "inf"))
    changed("word_z.csv", redshift=cell("redshift", 7, "about 0.7"))
    changed("own.csv", M200c=table["M200c_true"], szmass_flags=np.zeros(24, int))
    table[:0].write(folder / "no_rows.csv")
    table[:0].write(folder / "no_rows.fits")
    (folder / "empty.csv").write_bytes(b"")
    (folder / "ragged.csv").write_text("ra,dec\n40,-30\n41\n")
    (folder / "binary.csv").write_bytes(bytes(range(256)))
    (folder / "cat.dat").write_bytes(b"\x93NUMPY\x01\x00")
    (folder / "cut_cat.fits").write_bytes((folder / "cat.fits").read_bytes()[:6000])


def write_maps(folder):
    with fits.open(folder / "map.fits") as hdus:
        data, header = hdus[0].data.copy(), hdus[0].header.copy()
    whole = (folder / "map.fits").read_bytes()
    (folder / "cut.fits").write_bytes(whole[: len(whole) // 2])
    (folder / "cut_header.fits").write_bytes(whole[:1000])
    (folder / "text.fits").write_text("This is no FITS file.\n")
    (folder / "empty.fits").write_bytes(b"")
    fits.writeto(folder / "nan.fits", np.full_like(data, np.nan), header)
    fits.writeto(folder / "zero.fits", np.zeros_like(data), header)
    fits.writeto(folder / "no_wcs.fits", data)
    bare = header.copy()
    del bare["BUNIT"]
    fits.writeto(folder / "kelvin.fits", data * 1e-6, bare)
    wrong = header.copy()
    wrong["BUNIT"] = "K"
    fits.writeto(folder / "not_kelvin.fits", data, wrong)
    wrong["BUNIT"] = "Jy/beam"
    fits.writeto(folder / "jansky.fits", data, wrong)
    coarse = header.copy()
    for axis in (1, 2):
        coarse[f"CDELT{axis}"] *= 4
        coarse[f"CRPIX{axis}"] = (coarse[f"CRPIX{axis}"] + 1.5) / 4
    fits.writeto(folder / "coarse.fits", data[::4, ::4], coarse)
    fits.writeto(folder / "line.fits", data[0])
    others = header.copy()
    del others["ORIGIN"], others["FREQ"]
    fits.writeto(folder / "bare.fits", data, others)
    others["FREQ"] = "f150"
    fits.writeto(folder / "no_beam.fits", data, others)


def write_models(folder):
    for name in ("altered", "lacking", "odd", "foreign", "executable"):
        shutil.copytree(find_bundle("survey"), folder / name)
    weights = bytearray((folder / "altered" / "weights.h5").read_bytes())
    weights[len(weights) // 2] ^= 1
    (folder / "altered" / "weights.h5").write_bytes(weights)
    (folder / "lacking" / "calibration.h5").unlink()
    metadata = (folder / "odd" / "metadata.json").read_text()
    (folder / "odd" / "metadata.json").write_text(metadata.replace('"prior"', '"posterior"'))
    (folder / "foreign" / "metadata.json").write_text(
        metadata.replace('"pixel_arcmin": 0.25', '"pixel_arcmin": 0.5')
    )
    (folder / "executable" / "metadata.json").write_text("not json")


OUT = ("-o", "out.fits")
# what is wrong: (arguments, what the panel must say)
BAD_CATALOGUES = {
    "missing column": ("no_ra.csv", "no pair of coordinate columns", "--column ra=NAME"),
    "two candidate columns": ("two_dec.csv", "'dec'", "'DEJ2000'", "--column dec="),
    "two redshift columns": ("two_z.fits", "'redshift'", "'z_cl'", "--column redshift="),
    "sexagesimal": ("hours.csv", "'ra'", "row 3", "'02:40:00'"),
    "declination out of range": ("far_dec.csv", "'dec'", "row 4", "-95.5"),
    "right ascension out of range": ("far_ra.csv", "'ra'", "row 5"),
    "infinite redshift": ("inf_z.csv", "'redshift'", "row 6"),
    "redshift in words": ("word_z.csv", "'redshift'", "row 7", "'about 0.7'"),
    "no rows": ("no_rows.csv", "no rows"),
    "no rows in FITS": ("no_rows.fits", "no rows"),
    "empty file": ("empty.csv", "empty"),
    "ragged": ("ragged.csv", "row 2", "1 cells"),
    "binary": ("binary.csv",),
    "unknown format": ("cat.dat", "not a catalogue format"),
    "truncated": ("cut_cat.fits", "cut short"),
    "missing file": ("nowhere.csv", "No such file"),
    "a folder": ("empty_folder",),
    "a map": ("map.fits", "there is no table"),
    "its own output": ("own.csv", "'M200c'", "'szmass_flags'"),
}
BAD_MAPS = {
    "truncated": ("cut.fits", "truncated"),
    "truncated header": ("cut_header.fits",),
    "not a FITS": ("text.fits",),
    "empty file": ("empty.fits",),
    "all NaN": ("nan.fits", "no data"),
    "all zero": ("zero.fits", "no data"),
    "no WCS": ("no_wcs.fits", "WCS"),
    "one axis": ("line.fits", "one axis"),
    "missing file": ("nowhere.fits", "not found"),
    "a folder": ("empty_folder", "not found"),
    "a pipe that nobody writes to": ("pipe.fits", "not found"),
    "a catalogue": ("cat.fits", "neither"),
    "a CSV catalogue": ("cat.csv",),
    "unit of another kind": ("jansky.fits", "'Jy/beam'", "--units"),
    "too coarse": ("coarse.fits", "2'", "1' beam"),
    "of no stated frequency": ("bare.fits", "at which frequency", "--freq 150"),
    "of no stated beam": ("no_beam.fits", "its beam is not known", "--beam"),
}
BAD_MODELS = {
    "unknown": ("z99", "shipped model", "survey"),
    "not a bundle": ("empty_folder", "metadata.json"),
    "altered weights": ("altered", "altered/weights.h5", "hash"),
    "file lacking": ("lacking", "calibration.h5"),
    "metadata with an unknown key": ("odd", "odd/metadata.json", "prior"),
    "other pixels": ("foreign", "foreign/metadata.json", "pixel_arcmin", "0.5"),
    "metadata that are not JSON": ("executable", "executable/metadata.json"),
}
BAD_OPTIONS = {
    "units": (("--units", "Jy"), "--units", "Jy"),
    "percentiles no number": (("--percentiles", "16,fifty"), "--percentiles", "16,fifty"),
    "percentiles out of range": (("--percentiles", "0,100"), "--percentiles", "0.15"),
    "percentiles not finite": (("--percentiles", "nan"), "--percentiles", "nan"),
    "mass definition": (("--mass-def", "200c,200x"), "--mass-def", "'200x'", "500c"),
    "empty mass definition": (("--mass-def", ""), "--mass-def"),
    "column without name": (("--column", "ra"), "--column", "ROLE=NAME"),
    "column of no role": (("--column", "mass=M200"), "--column mass=M200", "'mass'"),
    "column that is not there": (("--column", "ra=RADeg"), "--column ra=RADeg", "cat.csv"),
    "beam as wide as the cutout": (("--beam", "6"), "map.fits", "6'", "the whole cutout"),
    "frequency no band": (("--freq", "abc"), "--freq abc", "does not name a band"),
    "frequency of another map": (("--freq", "f090"), "map.fits", "FREQ", "150 GHz", "97.8 GHz"),
    "frequency with --map": (("--freq", "150", "--map", "150=map.fits"), "the catalogue; 2 are given"),
    "noise no noise": (("--noise", "a lot"), "--noise a lot", "w,l_knee,slope"),
    "noise that is no table": (("--noise", "cat.csv"), "cat.csv"),
    "noise by frequency of one map": (("--noise", "150=5"), "there is one map"),
    "noise correlation": (("--noise-correlation", "2"), "--noise-correlation 2", "0 and 1"),
    "position error": (("--position-error", "3"), "--position-error 3", "10' wide"),
    "transfer not there": (("--transfer", "nowhere.txt"), "nowhere.txt"),
    "transfer that is none": (("--transfer", "cat.csv"), "cat.csv", "T(ell)"),
    "passband not there": (("--passband", "nowhere.txt"), "nowhere.txt"),
    "a sky for the paper's model": (("--model", "paper", "--sz-scatter", "0.1"), "--sz-scatter", "paper"),
    "beam not positive": (("--beam", "-1"), "--beam"),
    "beam no number": (("--beam", "wide"), "--beam", "number"),
    "beam not finite": (("--beam", "nan"), "--beam"),
    "unknown option": (("--maas", "3"), "--maas"),
    "one argument too many": (("more.csv",), "more.csv"),
}
BAD_OUTPUTS = {
    "already there": ("taken.fits", "already there", "--overwrite"),
    "sidecar already there": ("sidecar.csv", "sidecar.csv.meta.json", "already there"),
    "a folder": ("folder.fits", "is a folder"),
    "folder not there": ("nowhere/out.fits", "no folder"),
    "unknown suffix": ("out.docx", "suffix"),
    "no suffix": ("out", "suffix"),
    "not writable": ("/proc/out.fits", "cannot be written"),
}
BAD_CONFIGS = {
    "unknown key": ("key.yaml", "sky.beam_arcmin", "not a known key. Did you mean beam_fwhm_arcmin?"),
    "value out of range": ("range.yaml", "sky.beam_fwhm_arcmin", "99"),
    "value of another type": ("type.yaml", "training.seed", "many"),
    "values that contradict": ("order.yaml", "calibration", "max_m200c_msun"),
    "not YAML": ("indent.yaml", "YAML"),
    "no sections": ("list.yaml", "sections"),
    "not text": ("bytes.yaml",),
    "missing file": ("nowhere.yaml", "preset"),
    "a folder": ("empty_folder",),
}
CASES = [
    *((f"catalogue: {k}", ("map.fits", c, *OUT), (c, *w)) for k, (c, *w) in BAD_CATALOGUES.items()),
    *((f"map: {k}", (m, "cat.csv", *OUT), (m, *w)) for k, (m, *w) in BAD_MAPS.items()),
    *(
        (f"model: {k}", ("map.fits", "cat.csv", *OUT, "--model", m), (m, *w))
        for k, (m, *w) in BAD_MODELS.items()
    ),
    *((f"option: {k}", ("map.fits", "cat.csv", *OUT, *o), w) for k, (o, *w) in BAD_OPTIONS.items()),
    *((f"output: {k}", ("map.fits", "cat.csv", "-o", o), (o, *w)) for k, (o, *w) in BAD_OUTPUTS.items()),
    ("swapped", ("cat.csv", "map.fits", *OUT), ("look swapped", "cat.csv is a table", "MAP CATALOG")),
    ("swapped, both FITS", ("cat.fits", "map.fits", *OUT), ("look swapped", "cat.fits is a table")),
    ("two tables, one no catalogue", ("cat.csv", "no_ra.csv", *OUT), ("look swapped",)),
    ("a bad catalogue and a good map", ("map.fits", "map.fits", *OUT), ("there is no table",)),
    ("no catalogue", ("map.fits", *OUT), ("CATALOG",)),
    ("no output", ("map.fits", "cat.csv"), ("--output",)),
]


def everything_in(folder):
    return {str(p.relative_to(folder)): p.stat().st_size for p in folder.rglob("*")}


def text_of_one_panel(stderr):
    """The words in the panel, joined where lines were broken; an error if there is more than one panel."""
    lines = stderr.rstrip().splitlines()
    if re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d szmass ", lines[0]):  # a long command's first line
        lines = lines[1:]
    assert lines[0].startswith("╭─ error ─") and lines[-1].startswith("╰─"), stderr
    assert all(line.startswith("│ ") and line.endswith(" │") for line in lines[1:-1]), stderr
    assert max(map(len, lines)) <= 100
    return "".join("".join(line[2:-2] for line in lines[1:-1]).split())


def assert_refused(outcome, words):
    assert "Traceback" not in outcome.err
    text = text_of_one_panel(outcome.err)
    for word in words:
        assert "".join(word.split()) in text, outcome.err
    assert outcome.out == ""
    assert outcome.code == 2


@pytest.mark.parametrize(("arguments", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_estimate_refuses(broken, szmass_fork, arguments, words):
    before = everything_in(broken)
    assert_refused(szmass_fork("estimate", *arguments, cwd=broken), words)
    assert everything_in(broken) == before


@pytest.mark.parametrize("case", BAD_CATALOGUES)
def test_every_refusal_says_what_to_do(broken, szmass_fork, case):
    outcome = szmass_fork("estimate", "map.fits", BAD_CATALOGUES[case][0], *OUT, cwd=broken)
    problem, _, hint = "".join(
        line[2:-2].strip() + "\n" for line in outcome.err.splitlines()[2:-1]
    ).partition("\n\n")
    assert problem and hint


@pytest.mark.parametrize(
    ("name", "label"), [("kelvin.fits", "uK (assumed)"), ("not_kelvin.fits", "K (header)")]
)
def test_a_map_in_an_impossible_unit_is_refused(broken, szmass_here, name, label):
    before = everything_in(broken)
    outcome = szmass_here("estimate", name, "cat.csv", *OUT, cwd=broken)
    assert_refused(outcome, (name, label, "µK", "--units K, mK, uK or y"))
    assert everything_in(broken) == before


@pytest.mark.parametrize(("name", "words"), [(n, w) for n, *w in BAD_CONFIGS.values()], ids=BAD_CONFIGS)
def test_config_refuses(broken, szmass_fork, name, words):
    assert_refused(szmass_fork("config", name, cwd=broken), (name, *words))


@pytest.mark.parametrize(
    ("command", "words"),
    {
        ("train", "-c", "key.yaml", "-o", "new_model"): ("key.yaml", "sky.beam_arcmin"),
        ("train", "-c", "survey", "-o", "altered", "-q"): ("altered", "already there", "--overwrite"),
        ("train", "-c", "survey", "-o", "empty_folder/deeper/taken.fits", "--batch", "4"): ("--batch",),
        ("train", "-c", "survey"): ("--output",),
        ("simulate", "field", "-c", "range.yaml", "-o", "new.fits"): ("range.yaml", "sky.beam_fwhm_arcmin"),
        ("simulate", "field", "--catalog", "no_ra.csv", "-o", "new.fits"): ("no_ra.csv",),
        ("simulate", "field", "--catalog", "hours.csv", "-o", "new.fits"): ("hours.csv", "row 3"),
        ("simulate", "field", "-o", "taken.fits"): ("taken.fits", "already there"),
        ("simulate", "field", "--n-clusters", "0", "-o", "new.fits"): ("--n-clusters",),
        ("simulate", "cutouts", "-c", "key.yaml", "-o", "new.h5"): ("key.yaml", "sky.beam_arcmin"),
        ("simulate", "cutouts", "-o", "taken.h5"): ("taken.h5", "already there"),
        ("simulate", "cutouts", "-o", "new.fits"): ("new.fits", ".h5 or .hdf5", "new.h5"),
        ("simulate", "cutouts", "-o", "new"): ("the suffix is not .h5",),
        ("simulate", "field", "-o", "new.h5"): ("new.h5", ".fits or .fits.gz", "new.fits"),
        ("simulate", "field", "-o", "new"): ("the suffix is not .fits",),
        ("simulate", "cutouts", "--n", "0", "-o", "new.h5"): ("--n",),
        ("simulate", "cutouts", "--seed", "-1", "-o", "new.h5"): ("--seed",),
        ("simulate", "sky"): ("sky",),
        ("evaluate", "--model", "z99"): ("z99", "survey"),
        ("evaluate", "--n", "1"): ("--n",),
        ("evaluate", "-o", "taken.fits"): ("taken.fits", "is a file", "folder"),
        ("evaluate", "-o", "odd", "--overwrite"): ("odd", "is not a report"),
        ("train", "-c", "survey", "-o", "new_model", "--finish"): ("new_model.training", "no training run"),
        ("info", "altered"): ("altered/weights.h5", "hash"),
        ("info", "executable"): ("executable/metadata.json",),
        ("estimat", "map.fits"): ("estimat",),
    }.items(),
    ids=lambda value: " ".join(value[:4]) if "-" in "".join(value) else None,
)
def test_other_commands_refuse(broken, szmass_fork, command, words):
    before = everything_in(broken)
    assert_refused(szmass_fork(*command, cwd=broken), words)
    assert everything_in(broken) == before


def test_verbose_adds_a_traceback(broken, szmass_fork):
    outcome = szmass_fork("estimate", "map.fits", "hours.csv", *OUT, "-v", cwd=broken)
    panel, _, traceback = outcome.err.partition("Traceback (most recent call last)")
    assert "row3" in text_of_one_panel(panel)
    assert "InputError" in traceback
    assert outcome.code == 2 and outcome.out == ""


def test_markup_in_a_file_name_is_printed_as_it_is(broken, szmass_fork):
    outcome = szmass_fork("estimate", "[red]map[/red].fits", "cat.csv", *OUT, cwd=broken)
    assert_refused(outcome, ("[red]map[/red].fits",))


def test_a_real_process_refuses_in_the_same_way(broken, szmass_process, szmass_fork):
    before = everything_in(broken)
    arguments = ("estimate", "map.fits", "hours.csv", *OUT)
    outcome = szmass_process(*arguments, cwd=broken)
    assert_refused(outcome, ("hours.csv", "row 3"))
    forked = szmass_fork(*arguments, cwd=broken)
    assert (outcome.code, outcome.out) == (forked.code, forked.out)
    assert text_of_one_panel(outcome.err) == text_of_one_panel(forked.err)
    assert everything_in(broken) == before
