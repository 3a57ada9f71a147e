"""cosmocnc's own likelihood on what is exported: the cosmology comes back."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack
from mocksurvey import mock_survey

import szmass_cli
from szmass_cli.config import parse_config
from szmass_cli.physics.cosmology import PLANCK18
from szmass_cli.simulation.field import simulate_survey_field

AREA = 4000.0
FIELD = """
sky: {bands: [{frequency_ghz: 150, beam_fwhm_arcmin: 1.4, noise_uk_arcmin: 15}]}
field: {center_ra_deg: 10, center_dec_deg: 0, width_deg: 6, height_deg: 3, pixel_arcmin: 0.5}
"""
DEEP_UK, SHALLOW_UK = 30.0, 60.0
"""Noise of pixels: that of the field, and of its western half."""


class CambPower:
    """Linear power of CAMB, scaled to a sigma8: cosmocnc itself needs an emulator for that."""

    def __init__(self):
        import camb

        h = PLANCK18.h0_km_s_mpc / 100.0
        matter = PLANCK18.omega_m - PLANCK18.omega_b
        self._params = camb.CAMBparams()
        self._params.set_cosmology(H0=100.0 * h, ombh2=PLANCK18.omega_b * h**2, omch2=matter * h**2, mnu=0.0)
        self._params.InitPower.set_params(ns=PLANCK18.n_s, As=2e-9)
        self._params.set_matter_power(redshifts=list(np.linspace(3.0, 0.0, 40)), kmax=20.0)
        results = camb.get_results(self._params)
        self._own = float(results.get_sigma8()[-1])
        self._power = results.get_matter_power_interpolator(
            nonlinear=False, hubble_units=False, k_hunit=False, extrap_kmax=60.0
        )
        self.k, self.sigma8 = np.geomspace(1e-4, 50.0, 500), self._own

    def get_linear_power_spectrum(self, redshift):
        return self.k, self._power.P(float(redshift), self.k) * (self.sigma8 / self._own) ** 2


def sigma8_of(folder):
    """Number of clusters, sigma8 less the true one, and its error, as cosmocnc has them from a survey."""
    cosmocnc = pytest.importorskip("cosmocnc", reason="pip install 'szmass[cosmocnc]'")
    told = json.loads((folder / "parameters.json").read_text())
    counts = cosmocnc.cluster_number_counts()  # before the defaults are used: it adds to them
    settings = cosmocnc.cnc_params_default | told["cnc_params"]
    settings |= {
        "survey_sr": str(folder / "survey_sr.py"),
        "survey_cat": str(folder / "survey_cat.py"),
        "cosmology_tool": "astropy",
        "power_spectrum_type": "given below",
        "number_cores_data": 1,
        "n_z": 60,
        "M_min": 3e13,
    }
    scaling = cosmocnc.scaling_relation_params_default | told["scal_rel_params"]
    cosmology = cosmocnc.cosmo_params_default | told["cosmo_params"] | {"m_nu": 0.0}
    counts.cnc_params, counts.scal_rel_params, counts.cosmo_params = settings, scaling, cosmology
    counts.initialise()
    counts.cosmology.power_spectrum = power = CambPower()
    sigma8 = PLANCK18.sigma8 * np.array([0.99, 0.995, 1.0, 1.005, 1.01])
    ln_likelihood = []
    for value in sigma8:
        power.sigma8 = value
        counts.update_params(cosmology | {"sigma_8": value}, scaling)
        ln_likelihood.append(counts.get_log_lik())
    bend, slope, _ = np.polyfit(sigma8 - PLANCK18.sigma8, ln_likelihood, 2)
    return counts.catalogue.n_tot, -0.5 * slope / bend, (-2.0 * bend) ** -0.5


def judge(folder, capsys):
    n, apart, error = sigma8_of(folder)
    with capsys.disabled():
        print(f"\n{n} clusters: sigma8 - truth = {apart:+.4f} ± {error:.4f}")
    assert n >= 1000
    assert 0.001 < error < 0.004
    assert abs(apart) < 2.0 * error


@pytest.mark.slow
def test_sigma8_of_a_mock_survey_is_recovered_within_its_error(tmp_path, capsys):
    catalog = mock_survey(AREA, np.random.default_rng(1))
    szmass_cli.export(catalog, tmp_path / "counts", "cosmocnc", area=AREA)
    judge(tmp_path / "counts", capsys)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Tables that `inject` writes for a field whose western half is half as deep."""
    folder = tmp_path_factory.mktemp("study")
    simulate_survey_field(parse_config(FIELD, "field.yaml"), folder / "field.fits", seed=1, n_clusters=1)
    with fits.open(folder / "field.fits", mode="update") as hdus:
        image, header = hdus[0].data, hdus[0].header
        west = np.arange(image.shape[1]) >= image.shape[1] // 2  # right ascension falls along rows
        added = np.random.default_rng(2).normal(0.0, np.sqrt(SHALLOW_UK**2 - DEEP_UK**2), image.shape)
        image += (added * west).astype(image.dtype)
        ivar = np.broadcast_to(np.where(west, SHALLOW_UK, DEEP_UK) ** -2.0, image.shape)
        fits.writeto(folder / "ivar.fits", ivar.astype(np.float32), header)
    with fits.open(folder / "ivar.fits", mode="update") as hdus:
        del hdus[0].header["BUNIT"]
    szmass_cli.inject(folder / "field.fits", folder / "study", ivar=folder / "ivar.fits", n=100, tile=3.0)
    return folder / "study"


@pytest.mark.slow
@pytest.mark.parametrize("of_study", ["selection.npz", "RMSTab.fits"])
def test_sigma8_is_recovered_with_the_selection_of_a_study(study, of_study, tmp_path, capsys):
    """A survey as large as it takes with the depths of the study's tiles, each in its proportion."""
    with np.load(study / "selection.npz") as stored:
        selection = dict(stored)
    sizes, noise = selection["theta500_arcmin"], selection["sigma_y0"]
    assert len(noise) == 2 and 1.6 < np.max(noise[:, 20] / noise[::-1, 20]) < 2.4
    share = selection["skyfracs"] / selection["skyfracs"].sum()
    rng = np.random.default_rng(3)
    parts = [
        mock_survey(AREA * part, rng, noise_y0=lambda theta, one=one: np.interp(theta, sizes, one))
        for part, one in zip(share, noise, strict=True)
    ]
    catalog = vstack(parts, metadata_conflicts="silent")
    folder = tmp_path / "counts"
    if of_study == "RMSTab.fits":
        depths = Table.read(study / "selection" / of_study)
        depths["areaDeg2"] *= AREA / depths["areaDeg2"].sum()
        depths.write(tmp_path / of_study)
        szmass_cli.export(catalog, folder, "cosmocnc", depths=tmp_path / of_study)
    else:
        szmass_cli.export(catalog, folder, "cosmocnc", area=AREA)
        np.savez(folder / of_study, **selection | {"skyfracs": share * AREA / 41252.96})
        with np.load(folder / "catalogue.npz") as stored:
            clusters = dict(stored)
        tile = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        np.savez(folder / "catalogue.npz", **clusters | {"patch": tile[clusters["row"]]})
    judge(folder, capsys)
