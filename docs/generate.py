"""Write the generated pages of the documentation: `python docs/generate.py`; with --check only compare."""

import subprocess
import sys
from pathlib import Path

from szmass_cli.catalog import ALIASES, flag_table

HERE = Path(__file__).resolve().parent


def cli_page() -> str:
    """The command line reference, from the commands themselves."""
    command = [sys.executable, "-m", "typer", "szmass_cli.cli.app", "utils", "docs", "--name", "szmass"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent).stdout
    return text.rstrip() + "\n"


def columns_page() -> str:
    """Catalogue columns and flags, from the schema itself."""
    aliases = "\n".join(
        f"| {role} | {', '.join(f'`{name}`' for name in names)} |" for role, names in ALIASES.items()
    )
    flags = "\n".join(f"| {bit} | `{name}` | {meaning} |" for bit, name, meaning in flag_table())
    return f"""# Columns and flags

## Columns that are recognised

Names are matched in any case. Two columns that fit the same role are an error that names them
(but for names and redshift errors, where the first alias wins, and masses where none is needed). Pick one
with `--column ra=RADeg`. Right ascension and declination win over Galactic coordinates where both are there.

| role | names |
|---|---|
{aliases}

Positions are in decimal degrees (or in the column's own unit, where the file states one). A redshift that
is blank, NaN or not positive is missing. A number that is no position (a declination of 95) spoils its row
only, which is flagged; a word that is no number, or a column most of whose numbers are impossible, is an
error that names the row. A redshift error that is blank, NaN, infinite, 0 or negative (-1, -99) is none;
over others masses are [marginalised](method.md#uncertain-redshifts). `name` is used for labels only. Masses,
in 1e14 Msun or in the column's own unit, are for simulations: `m200c` for `szmass simulate field --catalog`,
`m200c`, or `m500c` where there is none, for `szmass simulate cutouts --halos`.

## Columns that are added

Every input row comes out, in order, with every input column untouched. For each mass definition (`M200c`,
`M500c`, `M200m`), in 1e14 Msun:

| column | meaning |
|---|---|
| `M200c` | median of the posterior |
| `M200c_p16`, `M200c_p84` | 16th and 84th percentiles, and one for each of `--percentiles` (`p2p5` is 2.5) |
| `M200c_err_plus`, `M200c_err_minus` | 84th percentile less median, median less 16th |
| `M200c_uncorr` | median under the model's own prior; only where `--prior` asks for another |
| `sz_snr` | signal-to-noise of a matched filter for a cluster of the median mass (own prior) |
| `sz_masked_fraction` | fraction of the cutout without data: outside the map, not finite, or masked |
| `szmass_flags` | sum of the bits below; 0 means nothing to say |

A row without a usable answer holds NaN and a flag.

In FITS the unit of masses is `1e14 solMass`, as in the field's catalogues. The FITS standard knows no such
factor, so astropy warns of it; it is silent, and the column has the unit, with

```python
masses = Table.read("masses.fits", unit_parse_strict="silent")
masses["M200c"].unit = str(masses["M200c"].unit)  # only to convert: before, it is a mere label
```

NaN are masked there; `mask_invalid=False` leaves them NaN. The other formats need none of this.

## Flags

| bit | name | meaning |
|---|---|---|
{flags}

## Provenance

In the FITS header, the metadata of ECSV, VOTable and Parquet, or for CSV in `<output>.meta.json` beside it:

| key | meaning |
|---|---|
| `SZM_VER` | szmass version |
| `SZM_MODL`, `SZM_MSHA` | model name and hash |
| `SZM_MAP`, `SZM_MAPH` | map file and its SHA-256 |
| `SZM_CAT` | catalogue file, or `the table` for one that a script gave |
| `SZM_UNIT`, `SZM_UNSR` | unit of the map, and whether it came from the option, the header or an assumption |
| `SZM_BEAM`, `SZM_BMSR` | beam [arcmin FWHM], and whether it is from the option, the header or assumed |
| `SZM_PIXW` | whether the map's pixels were taken for means over their area |
| `SZM_MASK`, `SZM_IVAR` | mask and inverse-variance files, if there were any |
| `SZM_NOIS` | noise the model was trained for, or told of [µK-arcmin]; `ivar`: row by row |
| `SZM_PRI` | prior of the percentiles, and of `M200c_uncorr` where it is another |
| `SZM_NOTE` | everything that was assumed |
"""


PAGES = {"cli.md": cli_page, "columns.md": columns_page}


def main() -> int:
    """Write the pages, or with --check return 1 if one is out of date."""
    stale = [name for name, page in PAGES.items() if _read(name) != page()]
    if "--check" in sys.argv[1:]:
        return bool(stale)
    for name in stale:
        (HERE / name).write_text(PAGES[name](), encoding="utf-8")
    return 0


def _read(name: str) -> str:
    path = HERE / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
