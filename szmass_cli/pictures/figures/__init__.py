"""Figures of measured clusters and catalogues."""
