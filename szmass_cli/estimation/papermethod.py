"""Models of the paper's kind: maps of one instrument, convolved to the beam of the training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.bandmaps import BandMap, width_arcmin
from szmass_cli.estimation.injected import Painter
from szmass_cli.estimation.looks import check_plausible, look_at
from szmass_cli.estimation.papermeter import PaperMeter
from szmass_cli.estimation.request import MapRequest, SkyRequest
from szmass_cli.estimation.rows import RedshiftLimits, Rows
from szmass_cli.estimation.settled import Settled, Wanted
from szmass_cli.estimation.strips import NO_MASS, Strip, cut_strip
from szmass_cli.maps.beamexchange import BeamExchange
from szmass_cli.network.bundle.bundle import PaperBundle
from szmass_cli.physics.bands import FREQUENCY_TOLERANCE, Band
from szmass_cli.physics.beams import AnyBeam, Beam
from szmass_cli.posterior.massscale import MassScale, check_scale_of_model
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.system.progress import Progress, silent

BEAM_TOLERANCE = 0.1
"""A map's beam may be wider than the model's by this fraction before the map is refused."""

SAME_BEAM = 0.01
"""Beams whose widths differ by no more than this fraction are taken for the same."""

SAME_SHAPE = 0.005
"""Transfer functions that differ nowhere by more than this are taken for the same."""

NOISE_RATIO_RANGE = (0.78, 1.3)
"""A noise beyond these fractions of the model's is unlike that of training."""


@dataclass(frozen=True)
class BeamPair:
    """The beam of a map and the beam that the model was trained on.

    Parameters
    ----------
    beam, trained : Beam or TabulatedBeam
        Beam of the map, and beam of the band that the network was trained on.
    pixel_window : bool
        Whether pixels are averages over their area and `beam` does not include this pixel window.
    """

    beam: AnyBeam
    trained: AnyBeam
    pixel_window: bool

    @property
    def excess(self) -> float:
        """Return the fraction by which the map's beam is wider than the model's; negative if narrower."""
        return width_arcmin(self.beam) / width_arcmin(self.trained) - 1.0

    @property
    def exchange(self) -> BeamExchange | None:
        """Return the exchange from the map's beam to the model's; None where they are the same."""
        same = abs(self.excess) <= SAME_BEAM and self._has_the_trained_shape
        if same and not self.pixel_window:
            return None
        return BeamExchange(self.trained if same else self.beam, self.trained, self.pixel_window)

    @property
    def _has_the_trained_shape(self) -> bool:
        """Return whether the beam has the shape of the model's, wings included; any Gaussian does."""
        if isinstance(self.beam, Beam) and isinstance(self.trained, Beam):
            return True
        ell = np.linspace(0.0, 30_000.0, 301)
        return bool(np.abs(self.beam.b_ell(ell) - self.trained.b_ell(ell)).max() <= SAME_SHAPE)


