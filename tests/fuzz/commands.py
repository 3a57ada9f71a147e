"""Whole runs of `szmass estimate`: the right exit code, one panel, and files that are whole or absent."""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import damage
import mapcases
import numpy as np
import tablecases
from astropy.table import Table
from outcome import Fault

SERVER = Path(__file__).resolve().parents[1] / "cli" / "fork_server.py"
INSTRUMENT = ("--freq", "150", "--beam", "1.4", "--noise", "6", "-q")
OUTPUTS = ("masses.csv", "masses.fits", "masses.ecsv", "masses.vot", "masses.parquet")
MASS_TOLERANCE = 5e-3

_server: list[subprocess.Popen] = []
_reference: list[np.ndarray] = []


def prepare() -> None:
    """Start the process that commands are forked from; it loads what takes long only once."""
    if not _server:
        root = str(SERVER.parents[2])
        environment = os.environ | {"PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
        _server.append(
            subprocess.Popen([sys.executable, SERVER, "with-tensorflow"], env=environment, **pipes)
        )
        szmass(Path.cwd(), "--version")  # it answers once all is loaded
    if not _reference:
        _reference.append(np.full(tablecases.N_ROWS, np.nan))  # in the place of it, for the run that makes it
        _reference[0] = _masses_of_the_plain_ones()


def szmass(folder, *arguments) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command that is run in a folder."""
    prepare()
    server = _server[0]
    server.stdin.write(json.dumps([str(folder), [str(a) for a in arguments], None, ""]) + "\n")
    server.stdin.flush()
    return tuple(json.loads(server.stdout.readline()))


def estimate(rng, folder):
    """A map and a catalogue, each the same in another way or damaged, and one run."""
    map_is_same, table_is_same = (bool(rng.random() < 0.6) for _ in range(2))
    if map_is_same:
        map_done, _ = mapcases.same_car(rng, folder)
        (map_path,) = folder.glob("map.fits*")
    else:
        map_path = mapcases.plain_car(folder / "map.fits")
        map_done = damage.cards_of(rng, map_path)
    table, _ = tablecases.same_table(rng)
    catalogue = tablecases.write(rng, table, folder)
    if not table_is_same:
        _, content = damage.bytes_of(rng, catalogue.read_bytes(), catalogue.name)
        catalogue.write_bytes(content)
    output = folder / OUTPUTS[rng.integers(len(OUTPUTS))]
    inputs = sorted(path.name for path in folder.iterdir())

    def act():
        code, out, err = szmass(folder, "estimate", map_path, catalogue, "-o", output, *INSTRUMENT)
        made = sorted({path.name for path in folder.iterdir()} - set(inputs))
        if code not in (0, 2) or "Traceback" in err or "should not happen" in err:
            raise Fault(f"exit code {code}: {err[-1500:]}")
        if code == 2:
            if made or err.count("╭") != 1 or out:
                raise Fault(f"refused, and left {made}: {err[-500:]}")
            if map_is_same and table_is_same:
                raise Fault(f"refused what is the same: {err[-500:]}")
            return "refused"
        if output.name not in made or any(name.startswith(".") or "parts" in name for name in made):
            raise Fault(f"left {made}")
        masses = masses_in(output)
        if not (map_is_same and table_is_same):
            return "accepted"
        return _compare(masses)

    return f"{map_done}; {catalogue.name}; {output.name}", act


def _compare(masses: np.ndarray) -> str:
    (wanted,) = _reference
    if not np.allclose(masses, wanted, rtol=MASS_TOLERANCE, equal_nan=True):
        raise Fault(f"masses {masses} in place of {wanted}")
    return "same"


def _masses_of_the_plain_ones() -> np.ndarray:
    with tempfile.TemporaryDirectory(prefix="szmass-fuzz-") as name:
        folder = Path(name)
        ra, dec, z = tablecases.rows()
        Table({"ra": ra, "dec": dec, "redshift": z}).write(folder / "cat.csv")
        mapcases.plain_car(folder / "map.fits")
        code, _, err = szmass(folder, "estimate", "map.fits", "cat.csv", "-o", "out.fits", *INSTRUMENT)
        if code:
            raise Fault(f"the plain map is refused: {err}")
        return masses_in(folder / "out.fits")


def masses_in(path: Path) -> np.ndarray:
    """Return the masses in an output of any format."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        column = Table.read(path)["M200c"]
    return np.ma.filled(np.ma.asarray(column, float), np.nan)


def restart() -> None:
    """Give up a server whose command hangs."""
    while _server:
        server = _server.pop()
        server.kill()
        server.wait()
