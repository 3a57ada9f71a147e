"""Maps with the names and headers of real surveys, as their documents and software have them."""

import numpy as np
from astropy.io import fits

ACT_NAME = "act-planck_dr6.02_coadd_AA_night_f150_4way_coadd_map.fits"


def write_act(folder, data_uk, wcs, name=ACT_NAME, band="f150", release="dr6.02", **cards):
    """I, Q and U in one image, as LAMBDA shows the headers of ACT's releases."""
    header = wcs.to_header()
    header.update({"CTYPE3": "STOKES", "CRPIX3": 1.0, "CRVAL3": 1.0, "CDELT3": 1.0})
    header.update({"TELESCOP": "act", "INSTRUME": "advact", "RELEASE": release, "SEASON": "s17s22"})
    header.update({"PATCH": "AA", "FREQ": band, "POLCCONV": "IAU", "BUNIT": "uK", "EXTNAME": "FREQ-MAP"})
    header.update(cards)
    path = folder / name
    fits.writeto(path, np.stack([data_uk, 0 * data_uk, 0 * data_uk]).astype("f4"), header)
    return path


def write_spt3g(folder, data_k, wcs, name="spt3g_winter_150ghz.fits", weights=None, **cards):
    """One HDU for T and one for its weights, as save_skymap_fits of spt3g_software writes flat maps."""
    header = wcs.to_header()
    header.update({"PROJ": f"Proj{wcs.wcs.ctype[0][-3:]}", "ALPHA0": 352.5, "DELTA0": -55.0})
    header.update({"MAPTYPE": "FLAT", "COORDREF": "Equatorial", "POLAR": False})
    header.update({"UNITS": "Tcmb", "WEIGHTED": False, "RADESYS": "FK5", "EQUINOX": 2000.0})
    header.update(cards)
    hdus = [fits.ImageHDU(np.asarray(data_k, "f8"), header)]
    hdus[0].header.update({"ISWEIGHT": False, "POLTYPE": "T", "OVERFLOW": 0.0, "FLATPOL": False})
    if weights is not None:
        hdus.append(fits.ImageHDU(np.asarray(weights, "f8"), header))
        hdus[1].header.update({"ISWEIGHT": True, "WTYPE": "TT", "OVERFLOW": 0.0})
    path = folder / name
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path


def write_spt3g_healpix(folder, numbers, values_k, nside, name="spt3g_150ghz_coadd.fits", **cards):
    """A partial table, as save_skymap_fits writes sparse HEALPix maps."""
    columns = [
        fits.Column("PIXEL", "K", array=numbers),
        fits.Column("TEMPERATURE", "D", array=values_k, unit="Tcmb"),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": nside, "COORDSYS": "C"})
    table.header.update({"INDXSCHM": "EXPLICIT", "OBJECT": "PARTIAL", "MAPTYPE": "HEALPIX"})
    table.header.update({"COORDREF": "Equatorial", "POLAR": False, "UNITS": "Tcmb", "WEIGHTED": False})
    table.header.update({"RADESYS": "FK5", "EQUINOX": 2000.0, "TISWGT2": False})
    table.header.update(cards)
    path = folder / name
    table.writeto(path)
    return path


def write_so(folder, data_k, wcs, name="coadd_20250801_20250901_f150_full_map.fits", weights=None, axes=4):
    """I, Q and U, and weights of 3 x 3 or 3 planes beside them, as sotodlib writes coadds."""
    header = wcs.to_header()
    header["BUNIT"] = "K"
    path = folder / name
    fits.writeto(path, np.stack([data_k, 0 * data_k, 0 * data_k]).astype("f4"), header)
    if weights is not None:
        planes = np.zeros((3, 3, *weights.shape))
        for plane, factor in enumerate((1.0, 0.5, 0.5)):
            planes[plane, plane] = factor * weights
        stored = planes if axes == 4 else planes[np.arange(3), np.arange(3)]
        fits.writeto(folder / name.replace("_map.fits", "_weights.fits"), stored.astype("f4"), header)
    return path


def write_planck(folder, data_k, nside=32, name="HFI_SkyMap_143_2048_R3.01_full.fits"):
    """A full sky in Galactic coordinates, as Planck's legacy archive has them."""
    table = fits.BinTableHDU.from_columns([fits.Column("I_STOKES", "E", array=data_k, unit="Kcmb")])
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NESTED", "NSIDE": nside, "COORDSYS": "GALACTIC"})
    table.header.update({"EXTNAME": "FREQ-MAP", "FREQ": "143", "TELESCOP": "PLANCK", "INSTRUME": "HFI"})
    path = folder / name
    table.writeto(path)
    return path
