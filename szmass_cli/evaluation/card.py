"""The model card: what a bundle is, how good it was measured to be, and where it must not be used."""

from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics
from szmass_cli.evaluation.instruments.tables import (
    EXPLAINED,
    gain_table,
    posterior_table,
    prior_table,
    truth_table,
)
from szmass_cli.evaluation.metrics import AnyMetrics
from szmass_cli.evaluation.paper.estimators import ESTIMATORS
from szmass_cli.evaluation.paper.metrics import Comparison, PaperMetrics
from szmass_cli.evaluation.paper.testsets import tested_redshift
from szmass_cli.evaluation.realistic.tables import (
    CELLS_EXPLAINED,
    FLAGS_EXPLAINED,
    GAINS_EXPLAINED,
    cell_table,
    estimator_table,
    flag_table,
)
from szmass_cli.evaluation.realistic.tables import EXPLAINED as REALISTIC_EXPLAINED
from szmass_cli.evaluation.realistic.tables import gain_table as gain_table_of
from szmass_cli.likelihood.contamination import KINDS
from szmass_cli.network.bundle.bundle import AnyBundle, Bundle, PaperBundle, training_in_words


def model_card(bundle: AnyBundle, metrics: AnyMetrics, elsewhere: str = "") -> str:
    """Return the Markdown text of the card, every number from the bundle or from its report.

    Parameters
    ----------
    bundle : AnyBundle
        The model.
    metrics : AnyMetrics
        Of its evaluation.
    elsewhere : str, optional
        Table of what it is worth on skies and clusters unlike those of its training; of models of any
        instrument only.
    """
    if isinstance(bundle, PaperBundle):
        assert isinstance(metrics, PaperMetrics)
        parts = [
            _paper(bundle),
            _paper_training(bundle),
            _paper_results(bundle, metrics),
            _paper_limits(bundle),
        ]
    else:
        assert isinstance(metrics, InstrumentsMetrics)
        parts = [
            _any(bundle),
            _any_training(bundle),
            _any_results(bundle, metrics),
            _any_elsewhere(elsewhere),
            _any_limits(bundle, metrics, elsewhere),
        ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _any(bundle: Bundle) -> str:
    m = bundle.metadata
    return f"""
# {m.name}

Posteriors of the masses M200c of galaxy clusters from {m.n_pixels} x {m.n_pixels} cutouts of {m.pixel_arcmin}' pixels, in any number of
microwave bands, behind any beams and filters: the exact likelihood of a Gaussian sky, and an mResUNet (Gupta &
Reichardt 2020, ApJ 900, 110) with {bundle.recipe.network.base_filters} base filters, {sum(w.size for w in bundle.weights):,} weights, that may correct it. The network sees
score images and curves of the likelihood and nothing that names the instrument. Trained by `szmass train` {m.szmass_version} on
{training_in_words(bundle)}.
"""


def _any_training(bundle: Bundle) -> str:
    m, clusters = bundle.metadata, bundle.recipe.clusters
    low, high = (mass / 1e14 for mass in m.trained_m200c_msun)
    bands, ghz = m.trained_bands, m.trained_frequency_ghz
    beam, noise = m.trained_beam_fwhm_arcmin, m.trained_noise_uk_arcmin
    relativistic = "with" if m.relativistic else "without"
    seen = "the sky above"
    if bundle.recipe.training.sky == "realistic":
        seen = (
            "the realistic sky (docs/sky.md): sources, dust, neighbours, motion, lensing, profiles of four "
            "families, ellipses, second peaks, errors of calibration and beams"
        )
    light = KINDS[bundle.recipe.network.contamination].IN_WORDS
    return f"""
## What its likelihood assumes, and what it was trained for

| | |
|---|---|
| masses | M200c {low:g} to {high:g} x 1e14 Msun |
| redshift | {m.trained_redshift[0]:g} to {m.trained_redshift[1]:g} |
| sky | Gaussian: lensed CMB (CAMB, {m.cosmology}), thermal and kinetic SZ, dusty galaxies and radio sources with the powers of its recipe |
| clusters | Arnaud et al. (2010) profile and scaling, spherical, {relativistic} relativistic corrections |
| scatter | log-normal: {m.sz_scatter_ln:g} of the SZ amplitude, {m.concentration_scatter_ln:g} of c500 at fixed Y500 |
| mass bias | b = {clusters.sz_mass_bias:g} |
| clusters' other light | {light} |
| prior of the percentiles | {m.prior} |
| sky of training | {seen} |
| instruments of training | random ones of {bands[0]} to {bands[1]} bands at {ghz[0]:g} to {ghz[1]:g} GHz, beams {beam[0]:g} to {beam[1]:g}', white noise {noise[0]:g} to {noise[1]:g} µK-arcmin, 1/f noise, high-pass filters |

The likelihood needs no training: instruments, depths and filters beyond these ranges are exact but for the correction.
"""


def _any_results(bundle: Bundle, metrics: InstrumentsMetrics) -> str:
    parts = ["## How good it is"]
    if metrics.realistic:
        parts += [
            "### On the realistic sky",
            estimator_table(metrics.realistic),
            REALISTIC_EXPLAINED,
            gain_table_of(metrics.realistic),
            GAINS_EXPLAINED,
            cell_table(metrics.realistic),
            CELLS_EXPLAINED,
            flag_table(metrics.realistic),
            FLAGS_EXPLAINED,
            "### On a Gaussian sky",
        ]
    parts += [
        "Fresh simulations of the sky that the likelihood assumes, clusters evenly in ln M and ln z, never seen in training; "
        "rho: correlation of the 1/f noise between bands.",
        posterior_table(metrics.surveys),
        EXPLAINED,
    ]
    if any(row.gain for row in metrics.surveys):
        parts += ["### What several bands are worth", gain_table(metrics)]
    if metrics.outside:
        parts += ["### Beyond the instruments of training", posterior_table(metrics.outside)]
    if metrics.variations:
        parts += ["### Filters, depths, positions and profiles", truth_table(metrics.variations)]
    if metrics.mass_function:
        parts += [
            "### Clusters of the mass function, under that prior (`--prior mass-function`)",
            prior_table(metrics),
        ]
    if metrics.mismatch:
        parts += ["### What it makes of maps that are not what it is told", truth_table(metrics.mismatch)]
    parts.append(
        f"`report/` has more: single bands, each S/N, and the figures. `szmass evaluate --model {bundle.metadata.name} -o report` "
        "makes it again; `--config` makes that of one survey."
    )
    return "\n\n".join(parts)


def _any_elsewhere(table: str) -> str:
    if not table:
        return ""
    return (
        "### On skies and clusters unlike those of the training\n\n"
        "Three bands of SPT-3G and of ACT DR6, clusters with S/N above 3 (median and rms: above 5); gain over the recalibrated "
        "likelihood, whose recalibration is that of the training, too (`benchmarks/across.py`).\n\n" + table
    )


def _any_limits(bundle: Bundle, metrics: InstrumentsMetrics, elsewhere: str) -> str:
    skies = (
        "- Real skies. Both training and tests are Gaussian skies with clusters of one family of profiles: sources and dust in clusters,\n"
        "  mergers, other halos along the line of sight and non-Gaussian foregrounds were not tested."
    )
    if bundle.recipe.training.sky == "realistic":
        skies = (
            "- Real skies, and hydrodynamical clusters. Training and tests are simulations of one kind, whose contamination is known to a\n"
            "  factor of about 1.5."
        )
        if not elsewhere:
            skies += " Twice or half of it, and other families of profiles were not tested."
    filters = (
        "" if metrics.variations else "\n- Filters, varying depths and wrong positions: not in this report."
    )
    return f"""
## What was not tested

{skies}
- Noise that is stronger along some direction, and noise whose power is not what `--noise` says.
- Beams that are not round.{filters}

## Where it must not be used

- On component-separated Compton y, and on maps whose filter is not given (`--transfer`): the tables above show what that costs.
- Where positions are off and `--position-error` does not say so, or a bright source sits on the cluster.
- The mass scale is that of Arnaud et al. (2010) with hydrostatic X-ray masses taken as true masses, and those are low: weak
  lensing gives 1 - b = 0.69 ± 0.07 or 0.78 ± 0.09, the CMB 0.58 ± 0.04 (Planck 2015 results XXIV). For real clusters set
  `clusters.sz_mass_bias` to the b of your choice and train; without it, masses are low by about as much.
- Percentiles are posteriors under a prior flat in ln M; a sample selected by its SZ signal needs a mass function as prior:
  `--prior mass-function`.
"""


def _paper(bundle: PaperBundle) -> str:
    m = bundle.metadata
    return f"""
# {m.name}

Masses M200c of galaxy clusters from {m.n_pixels} x {m.n_pixels} cutouts of {m.pixel_arcmin}' pixels at {m.per_band("frequency_ghz")} GHz:
an mResUNet (Gupta & Reichardt 2020, ApJ 900, 110) with {bundle.recipe.network.base_filters} base filters, `{bundle.recipe.network.input}` input,
trained by `szmass train` {m.szmass_version} on {training_in_words(bundle)}.
"""


def _paper_training(bundle: PaperBundle) -> str:
    m = bundle.metadata
    low, high = (mass / 1e14 for mass in m.trained_m200c_msun)
    calibrated = f"calibrated from {m.calibrated_redshift[0]:g} to {m.calibrated_redshift[1]:g}"
    return f"""
## What it was trained for

| | |
|---|---|
| masses | M200c {low:g} to {high:g} x 1e14 Msun |
| redshift | {m.trained_redshift[0]:g} in training, {calibrated} |
| beam | {m.per_band("beam_fwhm_arcmin")} arcmin FWHM |
| noise | {m.per_band("noise_uk_arcmin")} µK-arcmin, white |
| sky | lensed CMB (CAMB, Planck 2018), foregrounds of George et al. (2015) |
| clusters | Arnaud et al. (2010) profile and scaling, spherical, {m.sz_scatter_ln:g} log-normal scatter of the SZ amplitude |
| prior of the percentiles | {m.prior} |
"""


def _paper_results(bundle: PaperBundle, metrics: PaperMetrics) -> str:
    m, rows = bundle.metadata, "\n".join(_comparison_row(c) for c in metrics.scatter)
    where = f"z = {tested_redshift(bundle):g}"
    return f"""
## How good it is

Fresh clusters of 2 to 7 x 1e14 Msun at {where}, uniform in mass, never seen in training or calibration.
x = ln(M_est / M_true); matched filter: amplitude of a fixed template with a fitted scaling relation;
best possible: the exact posterior. All on the same cutouts, under the same prior, flat in mass.

| SZ scatter | cutouts | estimator | std of x | Gaussian fit | median of x | in p16-p84 | in p2.5-p97.5 |
|---|---|---|---|---|---|---|---|
{rows}

`report/` has more: each mass of the paper's Figure 4, mean SZ maps, irregular clusters, and the figures.
`szmass evaluate --model {m.name} -o report` makes it again. Where the test set has no SZ scatter the estimators still
allow for {m.sz_scatter_ln:g}, so their intervals cover more than they state.
"""


def _paper_limits(bundle: PaperBundle) -> str:
    m = bundle.metadata
    return f"""
## Where it must not be used

- Away from z = {m.trained_redshift[0]:g} the network sees clusters it was not trained on. The percentiles were measured at each
  redshift and are honest, but wider than they need be; such rows carry `REDSHIFT_OUTSIDE_TRAINING`.
- On maps of another beam, depth or filtering, or of component-separated Compton y, masses are ordered but not calibrated.
- The mass scale is that of Arnaud et al. (2010) with hydrostatic masses taken as true masses: real clusters need a mass bias.
- Percentiles are posteriors under a flat mass prior; a sample selected by its SZ signal needs a mass function as prior:
  `--prior mass-function`.
"""


def _comparison_row(c: Comparison) -> str:
    rows = []
    for name, s in zip(ESTIMATORS, (c.network, c.matched_filter, c.best_possible), strict=True):
        cells = [f"{v:.3f}" for v in (s.std, s.gaussian_sigma, s.median, s.coverage_68, s.coverage_95)]
        rows.append(f"| {c.sz_scatter_ln:g} | {c.n_cutouts} | {name} | {' | '.join(cells)} |")
    return "\n".join(rows)
