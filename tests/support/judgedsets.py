"""Verdicts on made-up clusters whose statistics are known."""

import numpy as np

from szmass_cli.evaluation.instruments.judging import Judged, Verdict

SIGMA = 0.2


def judged(n, gap=0.0, snr=10.0, mass=3e14, seed=1, alone_times=1.5):
    """n honest clusters: shifts of 0.3 and -0.1 in turn, exact posteriors likelier by `gap` nats."""
    rng, one = np.random.default_rng(seed), np.ones(n)
    ln_mass = np.log(mass) * one
    density = rng.normal(0.0, 0.1, n)
    even = (rng.permutation(n) + 0.5) / n
    mean = ln_mass + SIGMA * np.where(np.arange(n) % 2, 0.3, -0.1)
    model = Verdict(mean, SIGMA * one, even, density, mean)
    exact = Verdict(ln_mass, SIGMA * one, even, density + gap + rng.normal(0.0, 0.1, n), ln_mass)
    alone = Verdict(ln_mass, alone_times * SIGMA * one, even, density - 0.2, ln_mass)
    return Judged(ln_mass, 0.5 * one, snr * one, snr * one, one, model, exact, alone, 1.7 * one)
