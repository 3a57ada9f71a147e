"""Flags of catalogue rows: named bits of one integer column."""

import enum

import numpy as np
from astropy.table import Column

FLAGS_COLUMN = "szmass_flags"
FLAG_NAMES_COLUMN = "szmass_flag_names"


class Flag(enum.IntFlag):
    """Quality flags of a row, as bits of ``szmass_flags``; 0 means that none is set.

    =====  ============================  ==============================================================
    bit    name                          meaning
    =====  ============================  ==============================================================
    1      BAD_COORDINATES               right ascension or declination is missing or impossible; no mass
    2      OFF_MAP                       the map has no data anywhere near; no mass
    4      CUT_BY_EDGE                   the cutout reaches over the edge of the map
    8      MASKED                        the core, or too much of the cutout, has no data; no mass
    16     NONFINITE                     what has no data is NaN, or the network's answer is; no mass
    32     NO_REDSHIFT                   no redshift given; the model's own, or any, was assumed
    64     REDSHIFT_OUTSIDE_TRAINING     the network was not trained there, only calibrated
    128    REDSHIFT_OUTSIDE_CALIBRATION  redshift beyond the calibration; no mass
    256    MASS_OUTSIDE_TRAINING         the mass lies outside the training range
    512    NOISE_MISMATCH                the map fluctuates more or less than its sky and stated noise would
    1024   INPAINTED                     holes in the cutout were filled from the sky around them
    2048   BEAM_MISMATCH                 the map's beam is wider than the model's and was sharpened (paper)
    4096   UNLIKE_TRAINING               more is left than the model's sky has: a bright source, a neighbour
    8192   CENTRAL_SOURCE                a point source seems to sit on the cluster and fill in its signal
    16384  OFF_CENTRE                    the signal seems to be centred elsewhere than the position given
    32768  BAND_MISSING                  the map of a band has no data there; the mass is of the others
    65536  UNCALIBRATED_MAP              the map is not as stated, or its noise could not be measured
    131072  SOURCES                      sources or neighbours in the cutout are marginalised over
    262144  PRIOR_DOMINATED              the data allow the lowest masses: the prior sets the lower end
    =====  ============================  ==============================================================
    """

    BAD_COORDINATES = 1
    OFF_MAP = 2
    CUT_BY_EDGE = 4
    MASKED = 8
    NONFINITE = 16
    NO_REDSHIFT = 32
    REDSHIFT_OUTSIDE_TRAINING = 64
    REDSHIFT_OUTSIDE_CALIBRATION = 128
    MASS_OUTSIDE_TRAINING = 256
    NOISE_MISMATCH = 512
    INPAINTED = 1024
    BEAM_MISMATCH = 2048
    UNLIKE_TRAINING = 4096
    CENTRAL_SOURCE = 8192
    OFF_CENTRE = 16384
    BAND_MISSING = 32768
    UNCALIBRATED_MAP = 65536
    SOURCES = 131072
    PRIOR_DOMINATED = 262144


_MEANINGS = {
    Flag.BAD_COORDINATES: "right ascension or declination is missing or impossible; no mass",
    Flag.OFF_MAP: "the map has no data anywhere near; no mass",
    Flag.CUT_BY_EDGE: "the cutout reaches over the edge of the map",
    Flag.MASKED: "the core, or too much of the cutout, has no data; no mass",
    Flag.NONFINITE: "what has no data is NaN, or the network's answer is; no mass",
    Flag.NO_REDSHIFT: "no redshift given; the model's own, or any, was assumed",
    Flag.REDSHIFT_OUTSIDE_TRAINING: "the network was not trained there, only calibrated",
    Flag.REDSHIFT_OUTSIDE_CALIBRATION: "redshift beyond the calibration; no mass",
    Flag.MASS_OUTSIDE_TRAINING: "the mass lies outside the training range",
    Flag.NOISE_MISMATCH: "the map fluctuates more or less than its sky and stated noise would",
    Flag.INPAINTED: "holes in the cutout were filled from the sky around them",
    Flag.BEAM_MISMATCH: "the map's beam is wider than the model's and was sharpened (paper)",
    Flag.UNLIKE_TRAINING: "more is left than the model's sky has: a bright source, a neighbour",
    Flag.CENTRAL_SOURCE: "a point source seems to sit on the cluster and fill in its signal",
    Flag.OFF_CENTRE: "the signal seems to be centred elsewhere than the position given",
    Flag.BAND_MISSING: "the map of a band has no data there; the mass is of the others",
    Flag.UNCALIBRATED_MAP: "the map is not as stated, or its noise could not be measured",
    Flag.SOURCES: "sources or neighbours in the cutout are marginalised over",
    Flag.PRIOR_DOMINATED: "the data allow the lowest masses: the prior sets the lower end",
}


def flag_table() -> list[tuple[int, str, str]]:
    """Return (bit, name, meaning) of every flag, lowest bit first."""
    return [(flag.value, str(flag.name), _MEANINGS[flag]) for flag in Flag]


def flags_column(flags: np.ndarray) -> Column:
    """Return the flags as an output column whose description explains the bits."""
    bits = [f"{bit} {name}" for bit, name, _ in flag_table()]
    description = "; ".join(["0 nothing to say", *bits])
    return Column(np.asarray(flags, dtype=np.int32), name=FLAGS_COLUMN, description=description)


def flag_words(flags: np.ndarray) -> np.ndarray:
    """Return the names of the flags of each row, lowest bit first, joined by semicolons; "" for none."""
    values, place = np.unique(np.asarray(flags), return_inverse=True)
    words = [";".join(str(flag.name) for flag in Flag if flag & int(value)) for value in values]
    return np.array(words, dtype=str)[place]
