"""Provenance of the masses, as written to the output's header."""

from collections.abc import Sequence

from szmass_cli import __version__
from szmass_cli.estimation.bandmaps import BandMap, width_arcmin
from szmass_cli.estimation.preparation import Run
from szmass_cli.estimation.settled import Settled

Meta = dict[str, str | float]


def provenance(run: Run, map_sha256: Sequence[str]) -> Meta:
    """Return provenance keywords and values; for several bands a value is a comma-separated list.

    Parameters
    ----------
    run : Run
        The prepared run: request, model, catalogue and opened maps.
    map_sha256 : sequence of str
        SHA-256 digest of each map file at the time of the measurement.
    """
    settled, metadata = run.bench.job.settled, run.bundle.metadata
    meta: Meta = {
        "SZM_VER": __version__,
        "SZM_MODL": metadata.name,
        "SZM_MSHA": run.bundle.sha256,
        "SZM_CAT": run.catalog.path.name,
        "SZM_COLS": run.catalog.columns_in_words(),
        "SZM_PRI": _prior_in_words(run),
        "SZM_MSCL": "" if run.change.scale is None else run.change.scale.in_words(),
        "SZM_NOTE": " ".join(run.notes),
    }
    maps = run.bench.maps
    of_maps = [_of_map(one, settled, index, map_sha256[index]) for index, one in enumerate(maps)]
    for key in of_maps[0]:
        values = [of_map[key] for of_map in of_maps]
        meta[key] = values[0] if len(values) == 1 else ", ".join(map(str, values))
    if len(maps) > 1:
        meta["SZM_NCOR"] = settled.noise_correlation
    return meta | _of_sky(run)


def maps_in_words(run: Run) -> tuple[str, ...]:
    """Return one line for each map: file, band, unit, beam and noise."""
    settled = run.bench.job.settled
    return tuple(
        _in_words(one, settled.noise[index], settled.noise_source[index])
        for index, one in enumerate(run.bench.maps)
    )


def _in_words(one: BandMap, noise: str, noise_source: str) -> str:
    units = one.sky_map.units
    beam = "" if one.beam is None else f", beam {width_arcmin(one.beam):.3g}'"
    depth = "by its weights" if noise_source == "ivar" else f"{noise} µK-arcmin"
    return (
        f"{one.request.path.name} at {one.name}, in {units.label} ({units.source}){beam}, "
        f"noise {depth} ({noise_source})"
    )


def _of_sky(run: Run) -> Meta:
    """Return the properties of the sky stated in place of the model's own."""
    sky = run.bench.job.sky
    stated: dict[str, str | float | None] = {
        "SZM_PERR": sky.position_error_arcmin,
        "SZM_RELA": None if sky.relativistic is None else str(sky.relativistic),
        "SZM_SCAT": sky.sz_scatter,
        "SZM_CSCA": sky.concentration_scatter,
    }
    return {key: value for key, value in stated.items() if value is not None}


def _prior_in_words(run: Run) -> str:
    """Return the name of the prior of the masses; the model's own where none was requested."""
    own = run.bundle.metadata.prior
    if run.change.is_same_prior:
        return own
    low, high = (mass / 1e14 for mass in run.bench.mass_range_msun)
    words = run.change.wanted.in_words(run.change.cosmology)
    return f"{words}, {low:g} to {high:g} 1e14 Msun; M*_uncorr: {own}"


def _of_map(one: BandMap, settled: Settled, index: int, sha256: str) -> Meta:
    request = one.request
    files = {name: "" if path is None else path.name for name, path in request.tables.items()}
    return {
        "SZM_MAP": request.path.name,
        "SZM_MAPH": sha256,
        "SZM_FREQ": one.frequency_ghz,
        "SZM_BAND": files["passband"],
        "SZM_UNIT": one.sky_map.units.label,
        "SZM_UNSR": one.sky_map.units.source,
        "SZM_BEAM": "" if one.beam is None else width_arcmin(one.beam),
        "SZM_BMSR": one.beam_source,
        "SZM_BMFL": files["beam"],
        "SZM_PIXW": request.pixel_window,
        "SZM_TRAN": files["transfer"],
        "SZM_MASK": request.mask.name if request.mask else "",
        "SZM_IVAR": request.ivar.name if request.ivar else "",
        "SZM_NOIS": _noise(settled.noise[index]) if settled.noise_source[index] != "ivar" else "ivar",
        "SZM_NOSR": settled.noise_source[index],
    }


def _noise(stated: str) -> str | float:
    """Return the noise as a number where it is white."""
    try:
        return float(stated)
    except ValueError:
        return stated
