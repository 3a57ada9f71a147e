"""Moved to `szmass_cli.network.paper.inputs`."""

from szmass_cli.network.paper.inputs import MASS_PIXEL, Labels, NetworkInput

__all__ = ["MASS_PIXEL", "Labels", "NetworkInput"]
