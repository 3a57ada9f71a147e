"""Configurations, beams and transfer functions: the same in other words, damaged, and hostile."""

import io
import pickle
import zipfile

import damage
import numpy as np
from outcome import Fault

from szmass_cli.config import load_config, preset_names
from szmass_cli.errors import SzmassError
from szmass_cli.physics.beams import read_beam
from szmass_cli.physics.transfers import read_transfer

EXECUTED = "executed"

HOSTILE_YAML = (
    "sky: !!python/object/apply:os.mkdir ['{folder}/" + EXECUTED + "']\n",
    "!!python/name:os.system\n",
    "sky: &a [*a]\n",
    "sky: &a {{noise_uk_arcmin: *a}}\n",
    "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{n}: &{n} [*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p},*{p}]\n"
        for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "sky: *i\n",
    "sky: " + "[" * 3000 + "]" * 3000,
    "sky: " + "{{a: " * 3000 + "1" + "}}" * 3000,
    "? [a, b]\n: 1\n",
    "<<: *b\n",
    "sky: 2024-99-99\n",
    "sky: {{noise_uk_arcmin: " + "9" * 5000 + "}}\n",
    "sky: {{noise_uk_arcmin: .nan}}\n",
    "sky: {{frequency_ghz: 1:2:3:4}}\n",
    "sky: {{bands: [{{frequency_ghz: 95, beam_file: /dev/zero}}]}}\n",
    "sky: {{bands: [{{frequency_ghz: 95, beam_file: ../../../../etc/passwd}}]}}\n",
    "training: {{seed: 1e999}}\n",
    "--- a\n--- b\n",
    "%YAML 9.9\n---\nsky: 1\n",
    "".join(f"k{{i}}: {i}\n".replace("{i}", str(i)) for i in range(20_000)),
)


def config(rng, folder):
    """A preset with damage; what is accepted says the same once written and read again."""
    names = preset_names()
    path = folder / "config.yaml"
    text = load_config(names[rng.integers(len(names))]).to_yaml()
    if rng.random() < 0.1:
        which = int(rng.integers(len(HOSTILE_YAML)))
        done, text = f"hostile {which}", HOSTILE_YAML[which].format(folder=folder)
    elif rng.random() < 0.1:
        done = damage.strange_file(rng, path)
        text = None
    else:
        done, text = damage.text_of(rng, text)
    if text is not None:
        path.write_text(text, encoding="utf-8", errors="surrogatepass")

    def act():
        settings = load_config(path)
        again = folder / "again.yaml"
        again.write_text(settings.to_yaml())
        if load_config(again) != settings:
            raise Fault("another configuration when written and read again")
        return "accepted"

    return done, act


def _read(reader, path, same):
    """Read a file that must be accepted if it is the same as a good one."""
    try:
        return reader(path)
    except SzmassError as error:
        if same:
            raise Fault(f"refused: {error.message}") from error
        raise


def _beam_table(rng):
    ell = np.arange(0.0, 15_000.0, float(rng.integers(5, 50)))
    fwhm = rng.uniform(1.4, 2.5)  # narrower ones are still large where the table ends
    return ell, np.exp(-0.5 * ell * (ell + 1) * (np.radians(fwhm / 60) / 2.35482) ** 2)


def beam(rng, folder):
    """A table of a beam: the same with another norm, comments and columns; or damaged."""
    ell, b_ell = _beam_table(rng)
    path = folder / ("beam.txt.gz" if rng.random() < 0.1 else "beam.txt")
    norm = 10.0 ** rng.uniform(-8, 8)
    same = rng.random() < 0.4
    columns = [ell, norm * b_ell] + [np.ones(len(ell))] * int(rng.integers(0, 3))
    buffer = io.StringIO()
    np.savetxt(buffer, np.column_stack(columns), header="ell B_ell", fmt="%.9e")
    text, done = buffer.getvalue(), f"norm {norm:.3g}"
    if not same:
        done, text = damage.text_of(rng, text)
    np.savetxt(path, np.column_stack(columns), fmt="%.9e") if path.suffix == ".gz" else path.write_text(
        text, encoding="utf-8"
    )
    if not same and rng.random() < 0.2:
        done = damage.strange_file(rng, path)

    def act():
        got = _read(read_beam, path, same).b_ell(np.array([0.0, 1000.0, 3000.0, 8000.0]))
        if not np.isfinite(got).all() or abs(got[0] - 1.0) > 1e-6:
            raise Fault(f"B_ell {got}")
        if same:
            wanted = np.interp([1000.0, 3000.0, 8000.0], ell, b_ell)
            if np.abs(got[1:] - wanted).max() > 2e-3:
                raise Fault(f"B_ell differs by {np.abs(got[1:] - wanted).max():.2g}")
            return "same"
        return "accepted"

    return done, act


