"""A measured catalogue with the maps and the model that made it, and views of its clusters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from szmass_cli.catalog import FLAGS_COLUMN, Catalog, Flag
from szmass_cli.errors import InputError, UsageError, did_you_mean
from szmass_cli.estimation.bench import Bench
from szmass_cli.estimation.noiseagain import with_measured_noise
from szmass_cli.estimation.provenance import recipe_of
from szmass_cli.estimation.recalibrated import recalibrated
from szmass_cli.estimation.recipe import Recipe, reopened
from szmass_cli.estimation.rows import Rows, catalog_rows
from szmass_cli.estimation.run import Estimates
from szmass_cli.estimation.seen import Fitted
from szmass_cli.physics.cosmology import m200c_from_m500c
from szmass_cli.pictures.cluster import Cluster
from szmass_cli.pictures.output import numbers, read_output
from szmass_cli.posterior.priors import PriorChange
from szmass_cli.system.progress import Progress, silent

THREADS = 2
"""Of the network, which sees one cluster at a time."""


@dataclass(frozen=True)
class Measurement:
    """A measured catalogue of n rows; an item, by number or name, is a view of a cluster.

    Parameters
    ----------
    catalog : Catalog
        The input columns.
    columns : astropy.table.Table
        The added columns, under their names without suffix.
    meta : dict
        Provenance.
    recipe : Recipe
        What made them.
    bench : Bench
        Maps and model.
    rows : Rows
        The rows as they were measured.
    change : PriorChange
        Change from the model's own prior, and scale, to those of the masses.
    notes : tuple of str
        What is worth knowing of the run or, of a catalogue opened again, what has changed since.
    """

    catalog: Catalog
    columns: Table
    meta: dict[str, Any]
    recipe: Recipe
    bench: Bench
    rows: Rows
    change: PriorChange
    notes: tuple[str, ...]

    @classmethod
    def of(cls, estimates: Estimates) -> "Measurement":
        """Return a run that has just been made."""
        run, check = estimates.run, estimates.check
        return cls(
            estimates.catalog,
            estimates.columns,
            dict(estimates.meta),
            recipe_of(run, None if check is None else check.recalibration),
            run.bench,
            run.rows,
            run.change,
            estimates.notes,
        )

    @classmethod
    def open(
        cls,
        source: Path | Table,
        moved: Mapping[float, Path] | None = None,
        progress: Progress = silent,
    ) -> "Measurement":
        """Open a catalogue that szmass wrote, and the maps and the model that made it.

        Parameters
        ----------
        source : Path or astropy.table.Table
            The catalogue.
        moved : mapping, optional
            Maps to use in place of those that were measured, see `szmass_cli.estimation.recipe.reopened`.
        progress : Progress
            Called while noise is measured in the maps again.

        Raises
        ------
        InputError, UsageError
            Catalogue, maps or model cannot be used, or have changed.
        """
        output = read_output(source)
        beside = source.resolve().parent if isinstance(source, Path) else None
        again = reopened(output.recipe, moved or {}, beside)
        error = output.recipe.sky.position_error_arcmin
        rows, _ = catalog_rows(output.catalog, again.method.redshifts, error)
        again = with_measured_noise(again, rows, output.meta, progress)
        return cls(
            output.catalog,
            output.columns,
            output.meta,
            output.recipe,
            again.bench,
            rows,
            again.change,
            again.notes,
        )

    def __len__(self) -> int:
        return len(self.catalog)

    def __iter__(self) -> Iterator[Cluster]:
        return (self[row] for row in range(len(self)))

    @cached_property
    def names(self) -> np.ndarray:
        """Return the names (n,) of the clusters; ``row-1``, ``row-2``, ... where the catalogue has none."""
        return self.catalog.names

    @property
    def flags(self) -> np.ndarray:
        """Return the flags (n,) of the rows as they were written."""
        return np.asarray(self.columns[FLAGS_COLUMN]).astype(int)

    @property
    def flagged(self) -> np.ndarray:
        """Return the numbers of the rows that have a flag."""
        return np.flatnonzero(self.flags)

    @property
    def mass_column(self) -> str:
        """Return the name of the column of the first mass definition that was asked for."""
        return f"M{self.recipe.mass_definitions[0]}"

    def row_of(self, name: str) -> int:
        """Return the number of the row of a cluster by its name; ``row-1`` is the first of any catalogue.

        Raises
        ------
        UsageError
            There is no such row, or there are several.
        """
        names = self.names
        found = np.flatnonzero(names == name.strip())
        if found.size == 1:
            return int(found[0])
        numbered = name.strip().removeprefix("row-")
        is_number = not found.size and numbered != name.strip() and numbered.isdecimal()
        if is_number and 1 <= int(numbered) <= len(self):
            return int(numbered) - 1
        if found.size:
            rows = ", ".join(f"row-{row + 1}" for row in found[:5])
            raise UsageError(f"{found.size} rows are called {name!r}.", f"Give one by its number: {rows}.")
        raise UsageError(
            f"No row is called {name!r}.{did_you_mean(name, names[:100_000].tolist())}",
            "Give a name of the catalogue, or the number of the row as row-1, row-2, ...",
        )

    def __getitem__(self, row: int | str) -> Cluster:
        """Return the view of a cluster, by number or name."""
        if isinstance(row, str):
            row = self.row_of(row)
        row = range(len(self))[row]
        seen = self.bench.ready(THREADS).view(self.rows[np.array([row])])
        fitted = seen.fitted and self._as_written(seen.fitted, row)
        nothing, image = np.empty(0), np.full(seen.cutout_uk.shape[:2], np.nan)
        redshift = float(self.rows.redshift[row])
        levels = self.recipe.wanted.percentiles
        percentiles, ln_mass = np.full(3, np.nan), nothing
        if fitted is not None:
            chosen = fitted.percentiles_msun[[levels.index(level) for level in (16.0, 50.0, 84.0)]]
            percentiles, masses = (
                self.change.on_scale(values, np.full(values.shape, redshift))
                for values in (chosen, np.exp(fitted.ln_mass))
            )
            ln_mass = np.log(masses)
        input_mass, input_column = self._input_mass(row)
        flags = int(self.flags[row])
        return Cluster(
            name=str(self.names[row]),
            row=row,
            ra_deg=float(self.rows.ra_deg[row]),
            dec_deg=float(self.rows.dec_deg[row]),
            redshift=redshift,
            flags=tuple(str(flag.name) for flag in Flag if flag & flags),
            values=self._values(row),
            mass=self.mass_column,
            frequencies_ghz=tuple(one.frequency_ghz for one in self.bench.maps),
            cutout_uk=seen.cutout_uk,
            model_uk=seen.model_uk,
            score=image if fitted is None else fitted.score,
            score_left=image if fitted is None else fitted.score_left,
            m200c_msun=percentiles,
            ln_mass=ln_mass,
            density=nothing if fitted is None else fitted.density,
            ln_likelihood=nothing if fitted is None else fitted.ln_likelihood,
            input_m200c_msun=input_mass,
            input_column=input_column,
            made_with=self.in_words(),
        )

    def _as_written(self, fitted: Fitted, row: int) -> Fitted:
        """Return what was fitted to a row with the recalibration that was applied to the catalogue."""
        recalibration = self.recipe.recalibration
        if recalibration is None:
            return fitted
        redshift = self.rows.redshift[row : row + 1]
        snr = numbers(self.columns[row : row + 1], "sz_snr")
        found = recalibrated(recalibration, self.change, redshift, snr, fitted.ln_likelihood[None])
        return replace(
            fitted,
            percentiles_msun=found.wanted.percentiles(self.recipe.wanted.percentiles)[0],
            density=found.wanted.density[0],
            ln_likelihood=found.ln_likelihood[0] - found.ln_likelihood[0].max(),
        )

    def _values(self, row: int) -> dict[str, float]:
        """Return the added numbers of a row; NaN where they are masked."""
        one = self.columns[row : row + 1]
        kinds = {name: one[name].dtype.kind for name in one.colnames}
        return {name: float(numbers(one, name)[0]) for name, kind in kinds.items() if kind in "fiu"}

    @cached_property
    def _input_masses(self) -> tuple[str, np.ndarray]:
        """Return the role and the values (n,) [Msun] of the masses that the catalogue came with."""
        for role in ("m200c", "m500c"):
            if role in self.catalog.roles:
                try:
                    return role, self.catalog.masses_msun(role)
                except InputError:  # of several that could be meant none is
                    continue
        return "", np.full(len(self), np.nan)

    def _input_mass(self, row: int) -> tuple[float, str]:
        """Return the M200c [Msun] that the catalogue came with, and its column; NaN where it has none."""
        role, masses = self._input_masses
        mass = float(masses[row])
        if role == "m500c" and np.isfinite(mass):
            mass = float(m200c_from_m500c(mass, float(self.rows.redshift[row]), self.change.cosmology))
        return mass, self.catalog.roles.get(role, "")

    def in_words(self) -> str:
        """Return model, prior, maps, noise and version in one line."""
        maps = ", ".join(
            f"{one.request.path.name} ({one.frequency_ghz:g} GHz, noise {noise} µK-arcmin)"
            for one, noise in zip(self.bench.maps, self.recipe.settled.noise, strict=True)
        )
        meta = {key: self.meta.get(key, "") for key in ("SZM_MODL", "SZM_VER", "SZM_PRI")}
        # those of the run itself are in the metadata; what has changed since is not
        said = [] if self.meta.get("SZM_NOTE") == " ".join(self.notes) else list(self.notes)
        if self.recipe.recalibration is None and self.meta.get("SZM_RCAL"):  # of an older szmass
            said.append("Posterior, likelihood and interval are those before the recalibration.")
        elif self.recipe.recalibration is not None:
            said.append("Posterior, likelihood and interval are recalibrated.")
        model = f"szmass {meta['SZM_VER']}, model {meta['SZM_MODL']}, prior {meta['SZM_PRI']}"
        return "; ".join([model, maps, *said])
