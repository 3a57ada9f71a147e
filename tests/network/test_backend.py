"""What is found out before TensorFlow is loaded, and how it is loaded."""

import gc

import pytest

from szmass_cli.config import NetworkConfig
from szmass_cli.errors import ConfigError
from szmass_cli.network import backend

GIB = 2.0**30


def test_where_there_is_no_gpu_nobody_is_asked_for_one(szmass_python, tmp_path):
    """TensorFlow takes seconds to load, which a run with workers would lose in the one that leads them."""
    (tmp_path / "ask.py").write_text(
        "import sys\n"
        "from szmass_cli.config import NetworkConfig\n"
        "from szmass_cli.network import backend\n"
        "backend.GPU_DEVICE_FILES = ('no-such-device*',)\n"
        "print(backend.fitting_batch_size(NetworkConfig()), 'tensorflow' in sys.modules)\n"
    )
    outcome = szmass_python("ask.py", cwd=tmp_path)
    assert outcome.out.split() == ["32", "False"], outcome.err


@pytest.mark.parametrize(
    ("memory", "filters", "expected"),
    [([], 16, 32), ([80 * GIB], 16, 1024), ([80 * GIB], 64, 1024), ([8 * GIB, 80 * GIB], 64, 256)],
)
def test_a_gpu_gets_as_many_cutouts_as_fill_half_of_it(monkeypatch, memory, filters, expected):
    monkeypatch.setattr(backend, "GPU_DEVICE_FILES", ("null",))
    monkeypatch.setattr(backend, "_gpu_memory_bytes", lambda: memory)
    assert backend.fitting_batch_size(NetworkConfig(head="mass", base_filters=filters)) == expected


def test_another_backend_is_refused_before_it_is_loaded(monkeypatch):
    monkeypatch.setattr(backend, "GPU_DEVICE_FILES", ())
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ConfigError, match="tensorflow and jax"):
        backend.fitting_batch_size(NetworkConfig())


def test_garbage_is_collected_again_whatever_happened():
    assert gc.isenabled()
    with pytest.raises(ImportError), backend._nothing_collected():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()
    gc.disable()
    try:
        with backend._nothing_collected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
