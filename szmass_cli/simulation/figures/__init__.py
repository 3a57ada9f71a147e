"""Figures of simulated cutouts and fields."""
