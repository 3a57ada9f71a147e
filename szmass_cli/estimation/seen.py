"""What a measurement sees of one row, in images and curves: for pictures, not for the catalogue."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.estimation.strips import Strip
from szmass_cli.geometry import N_PIXELS
from szmass_cli.likelihood.gaussian import Weighed
from szmass_cli.likelihood.scores import ScoreImages


@dataclass(frozen=True)
class Fitted:
    """What a meter makes of the cutouts of one row.

    Parameters
    ----------
    bands : tuple of int, length g
        Which of the f bands of the run were used.
    score : numpy.ndarray, shape (40, 40)
        Score image of the thermal SZ effect: how much more Compton y each pixel wants, over its standard
        deviation on bare sky.
    score_left : numpy.ndarray, shape (40, 40)
        The same without the cluster of the model.
    model_uk : numpy.ndarray, shape (40, 40, g)
        The cluster that fits best at the median mass, in each band that was used [µK_CMB].
    percentiles_msun : numpy.ndarray, shape (p,)
        Percentiles of M200c as in the catalogue, on the scale of the model [Msun].
    ln_mass : numpy.ndarray, shape (m,)
        Cells of the posterior [ln Msun], on the scale of the model.
    density : numpy.ndarray, shape (m,)
        Probability of each cell under the requested prior.
    ln_likelihood : numpy.ndarray, shape (m,) or (0,)
        ln of the likelihood of each cell, its largest value 0; empty where the model has none.
    """

    bands: tuple[int, ...]
    score: np.ndarray
    score_left: np.ndarray
    model_uk: np.ndarray
    percentiles_msun: np.ndarray
    ln_mass: np.ndarray
    density: np.ndarray
    ln_likelihood: np.ndarray


@dataclass(frozen=True)
class Seen:
    """Images and curves of one row; NaN where there is none.

    Parameters
    ----------
    cutout_uk : numpy.ndarray, shape (40, 40, f)
        Cutouts of all bands as they were measured [µK_CMB]; NaN in pixels without data.
    model_uk : numpy.ndarray, shape (40, 40, f)
        The cluster that fits best at the median mass [µK_CMB]; NaN in bands that were not used.
    fitted : Fitted, optional
        None for a row that has no mass.
    """

    cutout_uk: np.ndarray
    model_uk: np.ndarray
    fitted: Fitted | None

    @classmethod
    def of(cls, strip: Strip, fitted: Fitted | None) -> "Seen":
        """Return what is seen of the one row of a strip."""
        cutout = np.where(strip.bad[0], np.nan, strip.images_uk[0].astype(float))
        model = np.full((N_PIXELS, N_PIXELS, cutout.shape[-1]), np.nan)
        if fitted is not None:
            model[..., list(fitted.bands)] = fitted.model_uk
        return cls(cutout, model, fitted)


def y_score(scores: ScoreImages, weighed: Weighed) -> np.ndarray:
    """Return the score image (40, 40) of Compton y of one cutout; scores are of the decrement at 150 GHz."""
    return -scores(weighed, ("tsz",))[0, ..., 0]
