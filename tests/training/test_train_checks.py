"""What `szmass train` refuses before it begins: taken folders, and calibrations that do not fit."""

import pytest

from szmass_cli.config import SurveyConfig, parse_config
from szmass_cli.errors import ConfigError, OutputError
from szmass_cli.training.run import check_bundle_folder, train

PAPER = SurveyConfig.model_validate({"network": {"head": "mass"}})


def test_a_folder_already_there_is_refused_before_any_work(tmp_path):
    def no_work(*_):
        raise AssertionError("work was begun")

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.tex").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="model"):
            train(PAPER, tmp_path / "model", overwrite=overwrite, progress=no_work)
    assert (tmp_path / "model" / "thesis.tex").read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_that_is_a_file_is_refused(tmp_path, overwrite):
    (tmp_path / "model").write_text("precious")
    with pytest.raises(OutputError):
        check_bundle_folder(tmp_path / "model", overwrite)


@pytest.mark.parametrize(
    ("key", "clusters", "calibration"),
    [
        ("calibration.redshifts", {"redshift": 0.5}, {}),
        ("calibration.redshifts", {"redshift": 0.5}, {"redshifts": [0.6, 0.7]}),
        ("calibration.min_m200c_msun", {"masses": {"kind": "list", "m200c_msun": [5e13, 2e14]}}, {}),
        ("calibration.max_m200c_msun", {"masses": {"kind": "uniform", "max_m200c_msun": 1.6e15}}, {}),
    ],
)
def test_a_calibration_elsewhere_is_refused_before_any_work(tmp_path, key, clusters, calibration):
    config = SurveyConfig.model_validate(
        {"clusters": clusters, "calibration": calibration, "network": {"head": "mass"}}
    )
    with pytest.raises(ConfigError) as refused:
        train(config, tmp_path / "model")
    assert key in refused.value.message + refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_clusters_too_large_to_simulate_are_refused_before_any_work(tmp_path):
    calibration = {"redshifts": [0.02, 0.7], "max_m200c_msun": 2e15}
    config = SurveyConfig.model_validate({"calibration": calibration, "network": {"head": "mass"}})
    with pytest.raises(ConfigError, match=r"calibration\.redshifts, calibration\.max_m200c_msun.*theta500"):
        train(config, tmp_path / "new" / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a_file/x/model", "/proc/nowhere/model"])
def test_an_output_in_a_folder_that_cannot_be_is_refused(tmp_path, name):
    (tmp_path / "a_file").write_text("precious")
    with pytest.raises(OutputError, match="folder cannot be made"):
        check_bundle_folder(tmp_path / name, overwrite=False)


def test_beams_and_noise_from_files_are_not_for_a_mass_head(tmp_path):
    (tmp_path / "beam.txt").write_text("0 1\n5000 0.5\n20000 0\n")
    text = "sky: {beam_file: beam.txt, noise_uk_arcmin: 5}\nnetwork: {head: mass}"
    with pytest.raises(ConfigError, match=r"beam\.txt.*Gaussian beams"):
        train(parse_config(text, "survey.yaml", tmp_path), tmp_path / "model")
