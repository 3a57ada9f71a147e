"""Noise that a run measured in its maps, measured in them again: its table is too large for metadata."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from szmass_cli.errors import SzmassError
from szmass_cli.estimation.bench import Bench
from szmass_cli.estimation.provenance import regions_in_words
from szmass_cli.estimation.recipe import Reopened
from szmass_cli.estimation.rows import Rows
from szmass_cli.system.progress import Progress, silent

REGIONS_KEY = "SZM_NREG"

OTHER = "Noise that was measured in the maps is shown as its white level, knee and slope only"


def with_measured_noise(
    again: Reopened, rows: Rows, meta: Mapping[str, Any], progress: Progress = silent
) -> Reopened:
    """Return maps and model with the noise that was measured, or a note on why it is another.

    Parameters
    ----------
    again : Reopened
        Maps and model of a catalogue.
    rows : Rows
        All rows of the catalogue: noise is measured around them.
    meta : mapping
        Provenance of the catalogue, which states the white noise of each region.
    progress : Progress
        Called while noise is measured.
    """
    job, recorded = again.bench.job, str(meta.get(REGIONS_KEY, "")).strip()
    if not recorded:
        return again
    flagged = replace(rows, flags=rows.flags | again.method.flags(again.bench.maps))
    try:
        settled, _ = again.method.settled(again.bench.maps, flagged, progress=progress)
    except SzmassError as error:
        return replace(again, notes=(*again.notes, f"{OTHER}: {error.message}"))
    if settled.measured is None or regions_in_words(settled.measured) != recorded:
        return replace(again, notes=(*again.notes, f"{OTHER}: it is another in the maps as they are."))
    job = replace(job, settled=replace(job.settled, measured=settled.measured))
    return replace(again, bench=Bench(job, again.method, again.bench.maps))
