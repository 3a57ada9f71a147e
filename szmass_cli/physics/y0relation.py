"""From mass to ỹ0, the central Compton y that a matched filter of one fixed scale finds in ACT maps.

Hasselfield et al. (2013, JCAP 07, 008; H13) and Hilton et al. (2018, ApJS 235, 20; H18) define ỹ0 and the
masses that follow from it; nemo is the program that measures both. `y0masses` goes the other way.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.io.registry import IORegistryError
from astropy.table import Table
from scipy.interpolate import CubicSpline

from szmass_cli.errors import InputError, did_you_mean
from szmass_cli.physics.cosmology import Cosmology, e_of_z, theta500_arcmin
from szmass_cli.physics.relativistic import tabulated_temperatures_kev, temperature_kev, tsz_f_relativistic

THETA500_COLUMN, Q_COLUMN = "theta500Arcmin", "Q"  # nemo's names in QFit.fits

H18_COSMOLOGY = Cosmology(h0_km_s_mpc=70.0, omega_m=0.3, omega_b=0.05, sigma8=0.8, n_s=0.9667)
"""H18: flat, H0 = 70 km/s/Mpc, Om = 0.3, sigma8 = 0.8. Baryons and spectral index are those that published
masses fit best; an index of 0.95 in place of 0.9667 makes masses 0.1 per cent larger."""

H18_RICHNESS_CALIBRATION = 0.68
"""H18, abstract: ratio (0.68 ± 0.11) of SZ masses to lensing masses. ``M500cCal`` is ``M500cUPP`` over it."""


class HotGas(StrEnum):
    """The relativistic correction: how ỹ0 is reduced relative to the non-relativistic spectrum."""

    NONE = "none"
    EXACT = "exact"
    HASSELFIELD2013 = "hasselfield2013"


@dataclass(frozen=True)
class Y0Relation:
    """The scaling of ỹ0 with mass and redshift; defaults: H18, for the universal pressure profile.

    Parameters
    ----------
    amplitude : float
        10^A0: ỹ0 of a cluster of the pivot mass at z = 0, for Q = 1 and without relativistic correction.
        4.95e-5 holds for the universal pressure profile of Arnaud et al. (2010) and hydrostatic masses.
    slope : float
        B0: ỹ0 scales as M500c^(1 + B0).
    pivot_msun : float
        Pivot mass in M500c [Msun].
    scatter_ln : float
        Standard deviation of ln ỹ0 at given mass and redshift.
    hot_gas : HotGas
        Relativistic correction: none; ``exact``, with the spectra of `relativistic`; or the formula of H13
        for 148 GHz, which H18 used.
    frequency_weights : tuple of (float, float)
        Frequency [GHz] and weight of each band in ỹ0, for the exact correction, as in nemo's
        ``fRelWeights.fits``.
    cosmology : Cosmology
        Gives E(z), theta500 and the mass function.
    """

    amplitude: float = 4.95e-5
    slope: float = 0.08
    pivot_msun: float = 3e14
    scatter_ln: float = 0.2
    hot_gas: HotGas = HotGas.HASSELFIELD2013
    frequency_weights: tuple[tuple[float, float], ...] = ((148.0, 1.0),)
    cosmology: Cosmology = H18_COSMOLOGY


H18 = Y0Relation()
"""The relation behind the masses of the ACTPol E-D56 catalogue."""


class FilterMismatch:
    """The mismatch function Q: the fraction of the central y recovered for a cluster of another size.

    Parameters
    ----------
    theta500_arcmin : array_like, shape (k,)
        Angular sizes [arcmin], ascending.
    q : array_like, shape (k,)
        Q at each of `theta500_arcmin`.

    Raises
    ------
    InputError
        The sizes are not ascending, fewer than four, or a number is not finite.
    """

    def __init__(self, theta500_arcmin, q):
        size, value = np.asarray(theta500_arcmin, float), np.asarray(q, float)
        regular = size.shape == value.shape and size.ndim == 1 and size.size > 3
        if not regular or not np.isfinite(size + value).all() or np.any(np.diff(size) <= 0.0):
            raise InputError(
                "Q is not a table of ascending angular sizes with one finite number for each.",
                "Give theta500 [arcmin] and Q as two columns of at least four rows.",
            )
        self.range_arcmin = (float(size[0]), float(size[-1]))
        self._spline = CubicSpline(size, value)

    def __call__(self, theta500_arcmin) -> np.ndarray:
        """Return Q at angular sizes; NaN outside the table.

        Parameters
        ----------
        theta500_arcmin : array_like
            Angular sizes theta500 of clusters [arcmin].
        """
        size = np.asarray(theta500_arcmin, float)
        inside = (size >= self.range_arcmin[0]) & (size <= self.range_arcmin[1])
        return np.where(inside, self._spline(np.where(inside, size, self.range_arcmin[0])), np.nan)

    @classmethod
    def read(cls, path: str | Path, tile: str | None = None) -> "FilterMismatch":
        """Read Q of one tile of a survey from a table.

        Parameters
        ----------
        path : str or Path
            nemo's ``QFit.fits``, which has a table ``theta500Arcmin`` [arcmin], ``Q`` for each tile, or any
            table readable by astropy with ``theta500Arcmin`` and one column of Q for each tile.
        tile : str, optional
            Name of the tile's table or column; optional if there is only one.

        Raises
        ------
        InputError
            The file cannot be read, lacks these columns, or has several tiles and none is named.
        """
        try:
            tiles = _tables_of_q(path) or _columns_of_q(path)
        except (OSError, ValueError, IORegistryError) as error:
            raise InputError(f"{path}: Q cannot be read: {error}", "Give nemo's QFit.fits.") from None
        if not tiles:
            raise InputError(
                f"{path}: there is no column {THETA500_COLUMN} with Q beside it.", "Give nemo's QFit.fits."
            )
        if tile is None and len(tiles) > 1:
            names = ", ".join(list(tiles)[:5])
            raise InputError(f"{path} has Q of {len(tiles)} tiles.", f"Name one: {names} ...")
        if tile is not None and tile not in tiles:
            raise InputError(f"{path}: there is no tile {tile!r}.{did_you_mean(tile, tiles)}")
        table = tiles[tile or next(iter(tiles))]
        table.sort(THETA500_COLUMN)
        return cls(table[THETA500_COLUMN], table[Q_COLUMN])


def _tables_of_q(path: str | Path) -> dict[str, Table]:
    """Return the tables of Q in a FITS file that has one for each tile, by the tiles' names."""
    if ".fits" not in Path(path).suffixes:
        return {}
    with fits.open(path) as hdus:
        tables = {hdu.name: Table(hdu.data) for hdu in hdus if isinstance(hdu, fits.BinTableHDU)}
    both = {THETA500_COLUMN, Q_COLUMN}
    return {name: table for name, table in tables.items() if name and both <= set(table.colnames)}


