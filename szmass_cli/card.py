"""The model card: what a bundle is, how good it was measured to be, and where it must not be used."""

from szmass_cli.evaluation.estimators import ESTIMATORS
from szmass_cli.evaluation.metrics import Comparison, Metrics
from szmass_cli.network.bundle import Bundle


def model_card(bundle: Bundle, metrics: Metrics) -> str:
    """Markdown text of the card, every number from the bundle or from its report."""
    m = bundle.metadata
    low, high = (mass / 1e14 for mass in m.trained_m200c_msun)
    rows = "\n".join(_comparison_row(c) for c in metrics.scatter)
    return f"""# {m.name}

Masses M200c of galaxy clusters from {m.n_pixels} x {m.n_pixels} cutouts of {m.pixel_arcmin}' pixels at {m.per_band("frequency_ghz")} GHz:
an mResUNet (Gupta & Reichardt 2020, ApJ 900, 110) with {bundle.recipe.network.base_filters} base filters and
`{bundle.recipe.network.input}` input, trained by `szmass train` {m.szmass_version} on {m.cutouts_trained_on:,} simulated cutouts.

## What it was trained for

| | |
|---|---|
| masses | M200c {low:g} to {high:g} x 1e14 Msun |
| redshift | {m.trained_redshift[0]:g} in training, calibrated from {m.calibrated_redshift[0]:g} to {m.calibrated_redshift[1]:g} |
| beam | {m.per_band("beam_fwhm_arcmin")} arcmin FWHM |
| noise | {m.per_band("noise_uk_arcmin")} µK-arcmin, white |
| sky | lensed CMB (CAMB, Planck 2018), foregrounds of George et al. (2015) |
| clusters | Arnaud et al. (2010) profile and scaling, spherical, {m.sz_scatter_ln:g} log-normal scatter of the SZ amplitude |
| prior of the percentiles | {m.prior} |

## How good it is

Fresh clusters of 2 to 7 x 1e14 Msun at z = {m.trained_redshift[0]:g}, uniform in mass, never seen in training or calibration.
x = ln(M_est / M_true); matched filter: amplitude of a fixed template with a fitted scaling relation;
best possible: the exact posterior. All on the same cutouts, under the same prior.

| SZ scatter | cutouts | estimator | std of x | Gaussian fit | median of x | in p16-p84 | in p2.5-p97.5 |
|---|---|---|---|---|---|---|---|
{rows}

`report/` has more: each mass of the paper's Figure 4, mean SZ maps, irregular clusters, and the figures.
`szmass evaluate --model {m.name} -o report` makes it again. Where the test set has no SZ scatter the estimators still
allow for {m.sz_scatter_ln:g}, so their intervals cover more than they state.

## Where it must not be used

- Away from z = {m.trained_redshift[0]:g} the network sees clusters it was not trained on. The percentiles were measured at each
  redshift and are honest, but wider than they need be; such rows carry `REDSHIFT_OUTSIDE_TRAINING`.
- On maps of another beam, depth or filtering, or of component-separated Compton y, masses are ordered but not calibrated.
- The mass scale is that of Arnaud et al. (2010) with hydrostatic masses taken as true masses: real clusters need a mass bias.
- Percentiles are posteriors under a flat mass prior; a sample selected by its SZ signal needs a mass function as prior: `--prior mass-function`.
"""


def _comparison_row(c: Comparison) -> str:
    rows = []
    for name, s in zip(ESTIMATORS, (c.network, c.matched_filter, c.best_possible), strict=True):
        cells = [f"{v:.3f}" for v in (s.std, s.gaussian_sigma, s.median, s.coverage_68, s.coverage_95)]
        rows.append(f"| {c.sz_scatter_ln:g} | {c.n_cutouts} | {name} | {' | '.join(cells)} |")
    return "\n".join(rows)
