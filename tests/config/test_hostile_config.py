"""Configurations of strangers: nothing in them is executed, none takes long, each is refused by name."""

import os

import pytest

from szmass_cli.config import load_config
from szmass_cli.errors import ConfigError, InputError
from szmass_cli.physics.beams import read_beam

BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n"
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True)
)


def refused(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in caught.value.message and caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.mkdir [{folder}/executed]",
        "!!python/object/new:os.mkdir [{folder}/executed]",
        "!!python/name:os.system",
        "!!python/module:os",
        "!include /etc/passwd",
    ],
)
def test_no_tag_is_executed(tmp_path, tag):
    assert "tag" in refused(tmp_path, f"sky: {tag.format(folder=tmp_path)}\n")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "text", [BOMB, "sky: &a [*a]\n", "sky: &a {x: [1, *a]}\n"], ids=["bomb", "loop", "deep"]
)
def test_aliases_that_stand_for_too_much_are_refused(tmp_path, text):
    assert "aliases" in refused(tmp_path, text)


def test_ordinary_aliases_are_read(tmp_path):
    (tmp_path / "c.yaml").write_text("sky: {noise_uk_arcmin: &n 7.5}\ntraining: {seed: &s 3}\n")
    assert load_config(tmp_path / "c.yaml").training.seed == 3


@pytest.mark.parametrize(
    "text",
    ["sky: " + "[" * 2000, "sky: " + "{a: " * 2000, "? [a]\n: 1\n", "sky: 9999-99-99\n", "x: " + "9" * 5000],
    ids=["lists", "mappings", "key", "date", "digits"],
)
def test_what_yaml_s_reader_chokes_on_is_refused(tmp_path, text):
    refused(tmp_path, text)


def test_many_wrong_keys_are_a_short_message(tmp_path):
    message = refused(tmp_path, "".join(f"key{i}: 1\n" for i in range(3000)))
    assert len(message.splitlines()) == 13 and "2988 more" in message


def test_a_file_of_any_size_is_refused(tmp_path):
    assert "larger" in refused(tmp_path, "#" * (2**22 + 1))


@pytest.mark.parametrize("reader", [load_config, read_beam])
def test_a_pipe_that_nobody_writes_to_is_refused(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no ordinary file"):
        reader(tmp_path / "pipe")


def test_a_configuration_may_come_from_the_shell(tmp_path):
    """As in `szmass config <(echo ...)`."""
    reading, writing = os.pipe()
    os.write(writing, b"training: {seed: 5}\n")
    os.close(writing)
    assert load_config(f"/dev/fd/{reading}").training.seed == 5
    os.close(reading)
