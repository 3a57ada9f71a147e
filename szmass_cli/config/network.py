"""The network, its training and its calibration."""

from typing import Literal, Self

from pydantic import Field, model_validator

from szmass_cli.config.base import MassMsun, Redshift, Strict, check_mass_order


class NetworkConfig(Strict):
    """The mResUNet: a correction of the Gaussian likelihood, or the paper's own network (``head: mass``)."""

    head: Literal["correction", "mass"] = Field(
        "correction", description="correction: of ln L at given masses; mass: the paper's mass pixel"
    )
    base_filters: int = Field(8, ge=2, le=128)
    residual: Literal["identity", "projected"] = Field(
        "projected", description="added where a skip joins: the map before it, or a projection of both"
    )
    dropout_rate: float = Field(0.0, ge=0, lt=1)
    dropout_in: Literal["decoder", "encoder"] = "decoder"
    contamination: Literal["central_source", "members"] = Field(
        "central_source",
        description="of clusters, that corrections start from; members: dust, motion and radio galaxies",
    )
    input: Literal["plain", "filtered"] = Field(
        "plain",
        description="mass head; filtered: the cutout, and B C^-1 d, whitened by sky and noise",
    )
    batch_norm_momentum: float = Field(0.99, gt=0, lt=1, description="mass head")


class TrainingConfig(Strict):
    """How the network is trained."""

    seed: int = Field(1, ge=0, lt=2**32)
    sky: Literal["as_stated", "realistic"] = Field(
        "as_stated", description="of corrections; realistic: as `--sky realistic`, on what the sky states"
    )
    cutouts: Literal["fresh", "fixed", "stored"] = Field(
        "fresh", description="stored: new ones for some epochs, then the same ones seen in mirrors"
    )
    stored_epochs: int = Field(1, ge=1, le=100_000, description="epochs of new cutouts where they are stored")
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
    sz_map_weight: float = Field(1.0, gt=0, description="of the SZ map's pixels; the mass has 1")
    mass_pixel_weight: float = Field(300.0, gt=0, description="mass head")
    mass_error: Literal["absolute", "relative"] = Field("absolute", description="mass head")

    def epochs_drawn(self, n_epochs: int) -> int:
        """Return how many of so many epochs have new cutouts."""
        most = {"fresh": n_epochs, "fixed": 1, "stored": self.stored_epochs}[self.cutouts]
        return min(n_epochs, most)

    @model_validator(mode="after")
    def _at_least_one_batch(self) -> Self:
        if self.batch_size > self.cutouts_per_epoch:
            raise ValueError("batch_size must not exceed cutouts_per_epoch")
        return self


class CalibrationConfig(Strict):
    """The held-out simulations that set posteriors right."""

    cutouts: int = Field(30_000, ge=200, le=10_000_000, description="correction")
    cutouts_per_redshift: int = Field(20_000, ge=100, le=10_000_000, description="mass head")
    redshifts: tuple[Redshift, ...] = Field((0.7,), min_length=1, description="mass head")
    min_m200c_msun: MassMsun = Field(1e14, description="mass head")
    max_m200c_msun: MassMsun = Field(8e14, description="mass head")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_mass_order(self)
        if list(self.redshifts) != sorted(set(self.redshifts)):
            raise ValueError("redshifts must ascend")
        return self
