"""The mass scale of a YAML file: how the SZ signal follows from true masses."""

from pathlib import Path
from typing import Annotated, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from szmass_cli.config.base import Strict
from szmass_cli.config.yamltext import parse_yaml, read_text
from szmass_cli.errors import ConfigError, did_you_mean
from szmass_cli.physics.profiles import SZ_SLOPE
from szmass_cli.system.presets import mass_scale_names, mass_scales_folder

Ratio = Annotated[float, Field(ge=0.3, le=2.0)]
Redshift = Annotated[float, Field(ge=0.0, le=5.0)]
Error = Annotated[float, Field(ge=0.0, le=1.0)]

SHOWN_PROBLEMS = 12

PARAMETERS = ("one_minus_b", "ln_normalisation", "mass_slope", "redshift_slope")
"""What a covariance may be of."""


class BiasTable(Strict):
    """1 - b at redshifts, linear between them and constant beyond."""

    redshift: tuple[Redshift, ...] = Field(min_length=1)
    value: tuple[Ratio, ...]
    error: tuple[Error, ...] | None = None

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        lengths = {len(self.redshift), len(self.value), len(self.error or self.value)}
        if len(lengths) > 1:
            raise ValueError("redshift, value and error must have one length")
        if any(np.diff(self.redshift) <= 0):
            raise ValueError("redshift must be ascending")
        return self


class Covariance(Strict):
    """Covariance of some parameters of a mass scale."""

    parameters: tuple[str, ...] = Field(min_length=1)
    matrix: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _check_matrix(self) -> Self:
        unknown = [name for name in self.parameters if name not in PARAMETERS]
        if unknown or len(set(self.parameters)) < len(self.parameters):
            raise ValueError(f"parameters must be different ones of {', '.join(PARAMETERS)}")
        n = len(self.parameters)
        if len(self.matrix) != n or any(len(row) != n for row in self.matrix):
            raise ValueError(f"matrix must have {n} rows of {n} numbers")
        matrix = np.array(self.matrix)
        if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, rtol=1e-6):
            raise ValueError("matrix must be symmetric and finite")
        if np.linalg.eigvalsh(matrix).min() < -1e-9 * np.abs(matrix).max():
            raise ValueError("matrix must not have negative eigenvalues")
        return self


class MassScaleConfig(Strict):
    """How Y500 follows from true masses.

    It is exp(ln_normalisation) ((1 - b) M500c / 3e14 h70^-1 Msun)^mass_slope E(z)^redshift_slope, in units of
    what Arnaud et al. (2010) have at 3e14 h70^-1 Msun and E = 1.
    """

    one_minus_b: Ratio | BiasTable = 1.0
    one_minus_b_error: Error | None = None
    ln_normalisation: float = Field(0.0, ge=-2, le=2)
    mass_slope: float = Field(SZ_SLOPE, ge=1.2, le=2.6)
    redshift_slope: float = Field(2.0 / 3.0, ge=-2, le=3)
    scatter_ln: float | None = Field(None, ge=0, le=1)
    covariance: Covariance | None = None
    source: str = ""

    @model_validator(mode="after")
    def _check_errors(self) -> Self:
        of_table = isinstance(self.one_minus_b, BiasTable) and self.one_minus_b.error is not None
        in_matrix = self.covariance is not None and "one_minus_b" in self.covariance.parameters
        if (self.one_minus_b_error is not None) + of_table + in_matrix > 1:
            raise ValueError("the error of one_minus_b is given twice: in one place, please")
        return self


def load_mass_scale(source: str | Path) -> MassScaleConfig:
    """Read a mass scale from a YAML file, or a shipped one by its name.

    Parameters
    ----------
    source : str or Path
        A file, or one of `mass_scale_names`.

    Raises
    ------
    ConfigError
        There is no such file or name, it is not YAML, or a key or value is not allowed.
    """
    path, names = Path(source), mass_scale_names()
    if not path.is_file() and str(source) in names:
        text = (mass_scales_folder() / f"{source}.yaml").read_text(encoding="utf-8")
    elif not path.exists():
        raise ConfigError(
            f"--mass-scale: there is no {source}.{did_you_mean(str(source), names)}",
            f"Give a YAML file, or one of {', '.join(names)}.",
        )
    else:
        text = read_text(path)
    values, keys = parse_yaml(text, str(source)), ", ".join(MassScaleConfig.model_fields)
    if not isinstance(values, dict):
        raise ConfigError(f"{source} holds no keys.", f"Keys are {keys}.")
    try:
        return MassScaleConfig.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{source}: {'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}"
            for one in error.errors()
        ]
        raise ConfigError("\n".join(problems[:SHOWN_PROBLEMS]), f"Keys are {keys}.") from None
