"""Catalogues for the programs that come next: cosmology from counts, and flat tables."""
