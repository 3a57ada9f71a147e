"""How good a model is on fresh simulations, beside the best possible estimator on the very same cutouts."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import curve_fit

from szmass_cli.config import UniformMasses
from szmass_cli.errors import InputError
from szmass_cli.files import atomic_path, check_not_an_input, check_writable
from szmass_cli.network.bundle import Bundle, find_bundle, read_bundle
from szmass_cli.network.model import Predictor
from szmass_cli.optimal import OptimalEstimator
from szmass_cli.progress import Progress, silent
from szmass_cli.sky.cutouts import CutoutSimulator, Stream

PERCENTILES = (2.5, 16.0, 50.0, 84.0, 97.5)

TEST_MASSES = UniformMasses(min_m200c_msun=2e14, max_m200c_msun=7e14)
"""The mass range of the paper's section 4.3."""


@dataclass(frozen=True)
class MassScatter:
    """Statistics of ln(M_est / M_true) on one test set.

    Parameters
    ----------
    std, gaussian_sigma, median : float
        Standard deviation, width of a Gaussian fitted to the histogram, and median of ln(M_est / M_true).
    coverage_68, coverage_95 : float
        Fraction of true masses between the 16th and 84th, and the 2.5th and 97.5th percentiles.
    """

    std: float
    gaussian_sigma: float
    median: float
    coverage_68: float
    coverage_95: float


@dataclass(frozen=True)
class Comparison:
    """Network and best possible estimator on the same cutouts."""

    n_cutouts: int
    sz_scatter_ln: float
    network: MassScatter
    best_possible: MassScatter

    @property
    def leaks(self) -> bool:
        """Whether the network is better than the best possible by over three standard errors."""
        error = self.best_possible.std / np.sqrt(2.0 * self.n_cutouts)
        return bool(self.network.std < self.best_possible.std - 3.0 * error)


def mass_scatter(percentiles_msun: np.ndarray, true_msun: np.ndarray) -> MassScatter:
    """Statistics of estimates given as (n, 5) `PERCENTILES` [Msun] against true masses (n,) [Msun]."""
    p2, p16, p50, p84, p97 = percentiles_msun.T
    ln_ratio = np.log(p50 / true_msun)
    return MassScatter(
        float(ln_ratio.std()),
        gaussian_width(ln_ratio),
        float(np.median(ln_ratio)),
        float(np.mean((p16 <= true_msun) & (true_msun <= p84))),
        float(np.mean((p2 <= true_msun) & (true_msun <= p97))),
    )


def gaussian_width(values: np.ndarray) -> float:
    """Width of the Gaussian fitted to the histogram of the values, as the paper quotes its scatter."""
    middle, std = float(np.median(values)), float(values.std())
    if std < 1e-9:
        return 0.0
    robust = 1.4826 * float(np.median(np.abs(values - middle)))
    # the paper's range for the paper's widths; bins no wider than the core of a narrow distribution
    reach = max(min(1.2, 20.0 * robust), 4.0 * std)
    density, edges = np.histogram(values, bins=60, range=(middle - reach, middle + reach), density=True)
    centres = 0.5 * (edges[1:] + edges[:-1])

    def gaussian(x, height, mean, sigma):
        return height * np.exp(-0.5 * ((x - mean) / sigma) ** 2)

    try:
        best, _ = curve_fit(gaussian, centres, density, p0=(density.max(), middle, std))
    except RuntimeError:  # no Gaussian comes near it
        return robust
    return float(abs(best[2]))


def compare(
    bundle: Bundle,
    n: int,
    seed: int,
    sz_scatter_ln: float,
    progress: Progress = silent,
) -> Comparison:
    """Estimate the masses of n fresh clusters of 2-7e14 Msun, with the network and as well as possible.

    Parameters
    ----------
    bundle : Bundle
        The model; clusters are simulated at its training redshift, on its sky.
    n, seed : int
        Number of cutouts and their seed; they share no draw with any training or calibration set.
    sz_scatter_ln : float
        Log-normal scatter of the SZ amplitude in the test set. Both estimators assume the model's own.
    progress : Progress

    Returns
    -------
    Comparison
    """
    recipe = bundle.recipe
    simulator = CutoutSimulator(recipe)
    predictor = Predictor.from_bundle(bundle, bundle.training_sky())
    best = OptimalEstimator(
        simulator.sky,
        simulator.stamps,
        bundle.metadata.trained_redshift[0],
        recipe.clusters.sz_scatter_ln,
        bundle.calibration.prior_range_msun,
    )
    clusters = recipe.clusters.model_copy(update={"sz_scatter_ln": sz_scatter_ln, "masses": TEST_MASSES})
    network_masses, best_masses, true_masses = [], [], []
    for block in simulator.blocks(clusters, n, seed, Stream.TEST):
        images = block.image
        raw = predictor(images).raw_mass_msun
        network_masses.append(bundle.calibration.percentiles(raw, block.redshift, PERCENTILES))
        posterior = best.posterior(images)
        best_masses.append(np.stack([posterior.percentile(p) for p in PERCENTILES], axis=1))
        true_masses.append(block.m200c)
        progress("evaluation", sum(map(len, true_masses)), n)
    truth = np.concatenate(true_masses)
    return Comparison(
        n,
        sz_scatter_ln,
        mass_scatter(np.concatenate(network_masses), truth),
        mass_scatter(np.concatenate(best_masses), truth),
    )


def evaluate(
    model: str | Path,
    n: int,
    seed: int,
    output: Path | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[Comparison]:
    """Compare a model with the best possible estimator, with its SZ scatter in the test set and without.

    Parameters
    ----------
    model : str or Path
        A shipped model, or a bundle's folder.
    n, seed : int
        See `compare`.
    output : Path, optional
        Write the comparisons there as JSON.
    overwrite : bool
    progress : Progress

    Returns
    -------
    list of Comparison

    Raises
    ------
    InputError, OutputError
    """
    if output is not None:
        check_not_an_input(output, *find_bundle(model).iterdir())
        check_writable(output, overwrite)
    bundle = read_bundle(model)
    scatters = dict.fromkeys((bundle.metadata.sz_scatter_ln, 0.0))
    comparisons = [compare(bundle, n, seed, scatter, progress) for scatter in scatters]
    if output is not None:
        with atomic_path(output, overwrite=overwrite) as part:
            part.write_text(comparisons_to_json(comparisons))
    return comparisons


def comparisons_to_json(comparisons: list[Comparison]) -> str:
    """JSON text of comparisons."""
    return json.dumps([asdict(c) for c in comparisons], indent=2) + "\n"


def read_comparisons(path: Path) -> list[Comparison]:
    """Comparisons from a file written by `evaluate` or `szmass train`.

    Raises
    ------
    InputError
        If the file does not hold comparisons.
    """
    try:
        return [
            Comparison(
                **{
                    **row,
                    "network": MassScatter(**row["network"]),
                    "best_possible": MassScatter(**row["best_possible"]),
                }
            )
            for row in json.loads(path.read_text())
        ]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} does not hold metrics: {error}.", "Fetch the bundle again.") from None
