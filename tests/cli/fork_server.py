"""Runs the command line in a fresh process for every request, with the slow imports already done.

`python fork_server.py [with-tensorflow]` reads one JSON list a line, [folder, arguments, largest file in
bytes or null, Python code to run first], and answers each with one line, [exit code, stdout, stderr]. Every
command gets a process of its own, forked before any command has run; CAMB's spectrum is there already, too.
"""

import json
import os
import resource
import sys
import tempfile
import traceback

import szmass_cli.api
import szmass_cli.cli.app
import szmass_cli.cli.reports
import szmass_cli.simulation.cutouts
import szmass_cli.simulation.field  # noqa: F401 - so that forks have it
from szmass_cli.__main__ import main
from szmass_cli.network.backend import load_keras
from szmass_cli.physics.spectra import cmb_dl_uk2


def answer(folder, arguments, largest_file, before):
    """Exit code, stdout and stderr of one command."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os._exit(run_as_child(folder, arguments, largest_file, before, out, err))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return code, *texts


def run_as_child(folder, arguments, largest_file, before, out, err):
    """What the interpreter would do with `szmass` and its arguments; the exit code."""
    os.chdir(folder)
    for number, descriptor in enumerate((os.open(os.devnull, os.O_RDONLY), out.fileno(), err.fileno())):
        os.dup2(descriptor, number)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    sys.argv = ["szmass", *arguments]
    try:
        exec(before, {})
        main()
    except SystemExit as error:
        return error.code or 0
    except BaseException:  # as the interpreter does: printed, and exit code 1
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    if "with-tensorflow" in sys.argv:
        load_keras()
    cmb_dl_uk2(3000.0)
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), flush=True)
