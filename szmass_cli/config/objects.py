"""What is painted one by one on a simulated sky, in place of its Gaussian power."""

from typing import Self

from pydantic import Field, model_validator

from szmass_cli.config.base import MassMsun, Strict


class ObjectsConfig(Strict):
    """Sources, halos, and what clusters shine with besides their gas; all of it off by default.

    Gaussian foregrounds lose the power of what is painted, so that nothing is counted twice.
    """

    radio: float = Field(0.0, ge=0, le=10, description="radio galaxies, times the published counts")
    dusty: float = Field(0.0, ge=0, le=10, description="dusty galaxies, times the published counts")
    faintest_mjy: float = Field(0.3, ge=0.05, le=100, description="at 150 GHz; fainter ones stay Gaussian")
    removed_above_mjy: float = Field(6.4, ge=0.1, le=1e4, description="at 150 GHz; brighter ones are removed")
    removal_error: float = Field(0.0, ge=0, le=1, description="rms fraction of removed ones that is left")
    halos: bool = Field(False, description="unrelated halos, with their dust")
    correlated_halos: bool = Field(False, description="halos around each cluster, the two-halo term")
    min_halo_m200c_msun: MassMsun = 3e13
    max_halo_m200c_msun: MassMsun = 5e14
    halo_mass_bias: float = Field(0.35, ge=-0.5, le=0.7, description="b of halos: gas of (1 - b) M500c")
    cluster_radio: float = Field(0.0, ge=0, le=20, description="radio galaxies in clusters, times as seen")
    cluster_dust: float = Field(0.0, ge=0, le=20, description="dust in clusters and halos, times as seen")
    uncertainty_ln: float = Field(
        0.0, ge=0, le=2, description="rms ln of a factor on each of them, drawn for each cluster"
    )
    velocity_km_s: float = Field(0.0, ge=0, le=2000, description="rms of clusters along the line of sight")
    lensing: bool = Field(False, description="of the CMB by the cluster")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_halo_m200c_msun >= self.max_halo_m200c_msun:
            raise ValueError("min_halo_m200c_msun must be below max_halo_m200c_msun")
        if self.faintest_mjy >= self.removed_above_mjy:
            raise ValueError("faintest_mjy must be below removed_above_mjy")
        return self

    @property
    def has_sources(self) -> bool:
        """Return whether sources of the counts are painted."""
        return self.radio > 0.0 or self.dusty > 0.0

    @property
    def has_halos(self) -> bool:
        """Return whether halos are painted, unrelated ones or those around clusters."""
        return self.halos or self.correlated_halos

    @property
    def has_members(self) -> bool:
        """Return whether clusters shine with more than their gas."""
        return self.cluster_radio > 0.0 or self.cluster_dust > 0.0 or self.velocity_km_s > 0.0

    @property
    def has_any(self) -> bool:
        """Return whether anything is painted."""
        return self.has_sources or self.has_halos or self.has_members or self.lensing


REALISTIC_OBJECTS = ObjectsConfig(
    radio=1.0,
    dusty=1.0,
    removal_error=0.1,
    halos=True,
    correlated_halos=True,
    cluster_radio=1.0,
    cluster_dust=1.0,
    uncertainty_ln=0.4,
    velocity_km_s=300.0,
    lensing=True,
)
"""The sky as published: everything, once. `docs/sky.md` says what each rests on.

300 km/s is the rms of linear theory along the line of sight at z = 0.5 (as in Hand et al. 2012, PRL 109,
041101); clusters' radio galaxies and dust are known to a factor of about 1.5.
"""
