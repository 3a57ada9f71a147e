"""The weights of a network: which variables they are, and how a network gets them."""

import numpy as np

from szmass_cli.errors import InputError


def model_variables(network) -> list:
    """Return the variables of a trained network in a fixed order, without dropout's random state."""
    return [v for v in network.variables if "seed_generator" not in v.path]


def set_weights(network, weights: list[np.ndarray], name: str) -> None:
    """Give a network its weights.

    Parameters
    ----------
    network : keras.Model
        Of the architecture that the weights were trained in.
    weights : list of numpy.ndarray
        Values of the variables, in the order of `model_variables`.
    name : str
        Name of the model, for the error message.

    Raises
    ------
    InputError
        If their number or shapes are not those of the network.
    """
    variables = model_variables(network)
    wanted = [tuple(v.shape) for v in variables]
    if wanted != [w.shape for w in weights]:
        raise InputError(
            f"The weights of {name} do not fit the network of its recipe.", "Fetch the bundle again."
        )
    for variable, values in zip(variables, weights, strict=True):
        variable.assign(values)