class _Bomb:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder / EXECUTED)

    def __reduce__(self):
        import os

        return os.mkdir, (self.folder,)


def transfer(rng, folder):
    """T(ell) as text, T(ell_x, ell_y) as .npz: in other orders the same; damaged; with pickles inside."""
    plane = bool(rng.integers(2))
    path = folder / ("transfer.npz" if plane else "transfer.txt")
    ell = np.linspace(-9000.0, 9000.0, 61) if plane else np.linspace(0.0, 9000.0, 91)
    cut = 1.0 - 0.9 * np.exp(-np.abs(ell) / 300.0)
    tf = np.broadcast_to(cut, (len(ell), len(ell))) if plane else cut
    kind = ("same", "damaged", "strange", "hostile")[rng.choice(4, p=[0.4, 0.4, 0.1, 0.1])]
    if plane:
        order = np.roll(np.arange(61), int(rng.integers(61))) if rng.integers(2) else np.arange(61)
        ell_x, ell_y = ell[order], ell
        tf = tf[:, order]
        if rng.integers(2):
            ell_x, ell_y = np.meshgrid(ell_x, ell_y)
        np.savez(path, ell_x=ell_x, ell_y=ell_y, tf=tf)
    else:
        np.savetxt(path, np.column_stack([ell, tf]), header="ell T")
    done = f"{kind} {'plane' if plane else 'table'}"
    if kind == "damaged" and plane:
        done, content = damage.bytes_of(rng, path.read_bytes(), path.name)
        path.write_bytes(content)
    elif kind == "damaged":
        done, text = damage.text_of(rng, path.read_text())
        path.write_text(text, encoding="utf-8")
    elif kind == "strange":
        done = damage.strange_file(rng, path)
    elif kind == "hostile":
        done = _hostile_archive(rng, path, folder)

    def act():
        got = _read(read_transfer, path, kind == "same")
        values = got(np.array([0.0, 500.0, -4000.0]), np.array([100.0, 0.0, 4000.0]))
        if not np.isfinite(values).all():
            raise Fault(f"T {values}")
        if kind == "same":
            radius = [0.0, 500.0, 4000.0] if plane else [100.0, 500.0, np.hypot(4000.0, 4000.0)]
            if np.abs(values - np.interp(radius, ell, cut)).max() > 1e-6:
                raise Fault(f"T {values}")
            return "same"
        return "accepted"

    return done, act


def _hostile_archive(rng, path, folder):
    """Pickles in place of arrays, arrays that claim to be huge, and bombs of zeros."""
    path.unlink()
    kind = ("pickle", "object array", "huge", "zeros")[rng.integers(4)]
    if kind == "pickle":
        path.write_bytes(pickle.dumps(_Bomb(folder)))
    elif kind == "object array":
        np.savez(path, ell_x=np.array([_Bomb(folder)], object), ell_y=np.arange(3.0), tf=np.ones((3, 1)))
    else:
        head = io.BytesIO()
        shape = (10**7, 10**7) if kind == "huge" else (60_000, 60_000)
        np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": shape})
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("ell_x", "ell_y"):
                buffer = io.BytesIO()
                np.save(buffer, np.arange(3.0))
                archive.writestr(f"{name}.npy", buffer.getvalue())
            with archive.open("tf.npy", "w", force_zip64=True) as member:
                member.write(head.getvalue())
                for _ in range(1 if kind == "huge" else 40):
                    member.write(bytes(1 << 24))
    return kind
