"""Models of any instrument: a Gaussian likelihood built from the maps' properties, and a network."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.errors import UsageError
from szmass_cli.estimation.bandmaps import Y_SCALE_GHZ, BandMap
from szmass_cli.estimation.completion import NotKnown
from szmass_cli.estimation.depthcheck import check_ivar
from szmass_cli.estimation.fades import fading_notes
from szmass_cli.estimation.injected import Painter, Population
from szmass_cli.estimation.likelihoodmeter import Assumptions, LikelihoodMeter
from szmass_cli.estimation.looks import check_plausible, look_at, pixel_side_arcmin, sky_rms_uk
from szmass_cli.estimation.noisesettling import ASSUMED_NOISE_UK_ARCMIN, settled_noise
from szmass_cli.estimation.request import MapRequest, SkyRequest
from szmass_cli.estimation.rows import RedshiftLimits, Rows
from szmass_cli.estimation.settled import Settled, Wanted
from szmass_cli.estimation.sourcelist import SourceList
from szmass_cli.estimation.strips import Strip, cut_strip
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.selection import y0_noise
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.maps.fading import measured_fade
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.network.massmodel import MassModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.posterior.massscale import MassScale, check_scale_of_model
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.system.progress import Progress, silent


class LikelihoodMethod:
    """How a model of any instrument turns maps into masses; a `method.Method`.

    Parameters
    ----------
    bundle : Bundle
        The trained correction, with its sky, parameter ranges and recalibration.
    request : SkyRequest
        Properties of sky and clusters stated in place of the model's own.
    """

    def __init__(self, bundle: Bundle, request: SkyRequest):
        self._bundle, self._request = bundle, request

    @property
    def redshifts(self) -> RedshiftLimits:
        """Return the redshift ranges of the model."""
        metadata = self._bundle.metadata
        return RedshiftLimits(metadata.trained_redshift, metadata.trained_redshift, marginalises=True)

    @property
    def mass_range_msun(self) -> tuple[float, float]:
        """Return the mass range of the priors, M200c [Msun]."""
        return self._bundle.recalibration.prior_range_msun

    def prior_change(self, wanted: Prior | None, scale: MassScale | None) -> PriorChange:
        """Return the change from the model's own prior to the requested one, of masses on a scale.

        Raises
        ------
        UsageError
            The model was made with a mass scale of its own.
        """
        if scale is not None:
            check_scale_of_model(self.sky.sz_model)
        own = Prior.FLAT_LOG
        return PriorChange(own, wanted or own, self._bundle.cosmology, scale)

    @property
    def sky(self) -> SkyModel:
        """Return the sky that the likelihood assumes."""
        sky, relativistic = self._bundle.sky_model, self._request.relativistic
        if relativistic is None or relativistic == sky.config.clusters.relativistic:
            return sky
        clusters = sky.config.clusters.model_copy(update={"relativistic": relativistic})
        return SkyModel(sky.config.model_copy(update={"clusters": clusters}), sky.cmb_dl_uk2)

    @property
    def scatter(self) -> Scatter:
        """Return the intrinsic scatter of clusters at fixed mass."""
        own, request = self._bundle.sky_model.scatter, self._request
        return Scatter(
            own.amplitude_ln if request.sz_scatter is None else request.sz_scatter,
            own.concentration_ln if request.concentration_scatter is None else request.concentration_scatter,
        )

    @cached_property
    def sources(self) -> SourceList | None:
        """Return the point sources that are known; None where no catalogue is given."""
        return None if self._request.sources is None else SourceList.read(Path(self._request.sources))

    def open_maps(self, requests: Sequence[MapRequest]) -> tuple[BandMap, ...]:
        """Open the maps of a run and sort them by frequency.

        Raises
        ------
        InputError
            A map cannot be used, or its frequency or beam is not known.
        """
        maps, missing = [], {}
        for request in requests:
            try:
                one = BandMap.open(request)
                one.band(NoiseLevel(ASSUMED_NOISE_UK_ARCMIN), 0.0)
            except NotKnown as error:  # one message asks for all that is missing, before rows are looked at
                missing.update(error.missing)
            else:
                maps.append(one)
        if missing:
            raise NotKnown(missing)
        maps.sort(key=lambda one: one.frequency_ghz)
        return tuple(maps)

    def settled(
        self,
        maps: Sequence[BandMap],
        rows: Rows,
        known: Rows | None = None,
        progress: Progress = silent,
    ) -> tuple[Settled, tuple[str, ...]]:
        """Return noise and pixel size of the maps around the clusters, with notes; see `Method`."""
        sky, sides, looks = self.sky, [], []
        for one in maps:
            look = look_at(one, rows)
            side = pixel_side_arcmin(one.sky_map, look.rows) if one.request.pixel_window else 0.0
            band = one.band(one.noise or NoiseLevel(ASSUMED_NOISE_UK_ARCMIN), side)
            check_plausible(one.sky_map, look.rms_uk, sky_rms_uk(sky, band))
            if one.noise is not None:
                check_ivar(one, look, band, sky)
            looks.append(look)
            sides.append(side)
        fades = [measured_fade(one.sky_map, one.weights, rows.ra_deg, rows.dec_deg) for one in maps]
        whole = [replace(one, fade=fade) for one, fade in zip(maps, fades, strict=True)]
        correlation = self._request.noise_correlation
        settled, notes = settled_noise(whole, rows, looks, sides, sky, correlation, known, progress)
        if any(fades):
            settled = replace(settled, fades=tuple(() if fade is None else fade.amplitude for fade in fades))
        return settled, (*notes, *fading_notes(whole), *self._source_notes(rows), *self._light_notes(maps))

    def _light_notes(self, maps: Sequence[BandMap]) -> list[str]:
        """Return a note where clusters are expected to shine in maps of Compton y, as at 150 GHz."""
        cleaned = [one.request.path.name for one in maps if one.sky_map.units.label == "y"]
        if not (cleaned and self.sky.members.has_members):
            return []
        return [
            f"{' and '.join(cleaned)}: dust, motion and radio galaxies of clusters are taken to be in the "
            f"map as at {Y_SCALE_GHZ:g} GHz. Where they were removed with the CMB, use --model gaussian."
        ]

    def _source_notes(self, rows: Rows) -> list[str]:
        """Return notes on the known sources in the cutouts of rows, and on those that are looked for.

        Raises
        ------
        UsageError
            Positions are uncertain: where a cluster is not known, nothing tells which sources are on it.
        """
        sigma, option = self._request.find_sources, "--sources"
        if self.sources is None and sigma is None:
            return []
        if self.sources is None:
            option = "--find-sources"
        if np.any(rows.position_err_arcmin > 0.0):
            raise UsageError(
                f"{option}: known sources are not marginalised over together with uncertain positions.",
                f"Leave {option} out, or mask them with --mask; or leave position errors out.",
            )
        notes = []
        if sigma is not None:
            notes.append(
                f"Sources and neighbouring clusters that stand out of a cutout by {sigma:g} sigma are "
                "marginalised over; rows that have some are flagged SOURCES, and a table beside the output "
                "lists them."
            )
        if self.sources is None:
            return notes
        placed = self.sources.near(rows.ra_deg, rows.dec_deg)
        on_cluster = np.unique(placed.row[placed.is_on_cluster]).size
        notes.append(
            f"{len(self.sources)} known sources: {np.unique(placed.row).size} of {len(rows)} rows have some "
            f"in their cutouts, {on_cluster} on the cluster. Their fluxes, places and extents are "
            "marginalised over, nothing is subtracted or cut out; in one band, those on clusters are left in."
        )
        return notes

    def flags(self, maps: Sequence[BandMap]) -> int:
        """Return the flag of all rows where a map is known to be filtered, and nothing says how."""
        return int(Flag.UNCALIBRATED_MAP) if any(one.is_filtered_unknown for one in maps) else 0

    def cut(self, maps: Sequence[BandMap], rows: Rows) -> Strip:
        """Return the cutouts of a strip of rows, with the beams of the maps."""
        return cut_strip(maps, rows)

    @property
    def population(self) -> Population:
        """Return the clusters that the posteriors are of."""
        range_msun, redshifts = self.mass_range_msun, self.redshifts.trained
        return Population(self.sky.sz_model, self.scatter, range_msun, redshifts, self.sky.members)

    def painter(self, maps: Sequence[BandMap], settled: Settled) -> Painter:
        """Return what adds clusters to the cutouts, as the maps with their stated properties show them."""
        return Painter(_bands(maps, settled), self.sky.sz_model)

    def y0_noise(
        self,
        maps: Sequence[BandMap],
        settled: Settled,
        theta500_arcmin: np.ndarray,
        noise_uk_arcmin: np.ndarray,
    ) -> np.ndarray:
        """Return sigma of the central Compton y (k, m) at sizes (m,), for white noises (k, f) of bands."""
        instrument = _instrument(maps, settled)
        likelihood = self.sky.with_foregrounds(settled.foregrounds).likelihood(instrument, self.scatter)
        return y0_noise(likelihood, theta500_arcmin, (noise_uk_arcmin / instrument.noise_uk_arcmin) ** 2)

    def meter(self, maps: Sequence[BandMap], settled: Settled, wanted: Wanted) -> LikelihoodMeter:
        """Load the network and return the meter of the cutouts."""
        assumptions = Assumptions(
            self.sky.with_foregrounds(settled.foregrounds),
            self.scatter,
            self._bundle.metadata.trained_redshift,
            self.prior_change(wanted.prior, wanted.scale),
            wanted.largest_position_error_arcmin,
            self.sources,
            self._request.find_sources,
        )
        model = MassModel.from_bundle(self._bundle, wanted.batch_size)
        return LikelihoodMeter(_instrument(maps, settled), model, assumptions)


def _instrument(maps: Sequence[BandMap], settled: Settled) -> Instrument:
    """Return all bands of the maps with their noise."""
    plane = None if settled.measured is None else settled.measured.plane
    return Instrument(_bands(maps, settled), settled.noise_correlation, plane_noise=plane)


def _bands(maps: Sequence[BandMap], settled: Settled) -> tuple[Band, ...]:
    """Return the bands of maps with their noise and pixels."""
    return tuple(
        one.band(NoiseLevel.parse(noise), side)
        for one, noise, side in zip(maps, settled.noise, settled.pixel_arcmin, strict=True)
    )
