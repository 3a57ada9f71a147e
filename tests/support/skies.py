"""Skies known analytically, painted on every kind of map."""

import healpy
import numpy as np
from astropy.coordinates import Angle, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame


class SmoothSource:
    """A decrement as wide as a 2e14 Msun cluster behind a 1' beam, and a weaker bump to its north-east.

    `widen` stretches it, for maps with larger pixels.
    """

    def __init__(self, ra_deg, dec_deg, widen=1.0):
        self.ra_deg, self.dec_deg = ra_deg, dec_deg
        cluster = SkyCoord(ra_deg, dec_deg, unit="deg")
        bump = cluster.directional_offset_by(Angle(30, "deg"), Angle(2.2 * widen, "arcmin"))
        # RA, Dec, amplitude [µK], sigma [arcmin] including the beam
        self.parts = [
            (ra_deg, dec_deg, -70.0, 0.62 * widen),
            (ra_deg, dec_deg, -30.0, 0.9 * widen),
            (bump.ra.deg, bump.dec.deg, 25.0, 0.62 * widen),
        ]

    def at(self, ra_deg, dec_deg):
        """µK at ICRS positions [deg]; nowhere exactly zero, which would mean no data."""
        total = np.full(np.shape(ra_deg), 1e-3)
        for ra, dec, amplitude, sigma in self.parts:
            total += amplitude * np.exp(-0.5 * (separation_arcmin(ra, dec, ra_deg, dec_deg) / sigma) ** 2)
        return total

    def cutout(self):
        """The cutout that a perfect reader would cut: astropy's own TAN pixels, east to the left."""
        return self.at(*cutout_positions(self.ra_deg, self.dec_deg))


def separation_arcmin(ra0, dec0, ra, dec):
    """Angular distance by the haversine formula, exact at small angles."""
    ra0, dec0, ra, dec = (np.radians(x) for x in (ra0, dec0, ra, dec))
    haversine = np.sin((dec - dec0) / 2) ** 2 + np.cos(dec) * np.cos(dec0) * np.sin((ra - ra0) / 2) ** 2
    return 2 * np.degrees(np.arcsin(np.sqrt(haversine))) * 60


def cutout_positions(ra_deg, dec_deg):
    """RA and Dec (40, 40) of a cutout's pixels by astropy's TAN projection."""
    wcs = make_wcs("TAN", ra_deg, dec_deg, (20.5, 20.5), (-0.25, 0.25))
    column, row = np.meshgrid(np.arange(40), np.arange(40))
    return wcs.pixel_to_world_values(column, row)


def make_wcs(projection, lon_deg, lat_deg, reference, step_arcmin, frame="RA"):
    """A WCS with 1-based reference pixel and steps in arcmin."""
    names = {"RA": ("RA--", "DEC-"), "GAL": ("GLON", "GLAT"), "ECL": ("ELON", "ELAT")}[frame]
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name}-{projection}" for name in names]
    wcs.wcs.crval = [lon_deg, lat_deg]
    wcs.wcs.crpix = reference
    wcs.wcs.cdelt = [step_arcmin[0] / 60, step_arcmin[1] / 60]
    wcs.wcs.set()
    return wcs


def car_around(lon_deg, lat_deg, half_lon_deg, half_lat_deg=0.5, step_arcmin=0.5, direction=-1, frame="RA"):
    """A CAR WCS and shape covering a neighbourhood; plate carrée about the equator, as ACT's maps."""
    columns, rows = round(2 * half_lon_deg * 60 / step_arcmin), round(2 * half_lat_deg * 60 / step_arcmin)
    row_ref = rows / 2 + 0.5 - lat_deg * 60 / step_arcmin
    steps = (direction * step_arcmin, step_arcmin)
    return make_wcs("CAR", lon_deg, 0.0, (columns / 2 + 0.5, row_ref), steps, frame), (rows, columns)


def paint(wcs, shape, source):
    """The source's µK at every pixel centre."""
    column, row = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    lon, lat = wcs.pixel_to_world_values(column, row)
    if wcs.wcs.ctype[0].startswith("RA"):
        return source.at(lon, lat)
    sky = SkyCoord(lon, lat, unit="deg", frame=wcs_to_celestial_frame(wcs)).icrs
    return source.at(sky.ra.deg, sky.dec.deg)


def write_image(path, data, wcs, hdu_type=fits.PrimaryHDU, unit="uK", **cards):
    """Write an image HDU (second HDU unless primary)."""
    header = wcs.to_header() if wcs is not None else fits.Header()
    if unit:
        header["BUNIT"] = unit
    header.update(cards)
    hdu = hdu_type(data, header=header)
    hdus = [hdu] if hdu_type is fits.PrimaryHDU else [fits.PrimaryHDU(), hdu]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def healpix_partial(source, nside, radius_deg, coord="C"):
    """Pixel numbers (RING) and µK of the pixels around a source, in the map's frame."""
    rotator = healpy.Rotator(coord=["C", coord])
    centre = rotator(healpy.ang2vec(source.ra_deg, source.dec_deg, lonlat=True))
    numbers = healpy.query_disc(nside, centre, np.radians(radius_deg))
    back = rotator.get_inverse()(np.array(healpy.pix2vec(nside, numbers)))
    return numbers, source.at(*healpy.vec2ang(np.array(back).T, lonlat=True))


def write_healpix_table(path, columns, **cards):
    """Write a HEALPix table by hand: columns are (name, format, array)."""
    table = fits.BinTableHDU.from_columns([fits.Column(name=n, format=f, array=a) for n, f, a in columns])
    table.header.update({"PIXTYPE": "HEALPIX", **cards})
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    return path


def worst_fraction_of_peak(image, source):
    """The largest error of a cutout as a fraction of the source's peak."""
    expected = source.cutout()
    return np.abs(image - expected).max() / np.abs(expected).max()
