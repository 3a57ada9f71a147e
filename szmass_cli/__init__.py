"""szmass: calibrated galaxy-cluster masses from microwave-sky maps."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from szmass_cli.api import estimate, export, inject, population, read_posteriors, view

__all__ = [
    "BATCH_SIZE",
    "DEFAULT_MODEL",
    "__version__",
    "estimate",
    "export",
    "inject",
    "population",
    "read_posteriors",
    "view",
]

__version__ = "0.1.0"

DEFAULT_MODEL = "survey"
"""The shipped model that is used when none is named."""

BATCH_SIZE = 32
"""Cutouts that go through the network at once in evaluations: few, as large maps leave caches and heap."""

N_EVALUATED = 10_000
"""Fresh cutouts in each test set of 2-7e14 Msun."""


def __getattr__(name: str) -> Any:
    """Load the public functions when they are first asked for: they bring numpy, astropy and more."""
    if name in ("estimate", "export", "inject", "population", "read_posteriors", "view"):
        from szmass_cli import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
