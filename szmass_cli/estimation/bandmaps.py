"""The maps of a run, one for each band of the model: what is said of them, and how they are cut."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.errors import UsageError
from szmass_cli.estimation.mapbeam import MapBeam, beam_notes, check_frequency, map_beam, stated_fwhm_arcmin
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.runplan import quick_identity
from szmass_cli.maps.cutouts import Cutouts, extract_cutouts
from szmass_cli.maps.mapfile import file_of, split_part
from szmass_cli.maps.reader import open_map
from szmass_cli.maps.skymap import SkyMap, check_resolution
from szmass_cli.maps.truncation import survive_truncation
from szmass_cli.maps.weights import Weights
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.physics.bands import FREQUENCY_TOLERANCE, Band, TrainedBand

NOISE_RATIO_RANGE = TrainedBand.NOISE_RATIO_RANGE
"""Outside it, the filtered rms around a cluster is unlike the training sky's (see `NoiseLevel`).

On the training sky 99.9 per cent of stamps are inside; twice the noise is outside, half of it mostly.
"""


@dataclass(frozen=True)
class MapRequest:
    """One map, and what is said of it.

    Parameters
    ----------
    path : Path
        CAR, any other WCS image, or HEALPix.
    units : str, optional
        ``K``, ``mK``, ``uK`` or ``y``; the map's header otherwise.
    beam : float or str, optional
        The map's beam: FWHM [arcmin], or the file of a profile or B_ell; otherwise what its header says, or
        the model's. A map that is sharper than the model's beam is smoothed to it.
    pixel_window : bool
        Whether the map's pixels are means over their area, and the beam does not say so.
    noise_uk_arcmin : float, optional
        White noise of the map [µK-arcmin]: told to a model that takes it as an input, otherwise compared
        with the model's.
    ivar : path, optional
        Map of inverse variances, in the map's own unit to the power -2: it gives the noise of each row, and
        is a mask where it is 0.
    mask : path, optional
        Map that is 1 where the map is to be used and 0 where not.
    """

    path: Path
    units: str | None = None
    beam: float | str | None = None
    pixel_window: bool = False
    noise_uk_arcmin: float | None = None
    ivar: Path | None = None
    mask: Path | None = None

    def __post_init__(self) -> None:
        if isinstance(self.beam, float | int) and not 0.01 <= self.beam < 600.0:
            raise UsageError(
                f"beam {self.beam:g}: not 0.01 to 600 arcmin.", "Give the full width at half maximum."
            )
        if self.noise_uk_arcmin is not None and not 0.0 <= self.noise_uk_arcmin < 1e6:
            raise UsageError(
                f"noise {self.noise_uk_arcmin:g}: not a number from 0 on.", "Give it in µK-arcmin."
            )

    def resolved(self) -> "MapRequest":
        """The same with absolute paths, for workers elsewhere."""
        return replace(
            self,
            path=self.path.resolve(),
            beam=str(Path(self.beam).resolve()) if isinstance(self.beam, str) else self.beam,
            ivar=self.ivar and self.ivar.resolve(),
            mask=self.mask and self.mask.resolve(),
        )

    @property
    def files(self) -> list[str | Path]:
        """All files that are read."""
        maps = [file_of(file) for file in (self.path, self.ivar, self.mask) if file is not None]
        return [*maps, *([self.beam] if isinstance(self.beam, str) else [])]

    def stated(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {name: str(v) if isinstance(v, Path) else v for name, v in asdict(self.resolved()).items()}

    @classmethod
    def from_stated(cls, stated: dict[str, Any]) -> "MapRequest":
        """What `stated` gave."""
        paths = {name: stated[name] and Path(stated[name]) for name in ("path", "ivar", "mask")}
        return cls(**{**stated, **paths})


@dataclass(frozen=True)
class BandMap:
    """A map that was opened for one band of a model, and found fit for it.

    Parameters
    ----------
    request : MapRequest
    trained : TrainedBand
        What the model was trained for.
    band : Band
        What stamps are brought to: the model's band, and of a model that takes the beam and noise as inputs
        the one that is nearest to the map.
    sky_map : SkyMap
    beam : MapBeam
    weights : Weights
        Mask and inverse variances that go with the map.
    """

    request: MapRequest
    trained: TrainedBand
    band: Band
    sky_map: SkyMap
    beam: MapBeam
    weights: Weights

    @classmethod
    def open(cls, request: MapRequest, trained: TrainedBand, model: str) -> "BandMap":
        """Open a map for a band of the model of that name.

        Raises
        ------
        InputError
            It cannot be read, or is of another frequency, a wider beam or too coarse pixels.
        """
        frequency = trained.band.frequency_ghz
        sky_map = open_map(request.path, units=request.units, frequency_ghz=frequency)
        weights = Weights.open(request.mask, request.ivar, sky_map.units)
        for opened in (sky_map, weights.mask, weights.ivar):
            if opened is not None:
                survive_truncation(opened.path, opened.raw)
        band = trained.nearest_to(stated_fwhm_arcmin(sky_map, request.beam), request.noise_uk_arcmin)
        check_frequency(band, model, sky_map)
        beam = map_beam(band, model, sky_map, request.beam, request.pixel_window)
        check_resolution(sky_map, beam.fwhm_arcmin)
        return cls(request, trained, band, sky_map, beam, weights)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, and what the user should know."""
        return (*self.sky_map.assumptions, *self.weights.notes, *beam_notes(self.beam, self.sky_map))

    @property
    def flags(self) -> int:
        """Flags that all rows get."""
        flags = int(Flag.BEAM_MISMATCH) if self.beam.is_wider else 0
        if self.request.noise_uk_arcmin is not None:
            flags |= int(self._noise_flags(self.request.noise_uk_arcmin))
        return flags

    def cutouts(self, rows: Rows) -> Cutouts:
        """Stamps around rows, at the beam of the model, with the masked pixels marked."""
        cutouts = extract_cutouts(self.sky_map, rows.ra_deg, rows.dec_deg, self.beam.transfer)
        return cutouts.masked(self.weights.bad(rows.ra_deg, rows.dec_deg))

    def noise_uk_arcmin(self, rows: Rows) -> np.ndarray:
        """White noise (n,) [µK-arcmin] around rows, as far as the model knows any.

        From the inverse variances, else that of the whole map.
        """
        noise = self.weights.noise_per_arcmin(rows.ra_deg, rows.dec_deg)
        if noise is None:
            return np.full(len(rows), self.band.noise_uk_arcmin)
        in_uk = np.abs(noise * self.sky_map.units.to_uk)
        known = np.where(np.isfinite(in_uk), in_uk, self.band.noise_uk_arcmin)
        return np.clip(known, *self.trained.noise_range_uk_arcmin)

    def row_flags(self, rows: Rows) -> np.ndarray | int:
        """Flags of single rows, from the inverse variances around them."""
        noise = self.weights.noise_per_arcmin(rows.ra_deg, rows.dec_deg)
        return 0 if noise is None else self._noise_flags(noise * self.sky_map.units.to_uk)

    def _noise_flags(self, noise_uk_arcmin) -> np.ndarray:
        """NOISE_MISMATCH where a stated noise [µK-arcmin] is unlike the training noise."""
        noise, (low, high) = np.abs(np.asarray(noise_uk_arcmin, float)), self.trained.noise_range_uk_arcmin
        alike = (noise >= low) & (noise <= high)
        return np.where(alike, 0, int(Flag.NOISE_MISMATCH)).astype(np.int32)

    def identity(self) -> dict[str, Any]:
        """All that its stamps depend on."""
        request, units = self.request, self.sky_map.units
        return {
            "map": quick_identity(self.sky_map.path),
            "beam": self.beam.numbers(),
            "noise": request.noise_uk_arcmin,
            "units": [units.label, units.to_uk],
            "pixel window": request.pixel_window,
            "mask": request.mask and quick_identity(file_of(request.mask)),
            "ivar": request.ivar and quick_identity(file_of(request.ivar)),
            "parts of files": [
                split_part(file)[1] for file in (request.path, request.mask, request.ivar) if file
            ],
        }


