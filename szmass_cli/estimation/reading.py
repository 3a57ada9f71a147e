"""What the reports of conditioned networks still ask for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Meter = Any


@dataclass(frozen=True)
class Stamps:
    """Cutouts of the reports of conditioned networks."""

    images_uk: np.ndarray
    redshift: np.ndarray
    redshift_err: np.ndarray
    noise_uk_arcmin: np.ndarray
