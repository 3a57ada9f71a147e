"""Output arrives in whatever encoding the terminal or job log has."""

import subprocess
import sys

import pytest

CODE = """
import sys
from szmass_cli.system.streams import forgive_encodings
forgive_encodings()
for text in sys.argv[1:]:
    print(text)
    print(text, file=sys.stderr)
"""


def printed(szmass_python, tmp_path, encoding, *texts):
    outcome = szmass_python("-c", CODE, *texts, cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert outcome.code == 0, outcome.err
    return outcome


@pytest.mark.parametrize(
    ("text", "in_ascii"),
    [
        ("6 µK-arcmin", "6 uK-arcmin"),
        ("╭─ error ─╮", "+- error -+"),
        ("5 × 10⁻³ ± 2…", "5 x 10-3 + 2~"),
        ("Übersicht é", "Ubersicht e"),
        ("雪 map.fits", "? map.fits"),
    ],
)
def test_ascii_gets_the_nearest_character_one_for_one(szmass_python, tmp_path, text, in_ascii):
    outcome = printed(szmass_python, tmp_path, "ascii", text)
    assert outcome.out == outcome.err == in_ascii + "\n"
    assert len(in_ascii) == len(text)


def test_what_an_encoding_has_is_written_in_it(environment, tmp_path):
    arguments = [sys.executable, "-c", CODE, "µ × ─ €"]
    done = subprocess.run(
        arguments, env=environment | {"PYTHONIOENCODING": "latin-1"}, capture_output=True, check=True
    )
    assert done.stdout == "µ × - ?\n".encode("latin-1")


def test_a_file_name_that_is_no_text_does_not_stop_utf_8(environment):
    arguments = [sys.executable, "-c", CODE, b"map\xff.fits"]
    done = subprocess.run(arguments, env=environment, capture_output=True, check=True)
    assert done.stdout == b"map?.fits\n"


STRICT = "import sys; sys.stdout.reconfigure(encoding='ascii', errors='strict')"


@pytest.mark.parametrize(
    "command", [("info",), ("estimate", "--help"), ("config",), ("simulate", "--help")], ids=" ".join
)
def test_commands_print_in_an_encoding_that_lacks_their_characters(szmass_fork, tmp_path, command):
    outcome = szmass_fork(*command, cwd=tmp_path, before=STRICT)
    assert outcome.code == 0, outcome.err
    assert outcome.out.isascii() and outcome.err == "" and len(outcome.out.splitlines()) > 5


def test_errors_are_printed_in_an_encoding_that_lacks_their_characters(szmass_fork, tmp_path):
    before = "import sys; sys.stderr.reconfigure(encoding='ascii', errors='strict')"
    outcome = szmass_fork("estimate", "µ.fits", "雪.csv", "-o", "out.csv", cwd=tmp_path, before=before)
    assert outcome.code == 2 and "|?.csv" in outcome.err.replace(" ", "")


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("command", [("config",), ("config", "nowhere.yaml")], ids=" ".join)
def test_closed_streams_are_no_error(szmass_fork, tmp_path, name, command):
    """What Python makes of `szmass ... >&-`."""
    outcome = szmass_fork(*command, cwd=tmp_path, before=f"import sys; sys.{name} = None")
    assert outcome.code == (0 if len(command) == 1 else 2)
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("buffering", [-1, 0])
@pytest.mark.parametrize("command", [("config",), ("info", "--json"), ("estimate", "--help")], ids=" ".join)
def test_a_full_disk_behind_standard_output_is_one_clear_failure(szmass_fork, tmp_path, command, buffering):
    before = (
        "import io, sys; "
        f"sys.stdout = io.TextIOWrapper(open('/dev/full', 'wb', {buffering}), write_through={buffering == 0})"
    )
    outcome = szmass_fork(*command, cwd=tmp_path, before=before)
    assert outcome.code == 1
    assert outcome.err.count("╭") == 1 and "Standard output could not be written" in outcome.err
    assert "Traceback" not in outcome.err and "Exception ignored" not in outcome.err
