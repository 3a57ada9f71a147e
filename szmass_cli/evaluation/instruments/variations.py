"""Cases beyond instruments as they are: filters, depths, positions, profiles, and false statements."""

from dataclasses import replace

import numpy as np

from szmass_cli.config import ClusterConfig, LogUniformMasses, SurveyConfig
from szmass_cli.evaluation.instruments.cases import PIVOT_GHZ, Assumed, Case, sky_of
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.scores import component_spectrum
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import ARCMIN, Beam, TabulatedBeam, beam_profile
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.physics.transfers import PlaneTransfer

POSITION_ERROR_ARCMIN = 0.3
DEPTH_RANGE = 4.0

MISMATCH_REDSHIFT, MISMATCH_MASSES_MSUN = 0.7, (3e14, 1.2e15)
"""Clusters on maps that are not as stated."""

SOURCE_MJY = 5.0
"""Flux at 150 GHz of a point source on a cluster."""

BEAM_TIMES, NOISE_TIMES, FOREGROUNDS_TIMES = 1.1, 2.0, 1.3


def scan_filter(least_ell_x: float, least_ell: float = 0.0) -> PlaneTransfer:
    """Return a filter that takes away |ell_x| below one multipole, and |ell| below another.

    Steps are as narrow as a table of steps of a multipole or so can hold.
    """
    farthest = 20_000.0
    if least_ell == 0.0:
        x = np.array([-farthest, -least_ell_x - 0.5, -least_ell_x + 0.5])
        x = np.concatenate([x, -x[::-1]])
        passed = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0])
        return PlaneTransfer(x, np.array([-farthest, farthest]), np.tile(passed, (2, 1)))
    axis = np.arange(-2000.0, 2001.0, 10.0)
    inside = (np.abs(axis)[None, :] > least_ell_x) & (np.hypot(axis[None, :], axis[:, None]) > least_ell)
    return PlaneTransfer(axis, axis, inside.astype(float))


def filtered(instrument: Instrument, transfer: PlaneTransfer) -> Instrument:
    """Return the instrument with all its maps behind a filter."""
    return replace(instrument, bands=tuple(replace(band, transfer=transfer) for band in instrument.bands))


def filter_cases(
    sky: SkyModel, instrument: Instrument, what: str, transfers: dict[str, PlaneTransfer]
) -> list[Case]:
    """Return for each filter a case in which the model is told of it, and one in which it is not.

    The truth is that of the same sky without the filter: the exact posterior is the unfiltered one.

    Parameters
    ----------
    sky : SkyModel
        Simulated, and told to the model.
    instrument : Instrument
        What it is without the filters.
    what : str
        What the instrument is called.
    transfers : dict of PlaneTransfer
        Transfer functions of the filters, by name.
    """
    cases = []
    for name, transfer in transfers.items():
        behind = filtered(instrument, transfer)
        plain = Assumed.of(sky, instrument)
        case = Case(
            f"{what}, {name}", plain, Assumed.of(sky, behind), sky.config.clusters, seen_by_model=behind
        )
        cases += [case, replace(case, name=f"{what}, {name}, not told", told=plain)]
    return cases


def depth_case(sky: SkyModel, instrument: Instrument, what: str) -> Case:
    """Return a case whose noise varies by a factor of four in variance; the model is told each depth."""
    case = Case.as_told(f"{what}, depth varies by {DEPTH_RANGE:g}", sky, instrument)
    return replace(case, depth_range=DEPTH_RANGE)


def position_cases(sky: SkyModel, instrument: Instrument, what: str) -> list[Case]:
    """Return cases of clusters off their catalogued positions, with this told to the model and not told."""
    error = POSITION_ERROR_ARCMIN
    clusters = sky.config.clusters.model_copy(update={"miscentring_arcmin": error})
    truth = replace(Assumed.of(sky, instrument), position_error_arcmin=error)
    case = Case(f"{what}, {error:g}' off per axis", truth, truth, clusters)
    return [case, case.told_of(f"{case.name}, not told", position_error_arcmin=0.0)]


def concentration_cases(sky: SkyModel, instrument: Instrument, what: str) -> list[Case]:
    """Return profiles that scatter, with the scatter in the likelihood and without."""
    case = Case.as_told(f"{what}, profiles scatter by {sky.scatter.concentration_ln:g}", sky, instrument)
    return [case, case.told_of(f"{case.name}, not told", scatter=Scatter(sky.scatter.amplitude_ln))]


