"""What the user requests: maps with their stated properties, catalogue, and all settings of the masses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.config.massscale import MassScaleConfig, load_mass_scale
from szmass_cli.config.sky import MAX_BANDS
from szmass_cli.errors import UsageError
from szmass_cli.estimation.checkrequest import NO_CHECK, CheckRequest
from szmass_cli.estimation.runplan import BLOCK_ROWS
from szmass_cli.estimation.settled import ALWAYS
from szmass_cli.likelihood.positions import MAX_ERROR_ARCMIN
from szmass_cli.likelihood.sourcesearch import LEAST_SIGMA, MOST_SIGMA
from szmass_cli.maps.surveys import check_survey
from szmass_cli.physics.bands import FREQUENCY_TOLERANCE
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.posteriorfile import check_posterior_path
from szmass_cli.system.fileparts import file_of


@dataclass(frozen=True)
class MapRequest:
    """One map and its stated properties.

    Parameters
    ----------
    path : Path
        FITS file of the map: CAR, any other WCS image, or HEALPix.
    frequency_ghz : float, optional
        Effective frequency of the band for the thermal SZ effect [GHz]; by default from the map's header.
    passband : path, optional
        Table of the band's response with frequency; by default monochromatic at the effective frequency.
    units : str, optional
        Unit: ``K``, ``mK``, ``uK`` or ``y``; by default from the map's header.
    beam : float or str, optional
        The map's beam: FWHM [arcmin], or a file of its profile or B_ell; by default from the map's header.
    pixel_window : bool, optional
        Whether pixels are averages over their area and the beam does not include this pixel window; by
        default as the survey's are, else not.
    transfer : path, optional
        File of the transfer function of the filter applied to the map.
    noise : float or str, optional
        White noise [µK-arcmin], ``w,l_knee,slope``, or a file of ell and N_ell; measured by default.
    ivar : path, optional
        Map of inverse variances, in the map's own unit to the power -2. It gives the noise of each row;
        pixels where it is 0 are masked.
    mask : path, optional
        Map that is 1 where the map is used and 0 where it is not.
    survey : str, optional
        Survey whose adapter gives what is not stated, or ``none``; by default the one that recognises the
        map.
    split : tuple of two paths, optional
        Two maps of the same sky with noises of their own, such as of two halves of the data: the noise is
        measured in half their difference.
    """

    path: Path
    frequency_ghz: float | None = None
    passband: Path | None = None
    units: str | None = None
    beam: float | str | None = None
    pixel_window: bool | None = None
    transfer: Path | None = None
    noise: float | str | None = None
    ivar: Path | None = None
    mask: Path | None = None
    survey: str | None = None
    split: tuple[Path, Path] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.beam, float | int) and not 0.01 <= self.beam < 600.0:
            raise UsageError(
                f"--beam {self.beam:g}: not 0.01 to 600 arcmin.", "Give the full width at half maximum."
            )
        if self.noise is not None:
            self.noise_level()
        if self.survey is not None:
            check_survey(self.survey)
        if self.split is not None and self.noise is not None:
            raise UsageError(
                "--split and --noise are both given: splits are for measuring the noise.", "Leave one out."
            )

    def noise_level(self) -> NoiseLevel | None:
        """Return the stated noise, None where none is stated.

        Raises
        ------
        InputError
            The text or file is not a valid noise level.
        """
        return None if self.noise is None else NoiseLevel.parse(str(self.noise))

    @property
    def noise_file(self) -> Path | None:
        """Return the noise file; None if the noise is not given by a file."""
        is_file = isinstance(self.noise, str) and "," not in self.noise and Path(self.noise).is_file()
        return Path(str(self.noise)) if is_file else None

    @property
    def tables(self) -> dict[str, Path | None]:
        """Return the small files that describe the instrument, by option."""
        return {
            "passband": self.passband,
            "beam": Path(self.beam) if isinstance(self.beam, str) else None,
            "transfer": self.transfer,
            "noise": self.noise_file,
        }

    @property
    def files(self) -> list[Path]:
        """Return all files of the map that are read."""
        given = (self.path, self.ivar, self.mask, *(self.split or ()))
        maps = [file_of(file) for file in given if file is not None]
        return [*maps, *(file for file in self.tables.values() if file is not None)]

    def resolved(self) -> "MapRequest":
        """Return the request with absolute paths, for workers with another working directory."""
        noise = self.noise_file
        return replace(
            self,
            path=self.path.resolve(),
            passband=self.passband and self.passband.resolve(),
            beam=str(Path(self.beam).resolve()) if isinstance(self.beam, str) else self.beam,
            transfer=self.transfer and self.transfer.resolve(),
            noise=self.noise if noise is None else str(noise.resolve()),
            ivar=self.ivar and self.ivar.resolve(),
            mask=self.mask and self.mask.resolve(),
            split=self.split and (self.split[0].resolve(), self.split[1].resolve()),
        )

    def stated(self) -> dict[str, Any]:
        """Return the request in JSON form."""
        values = asdict(self.resolved())
        if self.split is not None:
            values["split"] = [str(path) for path in values["split"]]
        return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}

    @classmethod
    def from_stated(cls, stated: dict[str, Any]) -> "MapRequest":
        """Return the request whose JSON form is `stated`."""
        names = ("path", "passband", "transfer", "ivar", "mask")
        paths = {name: stated[name] and Path(stated[name]) for name in names}
        split = stated["split"] and tuple(Path(path) for path in stated["split"])
        return cls(**{**stated, **paths, "split": split})


@dataclass(frozen=True)
class SkyRequest:
    """Properties of sky and clusters stated in place of the model's own; None keeps the model's.

    Parameters
    ----------
    noise_correlation : float, optional
        Correlation of the 1/f noise between any two bands, 0 to 1.
    position_error_arcmin : float, optional
        Position error along each axis (standard deviation) [arcmin], for catalogues without such a column.
    relativistic : bool, optional
        Whether relativistic corrections for the temperature of the gas are applied to the SZ signal.
    sz_scatter : float, optional
        Log-normal scatter of the SZ amplitude at fixed mass.
    concentration_scatter : float, optional
        Log-normal scatter of the profiles' concentration at fixed Y500.
    sources : str, optional
        Catalogue of point sources whose fluxes are marginalised over.
    find_sources : float, optional
        S/N above which sources and neighbouring clusters are looked for in cutouts, and marginalised over.
    """

    noise_correlation: float | None = None
    position_error_arcmin: float | None = None
    relativistic: bool | None = None
    sz_scatter: float | None = None
    concentration_scatter: float | None = None
    sources: str | None = None
    find_sources: float | None = None

    def __post_init__(self) -> None:
        ranges = {
            "noise_correlation": (1.0, "Give a correlation from 0 to 1."),
            "position_error_arcmin": (
                MAX_ERROR_ARCMIN,
                "Cutouts are 10' wide and expect the cluster in the middle: give 0 to 1 arcmin.",
            ),
            "sz_scatter": (1.0, "Give the standard deviation of ln(amplitude), such as 0.2."),
            "concentration_scatter": (1.0, "Give the standard deviation of ln(c500), such as 0.2."),
        }
        for name, (highest, hint) in ranges.items():
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= highest:
                option = f"--{name.removesuffix('_arcmin').replace('_', '-')}"
                raise UsageError(f"{option} {value:g}: not between 0 and {highest:g}.", hint)
        if self.find_sources is not None and not LEAST_SIGMA <= self.find_sources <= MOST_SIGMA:
            raise UsageError(
                f"--find-sources {self.find_sources:g}: not between {LEAST_SIGMA:g} and {MOST_SIGMA:g}.",
                "Give the S/N above which sources are taken out: 5, as a rule. Below 4 noise is found.",
            )

    @property
    def options(self) -> list[str]:
        """Return the names of the options that were given."""
        given = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        return [f"--{name.removesuffix('_arcmin').replace('_', '-')}" for name in given]


@dataclass(frozen=True)
class Request:
    """A request for masses: everything that they depend on.

    Parameters
    ----------
    maps : tuple of MapRequest
        One map for each band.
    catalog : Path or astropy.table.Table
        A file in any format known to `read_catalog`, or a table in memory.
    model : str
        Name of a shipped model, or folder of a model bundle.
    sky : SkyRequest
        Properties of sky and clusters stated in place of the model's own.
    percentiles : sequence of float
        Percentiles of the posterior to write besides 16, 50 and 84.
    mass_definitions : sequence of str
        Mass definitions to write: any of ``200c``, ``500c`` and ``200m``.
    prior : str, optional
        Prior of the masses: ``flat``, ``flat-log`` or ``mass-function``; the model's own otherwise.
    mass_scale : str, optional
        Name of a shipped mass scale, or its YAML file; the model's own otherwise.
    mass_bias : float, optional
        b of a scale that is that of the model but for 1 - b.
    posteriors : Path, optional
        HDF5 file to write the likelihood and posterior of each row to.
    suffix : str
        Appended to the name of each added column.
    flag_names : bool
        Whether to add a column with the names of the flags.
    columns : mapping, optional
        Role -> column name, where the catalogue's names are unknown or ambiguous.
    batch_size : int, optional
        Number of cutouts per batch of the network; by default chosen for the device. It changes masses by
        rounding errors only.
    block_rows : int
        Number of rows stored in one part; masses do not depend on it.
    check : CheckRequest
        How many clusters are injected to check the error bars, and whether masses are corrected for it.
    """

    maps: tuple[MapRequest, ...]
    catalog: Path | Table
    model: str = DEFAULT_MODEL
    sky: SkyRequest = SkyRequest()
    percentiles: Sequence[float] = ALWAYS
    mass_definitions: Sequence[str] = ("200c",)
    prior: str | None = None
    mass_scale: str | None = None
    mass_bias: float | None = None
    posteriors: Path | None = None
    suffix: str = ""
    flag_names: bool = False
    columns: Mapping[str, str] | None = None
    batch_size: int | None = None
    block_rows: int = BLOCK_ROWS
    check: CheckRequest = NO_CHECK

    def __post_init__(self) -> None:
        if not 1 <= len(self.maps) <= MAX_BANDS:
            raise UsageError(
                f"{len(self.maps)} maps are given; 1 to {MAX_BANDS} can be measured together.",
                "Give the maps in which clusters are seen best.",
            )
        if self.posteriors is not None:
            check_posterior_path(self.posteriors)
            if self.mass_scale is not None or self.mass_bias is not None:
                raise UsageError(
                    "--posteriors are on the model's own mass scale, and another is asked for.",
                    "Leave one out; a scale can be put on the likelihoods afterwards.",
                )
        if self.suffix and not (self.suffix.isascii() and self.suffix.replace("_", "a").isalnum()):
            raise UsageError(
                f"--suffix {self.suffix!r}: not letters, digits and underscores.", "For example --suffix _sz."
            )

    @property
    def files(self) -> list[Path]:
        """Return all files that are read, but for the model's."""
        own = [file_of(self.catalog)] if isinstance(self.catalog, Path) else []
        own += [] if self.sky.sources is None else [file_of(Path(self.sky.sources))]
        return own + [file for one in self.maps for file in one.files]

    def scale(self) -> MassScale | None:
        """Return the mass scale that is asked for, None for that of the model; see `wanted_scale`."""
        return wanted_scale(self.mass_scale, self.mass_bias)

    def stated(self, model: Path) -> dict[str, Any]:
        """Return the request in JSON form, with absolute paths."""
        others = {field.name: getattr(self, field.name) for field in fields(self)}
        # shards, the only ones whose request is read again, have their catalogue in a file
        catalog = str(self.catalog.resolve()) if isinstance(self.catalog, Path) else None
        return {
            **others,
            "maps": [one.stated() for one in self.maps],
            "catalog": catalog,
            "model": str(model),
            "sky": asdict(self.sky),
            "check": asdict(self.check),
            "mass_scale": _resolved(self.mass_scale),
            "posteriors": self.posteriors and str(self.posteriors.resolve()),
        }


