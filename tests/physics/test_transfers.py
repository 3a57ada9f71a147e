"""Transfer functions: reading them, and their symmetries."""

from pathlib import Path

import numpy as np
import pytest

from szmass_cli.errors import InputError
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer, read_transfer

TOY_SPT = Path(__file__).resolve().parents[3] / "shared" / "data" / "toy_spt_transfer_2d.npz"

ELL = np.linspace(-6000.0, 6000.0, 61)


def high_pass_along_x(ell_x, ell_y):
    return np.where(np.abs(ell_x) > 500.0, 1.0, 0.0) + 0.0 * ell_y


def stripes_at_an_angle(ell_x, ell_y):
    return 1.0 - 0.8 * np.exp(-(((ell_x + ell_y) / 1500.0) ** 2))


def plane(function) -> PlaneTransfer:
    return PlaneTransfer(ELL, ELL, function(ELL[None, :], ELL[:, None]))


def save(path, function=stripes_at_an_angle, **changed) -> Path:
    columns = {"ell_x": ELL, "ell_y": ELL, "tf": function(ELL[None, :], ELL[:, None])}
    np.savez(path, **{name: value for name, value in {**columns, **changed}.items() if value is not None})
    return path


def test_isotropic_transfer_depends_on_the_length_only():
    transfer = IsotropicTransfer(np.array([0.0, 1000.0, 2000.0]), np.array([0.0, 0.5, 1.0]))
    assert transfer(300.0, 400.0) == pytest.approx(0.25)
    assert transfer(-400.0, 300.0) == pytest.approx(0.25)
    assert transfer(0.0, 9000.0) == 1.0
    assert isinstance(transfer, IsotropicTransfer) and transfer.mirror_symmetric


def test_transfers_broadcast():
    ell = np.linspace(-3000.0, 3000.0, 7)
    assert plane(stripes_at_an_angle)(ell[None, :], ell[:3, None]).shape == (3, 7)
    assert IsotropicTransfer(np.array([0.0, 1.0]), np.ones(2))(ell[None, :], ell[:3, None]).shape == (3, 7)


def test_plane_transfer_is_exact_on_its_points_and_linear_between():
    transfer = plane(stripes_at_an_angle)
    assert transfer(ELL[None, :], ELL[:, None]) == pytest.approx(
        stripes_at_an_angle(ELL[None, :], ELL[:, None])
    )
    between = 0.5 * (stripes_at_an_angle(200.0, 400.0) + stripes_at_an_angle(400.0, 400.0))
    assert transfer(300.0, 400.0) == pytest.approx(between)


def test_plane_transfer_keeps_its_last_value_beyond_the_table():
    assert plane(stripes_at_an_angle)(9000.0, 100.0) == plane(stripes_at_an_angle)(6000.0, 100.0)


def test_map_stays_real_even_if_the_table_is_not_symmetric():
    transfer = plane(lambda ell_x, ell_y: 0.5 + ell_x / 12001.0 + 0.0 * ell_y)
    assert transfer(3000.0, 1000.0) == pytest.approx(0.5)
    assert transfer(-3000.0, -1000.0) == transfer(3000.0, 1000.0)


def test_only_scans_along_an_axis_are_mirror_symmetric():
    assert plane(high_pass_along_x).mirror_symmetric
    assert not plane(stripes_at_an_angle).mirror_symmetric


def test_plane_is_read_with_x_along_the_last_axis(tmp_path):
    transfer = read_transfer(save(tmp_path / "t.npz", high_pass_along_x))
    assert transfer(200.0, 3000.0) == 0.0
    assert transfer(3000.0, 200.0) == 1.0


@pytest.mark.parametrize("indexing", ["xy", "ij"])
def test_grids_of_multipoles_are_read_in_either_order(tmp_path, indexing):
    ell_y = ELL[10:-10]
    grid_x, grid_y = np.meshgrid(ELL, ell_y, indexing=indexing)
    path = save(tmp_path / "t.npz", ell_x=grid_x, ell_y=grid_y, tf=high_pass_along_x(grid_x, grid_y))
    transfer = read_transfer(path)
    assert transfer.tf.shape == (ell_y.size, ELL.size)
    assert transfer(200.0, 3000.0) == 0.0
    assert transfer(3000.0, 200.0) == 1.0


