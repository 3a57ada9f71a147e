"""A model on the realistic sky, beside a matched filter's posterior and what could be gained at most."""
