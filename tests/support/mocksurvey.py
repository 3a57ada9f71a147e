"""A mock SZ survey: clusters of the mass function with measured y0, as `szmass estimate` would write it."""

import numpy as np
from astropy.table import Table

from szmass_cli.physics.cosmology import PLANCK18, m200c_from_m500c
from szmass_cli.physics.massfunction import halo_density_per_mpc3
from szmass_cli.physics.profiles import ARNAUD2010, cluster_scales
from szmass_cli.sky.abundance import Abundance, comoving_volume_mpc3_sr

SCATTER = 0.2


def sigma_y0(theta500_arcmin):
    """Noise of the central y that a matched filter finds, about that of ACT DR6."""
    return 3.0e-5 * (theta500_arcmin / 1.5) ** -0.7 + 0.6e-5


def mock_survey(area_deg2, rng, least_m500c_msun=4e13, noise_y0=sigma_y0):
    """Rows with S/N above 3 of clusters of Planck 2018's cosmology, Tinker et al. (2008) in M500c.

    `noise_y0` is the noise of y0 by theta500 [arcmin].
    """
    mass = np.geomspace(least_m500c_msun, 2.5e15, 160)
    redshift = np.linspace(0.05, 2.0, 120)
    density = halo_density_per_mpc3(mass, redshift, "500c", PLANCK18)
    halos = Abundance(
        np.log(mass), redshift, (density * comoving_volume_mpc3_sr(redshift, PLANCK18)[:, None]).T
    )
    n = rng.poisson(halos.total_per_sr * area_deg2 * np.deg2rad(1.0) ** 2)
    z = halos.draw_redshifts(rng, n)
    m500c = halos.draw_masses(z, rng)
    scales = cluster_scales(m200c_from_m500c(m500c, z, PLANCK18), z, ARNAUD2010)
    error = noise_y0(scales.theta500_arcmin)
    y0 = scales.y0 * np.exp(SCATTER * rng.standard_normal(n)) + error * rng.standard_normal(n)
    found = np.flatnonzero(y0 / error > 3.0)
    table = Table(
        {
            "name": [f"mock-{row}" for row in found],
            "ra": rng.uniform(0.0, 360.0, found.size),
            "dec": rng.uniform(-60.0, 20.0, found.size),
            "redshift": z[found],
            "sz_snr": (y0 / error)[found],
            "y0": y0[found],
            "y0_err": error[found],
            "theta500_arcmin": scales.theta500_arcmin[found],
            "M500c": m500c[found] / 1e14,
        }
    )
    table.meta["SZM_MODL"] = "survey"
    return table
