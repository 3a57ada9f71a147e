"""What lies beside the package still fits it."""

import importlib.util
import shutil
from pathlib import Path

import matplotlib.image
import pytest

ROOT = Path(__file__).resolve().parents[1]


def load(path):
    """A script as a module, without running it; what lies beside it can be imported, as when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)
        return _loaded(path)


def _loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_demos_picture_is_drawn(field, measure, tmp_path):
    measure(field.map_path, field.catalog_path, tmp_path / "masses.fits")
    script = load(ROOT / "examples" / "demo_picture.py")
    paths = [field.map_path, tmp_path / "masses.fits", field.catalog_path, tmp_path / "picture.png"]
    script.main(*map(str, paths))
    picture = matplotlib.image.imread(tmp_path / "picture.png")
    assert picture.shape[1] > 1200 and picture[..., :3].std() > 0.05


@pytest.mark.parametrize("name", ["run.py", "simulate.py", "estimate.py", "train.py"])
def test_benchmarks_can_be_loaded(name):
    assert callable(load(ROOT / "benchmarks" / name).main)


def test_what_a_benchmark_runs_in_a_process_of_its_own_works(tmp_path):
    (tmp_path / "c.yaml").write_text("sky: {cmb: false}")  # no CAMB: it is quicker
    costs = load(ROOT / "benchmarks" / "simulate.py").costs(str(tmp_path / "c.yaml"), 600, 1, tmp_path)
    assert costs["rate"] > 0 and costs["seconds"] > 0 and costs["peak_mib"] > 50


def test_the_demos_folder_is_made(tmp_path):
    """`make demo` writes into demo/, which no clone has."""
    recipe = (ROOT / "Makefile").read_text().split("\ndemo:")[1].split("\n\n")[0]
    assert recipe.index("mkdir -p demo") < recipe.index("szmass simulate field")
    assert shutil.which("make")
