"""Maps: the same sky written in other ways, and damaged ones."""

import gzip
from functools import cache

import damage
import healpy
import numpy as np
from astropy.io import fits
from outcome import Fault
from skies import SmoothSource, car_around, healpix_partial, paint, write_healpix_table

from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.maps.weights import Weights

SOURCE = SmoothSource(150.0, 2.0)
WCS, SHAPE = car_around(150.0, 2.0, 0.5, 0.5)
RA, DEC = np.array([150.0, 150.02, 150.45, 10.0, np.nan]), np.array([2.0, 1.97, 2.1, -40.0, 2.0])
NSIDE = 4096
WIDE = SmoothSource(150.0, 2.0, widen=1.5)
TOLERANCE_UK = 0.1
"""Of decrements of 100 µK: a tenth of a per cent of a mass."""


@cache
def car_sky() -> np.ndarray:
    """Values [µK] of the CAR map: the source, a sky of long waves, and noise that is the same each time."""
    noise = np.random.default_rng(7).normal(0.0, 8.0, SHAPE)
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]] / 60.0
    waves = 70.0 * np.cos(5.0 * row + 2.0 * column) + 60.0 * np.sin(4.0 * column - 3.0 * row + 1.0)
    return paint(WCS, SHAPE, SOURCE) + noise + waves


@cache
def healpix_sky() -> tuple[np.ndarray, np.ndarray]:
    numbers, values = healpix_partial(WIDE, NSIDE, 0.5)
    return numbers, values + np.random.default_rng(8).normal(0.0, 5.0, len(values))


def cutouts_of(path, **options):
    """Cutouts of a map; whatever it is, they must be of a kind."""
    cutouts = extract_cutouts(open_map(path, **options), RA, DEC)
    if cutouts.images.shape != (len(RA), 40, 40) or not np.isfinite(cutouts.images).all():
        raise Fault("cutouts are not finite")
    if not (cutouts.bad[3].all() or np.isfinite(RA[3])) or not cutouts.bad[4].all():
        raise Fault("a position that is none has data")
    return cutouts


def plain_car(path):
    header = WCS.to_header()
    header["BUNIT"] = "uK"
    fits.PrimaryHDU(car_sky(), header).writeto(path, overwrite=True)
    return path


def plain_healpix(path):
    numbers, values = healpix_sky()
    columns = [("PIXEL", "K", numbers), ("I_STOKES", "D", values)]
    cards = {"NSIDE": NSIDE, "ORDERING": "RING", "COORDSYS": "C", "INDXSCHM": "EXPLICIT", "TUNIT2": "uK_CMB"}
    return write_healpix_table(path, columns, **cards)


_references = {}


def check_same(path, kind, folder) -> str:
    """Compare cutouts of a map with those of the plain one."""
    if kind not in _references:
        plain = {"car": plain_car, "healpix": plain_healpix}[kind](folder / f"plain_{kind}.fits")
        _references[kind] = cutouts_of(plain)
    wanted, got = _references[kind], cutouts_of(path)
    if not np.array_equal(wanted.bad[:3], got.bad[:3]):
        raise Fault(f"other pixels are bad: {wanted.bad.sum()} and {got.bad.sum()}")
    worst = float(np.abs(wanted.images - got.images)[~wanted.bad].max())
    if worst > TOLERANCE_UK:
        raise Fault(f"cutouts differ by {worst:.3g} µK")
    return "same"


# --- the same sky, written in another way -------------------------------------------------------------------


def same_car(rng, folder):
    """CAR in other data types, units, directions, reference points, HDUs, planes and files."""
    values, header, done = car_sky().copy(), WCS.to_header(), []

    def maybe(what, chance=0.4):
        if rng.random() < chance:
            done.append(what)
            return True
        return False

    if maybe("columns the other way"):
        values = values[:, ::-1]
        header["CDELT1"] *= -1
        header["CRPIX1"] = SHAPE[1] + 1 - header["CRPIX1"]
    if maybe("rows the other way"):
        values = values[::-1]
        header["CDELT2"] *= -1
        header["CRPIX2"] = SHAPE[0] + 1 - header["CRPIX2"]
    if maybe("another reference"):
        columns = int(rng.integers(-400, 400))
        header["CRPIX1"] += columns
        header["CRVAL1"] += columns * header["CDELT1"]
    if maybe("another turn"):
        header["CRVAL1"] += 360.0 * rng.integers(-2, 3)
    if maybe("no poles"):
        del header["LONPOLE"], header["LATPOLE"]
    if maybe("more sky"):
        fill = (np.nan, 0.0, -1.6375e30, np.inf, 1e30)[rng.integers(5)]
        west, south = (int(n) for n in rng.integers(2, 20, 2))
        values = np.pad(values, ((south, 5), (west, 3)), constant_values=fill)
        header["CRPIX1"] += west
        header["CRPIX2"] += south
    if maybe("CD matrix", 0.2):
        for axis in (1, 2):
            header[f"CD{axis}_{axis}"] = header.pop(f"CDELT{axis}")
    unit, worth = [("uK", 1.0), ("K_CMB", 1e6), ("mK", 1e3), ("µK".encode().decode("latin-1"), 1.0)][
        rng.integers(3)
    ]
    done.append(unit)
    header["BUNIT"] = unit
    values = values / worth
    values, cards = in_another_type(rng, values, worth, done)
    if maybe("planes", 0.3):
        values, more = with_planes(rng, values)
        cards.update(more)
    for _ in range(rng.integers(0, 4)):
        cards[f"X{rng.integers(10**6)}"] = damage.WEIRD_VALUES[rng.integers(9)]
    if maybe("comments"):
        header.add_history("WEIGHTED = T")
        header.add_comment("BAD_DATA = 0")
    path = folder / ("map.fits.gz" if maybe("gzip", 0.2) else "map.fits")
    write_car(rng, path, values, header, cards, done)
    return ", ".join(done), lambda: check_same(path, "car", folder)