def open_band_maps(requests: Sequence[MapRequest], bundle: Bundle) -> tuple[BandMap, ...]:
    """Open the maps of a run, given in the order of the model's bands.

    Raises
    ------
    UsageError
        Their number is not that of the bands.
    InputError
        See `BandMap.open`.
    """
    if len(requests) != len(bundle.bands):
        needed = bundle.metadata.per_band("frequency_ghz")
        raise UsageError(
            f"The model {bundle.metadata.name} needs a map at each of {needed} GHz; {len(requests)} given.",
            "Give them as --map 95=a.fits --map 150=b.fits.",
        )
    pairs = zip(requests, bundle.trained_bands, strict=True)
    return tuple(BandMap.open(request, trained, bundle.metadata.name) for request, trained in pairs)


def map_requests(
    maps: Path | Mapping[float, Path], settings: Mapping[str, Any]
) -> MapRequest | dict[float, MapRequest]:
    """What is said of maps, from values for all of them or for each.

    Parameters
    ----------
    maps : Path or mapping
        One map, or several by their frequencies [GHz].
    settings : mapping
        Fields of `MapRequest`; a mapping holds a value for each of some frequencies.

    Raises
    ------
    UsageError
        A setting is given for a frequency of which there is no map.
    """
    if not isinstance(maps, Mapping):
        for name, value in settings.items():
            if isinstance(value, Mapping):
                raise UsageError(f"{name} is given by frequency, and there is one map.", "Give one value.")
        return MapRequest(maps, **settings)
    for name, value in settings.items():
        for frequency in value if isinstance(value, Mapping) else ():
            if frequency not in maps:
                raise UsageError(f"{name} at {frequency:g} GHz: there is no such map.", "Compare with --map.")
    return {
        frequency: MapRequest(
            path,
            **{
                name: value.get(frequency, MapRequest.__dataclass_fields__[name].default)
                if isinstance(value, Mapping)
                else value
                for name, value in settings.items()
            },
        )
        for frequency, path in maps.items()
    }


