"""The network, its training and its calibration."""

from typing import Literal, Self

from pydantic import Field, model_validator

from szmass_cli.config.base import MassMsun, Redshift, Strict, check_mass_order


class NetworkConfig(Strict):
    """The mResUNet."""

    base_filters: int = Field(16, ge=2, le=128)
    dropout_rate: float = Field(0.3, ge=0, lt=1)
    dropout_in: Literal["decoder", "encoder"] = "decoder"
    input: Literal["plain", "filtered"] = Field(
        "plain", description="filtered: the cutout, and beside it B C^-1 d, whitened by sky and noise"
    )
    residual: Literal["identity", "projected"] = Field(
        "projected", description="added where a skip joins: the map before it, or a projection of both"
    )
    batch_norm_momentum: float = Field(0.99, gt=0, lt=1)
    head: Literal["mass", "posterior"] = Field(
        "mass", description="mass: the paper's mass pixel; posterior: p(ln M), given redshift, beam and noise"
    )
    matched_filters: int = Field(16, ge=0, le=64, description="posterior: filters that its head sees")
    mixture_components: int = Field(3, ge=1, le=16, description="posterior: Gaussians in ln M")


class TrainingConfig(Strict):
    """How the network is trained."""

    seed: int = Field(1, ge=0, lt=2**32)
    cutouts: Literal["fresh", "fixed"] = "fresh"
    cutouts_per_epoch: int = Field(20_480, ge=2, le=100_000_000)
    validation_cutouts: int = Field(2_048, ge=2, le=10_000_000)
    batch_size: int = Field(64, ge=1, le=65_536)
    max_epochs: int = Field(40, ge=1, le=100_000)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    schedule: Literal["plateau", "cosine"] = "cosine"
    warm_up_epochs: float = Field(0.5, ge=0, le=1000, description="cosine: epochs of a rising learning rate")
    halve_after_epochs: int = Field(5, ge=1, description="plateau: epochs without gain before halving")
    stop_after_epochs: int = Field(15, ge=1, description="epochs without gain before stopping")
    gradient_clip_norm: float = Field(0.0, ge=0, description="largest norm of all gradients; 0 is any")
    average_decay: float = Field(0.0, ge=0, lt=1, description="of the running average of weights; 0 is none")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of activations; auto is float32 on CPUs, half on GPUs"
    )
    mass_pixel_weight: float = Field(300.0, gt=0)
    sz_map_weight: float = Field(1.0, gt=0, description="of the SZ map's pixels; the NFW map's have 1")
    mass_error: Literal["absolute", "relative"] = "absolute"

    @model_validator(mode="after")
    def _at_least_one_batch(self) -> Self:
        if self.batch_size > self.cutouts_per_epoch:
            raise ValueError("batch_size must not exceed cutouts_per_epoch")
        return self


class CalibrationConfig(Strict):
    """The held-out simulations that turn network outputs into percentiles."""

    cutouts: int = Field(100_000, ge=1000, le=10_000_000, description="posterior head")
    cutouts_per_redshift: int = Field(20_000, ge=100, le=10_000_000, description="mass head")
    redshifts: tuple[Redshift, ...] = Field((0.7,), min_length=1, description="mass head")
    min_m200c_msun: MassMsun = 1e14
    max_m200c_msun: MassMsun = 8e14

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_mass_order(self)
        if list(self.redshifts) != sorted(set(self.redshifts)):
            raise ValueError("redshifts must ascend")
        return self
