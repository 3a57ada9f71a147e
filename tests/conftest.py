"""A small simulated survey that every stage can be run on, and two ways to run the command line."""

import inspect
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import settings

# a machine that is busy with other things would fail tests that are quick
settings.register_profile("szmass", deadline=None)
settings.load_profile("szmass")

# outputs name the day of their run: a test that goes on past midnight compares bytes, too
os.environ.setdefault("SOURCE_DATE_EPOCH", "1767225600")

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")},
    "PYTHONPATH": str(ROOT),
    "PYTHONIOENCODING": "utf-8",
}

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # begun in the background, where shells have Ctrl-C ignored: what tests start would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)


MAP_OPTIONS = {
    "frequency_ghz",
    "passband",
    "units",
    "beam",
    "pixel_window",
    "transfer",
    "noise",
    "ivar",
    "mask",
}
SKY_OPTIONS = {
    "noise_correlation",
    "position_error_arcmin",
    "relativistic",
    "sz_scatter",
    "concentration_scatter",
    "sources",
    "find_sources",
}
RUN_OPTIONS = {"executor", "resume", "overwrite", "progress"}
"""Options of `estimate_catalog` itself; the others are the request's."""


LONGEST_FIRST = (
    "test_survey_scale",
    "test_train",
    "test_estimate",
    "test_commands",
    "test_paper_model",
    "test_map_options",
    "test_paper_predictor",
    "test_bad_input",
    "test_simulate_cutouts",
    "test_estimate_priors",
    "test_posteriors",
    "test_judging",
    "test_correction_training",
    "test_feeding",
    "test_invariance",
    "test_robustness",
)
"""Files of tests that take half a minute to four."""


def pytest_collection_modifyitems(items):
    """Let long files begin first, or in the end one worker has one of them left and the other nothing."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@dataclass(frozen=True)
class Field:
    """A simulated map [µK] with its catalogue, on disk."""

    map_path: Path
    catalog_path: Path
    truth: Table


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def simulator():
    """1' beam, 5 µK-arcmin, all foregrounds: it costs a CAMB run and an eigendecomposition."""
    from papersky import paper_clusters

    from szmass_cli.config import SurveyConfig
    from szmass_cli.sky.cutouts import CutoutSimulator

    return CutoutSimulator(SurveyConfig(clusters=paper_clusters()))


@pytest.fixture(scope="session")
def many_cutouts(simulator):
    """3072 cutouts, masses uniform in 1-8e14, 20 per cent scatter."""
    from papersky import paper_clusters

    from szmass_cli.sky.cutouts import CutoutBlock, Stream

    return CutoutBlock.concatenate(list(simulator.blocks(paper_clusters(), 3072, 11, Stream.USER)))


@pytest.fixture(scope="session")
def field(tmp_path_factory):
    """3 x 2 degrees in CAR with 24 clusters of 2-10e14 Msun at z = 0.7, 22' and more from one another."""
    from papersky import paper_clusters

    from szmass_cli.config import FieldConfig, SurveyConfig
    from szmass_cli.simulation.field import simulate_survey_field

    folder = tmp_path_factory.mktemp("field")
    column, row = np.meshgrid(np.arange(6) - 2.5, np.arange(4) - 1.5)
    jitter = np.random.default_rng(1).uniform(-0.02, 0.02, (2, 24))
    wanted = Table(
        {
            "name": [f"SIM-{i:02d}" for i in range(24)],
            "ra": 40.0 + 0.42 * column.ravel() + jitter[0],
            "dec": -30.0 + 0.42 * row.ravel() + jitter[1],
            "redshift": np.full(24, 0.7),
            "M200": np.random.default_rng(2).permutation(np.geomspace(2.0, 10.0, 24)),
        }
    )
    wanted.write(folder / "wanted.csv")
    survey = SurveyConfig(
        clusters=paper_clusters(),
        field=FieldConfig(center_ra_deg=40.0, center_dec_deg=-30.0, width_deg=3.0, height_deg=2.0),
    )
    simulated = simulate_survey_field(survey, folder / "field.fits", seed=11, catalog=folder / "wanted.csv")
    return Field(folder / "field.fits", folder / "field_truth.csv", simulated.truth)