def _resolved(mass_scale: str | None) -> str | None:
    """Return a mass scale with an absolute path if it is a file."""
    is_file = mass_scale is not None and Path(mass_scale).is_file()
    return str(Path(str(mass_scale)).resolve()) if is_file else mass_scale


def request_from(stated: dict[str, Any]) -> Request:
    """Return the request whose JSON form is given by `Request.stated`.

    Raises
    ------
    UsageError
        The catalogue was a table in memory, which cannot be read again.
    """
    if stated["catalog"] is None:
        raise UsageError("This run had no file for its catalogue.", "Call szmass_cli.estimate once more.")
    maps = tuple(MapRequest.from_stated(one) for one in stated["maps"])
    sky = SkyRequest(**stated["sky"])
    posteriors = stated["posteriors"] and Path(stated["posteriors"])
    check = CheckRequest(**stated["check"])
    catalog = Path(stated["catalog"])
    found = {"maps": maps, "catalog": catalog, "sky": sky, "posteriors": posteriors, "check": check}
    return Request(**{**stated, **found})


def map_requests(maps: Path | Mapping[float, Path], settings: Mapping[str, Any]) -> tuple[MapRequest, ...]:
    """Return the map requests, from settings common to all maps or given for each.

    Parameters
    ----------
    maps : Path or mapping
        One map, or several keyed by their frequencies [GHz].
    settings : mapping
        Fields of `MapRequest`; a value may be a mapping keyed by frequency [GHz], which need not match those
        of the maps exactly.

    Raises
    ------
    UsageError
        A setting is given for a frequency that matches no map, or two of them.
    """
    if not isinstance(maps, Mapping):
        for name, value in settings.items():
            if isinstance(value, Mapping):
                raise UsageError(f"{name} is given by frequency, and there is one map.", "Give one value.")
        return (MapRequest(maps, **settings),)
    if settings.get("frequency_ghz") is not None:
        raise UsageError("--freq is given, and --map gives the frequencies of its maps.", "Leave --freq out.")
    by_map = {name: _by_map(name, value, list(maps)) for name, value in settings.items()}
    chosen = {
        frequency: {name: values[frequency] for name, values in by_map.items() if frequency in values}
        for frequency in maps
    }
    return tuple(
        MapRequest(path, **{**chosen[frequency], "frequency_ghz": float(frequency)})
        for frequency, path in sorted(maps.items())
    )