def in_another_type(rng, values, worth, done):
    kind = ("f8", "f4", "i4", "i2")[rng.integers(4)]
    holes = ~(np.abs(values) < 1e20)
    done.append(kind)
    if kind[0] == "f":
        with np.errstate(over="ignore"):
            return values.astype(kind), {}
    step = {"i4": 1e-4, "i2": 0.02}[kind] / worth
    zero = (0.0, 3.3 / worth)[rng.integers(2)]
    stored = np.round((np.where(holes, 0.0, values) - zero) / step)
    blank = -32768
    stored[stored == blank] += 1
    stored[holes] = blank
    return stored.astype(kind), {"BSCALE": step, "BZERO": zero, "BLANK": blank}


def with_planes(rng, values):
    kind = rng.integers(4)
    q = np.roll(values, 1, axis=0)
    if kind == 0:
        return np.stack([values, q, q]), {}
    if kind == 1:
        return np.stack([values, q, q]), {"CTYPE3": "STOKES", "CRVAL3": 0.0, "CRPIX3": 1.0, "CDELT3": 1.0}
    if kind == 2:
        return np.stack([q, q, values]), {"CTYPE3": "STOKES", "CRVAL3": 3.0, "CRPIX3": 1.0, "CDELT3": -1.0}
    return values[None, None], {"CTYPE3": "FREQ", "CRVAL3": 1.5e11, "CTYPE4": "STOKES", "CRVAL4": 1.0}


def write_car(rng, path, values, header, cards, done):
    """Write the raw values with their scale, which astropy would apply."""
    kind = ("primary", "extension", "behind weights", "compressed")[rng.integers(4)]
    if kind == "compressed" and (values.ndim > 2 or values.dtype.kind == "f"):
        kind = "extension"  # tiles of floats are rounded
    done.append(kind)
    primary = fits.PrimaryHDU()
    if kind == "primary":
        hdus = [fits.PrimaryHDU(values, header)]
    elif kind == "extension":
        hdus = [primary, fits.ImageHDU(values, header)]
    elif kind == "behind weights":
        names = ("WEIGHT", "IVAR", "HITS", "MASK")
        weights = fits.ImageHDU(np.ones(SHAPE), WCS.to_header(), name=names[rng.integers(4)])
        hdus = [primary, weights, fits.ImageHDU(values, header)]
    else:
        hdus = [primary, fits.CompImageHDU(values, header, compression_type="GZIP_1")]
    for key, value in cards.items():
        hdus[-1].header[key] = value
    plain = path.with_name("plain.fits")
    scale = {key: cards[key] for key in ("BSCALE", "BZERO") if key in cards}
    for key in scale:
        hdus[-1].header.pop(key, None)
    fits.HDUList(hdus).writeto(plain, overwrite=True)
    if scale:
        opened = {"mode": "update", "do_not_scale_image_data": True, "disable_image_compression": True}
        with fits.open(plain, **opened) as file:
            file[-1].header.update(scale)
    path.write_bytes(gzip.compress(plain.read_bytes()) if path.suffix == ".gz" else plain.read_bytes())
    plain.unlink()


