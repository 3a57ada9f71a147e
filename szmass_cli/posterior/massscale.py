"""Masses on another scale than the model's own: a change of variable, without training."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.config.massscale import PARAMETERS, BiasTable, MassScaleConfig
from szmass_cli.errors import UsageError
from szmass_cli.physics.cosmology import (
    MASS_RANGE_MSUN,
    Cosmology,
    e_of_z,
    m200c_from_m500c,
    m500c_from_m200c,
)
from szmass_cli.physics.profiles import PIVOT_MSUN, SZ_SLOPE, SzModel

A10_REDSHIFT_SLOPE = 2.0 / 3.0
"""Exponent of E(z) of Y500 at fixed mass (Arnaud et al. 2010, eq. 20)."""


def check_scale_of_model(model: SzModel) -> None:
    """Refuse a model whose masses are not on the scale of Arnaud et al. (2010), which scales begin from.

    Raises
    ------
    UsageError
        It has a mass bias, or another slope.
    """
    if model.mass_bias != 0.0 or model.slope != SZ_SLOPE:
        raise UsageError(
            f"--mass-scale: the model was made with a mass bias of {model.mass_bias:g} and a slope of "
            f"{model.slope:.4g}; its masses are not on the scale of Arnaud et al. (2010).",
            "Leave the option out, or use a model without a bias.",
        )


@dataclass(frozen=True)
class MassScale:
    """From masses on the scale of Arnaud et al. (2010) to those of another relation of Y500 with mass.

    Parameters
    ----------
    name : str
        As it was asked for.
    config : MassScaleConfig
        The relation, with the covariance of its parameters.

    Notes
    -----
    A model's mass is the M500c whose signal in A10 is that of the cluster. The same signal in the relation of
    this scale is that of the mass M with

    B ln((1 - b) M / M_p) + C ln E + ln N = B0 ln(M_A10 / M_p) + C0 ln E,

    with M_p = 3e14 Msun / h70, B0 = 1.787 and C0 = 2/3 (A10, eqs. 13 and 20).
    """

    name: str
    config: MassScaleConfig

    def one_minus_b(self, redshift) -> np.ndarray:
        """Return 1 - b at redshifts: linear between those of a table, constant beyond."""
        stated = self.config.one_minus_b
        if isinstance(stated, BiasTable):
            return np.interp(redshift, stated.redshift, stated.value)
        return np.full(np.shape(redshift), stated)

    def is_extrapolated(self, redshift) -> np.ndarray:
        """Return whether redshifts are beyond those that 1 - b is tabulated for."""
        stated = self.config.one_minus_b
        if not isinstance(stated, BiasTable):
            return np.zeros(np.shape(redshift), bool)
        return (np.asarray(redshift) < stated.redshift[0]) | (np.asarray(redshift) > stated.redshift[-1])

    @property
    def depends_on_redshift(self) -> bool:
        """Return whether the ratio of masses to those of the model changes with redshift at given mass."""
        stated = self.config.one_minus_b
        varies = isinstance(stated, BiasTable) and len(set(stated.value)) > 1
        return varies or self.config.redshift_slope != A10_REDSHIFT_SLOPE

    def m200c(self, model_m200c_msun, redshift, cosmology: Cosmology) -> np.ndarray:
        """Return masses on this scale.

        Parameters
        ----------
        model_m200c_msun, redshift : array_like
            M200c on the scale of the model [Msun] and redshift, broadcast; NaN stays NaN.
        cosmology : Cosmology
            Of the model.

        Returns
        -------
        numpy.ndarray
            M200c [Msun], at most what is tabulated of halos.
        """
        mass, z = np.broadcast_arrays(np.asarray(model_m200c_msun, float), np.asarray(redshift, float))
        ln_unbiased = self._ln_unbiased(m500c_from_m200c(mass, z, cosmology), z, cosmology)
        m500c = np.exp(ln_unbiased) * PIVOT_MSUN / cosmology.h70 / self.one_minus_b(z)
        low, high = MASS_RANGE_MSUN
        return m200c_from_m500c(np.clip(m500c, 1.5 * low, 0.5 * high), z, cosmology)

    def sigma_ln_mass(self, m200c_msun, redshift, cosmology: Cosmology) -> np.ndarray:
        """Return the standard deviation of ln M that the errors of the relation make, common to all clusters.

        Parameters
        ----------
        m200c_msun, redshift : array_like
            M200c on this scale [Msun] and redshift, of one shape; NaN stays NaN.
        cosmology : Cosmology
            Of the model.
        """
        mass, z = np.broadcast_arrays(np.asarray(m200c_msun, float), np.asarray(redshift, float))
        ratio, slope = self.one_minus_b(z), self.config.mass_slope
        pivot = PIVOT_MSUN / cosmology.h70
        ln_unbiased = np.log(ratio * m500c_from_m200c(mass, z, cosmology) / pivot)
        # d ln M / d parameter at fixed signal
        change = {
            "one_minus_b": -1.0 / ratio,
            "ln_normalisation": np.full(mass.shape, -1.0 / slope),
            "mass_slope": -ln_unbiased / slope,
            "redshift_slope": -np.log(e_of_z(z, cosmology)) / slope,
        }
        variance = (change["one_minus_b"] * self._own_error(z)) ** 2
        if self.config.covariance is not None:
            matrix = np.array(self.config.covariance.matrix)
            slopes = np.stack([change[name] for name in self.config.covariance.parameters])
            variance = variance + np.einsum("i...,ij,j...->...", slopes, matrix, slopes)
        # of ln M500c; M200c follows it closely
        ends = [np.log(m500c_from_m200c(mass * factor, z, cosmology)) for factor in (0.99, 1.01)]
        return np.sqrt(variance) * np.log(1.01 / 0.99) / (ends[1] - ends[0])

    @property
    def has_errors(self) -> bool:
        """Return whether the relation states how well its parameters are known."""
        stated = self.config.one_minus_b
        of_table = isinstance(stated, BiasTable) and stated.error is not None
        return of_table or self.config.one_minus_b_error is not None or self.config.covariance is not None

    def in_words(self) -> str:
        """Return what is written of the scale beside masses."""
        config, words = self.config, []
        if isinstance(config.one_minus_b, BiasTable):
            values = "/".join(f"{value:g}" for value in config.one_minus_b.value)
            words.append(f"1-b {values} at z {'/'.join(f'{z:g}' for z in config.one_minus_b.redshift)}")
        else:
            words.append(f"1-b {config.one_minus_b:g}")
        defaults = MassScaleConfig()
        others = [name for name in PARAMETERS[1:] if getattr(config, name) != getattr(defaults, name)]
        words += [f"{name} {getattr(config, name):.4g}" for name in others]
        if config.scatter_ln is not None:
            words.append(f"scatter_ln {config.scatter_ln:g}")
        return f"{self.name}: {', '.join(words)}" + (f"; {config.source}" if config.source else "")

    def _own_error(self, redshift: np.ndarray) -> np.ndarray:
        stated = self.config.one_minus_b
        if isinstance(stated, BiasTable):
            errors = stated.error or (0.0,) * len(stated.value)
            own = np.interp(redshift, stated.redshift, errors)
            return own + (self.config.one_minus_b_error or 0.0)
        return np.full(np.shape(redshift), self.config.one_minus_b_error or 0.0)

    def _ln_unbiased(self, m500c_msun: np.ndarray, redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
        """Return ln((1 - b) M500c / M_p) of the signal that A10 gives to masses."""
        config, pivot = self.config, PIVOT_MSUN / cosmology.h70
        ln_expansion = np.log(e_of_z(redshift, cosmology))
        signal = SZ_SLOPE * np.log(m500c_msun / pivot) + A10_REDSHIFT_SLOPE * ln_expansion
        return (signal - config.ln_normalisation - config.redshift_slope * ln_expansion) / config.mass_slope
