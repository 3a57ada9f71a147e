"""Strict models of every YAML file: unknown keys and impossible values are errors that name the key."""

from szmass_cli.config.clusters import (
    ClusterConfig,
    ListedMasses,
    ListedRedshifts,
    LogUniformMasses,
    LogUniformRedshifts,
    MassFunctionMasses,
    UniformMasses,
    UniformRedshifts,
    VolumeRedshifts,
)
from szmass_cli.config.clustershapes import (
    EllipticalShape,
    GaussianMiscentring,
    IrregularShape,
    OpticalMiscentring,
    ProfileWeights,
    RoundShape,
    SecondPeak,
    XrayMiscentring,
)
from szmass_cli.config.instruments import InstrumentsConfig
from szmass_cli.config.network import CalibrationConfig, NetworkConfig, TrainingConfig
from szmass_cli.config.objects import REALISTIC_OBJECTS, ObjectsConfig
from szmass_cli.config.observing import ObservingConfig
from szmass_cli.config.products import CutoutConfig, FieldConfig, SplitConfig
from szmass_cli.config.sky import (
    BandConfig,
    CosmologyConfig,
    Foregrounds,
    ForegroundSpectraConfig,
    SkyConfig,
    band_label,
)
from szmass_cli.config.survey import SurveyConfig, load_config, parse_config
from szmass_cli.system.presets import SkyKind, preset_names

__all__ = [
    "REALISTIC_OBJECTS",
    "BandConfig",
    "CalibrationConfig",
    "ClusterConfig",
    "CosmologyConfig",
    "CutoutConfig",
    "EllipticalShape",
    "FieldConfig",
    "ForegroundSpectraConfig",
    "Foregrounds",
    "GaussianMiscentring",
    "InstrumentsConfig",
    "IrregularShape",
    "ListedMasses",
    "ListedRedshifts",
    "LogUniformMasses",
    "LogUniformRedshifts",
    "MassFunctionMasses",
    "NetworkConfig",
    "ObjectsConfig",
    "ObservingConfig",
    "OpticalMiscentring",
    "ProfileWeights",
    "RoundShape",
    "SecondPeak",
    "SkyConfig",
    "SkyKind",
    "SplitConfig",
    "SurveyConfig",
    "TrainingConfig",
    "UniformMasses",
    "UniformRedshifts",
    "VolumeRedshifts",
    "XrayMiscentring",
    "band_label",
    "load_config",
    "parse_config",
    "preset_names",
]