@pytest.fixture(scope="session")
def measure(tmp_path_factory):
    """A function that runs `estimate` and returns what it returns; the model is loaded only once.

    The noise is that of the simulated field where nothing else is said.
    """
    from szmass_cli.estimation.request import Request, SkyRequest, map_requests
    from szmass_cli.estimation.run import estimate_catalog
    from szmass_cli.network.massmodel import MassModel
    from szmass_cli.network.paper.predictor import Predictor

    def once(build):
        built = {}

        def build_once(bundle, *arguments, **named):
            given = inspect.signature(build).bind(bundle, *arguments, **named)
            key = bundle.sha256, given.arguments.get("batch_size")
            if key not in built:
                built[key] = build(bundle, *arguments, **named)
            return built[key]

        return build_once

    def measure(map_path, catalog_path, output=None, **options):
        output = output or tmp_path_factory.mktemp("measured") / "out.fits"
        how = {name: options.pop(name) for name in RUN_OPTIONS & options.keys()}
        settings = {name: options.pop(name) for name in MAP_OPTIONS & options.keys()}
        sky = SkyRequest(**{name: options.pop(name) for name in SKY_OPTIONS & options.keys()})
        if "ivar" not in settings:
            settings.setdefault("noise", 5.0)
        request = Request(map_requests(map_path, settings), catalog_path, sky=sky, **options)
        return estimate_catalog(request, output, **how)

    with pytest.MonkeyPatch.context() as patch:
        for kind in (MassModel, Predictor):
            patch.setattr(kind, "from_bundle", once(kind.from_bundle))
        yield measure


@pytest.fixture(scope="session")
def measured(field, measure):
    """Estimates of the simulated field as it is."""
    return measure(field.map_path, field.catalog_path)


@pytest.fixture(scope="module")
def quick_training():
    """Networks of two dilations in place of four, and matched filters fitted to an eighth of the cutouts.

    They compile in half the time, and have every kind of layer.
    """
    from szmass_cli.evaluation.paper import estimators
    from szmass_cli.network import mresunet

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mresunet, "DILATIONS", (1, 2))
        patch.setattr(estimators, "N_FITTED", 1024)
        yield


@pytest.fixture(scope="session")
def environment():
    """Environment of processes that have the package in reach."""
    return ENVIRONMENT


@pytest.fixture(scope="session")
def szmass_python():
    """A function that runs Python with the package in reach."""

    def run(*arguments, cwd, **environment):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=cwd,
            env=ENVIRONMENT | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return run


def without_check(arguments):
    """Return the arguments of a command without the default check, which test_check.py is about."""
    plain = [str(argument) for argument in arguments]
    wanted = {"--check", "--recalibrate"} & set(plain)
    return [*plain, "--check", "0"] if plain[:1] == ["estimate"] and not wanted else plain


@pytest.fixture(scope="session")
def szmass_process(szmass_python):
    """A function that runs `szmass` as users do: `szmass_process("estimate", ..., cwd=folder)`."""

    def run(*arguments, cwd, **environment):
        return szmass_python("-m", "szmass_cli", *without_check(arguments), cwd=cwd, **environment)

    return run


@pytest.fixture(scope="session")
def szmass_fork():
    """The same in a process forked from one that has done the imports; not for what needs TensorFlow.

    `largest_file` limits the files [bytes] that the command may write; `before` is Python to run first.
    """
    yield from forking_server()


@pytest.fixture(scope="session")
def szmass_fork_with_network():
    """The same where TensorFlow is loaded, too: for runs that are many and that nothing happens to."""
    yield from forking_server("with-tensorflow")


def forking_server(*arguments):
    """Yield a function that has commands run by tests/cli/fork_server.py."""
    server = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "cli" / "fork_server.py", *arguments],
        env=ENVIRONMENT | {"OMP_NUM_THREADS": "1"},  # OpenMP's threads do not survive a fork
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )

    def run(*arguments, cwd, largest_file=None, before=""):
        request = json.dumps([str(cwd), without_check(arguments), largest_file, before])
        server.stdin.write(request + "\n")
        server.stdin.flush()
        return Outcome(*json.loads(server.stdout.readline()))

    yield run
    server.stdin.close()
    server.wait()


@pytest.fixture
def szmass_here(measure, capfd, monkeypatch):
    """The same in this process, with the network that is already built; for what needs TensorFlow."""
    from szmass_cli.cli.console import run

    def run_here(*arguments, cwd):
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        code = run(without_check(arguments))
        return Outcome(code, *capfd.readouterr())

    return run_here


@pytest.fixture(scope="session")
def shared_data_folder():
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the real data are not here: {SHARED_DATA}")
    return SHARED_DATA
