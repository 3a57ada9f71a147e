"""What samples of clusters say together: mean masses, scatter, slope."""
