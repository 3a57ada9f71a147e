"""The mResUNet told of redshift, beam and noise, with a head for p(ln M): inputs and layers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from szmass_cli.config import NetworkConfig, SurveyConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.network.backend import load_keras
from szmass_cli.network.mixture import first_biases
from szmass_cli.network.mresunet import Trunk, output_maps
from szmass_cli.sky.clusters import mass_range, redshift_range
from szmass_cli.sky.cutouts import CutoutBlock

if TYPE_CHECKING:
    import keras

IMAGE_SCALE_UK = 200.0
SZ_SCALE_UK = 20.0
"""The SZ map is taught as arcsinh of its signal over this: relative where it is strong."""

CORE_PIXELS = 8
"""Side of the middle of the decoded maps that the head averages."""


@dataclass(frozen=True)
class Conditions:
    """What a conditioned network is told beside the cutout.

    Parameters
    ----------
    redshift, beam_fwhm_arcmin, noise_uk_arcmin : numpy.ndarray, shape (n,)
    """

    redshift: np.ndarray
    beam_fwhm_arcmin: np.ndarray
    noise_uk_arcmin: np.ndarray

    @classmethod
    def of(cls, block: CutoutBlock) -> "Conditions":
        """Those of simulated cutouts of several instruments."""
        assert block.beam_fwhm_arcmin is not None and block.noise_uk_arcmin is not None
        return cls(block.redshift, block.beam_fwhm_arcmin, block.noise_uk_arcmin)

    def __len__(self) -> int:
        return len(self.redshift)

    def __getitem__(self, rows: slice | np.ndarray) -> "Conditions":
        return Conditions(self.redshift[rows], self.beam_fwhm_arcmin[rows], self.noise_uk_arcmin[rows])


@dataclass(frozen=True)
class Decomposed:
    """Cutouts behind one beam, and what is told of them: taken apart once for all who look at them.

    Parameters
    ----------
    images_uk : numpy.ndarray, shape (n, 40, 40)
    coefficients_uk : numpy.ndarray, shape (4, n, 400)
        Of `BeamModes.coefficients`.
    conditions : Conditions
    modes : BeamModes
    """

    images_uk: np.ndarray
    coefficients_uk: np.ndarray
    conditions: Conditions
    modes: BeamModes

    @classmethod
    def of(cls, images_uk: np.ndarray, conditions: Conditions, modes: BeamModes) -> "Decomposed":
        """Take cutouts (n, 40, 40) or (n, 40, 40, 1) [µK] apart."""
        images = np.asarray(images_uk).reshape(len(conditions), N_PIXELS, N_PIXELS)
        return cls(images, modes.coefficients(images), conditions, modes)

    def __len__(self) -> int:
        return len(self.conditions)

    def __getitem__(self, rows: np.ndarray) -> "Decomposed":
        of_rows = self.images_uk[rows], self.coefficients_uk[:, rows]
        return Decomposed(*of_rows, self.conditions[rows], self.modes)

    def at(self, redshift: np.ndarray) -> "Decomposed":
        """The same cutouts, told of other redshifts (n,)."""
        return replace(self, conditions=replace(self.conditions, redshift=redshift))

    def matched(self, m200c_msun: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `BeamModes.matched`, for masses (k,) or (n, k) [Msun]."""
        told = self.conditions
        return self.modes.matched(self.coefficients_uk, told.noise_uk_arcmin, m200c_msun, told.redshift)

    def snr(self, m200c_msun: np.ndarray) -> np.ndarray:
        """Matched-filter S/N (n,) of mean clusters of given masses (n,) [Msun]."""
        projection, fisher = self.matched(m200c_msun[:, None])
        return (projection / np.sqrt(fisher))[:, 0]


