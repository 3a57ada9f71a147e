"""szmass: calibrated galaxy-cluster masses from microwave-sky maps."""

__version__ = "0.1.0"

DEFAULT_MODEL = "z07"
"""The shipped model that is used when none is named."""

BATCH_SIZE = 256
"""Cutouts that go through the network at once, if nothing else is asked for."""
