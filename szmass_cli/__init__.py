"""szmass: calibrated galaxy-cluster masses from microwave-sky maps."""

__version__ = "0.1.0"

DEFAULT_MODEL = "z07"
"""The shipped model that is used when none is named."""