def test_multipoles_in_the_order_of_the_fft_are_read(tmp_path):
    ell = np.fft.fftfreq(64, 1.0 / 12800.0)
    path = save(tmp_path / "t.npz", ell_x=ell, ell_y=ell, tf=stripes_at_an_angle(ell[None, :], ell[:, None]))
    assert read_transfer(path)(400.0, 200.0) == pytest.approx(stripes_at_an_angle(400.0, 200.0))


def test_toy_of_spt_is_read():
    if not TOY_SPT.is_file():
        pytest.skip(f"the transfer function of panco2 is not here: {TOY_SPT}")
    transfer = read_transfer(TOY_SPT)
    with np.load(TOY_SPT) as archive:
        point = (archive["ell_x"][700, 640], archive["ell_y"][700, 640], archive["tf"][700, 640])
    assert transfer(*point[:2]) == pytest.approx(point[2])
    assert transfer.mirror_symmetric
    assert transfer(300.0, 3000.0) == transfer(300.0, 100.0) == transfer(600.0, 100.0) == 0.0
    assert transfer(3000.0, 300.0) > 0.99


def test_table_of_text_is_read(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("# ell T error\n0 0 0.1\n1000 0.9 0.1\n2000 1.02 0.1\n")
    transfer = read_transfer(path)
    assert isinstance(transfer, IsotropicTransfer)
    assert transfer(0.0, np.array([0.0, 500.0, 2000.0, 5000.0])) == pytest.approx([0.0, 0.45, 1.02, 1.02])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1000 1\n500 0.5\n", "ascend"),
        ("500 1\n500 1\n", "ascend"),
        ("-10 1\n500 1\n", "ascend"),
        ("0 1\n500 -0.1\n", "-0.1"),
        ("0 1\n500 1.6\n", "1.6"),
        ("0 0\n500 0\n", "0 everywhere"),
        ("0 1\n500 nan\n", "finite"),
        ("0 1\n", "1 rows"),
        ("", "rows"),
        ("ell T\n", "cannot be read"),
        ("0\n500\n", "cannot be read"),
    ],
)
def test_tables_that_are_not_transfer_functions_are_refused(tmp_path, text, problem):
    path = tmp_path / "t.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        read_transfer(path)
    assert str(path) in caught.value.message
    assert "ell" in caught.value.hint


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"tf": None}, "does not hold"),
        ({"tf": np.ones(61)}, "not a plane"),
        ({"tf": np.ones((60, 61))}, "shape"),
        ({"tf": np.full((61, 61), 2.0)}, "to 2"),
        ({"tf": np.full((61, 61), -1.0)}, "-1"),
        ({"tf": np.full((61, 61), np.nan)}, "finite"),
        ({"tf": np.zeros((61, 61))}, "0 everywhere"),
        ({"ell_x": np.zeros(61)}, "repeated"),
        ({"ell_x": np.linspace(0.0, 6000.0, 61)}, "one sign"),
        ({"ell_y": ELL[::-1]}, "does not ascend"),
        ({"ell_x": np.zeros((61, 61)), "ell_y": np.ones((61, 60))}, "differ in shape"),
        ({"tf": np.array([[{}]])}, "cannot be read"),
        ({"ell_x": np.array(["a"])}, "cannot be read"),
    ],
)
def test_planes_that_are_not_transfer_functions_are_refused(tmp_path, changed, problem):
    path = save(tmp_path / "t.npz", **changed)
    with pytest.raises(InputError, match=problem) as caught:
        read_transfer(path)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"ell_x ell_y tf\n"])
def test_files_that_only_look_like_npz_are_refused(tmp_path, content):
    path = tmp_path / "t.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read"):
        read_transfer(path)


def test_missing_transfer_function_is_refused(tmp_path):
    for name in ("none.npz", "none.txt"):
        with pytest.raises(InputError, match="cannot be read"):
            read_transfer(tmp_path / name)
