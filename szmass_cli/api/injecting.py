"""`szmass inject` for scripts."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.api.arguments import chosen_executor, of_each_band, settings_of_maps, table_or_path
from szmass_cli.estimation.request import SkyRequest, map_requests
from szmass_cli.injection.study import StudyRequest, study_maps
from szmass_cli.injection.tables import study_tables
from szmass_cli.injection.writing import check_study_folder, write_study
from szmass_cli.system.progress import Progress, listening, silent

if TYPE_CHECKING:
    from pandas import DataFrame


def inject(
    map: str | Path | Mapping[float | str, str | Path],
    output: str | Path | None = None,
    *,
    catalog: "str | Path | Table | DataFrame | None" = None,
    sources: str | Path | None = None,
    model: str | Path = DEFAULT_MODEL,
    freq: float | str | None = None,
    noise_correlation: float | None = None,
    pixel_window: bool | None = None,
    n: int = 2000,
    tile: float = 10.0,
    seed: int = 1,
    workers: int | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
    progress: Progress | bool = silent,
    **settings: Any,
) -> dict[str, Table]:
    """Return tables of a study of maps by clusters injected all over them, as `szmass inject` makes it.

    Parameters
    ----------
    map : path or mapping
        One map, or several keyed by frequency [GHz] or band name, see `estimate`.
    output : path, optional
        Folder of the study to write; without it nothing is written.
    catalog : path, astropy.table.Table or pandas.DataFrame, optional
        Known clusters, which no injected one comes near.
    sources : path, optional
        Catalogue of point sources, whose fluxes are marginalised over.
    model : str or path
        Name of a shipped model, or folder of a model bundle.
    freq : float or str, optional
        Frequency [GHz] or band name of a single map; by default from its header.
    noise_correlation : float, optional
        Correlation of the 1/f noise between bands.
    pixel_window : bool, optional
        Whether pixels are averages over their area and the beam does not include this.
    n : int
        Number of clusters to inject.
    tile : float
        Largest side of a tile [deg].
    seed : int
        Seed of positions, masses, redshifts and scatter.
    workers, scheduler, overwrite, progress
        As for `estimate`.
    **settings
        Other properties of the maps: ``passband``, ``units``, ``beam``, ``transfer``, ``noise``, ``ivar``,
        ``mask``, ``survey`` and ``split``, see `estimate`.

    Returns
    -------
    dict of str to astropy.table.Table
        ``clusters``, ``coverage``, ``completeness``, ``tiles`` and ``selection``.

    Raises
    ------
    SzmassError
        One of its subclasses, with the message and hint that the command prints.
    """
    of_maps = settings_of_maps(freq, pixel_window, **settings)
    request = StudyRequest(
        map_requests(of_each_band(map, Path), of_maps),
        None if catalog is None else table_or_path(catalog),
        str(model),
        SkyRequest(
            noise_correlation=noise_correlation,
            sources=None if sources is None else str(Path(sources).absolute()),
        ),
        n,
        seed,
        tile,
    )
    if output is not None:
        check_study_folder(Path(output), overwrite)
    study = study_maps(request, executor=chosen_executor(workers, scheduler), progress=listening(progress))
    if output is not None:
        write_study(study, Path(output), overwrite)
    return study_tables(study)
