"""What is refused before the long work of training begins."""

from szmass_cli.config import LogUniformMasses, SurveyConfig
from szmass_cli.errors import ConfigError
from szmass_cli.physics.profiles import BeamedProfile, cluster_scales
from szmass_cli.sky.clusters import mass_range, redshift_range


def check_trainable(config: SurveyConfig) -> None:
    """Refuse what can be simulated, but not trained or calibrated on.

    Raises
    ------
    ConfigError
        Naming the key to change.
    """
    if config.cutouts.apodisation_arcmin > 0:
        raise ConfigError(
            "cutouts.apodisation_arcmin: networks see whole cutouts, as szmass estimate cuts them.",
            "Set it to 0 to train.",
        )
    {"mass": _check_mass_head, "correction": _check_correction}[config.network.head](config)


def _check_mass_head(config: SurveyConfig) -> None:
    if not isinstance(config.clusters.redshift, float):
        raise ConfigError(
            "clusters.redshift: a network with a mass head is trained at one redshift.",
            "Give a number, or set network.head to correction.",
        )
    if config.data_files:
        raise ConfigError(
            f"sky: {config.data_files[0]} is read from a file; a network with a mass head is trained for "
            "Gaussian beams and white noise.",
            "Give numbers, or set network.head to correction.",
        )
    calibration, redshift = config.calibration, redshift_range(config.clusters)[0]
    low, high = mass_range(config.clusters)
    if not calibration.redshifts[0] <= redshift <= calibration.redshifts[-1]:
        raise ConfigError(
            f"calibration.redshifts: {', '.join(f'{z:g}' for z in calibration.redshifts)} do not enclose "
            f"clusters.redshift, {redshift:g}.",
            f"Set calibration.redshifts to [{redshift:g}], or to a list around it.",
        )
    if calibration.min_m200c_msun > low or calibration.max_m200c_msun < high:
        raise ConfigError(
            f"calibration: its masses of {calibration.min_m200c_msun:g} to "
            f"{calibration.max_m200c_msun:g} Msun do not cover clusters.masses, {low:g} to {high:g} Msun.",
            "Set calibration.min_m200c_msun and calibration.max_m200c_msun.",
        )
    keys = ("calibration.redshifts", "calibration.max_m200c_msun")
    _check_size(config, calibration.max_m200c_msun, calibration.redshifts[0], keys)


def _check_correction(config: SurveyConfig) -> None:
    if not isinstance(config.clusters.masses, LogUniformMasses):
        raise ConfigError(
            "clusters.masses: a correction is trained on masses of kind log_uniform, not "
            f"{config.clusters.masses.kind}.",
            "Set kind to log_uniform; other priors are for szmass estimate --prior.",
        )
    keys = ("clusters.redshift", "clusters.masses.max_m200c_msun")
    _check_size(config, mass_range(config.clusters)[1], redshift_range(config.clusters)[0], keys)


def _check_size(config: SurveyConfig, m200c_msun: float, redshift: float, keys: tuple[str, str]) -> None:
    """Refuse a heaviest and nearest cluster that is too large on the sky to be simulated.

    Raises
    ------
    ConfigError
        Naming the keys of redshift and mass.
    """
    model = config.clusters.sz_model(config.sky.cosmology.build())
    size = float(cluster_scales(m200c_msun, redshift, model).theta500_arcmin)
    if not BeamedProfile.is_tabulated(size):
        raise ConfigError(
            f"{', '.join(keys)}: {m200c_msun:g} Msun at redshift {redshift:g} has theta500 = {size:.3g}', "
            "more than can be simulated.",
            "Raise the smallest redshift, or lower the mass.",
        )
