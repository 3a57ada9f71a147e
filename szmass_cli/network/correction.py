"""The correction of the Gaussian likelihood: an mResUNet on score images, and a head on curves beside it.

ln p(M | d) = ln prior(M) + ln L(M) + g(M) + const., with ln L that of a Gaussian sky. g starts at exactly
zero, or at what contamination of clusters adds to ln L, and the correction of the map of Compton y at zero.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli import BATCH_SIZE
from szmass_cli.config import NetworkConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.likelihood.contamination import KINDS
from szmass_cli.likelihood.features import IMAGE_SIDE, IMAGES, N_MASSES, Features, mass_nodes, n_curves
from szmass_cli.network.backend import inference, load_keras
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.mresunet import Trunk, output_maps
from szmass_cli.network.weights import set_weights
from szmass_cli.system.allocator import keep_freed_memory

if TYPE_CHECKING:
    import keras

LEVELS = 3
"""Sizes of maps: 20, 10 and 5 pixels."""

CORE_PIXELS = 6
"""Side of the middle of the decoded maps that the head averages, 3'."""

HIDDEN = 128
"""Units of each of the two hidden layers of the head."""

DISBELIEVED_LN = 40.0
"""What members' light adds to ln L, over that at the likeliest mass, may be disbelieved so far [nats]."""


def input_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the inputs, without the first axis."""
    return {"images": (IMAGE_SIDE, IMAGE_SIDE, len(IMAGES)), "curves": (n_curves(config.contamination),)}


def build_correction(config: NetworkConfig) -> "keras.Model":
    """Return the network, untrained: what it adds is zero whatever it sees.

    With the contamination of members the correction starts as what that does to ln L.

    Parameters
    ----------
    config : NetworkConfig
        ``base_filters``, ``residual`` and the dropout are those of the trunk.

    Returns
    -------
    keras.Model
        From ``images`` (n, 20, 20, 4) and ``curves`` (n, c) of `Features` to ``g`` (n, 24) at `mass_nodes`
        and ``y`` (n, 40, 40, 1), what is to be added to `Features.y_map` over `Features.y_sigma`.
    """
    keras = load_keras()
    inputs = {name: keras.Input(shape, name=name) for name, shape in input_shapes(config).items()}
    return keras.Model(inputs, corrections(inputs, config), name="correction")


def corrections(inputs: dict[str, Any], config: NetworkConfig) -> dict[str, Any]:
    """Return what `build_correction` puts out, of inputs that may have any number of images.

    Parameters
    ----------
    inputs : dict of keras.KerasTensor
        ``images`` (n, 20, 20, c) and ``curves`` (n, k).
    config : NetworkConfig
        As in `build_correction`.
    """
    layers = load_keras().layers
    maps = Trunk(config, LEVELS)(inputs["images"])
    core = layers.Cropping2D((IMAGE_SIDE - CORE_PIXELS) // 2)(maps.decoded)
    seen = [layers.GlobalAveragePooling2D(dtype="float32")(part) for part in (maps.bridge, core)]
    hidden = layers.Concatenate(dtype="float32")([*seen, inputs["curves"]])
    for _ in range(2):
        hidden = _dense(hidden, HIDDEN, kernel_initializer="lecun_normal", activation="selu")
    added = _dense(hidden, N_MASSES, kernel_initializer="zeros")
    g = layers.Add(name="g", dtype="float32")([added, believed_gains(hidden, inputs["curves"], config)])
    large = layers.UpSampling2D(N_PIXELS // IMAGE_SIDE, interpolation="bilinear")(maps.decoded)
    y = layers.Identity(name="y", dtype="float32")(output_maps(large, 1))
    return {"g": g, "y": y}


def believed_gains(hidden: Any, curves: Any, config: NetworkConfig) -> Any:
    """Return what contamination adds to ln L (n, 24), each kind as far as a network believes it.

    What it would change is known; how far it is to be believed is learnt.

    Parameters
    ----------
    hidden : keras.KerasTensor, shape (n, k)
        What the network has understood.
    curves : keras.KerasTensor, shape (n, c)
        Curves of `Features`; those of the contamination are the last ones.
    config : NetworkConfig
        Its ``contamination`` says how many kinds there are.
    """
    keras = load_keras()
    kind_of_light = KINDS[config.contamination]
    ops, n_gains = keras.ops, kind_of_light.N_GAINS
    start = keras.initializers.Constant(kind_of_light.BELIEVED)
    believed = _dense(hidden, n_gains, kernel_initializer="zeros", bias_initializer=start)
    gains = ops.sinh(curves[:, -n_gains * N_MASSES :])
    if n_gains == 1:
        return believed * gains
    disbelieved = 1.0 - ops.clip(believed, 0.0, 1.0)
    best = ops.expand_dims(ops.argmax(curves[:, :N_MASSES], axis=1), axis=1)
    of_kinds = []
    for kind in range(n_gains):
        gain = gains[:, kind * N_MASSES : (kind + 1) * N_MASSES]
        gain = gain - ops.take_along_axis(gain, best, axis=1)
        # gains of hundreds are exact where a bright galaxy hides a cluster: no share of them is a small one
        doubt = ops.clip(gain, -DISBELIEVED_LN, DISBELIEVED_LN)
        of_kinds.append(gain - disbelieved[:, kind : kind + 1] * doubt)
    return keras.layers.Add(dtype="float32")(of_kinds)


def _dense(x: Any, units: int, **options: Any) -> Any:
    """Return a layer of the head: in single precision, as curves of high S/N differ in the fourth digit."""
    return load_keras().layers.Dense(units, dtype="float32", **options)(x)


def interpolation(ln_mass: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the matrix (24, k) from `mass_nodes` of a grid (m,) to cubic splines at masses (k,)."""
    return CubicSpline(mass_nodes(ln_mass), np.eye(N_MASSES))(at).T


