"""The clusters of the paper, said explicitly: configurations have others by default."""

from szmass_cli.config import ClusterConfig


def paper_clusters(**changes):
    """Profiles of one shape, and spectra without relativistic corrections."""
    return ClusterConfig(**{"concentration_scatter_ln": 0.0, "relativistic": False} | changes)
