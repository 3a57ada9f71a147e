"""What lies beside the package still fits it."""

import importlib.util
import shutil
from pathlib import Path

import matplotlib.image

ROOT = Path(__file__).resolve().parents[1]


def load(path):
    """A script as a module, without running it."""
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


def test_benchmarks_can_be_loaded():
    assert callable(load(ROOT / "benchmarks" / "run.py").main)


def test_the_demos_folder_is_made(tmp_path):
    """`make demo` writes into demo/, which no clone has."""
    recipe = (ROOT / "Makefile").read_text().split("\ndemo:")[1].split("\n\n")[0]
    assert recipe.index("mkdir -p demo") < recipe.index("szmass simulate field")
    assert shutil.which("make")
