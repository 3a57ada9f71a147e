"""What the documentation shows is run: every command and every piece of Python, on a small field.

Most of it takes seconds each and is slow together; a few of each kind are run with every change. What is not
run has its reason in `NOT_RUN`.
"""

import gzip
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from test_docs import PAGES, REPOSITORY, blocks_of, commands_of

import szmass_cli

NOT_RUN = {
    r"act-planck|act_f0|coadd_150ghz|coadd_2025|a\.fits": "test_survey_maps measures such maps",
    r"--scheduler|--workers|SLURM|merge ": "executors and shards are run in test_invariance and test_runplan",
    r" train | evaluate |models/mine": "test_train, test_correction_training and test_judging do",
    r"\binject ": "test_study injects",
    r"hats/|asu\.tsv|\[2\]|X_DEG": "tables of every form are read in the tests of catalog",
    r"ymap\.fits|--from-y-map": "test_map_options and test_simulate_cutouts have such maps",
    r"examples/demo|tutorial": "make demo runs these",
    r"--install-completion": "it changes the shell of whoever runs the tests",
}
"""Patterns of commands that are not run here, and where they are."""

QUICK = r"info map|info masses\.fits$|--command|export |population |szmass config |--flag-names|--dry-run$"
"""Patterns of commands that take a second or two."""


def shown():
    """Return the commands of all pages, each once, as parameters of a test."""
    found = {}
    for page in PAGES:
        for words in commands_of(page) if page.name not in ("cli.md", "tutorial.md") else ():
            found.setdefault(shlex.join(words), page.name)
    return [
        pytest.param(
            shlex.split(text), marks=() if re.search(QUICK, text) else pytest.mark.slow, id=text[:90]
        )
        for text, page in found.items()
        if reason_not_to(text) is None
    ]


def reason_not_to(text):
    """Return why a command is not run, None for one that is."""
    return next((why for pattern, why in NOT_RUN.items() if re.search(pattern, text)), None)


@pytest.fixture(scope="module")
def inputs(field, measure, tmp_path_factory):
    """A folder with the files that pages name, all of them of the small field."""
    folder = tmp_path_factory.mktemp("shown")
    with fits.open(field.map_path) as hdus:
        image, header = np.asarray(hdus[0].data, float), hdus[0].header
        noise = 10.0 * np.random.default_rng(4).standard_normal(image.shape)
        for name, values in (("map", image), ("half1", image + noise), ("half2", image - noise)):
            fits.writeto(folder / f"{name}.fits", values.astype("f4"), header)
    for name in ("ivar", "mask"):
        (folder / f"{name}.fits").symlink_to(field.map_path.with_name(f"field_{name}.fits"))
    rows = field.truth["name", "ra", "dec", "redshift"].copy()
    rows["name"] = rows["name"].astype("U12")
    rows["name"][0] = "SPT-CL J0004"
    for name in ("clusters.csv", "catalog.csv", "clusters.fits"):
        rows.write(folder / name)
    (folder / "clusters.csv.gz").write_bytes(gzip.compress((folder / "clusters.csv").read_bytes()))
    optical = rows.copy()
    optical.rename_column("redshift", "z_lambda")
    optical["lambda"] = np.geomspace(21.0, 140.0, len(rows))
    optical.write(folder / "redmapper.fits")
    rows["ra", "dec"][:3].write(folder / "radio.csv")
    ell = np.arange(0.0, 25_000.0, 50.0)
    np.savetxt(folder / "beam.txt", np.stack([ell, np.exp(-0.5 * (ell * 1.2355e-4) ** 2)], axis=1))
    tiles = {"areaDeg2": [3.0, 3.0], "y0RMS": [4e-6, 5e-6], "tileName": ["a", "b"]}
    (folder / "study" / "selection").mkdir(parents=True)
    for path in (folder, folder / "study" / "selection"):
        Table(tiles).write(path / "RMSTab.fits")
    curves = {"posteriors": folder / "masses.hdf5", "mass_definitions": ["200c", "500c"]}
    named = {"redshift": "z_lambda"}
    measure(folder / "map.fits", folder / "redmapper.fits", folder / "masses.fits", columns=named, **curves)
    (folder / "p.hdf5").symlink_to(folder / "masses.hdf5")
    return folder


@pytest.fixture
def sandbox(inputs, tmp_path):
    """A folder of links to these files, which a command may write beside."""
    for file in inputs.iterdir():
        (tmp_path / file.name).symlink_to(file)
    return tmp_path


def recipe_for(words):
    """Return the text of mine.yaml as the how-to shows it for a command: a mass scale, or a configuration."""
    wanted = "one_minus_b" if "--mass-scale" in words else "sz_mass_bias"
    pages = [REPOSITORY / "docs" / "how-to.md"]
    return next(text for page in pages for text in blocks_of(page, "yaml") if wanted in text)


@pytest.mark.parametrize("words", shown())
def test_a_shown_command_runs(words, sandbox, szmass_here):
    if "mine.yaml" in words:
        (sandbox / "mine.yaml").write_text(recipe_for(words))
    written = [
        Path(words[index + 1]) for index, word in enumerate(words) if word in ("-o", "--posteriors", "--plot")
    ]
    if "export" not in words:
        for path in written:
            (sandbox / path).unlink(missing_ok=True)
    written = [] if "--dry-run" in words else [path for path in written if path.suffix or "export" in words]
    outcome = szmass_here(*words[1:], cwd=sandbox)
    assert outcome.code == 0, outcome.err
    if "field" not in words:  # a field of several bands has a file for each
        assert all((sandbox / path).exists() for path in written), written


def test_every_shown_command_is_run_or_has_a_reason():
    texts = {shlex.join(words) for page in PAGES if page.name != "cli.md" for words in commands_of(page)}
    not_run = {text for text in texts if reason_not_to(text) is not None}
    assert len(texts - not_run) > 25
    used = {pattern for pattern in NOT_RUN for text in texts if re.search(pattern, text)}
    assert used == set(NOT_RUN), f"patterns that fit no command any more: {set(NOT_RUN) - used}"


def test_the_python_of_the_pages_on_pictures_and_posteriors_runs(sandbox, monkeypatch):
    monkeypatch.chdir(sandbox)
    pictures, how_to = (REPOSITORY / "docs" / name for name in ("pictures.md", "how-to.md"))
    names = {"ln_prior": lambda mass, redshift: np.zeros(mass.shape)}
    for text in [
        *blocks_of(pictures, "python"),
        next(text for text in blocks_of(how_to, "python") if "read_posteriors" in text),
        next(text for text in blocks_of(how_to, "python") if "REDSHIFT_OUTSIDE" in text),
    ]:
        exec(text, names)
    assert names["cluster"].residual_uk.shape == (40, 40, 1)
    assert names["mine"].shape == (24, 400) and len(names["usable"]) <= 24


@pytest.mark.slow
def test_the_python_of_the_how_to_runs(sandbox, monkeypatch, measure):
    monkeypatch.chdir(sandbox)
    (sandbox / "masses.fits").unlink()
    text = next(
        text for text in blocks_of(REPOSITORY / "docs" / "how-to.md", "python") if "mass_def=" in text
    )
    table = Table.read("clusters.csv")
    table["RADeg"] = table["ra"]
    names = {"table": table}
    exec(text, names)
    assert len(names["masses"]) == 24 and "M500c" in names["masses"].colnames


def test_pages_name_the_public_functions():
    text = "".join(page.read_text() for page in PAGES)
    missing = [name for name in szmass_cli.__all__ if name.islower() and f"szmass_cli.{name}" not in text]
    assert set(missing) <= {"__version__"}
