"""The model card: what a bundle is, how good it was measured to be, and where it must not be used."""

from szmass_cli.evaluation.estimators import ESTIMATORS
from szmass_cli.evaluation.honesty import Honesty
from szmass_cli.evaluation.metrics import Comparison, Metrics
from szmass_cli.evaluation.report import mismatch_table, posterior_table, prior_table
from szmass_cli.evaluation.testsets import tested_redshift
from szmass_cli.network.bundle.bundle import Bundle


def model_card(bundle: Bundle, metrics: Metrics) -> str:
    """Markdown text of the card, every number from the bundle or from its report."""
    parts = [_what_it_is(bundle), _trained_for(bundle), _how_good(bundle, metrics)]
    if metrics.posteriors is not None:
        parts += [_posteriors(metrics.posteriors), _limits_of_conditioned(bundle)]
    else:
        parts.append(_limits_of_one_instrument(bundle))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _what_it_is(bundle: Bundle) -> str:
    m = bundle.metadata
    told = "told redshift, beam and noise, with a posterior of ln M" if bundle.is_conditioned else ""
    kind = told or f"`{bundle.recipe.network.input}` input"
    return f"""
# {m.name}

Masses M200c of galaxy clusters from {m.n_pixels} x {m.n_pixels} cutouts of {m.pixel_arcmin}' pixels at {m.per_band("frequency_ghz")} GHz:
an mResUNet (Gupta & Reichardt 2020, ApJ 900, 110) with {bundle.recipe.network.base_filters} base filters, {kind},
trained by `szmass train` {m.szmass_version} on {m.cutouts_trained_on:,} simulated cutouts.
"""


def _trained_for(bundle: Bundle) -> str:
    m = bundle.metadata
    low, high = (mass / 1e14 for mass in m.trained_m200c_msun)
    beam, noise = m.trained_beam_fwhm_arcmin, m.trained_noise_uk_arcmin
    redshift = f"{m.trained_redshift[0]:g} to {m.trained_redshift[1]:g}"
    if not bundle.is_conditioned:
        calibrated = f"calibrated from {m.calibrated_redshift[0]:g} to {m.calibrated_redshift[1]:g}"
        redshift = f"{m.trained_redshift[0]:g} in training, {calibrated}"
    return f"""
## What it was trained for

| | |
|---|---|
| masses | M200c {low:g} to {high:g} x 1e14 Msun |
| redshift | {redshift} |
| beam | {f"{beam[0]:g} to {beam[1]:g}" if beam else m.per_band("beam_fwhm_arcmin")} arcmin FWHM |
| noise | {f"{noise[0]:g} to {noise[1]:g}" if noise else m.per_band("noise_uk_arcmin")} µK-arcmin, white |
| sky | lensed CMB (CAMB, Planck 2018), foregrounds of George et al. (2015) |
| clusters | Arnaud et al. (2010) profile and scaling, spherical, {m.sz_scatter_ln:g} log-normal scatter of the SZ amplitude |
| prior of the percentiles | {m.prior} |
"""


def _how_good(bundle: Bundle, metrics: Metrics) -> str:
    m, rows = bundle.metadata, "\n".join(_comparison_row(c) for c in metrics.scatter)
    where = f"z = {tested_redshift(bundle):g}"
    if bundle.is_conditioned:
        where += f", {m.per_band('beam_fwhm_arcmin')}' and {m.per_band('noise_uk_arcmin')} µK-arcmin"
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


def _posteriors(honesty: Honesty) -> str:
    return f"""
### Posteriors beside the exact ones

{posterior_table(honesty)}

Clusters drawn from the mass function, under that prior (`--prior mass-function`):

{prior_table(honesty)}

### Maps that are not what it is told

{mismatch_table(honesty)}
"""


def _limits_of_conditioned(bundle: Bundle) -> str:
    m = bundle.metadata
    return f"""
## Where it must not be used

- On filtered maps, or on component-separated Compton y: masses are ordered but not calibrated.
- On maps wider than its beams (refused beyond 10 per cent), deeper or noisier than its noise (`NOISE_MISMATCH`), or with
  correlated noise: it was trained on white noise. Where neither `--noise` nor `--ivar` is given the noise is measured in the map.
- Where positions are off by half an arcminute or more, or a bright source sits on the cluster: see the table above.
- The mass scale is that of Arnaud et al. (2010) with hydrostatic X-ray masses taken as true masses, and those are low: weak
  lensing gives 1 - b = 0.69 ± 0.07 or 0.78 ± 0.09, the CMB 0.58 ± 0.04 (Planck 2015 results XXIV). For real clusters set
  `clusters.sz_mass_bias` to the b of your choice and train; without it, masses are low by about as much.
- Percentiles are posteriors under a prior {m.prior.split(",")[0]}; a sample selected by its SZ signal needs a mass
  function as prior: `--prior mass-function`.
"""


def _limits_of_one_instrument(bundle: Bundle) -> str:
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
