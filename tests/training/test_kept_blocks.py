"""A calibration that was interrupted goes on with what it had, and ends in the very same numbers."""

from dataclasses import dataclass

import numpy as np
import pytest

from szmass_cli.config import CalibrationConfig, SurveyConfig
from szmass_cli.sky.cutouts import block_generator
from szmass_cli.training.keptblocks import KeptBlocks, calibration_key, likelihood_code
from szmass_cli.training.papernetwork import calibrate

SURVEY = SurveyConfig(calibration=CalibrationConfig(cutouts_per_redshift=150, redshifts=(0.5, 0.7)))


@dataclass
class Block:
    image: np.ndarray
    m200c: np.ndarray

    def __len__(self):
        return len(self.m200c)


class Blocks:
    """A simulator of blocks of 64 whose images tell the mass, and that counts what it drew."""

    def __init__(self):
        self.drawn = []

    def blocks(self, clusters, n, seed, stream, first_block=0, salt=0):
        for index in range(-(-n // 64)):
            self.drawn.append((salt, first_block + index))
            rng = block_generator(seed, stream, first_block + index, salt)
            mass = np.exp(rng.uniform(np.log(1e14), np.log(8e14), 64))[: n - 64 * index]
            yield Block(mass * np.exp(0.1 * rng.standard_normal(64)[: len(mass)]), mass)


class Answer:
    def __init__(self, image):
        self.raw_mass_msun = image


def calibrated(kept, stop_after=None):
    simulator, told = Blocks(), []

    def progress(task, done, total, detail=""):
        told.append(done)
        if len(told) == stop_after:
            raise KeyboardInterrupt

    return calibrate(SURVEY, simulator, Answer, kept, progress), simulator, told


@pytest.mark.parametrize("stop_after", [1, 3, 4, 6])
def test_an_interrupted_calibration_goes_on_to_the_same_table(tmp_path, stop_after):
    whole, _, told = calibrated(KeptBlocks(tmp_path / "one", "key"))
    assert told == [64, 128, 150, 214, 278, 300]
    with pytest.raises(KeyboardInterrupt):
        calibrated(KeptBlocks(tmp_path / "two", "key"), stop_after)
    again, simulator, told = calibrated(KeptBlocks(tmp_path / "two", "key"))
    assert simulator.drawn == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)][stop_after:]
    assert told == [64, 128, 150, 214, 278, 300][stop_after:]
    for name in ("nodes", "ln_mass", "edges"):
        assert getattr(again, name).tobytes() == getattr(whole, name).tobytes(), name


@pytest.mark.parametrize("damage", ["cut short", "of another network", "gone"])
def test_what_cannot_be_used_is_worked_out_again(tmp_path, damage):
    whole, _, _ = calibrated(KeptBlocks(tmp_path, "key"))
    second = tmp_path / "redshift1-00001.h5"
    if damage == "cut short":
        second.write_bytes(second.read_bytes()[:500])
    elif damage == "gone":
        second.unlink()
    else:
        KeptBlocks(tmp_path, "other").add("redshift1", 1, {"raw_mass_msun": np.ones(64)})
    again, simulator, _ = calibrated(KeptBlocks(tmp_path, "key"))
    assert simulator.drawn == [(1, 1), (1, 2)]
    assert again.ln_mass.tobytes() == whole.ln_mass.tobytes()


def test_numbers_come_back_as_they_were(tmp_path):
    kept, rng = KeptBlocks(tmp_path / "made" / "here", "key"), np.random.default_rng(1)
    blocks = [
        {"a": rng.standard_normal((3, 4)), "b": rng.standard_normal(2).astype(np.float32)} for _ in "123"
    ]
    assert kept.found("x") == []
    for number, block in enumerate(blocks):
        kept.add("x", number, block)
    found = kept.found("x")
    assert len(found) == 3 and kept.found("y") == []
    for one, other in zip(blocks, found, strict=True):
        assert {name: (v.dtype, v.tobytes()) for name, v in one.items()} == {
            name: (v.dtype, v.tobytes()) for name, v in other.items()
        }


def test_a_calibration_is_of_one_recipe_and_its_weights():
    weights = [np.arange(4.0), np.ones((2, 2))]
    assert calibration_key("a", weights) == calibration_key("a", [one.copy() for one in weights])
    others = [("b", weights), ("a", [weights[0] + 1e-12, weights[1]]), ("a", weights[:1])]
    assert len({calibration_key(*other) for other in [("a", weights), *others]}) == 4


def test_a_calibration_of_another_likelihood_is_another():
    keys = [calibration_key("a", [np.ones(2)], code) for code in (None, likelihood_code(), b"older")]
    assert keys[0] == keys[1] != keys[2]
    assert b"class GaussianLikelihood" in likelihood_code()
