"""What every section has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MassMsun = Annotated[float, Field(ge=1e13, le=5e15)]
Redshift = Annotated[float, Field(ge=0.02, le=2.5)]


class Strict(BaseModel):
    """A section: unknown keys and impossible values are errors that name the key."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def check_mass_order(section):
    """Refuse an empty range of masses."""
    if section.min_m200c_msun >= section.max_m200c_msun:
        raise ValueError("min_m200c_msun must be below max_m200c_msun")
    return section
