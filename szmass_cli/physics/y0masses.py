"""The mass of a cluster given its ỹ0 and redshift: posterior, most likely mass, errors."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.physics.cosmology import MASS_RANGE_MSUN, Cosmology
from szmass_cli.physics.massfunction import tabulated_halo_density
from szmass_cli.physics.y0relation import (
    H18,
    H18_COSMOLOGY,
    FilterMismatch,
    Y0Relation,
    y0_from_m500c,
)

LN_STEP = 0.005
LN_M500C = np.arange(np.log(MASS_RANGE_MSUN[0]), np.log(MASS_RANGE_MSUN[1]), LN_STEP)
"""Where posteriors are evaluated: ln M500c [ln Msun]."""

ONE_SIGMA = 0.6827
LARGEST_Y0 = 0.01  # above any cluster: a number in units of 1e-4
ROWS_AT_ONCE = 500


class MassPrior(StrEnum):
    """The prior on the mass of a cluster at its redshift, per ln M."""

    FLAT = "flat"
    MASS_FUNCTION = "mass-function"
    HALOS_ABOVE = "halos-above"


@dataclass(frozen=True)
class Y0Masses:
    """Masses of n clusters with their errors; NaN where an input is missing.

    Parameters
    ----------
    m500c_msun : numpy.ndarray, shape (n,)
        The most likely M500c [Msun].
    err_plus_msun : numpy.ndarray, shape (n,)
        Upper end of the 68.27 per cent interval minus the mass [Msun].
    err_minus_msun : numpy.ndarray, shape (n,)
        The mass minus the lower end of the interval [Msun].
    """

    m500c_msun: np.ndarray
    err_plus_msun: np.ndarray
    err_minus_msun: np.ndarray


def m500c_from_y0(
    y0,
    y0_err,
    redshift,
    mismatch: FilterMismatch,
    prior: MassPrior = MassPrior.HALOS_ABOVE,
    relation: Y0Relation = H18,
) -> Y0Masses:
    """Return the most likely masses of clusters with measured ỹ0.

    Parameters
    ----------
    y0 : array_like, shape (n,)
        Measured ỹ0 (of the order of 1e-4).
    y0_err : array_like, shape (n,)
        Standard error of ỹ0, in the same unit.
    redshift : array_like, shape (n,)
        Redshifts, taken as exact.
    mismatch : FilterMismatch
        Filter mismatch function Q of the matched filter.
    prior : MassPrior
        ``halos-above`` reproduces the default masses of catalogues made with nemo (``M500cUPP`` in H18,
        ``M500c`` later), ``flat`` those without the mass function (``M500cUnc``, ``M500cUncorr``);
        ``mass-function`` applies Bayes' theorem with the mass function as prior.
    relation : Y0Relation
        Scaling relation from mass and redshift to ỹ0.

    Returns
    -------
    Y0Masses

    Raises
    ------
    InputError
        A ỹ0 or its error is not positive, too large for a cluster, or corresponds to no mass between 1e13 and
        1e16 Msun for which Q is known; or a redshift lies outside 0.01 to 3.

    Notes
    -----
    The mass is the maximum of the posterior per ln M (after H13, section 3.2). The errors are the ends of the
    interval symmetric in ln M that contains 68.27 per cent of the probability. Both follow nemo.
    """
    values = _checked(y0, y0_err, redshift)
    blocks = [
        _summary(values[:, start : start + ROWS_AT_ONCE], start, mismatch, prior, relation)
        for start in range(0, values.shape[1], ROWS_AT_ONCE)
    ]
    ln_mode, half_width = np.concatenate([np.empty((2, 0)), *blocks], axis=1)
    mass = np.exp(ln_mode)
    return Y0Masses(mass, mass * np.expm1(half_width), -mass * np.expm1(-half_width))


def ln_posteriors(
    y0,
    y0_err,
    redshift,
    mismatch: FilterMismatch,
    prior: MassPrior = MassPrior.HALOS_ABOVE,
    relation: Y0Relation = H18,
) -> np.ndarray:
    """Return ln p(ln M500c | ỹ0, z) at `LN_M500C`, up to a constant in each row.

    Parameters
    ----------
    y0, y0_err, redshift : array_like, shape (n,)
        Measured ỹ0, its standard error, and redshifts.
    mismatch : FilterMismatch
        Filter mismatch function Q of the matched filter.
    prior : MassPrior
        Prior on the mass, see Notes.
    relation : Y0Relation
        Scaling relation from mass and redshift to ỹ0.

    Returns
    -------
    numpy.ndarray, shape (n, m)
        Minus infinity where Q is unknown or not positive; NaN in rows with a missing input.

    Raises
    ------
    InputError
        A ỹ0 or its error is not positive, or a redshift lies outside 0.01 to 3.

    Notes
    -----
    p(M | ỹ0, z) ∝ p(ỹ0 | M, z) p(M | z) (H13, section 3.2), where ln ỹ0 is Gaussian about the relation with a
    variance of ln(1 + err / ỹ0)^2 + scatter^2. p(ln M | z) is constant (``flat``), dn/dlnM of
    `massfunction` (``mass-function``), or the density of all halos above M (``halos-above``). nemo uses
    the last as the shape of the mass function, although it is somewhat steeper.
    """
    y0, y0_err, redshift = _checked(y0, y0_err, redshift)
    z = redshift[:, None]
    expected = y0_from_m500c(np.exp(LN_M500C), z, mismatch, relation)
    known = expected > 0.0
    distance = np.log(y0)[:, None] - np.log(np.where(known, expected, 1.0))
    variance = np.log1p(y0_err / y0) ** 2 + relation.scatter_ln**2
    ln_likelihood = np.where(known, -0.5 * distance**2 / variance[:, None], -np.inf)
    missing = np.isnan(y0 + y0_err + redshift)
    ln_posterior = ln_likelihood + _ln_prior(prior, z, relation.cosmology)
    return np.where(missing[:, None], np.nan, ln_posterior)


def _ln_prior(prior: MassPrior, redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
    if prior == MassPrior.FLAT:
        return np.zeros(1)
    halos = tabulated_halo_density("500c", cosmology)
    if prior == MassPrior.MASS_FUNCTION:
        return halos.ln_density(LN_M500C, redshift)
    return halos.ln_density_above(LN_M500C, redshift)


def _checked(y0, y0_err, redshift) -> np.ndarray:
    """Return ỹ0, error and redshift as rows of floats, masked entries as NaN."""
    given: list[np.ndarray] = [
        np.asarray(np.ma.filled(np.ma.asarray(each, float), np.nan)) for each in (y0, y0_err, redshift)
    ]
    columns = np.stack(np.broadcast_arrays(*(np.atleast_1d(column) for column in given)))
    for values, name in zip(columns[:2], ("y0", "the error of y0"), strict=True):
        wrong = np.flatnonzero((values <= 0.0) | (values > LARGEST_Y0))
        if wrong.size:
            raise InputError(
                f"{name} is {values[wrong[0]]:g} in row {wrong[0] + 1} (rows count from 1).",
                "A positive number of the order of 1e-4 is needed; catalogues give it in units of 1e-4.",
            )
    return columns


def _summary(
    values: np.ndarray, first_row: int, mismatch: FilterMismatch, prior: MassPrior, relation: Y0Relation
) -> np.ndarray:
    """Return ln of the most likely mass, and the half-width in ln M of the one-sigma interval, (2, n)."""
    result = np.full(values.shape, np.nan)[:2]
    complete = np.flatnonzero(~np.isnan(values).any(axis=0))
    if complete.size == 0:
        return result
    y0, y0_err, redshift = values[:, complete]
    ln_p = ln_posteriors(y0, y0_err, redshift, mismatch, prior, relation)
    top = np.argmax(ln_p, axis=1)
    rows = np.arange(len(top))
    inner = np.clip(top, 1, LN_M500C.size - 2)
    below, at, above = (ln_p[rows, inner + step] for step in (-1, 0, 1))
    at_edge = np.flatnonzero((top != inner) | ~np.isfinite(below + at + above))
    if at_edge.size:
        row = complete[at_edge[0]]
        raise InputError(
            f"y0 = {values[0, row]:.3g} at z = {values[2, row]:g} in row {first_row + row + 1} (rows count "
            "from 1) gives no mass between 1e13 and 1e16 Msun for which Q is known.",
            "Check the unit of y0, the redshift, and how far the table of Q reaches.",
        )
    # the top of a parabola through three points
    position = inner + 0.5 * (below - above) / (below - 2.0 * at + above)
    p = np.exp(ln_p - at[:, None])
    steps = 0.5 * (p[:, 1:] + p[:, :-1])
    cumulative = np.concatenate([np.zeros((len(p), 1)), np.cumsum(steps, axis=1)], axis=1)
    result[0, complete] = LN_M500C[0] + position * LN_STEP
    result[1, complete] = _half_width(cumulative / cumulative[:, -1:], position) * LN_STEP
    return result


def _half_width(cumulative: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the half-width, in nodes, of the interval about the centre that contains one sigma."""
    rows = np.arange(len(centre))
    last = cumulative.shape[1] - 1

    def up_to(position: np.ndarray) -> np.ndarray:
        position = np.clip(position, 0.0, last)
        node = np.minimum(position.astype(int), last - 1)
        low, high = cumulative[rows, node], cumulative[rows, node + 1]
        return low + (position - node) * (high - low)

    narrow, wide = np.zeros(len(centre)), np.full(len(centre), float(last))
    for _ in range(40):
        middle = 0.5 * (narrow + wide)
        holds = up_to(centre + middle) - up_to(centre - middle) >= ONE_SIGMA
        narrow, wide = np.where(holds, narrow, middle), np.where(holds, middle, wide)
    return wide