class ConditionedInput:
    """From cutouts of one band and their conditions to the inputs of the network.

    The image has the cutout smoothed by its beam and, with ``network.input: filtered``, B C^-1 d with the
    beam and noise of the cutout, which makes depths alike. The head also sees the answers of matched filters,
    for clusters of several masses at the cutout's redshift: amplitudes, S/N, and likelihoods.

    Parameters
    ----------
    config : SurveyConfig
    modes : mapping of float to BeamModes
        By beam FWHM [arcmin].
    """

    def __init__(self, config: SurveyConfig, modes: Mapping[float, BeamModes]):
        self._modes = modes
        ranges = config.trained_instruments
        spans = [redshift_range(config.clusters), ranges.beam_range_arcmin, ranges.noise_range_uk_arcmin]
        self._middle = np.array([0.5 * np.log(low * high) for low, high in spans])
        # what does not vary is told as zero
        self._half_width = np.array([max(0.5 * np.log(high / low), 1e-3) for low, high in spans])
        self._channels = 2 if config.network.input == "filtered" else 1
        self.filter_masses_msun = np.geomspace(*mass_range(config.clusters), config.network.matched_filters)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of each input, without the first axis."""
        image = (N_PIXELS, N_PIXELS, self._channels)
        shapes: dict[str, tuple[int, ...]] = {"image": image, "conditions": (3,)}
        if self.filter_masses_msun.size:
            shapes["filters"] = (3 * self.filter_masses_msun.size,)
        return shapes

    def __call__(self, images_uk: np.ndarray, conditions: Conditions) -> dict[str, np.ndarray]:
        """Network inputs, float32, of cutouts (n, 40, 40) or (n, 40, 40, 1) [µK]."""
        inputs = self._empty(len(conditions))
        for rows, cutouts in self._by_beam(images_uk, conditions):
            for name, values in self.of(cutouts).items():
                inputs[name][rows] = values
        return inputs

    def of(self, cutouts: Decomposed) -> dict[str, np.ndarray]:
        """Network inputs, float32, of cutouts behind one beam."""
        modes, told = cutouts.modes, cutouts.conditions
        inputs = self._empty(len(cutouts))
        inputs["conditions"][:] = (self._ln(told) - self._middle) / self._half_width
        inputs["image"][..., 0] = modes.smoothed(cutouts.images_uk) / IMAGE_SCALE_UK
        if self._channels == 2:
            filtered = modes.filtered(cutouts.coefficients_uk, told.noise_uk_arcmin)
            inputs["image"][..., 1] = np.arcsinh(filtered / 3.0)
        if "filters" in inputs:
            inputs["filters"][:] = self._answers(*cutouts.matched(self.filter_masses_msun))
        return inputs

    def snr(self, images_uk: np.ndarray, conditions: Conditions, m200c_msun: np.ndarray) -> np.ndarray:
        """Matched-filter S/N of mean clusters of given masses (n,) in cutouts (n, 40, 40), shape (n,)."""
        snr = np.empty(len(conditions))
        for rows, cutouts in self._by_beam(images_uk, conditions):
            snr[rows] = cutouts.snr(m200c_msun[rows])
        return snr

    def expected_snr(self, conditions: Conditions, m200c_msun: np.ndarray) -> np.ndarray:
        """S/N (n,) that mean clusters of given masses (n,) have on average."""
        snr = np.empty(len(conditions))
        nothing = np.zeros((len(conditions), N_PIXELS, N_PIXELS))
        for rows, cutouts in self._by_beam(nothing, conditions):
            snr[rows] = np.sqrt(cutouts.matched(m200c_msun[rows, None])[1][:, 0])
        return snr

    def _by_beam(
        self, images_uk: np.ndarray, conditions: Conditions
    ) -> Iterator[tuple[np.ndarray, Decomposed]]:
        """Cutouts behind each beam, and their numbers."""
        images = np.asarray(images_uk)
        for fwhm in np.unique(conditions.beam_fwhm_arcmin):
            rows = np.flatnonzero(conditions.beam_fwhm_arcmin == fwhm)
            yield rows, Decomposed.of(images[rows], conditions[rows], self._modes[float(fwhm)])

    def _empty(self, n: int) -> dict[str, np.ndarray]:
        return {name: np.empty((n, *shape), np.float32) for name, shape in self.shapes.items()}

    @staticmethod
    def _answers(projection: np.ndarray, fisher: np.ndarray) -> np.ndarray:
        """What the head sees (n, 3 k) of matched filters (n, k)."""
        expected = np.arcsinh(0.5 * np.sqrt(fisher))
        found = np.arcsinh(0.5 * projection / np.sqrt(fisher))
        # of the best amplitude for each mass, against the best mass: small differences of large numbers,
        # which tell the size of clusters of high S/N
        ln_likelihood = 0.5 * np.maximum(projection, 0.0) ** 2 / fisher
        lost = np.arcsinh(ln_likelihood - ln_likelihood.max(axis=1, keepdims=True))
        return np.concatenate([found - expected, expected, lost], axis=1)

    @staticmethod
    def _ln(conditions: Conditions) -> np.ndarray:
        columns = (conditions.redshift, conditions.beam_fwhm_arcmin, conditions.noise_uk_arcmin)
        return np.log(np.stack(columns, axis=1))


def build_conditioned(
    config: NetworkConfig, shapes: Mapping[str, tuple[int, ...]], synchronised: bool = False
) -> "keras.Model":
    """The network: the inputs of `ConditionedInput` in; SZ map (n, 40, 40, 1) and mixture (n, 3 c) out.

    Parameters
    ----------
    config : NetworkConfig
    shapes : mapping
        Of the inputs.
    synchronised : bool
        See `build_mresunet`.

    Returns
    -------
    keras.Model
        Its outputs are named ``sz`` and ``mixture``; see `szmass_cli.network.mixture`.
    """
    keras = load_keras()
    layers = keras.layers
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    embedded = _dense(_dense(inputs["conditions"], 32), 32)
    features = Trunk(config, synchronised, embedded)(inputs["image"])
    core = layers.Cropping2D((N_PIXELS - CORE_PIXELS) // 2)(features.decoded)
    seen = [layers.GlobalAveragePooling2D(dtype="float32")(maps) for maps in (features.bridge, core)]
    numbers = [*seen, embedded, *(x for name, x in inputs.items() if name != "image")]
    hidden = layers.Concatenate(dtype="float32")(numbers)
    for _ in range(3):
        hidden = _dense(hidden, 128)
    mixture = layers.Dense(
        3 * config.mixture_components,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(first_biases(config.mixture_components)),
        dtype="float32",
        name="mixture",
    )(hidden)
    sz = layers.Identity(name="sz", dtype="float32")(output_maps(features.decoded, 1))
    return keras.Model(inputs, {"sz": sz, "mixture": mixture}, name="conditioned_mresunet")


def _dense(x: Any, units: int) -> Any:
    """A layer of the head: in single precision, as filters of high S/N differ in the fourth digit."""
    layers = load_keras().layers
    return layers.Dense(units, activation="selu", kernel_initializer="lecun_normal", dtype="float32")(x)
