"""Labelled training cutouts: drawn in blocks, each from its own random stream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from szmass_cli.config import ClusterConfig, SurveyConfig
from szmass_cli.physics.bands import Instrument
from szmass_cli.sky.clusters import ClusterStamps, draw_masses, draw_redshifts
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.objects.cutoutobjects import CutoutObjects
from szmass_cli.sky.objects.halos import halo_light
from szmass_cli.sky.objects.remainder import gaussian_power
from szmass_cli.sky.observing import BareCutouts, CutoutObserver, ErrorModel
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.signals import Signals, signal_source

BLOCK = 256
"""Cutouts that are kept together in files."""


class Stream(IntEnum):
    """Which set of simulations a random stream belongs to; no two sets share a draw."""

    TRAINING = 0
    VALIDATION = 1
    CALIBRATION = 2
    TEST = 3
    USER = 4


@dataclass(frozen=True)
class CutoutBlock:
    """Labelled cutouts, in the names and units of the file format.

    Parameters
    ----------
    image, sz : numpy.ndarray, shape (n, 40, 40, f), float32
        Sky with noise, and the cluster's own beamed signal [µK_CMB], in f bands.
    m200c : numpy.ndarray, shape (n,)
        True M200c of the clusters [Msun].
    redshift, amplitude : numpy.ndarray, shape (n,)
        Redshift, and the log-normal factor that multiplied the SZ signal.
    offset_arcmin : numpy.ndarray, shape (n, 2), optional
        Offset of miscentred clusters from the middle of the cutout, north and west [arcmin].
    depth : numpy.ndarray, shape (n,), optional
        Noise over the stated one, where it is drawn.
    calibration : numpy.ndarray, shape (n, f), optional
        Fraction by which an image's temperatures are too large, where it is drawn.
    beam_error : numpy.ndarray, shape (n, f, m), optional
        Standard deviations of m modes of the beams' errors in an image, where they are drawn.
    filled : numpy.ndarray, shape (n, f), optional
        Where objects are painted: the share of the cluster's signal that its own radio galaxies, dust and
        motion take away in each band; see `szmass_cli.sky.objects.cutoutobjects.Contents`.
    filled_radio : numpy.ndarray, shape (n, f), optional
        The same of radio galaxies alone.
    radio_mjy, dust_mjy, velocity_km_s : numpy.ndarray, shape (n,), optional
        Flux densities at 150 GHz of the cluster's radio galaxies and dust [mJy], and its velocity.
    profile, stretch, outer_slope, axis_ratio, position_angle_deg, elongation : numpy.ndarray, (n,), optional
        Where clusters are of many profiles or shapes; see `ClusterShapes`.
    second_mass_ratio, second_offset_arcmin : numpy.ndarray, shape (n,) and (n, 2), optional
        The same for their second peaks.
    """

    image: np.ndarray
    sz: np.ndarray
    m200c: np.ndarray
    redshift: np.ndarray
    amplitude: np.ndarray
    offset_arcmin: np.ndarray | None = None
    depth: np.ndarray | None = None
    calibration: np.ndarray | None = None
    beam_error: np.ndarray | None = None
    filled: np.ndarray | None = None
    filled_radio: np.ndarray | None = None
    radio_mjy: np.ndarray | None = None
    dust_mjy: np.ndarray | None = None
    velocity_km_s: np.ndarray | None = None
    profile: np.ndarray | None = None
    stretch: np.ndarray | None = None
    outer_slope: np.ndarray | None = None
    axis_ratio: np.ndarray | None = None
    position_angle_deg: np.ndarray | None = None
    elongation: np.ndarray | None = None
    second_mass_ratio: np.ndarray | None = None
    second_offset_arcmin: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.m200c)

    def __getitem__(self, rows: slice | np.ndarray) -> "CutoutBlock":
        return CutoutBlock(**{name: values[rows] for name, values in self.arrays().items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays that are there, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in named.items() if values is not None}

    @classmethod
    def concatenate(cls, blocks: list["CutoutBlock"]) -> "CutoutBlock":
        each = [block.arrays() for block in blocks]
        return cls(**{name: np.concatenate([arrays[name] for arrays in each]) for name in each[0]})


def block_generator(seed: int, stream: Stream, block: int, salt: int = 0) -> np.random.Generator:
    """Return the random generator of one block: a function of the arguments and nothing else."""
    sequence = np.random.SeedSequence(seed, spawn_key=(int(stream), salt, block))
    return np.random.Generator(np.random.PCG64DXSM(sequence))


class CutoutSimulator:
    """Draws blocks of labelled cutouts of one survey.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky`` section, and from ``clusters`` shape and SZ relation; each draw says which clusters.
    instrument : Instrument, optional
        Bands that see this sky in place of the configuration's own.
    cmb_dl : callable, optional
        D_ell [µK^2] of the CMB at multipoles, where it is known; computed by CAMB otherwise.
    """

    def __init__(
        self,
        config: SurveyConfig,
        instrument: Instrument | None = None,
        cmb_dl: Callable[..., np.ndarray] | None = None,
    ):
        objects, observing = config.sky.objects, config.sky.observing
        self.instrument = instrument or config.sky.build_instrument()
        self.bands = self.instrument.bands
        self._cosmology = config.sky.cosmology.build()
        model = config.clusters.sz_model(self._cosmology)
        light = halo_light(objects, self.bands, model)
        self.power = SkyPower.from_config(config.sky, self.bands, cmb_dl)
        self.sky = CutoutSky(self.power, self.instrument)
        # what is drawn is all of the sky, or what is left of it beside the objects; filters know all of it
        power, sky = self.power, self.sky
        if objects.has_any:
            power = gaussian_power(config.sky, self.bands, light, cmb_dl)
            sky = CutoutSky(power, self.instrument)
        modes = [observing.build_beam_modes(band.beam, None) for band in self.bands]
        errors = ErrorModel(
            observing, self.bands, config.sky.build_beam_modes() if instrument is None else modes
        )
        self.observer = CutoutObserver(sky, power, errors)
        self.gaussian_power = power
        self._objects = CutoutObjects(config.sky, sky, model, light) if objects.has_any else None
        self.stamps = ClusterStamps(self.bands, model)
        self._signals = signal_source(config.clusters, self.bands, self.stamps, model)

    @property
    def block_size(self) -> int:
        """Return the number of cutouts drawn from one random stream."""
        return self._signals.block_size

    def block(
        self, clusters: ClusterConfig, rng: np.random.Generator, first: int = 0, n: int | None = None
    ) -> CutoutBlock:
        """Return the first n cutouts of a block, or all; `first` is the number of the first one."""
        size = self.block_size
        n = size if n is None else n
        redshift = draw_redshifts(clusters, rng, size, first, self._cosmology)
        m200c = draw_masses(clusters, rng, size, first, redshift, self._cosmology)
        if self._objects is not None:
            # a whole block, as what is painted on one cutout depends on the draws for all
            return self.cutouts(clusters, m200c, redshift, rng)[:n]
        bare = self.observer.draw(rng, size)[:n]
        signals = self._signals.draw(clusters, m200c, redshift, rng, n)
        image = self.observer.observe(bare, signals.all)
        return _labelled(image, signals, m200c[:n], redshift[:n], {**bare.errors.arrays(), **signals.shapes})

    def cutouts(
        self, clusters: ClusterConfig, m200c_msun: np.ndarray, redshift: np.ndarray, rng: np.random.Generator
    ) -> CutoutBlock:
        """Return cutouts of clusters of given masses (n,) [Msun] and redshifts (n,)."""
        bare = self.observer.draw(rng, len(m200c_msun))
        return self.painted(bare, clusters, m200c_msun, redshift, rng)[0]

    def painted(
        self,
        bare: BareCutouts,
        clusters: ClusterConfig,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[CutoutBlock, np.ndarray]:
        """Return cutouts with all that is painted on them, and with the clusters' gas alone.

        Parameters
        ----------
        bare : BareCutouts
            Gaussian sky and noise of n cutouts.
        clusters : ClusterConfig
            Scatter and shapes of the clusters.
        m200c_msun, redshift : numpy.ndarray, shape (n,)
            The clusters [Msun].
        rng : numpy.random.Generator
            Draws signals, then objects.

        Returns
        -------
        block : CutoutBlock
            The cutouts with their labels.
        clean_uk : numpy.ndarray, shape (n, 40, 40, f), float32
            The same cutouts without sources, dust, neighbours, motion and lensing [µK].
        """
        signals = self._signals.draw(clusters, m200c_msun, redshift, rng, len(m200c_msun))
        return self.surrounded(bare, signals, m200c_msun, redshift, rng)

    def surrounded(
        self,
        bare: BareCutouts,
        signals: Signals,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[CutoutBlock, np.ndarray]:
        """Return cutouts of given signals with all that is painted around them, as `painted` returns them.

        Parameters
        ----------
        bare : BareCutouts
            Gaussian sky and noise of n cutouts.
        signals : Signals
            The clusters' SZ signals, of any origin.
        m200c_msun, redshift : numpy.ndarray, shape (n,)
            The clusters [Msun].
        rng : numpy.random.Generator
            Draws the objects.
        """
        further = {**bare.errors.arrays(), **signals.shapes}
        clean = image = self.observer.observe(bare, signals.all)
        if self._objects is not None:
            added, contents = self._objects.draw(bare.image_uk, signals, m200c_msun, redshift, rng)
            further |= contents.arrays()
            image = self.observer.observe(bare, added + signals.all)
        return _labelled(image, signals, m200c_msun, redshift, further), clean

    def blocks(
        self, clusters: ClusterConfig, n: int, seed: int, stream: Stream, first_block: int = 0, salt: int = 0
    ) -> Iterator[CutoutBlock]:
        """Yield blocks that add up to n cutouts; the last one is drawn in full, then cut."""
        size = self.block_size
        for index in range(-(-n // size)):
            rng = block_generator(seed, stream, first_block + index, salt)
            yield self.block(clusters, rng, (first_block + index) * size, min(n - index * size, size))


def _labelled(
    image: np.ndarray,
    signals: Signals,
    m200c: np.ndarray,
    redshift: np.ndarray,
    further: dict[str, np.ndarray],
) -> CutoutBlock:
    """Return cutouts with their labels, and further arrays of the block by name."""
    return CutoutBlock(
        image, signals.own, m200c, redshift, signals.amplitude, signals.offset_arcmin, **further
    )
