"""The picture of `szmass simulate cutouts`: a few clusters by component, and power spectra."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from szmass_cli.config import IrregularShape, SurveyConfig
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.physics.bands import Band
from szmass_cli.simulation.figures.components import ComponentImages, draw_components
from szmass_cli.simulation.figures.contents import draw_contents, read_filled
from szmass_cli.simulation.figures.cutoutfile import ShownClusters, read_shown_clusters, read_skies
from szmass_cli.simulation.figures.spectra import InputSpectra, draw_spectra
from szmass_cli.sky.fields import plane_fields
from szmass_cli.sky.measured import (
    MeasuredSpectra,
    PatchSpectra,
    cutout_lag_covariance_uk2,
    hann_window,
    measured_spectra,
    plane_lag_covariance_uk2,
    with_white_noise,
)
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.rednoise import red_noise_beams, red_noise_power
from szmass_cli.system.pictures import save_picture
from szmass_cli.system.progress import Progress, silent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

MAX_BANDS_MEASURED = 3
REFERENCE_GHZ = 150.0
EXTENT = (5.0, -5.0, -5.0, 5.0)
"""Edges of a cutout [arcmin]: east is on the left."""

_CUTOUT_EDGES = np.array([3240, 5400, 7560, 10_000, 12_200, 14_400, 16_600, 20_000])
_PLANE_EDGES = np.array(
    [600, 800, 1000, 1250, 1500, 1800, 2100, 2500, 3000, 3500, 4000, 4500, 5000, 6000, 7000]
)
_PLANE_DEG, _PLANE_PIXEL_ARCMIN, _N_PLANES = 20.0, 1.5, 12

_OTHER_HALOS = "The cutouts hold other halos,\nwhich the input does not."
_MEMBERS = "The cutouts hold the clusters' own dust,\nradio galaxies and surroundings,\nthe input does not."


def plot_cutouts(
    config: SurveyConfig,
    cutouts: Path,
    picture: Path,
    *,
    seed: int,
    overwrite: bool = False,
    progress: Progress = silent,
) -> None:
    """Draw a file of cutouts: three clusters by component, and power spectra against their input.

    The clusters' signal, and the images in all bands, are those in the file. It does not keep the components
    of its skies: CMB, foregrounds and noise are further draws from the same configuration, with a seed of
    their own, in the band nearest to 150 GHz. Spectra above ell = 3240 are those of the cutouts in the file
    without the clusters' own signal; from 600 on, which a cutout is too small for, those of planes of 20
    degrees with the same sky. The window's part in both is known exactly.

    Parameters
    ----------
    config : SurveyConfig
        What the cutouts were made with.
    cutouts : Path
        HDF5 file made by `write_cutouts`.
    picture : Path
        PNG, PDF or SVG; appears when it is complete.
    seed : int
        Of what is drawn for the picture.
    overwrite : bool
        Whether a picture already there is replaced.
    progress : Progress
        Called with ``planes`` as spectra are measured on them, then with ``picture``.

    Raises
    ------
    OutputError
        If the picture is already there or cannot be written.
    """
    component_rng, plane_rng = (
        np.random.Generator(np.random.PCG64DXSM(s))
        for s in np.random.SeedSequence(seed, spawn_key=(1,)).spawn(2)
    )
    bands = config.sky.build_bands()
    measured = _nearest_to_reference(bands)[:MAX_BANDS_MEASURED]
    reference, shown = measured[0], sorted(measured)
    clusters = read_shown_clusters(cutouts)
    sky = config.with_frequencies([bands[reference].frequency_ghz]).sky
    components = draw_components(sky, clusters.sz[..., reference], component_rng)
    part = config.with_frequencies([bands[i].frequency_ghz for i in shown])
    spectra = [
        _plane_spectra(part, plane_rng, progress),
        _cutout_spectra(part, read_skies(cutouts, shown, config.cutouts.apodisation_arcmin)),
    ]
    progress("picture", 0, 1)
    figure = draw_picture(
        config, bands, reference, clusters, components, spectra, shown, read_filled(cutouts)
    )
    save_picture(figure, picture, overwrite)
    progress("picture", 1, 1)


def _nearest_to_reference(bands: tuple[Band, ...]) -> list[int]:
    return sorted(range(len(bands)), key=lambda i: abs(np.log(bands[i].frequency_ghz / REFERENCE_GHZ)))


def _cutout_spectra(config: SurveyConfig, skies_uk: np.ndarray) -> MeasuredSpectra:
    instrument = config.sky.build_instrument()
    power = SkyPower.from_config(config.sky, instrument.bands)
    spectra = PatchSpectra(hann_window((N_PIXELS, N_PIXELS)), PIXEL_ARCMIN, _CUTOUT_EDGES)
    lags = cutout_lag_covariance_uk2(power, instrument)
    covariance = with_white_noise(lags, instrument.bands, PIXEL_ARCMIN)
    label = f"{len(skies_uk):,} cutouts"
    return measured_spectra(label, skies_uk, spectra, covariance, power, instrument)


def _plane_spectra(config: SurveyConfig, rng: np.random.Generator, progress: Progress) -> MeasuredSpectra:
    instrument = config.sky.build_instrument()
    bands = instrument.bands
    power = SkyPower.from_config(config.sky, bands)
    beams, filters = [band.optics for band in bands], [band.plane_transfer for band in bands]
    red = red_noise_power(instrument, power.ell)
    stripes = None if instrument.stripes is None else [instrument.stripes.amplitude] * len(bands)
    pixel, size = _PLANE_PIXEL_ARCMIN, round(_PLANE_DEG * 60.0 / _PLANE_PIXEL_ARCMIN)
    noise_uk = np.array([band.noise_uk_arcmin / pixel for band in bands])[:, None, None]
    planes = np.empty((_N_PLANES, len(bands), size, size), np.float32)
    for number, plane in enumerate(planes):
        plane[:] = plane_fields(rng, (size, size), pixel, power, beams, filters)
        if red is not None:
            plane += plane_fields(rng, (size, size), pixel, red, red_noise_beams(instrument, red), stripes)
        plane += noise_uk * rng.standard_normal(plane.shape, dtype=np.float32)
        progress("planes", number + 1, _N_PLANES)
    spectra = PatchSpectra(hann_window((size, size)), pixel, _PLANE_EDGES)
    lags = plane_lag_covariance_uk2(power, instrument, (size, size), pixel)
    covariance = with_white_noise(lags, bands, pixel)
    label = f"{_N_PLANES} planes of {_PLANE_DEG:g}°"
    return measured_spectra(label, planes, spectra, covariance, power, instrument)


def draw_picture(
    config: SurveyConfig,
    bands: tuple[Band, ...],
    reference: int,
    clusters: ShownClusters,
    components: ComponentImages,
    spectra: list[MeasuredSpectra],
    shown: list[int],
    filled: np.ndarray | None = None,
) -> "Figure":
    """Draw the whole figure: components, images in all bands, what is painted, and spectra."""
    from matplotlib.figure import Figure

    several, painted = len(bands) > 1, filled is not None
    n_rows = len(clusters.m200c_msun)
    heights = [2.35 * n_rows + 0.9, *([2.7] if several else []), *([3.2] if painted else []), 4.4]
    figure = Figure(figsize=(13.0, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    draw_component_rows(parts[0], clusters, components, f"{bands[reference].frequency_ghz:g} GHz")
    if several:
        draw_bands(parts[1], clusters.image[-1], bands)
    if filled is not None:
        name = f"{bands[reference].frequency_ghz:g} GHz"
        rng = np.random.Generator(np.random.PCG64DXSM(0))
        draw_contents(parts[-2], config.sky, filled[:, reference], name, rng)
    part = config.with_frequencies([bands[i].frequency_ghz for i in shown])
    given = InputSpectra.of(part.sky, part.sky.build_instrument(), float(_CUTOUT_EDGES[-1]))
    shape = config.clusters.shape
    others = isinstance(shape, IrregularShape) and shape.other_halos
    note = _OTHER_HALOS if others else _MEMBERS if config.sky.objects.has_any else ""
    draw_spectra(parts[-1], given, spectra, note)
    return figure


def draw_component_rows(
    figure: "FigureBase", clusters: ShownClusters, components: ComponentImages, band_name: str
) -> None:
    """Draw one row for each cluster, one column for each component and one for their sum.

    Each column has a colour scale of its own.
    """
    columns = {
        "CMB": components.cmb,
        "foregrounds": components.foregrounds,
        "SZ signal": components.sz,
        "noise": components.noise,
        "sum": components.sum,
    }
    grid = figure.subplots(len(clusters.m200c_msun), len(columns), squeeze=False)
    figure.suptitle(f"Cutouts by component, {band_name}", fontsize=11)
    for column, (name, images) in zip(grid.T, columns.items(), strict=True):
        scale = _one_sided(images) if name == "SZ signal" else _symmetric(images)
        for axes, image in zip(column, images, strict=True):
            shown = axes.imshow(image, origin="lower", extent=EXTENT, **scale)
            _mark_arcmin(axes)
        column[0].set_title(name if images.any() else f"{name} (off)", fontsize=10)
        column[-1].set_xlabel("east-west [arcmin]", fontsize=8)
        figure.colorbar(shown, ax=column, label="µK", location="bottom", shrink=0.9, pad=0.01, aspect=30)
    rows = zip(grid[:, 0], clusters.m200c_msun, clusters.redshift, clusters.amplitude, strict=True)
    for axes, mass, redshift, amplitude in rows:
        text = rf"$M_{{200c}} = {mass / 1e14:.1f}\times10^{{14}}\,M_\odot$"
        axes.set_ylabel(
            f"{text}\nz = {redshift:.2f}, amplitude {amplitude:.2f}\n\nsouth-north [arcmin]", fontsize=9
        )


def draw_bands(figure: "FigureBase", image: np.ndarray, bands: tuple[Band, ...]) -> None:
    """Draw one cutout (40, 40, f) as it is in the file, in all its bands."""
    grid = figure.subplots(1, len(bands), squeeze=False)[0]
    figure.suptitle("The heaviest of them as it is in the file, in all bands", fontsize=11)
    for axes, channel, band in zip(grid, np.moveaxis(image, -1, 0), bands, strict=True):
        shown = axes.imshow(channel, origin="lower", extent=EXTENT, **_symmetric(channel))
        axes.set_title(f"{band.frequency_ghz:g} GHz", fontsize=10)
        _mark_arcmin(axes)
        axes.set_xlabel("east-west [arcmin]", fontsize=8)
        figure.colorbar(shown, cax=axes.inset_axes((1.03, 0.0, 0.05, 1.0)), label="µK")
    grid[0].set_ylabel("south-north [arcmin]", fontsize=8)


def _mark_arcmin(axes: "Axes") -> None:
    axes.set_xticks([-4, 0, 4])
    axes.set_yticks([-4, 0, 4])


def _symmetric(images: np.ndarray) -> dict:
    """Return the colours of a field with values of both signs."""
    limit = float(np.percentile(np.abs(images), 99.7)) or 1.0
    return {"vmin": -limit, "vmax": limit, "cmap": "RdBu_r"}


def _one_sided(images: np.ndarray) -> dict:
    """Return the colours of a decrement, or of an increment above 217 GHz."""
    low, high = float(images.min()), float(images.max())
    if -low >= high:
        return {"vmin": min(low, -1e-3), "vmax": 0.0, "cmap": "Blues_r"}
    return {"vmin": 0.0, "vmax": high, "cmap": "Reds"}
