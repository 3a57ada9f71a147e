"""Which contamination of clusters a model reckons with."""

from typing import ClassVar, Literal, Protocol

import numpy as np

from szmass_cli.config import ObjectsConfig
from szmass_cli.likelihood.centralsource import CentralSource
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.memberlight import MemberLight


class Contamination(Protocol):
    """What else than gas may do to the likelihood of masses: all that one kind differs in from another.

    Attributes
    ----------
    N_GAINS : int
        How many parts what it adds to ln L has.
    BELIEVED : float
        Share of it that is part of the correction of an untrained network.
    IN_WORDS : str
        What cards say of it.
    OBJECTS : ObjectsConfig
        What clusters shine with besides their gas, as far as it is reckoned with.
    """

    N_GAINS: ClassVar[int]
    BELIEVED: ClassVar[float]
    IN_WORDS: ClassVar[str]
    OBJECTS: ClassVar[ObjectsConfig]

    def ln_gains(self, weighed: Weighed, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return what kinds of contamination add to ln L of masses (m,) for cutouts (n,), (n, g, m)."""
        ...


KINDS: dict[str, type[CentralSource] | type[MemberLight]] = {
    "central_source": CentralSource,
    "members": MemberLight,
}
"""By the names of ``network.contamination``."""


def contamination(
    kind: Literal["central_source", "members"], likelihood: GaussianLikelihood
) -> Contamination:
    """Return the contamination of a kind in the cutouts of a likelihood."""
    return KINDS[kind](likelihood)