def m200m_from_m500c(m500c_msun, redshift, cosmology: Cosmology = H18_COSMOLOGY) -> np.ndarray:
    """Return M200m of haloes of given M500c, with the concentrations used by H18.

    Parameters
    ----------
    m500c_msun : array_like
        M500c [Msun]; NaN stays NaN.
    redshift : array_like
        Redshifts, broadcast against the masses.
    cosmology : Cosmology
        Gives matter density and linear growth.

    Returns
    -------
    numpy.ndarray
        Mass within the sphere whose mean density is 200 times the mean matter density [Msun].

    Notes
    -----
    An NFW halo with the mean concentration of Bhattacharya et al. (2013, ApJ 766, 32), Table 2, full sample:
    c200m = 9.0 D^1.15 nu^-0.29 with their fit nu = [1.12 (M200m / 5e13 Msun/h)^0.3 + 0.53] / D, D(z) the
    linear growth factor. With the exact nu instead, M200m is 2 per cent larger. Masses of szmass
    itself are converted by `cosmology.convert_m200c`, with Diemer & Kravtsov (2015).
    """
    from colossus.cosmology import cosmology as colossus_cosmology

    h = cosmology.use_in_colossus()
    mass, z = np.broadcast_arrays(np.asarray(m500c_msun, float), np.asarray(redshift, float))
    known = np.where(np.isnan(z), 0.5, z)
    growth = colossus_cosmology.getCurrent().growthFactor(known)
    density_ratio = 200.0 * cosmology.astropy.Om(known) / 500.0  # of M200m over M500c
    ln_ratio = np.full(mass.shape, np.log(1.8))
    for _ in range(60):  # each step brings it nearer by about a factor of 4
        nu = (1.12 * (mass * np.exp(ln_ratio) * h / 5e13) ** 0.3 + 0.53) / growth
        c200m = 9.0 * growth**1.15 * nu**-0.29
        r500c = np.cbrt(density_ratio * np.exp(-ln_ratio))  # in R200m
        ln_ratio = np.log(_nfw_mass(c200m) / _nfw_mass(c200m * r500c))
    return np.where(np.isnan(z), np.nan, mass * np.exp(ln_ratio))


def _nfw_mass(x: np.ndarray) -> np.ndarray:
    """Return the mass within x scale radii, up to a constant factor (Navarro, Frenk & White 1997, eq. 3)."""
    return np.log1p(x) - x / (1.0 + x)
