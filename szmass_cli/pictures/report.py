"""The report of a run: one page of HTML with everything in it."""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np

from szmass_cli.catalog import Flag, flag_table, percentile_column
from szmass_cli.catalog.tables.csvtable import TEXT, typed
from szmass_cli.estimation.provenance import KEYWORDS
from szmass_cli.estimation.recorded import PREFIX
from szmass_cli.pictures.cluster import Cluster
from szmass_cli.pictures.figures.overview import mass_figure, sky_figure
from szmass_cli.pictures.figures.thumbnails import png, posterior_svg
from szmass_cli.pictures.htmlpage import Html, chart, element, joined, page, picture, table
from szmass_cli.pictures.measurement import Measurement
from szmass_cli.pictures.output import numbers
from szmass_cli.pictures.panels import band_panels, facts, score_panels
from szmass_cli.system.files import atomic_path, check_not_an_input, check_suffix, check_writable
from szmass_cli.system.progress import Progress, silent

SUFFIXES = (".html", ".htm")

MASSIVE = 12
"""Clusters of the largest masses that there are pictures of."""

FLAGGED = 36
"""Flagged rows that there are pictures of; all of them are in the table."""

COLUMNS = 12
"""Input columns that masses are drawn against where none are named."""

LOG_ABOVE = 30.0
"""Positive numbers that span more than this factor are drawn on a logarithmic axis."""

LEAST_SNR = 0.5
"""Lower and negative ones are drawn there: a logarithmic axis has no room for them."""

CHECK_KEYS = ("SZM_CHK", "SZM_RCAL")
"""Metadata that say in words what injected clusters showed."""

CHECK_NUMBERS = (
    ("bias, the mean of ln(M_est / M_true)", "SZM_CBIA", "SZM_CBIE", "{:+.3f}"),
    ("true masses within the central 68 %", "SZM_C68", "SZM_C68E", "{:.1%}"),
    ("true masses within the central 95 %", "SZM_C95", "SZM_C95E", "{:.1%}"),
    ("within 68 % after recalibration", "SZM_RC68", None, "{:.1%}"),
    ("within 95 % after recalibration", "SZM_RC95", None, "{:.1%}"),
)
"""Numbers of the check, with the metadata that hold them and their errors, and how they are written."""


def check_report(path: Path, overwrite: bool, *others: str | PathLike[str] | None) -> None:
    """Make sure that a report can be written, before the long work that leads to it.

    Parameters
    ----------
    path : Path
        File of the report.
    overwrite : bool
        Whether an existing file may be replaced.
    *others : path or None
        Files that are read or written besides.

    Raises
    ------
    UsageError
        The name does not end in ``.html``, or is that of one of the others.
    OutputError
        The file is already there or cannot be written.
    """
    check_suffix(path, SUFFIXES)
    check_not_an_input(path, *(other for other in others if other is not None))
    check_writable(path, overwrite)


def write_report(
    measurement: Measurement,
    path: Path,
    columns: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = silent,
) -> tuple[str, ...]:
    """Write the report of a measured catalogue; the file appears when it is complete.

    Parameters
    ----------
    measurement : Measurement
        The catalogue with its maps and model.
    path : Path
        File of the report.
    columns : sequence of str
        Input columns to draw masses against; by default the first twelve that hold numbers.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : Progress
        Called with the number of pictures of clusters so far.

    Returns
    -------
    tuple of str
        Notes: columns that cannot be drawn.
    """
    drawn, notes = _input_columns(measurement, columns)
    massive, flagged = _most_massive(measurement), _flagged_to_show(measurement)
    title = f"szmass: {measurement.meta.get('SZM_CAT', 'clusters')}"
    sections = [
        _summary(measurement, title, notes),
        _check(measurement),
        _charts(measurement, drawn),
        *_gallery(measurement, massive, flagged, progress),
        _flagged_table(measurement),
        _provenance(measurement),
    ]
    with atomic_path(path, overwrite=overwrite) as part:
        part.write_text(page(title, joined(sections)), encoding="utf-8")
    return tuple(notes)


def _masses(measurement: Measurement) -> np.ndarray:
    """Return 16th percentile, median and 84th percentile of the first mass (n, 3) [1e14 Msun]."""
    base = measurement.mass_column
    names = (percentile_column(base, 16.0), base, percentile_column(base, 84.0))
    return np.stack([numbers(measurement.columns, name) for name in names], axis=1)


