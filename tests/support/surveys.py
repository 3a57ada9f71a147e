"""Small survey fields that tests of several files share."""

import numpy as np
from astropy.wcs import WCS
from papersky import paper_clusters

from szmass_cli.config import FieldConfig, Foregrounds, SkyConfig, SurveyConfig
from szmass_cli.sky.fieldclusters import FieldClusters
from szmass_cli.sky.survey import pixels_of

ARCMIN = np.pi / 180 / 60
BARE = Foregrounds(tsz=0, ksz=0, dusty_poisson=0, dusty_clustered=0, radio=0)
QUIET = SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE, noise_uk_arcmin=1e-4)
PLACES = [(0.0, -55.0), (180.0, 0.0), (359.9, 80.0), (-179.9, -80.0), (352.5, 30.0)]


def survey(sky=QUIET, scatter=0.0, clusters=None, **field):
    """A configuration for a small field."""
    where = {"width_deg": 3.0, "height_deg": 2.0, **field}
    clusters = clusters or paper_clusters(sz_scatter_ln=scatter)
    return SurveyConfig(sky=sky, clusters=clusters, field=FieldConfig(**where))


def clusters_at(ra_deg, dec_deg, m200c_msun, redshift=0.7):
    n = len(ra_deg)
    names = np.array([f"C{index}" for index in range(n)])
    columns = (np.asarray(c, float) for c in (ra_deg, dec_deg, np.full(n, redshift), m200c_msun))
    return FieldClusters(names, *columns)


def geometry(config):
    """Shape and WCS of a CAR field, the WCS read back from its header: astropy's positions."""
    pixels = pixels_of(config.field)
    return pixels.shape, WCS(pixels.wcs.to_header())


def pixel_positions(field):
    """Sky positions of a CAR map's pixels by astropy."""
    row, column = np.mgrid[: field.map_uk.shape[0], : field.map_uk.shape[1]]
    return WCS(field.map_uk.wcs.to_header()).pixel_to_world(column, row)


def on_pixels(config, rows_and_columns):
    """RA and Dec [deg] of pixel centres of a CAR field."""
    rows, columns = np.transpose(rows_and_columns)
    position = geometry(config)[1].pixel_to_world(columns, rows)
    return position.ra.deg, position.dec.deg
