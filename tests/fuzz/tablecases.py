"""Catalogues: the same rows written in other ways, and damaged ones."""

import gzip

import damage
import numpy as np
from astropy import units as u
from astropy.coordinates import Angle
from astropy.table import Table
from outcome import Fault

from szmass_cli.catalog import read_catalog

N_ROWS = 12
SUFFIXES = ("csv", "ecsv", "fits", "vot", "parquet", "csv.gz")
RA_NAMES = ("ra", "RA", "RAdeg", "RADeg", "RAJ2000", "_RAJ2000", "RA_deg")
DEC_NAMES = ("dec", "DEC", "DEdeg", "DECDeg", "DEJ2000", "_DEJ2000", "DEC_deg")
REDSHIFT_NAMES = ("redshift", "z", "REDSHIFT", "Z")


def rows():
    """Positions [deg] and redshifts, one of which is not known; the same each time."""
    rng = np.random.default_rng(5)
    ra, dec = 150.0 + rng.uniform(-0.3, 0.3, N_ROWS), 2.0 + rng.uniform(-0.3, 0.3, N_ROWS)
    z = rng.uniform(0.15, 1.4, N_ROWS)
    ra[:3], dec[:3] = [150.0, 150.02, 150.45], [2.0, 1.97, 2.1]
    z[4] = np.nan
    return ra, dec, z


def same_table(rng):
    """The rows in a table with other names, units, types, orders of columns and more columns."""
    ra, dec, z = rows()
    which = int(rng.integers(len(RA_NAMES)))
    done = [RA_NAMES[which]]
    redshift = REDSHIFT_NAMES[rng.integers(len(REDSHIFT_NAMES))]
    columns = {RA_NAMES[which]: ra - 360.0 * rng.integers(2), DEC_NAMES[which]: dec, redshift: z}
    columns["name"] = np.array([f"C{i}, ‘x’" if i % 5 == 0 else f"C {i}" for i in range(N_ROWS)])
    columns["mass"] = np.linspace(1.0, 9.0, N_ROWS)
    order = rng.permutation(len(columns))
    table = Table({name: columns[name] for name in np.array(list(columns))[order]})
    if rng.integers(3) == 0:
        for name in list(columns)[:2]:
            table[name].unit = u.deg
        done.append("deg")
    return table, done


def write(rng, table, folder):
    """Write a table in any format; astropy's own words for it."""
    suffix = SUFFIXES[rng.integers(len(SUFFIXES))]
    path = folder / f"cat.{suffix}"
    if suffix == "csv.gz":
        table.write(folder / "cat.csv", overwrite=True)
        path.write_bytes(gzip.compress((folder / "cat.csv").read_bytes()))
        (folder / "cat.csv").unlink()
    else:
        if suffix == "fits":  # has ASCII only
            table["name"] = [str(name).encode("ascii", "replace").decode() for name in table["name"]]
        table.write(path, overwrite=True, **({"format": "votable"} if suffix == "vot" else {}))
    return path


def same(rng, folder):
    """Rows that must come out as they went in."""
    table, done = same_table(rng)
    path = write(rng, table, folder)
    ra, dec, z = rows()

    def act():
        got = read_catalog(path)
        # ECSV and CSV have all digits, and so have the others
        for name, wanted, found in (
            ("ra", ra, got.ra_deg),
            ("dec", dec, got.dec_deg),
            ("z", z, got.redshift),
        ):
            if not np.allclose(found, wanted, atol=1e-9, equal_nan=True):
                raise Fault(f"{name}: {found} in place of {wanted}")
        return "same"

    return f"{path.name} {table.colnames} {done}", act


def damaged(rng, folder):
    """Cells, bytes and names that make no sense: refused, or numbers in their ranges."""
    table, _ = same_table(rng)
    kind = rng.integers(3)
    if kind == 0:
        name = table.colnames[rng.integers(len(table.colnames))]
        values = [str(v) for v in table[name]]
        odd = (
            *damage.WEIRD_VALUES,
            Angle(150.1, "deg").to_string(unit="hour"),
            "--",
            "1,5",
            "12:30",
            "10 Mpc",
        )
        values[rng.integers(N_ROWS)] = str(odd[rng.integers(len(odd))])
        table[name] = values
    path = write(rng, table, folder)
    done = f"{path.name}, a cell"
    if kind == 1:
        done, content = damage.bytes_of(rng, path.read_bytes(), path.name)
        path.write_bytes(content)
    elif kind == 2:
        if path.suffix == ".fits":
            done = damage.cards_of(rng, path)
        elif path.suffix in (".csv", ".ecsv", ".vot"):
            done, text = damage.text_of(rng, path.read_text(encoding="utf-8"))
            path.write_text(text, encoding="utf-8", errors="surrogatepass")
        else:
            done = damage.strange_file(rng, path)

    def act():
        got = read_catalog(path)
        for name, values, low, high in (
            ("ra", got.ra_deg, 0.0, 360.0),
            ("dec", got.dec_deg, -90.0, 90.0),
            ("redshift", got.redshift, 0.0, np.inf),
        ):
            known = values[~np.isnan(values)]
            # an infinite redshift is beyond every model's, and its row gets a flag
            if len(values) != len(got) or np.any((known < low) | (known > high)):
                raise Fault(f"{name}: {values}")
        return "accepted"

    return done, act
