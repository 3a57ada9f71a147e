"""How good a model is: test sets, estimators to compare it with, and what is measured of them."""
