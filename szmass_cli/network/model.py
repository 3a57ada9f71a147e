"""Moved to `szmass_cli.network.paper.predictor` and `szmass_cli.network.weights`."""

from szmass_cli.network.paper.predictor import Prediction, Predictor, network_of
from szmass_cli.network.weights import model_variables, set_weights

__all__ = ["Prediction", "Predictor", "model_variables", "network_of", "set_weights"]