def mismatch_cases(sky: SkyModel, instrument: Instrument, what: str) -> list[Case]:
    """Return cases of maps that are not as stated: the simulation changes, what the model is told does not.

    Parameters
    ----------
    sky : SkyModel
        Sky power and SZ model of the trained model, which the model assumes in all cases.
    instrument : Instrument
        The instrument that the model is told of.
    what : str
        What the instrument is called.
    """
    told, clusters = Assumed.of(sky, instrument), _massive(sky.config.clusters)
    truths = {
        "as stated": told,
        "beams 10 % wider": replace(told, instrument=_beams_times(instrument, BEAM_TIMES)),
        "beams 10 % narrower": replace(told, instrument=_beams_times(instrument, 1.0 / BEAM_TIMES)),
        "noise twice that stated": replace(told, instrument=_noise_times(instrument, NOISE_TIMES)),
        "noise half that stated": replace(told, instrument=_noise_times(instrument, 1.0 / NOISE_TIMES)),
        "frequencies 5 GHz higher": replace(told, instrument=_shifted(instrument, 5.0)),
        "foregrounds x 1.3": replace(told, sky=_more_foregrounds(sky)),
        "gas without relativistic effects": replace(told, sky=_cold(sky)),
        "1/f noise not stated": replace(told, instrument=_with_knee(instrument)),
    }
    cases = [
        Case(f"{what}: {name}", truth, told, clusters)
        for name, truth in truths.items()
        if truth is told or truth.instrument is not instrument or truth.sky is not sky
    ]
    off = position_cases(sky, instrument, what)[1]
    cases.append(replace(off, name=f"{what}: 0.3' off per axis", clusters=_off(clusters)))
    profiles = concentration_cases(sky, instrument, what)[1]
    cases.append(replace(profiles, name=f"{what}: scatter of profiles not told", clusters=clusters))
    source = f"{what}: {SOURCE_MJY:g} mJy source at the centre"
    cases.append(Case(source, told, told, clusters, added_uk=central_source_uk(instrument)))
    return [replace(case, counts_flags=True) for case in cases]


def central_source_uk(instrument: Instrument) -> np.ndarray:
    """Return a radio source of `SOURCE_MJY` in the middle, behind the beams, (40, 40, f) [µK_CMB]."""
    # temperature times solid angle at 150 GHz; what follows is over that of 150 GHz, and for each steradian
    uk_sr = SOURCE_MJY * uk_per_mjy(PIVOT_GHZ) * ARCMIN**2
    radii = pixel_radii_arcmin()
    profiles = np.stack([beam_profile(band.optics, radii) for band in instrument.bands], axis=-1)
    return uk_sr * component_spectrum("radio", instrument.bands) * profiles


def _massive(clusters: ClusterConfig) -> ClusterConfig:
    low, high = MISMATCH_MASSES_MSUN
    masses = LogUniformMasses(min_m200c_msun=low, max_m200c_msun=high)
    return clusters.model_copy(update={"masses": masses, "redshift": MISMATCH_REDSHIFT})


def _off(clusters: ClusterConfig) -> ClusterConfig:
    return clusters.model_copy(update={"miscentring_arcmin": POSITION_ERROR_ARCMIN})


def _each(instrument: Instrument, change) -> Instrument:
    return replace(instrument, bands=tuple(change(band) for band in instrument.bands))


def _beams_times(instrument: Instrument, factor: float) -> Instrument:
    def change(band: Band) -> Band:
        beam = band.beam
        if isinstance(beam, TabulatedBeam):
            return replace(band, beam=TabulatedBeam(beam.ell / factor, beam.transfer))
        return replace(band, beam=Beam(factor * beam.fwhm_arcmin))

    return _each(instrument, change)


def _noise_times(instrument: Instrument, factor: float) -> Instrument:
    def change(band: Band) -> Band:
        return replace(band, noise_uk_arcmin=factor * band.noise_uk_arcmin)

    return _each(instrument, change)


def _shifted(instrument: Instrument, step_ghz: float) -> Instrument:
    def change(band: Band) -> Band:
        return replace(band, frequency_ghz=band.frequency_ghz + step_ghz)

    return _each(instrument, change)


def _with_knee(instrument: Instrument) -> Instrument:
    def change(band: Band) -> Band:
        return replace(band, red_noise=KneeNoise(band.noise_uk_arcmin, 3000.0))

    return replace(_each(instrument, change), noise_correlation=0.9)


def _more_foregrounds(sky: SkyModel) -> SkyModel:
    each = sky.config.sky.foregrounds_dl3000_uk2
    more = each.model_copy(update={name: FOREGROUNDS_TIMES * value for name, value in each})
    return sky_of(sky, sky.config.sky.model_copy(update={"foregrounds_dl3000_uk2": more}))


def _cold(sky: SkyModel) -> SkyModel:
    clusters = sky.config.clusters.model_copy(update={"relativistic": False})
    return SkyModel(SurveyConfig(sky=sky.config.sky, clusters=clusters), sky.cmb_dl_uk2)
