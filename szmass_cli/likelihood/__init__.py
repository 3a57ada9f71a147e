"""The exact Gaussian likelihood of a cutout: the one place where the inverse covariance lives."""
