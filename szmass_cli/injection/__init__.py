"""The study of maps by injected clusters: bias, coverage, completeness and selection, region by region."""
