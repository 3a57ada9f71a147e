"""The fit of a network: data, loop, backends, checkpoints."""
