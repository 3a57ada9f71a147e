"""The interface for scripts: the commands as functions that take paths or tables and return tables."""

from szmass_cli.api.estimating import estimate
from szmass_cli.api.injecting import inject
from szmass_cli.api.products import export, population, view
from szmass_cli.posterior.posteriorfile import read_posteriors

__all__ = ["estimate", "export", "inject", "population", "read_posteriors", "view"]