def _summary(measurement: Measurement, title: str, notes: Sequence[str]) -> Html:
    """Return title, contents, numbers, flags with their meanings, and notes."""
    masses, snr = _masses(measurement)[:, 1], numbers(measurement.columns, "sz_snr")
    known = masses[np.isfinite(masses)]
    facts_of_run: list[tuple[object, object]] = [
        ("rows", f"{len(measurement):,}"),
        ("with a mass", f"{known.size:,}"),
        ("S/N above 5", f"{int(np.sum(snr > 5)):,}"),
        ("rows with a flag", f"{measurement.flagged.size:,}"),
    ]
    if known.size:
        low, middle, high = np.percentile(known, [16, 50, 84])
        words = f"{low:.2f}, {middle:.2f}, {high:.2f} × 10¹⁴ M☉ at 16, 50 and 84 % of the clusters"
        facts_of_run.append((measurement.mass_column, words))
    flags = measurement.flags
    counts = [(bit, name, meaning, int(np.sum((flags & bit) != 0))) for bit, name, meaning in flag_table()]
    rows = [(name, f"{count:,}", meaning) for _, name, meaning, count in counts if count]
    contents = {
        "charts": "Masses",
        "massive": "Most massive",
        "flagged": "Flagged",
        "made": "How it was made",
    }
    links = (element("a", words, href=f"#{place}") for place, words in contents.items())
    said = [*measurement.notes, *notes]
    parts = [
        element("h1", title),
        element("p", measurement.in_words(), class_="soft"),
        element("nav", joined(links)),
        table(("", ""), facts_of_run, frozenset()),
        element("div", table(("flag", "rows", "meaning"), rows, frozenset({1})), class_="tall flags")
        if rows
        else element("p", "No row has a flag."),
    ]
    if said:
        parts.append(element("ul", *(element("li", text) for text in said)))
    return joined(parts)


def _check(measurement: Measurement) -> Html:
    """Return what injected clusters showed, as the metadata say it; nothing where there was no check."""
    said = [str(measurement.meta[key]) for key in CHECK_KEYS if measurement.meta.get(key)]
    if not said:
        return Html("")
    parts = [element("h2", "Check by injected clusters"), *(element("p", text) for text in said)]
    found = [(words, number) for words, *given in CHECK_NUMBERS if (number := _stated(measurement, *given))]
    if found:
        parts.insert(1, table(("", ""), found, frozenset()))
    return joined(parts)


def _stated(measurement: Measurement, key: str, error: str | None, form: str) -> str:
    """Return a number of the metadata with its error, nothing where there is none."""
    value, apart = measurement.meta.get(key), measurement.meta.get(error or "")
    if value is None:
        return ""
    written = form.format(float(value))
    return written if apart is None else f"{written} ± {form.replace('+', '').format(float(apart))}"


def _charts(measurement: Measurement, columns: dict[str, np.ndarray]) -> Html:
    """Return the charts of masses against anything, and of the sky."""
    masses, flagged = _masses(measurement), measurement.flags != 0
    label = f"{measurement.mass_column} [1e14 Msun]"
    snr = numbers(measurement.columns, "sz_snr")
    redshift = np.where(np.isfinite(measurement.rows.redshift_err), measurement.rows.redshift, np.nan)
    against = {"redshift": redshift, "signal-to-noise": np.maximum(snr, LEAST_SNR)}
    axes = {"redshift": "redshift", "signal-to-noise": f"signal-to-noise; what is below {LEAST_SNR:g} at it"}
    charts = [
        chart(
            mass_figure(x, masses, flagged, (axes[name], label), name != "redshift"), f"masses against {name}"
        )
        for name, x in against.items()
    ]
    rows = measurement.rows
    charts.append(chart(sky_figure(rows.ra_deg, rows.dec_deg, snr, flagged), "clusters on the sky"))
    charts += [
        chart(mass_figure(x, masses, flagged, (name, label), _is_wide(x)), f"masses against {name}")
        for name, x in columns.items()
    ]
    return joined([element("h2", "Masses", id="charts"), element("div", *charts, class_="charts")])


def _is_wide(values: np.ndarray) -> bool:
    """Return whether numbers are positive and span more than `LOG_ABOVE`."""
    known = values[np.isfinite(values)]
    return bool(known.size and known.min() > 0.0 and known.max() / known.min() > LOG_ABOVE)


