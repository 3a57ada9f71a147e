"""What is on a realistic sky, against what is published: powers, infill, two-halo term; and its speed.

Usage: python benchmarks/sky.py [power] [poisson] [infill] [surroundings] [speed]

Without arguments everything, about 20 minutes on two cores.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from colossus.cosmology import cosmology as colossus_cosmology
from colossus.lss import bias
from scipy.special import j0

from szmass_cli.config import (
    REALISTIC_OBJECTS,
    FieldConfig,
    MassFunctionMasses,
    SkyKind,
    SurveyConfig,
    VolumeRedshifts,
    load_config,
)
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.cosmology import angular_diameter_distance_mpc
from szmass_cli.physics.massfunction import halo_density_per_mpc3
from szmass_cli.physics.profiles import cluster_scales, form_factor
from szmass_cli.simulation.cutouts import drawn_in_parallel, write_cutouts
from szmass_cli.simulation.field import simulate_survey_field
from szmass_cli.simulation.figures.fieldspectra import field_spectra
from szmass_cli.sky.cutouts import CutoutSimulator, Stream, block_generator
from szmass_cli.sky.objects.cutoutobjects import CutoutObjects
from szmass_cli.sky.objects.halos import GasAndDust, Surroundings, halo_light, halo_power_uk2_sr
from szmass_cli.sky.objects.members import MemberSource
from szmass_cli.sky.objects.sources import draw_sources, source_kinds

POISSON_DEG2 = 5000.0
ACT_SNR, ACT_CLUSTERS = 4.0, 6000
POWER_FIELDS = 3


def realistic(preset: str, **sky) -> SurveyConfig:
    """Return a preset with the realistic sky, and changes of its ``sky``."""
    config = load_config(preset)
    if len(config.sky.bands) > 3:
        config = config.with_frequencies([93.0, 145.0, 225.0])
    return config.model_copy(
        update={"sky": config.sky.model_copy(update={"objects": REALISTIC_OBJECTS, **sky})}
    )


def show_poisson() -> None:
    """Compare the power of drawn sources with that of the counts, in each band."""
    config = realistic("spt-3g")
    objects = config.sky.objects.model_copy(update={"removal_error": 0.0})
    bands, rng = config.sky.build_bands(), np.random.default_rng(1)
    steradian = POISSON_DEG2 / (180.0 / np.pi) ** 2
    print(f"Poisson power of {POISSON_DEG2:g} deg^2 of sources over the counts', by band (limit 3 per cent)")
    for kind in source_kinds(config.sky, bands):
        sources = draw_sources([kind], objects, POISSON_DEG2, rng)
        drawn = (sources.brightness.T @ sources.brightness) * ARCMIN**4 / steradian
        expected = kind.power_uk2_sr(objects.faintest_mjy, objects.removed_above_mjy)
        ratio = " ".join(f"{value:.3f}" for value in (drawn / expected)[np.triu_indices(len(bands))])
        print(f"  {kind.name:14s} {ratio}   {len(sources) / POISSON_DEG2:.0f} sources / deg^2")


def show_power() -> None:
    """Compare the power of a field, sources and halos painted, with that of Reichardt et al. (2021)."""
    config = realistic("spt-3g")
    quiet = tuple(
        band.model_copy(update={"noise_uk_arcmin": 0.5, "ell_knee": None}) for band in config.sky.bands
    )
    objects = REALISTIC_OBJECTS.model_copy(update={"removal_error": 0.0, "correlated_halos": False})
    config = config.model_copy(
        update={
            "sky": config.sky.model_copy(update={"bands": quiet, "objects": objects}),
            "field": FieldConfig(width_deg=20, height_deg=10, pixel_arcmin=0.5, center_dec_deg=-20),
        }
    )
    ratios, errors, ells = [], [], np.zeros(0)
    for seed in range(5, 5 + POWER_FIELDS):
        with tempfile.TemporaryDirectory() as folder:
            written = simulate_survey_field(config, Path(folder) / "field.fits", seed=seed, n_clusters=1)
            spectra = field_spectra(config, written.paths.maps, written.paths.mask, written.truth)
        assert spectra is not None
        ells = spectra.ell
        ratios.append(spectra.measured / spectra.expected)
        errors.append(spectra.error / spectra.expected)
    ratio = np.mean(ratios, axis=0)
    error = np.sqrt(np.mean(np.square(errors), axis=0) / POWER_FIELDS)
    print(
        f"Power of {POWER_FIELDS} fields of 20 x 10 deg over that of Reichardt et al. 2021 (limit 5 per cent)"
    )
    names = [f"{band.frequency_ghz:.0f}" for band in config.sky.bands]
    pairs = [(i, j) for i in range(len(names)) for j in range(i, len(names))]
    print("   ell  " + " ".join(f"{names[i]:>5}x{names[j]:<5}" for i, j in pairs) + "   error of 150 x 150")
    for index, ell in enumerate(ells):
        if 1900 <= ell <= 8500:
            row = " ".join(f"{ratio[pair][index]:11.3f}" for pair in pairs)
            print(f"{ell:6.0f}  {row}   {error[1, 1, index]:.3f}")


def show_infill() -> None:
    """Show what radio galaxies and dust take of the signal of clusters like those of ACT."""
    config = realistic("act-dr6")
    masses = MassFunctionMasses(min_m200c_msun=2.0e14, max_m200c_msun=3.0e15)
    clusters = config.clusters.model_copy(
        update={"masses": masses, "redshift": VolumeRedshifts(min=0.2, max=1.8)}
    )
    objects = REALISTIC_OBJECTS.model_copy(update={"uncertainty_ln": 0.0})
    config = config.model_copy(update={"sky": config.sky.model_copy(update={"objects": objects})})
    simulator = CutoutSimulator(config)
    model = config.clusters.sz_model(config.sky.cosmology.build())
    light = halo_light(objects, simulator.bands, model)
    source = MemberSource(objects, simulator.bands, model, light)
    painter = CutoutObjects(config.sky, simulator.sky, model, light)
    inverse = simulator.sky.inverse
    taken, filled, redshift_of = [], [], []
    for index in range(-(-ACT_CLUSTERS // simulator.block_size)):
        rng = block_generator(3, Stream.USER, index)
        block = simulator.block(clusters, rng)
        template = block.sz / block.amplitude[:, None, None, None].astype(np.float32)
        weighted = inverse(template)
        norm = np.einsum("nijf,nijf->n", template, weighted, dtype=float)
        snr = block.amplitude * np.sqrt(norm)
        members = source.draw(block.m200c, block.redshift, rng)
        image = np.zeros_like(block.image)
        painter.add_radio(image, members, cluster_scales(block.m200c, block.redshift, model), None)
        of_radio = -np.einsum("nijf,nijf->n", image, weighted, dtype=float) / (block.amplitude * norm)
        scales = cluster_scales(block.m200c, block.redshift, model)
        still = np.zeros(len(block.redshift))
        over_gas = source.over_gas(
            members.dust_mjy, still, scales, block.m200c, block.redshift, block.amplitude
        )
        keep = snr > ACT_SNR
        taken.append(of_radio[keep])
        filled.append(-over_gas[keep])
        redshift_of.append(block.redshift[keep])
    lost, dust, z = np.concatenate(taken), np.concatenate(filled), np.concatenate(redshift_of)
    print(f"{len(z)} clusters of ACT DR6 depth, S/N > {ACT_SNR:g}, three-band filter, M200c >= 2e14 Msun")
    share = (lost > 0.2).mean()
    error = np.sqrt(share * (1 - share) / len(z))
    print(
        f"  radio takes over 20 per cent of y from {100 * share:.1f} ± {100 * error:.1f} % (published 3 ± 1)"
    )
    print(f"  they add over 10 per cent to {100 * (lost < -0.1).mean():.1f} % (published 3)")
    clipped = lost[np.abs(lost) < 1.0]
    of_mean = clipped.std() / np.sqrt(len(clipped))
    print(f"  mean loss {100 * clipped.mean():.1f} ± {100 * of_mean:.1f} % (published 1 to 2)")
    high = z > 1.0
    for name, index, published in (("150", 1, "17 ± 4"), ("95", 0, "4 ± 2")):
        fills = 100 * dust[high, index]
        print(
            f"  dust fills {fills.mean():.1f} % at {name} GHz, z > 1 "
            f"({high.sum()} clusters; published {published})"
        )
    ell = np.array([2000.0, 3000.0, 5000.0])
    tsz, dusty, both = _halo_powers(objects, config, model)(ell)
    total = config.sky.foregrounds_dl3000_uk2
    at_3000 = 2.0 * np.pi / 3000.0 / 3001.0
    all_dust = (total.dusty_poisson + total.dusty_clustered) * at_3000
    cross = -(both - tsz - dusty) / 2.0
    print(
        "  correlation of thermal SZ effect and all dust at ell = 3000, 150 GHz, of painted halos: "
        f"{cross[1] / np.sqrt(max(tsz[1], total.tsz * at_3000) * all_dust):.2f} (published 0.05 to 0.2)"
    )


def _halo_powers(objects, config: SurveyConfig, model):
    """Return a function that gives the power of halos' gas, of their dust, and of both, at 150 GHz."""
    bands = config.sky.build_bands()
    light = halo_light(objects, bands, model)

    class OnlyDust(GasAndDust):
        @property
        def gas_uk(self) -> np.ndarray:
            return np.zeros(len(self.bands))

    def powers(ell: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        gas = GasAndDust(light.bands, light.model, light.dust, 0.0)
        dust = OnlyDust(light.bands, light.model, light.dust, light.dust_number)
        return tuple(halo_power_uk2_sr(objects, one, ell)[1, 1] for one in (gas, dust, light))

    return powers


def show_surroundings() -> None:
    """Compare the mean Compton y of halos drawn around clusters with the two-halo term of the halo model."""
    config = realistic("spt-3g")
    objects = config.sky.objects
    model = config.clusters.sz_model(config.sky.cosmology.build())
    light = halo_light(objects, config.sky.build_bands(), model)
    surroundings = Surroundings(objects, model.cosmology, 60.0)
    print("Two-halo term, mean y of drawn halos over the halo model's (limit 10 per cent)")
    for m200c, z in ((3e14, 0.5), (6e14, 0.5), (3e14, 1.0)):
        theta500 = cluster_scales(np.array([m200c]), z, model).theta500_arcmin[0]
        theta = np.array([1.0, 2.0, 3.0, 4.0]) * theta500
        expected = analytic_two_halo_y(m200c, z, theta, objects, light, model)
        drawn = drawn_two_halo_y(m200c, z, theta, surroundings, light)
        print(f"  {m200c:.0e} Msun, z = {z:g}: " + " ".join(f"{value:.3f}" for value in drawn / expected))


def analytic_two_halo_y(m200c, z, theta_arcmin, objects, light, model) -> np.ndarray:
    """Return y of the two-halo term, b P(k) int dm n b y_ell in Fourier space (Vikram et al. 2017)."""
    cosmology = model.cosmology
    h = cosmology.use_in_colossus()
    distance = float(angular_diameter_distance_mpc(z, cosmology)) * (1.0 + z)
    ell = np.geomspace(10.0, 60_000.0, 1200)
    mass = np.geomspace(objects.min_halo_m200c_msun, objects.max_halo_m200c_msun, 160)
    density = halo_density_per_mpc3(mass, np.array([z]), "200c", cosmology)[0]
    of_halos = bias.haloBias(mass * h, z, "200c", model="tinker10")
    scales = light.scales(mass, np.full(mass.size, z))
    size = scales.theta500_arcmin * ARCMIN
    y_ell = scales.y_scale * size**2 * form_factor(ell[:, None] * size)
    weighted = np.trapezoid(density * of_halos * y_ell, np.log(mass), axis=1)
    k = (ell + 0.5) / distance
    power = colossus_cosmology.getCurrent().matterPowerSpectrum(k / h, z) / h**3
    of_cluster = float(bias.haloBias(m200c * h, z, "200c", model="tinker10"))
    integrand = ell * of_cluster * power * weighted / (2.0 * np.pi)
    waves = j0(np.outer(theta_arcmin * ARCMIN, ell))
    return np.trapezoid(waves * integrand, ell, axis=1)


def drawn_two_halo_y(m200c, z, theta_arcmin, surroundings, light) -> np.ndarray:
    """Return the mean y at angles from many clusters of one mass and redshift."""
    from szmass_cli.physics.profiles import projected_shape

    n, rng = 20_000, np.random.default_rng(2)
    halos = surroundings.draw(np.full(n, m200c), np.full(n, z), rng)
    scales = light.scales(halos.m200c_msun, halos.redshift)
    angles = 2.0 * np.pi * (np.arange(16) + 0.5) / 16
    total = np.zeros(len(theta_arcmin))
    for index, theta in enumerate(theta_arcmin):
        for angle in angles:
            north, west = theta * np.cos(angle), theta * np.sin(angle)
            apart = np.hypot(halos.north_arcmin - north, halos.west_arcmin - west) / scales.theta500_arcmin
            near = apart < 5.0
            total[index] += np.sum(scales.y_scale[near] * projected_shape(apart[near]))
    return total / n / len(angles)


def show_speed() -> None:
    """Time realistic cutouts of three bands and a realistic field of three bands."""
    config = load_config("spt-3g").with_sky(SkyKind.REALISTIC)
    simulator = CutoutSimulator(config)
    simulator.block(config.clusters, block_generator(1, Stream.USER, 0))
    n, workers = 256 * 16, len(os.sched_getaffinity(0))
    start = time.perf_counter()
    for _ in drawn_in_parallel(simulator, config.clusters, n, 2, workers):
        pass
    rate = n / (time.perf_counter() - start)
    print(
        f"realistic cutouts of {simulator.sky.n_bands} bands, {workers} threads: {rate:.0f} / s (limit 1000)"
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        write_cutouts(config, Path(folder) / "cutouts.h5", seed=2, n=n)
        print(f"the same into a file, tables and CAMB included: {time.perf_counter() - start:.0f} s for {n}")
        start = time.perf_counter()
        field = config.model_copy(
            update={"field": config.field.model_copy(update={"width_deg": 20.0, "height_deg": 10.0})}
        )
        written = simulate_survey_field(field, Path(folder) / "field.fits", seed=1)
        seconds = time.perf_counter() - start
        print(f"realistic field, 20 x 10 deg, {len(written.truth)} clusters: {seconds:.0f} s (limit 240)")
    import resource

    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"largest memory {peak_gb:.1f} GB, load of the machine {os.getloadavg()[0]:.1f}")


SECTIONS = {
    "poisson": show_poisson,
    "power": show_power,
    "infill": show_infill,
    "surroundings": show_surroundings,
    "speed": show_speed,
}


def main(chosen: list[str]) -> None:
    """Run the chosen sections, or all."""
    for name in chosen or SECTIONS:
        SECTIONS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