def _columns_of_q(path: str | Path) -> dict[str, Table]:
    """Return sizes with Q of each tile, out of one table that has a column for each."""
    table = Table.read(path)
    if THETA500_COLUMN not in table.colnames:
        return {}
    sizes = table[THETA500_COLUMN]
    return {
        name: Table({THETA500_COLUMN: sizes, Q_COLUMN: table[name]})
        for name in table.colnames
        if name != THETA500_COLUMN
    }


def relativistic_factor(m500c_msun, redshift, relation: Y0Relation = H18) -> np.ndarray:
    """Return f_rel, the ratio of the relativistic to the non-relativistic SZ signal.

    Parameters
    ----------
    m500c_msun : array_like
        Masses M500c [Msun].
    redshift : array_like
        Redshifts, broadcast against the masses.
    relation : Y0Relation
        Gives the kind of correction, and its frequencies.

    Returns
    -------
    numpy.ndarray

    Notes
    -----
    ``exact``: the mean over the bands of f(nu, kT) / f(nu, 0) of `relativistic`, with its kT of Arnaud et al.
    (2005).
    ``hasselfield2013``: f_rel = 1 + 3.79 t - 28.2 t^2 with t = -0.00848 (E(z) M500c / 3e14 Msun)^-0.585 at
    148 GHz, as in nemo at the time of H18, which refers to section 2.2 of H13. The exponent is that of the
    mass-temperature relation with the opposite sign: the correction decreases with mass, although hotter
    clusters should have a larger one. It is provided for comparison with masses published with it.
    """
    cosmology = relation.cosmology
    mass, z = np.asarray(m500c_msun, float), np.asarray(redshift, float)
    if relation.hot_gas == HotGas.NONE:
        return np.ones(np.broadcast_shapes(mass.shape, z.shape))
    if relation.hot_gas == HotGas.HASSELFIELD2013:
        t = -0.00848 * (e_of_z(z, cosmology) * mass / 3e14) ** -0.585
        return 1.0 + 3.79 * t - 28.2 * t**2
    kt_kev, factor = _factor_of_temperature(relation.frequency_weights)
    return np.interp(temperature_kev(mass, z, cosmology), kt_kev, factor)


@lru_cache(maxsize=64)
def _factor_of_temperature(
    frequency_weights: tuple[tuple[float, float], ...],
) -> tuple[np.ndarray, np.ndarray]:
    """Return temperatures in steps of 0.1 keV [keV], and f_rel at each."""
    frequency, weight = np.array(frequency_weights, float).T
    kt_kev = np.linspace(0.0, tabulated_temperatures_kev()[-1], 801)
    response = tsz_f_relativistic(frequency[:, None], kt_kev)
    return kt_kev, weight @ (response / response[:, :1]) / weight.sum()


def y0_from_m500c(m500c_msun, redshift, mismatch: FilterMismatch, relation: Y0Relation = H18) -> np.ndarray:
    """Return the mean ỹ0 of clusters of given mass; NaN where Q is unknown.

    Parameters
    ----------
    m500c_msun : array_like
        Masses M500c [Msun].
    redshift : array_like
        Redshifts, broadcast against the masses.
    mismatch : FilterMismatch
        Mismatch function Q of the filter that ỹ0 is measured with.
    relation : Y0Relation
        Amplitude, slope, relativistic correction and cosmology.

    Returns
    -------
    numpy.ndarray

    Notes
    -----
    ỹ0 = 10^A0 E(z)^2 (M500c / Mpivot)^(1 + B0) Q(theta500) f_rel(M500c, z): H13, section 2.2, and the
    section on masses of H18.
    """
    cosmology = relation.cosmology
    mass, z = np.asarray(m500c_msun, float), np.asarray(redshift, float)
    self_similar = relation.amplitude * np.asarray(e_of_z(z, cosmology)) ** 2
    power = (mass / relation.pivot_msun) ** (1.0 + relation.slope)
    found = mismatch(theta500_arcmin(mass, z, cosmology))
    return self_similar * power * found * relativistic_factor(mass, z, relation)
