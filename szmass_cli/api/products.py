"""What is made of measured masses, for scripts: samples, pictures, and files of other programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.table import Table

from szmass_cli.api.arguments import of_each_band, table_or_path
from szmass_cli.estimation.request import wanted_scale
from szmass_cli.exports.run import LEAST_SNR, Target
from szmass_cli.exports.run import Request as ExportRequest
from szmass_cli.exports.run import export as run_export
from szmass_cli.pictures.measurement import Measurement
from szmass_cli.samples.run import infer
from szmass_cli.samples.sample import Request as PopulationRequest
from szmass_cli.samples.tables import population_table
from szmass_cli.system.progress import Progress, listening, silent

if TYPE_CHECKING:
    from pandas import DataFrame


def population(
    posteriors: str | Path,
    by: str,
    bins: int | Sequence[float] = 5,
    *,
    catalog: "str | Path | Table | DataFrame | None" = None,
    slope: bool = False,
    snr_above: float | None = None,
    suffix: str = "",
    model: str | Path | None = None,
    mass_scale: str | Path | None = None,
    mass_bias: float | None = None,
    progress: Progress | bool = silent,
) -> Table:
    """Return mean masses and scatters of a sample in bins of a column, as `szmass population` does.

    Parameters
    ----------
    posteriors : path
        File of likelihoods that `estimate` wrote (``posteriors=``).
    by : str
        Column that the sample is sorted by: ``redshift``, or one of the catalogue.
    bins : int or sequence of float
        Number of bins of equally many rows, or ascending edges.
    catalog : path, astropy.table.Table or pandas.DataFrame, optional
        Catalogue of the same rows in the same order.
    slope : bool
        Whether to fit ln M200c = a + slope ln(column / pivot) to all rows within the edges, too.
    snr_above : float, optional
        The sample is what has ``sz_snr`` above this: only those rows are taken, and the selection is undone.
        Leave it out for samples that were selected without the SZ effect.
    suffix : str
        Suffix of the catalogue's columns that szmass added.
    model : str or path, optional
        Model of the likelihoods, for `snr_above`; by default the one that their file names.
    mass_scale, mass_bias
        Scale of the masses, as of `estimate`; by default that of the model, whatever the catalogue's is.
    progress : callable or bool, optional
        Called with rows read and bins done; True prints it.

    Returns
    -------
    astropy.table.Table
        A row for each bin: edges, rows, mean of ln M200c and scatter with errors; NaN where there are too few
        rows. The metadata hold selection, priors, notes and the slope (``POP_SLOP`` and ``POP_ESLO``).

    Raises
    ------
    SzmassError
        One of its subclasses, with the message and hint that the command prints.

    Examples
    --------
    >>> edges = [20, 30, 45, 60, 150]
    >>> szmass_cli.population("p.hdf5", "lambda", edges, catalog="masses.fits")  # doctest: +SKIP
    """
    rows = None if catalog is None else table_or_path(catalog)
    request = PopulationRequest(
        Path(posteriors),
        by,
        rows,
        snr_above,
        suffix,
        None if model is None else str(model),
        wanted_scale(None if mass_scale is None else str(mass_scale), mass_bias),
    )
    wanted = bins if isinstance(bins, int) else [float(edge) for edge in bins]
    return population_table(infer(request, wanted, slope, listening(progress)))


def view(
    masses: str | Path | Table,
    map: str | Path | Mapping[float | str, str | Path] | None = None,
    progress: Progress | bool = silent,
) -> Measurement:
    """Return the clusters of a measured catalogue with images and posteriors, as `szmass show` draws them.

    Maps and model are opened again, as the catalogue's metadata name them.

    Parameters
    ----------
    masses : path or astropy.table.Table
        A catalogue that `szmass estimate` wrote, or what `estimate` returned.
    map : path or mapping, optional
        Where maps are now, for those that are not where they were: one for all, or keyed by frequency [GHz]
        or band name.
    progress : callable or bool, optional
        Called while measured noise is measured again; True prints it.

    Returns
    -------
    Measurement
        An item, by the number of the row or the name of the cluster, is a
        `szmass_cli.pictures.cluster.Cluster`, which has `plot()`.

    Raises
    ------
    SzmassError
        The catalogue does not say what made it, or a map is not what was measured.

    Examples
    --------
    >>> clusters = szmass_cli.view("masses.fits")  # doctest: +SKIP
    >>> clusters["SPT-CLJ2106-5844"].plot()  # doctest: +SKIP
    >>> clusters[0].residual_uk[..., 0].std()  # doctest: +SKIP
    """
    source = masses if isinstance(masses, Table) else Path(masses)
    moved = of_each_band(map, Path) or {}
    moved = moved if isinstance(moved, dict) else {0.0: moved}
    return Measurement.open(source, moved, listening(progress))


def export(
    catalog: "str | Path | Table | DataFrame",
    output: str | Path,
    to: str,
    *,
    area: float | None = None,
    depths: str | Path | None = None,
    snr_above: float = LEAST_SNR,
    posteriors: str | Path | None = None,
    suffix: str = "",
    model: str | Path | None = None,
    overwrite: bool = False,
) -> None:
    """Write a catalogue in the form that another program reads, as `szmass export` does.

    Parameters
    ----------
    catalog : path, astropy.table.Table or pandas.DataFrame
        What `estimate` returned or wrote.
    output : path
        A ``.csv`` file for ``csv-wide``, a folder for the others.
    to : str
        ``cosmocnc``, ``nemo`` or ``csv-wide``.
    area : float, optional
        Area of the survey [deg^2], taken to be of one depth.
    depths : path, optional
        In place of the area: areas and noises of ỹ0, a table as nemo's ``RMSTab.fits``.
    snr_above : float
        Clusters above this S/N are counted.
    posteriors : path, optional
        For ``csv-wide``: file of likelihoods of the same rows.
    suffix : str
        Suffix of the catalogue's columns that szmass added.
    model : str or path, optional
        Model of the catalogue; by default the one that it names.
    overwrite : bool
        Whether an existing output may be replaced.

    Raises
    ------
    SzmassError
        One of its subclasses, with the message and hint that the command prints.

    Examples
    --------
    >>> szmass_cli.export("masses.fits", "counts", "cosmocnc", area=12_000)  # doctest: +SKIP
    """
    request = ExportRequest(
        table_or_path(catalog),
        Target.parse(to),
        area,
        None if depths is None else Path(depths),
        snr_above,
        None if posteriors is None else Path(posteriors),
        suffix,
        None if model is None else str(model),
    )
    run_export(request, Path(output), overwrite)
