"""Cutouts behind noise, filters, pixels and passbands, against integrals done by other means."""

import numpy as np
import pytest
from papersky import paper_clusters
from scipy.integrate import quad
from scipy.special import j0
from surveys import ARCMIN, BARE

from szmass_cli.config import BandConfig, ListedMasses, SkyConfig, SurveyConfig, load_config
from szmass_cli.errors import ConfigError
from szmass_cli.physics.spectra import tsz_f
from szmass_cli.sky.cutouts import CutoutSimulator, Stream

NO_SKY = {"cmb": False, "foregrounds_dl3000_uk2": BARE}


def simulator_of(clusters=None, **sky):
    clusters = clusters or paper_clusters(masses=ListedMasses(m200c_msun=(5e14,)), sz_scatter_ln=0.0)
    return CutoutSimulator(SurveyConfig(sky=SkyConfig(**sky), clusters=clusters)), clusters


def signal(simulator, clusters, n=1):
    return next(simulator.blocks(clusters, n, 3, Stream.USER)).sz


def test_red_noise_of_cutouts_has_its_covariance_within_and_between_bands():
    """int ell d(ell) / 2 pi R(ell) J0(ell theta), level below ell = 100; rho of it between bands."""
    common = {"beam_fwhm_arcmin": 1.0, "noise_uk_arcmin": 4.0, "noise_slope": -3.0}
    bands = (
        BandConfig(frequency_ghz=95, ell_knee=2000, **common),
        BandConfig(frequency_ghz=150, ell_knee=4000, **common),
    )
    simulator, _ = simulator_of(bands=bands, noise_correlation=0.8, **NO_SKY)
    images = simulator.sky.draw(np.random.default_rng(1), 6000)

    def covariance(theta_arcmin, *knees):
        def power(ell):
            roots = [np.sqrt((max(ell, 100.0) / knee) ** -3.0) for knee in knees]
            return (4.0 * ARCMIN) ** 2 * np.prod(roots) * ell * j0(ell * theta_arcmin * ARCMIN) / (2 * np.pi)

        return sum(quad(power, *ends, limit=500)[0] for ends in ((2, 100), (100, 3000), (3000, 40_000)))

    for (i, j), knees, rho in (
        ((0, 0), (2000, 2000), 1),
        ((1, 1), (4000, 4000), 1),
        ((0, 1), (2000, 4000), 0.8),
    ):
        for lag in (4, 16):
            expected = rho * covariance(0.25 * lag, *knees)
            products = np.mean(images[:, :, lag:, i] * images[:, :, :-lag, j], axis=(1, 2))
            error = products.std() / np.sqrt(len(images))
            assert products.mean() == pytest.approx(expected, abs=4 * error)
            assert error < 0.05 * expected


def test_hot_clusters_of_cutouts_shine_as_their_temperature_says():
    """5.53e14 Msun at z = 0.1 are 5 keV: 3.4 per cent of the signal at 150 GHz are lost."""
    common = {"masses": ListedMasses(m200c_msun=(5.53e14,)), "redshift": 0.1, "sz_scatter_ln": 0.0}
    cold, hot = (
        signal(*simulator_of(paper_clusters(relativistic=r, **common), **NO_SKY)) for r in (False, True)
    )
    np.testing.assert_allclose(1.0 - hot / cold, 0.034, atol=5e-4)


def test_a_passband_says_what_a_map_shows_of_the_sz_effect():
    """ACT's f090: its mean of f with dB/dT is that of 96.8 GHz, not of 97.8."""
    act = load_config("act-dr6").sky.bands[0]
    plain = act.model_copy(update={"passband_file": None})
    shown, nominal = (signal(*simulator_of(bands=(band,), **NO_SKY)) for band in (act, plain))
    ratio = shown.sum() / nominal.sum()
    assert ratio == pytest.approx(tsz_f(96.8) / tsz_f(97.8), rel=1e-3)
    assert abs(ratio - 1.0) > 0.003


def test_clusters_of_lower_concentration_are_fainter_in_the_middle_and_brighter_outside():
    clusters = paper_clusters(
        masses=ListedMasses(m200c_msun=(5e14,)), sz_scatter_ln=0.0, concentration_scatter_ln=0.2
    )
    simulator, _ = simulator_of(clusters, **NO_SKY)
    images = signal(simulator, clusters, 256)[..., 0]
    centre, aside = images[:, 19:21, 19:21].mean(axis=(1, 2)), images[:, 20, 36]
    assert 0.05 < np.std(centre / centre.mean()) < 0.2
    # decrements: in the order of their centres they are the other way round at 4'
    assert np.all(np.diff(aside[np.argsort(centre)]) <= 1e-3)


def test_filters_of_cutouts_act_on_sky_and_clusters_and_not_on_noise(tmp_path):
    """|ell_x| > 1500 is cut: power along columns' rows is left, and a long wave in x is gone."""
    axis = np.linspace(-40_000, 40_000, 1601)
    passed = (np.abs(axis)[None, :] > 1500) * np.ones((1601, 1))
    np.savez(tmp_path / "tf.npz", ell_x=axis, ell_y=axis, tf=passed)
    common = {"beam_fwhm_arcmin": 1.2, "noise_uk_arcmin": 5.0, "cmb": False}
    plain, clusters = simulator_of(**common)
    cut, _ = simulator_of(transfer_file=tmp_path / "tf.npz", **common)
    skies = [s.sky.draw_sky(np.random.default_rng(1), 400)[..., 0] for s in (plain, cut)]
    # means of columns (along y) vary along x; means of rows vary along y and are of ell_x near 0
    rows = [sky.mean(axis=2).var() for sky in skies]
    assert rows[1] < 0.05 * rows[0]
    noise = [s.sky.draw(np.random.default_rng(1), 400)[..., 0] for s in (plain, cut)]
    checker = (-1.0) ** np.add.outer(np.arange(40), np.arange(40))  # beyond the beam: noise alone
    for image in noise:
        assert (image * checker).mean(axis=(1, 2)).std() * 40 == pytest.approx(20.0, rel=0.12)
    own = [signal(s, clusters)[0, ..., 0] for s in (plain, cut)]
    # the cluster loses its mean along each row, and keeps its sign in the middle
    assert abs(own[1].sum()) < 0.35 * abs(own[0].sum())
    assert own[1][19:21, 19:21].mean() < 0.3 * own[0][19:21, 19:21].mean() < 0


def test_irregular_clusters_are_refused_behind_a_filter(tmp_path):
    np.savetxt(tmp_path / "tf.txt", [[0, 0.2], [1000, 1.0], [30_000, 1.0]])
    with pytest.raises(ConfigError, match=r"transfer_file of 150 GHz: .*reaches over degrees"):
        simulator_of(paper_clusters(shape={"kind": "irregular"}), transfer_file=tmp_path / "tf.txt", **NO_SKY)
