"""What a network is trained on, and with which numbers: chosen from what there is."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from szmass_cli.config import TrainingConfig
from szmass_cli.network.backend import load_tensorflow, on_jax, usable_cores

MOST_FEEDING = 24
"""Processes that simulate, at most: each has its own filters of all beams in memory."""

BFLOAT16_CAPABILITY = (8, 0)
"""CUDA compute capability from which bfloat16 is as quick as float16."""


@dataclass(frozen=True)
class Device:
    """Where training runs.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Copies of the network on every device; on one device the default strategy.
    policy : str
        Keras' name of the numbers used: weights are float32 in all of them.
    description : str
        Description for messages: ``2 CPU cores, float32``.
    is_gpu : bool
        Whether it trains faster than a core simulates.
    """

    strategy: Any
    policy: str
    description: str
    is_gpu: bool = False

    @property
    def n_feeding_processes(self) -> int:
        """Return how many processes simulate during training.

        There are some for a GPU, which is quicker than a core simulates, and none for a CPU, which is not.
        """
        return min(max(usable_cores() - 1, 1), MOST_FEEDING) if self.is_gpu else 0

    @property
    def n_replicas(self) -> int:
        """Return how many copies of the network a batch is divided among."""
        return self.strategy.num_replicas_in_sync


def training_device(config: TrainingConfig, devices: list[str] | None = None) -> Device:
    """Return all GPUs, or the CPU where there is none.

    Parameters
    ----------
    config : TrainingConfig
        Training configuration; only its ``precision`` is used.
    devices : list of str, optional
        TensorFlow's names of the devices to use, instead of those found.
    """
    if on_jax():
        return _jax_device(config)
    tensorflow = load_tensorflow()
    gpus = tensorflow.config.list_physical_devices("GPU")
    names = [f"GPU:{index}" for index in range(len(gpus))] if devices is None else devices
    strategy = (
        tensorflow.distribute.MirroredStrategy(names)
        if len(names) > 1
        else tensorflow.distribute.get_strategy()
    )
    details = tensorflow.config.experimental.get_device_details(gpus[0]) if gpus else {}
    half = _half_of(details.get("compute_capability", (0, 0)))
    precision = half if config.precision == "auto" else config.precision
    policy = precision if precision == "float32" else f"mixed_{precision}"
    if gpus:
        where = f"{len(names)} x {details.get('device_name', 'GPU')}"
    else:
        n = max(len(names), 1)
        where = f"{usable_cores()} CPU cores" + (f" as {n} devices" if n > 1 else "")
    return Device(strategy, policy, f"{where}, {policy.replace('mixed_', 'mixed ')}", bool(gpus))


class _Alone:
    """Stands where a strategy of TensorFlow does: one copy of the network."""

    num_replicas_in_sync = 1

    def scope(self) -> AbstractContextManager:
        return nullcontext()


def _jax_device(config: TrainingConfig) -> Device:
    """Return the first device that JAX found; training on several devices needs TensorFlow."""
    import jax

    first = jax.devices()[0]
    is_gpu = first.platform == "gpu"
    capability = str(getattr(first, "compute_capability", "0.0")).split(".")
    half = _half_of(tuple(map(int, capability))) if is_gpu else "float32"
    precision = half if config.precision == "auto" else config.precision
    policy = precision if precision == "float32" else f"mixed_{precision}"
    where = f"1 x {first.device_kind}" if is_gpu else f"{usable_cores()} CPU cores"
    return Device(_Alone(), policy, f"{where} by JAX, {policy.replace('mixed_', 'mixed ')}", is_gpu)


def _half_of(capability: tuple[int, ...]) -> str:
    """Return the half precision that a GPU of some compute capability has units for, else ``float32``."""
    if capability >= BFLOAT16_CAPABILITY:
        return "bfloat16"
    return "float16" if capability >= (7, 0) else "float32"
