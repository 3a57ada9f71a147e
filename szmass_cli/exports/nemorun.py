"""What nemo remembers of the run that made a survey, and asks for when its selection is computed again."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import yaml
from astropy.table import Table

from szmass_cli.catalog.selectiontables import SurveyTiles
from szmass_cli.physics.cosmology import Cosmology

CONFIG, F_REL, TILES = "config.yml", "fRelWeights.fits", "tileCoordsDict.pkl"
FILTER = "Arnaud_M2e14_z0p4"
"""nemo's reference filter, of a cluster of 2.4'."""

FREQUENCY = "148.0"
"""[GHz], of the one weight for relativistic corrections: nemo wants a weight, and ours are in y0 already."""


def write_nemo_run(
    tiles: SurveyTiles, relation: Mapping[str, float], cosmology: Cosmology, folder: Path
) -> None:
    """Write the files that nemo's ``SelFn`` opens beside the tables of depth and Q.

    Parameters
    ----------
    tiles : SurveyTiles
        The tiles, of which names are used.
    relation : mapping
        ``tenToA0``, ``B0``, ``Mpivot_msun`` and ``scatter_sz`` of y0 with mass, as in ``parameters.json``.
    cosmology : Cosmology
        That of the relation.
    folder : Path
        Gets ``config.yml``, ``fRelWeights.fits`` and ``tileCoordsDict.pkl``.
    """
    scaling = {
        "label": "szmass",
        "tenToA0": relation["tenToA0"],
        "B0": relation["B0"],
        "Mpivot": relation["Mpivot_msun"],
        "sigma_int": relation["scatter_sz"],
    }
    config = {
        "unfilteredMaps": [],
        "mapFilters": [],
        "photFilter": FILTER,
        "massOptions": {
            "scalingRelations": [scaling],
            "H0": cosmology.h0_km_s_mpc,
            "Om0": cosmology.omega_m,
            "Ob0": cosmology.omega_b,
            "sigma8": cosmology.sigma8,
            "ns": cosmology.n_s,
        },
    }
    (folder / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    weights = Table({"tileName": tiles.names, FREQUENCY: [1.0] * len(tiles.names)})
    weights.meta["COMMENT"] = "y0 is free of the relativistic correction: applyRelativisticCorrection=False"
    weights.write(folder / F_REL)
    # nothing but names: where tiles lie is not known
    (folder / TILES).write_bytes(pickle.dumps({name: {} for name in tiles.names}, protocol=4))
