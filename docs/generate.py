"""Write the generated pages of the documentation: `python docs/generate.py`; with --check only compare."""

import subprocess
import sys
from pathlib import Path

from szmass_cli.catalog import ALIASES, flag_table
from szmass_cli.catalog.roles import first_choice
from szmass_cli.estimation.provenance import KEYWORDS

HERE = Path(__file__).resolve().parent


def cli_page() -> str:
    """The command line reference, from the commands themselves."""
    command = [sys.executable, "-m", "typer", "szmass_cli.cli.app", "utils", "docs", "--name", "szmass"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent).stdout
    return text.rstrip() + "\n"


def columns_page() -> str:
    """Catalogue columns and flags, from the schema itself."""
    aliases = "\n".join(
        f"| {role} | {', '.join(_shown(name, role) for name in names)} |" for role, names in ALIASES.items()
    )
    flags = "\n".join(f"| {bit} | `{name}` | {meaning} |" for bit, name, meaning in flag_table())
    keywords = "\n".join(f"| `{key}` | {meaning} |" for key, (_, meaning) in KEYWORDS.items())
    return f"""# Columns and flags

## Columns that are recognised

Names are matched in any case and without regard to signs such as _, - and blanks; a unit in brackets behind a
name (`ra [hourangle]`) counts as the column's unit. Where several fit, those in **bold** come first; two of
them for one role are an error that names them (but for names and errors, where the first wins, and masses
where none is needed). Of the others the first is taken, and of redshifts named after a method (`z_spec`,
`z_lambda`) the one that knows most rows; a note says so. Pick one with `--column ra=RADeg`. Right ascension
and declination win over Galactic coordinates where both are there. The summary of a run, and `SZM_COLS`, say
which columns were used.

| role | names |
|---|---|
{aliases}

An error of a redshift is also found by the redshift's own name: `z_lambda_err`, `e_zsp`, `z_best_unc`.
Columns `RAh`, `RAm`, `RAs`, `DE-`, `DEd`, `DEm`, `DEs`, as the journals have them, are a position, too.

Positions are in decimal degrees, or in the column's own unit, where the file states one, or sexagesimal text:
hours for right ascensions unless something says degrees. Frame and equinox are what the file states
(`RADESYS` or `RADECSYS` and `EQUINOX` of the table, else of the primary header; `COOSYS`; the same keys in
the metadata of ECSV and Parquet; J2000 or B1950 in a column's name or description): FK4 and FK5 of any
equinox are precessed to ICRS with a note, what is not known or contradictory is refused, and ICRS is assumed
where nothing is said. Numbers that look like hours or radians without saying so get a note.

A redshift that is blank, NaN or not positive is missing. A column in a unit (Mpc, km/s, mag), or called `z`
and full of magnitudes or velocities, is no redshift: it is left out, with a note. Where no redshift is found,
columns that look like one are named. A number that is no position (a declination of 95) spoils its row only,
which is flagged; a word that is no number, or a column most of whose numbers are impossible, is an error that
names the row. A redshift error that is blank, NaN, infinite, 0 or negative (-1, -99) is none; over others
masses are [marginalised](method.md#uncertain-redshifts). `name` is used for labels only. Masses, in 1e14 Msun
or in the column's own unit, are for simulations; `Msun/h`, `1e10 Msun/h`, `10^14 h70^-1 Msun`, `Msol` and
logarithms (`[solMass]`, `log10(Msun)`, `dex(Msun)`) are understood, and what is no mass is refused: `m200c`
for `szmass simulate field --catalog`, `m200c`, or `m500c` where there is none, for `szmass simulate cutouts
--halos`.

## Columns that are added

Every input row comes out, in order, with every input column untouched. For each mass definition (`M200c`,
`M500c`, `M200m`), in 1e14 Msun:

| column | meaning |
|---|---|
| `M200c` | median of the posterior |
| `M200c_p16`, `M200c_p84` | 16th and 84th percentiles, and one for each of `--percentiles` (`p2p5` is 2.5) |
| `M200c_err_plus`, `M200c_err_minus` | 84th percentile less median, median less 16th |
| `M200c_uncorr` | median under the model's own prior; only where `--prior` asks for another |
| `M200c_err_sys` | error of the mass scale, common to all clusters; only where `--mass-scale` states one |
| `sz_snr` | signal-to-noise of a matched filter for a cluster of the median mass (own prior) |
| `y0`, `y0_err` | Compton y at the centre, beam deconvolved, of that matched filter, and its error |
| `theta500_arcmin` | angular R500c of the median mass (own prior) |
| `Y500_arcmin2` | Compton y within the sphere of R500c, of that matched filter |
| `noise_uk_arcmin` | white noise around the row [µK-arcmin], by `--ivar`, `--noise` or as measured |
| `noise_uk_arcmin_97p8` | the same of each of several bands; NaN where a band was not used |
| `sz_masked_fraction` | fraction of the cutout without data (off the map, not finite, masked), band mean |
| `szmass_flags` | sum of the bits below; 0 means nothing to say |
| `szmass_flag_names` | the flags in words; only with `--flag-names` |

A row without a usable answer holds NaN and a flag.

In FITS the unit of masses is `10**14 solMass`, as the FITS standard writes a power of ten, so that astropy
reads it without a warning and the column can be converted at once:

```python
masses = Table.read("masses.fits")
masses["M200c"].to("solMass")
```

NaN are masked there; `mask_invalid=False` leaves them NaN. The other formats need none of this.

## Flags

| bit | name | meaning |
|---|---|---|
{flags}

## Provenance

In the FITS header, the metadata of ECSV, VOTable and Parquet, or for CSV in `<output>.meta.json` beside it,
and in the file of `--posteriors`. `szmass info OUTPUT` prints it, and `szmass info OUTPUT --command` the line
for the shell that makes the output again. Of several maps a value is a list divided by commas.

The same inputs give the same bytes on one day: the only date is `SZM_DATE`, that of the run's begin, kept
through interruptions; SOURCE_DATE_EPOCH sets another. Digests are of whole files, computed in a thread while
the model is loaded.

| key | meaning |
|---|---|
{keywords}
"""


def _shown(name: str, role: str) -> str:
    """A column's name, in bold where it is one of those that come first."""
    return f"**`{name}`**" if first_choice([name], role) else f"`{name}`"


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
