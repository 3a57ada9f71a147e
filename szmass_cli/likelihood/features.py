"""What a network sees of a cutout: score images and curves of the likelihood, alike for all instruments."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import softmax

from szmass_cli.geometry import N_PIXELS
from szmass_cli.likelihood.contamination import KINDS, Contamination
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.residual import best_cluster, without_cluster
from szmass_cli.likelihood.scores import COMPONENTS, ScoreImages
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.evengrid import place
from szmass_cli.physics.profiles import ClusterScales, cluster_scales

N_MASSES = 24
"""Masses at which the likelihood and the matched filters are shown."""

IMAGE_SIDE = N_PIXELS // 2
"""Score images are averaged over 2 x 2 pixels: beams are wider."""

IMAGES = ("tsz", *(f"{name} without the cluster" for name in COMPONENTS))
"""Channels of the images."""

N_PLAIN_CURVES = 3 * N_MASSES + 1
"""Numbers that are shown beside the images, without those of the contamination."""

IMAGE_SCALE, SNR_SCALE = 3.0, 2.0
"""Score images and S/N are shown as arcsinh of themselves over these."""


@dataclass(frozen=True)
class Features:
    """What is known of n cutouts before any network.

    Parameters
    ----------
    images : numpy.ndarray, shape (n, 20, 20, 4), float32
        arcsinh of score images over 3, see `IMAGES`, in pixels of 0.5'.
    curves : numpy.ndarray, shape (n, 73 + 24 g), float32
        At `mass_nodes`: arcsinh of ln L less its largest value; arcsinh of half the S/N found, p / F^1/2; the
        same of that expected, F^1/2. Then ln z, and arcsinh of what each of g kinds of contamination adds to
        ln L at these masses, see `Contamination`.
    ln_likelihood : numpy.ndarray, shape (n, m)
        ln L on the grid of posteriors, its largest value 0.
    snr : numpy.ndarray, shape (n,)
        S/N of the matched filter of the best cluster.
    y_map : numpy.ndarray, shape (n, 40, 40), float32
        Compton y of the mean cluster of the posterior, behind the beam of `reference_band`.
    y_sigma : numpy.ndarray, shape (n,)
        Error of the central y of such a cluster: noise, and the scatter of concentrations.
    """

    images: np.ndarray
    curves: np.ndarray
    ln_likelihood: np.ndarray
    snr: np.ndarray
    y_map: np.ndarray
    y_sigma: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: np.ndarray | slice) -> "Features":
        return Features(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @property
    def ln_gains(self) -> np.ndarray:
        """Return what each of g kinds of contamination adds to ln L at `mass_nodes`, (n, g, 24)."""
        return np.sinh(self.curves[:, N_PLAIN_CURVES:], dtype=float).reshape(len(self), -1, N_MASSES)


def mass_nodes(ln_mass_grid: np.ndarray) -> np.ndarray:
    """Return the masses (24,) [ln Msun] at which curves are shown, evenly over a grid (m,)."""
    return np.linspace(ln_mass_grid[0], ln_mass_grid[-1], N_MASSES)


def n_curves(kind: Literal["central_source", "members"]) -> int:
    """Return how many numbers are shown beside the images of a model of a kind of contamination."""
    return N_PLAIN_CURVES + N_MASSES * KINDS[kind].N_GAINS


def reference_band(instrument: Instrument) -> int:
    """Return the band whose beam y maps have: that with the most SZ signal over white noise."""
    signal = np.array([abs(band.response.tsz_uk_per_y()) for band in instrument.bands])
    return int(np.argmax(signal / instrument.noise_uk_arcmin))


def features(
    likelihood: GaussianLikelihood,
    scores: ScoreImages,
    contamination: Contamination,
    weighed: Weighed,
    redshift: np.ndarray,
    ln_mass_grid: np.ndarray,
    ln_likelihood: np.ndarray | None = None,
) -> Features:
    """Return what a network sees of cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Gives ln L, matched filters and, through its model, the sizes of clusters.
    scores : ScoreImages
        Score images of the same likelihood.
    contamination : Contamination
        What else than gas the same likelihood reckons with.
    weighed : Weighed
        The n cutouts with their products with the inverse covariance.
    redshift : numpy.ndarray, shape (n,)
        Of each cluster, above 0: the network sees its logarithm.
    ln_mass_grid : numpy.ndarray, shape (m,)
        Grid of the posterior [ln Msun], evenly spaced.
    ln_likelihood : numpy.ndarray, shape (n, m), optional
        ln L on the grid where it is not that of `likelihood`, such as of uncertain positions.
    """
    redshift = np.asarray(redshift, float)
    if ln_likelihood is None:
        ln_likelihood = likelihood.ln_likelihood(weighed, ln_mass_grid, redshift)
    ln_likelihood = ln_likelihood - ln_likelihood.max(axis=1, keepdims=True)
    nodes = mass_nodes(ln_mass_grid)
    scales = cluster_scales(np.exp(nodes), redshift[:, None], likelihood.model)
    projection, fisher = likelihood.matched(weighed, scales)
    low, upper = place(ln_mass_grid, nodes)
    at_nodes = ln_likelihood[:, low] * (1.0 - upper) + ln_likelihood[:, low + 1] * upper
    best = best_cluster(likelihood, weighed, ln_mass_grid[ln_likelihood.argmax(axis=1)], redshift)
    rest = without_cluster(likelihood, weighed, best)
    images = np.concatenate([scores(weighed, COMPONENTS[:1]), scores(rest)], axis=-1)
    mean = _MeanCluster.of(likelihood, projection, fisher, scales, at_nodes)
    return Features(
        np.arcsinh(_halved(images) / IMAGE_SCALE).astype(np.float32),
        _curves(
            projection, fisher, at_nodes, redshift, contamination.ln_gains(weighed, np.exp(nodes), redshift)
        ),
        ln_likelihood,
        best.snr,
        mean.image,
        mean.sigma,
    )


def _halved(images: np.ndarray) -> np.ndarray:
    """Return means over 2 x 2 pixels of images (n, 40, 40, c)."""
    return images.reshape(len(images), IMAGE_SIDE, 2, IMAGE_SIDE, 2, -1).mean(axis=(2, 4))


def _curves(
    projection: np.ndarray,
    fisher: np.ndarray,
    ln_likelihood: np.ndarray,
    redshift: np.ndarray,
    ln_gains: np.ndarray,
) -> np.ndarray:
    expected = np.sqrt(fisher)
    columns = [
        np.arcsinh(ln_likelihood),
        np.arcsinh(projection / expected / SNR_SCALE),
        np.arcsinh(expected / SNR_SCALE),
        np.log(redshift)[:, None],
        np.arcsinh(ln_gains).reshape(len(redshift), -1),
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)


@dataclass(frozen=True)
class _MeanCluster:
    """The mean cluster of posteriors, under a prior flat in ln M.

    Parameters
    ----------
    image : numpy.ndarray, shape (n, 40, 40), float32
        Mean Compton y of each cluster.
    sigma : numpy.ndarray, shape (n,)
        Error of y in the middle.
    """

    image: np.ndarray
    sigma: np.ndarray

    @classmethod
    def of(
        cls,
        likelihood: GaussianLikelihood,
        projection: np.ndarray,
        fisher: np.ndarray,
        scales: ClusterScales,
        ln_likelihood: np.ndarray,
    ) -> "_MeanCluster":
        """Return the mean over masses (n, k) of their clusters, each of its mean amplitude.

        Amplitudes are taken to be Gaussian, N(1, s^2): their mean given the data is
        (1 + s^2 p) / (1 + s^2 F).
        """
        templates, band = likelihood.templates, reference_band(likelihood.instrument)
        weight = softmax(ln_likelihood, axis=1)
        variance = likelihood.scatter.amplitude_ln**2
        amplitude = np.maximum((1.0 + variance * projection) / (1.0 + variance * fisher), 0.0)
        low, upper = place(templates.ln_size, np.log(scales.theta500_arcmin))
        rows = np.arange(len(weight))[:, None]
        shapes = _unit_y(likelihood, band)
        summed = {}
        for name, height in (("mean", amplitude), ("error", fisher**-0.5)):
            table = np.zeros((len(weight), templates.ln_size.size))
            np.add.at(table, (rows, low), weight * height * scales.y_scale * (1.0 - upper))
            np.add.at(table, (rows, low + 1), weight * height * scales.y_scale * upper)
            summed[name] = table
        image = (summed["mean"] @ shapes).reshape(-1, N_PIXELS, N_PIXELS)
        peaks = shapes.max(axis=1)
        of_shape = likelihood.scatter.concentration_ln * (summed["mean"] @ peaks)
        return cls(image.astype(np.float32), np.hypot(summed["error"] @ peaks, of_shape))


def _unit_y(likelihood: GaussianLikelihood, band: int) -> np.ndarray:
    """Return Compton y (s, 1600) of unit clusters of the tabulated sizes, behind the beam of a band."""
    templates = likelihood.templates
    even = np.zeros((len(likelihood.symmetry.parities), len(templates.even), templates.even[0].shape[0]))
    even[0] = templates.even[:, :, band]
    images = likelihood.symmetry.unfold(even)[..., 0]
    return images.reshape(len(images), -1) / likelihood.instrument.bands[band].response.tsz_uk_per_y()


@dataclass(frozen=True)
class LabelledFeatures:
    """Features of simulated clusters, with the truth.

    Parameters
    ----------
    features : Features
        What a network sees of the n cutouts.
    m200c, redshift : numpy.ndarray, shape (n,)
        True M200c [Msun] and redshift.
    y_map : numpy.ndarray, shape (n, 40, 40), float32
        Compton y of the cluster, behind the beam that `Features.y_map` has.
    """

    features: Features
    m200c: np.ndarray
    redshift: np.ndarray
    y_map: np.ndarray

    def __len__(self) -> int:
        return len(self.m200c)

    def __getitem__(self, rows: np.ndarray | slice) -> "LabelledFeatures":
        return LabelledFeatures(self.features[rows], self.m200c[rows], self.redshift[rows], self.y_map[rows])

    @classmethod
    def concatenate(cls, blocks: list["LabelledFeatures"]) -> "LabelledFeatures":
        """Return all clusters of several blocks."""
        names = Features.__dataclass_fields__
        joined = {name: np.concatenate([getattr(block.features, name) for block in blocks]) for name in names}
        labels = (np.concatenate([getattr(block, name) for block in blocks]) for name in cls._LABELS)
        return cls(Features(**joined), *labels)

    _LABELS = ("m200c", "redshift", "y_map")
