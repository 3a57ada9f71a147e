"""Radio and dusty galaxies of the blank sky: drawn from published counts, in all bands of a survey."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.config import ObjectsConfig, SkyConfig
from szmass_cli.physics.bands import Band
from szmass_cli.physics.counts import (
    BRIGHTEST_MJY,
    FAINTEST_MJY,
    FluxCounts,
    dusty_counts,
    radio_counts,
)
from szmass_cli.physics.foregrounds import ELL_PIVOT, band_scaling
from szmass_cli.physics.spectra import PIVOT_GHZ, cl_from_dl, uk_per_mjy

MASKED_MJY = 6.4
"""Flux density at 150 GHz above which sources were masked where the power of the others was measured.

George et al. (2015, ApJ 799, 177) and Reichardt et al. (2021, ApJ 908, 199).
"""

INDEX_SCATTER: Mapping[str, float] = {"radio": 0.3, "dusty_poisson": 0.2}
"""Standard deviation of the spectral index from source to source.

Radio: Mocanu et al. (2013, ApJ 779, 61) and Everett et al. (2020, ApJ 900, 55), 95 to 220 GHz. Dusty: that of
temperatures and redshifts, a correlation of 0.99 between 95 and 220 GHz.
"""

BRIGHTEST_REMOVED_MJY = 100.0
"""Removed sources above this flux density at 150 GHz leave no residual: surveys mask them."""


@dataclass(frozen=True)
class SourceKind:
    """One kind of source: its counts, and how it looks in the bands of a survey.

    Parameters
    ----------
    name : str
        The Gaussian foreground that it takes the place of.
    counts : FluxCounts
        At 150 GHz.
    uk_arcmin2_per_mjy : numpy.ndarray, shape (f,)
        Temperature times solid angle in each band of a source of 1 mJy at 150 GHz.
    ln_frequency : numpy.ndarray, shape (f,)
        ln of each band's frequency over 150 GHz, which spectral indices multiply.
    """

    name: str
    counts: FluxCounts
    uk_arcmin2_per_mjy: np.ndarray
    ln_frequency: np.ndarray

    def brightness(self, flux_mjy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw spectral indices of sources (s,), and return what they add to the bands, (s, f) [µK arcmin^2].

        The mean square in each band is that of sources of one index.
        """
        change = INDEX_SCATTER[self.name] * rng.standard_normal(len(flux_mjy))
        factor = np.exp(np.outer(change, self.ln_frequency) - self._ln_mean_square)
        return flux_mjy[:, None] * self.uk_arcmin2_per_mjy * factor

    @property
    def _ln_mean_square(self) -> np.ndarray:
        return (INDEX_SCATTER[self.name] * self.ln_frequency) ** 2

    @property
    def correlation(self) -> np.ndarray:
        """Return the correlation between the maps of two bands, (f, f), that scattered indices leave."""
        apart = np.subtract.outer(self.ln_frequency, self.ln_frequency)
        return np.exp(-0.5 * (INDEX_SCATTER[self.name] * apart) ** 2)

    def power_uk2_sr(self, low_mjy: float, high_mjy: float) -> np.ndarray:
        """Return the power C_ell between bands of sources between two flux densities, (f, f) [µK^2 sr]."""
        relative = self.uk_arcmin2_per_mjy / uk_per_mjy(PIVOT_GHZ)
        return self.counts.poisson_uk2_sr(low_mjy, high_mjy) * np.outer(relative, relative) * self.correlation


def source_kinds(config: SkyConfig, bands: Sequence[Band]) -> tuple[SourceKind, ...]:
    """Return the kinds of sources that are painted.

    Parameters
    ----------
    config : SkyConfig
        Its foregrounds say how much power sources below `MASKED_MJY` have, and how they change with
        frequency; ``objects`` says how many times that there is.
    bands : sequence of Band, length f
        Their responses with frequency.
    """
    objects, spectra = config.objects, config.foreground_spectra.build()
    responses = [band.response for band in bands]
    ln_frequency = np.log([band.frequency_ghz / PIVOT_GHZ for band in bands])
    kinds = []
    for name, number in (("radio", objects.radio), ("dusty_poisson", objects.dusty)):
        power = float(cl_from_dl(ELL_PIVOT, getattr(config.foregrounds_dl3000_uk2, name)))
        if number > 0.0 and power > 0.0:
            scale = band_scaling(spectra, name, responses) * uk_per_mjy(PIVOT_GHZ)
            kinds.append(SourceKind(name, _counts(name, power).scaled(number), scale, ln_frequency))
    return tuple(kinds)


def _counts(name: str, power_uk2_sr: float) -> FluxCounts:
    """Return the published counts that have a power below the flux at which it was measured."""
    if name == "dusty_poisson":
        return dusty_counts(power_uk2_sr)
    counts = radio_counts()
    return counts.scaled(number=power_uk2_sr / counts.poisson_uk2_sr(FAINTEST_MJY, MASKED_MJY))


@dataclass(frozen=True)
class Sources:
    """Sources on a square or a field.

    Parameters
    ----------
    flux_mjy : numpy.ndarray, shape (s,)
        Flux densities at 150 GHz, before any removal [mJy].
    brightness : numpy.ndarray, shape (s, f)
        What is left of each in the bands [µK arcmin^2].
    removed : numpy.ndarray of bool, shape (s,)
        Whether a source is brighter than the survey removes.
    """

    flux_mjy: np.ndarray
    brightness: np.ndarray
    removed: np.ndarray

    def __len__(self) -> int:
        return len(self.flux_mjy)


def draw_sources(
    kinds: Sequence[SourceKind], objects: ObjectsConfig, area_deg2: float, rng: np.random.Generator
) -> Sources:
    """Draw the sources of all kinds that an area holds.

    Parameters
    ----------
    kinds : sequence of SourceKind
        What is drawn, one kind after the other.
    objects : ObjectsConfig
        The faintest source, the flux above which sources are removed, and how well.
    area_deg2 : float
        Solid angle of the area.
    rng : numpy.random.Generator
        Draws the number, fluxes, spectral indices and residuals of each kind.
    """
    flux, brightness = [], []
    for kind in kinds:
        n = rng.poisson(kind.counts.per_deg2(objects.faintest_mjy, BRIGHTEST_MJY) * area_deg2)
        flux.append(kind.counts.draw_mjy(rng, n, objects.faintest_mjy, BRIGHTEST_MJY))
        brightness.append(kind.brightness(flux[-1], rng))
    n_bands = kinds[0].ln_frequency.size if kinds else 0
    all_flux = np.concatenate([*flux, np.zeros(0)])
    all_brightness = np.concatenate([*brightness, np.zeros((0, n_bands))])
    removed = all_flux > objects.removed_above_mjy
    left = objects.removal_error * rng.standard_normal(all_brightness.shape)
    left[all_flux > max(BRIGHTEST_REMOVED_MJY, objects.removed_above_mjy)] = 0.0
    return Sources(all_flux, np.where(removed[:, None], left * all_brightness, all_brightness), removed)