class PaperMethod:
    """How a model of one instrument turns maps into masses; a `method.Method`.

    Parameters
    ----------
    bundle : PaperBundle
        Network and calibration, and the bands that the maps must show.
    request : SkyRequest
        Must be empty: the network was trained for one sky.

    Raises
    ------
    UsageError
        A property of the sky is stated.
    """

    def __init__(self, bundle: PaperBundle, request: SkyRequest):
        self._bundle = bundle
        self._refuse(request.options)

    def _refuse(self, options: Sequence[str]) -> None:
        if options:
            raise UsageError(
                f"{', '.join(options)}: the model {self._bundle.metadata.name} holds for one instrument and "
                "one sky.",
                "Leave it out, or leave --model out for the model of any instrument.",
            )

    @property
    def redshifts(self) -> RedshiftLimits:
        """Return the redshift ranges of the model."""
        metadata = self._bundle.metadata
        return RedshiftLimits(metadata.trained_redshift, metadata.calibrated_redshift, marginalises=False)

    @property
    def mass_range_msun(self) -> tuple[float, float]:
        """Return the mass range of the priors, M200c [Msun]."""
        return self._bundle.calibration.prior_range_msun

    def prior_change(self, wanted: Prior | None, scale: MassScale | None) -> PriorChange:
        """Return the change from the model's own prior to the requested one, of masses on a scale.

        Raises
        ------
        UsageError
            The model was made with a mass scale of its own.
        """
        if scale is not None:
            check_scale_of_model(self._bundle.sz_model)
        own = self._bundle.calibration.prior
        return PriorChange(own, wanted or own, self._bundle.cosmology, scale)

    def open_maps(self, requests: Sequence[MapRequest]) -> tuple[BandMap, ...]:
        """Open the maps of a run, in the order of the model's bands.

        Raises
        ------
        InputError
            A map cannot be used, or has another frequency or a wider beam.
        UsageError
            The maps do not match the model's bands.
        """
        for request in requests:
            given = [name for name in ("passband", "transfer") if getattr(request, name) is not None]
            self._refuse([f"--{name}" for name in given])
        bands = self._bundle.bands
        if len(bands) == 1 and len(requests) == 1:
            ordered: Sequence[MapRequest] = requests
        else:
            ordered = self._by_band({one.frequency_ghz or 0.0: one for one in requests})
        maps = tuple(BandMap.open(one, band.frequency_ghz) for one, band in zip(ordered, bands, strict=True))
        for one, band in zip(maps, bands, strict=True):
            self._check(one, band)
        return maps

    def _by_band(self, requests: Mapping[float, MapRequest]) -> list[MapRequest]:
        """Return maps given by frequency [GHz] in the order of the model's bands."""
        metadata, chosen = self._bundle.metadata, {}
        frequencies = np.array([band.frequency_ghz for band in self._bundle.bands])
        needed = metadata.per_band("frequency_ghz")
        for frequency, request in requests.items():
            nearest = int(np.argmin(np.abs(frequencies - frequency)))
            fits = frequency > 0 and abs(frequencies[nearest] / frequency - 1.0) <= FREQUENCY_TOLERANCE
            if not fits or nearest in chosen:
                given = f"--map {frequency:g}={request.path}" if frequency else str(request.path)
                raise UsageError(
                    f"{given}: no band of the model {metadata.name}, or twice.",
                    f"Give one map for each of {needed} GHz, or leave --model out.",
                )
            chosen[nearest] = request
        missing = ", ".join(f"{f:g}" for index, f in enumerate(frequencies) if index not in chosen)
        if missing:
            raise UsageError(
                f"The model {metadata.name} needs a map at {missing} GHz.", f"Give --map {missing}=FILE."
            )
        return [chosen[index] for index in range(len(frequencies))]

    def _check(self, one: BandMap, band: Band) -> None:
        """Refuse a map with another frequency, or with a beam wider than the model's."""
        name = self._bundle.metadata.name
        if abs(one.frequency_ghz / band.frequency_ghz - 1.0) > FREQUENCY_TOLERANCE:
            raise InputError(
                f"{one.sky_map.path}: a map at {one.frequency_ghz:g} GHz is not for the model {name}, "
                f"trained at {band.frequency_ghz:g} GHz.",
                "Leave --model out for the model of any bands.",
            )
        pair = self._pair(one, band)
        if pair.excess > BEAM_TOLERANCE:
            raise InputError(
                f"{one.sky_map.path}: its beam of {width_arcmin(pair.beam):.3g}' is wider than the "
                f"{width_arcmin(pair.trained):.3g}' that the model {name} was trained for.",
                "Leave --model out for the model of any beam.",
            )

    def _pair(self, one: BandMap, band: Band) -> BeamPair:
        return BeamPair(one.beam or band.beam, band.beam, bool(one.request.pixel_window))

    def _pairs(self, maps: Sequence[BandMap]) -> list[BeamPair]:
        return [self._pair(one, band) for one, band in zip(maps, self._bundle.bands, strict=True)]

    def settled(
        self,
        maps: Sequence[BandMap],
        rows: Rows,
        known: Rows | None = None,
        progress: Progress = silent,
    ) -> tuple[Settled, tuple[str, ...]]:
        """Return the model's own noise, with notes about the beams."""
        rms_uk = np.sqrt(np.diag(self._bundle.training_sky().covariance_uk2))
        for index, one in enumerate(maps):
            check_plausible(one.sky_map, look_at(one, rows).rms_uk, float(rms_uk[index]))
        noise = tuple(f"{band.noise_uk_arcmin:g}" for band in self._bundle.bands)
        notes = [
            note for one, pair in zip(maps, self._pairs(maps), strict=True) for note in _notes(one, pair)
        ]
        return Settled(noise, ("model",) * len(maps), (0.0,) * len(maps), 0.0), tuple(notes)

    def flags(self, maps: Sequence[BandMap]) -> int:
        """Return the flags common to all rows: a wider beam, or noise that differs from the model's."""
        flags = 0
        for one, pair, band in zip(maps, self._pairs(maps), self._bundle.bands, strict=True):
            if pair.excess > SAME_BEAM:
                flags |= Flag.BEAM_MISMATCH
            if one.noise is not None:
                flags |= int(_noise_flags(np.array(one.noise.white_uk_arcmin), band))
        return flags

    def cut(self, maps: Sequence[BandMap], rows: Rows) -> Strip:
        """Return the cutouts of a strip of rows at the model's beams; rows need data in all bands."""
        strip = cut_strip(maps, rows, [pair.exchange for pair in self._pairs(maps)])
        missing = (strip.flags & int(Flag.BAND_MISSING)) != 0
        strip.flags[missing] += int(Flag.MASKED) - int(Flag.BAND_MISSING)
        known = np.flatnonzero((strip.flags & int(NO_MASS)) == 0)
        for index, band in enumerate(self._bundle.bands):
            noise = strip.noise_uk_arcmin[known, index]
            strip.flags[known] |= np.where(np.isfinite(noise), _noise_flags(noise, band), 0)
        return strip

    @property
    def population(self) -> None:
        """Return None: a network that gives percentiles alone has no posterior to be judged."""
        return None

    def painter(self, maps: Sequence[BandMap], settled: Settled) -> Painter:
        """Return what adds clusters to the cutouts, behind the model's own beams."""
        return Painter(self._bundle.bands, self._bundle.sz_model)

    def y0_noise(
        self,
        maps: Sequence[BandMap],
        settled: Settled,
        theta500_arcmin: np.ndarray,
        noise_uk_arcmin: np.ndarray,
    ) -> np.ndarray:
        """Refuse: a network of one depth says nothing of others.

        Raises
        ------
        UsageError
            Always.
        """
        raise UsageError(
            "--model: a network of one depth has no noise of Compton y at other depths and sizes.",
            "Give a model with a likelihood, such as --model survey.",
        )

    def meter(self, maps: Sequence[BandMap], settled: Settled, wanted: Wanted) -> PaperMeter:
        """Load the network and return the meter of the cutouts."""
        return PaperMeter(self._bundle, wanted, self.prior_change(wanted.prior, wanted.scale))


def _noise_flags(noise_uk_arcmin: np.ndarray, band: Band) -> np.ndarray:
    """Return NOISE_MISMATCH where a noise level [µK-arcmin] differs from that of the training."""
    low, high = (ratio * band.noise_uk_arcmin for ratio in NOISE_RATIO_RANGE)
    alike = (noise_uk_arcmin >= low) & (noise_uk_arcmin <= high)
    return np.where(alike, 0, int(Flag.NOISE_MISMATCH)).astype(np.int32)


def _notes(one: BandMap, pair: BeamPair) -> list[str]:
    """Return notes for the user about the beam."""
    width, trained = width_arcmin(pair.beam), width_arcmin(pair.trained)
    notes = []
    if one.beam is None:
        notes.append(f"The map's beam was not given: assumed to be the model's, {width:.3g}'.")
    if pair.excess > SAME_BEAM:
        notes.append(f"The map's beam of {width:.3g}' was sharpened to the model's, with its noise.")
    elif pair.excess < -SAME_BEAM:
        notes.append(f"The map's beam of {width:.3g}' was smoothed to the model's {trained:.3g}'.")
    return notes
