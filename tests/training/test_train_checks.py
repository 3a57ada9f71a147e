"""What `szmass train` refuses before it begins: taken folders, and calibrations that do not fit."""

import pytest

from szmass_cli.config import SurveyConfig
from szmass_cli.errors import ConfigError, OutputError
from szmass_cli.training.run import check_bundle_folder, train


def test_a_folder_already_there_is_refused_before_any_work(tmp_path):
    def no_work(*_):
        raise AssertionError("work was begun")

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.tex").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="model"):
            train(SurveyConfig(), tmp_path / "model", overwrite=overwrite, progress=no_work)
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
    config = SurveyConfig.model_validate({"clusters": clusters, "calibration": calibration})
    with pytest.raises(ConfigError) as refused:
        train(config, tmp_path / "model")
    assert key in refused.value.message + refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_clusters_too_large_to_simulate_are_refused_before_any_work(tmp_path):
    config = SurveyConfig.model_validate({"calibration": {"redshifts": [0.02, 0.7], "max_m200c_msun": 2e15}})
    with pytest.raises(ConfigError, match=r"calibration\.redshifts, calibration\.max_m200c_msun.*theta500"):
        train(config, tmp_path / "new" / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a_file/x/model", "/proc/nowhere/model"])
def test_an_output_in_a_folder_that_cannot_be_is_refused(tmp_path, name):
    (tmp_path / "a_file").write_text("precious")
    with pytest.raises(OutputError, match="folder cannot be made"):
        check_bundle_folder(tmp_path / name, overwrite=False)
