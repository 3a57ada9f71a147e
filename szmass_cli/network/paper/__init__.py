"""The network of Gupta & Reichardt (2020) as published: one instrument and redshift, the mass in a pixel."""
