"""A survey for cosmocnc: the data, and the two modules through which it reads them."""

from importlib.resources import files
from typing import Any

import numpy as np

from szmass_cli.exports.survey import SurveyRows, y0_relation
from szmass_cli.network.bundle.bundle import Bundle

OBSERVABLE = "q_szmass"
FULL_SKY_DEG2 = 41252.96125
SURVEY_FILES = ("survey_cat.py", "survey_sr.py")
MOST_REDSHIFT_DEG = 1e-5  # cosmocnc takes smaller errors of redshifts for none


def catalogue_arrays(rows: SurveyRows, least_snr: float) -> dict[str, np.ndarray]:
    """Return the clusters above a limit in S/N: ``q_szmass``, ``z``, ``z_std``, ``patch``, ``row``.

    Clusters without a redshift have NaN there, as cosmocnc wants it.
    """
    chosen = np.flatnonzero(rows.snr > least_snr)
    return {
        OBSERVABLE: rows.snr[chosen],
        "z": rows.catalog.redshift[chosen],
        "z_std": np.nan_to_num(rows.catalog.redshift_err[chosen]),
        "patch": rows.tile_of[chosen],
        "row": chosen,
    }


def selection_arrays(rows: SurveyRows) -> dict[str, np.ndarray]:
    """Return the selection: ``theta500_arcmin`` (k,), ``sigma_y0`` (t, k), ``skyfracs`` (t,)."""
    tiles = rows.tiles
    return {
        "theta500_arcmin": tiles.theta500_arcmin,
        "sigma_y0": tiles.sigma_y0.T,
        "skyfracs": tiles.area_deg2 / FULL_SKY_DEG2,
    }


def parameters(bundle: Bundle, least_snr: float, rows: SurveyRows) -> dict[str, Any]:
    """Return what cosmocnc must be told: its parameters, those of the scaling relation, and the cosmology."""
    a, alpha = y0_relation(bundle.sz_model)
    cosmology, clusters = bundle.cosmology, bundle.recipe.clusters
    snr, z = rows.snr[rows.snr > least_snr], rows.catalog.redshift[rows.snr > least_snr]
    highest = float(np.nanmax(snr)) if snr.size else least_snr
    uncertain = bool(np.nanmax(rows.catalog.redshift_err, initial=0.0) > MOST_REDSHIFT_DEG)
    return {
        "cnc_params": {
            "obs_select": OBSERVABLE,
            "observables": [[OBSERVABLE]],
            "cluster_catalogue": "szmass",
            "obs_select_min": least_snr,
            "obs_select_max": max(2.0 * highest, 2.0 * least_snr),
            "z_min": 0.01,
            "z_max": max(1.2 * float(np.nanmax(z, initial=1.0)), 1.0),
            "z_errors": uncertain,
            "mass_definition": "500c",
            "hmf_type": "Tinker08",
            "scalrel_type_deriv": "numerical",
            "data_lik_from_abundance": True,
            "likelihood_type": "unbinned",
        },
        "scal_rel_params": {
            "A_szmass": a,
            "alpha_szmass": alpha,
            "sigma_lnq_szmass": clusters.sz_scatter_ln,
            "bias_sz": 1.0 - clusters.sz_mass_bias,
            "dof": 0.0,
            "q_cutoff": 0.0,
        },
        "cosmo_params": {
            "h": cosmology.h0_km_s_mpc / 100.0,
            "Om0": cosmology.omega_m,
            "Ob0": cosmology.omega_b,
            "sigma_8": cosmology.sigma8,
            "n_s": cosmology.n_s,
        },
    }


def survey_modules() -> dict[str, str]:
    """Return the text of the modules that cosmocnc loads, by file name; they read the files beside them."""
    folder = files("szmass_cli.exports") / "cosmocnc_survey"
    return {name: (folder / f"{name}.txt").read_text(encoding="utf-8") for name in SURVEY_FILES}
