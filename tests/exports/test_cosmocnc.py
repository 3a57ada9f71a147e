"""cosmocnc's own likelihood on what is exported: the cosmology comes back."""

import json

import numpy as np
import pytest
from mocksurvey import mock_survey

import szmass_cli
from szmass_cli.physics.cosmology import PLANCK18

AREA = 4000.0


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


@pytest.mark.slow
def test_sigma8_of_a_mock_survey_is_recovered_within_its_error(tmp_path, capsys):
    cosmocnc = pytest.importorskip("cosmocnc", reason="pip install 'szmass[cosmocnc]'")
    catalog = mock_survey(AREA, np.random.default_rng(1))
    szmass_cli.export(catalog, tmp_path / "counts", "cosmocnc", area=AREA)
    told = json.loads((tmp_path / "counts" / "parameters.json").read_text())
    counts = cosmocnc.cluster_number_counts()  # before the defaults are used: it adds to them
    settings = cosmocnc.cnc_params_default | told["cnc_params"]
    settings |= {
        "survey_sr": str(tmp_path / "counts" / "survey_sr.py"),
        "survey_cat": str(tmp_path / "counts" / "survey_cat.py"),
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
    assert counts.catalogue.n_tot >= 1000
    sigma8 = PLANCK18.sigma8 * np.array([0.99, 0.995, 1.0, 1.005, 1.01])
    ln_likelihood = []
    for value in sigma8:
        power.sigma8 = value
        counts.update_params(cosmology | {"sigma_8": value}, scaling)
        ln_likelihood.append(counts.get_log_lik())
    bend, slope, _ = np.polyfit(sigma8 - PLANCK18.sigma8, ln_likelihood, 2)
    apart, error = -0.5 * slope / bend, (-2.0 * bend) ** -0.5
    with capsys.disabled():
        print(f"\n{counts.catalogue.n_tot} clusters: sigma8 - truth = {apart:+.4f} ± {error:.4f}")
    assert 0.001 < error < 0.004
    assert abs(apart) < 2.0 * error
