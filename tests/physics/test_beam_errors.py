"""Errors of beams: their modes against closed forms, and the tables that state them."""

import numpy as np
import pytest

from szmass_cli.errors import InputError
from szmass_cli.physics.beamerrors import (
    BeamModes,
    MisknownBeam,
    all_modes,
    read_beam_modes,
    stretch_mode,
    wing_mode,
)
from szmass_cli.physics.beams import Beam, TabulatedBeam

BEAM = Beam(1.4)
ELL = np.linspace(0.0, 20_000.0, 101)


def act_table(path, modes=2, scale=0.01, ell=None):
    """The form of ACT's beams on LAMBDA: ell, B_ell (not 1 at 0) and modes of its error."""
    ell = np.arange(0.0, 30_000.0, 100.0) if ell is None else ell
    beam = 2.5e-7 * BEAM.b_ell(ell)
    columns = [ell, beam] + [scale * (k + 1) * np.sin(ell / 4000.0) * beam for k in range(modes)]
    np.savetxt(path, np.transpose(columns), header="ell B dB1 dB2")
    return path


def test_a_stretched_gaussian_is_a_wider_gaussian():
    """d ln B / d ln FWHM = -(ell sigma)^2; a whole beam of 1 per cent more width to the second order."""
    mode = stretch_mode(BEAM, 0.01)
    expected = -0.01 * (ELL * BEAM.sigma_rad) ** 2 * BEAM.b_ell(ELL)
    np.testing.assert_allclose(mode.b_ell(ELL)[0], expected, atol=1e-6)
    wider = MisknownBeam(BEAM, mode, np.array([1.0]))
    np.testing.assert_allclose(wider.b_ell(ELL), Beam(1.4 * 1.01).b_ell(ELL), atol=2e-4)
    assert np.abs(wider.b_ell(ELL) - BEAM.b_ell(ELL)).max() > 5e-3


def test_a_shoulder_takes_its_part_of_the_solid_angle():
    """B_ell stays 1 at 0; where the shoulder has died out the rest of the beam is all that is left."""
    mode = wing_mode(BEAM, 0.02)
    assert mode.b_ell(0.0)[0] == pytest.approx(0.0, abs=1e-9)
    assert mode.b_ell(4000.0)[0] / BEAM.b_ell(4000.0) == pytest.approx(-0.02, rel=0.03)


def test_a_measured_beam_is_stretched_as_its_profile_is():
    table = TabulatedBeam(np.arange(0.0, 30_001.0, 10.0), Beam(1.4).b_ell(np.arange(0.0, 30_001.0, 10.0)))
    found, expected = (stretch_mode(beam, 0.01).b_ell(ELL) for beam in (table, BEAM))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_modes_of_several_kinds_stand_side_by_side():
    both = all_modes([stretch_mode(BEAM, 0.01), wing_mode(BEAM, 0.01)])
    assert len(both) == 2 and all_modes([]) is None
    np.testing.assert_allclose(both.b_ell(ELL)[0], stretch_mode(BEAM, 0.01).b_ell(ELL)[0], atol=1e-6)
    np.testing.assert_allclose(both.b_ell(ELL)[1], wing_mode(BEAM, 0.01).b_ell(ELL)[0], atol=1e-6)


def test_nothing_is_made_of_what_the_beam_does_not_pass():
    noise = BeamModes(np.array([0.0, 1e5]), np.full((1, 2), 1e-3))
    relative = noise.relative(BEAM, np.array([0.0, 5000.0, 40_000.0]))[0]
    assert relative[0] == pytest.approx(1e-3) and relative[1] > 1e-3 and relative[2] == 0.0


def test_the_modes_of_a_table_are_over_its_beam(tmp_path):
    modes = read_beam_modes(act_table(tmp_path / "beam.txt"))
    assert len(modes) == 2
    expected = 0.02 * np.sin(5000.0 / 4000.0) * BEAM.b_ell(5000.0)
    assert modes.b_ell(5000.0)[1] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"modes": 0}, "2 columns"),
        ({"scale": 0.5}, "no error of it"),
        ({"ell": np.arange(3000.0, 0.0, -100.0)}, "ascend from 0"),
    ],
)
def test_a_table_that_holds_no_modes_is_refused(tmp_path, table, words):
    with pytest.raises(InputError, match=words):
        read_beam_modes(act_table(tmp_path / "beam.txt", **table))


def test_text_and_missing_files_are_refused(tmp_path):
    (tmp_path / "beam.txt").write_text("no beam here\n" * 20)
    for name in ("beam.txt", "absent.txt"):
        with pytest.raises(InputError, match="cannot be read"):
            read_beam_modes(tmp_path / name)
