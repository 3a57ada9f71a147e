"""Homes that cannot be written to, settings of other programs, narrow terminals."""

import json
import sys

import pytest

from szmass_cli.errors import ConfigError
from szmass_cli.network.backend import load_keras

KERAS = """
from szmass_cli.network.backend import load_keras
keras = load_keras()
inputs = keras.Input((8, 8, 2))
layer = keras.layers.Conv2D(3, 3)
print(layer(inputs).shape, keras.layers.Dense(1).dtype_policy.name, keras.config.epsilon())
"""


def keras_home(folder, settings):
    folder.mkdir()
    (folder / "keras.json").write_text(settings)
    return {"KERAS_HOME": str(folder)}


def test_a_user_s_keras_settings_change_nothing(szmass_python, tmp_path):
    settings = {
        "image_data_format": "channels_first",
        "floatx": "float16",
        "epsilon": 0.1,
        "backend": "torch",
    }
    home = keras_home(tmp_path / "keras", json.dumps(settings))
    outcome = szmass_python("-c", KERAS, cwd=tmp_path, **home)
    assert outcome.code == 0, outcome.err
    assert outcome.out.split() == ["(None,", "6,", "6,", "3)", "float32", "1e-07"]


@pytest.mark.parametrize("settings", ['{"floatx": "float8"}', "[]", '{"epsilon": "small"}'])
def test_keras_settings_that_keras_itself_refuses_are_named(tmp_path, monkeypatch, settings):
    """Keras raises one of these as it is imported; here, one that is no more than that."""
    (tmp_path / "keras.py").write_text(f"raise ValueError({settings!r})")
    for name in [name for name in sys.modules if name.partition(".")[0] == "keras"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KERAS_HOME", "/home/somebody")
    with pytest.raises(ConfigError) as caught:
        load_keras()
    assert settings in caught.value.message and "/home/somebody/keras.json" in caught.value.message


HEALPY_LOADS_IT = """
from szmass_cli.cli.console import run
run(["config", "nowhere.yaml"])
import matplotlib
print(matplotlib.get_cachedir())
"""


def test_a_home_that_cannot_be_written_to_makes_no_chatter(szmass_python, tmp_path):
    nowhere = {"HOME": "/proc/none", "MPLCONFIGDIR": "", "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""}
    outcome = szmass_python("-c", HEALPY_LOADS_IT, cwd=tmp_path, **nowhere)
    assert outcome.code == 0 and "/proc" not in outcome.out
    assert outcome.err.startswith("╭─ error") and outcome.err.rstrip().endswith("╯")


def narrow(columns):
    return f"import os; os.environ['COLUMNS'] = '{columns}'"


@pytest.mark.parametrize("command", [("estimate", "--help"), ("simulate", "field", "--help")], ids=" ".join)
def test_no_option_is_cut_on_a_narrow_terminal(szmass_fork, tmp_path, command):
    wide = szmass_fork(*command, cwd=tmp_path, before=narrow(200))
    outcome = szmass_fork(*command, cwd=tmp_path, before=narrow(40))
    assert outcome.code == 0 and "…" not in outcome.out
    options = {word for word in wide.out.replace("│", " ").split() if word.startswith("--")}
    assert len(options) > 8
    assert options <= set(outcome.out.replace(",", " ").replace("/", " ").split()) | {"--json"}
    assert max(map(len, outcome.out.splitlines())) <= 50


@pytest.mark.parametrize("columns", [40, 20])
def test_errors_fit_a_narrow_terminal(szmass_fork, tmp_path, columns):
    outcome = szmass_fork("config", "nowhere.yaml", cwd=tmp_path, before=narrow(columns))
    assert outcome.code == 2
    assert max(map(len, outcome.err.splitlines())) <= columns
    assert "nowhere.yaml" in "".join(outcome.err.replace("│", "").split())


def test_facts_of_a_model_are_folded_not_cut(szmass_fork, tmp_path):
    wide = szmass_fork("info", cwd=tmp_path, before=narrow(200))
    outcome = szmass_fork("info", cwd=tmp_path, before=narrow(40))
    assert outcome.code == 0 and "…" not in outcome.out
    numbers = {word for word in wide.out.split() if any(digit in word for digit in "0123456789")}
    joined = "".join(outcome.out.split())
    assert not [number for number in numbers if number not in joined]
