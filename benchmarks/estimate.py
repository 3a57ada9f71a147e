"""Measure `szmass estimate` at survey scale on this machine: one band and three, memory, start-up.

Usage: python benchmarks/estimate.py [--rows 10000] [--many 100000] [--folder DIR] [--quick] [--model NAME]

It writes three maps of 5.35 GB (43200 x 10320, I/Q/U; their Q and U are holes in the file) and a HEALPix map
of nside 8192 into the folder. With --quick only rates end to end are measured.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import healpy
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from bare import ACT_LIKE, ONE_BAND, bare_network
from pixell import enmap, reproject

from szmass_cli import DEFAULT_MODEL
from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.network.backend import CPU_BATCH_SIZE, one_thread_per_operation, usable_cores
from szmass_cli.network.bundle.bundle import Bundle, find_bundle, read_bundle
from szmass_cli.physics.bands import Instrument
from szmass_cli.system.blas import one_blas_thread

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (10320, 43200)
TILE = 1024
NSIDE = 8192


BANDS = ("f090", "f150", "f220")
BEAMS = {"f090": 2.1, "f150": 1.4, "f220": 1.0}
NOISE = {"f090": "14,2000", "f150": "14,3000", "f220": "40,3000"}


def write_car(path: Path, band: str) -> None:
    """A map as large as ACT DR6's; its sky repeats, its Q and U are holes in the file."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
    wcs.wcs.cdelt, wcs.wcs.crpix = [-1 / 120, 1 / 120], [21600.5, 7561.0]
    header = wcs.to_header()
    header["BUNIT"], header["FREQ"] = "uK", band
    shaped = fits.PrimaryHDU(np.zeros((3, 1, 1), ">f4"), header).header
    shaped["NAXIS1"], shaped["NAXIS2"] = SHAPE[1], SHAPE[0]
    text = shaped.tostring().encode()
    tile = sky_tile()
    with open(path, "wb") as stream:
        stream.write(text)
        for start in range(0, SHAPE[0], TILE):
            rows = np.tile(tile, (1, SHAPE[1] // TILE + 1))[: min(TILE, SHAPE[0] - start), : SHAPE[1]]
            stream.write(rows.astype(">f4").tobytes())
        stream.truncate(-(-(len(text) + 3 * 4 * SHAPE[0] * SHAPE[1]) // 2880) * 2880)


def sky_tile() -> np.ndarray:
    """White noise of 10 µK on a red sky of 100 µK, periodic."""
    rng = np.random.default_rng(1)
    waves = np.hypot(*np.meshgrid(np.fft.fftfreq(TILE), np.fft.rfftfreq(TILE), indexing="ij"))
    modes = np.fft.rfft2(rng.standard_normal((TILE, TILE))) / (waves + 1e-2) ** 1.5
    sky = np.fft.irfft2(modes, s=(TILE, TILE))
    return 100.0 * sky / sky.std() + 10.0 * rng.standard_normal((TILE, TILE))


def write_healpix(path: Path) -> None:
    """A full sky in one column of floats, 3.2 GB."""
    block = fits.PrimaryHDU().header.tostring().encode()
    values = np.tile(sky_tile().ravel().astype(">f4"), 4)
    pixels = healpy.nside2npix(NSIDE)
    column = fits.Column("T", "1024E", unit="uK", array=np.zeros((1, 1024), ">f4"))
    table = fits.BinTableHDU.from_columns([column])
    table.header.update({"PIXTYPE": "HEALPIX", "NSIDE": NSIDE, "ORDERING": "RING", "COORDSYS": "C"})
    table.header["NAXIS2"] = pixels // 1024
    with open(path, "wb") as stream:
        stream.write(block + table.header.tostring().encode())
        for start in range(0, pixels, values.size):
            stream.write(values[: pixels - start].tobytes())
        stream.truncate(-(-stream.tell() // 2880) * 2880)


def write_catalogue(path: Path, rows: int) -> Path:
    """Clusters all over the map."""
    rng = np.random.default_rng(rows)
    dec = np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-62)), np.sin(np.radians(22)), rows)))
    Table({"ra": rng.uniform(0, 360, rows), "dec": dec, "z": np.full(rows, 0.7)}).write(path, overwrite=True)
    return path


def cutting(car: Path, sphere: Path) -> None:
    """Cutouts per second and core, dec-ordered as a run takes them, against pixell."""
    positions = Table.read(write_catalogue(car.with_name("cut.fits"), 6000))
    positions.sort("dec")
    ra, dec = np.asarray(positions["ra"])[1000:5000], np.asarray(positions["dec"])[1000:5000]
    rates = {}
    for name, path in (("car", car), ("healpix", sphere)):
        sky_map = open_map(path)
        times = []
        for _ in range(2):  # the second time pages are in memory
            start = time.process_time()
            with one_blas_thread():  # as in a run, which cuts several strips at once
                for first in range(0, len(ra), 128):
                    extract_cutouts(sky_map, ra[first : first + 128], dec[first : first + 128])
            times.append(time.process_time() - start)
        rates[name] = len(ra) / min(times)
    plane = enmap.read_map(str(car), sel=np.s_[0, 3000:5400, :8000])
    north = plane.shape[0] // 2
    where = np.array([plane.pix2sky([north, column]) for column in np.linspace(500, 7500, 100)])
    radius, resolution = np.radians(5.0 / 60.0), np.radians(0.25 / 60.0)
    start = time.process_time()
    reproject.thumbnails(plane, where, r=radius, res=resolution, proj="tan", oversample=2, verbose=False)
    pixell = len(where) / (time.process_time() - start)
    print(
        f"cut from 0.5' CAR on disk  {rates['car']:8,.0f} /s and core, {rates['car'] / pixell:.1f} x pixell"
    )
    print(f"cut from HEALPix 8192      {rates['healpix']:8,.0f} /s and core")


def forward(rows: int, instrument: Instrument, model: str) -> float:
    """Cutouts per second through likelihood and network, on all cores, from memory."""
    one_thread_per_operation(usable_cores())
    bundle = read_bundle(model)
    assert isinstance(bundle, Bundle)
    with one_blas_thread():
        predictor = bare_network(bundle, CPU_BATCH_SIZE, instrument)
        shape = (128, 40, 40, len(instrument))
        images = np.random.default_rng(1).normal(0, 100, shape).astype(np.float32)
        predictor(images)
        with ThreadPoolExecutor(usable_cores()) as pool:
            start = time.perf_counter()
            list(pool.map(lambda _: predictor(images), range(rows // 128)))
            return rows // 128 * 128 / (time.perf_counter() - start)


def szmass(*arguments, **environment) -> tuple[float, float, float]:
    """Seconds that a command took, the most anonymous memory it had [GB], and the time of its first part."""
    command = [sys.executable, "-m", "szmass_cli", *map(str, arguments)]
    start, first, highest = time.perf_counter(), float("nan"), 0.0
    parts = Path(f"{arguments[arguments.index('-o') + 1]}.parts") if "-o" in arguments else None
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    while process.poll() is None:
        highest = max(highest, anonymous_gb(process.pid))
        if parts is not None and np.isnan(first) and any(parts.glob("part-*.npz")):
            first = time.perf_counter() - start
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, highest, first


def anonymous_gb(pid: int) -> float:
    """Memory of a process without the pages of mapped files."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    found = [int(line.split()[1]) for line in lines if line.startswith("RssAnon")]
    return found[0] / 1e6 if found else 0.0


def idle_gb(model: str) -> float:
    """Memory of a process that has the network loaded and nothing to do."""
    code = (
        "import json; from szmass_cli.estimation.run import *;"
        "from szmass_cli.network.massmodel import MassModel;"
        "from szmass_cli.network.backend import one_thread_per_operation as o;"
        "from szmass_cli.network.bundle.bundle import read_bundle; from pathlib import Path; o(2);"
        f"m = MassModel.from_bundle(read_bundle({str(find_bundle(model))!r}), {CPU_BATCH_SIZE});"
        "lines = Path('/proc/self/status').read_text().splitlines();"
        "print(json.dumps([line.split()[1] for line in lines if 'RssAnon' in line]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout)[0]) / 1e6


def of_maps(cars: dict[str, Path], model: str) -> tuple[str, ...]:
    """What is said of model and maps on the command line."""
    arguments: list[str] = ["--model", model]
    for band, path in cars.items():
        arguments += ["--map", f"{band}={path}"]
        arguments += ["--beam", f"{band}={BEAMS[band]}", "--noise", f"{band}={NOISE[band]}"]
    return tuple(arguments)


def end_to_end(folder: Path, cars: dict[str, Path], instrument: Instrument, rows: int, model: str) -> None:
    """A whole run beside the bare model, before and after it: the machine may not be alone."""
    catalogue = write_catalogue(folder / "rows.fits", rows)
    before = forward(2048, instrument, model)
    output, maps = folder / "rows_out.fits", of_maps(cars, model)
    seconds, _, first = szmass("estimate", *maps, catalogue, "-o", output, "--overwrite", "-q")
    after = forward(2048, instrument, model)
    options = ("-o", output, "--overwrite", "-q")
    few, _, _ = szmass("estimate", *maps, write_catalogue(folder / "few.fits", 128), *options)
    rate, bare = (rows - 128) / (seconds - few), 0.5 * (before + after)
    what = f"{rate:,.0f} /s, {rate / bare:.2f} of the bare model's {bare:,.0f} /s"
    print(f"{len(cars)} bands, {rows:,} rows: {what}")
    print(f"128 rows, start to end, in {few:.1f} s; first part of 1024 after {first:.1f} s", flush=True)


def memory(folder: Path, cars: dict[str, Path], sizes: list[int], model: str) -> None:
    """Peak of anonymous memory above an idle process, for small and large catalogues."""
    idle = idle_gb(model)
    for rows in sizes:
        catalogue, output = write_catalogue(folder / "memory.fits", rows), folder / "memory_out.fits"
        _, peak, _ = szmass("estimate", *of_maps(cars, model), catalogue, "-o", output, "--overwrite", "-q")
        above = f"{peak - idle:+.2f} GB above {idle:.2f} GB of an idle process"
        print(f"{len(cars)} bands, {rows:,} rows: {above}", flush=True)


def workers(folder: Path, cars: dict[str, Path], rows: int, model: str) -> None:
    """One local worker against two."""
    catalogue, outputs, times = write_catalogue(folder / "workers.fits", rows), [], []
    maps = of_maps(cars, model)
    for count in (1, 2):
        output = folder / f"workers_{count}.fits"
        options = ("--overwrite", "-q", "--block-rows", 256, "--workers", count)
        times.append(szmass("estimate", *maps, catalogue, "-o", output, *options)[0])
        outputs.append(output.read_bytes())
    few = write_catalogue(folder / "few.fits", 128)
    alone = ("-o", folder / "few_out.fits", "--overwrite", "-q", "--workers", 1)
    idle = szmass("estimate", *maps, few, *alone)[0]
    print(f"{rows:,} rows: two workers need {times[1] / times[0]:.2f} of one worker's time, all in;")
    print(f"  {(times[1] - idle) / (times[0] - idle):.2f} without the start")
    print(f"their outputs: {said(len(set(outputs)) == 1)}", flush=True)


def shards(folder: Path, cars: dict[str, Path], rows: int, model: str) -> None:
    """Eight shards against one run."""
    catalogue, whole = write_catalogue(folder / "shards_in.fits", rows), folder / "whole.fits"
    maps, how = of_maps(cars, model), ("-q", "--block-rows", 256)
    szmass("estimate", *maps, catalogue, "-o", whole, "--overwrite", *how)
    output = folder / "shards.fits"
    for shard in range(1, 9):
        szmass("estimate", *maps, catalogue, "-o", output, *how, "--shard", f"{shard}/8")
    subprocess.run(
        [sys.executable, "-m", "szmass_cli", "merge", output, "-q", "--overwrite"], cwd=ROOT, check=True
    )
    same = output.read_bytes() == whole.read_bytes()
    print(f"{rows:,} rows: one run and eight shards, merged: {said(same)}", flush=True)


def said(same: bool) -> str:
    return "the same bytes" if same else "DIFFERENT BYTES"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="only rates end to end")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    shipped: str = arguments.model
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line for line in lines if "model name" in line), "")
    print(f"{usable_cores()} cores, {model.partition(':')[2].strip()}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        cars, sphere = {band: folder / f"{band}.fits" for band in BANDS}, folder / "sphere.fits"
        for band, path in cars.items():
            write_car(path, band)
        one = {"f150": cars["f150"]}
        end_to_end(folder, one, ONE_BAND, arguments.rows, shipped)
        end_to_end(folder, cars, ACT_LIKE, arguments.rows, shipped)
        if arguments.quick:
            return
        write_healpix(sphere)
        sizes = (
            f"{cars['f150'].stat().st_size / 1e9:.2f} GB of CAR each, {sphere.stat().st_size / 1e9:.2f} GB"
        )
        print(f"{sizes} of HEALPix")
        cutting(cars["f150"], sphere)
        workers(folder, cars, arguments.rows // 2, shipped)
        shards(folder, cars, 2048, shipped)
        memory(folder, one, [1000, arguments.many], shipped)
        memory(folder, cars, [1000, arguments.many // 4], shipped)


if __name__ == "__main__":
    main()
