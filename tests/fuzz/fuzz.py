"""Trials of random inputs: each ends in an answer or one clear refusal, whatever it is given.

`python tests/fuzz/fuzz.py --seconds 600 --seed 1` tries one input after another, each in a process of its
own, and tells what went wrong; `--case N` tries one of them again and keeps its files. No answer may be a
traceback, a crash, a hang, a half-written file, or another mass than the same input gives when it is written
in another way.
"""

# isort: off
import paths  # noqa: F401 - it makes szmass_cli and the other files importable
# isort: on

import argparse
import contextlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import bundlecases
import commands
import mapcases
import numpy as np
import tablecases
import textcases
from outcome import Fault

from szmass_cli.errors import SzmassError

HANG_S = 60.0
MEMORY_BYTES = 12 * 2**30
KINDS = {
    "map, same": mapcases.same_car,
    "HEALPix, same": mapcases.same_healpix,
    "map, damaged": mapcases.damaged,
    "map, odd values": mapcases.odd_values,
    "mask and ivar": mapcases.weights,
    "catalogue, same": tablecases.same,
    "catalogue, damaged": tablecases.damaged,
    "configuration": textcases.config,
    "beam": textcases.beam,
    "transfer": textcases.transfer,
    "bundle": bundlecases.damaged,
    "command": commands.estimate,
}
RARE = {"command": 12, "bundle": 3, "configuration": 2}
"""Kinds that take long come once in so many rounds."""


@dataclass(frozen=True)
class Trial:
    """What came of one input."""

    kind: str
    done: str
    result: str
    detail: str = ""

    @property
    def is_fault(self) -> bool:
        return self.result not in ("same", "accepted", "refused")


def schedule(number: int) -> str:
    """The kind of a trial: all of them in turn, the slow ones less often."""
    names = list(KINDS)
    rounds, place = divmod(number, len(names))
    name = names[place]
    return name if rounds % RARE.get(name, 1) == 0 else names[(place + rounds) % 7]


def attempt(kind: str, seed: int, number: int, folder: Path) -> Trial:
    """Make an input and use it, in this process."""
    rng = np.random.default_rng([seed, number])
    done = ""
    try:
        done, act = KINDS[kind](rng, folder)
        before = set(folder.iterdir())
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result, detail = _answer(act)
        if result == "refused" and kind.endswith("same"):
            result = "wrong"
        if (folder / textcases.EXECUTED).exists():
            result, detail = "executed", "code in the input was executed"
        left = sorted(path.name for path in set(folder.iterdir()) - before if path.name.startswith("."))
        if left:
            result, detail = "half-written", f"left behind: {left}"
        if "Traceback" in out.getvalue():
            result, detail = "traceback", out.getvalue()[-2000:]
        return Trial(kind, done, result, detail)
    except Exception:  # of making the input, not of using it
        return Trial(kind, done, "no input", traceback.format_exc())


def _answer(act) -> tuple[str, str]:
    try:
        return act(), ""
    except SzmassError as error:
        unclear = not error.message.strip() or not error.hint.strip()
        return ("unclear", repr(error)) if unclear else ("refused", error.message)
    except Fault as fault:
        return "wrong", str(fault)
    except MemoryError:
        return "memory", traceback.format_exc()[-1500:]
    except Exception:  # what is looked for
        return "traceback", traceback.format_exc()[-2500:]


def isolated(kind: str, seed: int, number: int, folder: Path) -> Trial:
    """Make an input and use it, in a process that may crash or hang."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if kind != "command":
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        trial = attempt(kind, seed, number, folder)
        with os.fdopen(writing, "w") as stream:
            json.dump([trial.done, trial.result, trial.detail], stream)
        os._exit(0)
    os.close(writing)
    # on a busy machine everything takes longer
    limit = time.monotonic() + HANG_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    with os.fdopen(reading) as stream:
        while os.waitpid(child, os.WNOHANG)[0] == 0:
            if time.monotonic() > limit:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                commands.restart()
                return Trial(kind, "", "hang", f"no answer within {HANG_S:g} s")
            time.sleep(0.002)
        answer = stream.read()
    if not answer:
        return Trial(kind, "", "crash", "the process died")
    return Trial(kind, *json.loads(answer))


def main(arguments=None) -> int:
    """Try inputs for a while; the exit code is 1 if one of them was answered wrongly."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="try this one only, in this process, and keep its files")
    parser.add_argument("--kind", choices=list(KINDS), help="only inputs of this kind")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="folder for inputs of faults")
    options = parser.parse_args(arguments)
    if options.case is not None:
        folder = options.keep / f"{options.seed}-{options.case}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        trial = attempt(options.kind or schedule(options.case), options.seed, options.case, folder)
        print(f"{trial.kind}: {trial.done}\n{trial.result}\n{trial.detail}\n{folder}")
        return int(trial.is_fault)
    return report(run(options), options.seed)


def run(options) -> list[Trial]:
    """Try inputs until the time is over."""
    trials, end, number = [], time.monotonic() + options.seconds, 0
    if options.kind in (None, "command"):
        commands.prepare()
    while time.monotonic() < end:
        kind = options.kind or schedule(number)
        folder = Path(tempfile.mkdtemp(prefix="szmass-fuzz-"))
        trial = isolated(kind, options.seed, number, folder)
        trials.append(trial)
        if trial.is_fault:
            kept = options.keep / f"{options.seed}-{number}"
            shutil.rmtree(kept, ignore_errors=True)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder, kept)
            print(f"\n--- case {number}, {kind}: {trial.result}\n{trial.done}\n{trial.detail}\n", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        number += 1
    return trials


def report(trials: list[Trial], seed: int) -> int:
    """Print what was tried and found; 1 if there is a fault."""
    faults = [trial for trial in trials if trial.is_fault]
    print(f"{'kind':<20}{'tried':>8}{'same':>8}{'accepted':>10}{'refused':>9}{'faults':>8}")
    for kind in KINDS:
        of_kind = [trial for trial in trials if trial.kind == kind]
        results = Counter(trial.result for trial in of_kind)
        numbers = [len(of_kind), results["same"], results["accepted"], results["refused"]]
        wrong = sum(trial.is_fault for trial in of_kind)
        print(f"{kind:<20}{numbers[0]:>8}{numbers[1]:>8}{numbers[2]:>10}{numbers[3]:>9}{wrong:>8}")
    print(f"seed {seed}: {len(trials)} inputs tried, {len(faults)} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
