"""How many cutouts DeepSZSim makes per second; run by benchmarks/simulate.py with an interpreter that has it.

Prints JSON. Cutouts are 41 x 41 pixels of 0.25', as DeepSZSim makes of 40 an odd number. Two ways:

- `clusters`: `simulate_clusters(...).get_T_maps()`, which its README says to call: SZ, CMB, beam, noise.
- `cmb_and_noise`: only its functions for CMB, beam and noise, with a spectrum computed once.

CAMB and imports are left out of both: the first as the difference between two numbers of clusters.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import deepszsim
import numpy as np
from deepszsim import noise, simtools

N_PIXELS, PIXEL_ARCMIN, BEAM_ARCMIN, NOISE_UK_ARCMIN = 41, 0.25, 1.0, 5.0
N_FEW, N_MANY, N_BARE = 10, 90, 400

SETTINGS = f"""
COSMOLOGY:
  Planck2018: {{flat: True, H0: 67.66, Omega_m0: 0.3111, Omega_b0: 0.049, sigma8: 0.8102, ns: 0.9665,
               cosmo_h: 0.6766, t_cmb: 2.7255}}
SURVEYS:
  paper:
    150: {{beam_size: {BEAM_ARCMIN}, noise_level: {NOISE_UK_ARCMIN}}}
IMAGES: {{image_size_pixels: {N_PIXELS}, pixel_size_arcmin: {PIXEL_ARCMIN}}}
"""


def clusters_per_second(settings: Path) -> float:
    """Of the whole pipeline, beyond what it does once."""

    def seconds(n: int) -> float:
        mass = np.random.default_rng(n).uniform(1e14, 8e14, n)
        start = time.perf_counter()
        deepszsim.simulate_clusters(
            M200=mass, redshift_z=np.full(n, 0.7), load_vars_yaml=str(settings), seed=1
        ).get_T_maps()
        return time.perf_counter() - start

    return (N_MANY - N_FEW) / (seconds(N_MANY) - seconds(N_FEW))


def cmb_and_noise_per_second(settings: Path) -> float:
    """Of CMB, beam and noise alone."""
    variables = deepszsim.load_vars(str(settings))
    spectrum = simtools.get_cls(ns=variables["ns"], cosmo=variables["cosmo"])
    nothing = np.zeros((N_PIXELS, N_PIXELS))
    start = time.perf_counter()
    for _ in range(N_BARE):
        sky, _cmb = simtools.add_cmb_map_and_convolve(nothing, spectrum, PIXEL_ARCMIN, BEAM_ARCMIN)
        sky + noise.generate_noise_map(N_PIXELS, NOISE_UK_ARCMIN, PIXEL_ARCMIN)
    return N_BARE / (time.perf_counter() - start)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        settings = Path(folder) / "settings.yaml"
        settings.write_text(SETTINGS)
        simtools.get_cls(ns=0.9665, cosmo=deepszsim.load_vars(str(settings))["cosmo"])  # CAMB's own start
        rates = {
            "clusters": clusters_per_second(settings),
            "cmb_and_noise": cmb_and_noise_per_second(settings),
        }
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
