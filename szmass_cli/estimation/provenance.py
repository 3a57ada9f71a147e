"""Provenance of the masses, as written to the output's header."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from szmass_cli import __version__
from szmass_cli.estimation.bandmaps import BandMap, width_arcmin
from szmass_cli.estimation.commandline import command_of, model_name
from szmass_cli.estimation.looks import SEED
from szmass_cli.estimation.preparation import Run
from szmass_cli.estimation.recipe import RECIPE_KEY, Recipe, identity_of
from szmass_cli.estimation.request import Request
from szmass_cli.estimation.settled import MeasuredNoise, Settled
from szmass_cli.likelihood.sources import TREATMENT
from szmass_cli.physics.cosmology import T_CMB_K
from szmass_cli.posterior.tempering import Tempering
from szmass_cli.system.files import sha256_of
from szmass_cli.system.versions import library_versions

Meta = dict[str, str | float]

KEYWORDS = {
    "SZM_VER": ("szmass", "szmass version"),
    "SZM_DATE": ("begun", "day on which the run was begun (UTC), the same however often it was resumed"),
    "SZM_CMD": ("command", "command line, without its outputs; empty where tables or maps were in memory"),
    "SZM_LIBS": ("libraries", "versions of Python and of the libraries that numbers or files may depend on"),
    "SZM_MODL": ("model", "model name"),
    "SZM_MSHA": ("model SHA-256", "SHA-256 of the model's metadata, which seal its other files"),
    "SZM_CAT": ("catalogue", "catalogue file, or `the table` for one that a script gave"),
    "SZM_CATH": ("catalogue SHA-256", "its SHA-256; that of the numbers used where it is no file"),
    "SZM_COLS": ("columns", "columns of the catalogue that were used, by role"),
    "SZM_COSM": ("cosmology", "flat cosmology of masses and angular sizes, in numbers"),
    "SZM_PRI": ("prior", "prior of the percentiles, and of `M200c_uncorr` where it is another"),
    "SZM_MSCL": ("mass scale", "mass scale, in numbers; empty for the model's own"),
    "SZM_MSCH": ("mass scale SHA-256", "SHA-256 of the file of the mass scale, where it is no shipped one"),
    "SZM_SEED": ("seed", "seed of the rows that noise and unit are judged by"),
    "SZM_POST": ("posteriors", "whether `--posteriors` were written"),
    "SZM_NOTE": ("notes", "everything that was assumed"),
    RECIPE_KEY: ("run", "all of the run as JSON, from which `szmass show` opens the maps again"),
    "SZM_MAP": ("map", "map file"),
    "SZM_MAPH": ("map SHA-256", "its SHA-256, of the whole file"),
    "SZM_SURV": ("survey", "survey that the map was recognised as one of, or that an option names"),
    "SZM_FREQ": ("frequency [GHz]", "effective frequency of the band for the thermal SZ effect [GHz]"),
    "SZM_BAND": ("passband", "passband file"),
    "SZM_BNDH": ("passband SHA-256", "its SHA-256"),
    "SZM_UNIT": ("unit", "unit of the map"),
    "SZM_UNSR": ("unit from", "`option`, `header`, `survey` (what its adapter knows) or `assumed`"),
    "SZM_BEAM": ("beam ['], FWHM", "beam as used [arcmin FWHM]; of a table, that of the same half-power l"),
    "SZM_BMSR": ("beam from", "`option`, `header`, `survey` (what its adapter knows) or `assumed`"),
    "SZM_BMFL": ("beam file", "beam file"),
    "SZM_BMH": ("beam SHA-256", "its SHA-256"),
    "SZM_PIXW": ("pixel window", "whether the map's pixels were taken for means over their area"),
    "SZM_PIXS": ("pixel side [']", "their side [arcmin], 0 for point-sampled pixels"),
    "SZM_TRAN": ("transfer", "file of the transfer function"),
    "SZM_TRAH": ("transfer SHA-256", "its SHA-256"),
    "SZM_MASK": ("mask", "mask file"),
    "SZM_MSKH": ("mask SHA-256", "its SHA-256"),
    "SZM_IVAR": ("ivar", "inverse-variance file"),
    "SZM_IVRH": ("ivar SHA-256", "its SHA-256"),
    "SZM_NOIS": ("noise", "noise [µK-arcmin], `w,l_knee,slope` or a file; `ivar`: row by row"),
    "SZM_NOMD": ("noise, typical", "the same, but with `ivar` the median white noise around the rows"),
    "SZM_NOSR": ("noise from", "`option`, `measured`, in `cutouts`, `ivar`, `assumed` or `model`"),
    "SZM_NOIH": ("noise SHA-256", "SHA-256 of the noise file"),
    "SZM_SPLT": ("splits", "files of the splits in whose difference the noise was measured"),
    "SZM_SPLH": ("splits SHA-256", "their SHA-256"),
    "SZM_NREG": ("noise regions", "RA and Dec [deg] of regions, and the white noise of each by band"),
    "SZM_NCOR": ("noise correlation", "correlation of the 1/f noise between bands, of several"),
    "SZM_PERR": ("position error [']", "position error along each axis [arcmin], where an option states it"),
    "SZM_RELA": ("relativistic", "relativistic corrections, where an option states them"),
    "SZM_SCAT": ("SZ scatter", "scatter of ln(SZ amplitude), where an option or the mass scale states it"),
    "SZM_SRCS": ("sources", "catalogue of point sources, where there is one"),
    "SZM_SRCH": ("sources SHA-256", "its SHA-256"),
    "SZM_SRCT": ("sources are", "what is done with known and found sources"),
    "SZM_FIND": ("sources found", "S/N above which sources and neighbouring clusters were looked for"),
    "SZM_CSCA": ("scatter of ln(c500)", "scatter of ln(c500) at fixed Y500, where an option states it"),
    "SZM_CHK": ("check", "what the check by injection did, and what it cannot see; its numbers follow"),
    "SZM_CHKN": ("injected clusters", "injected clusters that have a mass"),
    "SZM_CHKD": ("of S/N above 3", "those of S/N above 3, which the numbers are of"),
    "SZM_CSED": ("seed of the check", "seed of their positions and masses, beside the catalogue"),
    "SZM_CBIA": ("bias", "bias of the injected clusters: mean of ln(M_est / M_true)"),
    "SZM_CBIE": ("error of the bias", "its standard error"),
    "SZM_C68": ("coverage of 68 %", "fraction of true masses within the central 68 per cent"),
    "SZM_C68E": ("error of that", "its standard error"),
    "SZM_C95": ("coverage of 95 %", "fraction of true masses within the central 95 per cent"),
    "SZM_C95E": ("error of that", "its standard error"),
    "SZM_RCAL": ("recalibration", "shift and stretch of likelihoods by S/N that `--recalibrate` applied"),
    "SZM_RBIA": ("bias with it", "bias of the injected clusters with it, cross-fitted"),
    "SZM_RC68": ("68 % with it", "coverage of 68 per cent with it"),
    "SZM_RC95": ("95 % with it", "coverage of 95 per cent with it"),
}
"""What each keyword holds: in two words, and in full."""


def provenance(
    run: Run,
    sha256: Sequence[Mapping[str, str]],
    begun: str,
    recalibration: Tempering | None = None,
) -> Meta:
    """Return provenance keywords and values; for several bands a value is a comma-separated list.

    Parameters
    ----------
    run : Run
        The prepared run: request, model, catalogue and opened maps.
    sha256 : sequence of mapping
        SHA-256 digests of the files of each band, see `filehashes.sha256_of_maps`.
    begun : str
        Day on which the run was begun.
    recalibration : Tempering, optional
        What was applied to its masses.
    """
    settled, metadata = run.bench.job.settled, run.bundle.metadata
    meta: Meta = {
        "SZM_VER": __version__,
        "SZM_DATE": begun,
        "SZM_CMD": command_of(_shortest(run)),
        "SZM_LIBS": ", ".join(f"{name} {number}" for name, number in library_versions().items()),
        "SZM_MODL": metadata.name,
        "SZM_MSHA": run.bundle.sha256,
        "SZM_CAT": run.catalog.path.name,
        "SZM_CATH": run.catalog.sha256(),
        "SZM_COLS": run.catalog.columns_in_words(),
        "SZM_COSM": _cosmology_in_words(run),
        "SZM_PRI": _prior_in_words(run),
        "SZM_MSCL": "" if run.change.scale is None else run.change.scale.in_words(),
        "SZM_SEED": SEED,
        "SZM_POST": run.request.posteriors is not None,
        "SZM_NOTE": " ".join(run.notes),
    }
    maps = run.bench.maps
    of_maps = [_of_map(one, settled, index, sha256[index]) for index, one in enumerate(maps)]
    for key in of_maps[0]:
        values = [of_map[key] for of_map in of_maps]
        meta[key] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    if len(maps) > 1:
        meta["SZM_NCOR"] = settled.noise_correlation
    if settled.measured is not None:
        meta["SZM_NREG"] = regions_in_words(settled.measured)
    return meta | _of_sky(run) | {RECIPE_KEY: recipe_of(run, recalibration).to_json()}


def recipe_of(run: Run, recalibration: Tempering | None = None) -> Recipe:
    """Return what is needed to open the maps of a run again and measure rows as it did.

    Parameters
    ----------
    run : Run
        The prepared run.
    recalibration : Tempering, optional
        What was applied to its masses.
    """
    job, maps = run.bench.job, run.bench.maps
    names = [name.removesuffix(run.request.suffix) for name in run.new_columns]
    files = [one.noise_file for one in job.maps]
    # 5.0 in a script and 5 on the command line are one noise
    noise = (
        str(_noise(level) if file is None else file)
        for level, file in zip(job.settled.noise, files, strict=True)
    )
    return Recipe(
        tuple(one if one.noise_file else replace(one, noise=None) for one in job.maps),
        tuple(identity_of(one) for one in maps),
        model_name(str(run.bundle.path)),
        run.bundle.sha256,
        job.sky,
        replace(job.settled, noise=tuple(noise), measured=None),
        job.wanted,
        tuple(run.request.mass_definitions),
        dict(run.catalog.roles),
        tuple(names),
        run.request.suffix,
        recalibration,
    )


def maps_in_words(run: Run) -> tuple[str, ...]:
    """Return one line for each map: file, band, unit, beam and noise."""
    settled = run.bench.job.settled
    return tuple(
        _in_words(one, settled.noise[index], settled.noise_source[index])
        for index, one in enumerate(run.bench.maps)
    )


def maps_in_numbers(run: Run) -> tuple[Meta, ...]:
    """Return what is written of each map, and under which names in JSON."""
    names = {
        "file": "SZM_MAP",
        "frequency_ghz": "SZM_FREQ",
        "unit": "SZM_UNIT",
        "unit_source": "SZM_UNSR",
        "beam_fwhm_arcmin": "SZM_BEAM",
        "beam_source": "SZM_BMSR",
        "noise": "SZM_NOIS",
        "noise_uk_arcmin": "SZM_NOMD",
        "noise_source": "SZM_NOSR",
    }
    settled, none = run.bench.job.settled, defaultdict[str, str](str)
    of_maps = [_of_map(one, settled, index, none) for index, one in enumerate(run.bench.maps)]
    return tuple({name: of_map[key] for name, key in names.items()} for of_map in of_maps)


def _in_words(one: BandMap, noise: str, noise_source: str) -> str:
    units = one.sky_map.units
    beam = "" if one.beam is None else f", beam {width_arcmin(one.beam):.3g}'"
    depth = "by its weights" if noise_source == "ivar" else f"{noise} µK-arcmin"
    return (
        f"{one.request.path.name} at {one.name}, in {units.label} ({units.source}){beam}, "
        f"noise {depth} ({noise_source})"
    )


def _of_sky(run: Run) -> Meta:
    """Return what is stated of sky and clusters in place of the model's own, with hashes of files."""
    sky = run.bench.job.sky
    stated: dict[str, str | float | None] = {
        "SZM_PERR": sky.position_error_arcmin,
        "SZM_RELA": None if sky.relativistic is None else str(sky.relativistic),
        "SZM_SCAT": sky.sz_scatter,
        "SZM_CSCA": sky.concentration_scatter,
        "SZM_FIND": sky.find_sources,
    }
    if sky.sources is not None:
        # as it was read before the measurement
        stated |= {"SZM_SRCS": Path(sky.sources).name, "SZM_SRCH": run.plan.identity["sources"]}
    if sky.sources is not None or sky.find_sources is not None:
        stated["SZM_SRCT"] = TREATMENT
    scale = run.request.mass_scale
    if scale is not None and Path(scale).is_file():
        stated["SZM_MSCH"] = sha256_of(scale)
    return {key: value for key, value in stated.items() if value is not None}


