"""Estimators that are as good as one likes, because they have seen the answers."""

import numpy as np

from szmass_cli.evaluation.paper.estimators import BEST_POSSIBLE, MATCHED_FILTER, NETWORK, Estimates
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator

NORMAL = np.array([-1.96, -0.99446, 0.0, 0.99446, 1.96])
"""The percentiles 2.5, 16, 50, 84 and 97.5 of a standard normal distribution."""


class Oracle:
    """Remembers the mass and the signal of every cutout that is simulated while `watch` lasts."""

    def __init__(self):
        self._truth = {}

    def learn(self, block: CutoutBlock) -> None:
        for row, image in enumerate(block.image):
            self._truth[image.tobytes()] = block.m200c[row], block.sz[row, ..., 0]

    def recall(self, images):
        """Masses (n,) and signals (n, 40, 40) of cutouts."""
        masses, signals = zip(*(self._truth[image.tobytes()] for image in images), strict=True)
        return np.array(masses), np.array(signals)

    def watch(self, monkeypatch) -> None:
        draw = CutoutSimulator.block

        def drawn(simulator, *arguments, **options):
            block = draw(simulator, *arguments, **options)
            self.learn(block)
            return block

        monkeypatch.setattr(CutoutSimulator, "block", drawn)

    def estimator(self, scatter, seed=0, signal_factor=1.0, bias=0.0):
        """One whose estimates scatter around the truth by so much, as its intervals say."""
        rng = np.random.default_rng(seed)

        def estimate(images, redshift):
            masses, signals = self.recall(images)
            ln_mass = np.log(masses) + bias + scatter * rng.standard_normal(len(masses))
            return Estimates(np.exp(ln_mass[:, None] + scatter * NORMAL), signal_factor * signals)

        return estimate

    def estimators(self, network=0.18, matched_filter=0.2, best_possible=0.17):
        """All three, of given scatter; the matched filter gives no maps, as in life."""
        filtered = self.estimator(matched_filter, 2)
        return {
            NETWORK: self.estimator(network, 1, signal_factor=0.98),
            MATCHED_FILTER: lambda images, z: Estimates(filtered(images, z).percentiles_msun),
            BEST_POSSIBLE: self.estimator(best_possible, 3, signal_factor=0.99),
        }
