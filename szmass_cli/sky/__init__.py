"""The simulated sky: Gaussian fields, painted clusters, training cutouts and survey maps."""