@dataclass(frozen=True)
class Correction:
    """What the network says of n cutouts.

    Parameters
    ----------
    g : numpy.ndarray, shape (n, m)
        What is to be added to ln L on the grid of masses; 0 where the network is lost.
    y_map : numpy.ndarray, shape (n, 40, 40), float32
        Compton y of the cluster, behind the beam of `szmass_cli.likelihood.features.reference_band`.
    lost : numpy.ndarray of bool, shape (n,)
        Where the network's answer is not finite.
    """

    g: np.ndarray
    y_map: np.ndarray
    lost: np.ndarray


class Corrector:
    """A Keras network ready to be asked; may be asked from several threads at once.

    Parameters
    ----------
    network : keras.Model
        A network made by `build_correction`.
    ln_mass : numpy.ndarray, shape (m,)
        Grid of posteriors [ln Msun].
    batch_size : int
        Cutouts that go through the network at once.
    """

    def __init__(self, network: Any, ln_mass: np.ndarray, batch_size: int = BATCH_SIZE):
        keep_freed_memory()
        self._batch_size = batch_size
        self._to_grid = interpolation(ln_mass, ln_mass)
        shapes = {one.name: (batch_size, *one.shape[1:]) for one in network.inputs}
        self._forward = inference(network, shapes)

    @classmethod
    def from_bundle(cls, bundle: Bundle, batch_size: int = BATCH_SIZE) -> "Corrector":
        """Return the network of a bundle.

        Raises
        ------
        InputError
            If its weights do not fit.
        """
        network = build_correction(bundle.recipe.network)
        set_weights(network, bundle.weights, str(bundle.path))
        return cls(network, bundle.ln_mass, batch_size)

    def __call__(self, features: Features) -> Correction:
        """Return corrections of n cutouts, in batches of one size whatever n is."""
        n = len(features)
        g = np.empty((n, N_MASSES))
        y = np.empty((n, N_PIXELS, N_PIXELS), np.float32)
        for start in range(0, n, self._batch_size):
            rows = slice(start, min(start + self._batch_size, n))
            inputs = {"images": features.images[rows], "curves": features.curves[rows]}
            outputs = self._forward({name: self._padded(values) for name, values in inputs.items()})
            g[rows] = outputs["g"][: rows.stop - start]
            y[rows] = outputs["y"][: rows.stop - start, ..., 0]
        lost = np.logical_not(np.isfinite(g).all(axis=1) & np.isfinite(y).all(axis=(1, 2)))
        g[lost], y[lost] = 0.0, 0.0
        y_map = features.y_map + features.y_sigma[:, None, None].astype(np.float32) * y
        # no matrix product: its order of summation depends on the row's place among the others
        return Correction(np.einsum("nk,km->nm", g, self._to_grid), y_map, lost)

    def _padded(self, batch: np.ndarray) -> np.ndarray:
        # another shape would be computed in another order
        padded = np.zeros((self._batch_size, *batch.shape[1:]), np.float32)
        padded[: len(batch)] = batch
        return padded
