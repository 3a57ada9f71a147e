"""Measure what it costs to simulate cutouts: seconds, memory, and how many times DeepSZSim's rate.

Usage: python benchmarks/simulate.py [--deepszsim-python PYTHON]

DeepSZSim (MIT) needs older numpy and pixell than szmass, so it lives in an environment of its own:

    python3.11 -m venv deepszsim-venv && deepszsim-venv/bin/pip install deepszsim==0.1.2
    python benchmarks/simulate.py --deepszsim-python deepszsim-venv/bin/python
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from szmass_cli.config import Foregrounds, SkyConfig, SurveyConfig, load_config
from szmass_cli.simulation.cutouts import drawn_in_parallel
from szmass_cli.sky.cutouts import CutoutSimulator

PAPER_LIMIT_S, RATE_LIMIT = 30.0, 2000.0
FEW, MANY = 10_000, 60_000
DEEPSZSIM = Path(__file__).with_name("deepszsim_rate.py")

# in a process of its own, for its peak memory; the rate is that after the first block
COSTS = """
import json, resource, sys, time
start = time.perf_counter()
from pathlib import Path
from szmass_cli.config import load_config
from szmass_cli.simulation.cutouts import write_cutouts
preset, n, workers, path = sys.argv[1], int(sys.argv[2]) or None, int(sys.argv[3]), Path(sys.argv[4])
first = []
def progress(task, done, total, detail=""):
    if task == "cutouts" and not first:
        first.append((time.perf_counter(), done))
written = write_cutouts(load_config(preset), path, seed=1, n=n, workers=workers, progress=progress)
end = time.perf_counter()
began, done = first[0]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
rate = (written - done) / (end - began)
print(json.dumps({"seconds": end - start, "rate": rate, "peak_mib": peak}))
"""


def costs(preset: str, n: int, workers: int, folder: Path) -> dict[str, float]:
    """What `simulate cutouts` of a preset costs with all imports and CAMB; n = 0 is the preset's number."""
    path = folder / "cutouts.h5"
    arguments = [sys.executable, "-c", COSTS, preset, str(n), str(workers), str(path)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    path.unlink()
    return json.loads(done.stdout)


def cmb_and_noise_rate(workers: int) -> float:
    """Cutouts per second of SZ signal, CMB and noise, in memory, as DeepSZSim is timed."""
    nothing = Foregrounds(**dict.fromkeys(Foregrounds.model_fields, 0.0))
    config = SurveyConfig(sky=SkyConfig(foregrounds_dl3000_uk2=nothing))
    simulator = CutoutSimulator(config)

    def seconds(n: int) -> float:
        start = time.perf_counter()
        for _ in drawn_in_parallel(simulator, config.clusters, n, 1, workers):
            pass
        return time.perf_counter() - start

    seconds(512)  # the sky's covariance is taken apart at the first draw
    return 16_384 / seconds(16_384)


def bare_rate() -> float:
    """Cutouts per second of CMB and noise without clusters, on one core."""
    nothing = Foregrounds(**dict.fromkeys(Foregrounds.model_fields, 0.0))
    sky = CutoutSimulator(SurveyConfig(sky=SkyConfig(foregrounds_dl3000_uk2=nothing))).sky
    rng = np.random.default_rng(1)
    sky.draw(rng, 512)
    start = time.perf_counter()
    for _ in range(64):
        sky.draw(rng, 256)
    return 64 * 256 / (time.perf_counter() - start)


def deepszsim_rates(interpreter: str) -> dict[str, float] | None:
    """DeepSZSim's cutouts per second, see deepszsim_rate.py; None if that interpreter does not have it."""
    there = subprocess.run([interpreter, "-c", "import deepszsim"], capture_output=True)
    if there.returncode != 0:
        return None
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [interpreter, DEEPSZSIM], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    return json.loads(done.stdout)


def machine() -> str:
    """Cores that may be used, and what they are."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    load = os.getloadavg()[0]
    return f"{len(os.sched_getaffinity(0))} cores, {model}, load {load:.1f} from others at the start"


def print_costs(folder: Path) -> None:
    n_paper = load_config("paper").cutouts.n
    paper = costs("paper", 0, 2, folder)
    print(
        f"preset paper, {n_paper:,} cutouts, CAMB included  {paper['seconds']:6.1f} s, "
        f"{PAPER_LIMIT_S / paper['seconds']:.1f} times as fast as {PAPER_LIMIT_S:g} s; "
        f"{paper['peak_mib']:.0f} MiB"
    )
    for workers in (1, 2):
        few, many = (costs("survey", n, workers, folder) for n in (FEW, MANY))
        print(
            f"into a file, {workers} workers  {many['rate']:8,.0f} /s, {many['rate'] / RATE_LIMIT:.1f} times "
            f"{RATE_LIMIT:,.0f} /s; {few['peak_mib']:.0f} MiB for {FEW:,} and {many['peak_mib']:.0f} MiB for "
            f"{MANY:,}: {many['peak_mib'] / few['peak_mib']:.2f} times"
        )


def print_against_deepszsim(interpreter: str) -> None:
    theirs = deepszsim_rates(interpreter)
    if theirs is None:
        print(f"{interpreter} has no deepszsim; see the head of this file for how to install it.")
        return
    for workers in (1, 2):
        ours = cmb_and_noise_rate(workers)
        print(
            f"SZ, CMB and noise, {workers} workers  {ours:8,.0f} /s, {ours / theirs['clusters']:.0f} times "
            f"DeepSZSim's simulate_clusters, {theirs['clusters']:.1f} /s"
        )
    bare = bare_rate()
    print(
        f"CMB and noise alone, 1 core   {bare:8,.0f} /s, {bare / theirs['cmb_and_noise']:.0f} times "
        f"DeepSZSim's bare functions, {theirs['cmb_and_noise']:.1f} /s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--deepszsim-python", default=sys.executable, help="an interpreter that has deepszsim"
    )
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        print_costs(Path(folder))
    print_against_deepszsim(arguments.deepszsim_python)


if __name__ == "__main__":
    main()
