"""Loading Keras and its backend: late, because it takes seconds, and without their start-up chatter."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from szmass_cli.config import NetworkConfig
from szmass_cli.errors import ConfigError
from szmass_cli.geometry import N_PIXELS

BACKENDS = ("tensorflow", "jax")

CPU_BATCH_SIZE = 32

GPU_DEVICE_FILES = ("nvidia[0-9]*", "nvhost-gpu", "nvgpu", "kfd", "dxg")
"""In /dev of a Linux that has GPUs: of NVIDIA, of its boards, of AMD, and of a Windows below."""

BYTES_PER_FILTER = 40 * N_PIXELS**2 * 4
"""Memory of a cutout on its way through the network, for each base filter: some 40 maps are held at once."""


def load_keras() -> ModuleType:
    """Return the keras module, on TensorFlow unless ``KERAS_BACKEND`` says otherwise.

    Whatever ``keras.json`` in the user's home or in ``KERAS_HOME`` sets, our networks are built for channels
    that come last, and compute in single precision.

    Raises
    ------
    ConfigError
        Keras cannot be loaded because of what stands in that file.
    """
    try:
        with _native_stderr_silenced(), _nothing_collected():
            import keras
    except (AssertionError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise ConfigError(
            f"Keras cannot be loaded: {error or type(error).__name__}. Its settings are in {_keras_json()}.",
            "Correct or remove that file.",
        ) from error
    _undo_keras_json(keras.config)
    return keras


@cache
def _undo_keras_json(config: Any) -> None:
    """Set what ``keras.json`` may have changed to Keras' defaults; once, as scripts may change it again."""
    config.set_image_data_format("channels_last")
    config.set_epsilon(1e-7)
    if config.floatx() != "float32":
        config.set_floatx("float32")
        config.set_dtype_policy("float32")


def _keras_json() -> Path:
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path("~/.keras").expanduser()) / "keras.json"


def load_tensorflow() -> ModuleType:
    """Return the tensorflow module."""
    with _native_stderr_silenced(), _nothing_collected():
        import tensorflow
    return tensorflow


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Let layers made in this context compute in the numbers of a Keras policy: ``mixed_bfloat16``, say."""
    keras = load_keras()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def usable_cores() -> int:
    """Return how many cores this process may use: a batch system often grants fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def wanted_backend() -> str:
    """Return the wanted backend of Keras: ``tensorflow``, or ``jax`` where ``KERAS_BACKEND=jax`` asks for it.

    Raises
    ------
    ConfigError
        If another backend is asked for.
    """
    wanted = os.environ.get("KERAS_BACKEND", "tensorflow")
    if wanted not in BACKENDS:
        raise ConfigError(
            f"KERAS_BACKEND={wanted}: szmass runs on {' and '.join(BACKENDS)}.", "Set one of them."
        )
    return wanted


def backend_name() -> str:
    """Return the backend that Keras runs on; see `wanted_backend`.

    Raises
    ------
    ConfigError
        If another backend is asked for, or the backend is not installed.
    """
    wanted = wanted_backend()
    try:
        return str(load_keras().backend.backend())
    except ImportError as error:
        raise ConfigError(
            f"KERAS_BACKEND={wanted} cannot be loaded: {error}.",
            f"Install it: pip install 'szmass[{wanted}]'.",
        ) from error


def on_jax() -> bool:
    """Return whether Keras runs on JAX in place of TensorFlow."""
    return backend_name() == "jax"


def one_thread_per_operation(n_threads: int) -> None:
    """Let TensorFlow compute each operation in one thread, `n_threads` of them at once, in full float32.

    An operation that is split over threads adds its terms in an order that depends on their number. Where
    TensorFlow has already been used in this process nothing changes: answers then differ by rounding.
    JAX is only told to compute in full float32.
    """
    # TensorFloat-32, the default on GPUs, keeps ten bits: a part in a thousand
    if on_jax():
        import jax

        jax.config.update("jax_default_matmul_precision", "float32")
        return
    tensorflow = load_tensorflow()
    try:
        tensorflow.config.threading.set_intra_op_parallelism_threads(1)
        tensorflow.config.threading.set_inter_op_parallelism_threads(n_threads)
        for gpu in tensorflow.config.list_physical_devices("GPU"):
            tensorflow.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        pass
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)


def fitting_batch_size(config: NetworkConfig) -> int:
    """Return how many cutouts go through a network at once.

    They are few on a CPU, whose caches are small. On a GPU they are as many as fill half of its memory, a
    power of two between 64 and 1024.
    """
    wanted_backend()
    memory = _gpu_memory_bytes() if _may_have_gpu() else []
    if not memory:
        return CPU_BATCH_SIZE
    fitting = 0.5 * min(memory) / (config.base_filters * BYTES_PER_FILTER)
    return 1 << int(np.clip(np.log2(max(fitting, 1.0)), 6, 10))


def _may_have_gpu() -> bool:
    """Return whether it is worth loading the backend, which takes seconds, to ask it for GPUs."""
    if sys.platform != "linux":
        return True
    return any(next(Path("/dev").glob(name), None) for name in GPU_DEVICE_FILES)


def _gpu_memory_bytes() -> list[int]:
    """Return the memory of each GPU."""
    one_thread_per_operation(usable_cores())
    if on_jax():
        import jax

        stated = [device.memory_stats() or {} for device in jax.devices() if device.platform == "gpu"]
        return [stats.get("bytes_limit", 0) for stats in stated]
    if not load_tensorflow().config.list_physical_devices("GPU"):
        return []
    from tensorflow.python.client import device_lib

    return [d.memory_limit for d in device_lib.list_local_devices() if d.device_type == "GPU"]


def inference(network: Any, shapes: Any) -> Callable[[Any], Any]:
    """Return a network without dropout, compiled for inputs of given shapes: NumPy arrays in and out.

    The result may be called from several threads at once: it is traced here, as tracing in several threads is
    not safe, while running a trace is.

    Parameters
    ----------
    network : keras.Model
        With its weights: later ones may not be seen.
    shapes : tuple, or dict of tuples
        Shapes of the inputs, including the batch axis.
    """
    keras = load_keras()
    if on_jax():
        import jax

        groups = network.trainable_variables, network.non_trainable_variables
        weights = [[v.value for v in group] for group in groups]
        specs = keras.tree.map_shape_structure(lambda shape: jax.ShapeDtypeStruct(shape, np.float32), shapes)
        # weights are an argument: as constants they would become part of the program
        answer = jax.jit(lambda given, x: network.stateless_call(*given, x, training=False)[0])
        run = answer.lower(weights, specs).compile()
        return lambda inputs: keras.tree.map_structure(np.asarray, run(weights, inputs))
    tensorflow = load_tensorflow()
    specs = keras.tree.map_shape_structure(
        lambda shape: tensorflow.TensorSpec(shape, tensorflow.float32), shapes
    )
    forward = tensorflow.function(lambda x: network(x, training=False)).get_concrete_function(specs)

    def answers(inputs: Any) -> Any:
        outputs = forward(keras.tree.map_structure(tensorflow.constant, inputs))
        return keras.tree.map_structure(lambda output: output.numpy(), outputs)

    return answers


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Suspend garbage collection: it takes a quarter of the time to load modules of a million objects."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _native_stderr_silenced():
    """Hide what C++ libraries write to file descriptor 2 before their log levels are set.

    Python errors are exceptions and pass through.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
