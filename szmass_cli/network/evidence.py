"""Corrected posteriors, with the evidence of how far they are to be believed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from szmass_cli.likelihood.contamination import KINDS
from szmass_cli.likelihood.features import Features, mass_nodes
from szmass_cli.physics.evengrid import place
from szmass_cli.posterior.grid import moments, normalised

OTHERS = 2
"""Numbers of evidence besides the gains: moves of the mean and of the width."""

MOVED_SCALE = 3.0
"""Changes of the mean count as arcsinh of so many times themselves, in standard deviations."""


def n_evidence(kind: Literal["central_source", "members"]) -> int:
    """Return how many numbers of evidence there are with a kind of contamination."""
    return KINDS[kind].N_GAINS + OTHERS


@dataclass(frozen=True)
class Corrected:
    """Posteriors of n cutouts with the correction of a network, before their recalibration.

    Parameters
    ----------
    density : numpy.ndarray, shape (n, m)
        Probability of each cell of the grid of masses, under a flat prior; rows sum to one.
    evidence : numpy.ndarray, shape (n, g + 2)
        How much was changed: arcsinh of what each of g kinds of contamination adds to ln L at the mean mass;
        change of the mean of the likelihood alone, as arcsinh; ln of the change of its standard deviation.
    """

    density: np.ndarray
    evidence: np.ndarray

    @classmethod
    def of(cls, seen: Features, g: np.ndarray, ln_mass: np.ndarray) -> "Corrected":
        """Return the corrected posteriors.

        Parameters
        ----------
        seen : Features
            What is known of the cutouts.
        g : numpy.ndarray, shape (n, m)
            What the network adds to ln L.
        ln_mass : numpy.ndarray, shape (m,)
            Grid of masses [ln Msun].
        """
        density, alone = normalised(seen.ln_likelihood + g), normalised(seen.ln_likelihood)
        (mean, sigma), (before, sigma_before) = moments(ln_mass, density), moments(ln_mass, alone)
        nodes = mass_nodes(ln_mass)
        # cutouts whose numbers are none are told of elsewhere
        low, upper = place(nodes, np.where(np.isfinite(mean), mean, nodes[0]))
        rows, gains = np.arange(len(mean)), seen.ln_gains
        at_mean = gains[rows, :, low] * (1.0 - upper)[:, None] + gains[rows, :, low + 1] * upper[:, None]
        moved = np.arcsinh(MOVED_SCALE * np.abs(before - mean) / sigma)
        changes = np.stack([moved, np.log(sigma_before / sigma)], axis=1)
        return cls(density, np.concatenate([np.arcsinh(at_mean), changes], axis=1))
