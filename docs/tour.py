# %% [markdown]
# # A map, a catalogue, masses: in Python
#
# Everything that `szmass` does on the command line can be called from Python. This notebook simulates a small
# survey field, measures its clusters, looks at one of them, and takes the mean mass of a sample. It was
# executed by `make notebook`; `python docs/tour.py` runs the same code without Jupyter.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

import szmass_cli
from szmass_cli.catalog import Flag
from szmass_cli.config import FieldConfig, load_config
from szmass_cli.simulation.field import simulate_survey_field

folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## A field of the Simons Observatory
#
# Three degrees by two in the band at 145 GHz, with clusters on a grid so that none is in the cutout of
# another. The true masses and the scatter of each signal are in `field.truth`.

# %%
column, row = np.meshgrid(np.arange(6) - 2.5, np.arange(4) - 1.5)
wanted = Table({"ra": 40.0 + 0.42 * column.ravel(), "dec": -30.0 + 0.42 * row.ravel()})
wanted["redshift"] = np.linspace(0.3, 1.2, 24)
wanted["M200c"] = np.random.default_rng(2).permutation(np.geomspace(2.0, 10.0, 24))
wanted["M200c"].unit = "1e14 solMass"
wanted.write(folder / "wanted.ecsv")

where = FieldConfig(center_ra_deg=40.0, center_dec_deg=-30.0, width_deg=3.0, height_deg=2.0)
survey = load_config("so-goal").with_frequencies([145.0]).model_copy(update={"field": where})
field = simulate_survey_field(survey, folder / "map.fits", seed=11, catalog=folder / "wanted.ecsv")
print(field.description)

# %% [markdown]
# ## Masses
#
# A map and a table are enough: band and beam stand in the map's header, and its noise is measured. Positions
# may be a `SkyCoord`, maps pixell or healpy arrays. Nothing is written unless an output is named.
# Two hundred clusters are injected at blank positions, to check the error bars on this very map.

# %%
positions = SkyCoord(field.truth["ra"], field.truth["dec"], unit="deg")
masses = szmass_cli.estimate(
    folder / "map.fits",
    {"position": positions, "redshift": field.truth["redshift"]},
    output=folder / "masses.ecsv",
    posteriors=folder / "posteriors.hdf5",
    check=200,
)
shown = ["redshift", "M200c", "M200c_err_minus", "M200c_err_plus", "sz_snr", "y0", "szmass_flags"]
first = masses[shown][:6]
for name in shown[:-1]:
    first[name].info.format = ".3g"
print("\n".join(first.pformat(max_width=-1)))

# %% [markdown]
# Columns have units, flags have names, and the metadata say what was assumed and what injected clusters
# showed.

# %%
print(masses["M200c"][:3].to(u.solMass))
flags = np.asarray(masses["szmass_flags"])
print({str(flag.name): int(np.sum((flags & flag.value) != 0)) for flag in Flag if np.any(flags & flag.value)})
for key in ("SZM_MODL", "SZM_BEAM", "SZM_NOIS", "SZM_PRI", "SZM_CBIA", "SZM_CBIE", "SZM_C68", "SZM_C68E"):
    print(f"{key:9} {masses.meta[key]}")

# %%
true = np.asarray(field.truth["M200c_true"])
errors = np.array([masses["M200c_err_minus"], masses["M200c_err_plus"]])
figure, axes = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
axes.errorbar(true, masses["M200c"], errors, fmt="o", ms=4, lw=1)
axes.plot([1.5, 14], [1.5, 14], "k:", lw=1)
axes.set(xscale="log", yscale="log", xlim=(1.5, 14), ylim=(1.0, 18))
axes.set(xlabel="true M200c [1e14 Msun]", ylabel="estimated M200c [1e14 Msun]")
plt.show()

# %% [markdown]
# ## One cluster
#
# Cutout, model, residual, score images and posterior are there as arrays; `cluster.plot()` draws the page
# that `szmass show` writes, see the page on pictures.

# %%
heaviest = int(np.argmax(masses["M200c"]))
cluster = szmass_cli.view(masses)[heaviest]

# %%
print("cutout", cluster.cutout_uk.shape, "µK; residual", f"{cluster.residual_uk.std():.1f} µK rms")
print("16, 50, 84 %:", np.round(cluster.m200c_msun / 1e14, 2), "x 1e14 Msun; true", f"{true[heaviest]:.2f}")

# %% [markdown]
# ## Likelihoods, and the mean mass of a sample
#
# Each row has its likelihood and posterior on one grid of ln M200c. Likelihoods of many rows say together
# what single faint rows cannot; a median of medians would not.

# %%
curves = szmass_cli.read_posteriors(folder / "posteriors.hdf5")
faintest = int(np.argmin(masses["sz_snr"]))
figure, axes = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
for number, name in ((heaviest, "heaviest"), (faintest, "faintest")):
    axes.plot(np.exp(curves.ln_mass) / 1e14, curves.posterior.density[number], label=name)
    axes.axvline(true[number], color=axes.lines[-1].get_color(), ls=":", lw=1)
axes.set(xscale="log", xlim=(0.3, 20), xlabel="M200c [1e14 Msun], dotted: true", ylabel="posterior per cell")
axes.legend()
plt.show()

# %%
table = Table({"half": np.where(true < np.median(true), 1, 2)})
sample = szmass_cli.population(folder / "posteriors.hdf5", by="half", catalog=table, bins=[0.5, 1.5, 2.5])
for name in sample.colnames[3:]:
    sample[name].info.format = ".3f"
print("\n".join(sample.pformat(max_width=-1)))
print("true means of ln M:", *(f"{np.log(true[table['half'] == half] * 1e14).mean():.2f}" for half in (1, 2)))