def _shortest(run: Run) -> Request:
    """Return the request without a prior that is the model's own anyway."""
    is_own = run.change.wanted == run.change.own
    return replace(run.request, prior=None) if is_own else run.request


def _prior_in_words(run: Run) -> str:
    """Return the name of the prior of the masses; the model's own where none was requested."""
    own = run.bundle.metadata.prior
    if run.change.is_same_prior:
        return own
    low, high = (mass / 1e14 for mass in run.bench.mass_range_msun)
    words = run.change.wanted.in_words(run.change.cosmology)
    return f"{words}, {low:g} to {high:g} 1e14 Msun; M*_uncorr: {own}"


def _cosmology_in_words(run: Run) -> str:
    """Return the cosmology of masses and angular sizes in numbers: flat, with a cosmological constant."""
    numbers = asdict(run.change.cosmology) | {"t_cmb_k": T_CMB_K}
    return ", ".join(f"{name} {value:g}" for name, value in numbers.items())


def _of_map(one: BandMap, settled: Settled, index: int, sha256: Mapping[str, str]) -> Meta:
    request = one.request
    files = {name: "" if path is None else path.name for name, path in request.tables.items()}
    digests = {name: digest or "" for name, digest in one.table_sha256.items()}
    return {
        "SZM_MAP": request.path.name,
        "SZM_MAPH": sha256["map"],
        "SZM_SURV": "" if one.facts is None else one.facts.survey,
        "SZM_FREQ": one.frequency_ghz,
        "SZM_BAND": files["passband"],
        "SZM_BNDH": digests["passband"],
        "SZM_UNIT": one.sky_map.units.label,
        "SZM_UNSR": one.sky_map.units.source,
        "SZM_BEAM": "" if one.beam is None else width_arcmin(one.beam),
        "SZM_BMSR": one.beam_source,
        "SZM_BMFL": files["beam"],
        "SZM_BMH": digests["beam"],
        "SZM_PIXW": bool(request.pixel_window),
        "SZM_PIXS": settled.pixel_arcmin[index] if request.pixel_window else 0.0,
        "SZM_TRAN": files["transfer"],
        "SZM_TRAH": digests["transfer"],
        "SZM_MASK": request.mask.name if request.mask else "",
        "SZM_MSKH": sha256["mask"],
        "SZM_IVAR": request.ivar.name if request.ivar else "",
        "SZM_IVRH": sha256["ivar"],
        "SZM_NOIS": _noise(settled.noise[index]) if settled.noise_source[index] != "ivar" else "ivar",
        "SZM_NOMD": _noise(settled.noise[index]),
        "SZM_NOSR": settled.noise_source[index],
        "SZM_NOIH": digests["noise"],
        "SZM_SPLT": ", ".join(path.name for path in request.split or ()),
        "SZM_SPLH": sha256["split"],
    }


def regions_in_words(measured: MeasuredNoise) -> str:
    """Return the centres [deg] of the regions of measured noise, and white noise by band [µK-arcmin]."""
    words = []
    for region in measured.regions():
        white = " ".join(f"{value:g}" for value in region["white_uk_arcmin"])
        words.append(f"{region['ra_deg']:g} {region['dec_deg']:g}: {white}")
    return "; ".join(words)


def _noise(stated: str) -> str | float:
    """Return the noise as a number where it is white."""
    try:
        return float(stated)
    except ValueError:
        return stated