def by_band(values: Mapping[float, MapRequest], bundle: Bundle) -> tuple[MapRequest, ...]:
    """Maps that were given by frequency [GHz], in the order of the model's bands.

    Raises
    ------
    UsageError
        A frequency is not that of a band, or a band has no map or two.
    """
    chosen: dict[int, MapRequest] = {}
    frequencies = np.array([band.frequency_ghz for band in bundle.bands])
    needed = bundle.metadata.per_band("frequency_ghz")
    for frequency, request in values.items():
        nearest = int(np.argmin(np.abs(frequencies - frequency)))
        fits = abs(frequencies[nearest] / frequency - 1.0) <= FREQUENCY_TOLERANCE if frequency > 0 else False
        if not fits or nearest in chosen:
            raise UsageError(
                f"--map {frequency:g}={request.path}: no band of {bundle.metadata.name}, or twice.",
                f"Give one map for each of {needed} GHz.",
            )
        chosen[nearest] = request
    if len(chosen) < len(frequencies):
        missing = ", ".join(f"{f:g}" for i, f in enumerate(frequencies) if i not in chosen)
        raise UsageError(
            f"The model {bundle.metadata.name} needs a map at {missing} GHz.", f"Give --map {missing}=FILE."
        )
    return tuple(chosen[index] for index in range(len(frequencies)))


def together(cutouts: Sequence[Cutouts]) -> Cutouts:
    """The stamps of all bands as one: images (n, 40, 40, f), and what is bad in any band is bad."""
    return Cutouts(
        np.stack([band.images for band in cutouts], axis=-1),
        np.any([band.bad for band in cutouts], axis=0),
        np.any([band.off_map for band in cutouts], axis=0),
        np.any([band.cut_by_edge for band in cutouts], axis=0),
        np.max([band.nonfinite_fraction for band in cutouts], axis=0),
    )
