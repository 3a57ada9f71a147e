"""The figure of populations."""