def same_healpix(rng, folder):
    """Explicit HEALPix in other orders, types, units and names."""
    numbers, values = (array.copy() for array in healpix_sky())
    nested = bool(rng.integers(2))
    if nested:
        numbers = healpy.ring2nest(NSIDE, numbers)
    order = rng.permutation(len(numbers)) if rng.integers(2) else np.arange(len(numbers))
    numbers, values = numbers[order], values[order]
    unit, worth = [("uK", 1.0), ("K_CMB", 1e6), ("mK,thermodynamic", 1e3)][rng.integers(3)]
    index = ("PIXEL", "pix", "IPIX", "HPX_INDEX", "whatever")[rng.integers(5)]
    name = ("TEMPERATURE", "I", "I_STOKES", "T", "Signal")[rng.integers(5)]
    columns = [(index, "KJD"[rng.integers(2)], numbers), (name, "ED"[rng.integers(2)], values / worth)]
    others = ("Q_STOKES", "U_POLARISATION", "HITS", "II_COV", "N_OBS")
    columns += [(others[i], "E", values[::-1]) for i in rng.permutation(5)[: rng.integers(0, 4)]]
    columns = [columns[i] for i in rng.permutation(len(columns))]
    place = [column[0] for column in columns].index(name) + 1
    cards = {
        "NSIDE": NSIDE,
        "ORDERING": "NESTED" if nested else "RING",
        "COORDSYS": ("C", "EQUATORIAL", "icrs", "Q")[rng.integers(4)],
        "INDXSCHM": "EXPLICIT",
        f"TUNIT{place}": unit,
    }
    path = write_healpix_table(folder / "map.fits", columns, **cards)
    done = f"{[column[0] for column in columns]}, {cards}"
    return done, lambda: check_same(path, "healpix", folder)


# --- damage -------------------------------------------------------------------------------------------------


def damaged(rng, folder):
    """A map of either kind with damage of any kind: refused, or cutouts that are of a kind."""
    path = folder / "map.fits"
    (plain_car, plain_healpix)[rng.integers(2)](path)
    kind = rng.integers(4)
    if kind == 0:
        done, content = damage.bytes_of(rng, path.read_bytes(), path.name)
        path.write_bytes(content)
    elif kind == 3 and rng.random() < 0.2:
        done = damage.strange_file(rng, path)
    else:
        done = damage.cards_of(rng, path)
    if rng.random() < 0.15:
        renamed = path.with_name(("map.fits.gz", "map.txt", "map", "map.fits[1]")[rng.integers(4)])
        path.rename(renamed)
        path = renamed
    part = ("", "[0]", "[1]", "[T]", "[99]", "[I_STOKES]")[rng.integers(6)] if rng.random() < 0.2 else ""

    def act():
        cutouts_of(f"{path}{part}", units=(None, "uK", "K", "y")[rng.integers(4)])
        return "accepted"

    return done + part, act


def odd_values(rng, folder):
    """Good headers, and values of every kind: what is absurd is bad, what is left is finite."""
    values = car_sky().copy()
    rows, columns = (slice(*sorted(rng.integers(0, 120, 2))) for _ in range(2))
    odd = (np.nan, np.inf, -np.inf, 1e30, -3e38, 1e11, 1e-40, 0.0, -1.6375e30, 1e300)[rng.integers(10)]
    values[rows, columns] = odd
    stated = {"BAD_DATA": odd} if np.isfinite(odd) and rng.integers(2) else {}
    header = WCS.to_header()
    header.update({"BUNIT": "uK", **stated})
    path = folder / "map.fits"
    dtype = ("f4", "f8")[rng.integers(2)]
    with np.errstate(over="ignore"):
        fits.PrimaryHDU(values.astype(dtype), header).writeto(path)

    def act():
        cutouts = cutouts_of(path)
        if np.abs(cutouts.images).max() > 1e3 and odd != 1e-40:
            raise Fault(f"{odd:g} has got into a cutout: {np.abs(cutouts.images).max():.3g} µK")
        return "accepted"

    return f"{odd} in {rows}, {columns}, {dtype}, {stated}", act


def weights(rng, folder):
    """Masks and inverse variances, damaged: refused, or pixels that are bad or not."""
    paths = []
    for name in ("mask.fits", "ivar.fits"):
        path = folder / name
        if rng.integers(2):
            header = WCS.to_header()
            fits.PrimaryHDU(np.ones(SHAPE), header).writeto(path)
        else:
            numbers = healpix_sky()[0]
            columns = [("PIXEL", "K", numbers), ("MASK", "B", np.ones(len(numbers), np.uint8))]
            write_healpix_table(path, columns, NSIDE=NSIDE, ORDERING="RING")
        paths.append(path)
    done = damage.cards_of(rng, paths[rng.integers(2)])

    def act():
        opened = Weights.open(*paths)
        bad = opened.bad(RA, DEC)
        noise = opened.noise_per_arcmin(RA[:4], DEC[:4])
        if bad.dtype != bool or np.any(noise <= 0):
            raise Fault(f"noise {noise}")
        return "accepted"

    return done, act
