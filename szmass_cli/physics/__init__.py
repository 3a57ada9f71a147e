"""Cluster physics: cosmology, pressure profiles, power spectra. Plain arrays, units in the names."""