def _input_columns(measurement: Measurement, names: Sequence[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the input columns to draw, with their units in the names, and what is to be said of them."""
    catalog = measurement.catalog
    of_input = typed(catalog.table) if catalog.source == TEXT else catalog.table
    shown_anyway = {catalog.roles.get(role) for role in ("ra", "dec", "glon", "glat", "redshift", "name")}
    kinds = {name: of_input[name].dtype.kind for name in of_input.colnames if of_input[name].ndim == 1}
    drawable = [name for name, kind in kinds.items() if kind in "fiu"]
    wanted = list(names) or [name for name in drawable if name not in shown_anyway]
    notes = [f"{name!r} is no input column of numbers." for name in wanted if name not in drawable]
    chosen = [name for name in wanted if name in drawable]
    if not names and len(chosen) > COLUMNS:
        notes.append(
            f"Masses are drawn against the first {COLUMNS} of {len(chosen)} input columns of numbers; "
            "--report-columns names others."
        )
        chosen = chosen[:COLUMNS]
    units = {name: of_input[name].unit for name in chosen}
    labels = {name: f"{name} [{unit}]" if unit else name for name, unit in units.items()}
    return {labels[name]: numbers(of_input, name) for name in chosen}, notes


def _most_massive(measurement: Measurement) -> list[int]:
    """Return the rows of the largest masses, largest first."""
    masses = _masses(measurement)[:, 1]
    order = np.argsort(-np.nan_to_num(masses, nan=-np.inf), kind="stable")[:MASSIVE]
    return [int(row) for row in order if np.isfinite(masses[row])]


def _flagged_to_show(measurement: Measurement) -> list[int]:
    """Return flagged rows, at most `FLAGGED`: of each flag in turn the one of the highest signal-to-noise."""
    flags = measurement.flags
    snr = np.nan_to_num(numbers(measurement.columns, "sz_snr"), nan=-np.inf)
    order = np.argsort(-snr, kind="stable")
    of_flag = [order[(flags[order] & flag.value) != 0].tolist() for flag in Flag]
    turns = (rows[turn] for turn in range(FLAGGED) for rows in of_flag if turn < len(rows))
    return sorted(list(dict.fromkeys(turns))[:FLAGGED])


def _gallery(
    measurement: Measurement, massive: list[int], flagged: list[int], progress: Progress
) -> Iterator[Html]:
    """Yield the pictures of the most massive and of flagged rows."""
    total, done = len(massive) + len(flagged), 0
    n_flagged = measurement.flagged.size
    bound = f"{len(flagged)} of {n_flagged:,} flagged rows, some of each flag; all are in the table below."
    for place, heading, rows, words in (
        ("massive", "The most massive clusters", massive, f"The {len(massive)} largest masses."),
        ("flagged", "Flagged rows", flagged, bound if n_flagged else "No row has a flag."),
    ):
        yield joined([element("h2", heading, id=place), element("p", words, class_="soft")])
        for row in rows:
            yield _pictures(measurement[row])
            done += 1
            progress("pictures", done, total)


def _pictures(cluster: Cluster) -> Html:
    """Return the panels of one cluster: those of its page, side by side."""
    bands = range(len(cluster.frequencies_ghz))
    panels = [panel for band in bands for panel in band_panels(cluster, band)] + score_panels(cluster)
    figures = [
        element(
            "figure",
            picture(png(one), f"{cluster.name}: {one.title}"),
            element("figcaption", f"{one.title}, {one.middle:.0f} ± {one.reach:.0f} {one.unit}"),
        )
        for one in panels
        if one.has_data
    ]
    if cluster.has_mass:
        input_mass = "; red: input mass" if np.isfinite(cluster.input_m200c_msun) else ""
        words = f"posterior of M200c [1e14 Msun], 16 to 84 % filled; dashed: likelihood{input_mass}"
        caption = element("figcaption", words)
        figures.append(element("figure", Html(posterior_svg(cluster)), caption))
    elif not figures:
        figures.append(element("p", "No map has data here."))
    flags = element("p", ", ".join(cluster.flags), class_="flag") if cluster.flags else Html("")
    head = (element("h3", cluster.name), element("p", facts(cluster), class_="soft"), flags)
    return element("section", *head, element("div", *figures, class_="panels"), class_="cluster")


def _flagged_table(measurement: Measurement) -> Html:
    """Return the table of every flagged row by name."""
    masses, flags, rows = _masses(measurement), measurement.flags, measurement.rows
    snr, names = numbers(measurement.columns, "sz_snr"), measurement.names
    words = {int(value): ", ".join(str(one.name) for one in Flag if one & int(value)) for value in set(flags)}

    def cells(row: int) -> tuple[object, ...]:
        low, median, high = masses[row]
        mass = f"{median:.2f} +{high - median:.2f} −{median - low:.2f}" if np.isfinite(median) else "–"
        plain = (rows.ra_deg[row], rows.dec_deg[row], rows.redshift[row], snr[row])
        texts = (f"{value:.{digits}f}" for value, digits in zip(plain, (4, 4, 3, 1), strict=True))
        known = ("–" if text == "nan" else text for text in texts)
        return (row + 1, names[row], *known, mass, words[int(flags[row])])

    headings = (
        "row",
        "name",
        "RA [deg]",
        "Dec [deg]",
        "z",
        "S/N",
        f"{measurement.mass_column} [1e14 Msun]",
        "flags",
    )
    listed = table(headings, map(cells, measurement.flagged.tolist()), frozenset({0, 2, 3, 4, 5, 6}))
    heading = element("h3", f"All {measurement.flagged.size:,} flagged rows")
    return joined([heading, element("div", listed, class_="tall rows")])


def _provenance(measurement: Measurement) -> Html:
    """Return all that the metadata say of the run."""
    said = {key: value for key, value in measurement.meta.items() if str(key).startswith(PREFIX)}
    rows = [
        (KEYWORDS.get(key, (key,))[0], key, value) for key, value in said.items() if str(value).strip(" ,")
    ]
    listed = element("div", table(("", "key", "value"), rows, frozenset()), class_="tall made")
    return joined([element("h2", "How it was made", id="made"), listed])
