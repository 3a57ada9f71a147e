"""Smoke tests on real skies, where they are at hand."""

import healpy
import numpy as np
import pytest
from astropy.io import fits

from szmass_cli.errors import InputError
from szmass_cli.maps import check_resolution, extract_cutouts, open_map
from szmass_cli.maps.cutouts import robust_rms


def need(path):
    if not path.is_file():
        pytest.skip(f"real data not here: {path}")
    return path


def test_spt_compton_y(shared_data_folder):
    sky_map = open_map(need(shared_data_folder / "spt_compton_y.fits"), units="y")
    assert sky_map.description == "SFL 1560x1560, 0.50', FK5"
    with fits.open(need(shared_data_folder / "spt_sz_2500d.fits")) as hdus:
        table = hdus[1].data
        ra, dec, xi = (np.asarray(table[name], float) for name in ("RA", "DEC", "XI"))
    cutouts = extract_cutouts(sky_map, ra, dec)
    inside = ~cutouts.off_map & (cutouts.bad_fraction == 0)
    assert 15 < inside.sum() < 100
    assert (cutouts.bad_fraction[np.abs((ra - 352.5 + 180) % 360 - 180) > 30] == 1).all()
    centre = cutouts.images[inside][:, 17:23, 17:23].mean(axis=(1, 2))
    edge = cutouts.images[inside][:, [0, -1], :].mean(axis=(1, 2))
    contrast = centre - edge
    assert np.median(contrast) < -20  # clusters are decrements at 150 GHz
    assert np.median(contrast[xi[inside] > 8]) < 1.5 * np.median(contrast)
    check_resolution(sky_map, 1.25)


def test_spt_header_unit_is_not_trusted(shared_data_folder):
    sky_map = open_map(need(shared_data_folder / "spt_compton_y.fits"))
    assert (sky_map.units.label, sky_map.units.source) == ("y", "survey")
    assert robust_rms(extract_cutouts(sky_map, [352.5], [-55.0]).images) == pytest.approx(2.5, abs=0.5)


def test_wmap(shared_data_folder):
    path = need(shared_data_folder / "wmap_W_v4_nside32.fits")
    sky_map = open_map(path, units="mK")
    assert sky_map.description == "HEALPix nside 32 RING ICRS full sky"
    assert any("frame" in message for message in sky_map.assumptions)
    with pytest.raises(InputError, match=r"110' wide.*1' beam"):
        check_resolution(sky_map, 1.0)
    cutouts = extract_cutouts(sky_map, [10.0, 266.0], [20.0, -29.0])
    nearest_mk = healpy.read_map(path)[healpy.ang2pix(32, [10.0, 266.0], [20.0, -29.0], lonlat=True)]
    assert cutouts.bad_fraction.tolist() == [0, 0]
    assert np.abs(cutouts.images[:, 20, 20] - 1e3 * nearest_mk).max() < 150