def _by_map(name: str, value: Any, frequencies: list[float]) -> dict[float, Any]:
    """Return a setting for each map it applies to; the keys of a mapping are matched to the maps."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(frequencies, value)
    found = {}
    for key, one in value.items():
        near = [f for f in frequencies if abs(f / key - 1.0) <= FREQUENCY_TOLERANCE]
        near = [f for f in near if f == key] or near
        if len(near) != 1:
            problem = "there is no such map" if not near else f"{near[0]:g} or {near[1]:g} GHz?"
            raise UsageError(f"{name} at {key:g} GHz: {problem}.", "Compare with --map.")
        if near[0] in found:
            raise UsageError(f"{name} at {key:g} GHz: given twice.", "Give it once for each map.")
        found[near[0]] = one
    return found


def wanted_scale(mass_scale: str | None, mass_bias: float | None) -> MassScale | None:
    """Return the mass scale that two options ask for, None for that of the model.

    Parameters
    ----------
    mass_scale : str, optional
        A shipped scale, or a YAML file.
    mass_bias : float, optional
        b: masses are divided by 1 - b.

    Raises
    ------
    UsageError
        Both are given, or the bias leaves no mass.
    ConfigError
        The scale's file cannot be used.
    """
    if mass_bias is None:
        if mass_scale is None:
            return None
        return MassScale(Path(mass_scale).name, load_mass_scale(mass_scale))
    if mass_scale is not None:
        raise UsageError("--mass-scale and --mass-bias are both given.", "Give one of them.")
    if not -1.0 <= mass_bias <= 0.7:
        raise UsageError(
            f"--mass-bias {mass_bias:g}: not between -1 and 0.7.",
            "This is b, not 1 - b: 0.2 to 0.4 as a rule.",
        )
    return MassScale("bias", MassScaleConfig(one_minus_b=1.0 - mass_bias))
