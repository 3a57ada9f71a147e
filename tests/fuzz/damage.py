"""What can happen to any file: bits that flip, ends that are lost, cards and words that make no sense."""

import bz2
import gzip
import os
import string

from astropy.io import fits

WEIRD_VALUES = (
    *(0, 1, -1, 2, 3, 7, 255, -32768, 2**31, 2**63, -(2**63), 10**20, 0.0, -0.0, 0.5, 1e-300, 1e300, 1e30),
    *(
        True,
        False,
        "",
        " ",
        "T",
        "F",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e400",
        "None",
        "x" * 60,
        "'",
        "[uK",
        "Q",
    ),
    *("RING", "NESTED", "uK", "K", "y", "K^2", "1/uK^2", "galactic", "HEALPIX", "STOKES", "FREQ", "RA---TAN"),
    *("DEC--CAR", "RA---SFL", "GLON-CAR", "../x", "/dev/zero", "%s%n", "ICRS", "FK4", "ALTAZ"),
)
KEYS = (
    *(
        "BITPIX",
        "NAXIS",
        "NAXIS1",
        "NAXIS2",
        "NAXIS3",
        "CTYPE1",
        "CTYPE2",
        "CTYPE3",
        "CRVAL1",
        "CRVAL2",
        "CRVAL3",
    ),
    *(
        "CRPIX1",
        "CRPIX2",
        "CDELT1",
        "CDELT2",
        "CDELT3",
        "CUNIT1",
        "CUNIT2",
        "PC1_1",
        "PC1_2",
        "PC2_1",
        "CD1_1",
    ),
    *(
        "CD1_2",
        "LONPOLE",
        "LATPOLE",
        "PV1_1",
        "PV2_1",
        "PV2_2",
        "RADESYS",
        "EQUINOX",
        "BUNIT",
        "UNITS",
        "BSCALE",
    ),
    *(
        "BZERO",
        "BLANK",
        "BAD_DATA",
        "WEIGHTED",
        "ISWEIGHT",
        "WTYPE",
        "POLTYPE",
        "EXTNAME",
        "EXTVER",
        "FREQ",
        "BEAM",
    ),
    *(
        "ORIGIN",
        "NSIDE",
        "ORDERING",
        "COORDSYS",
        "PIXTYPE",
        "INDXSCHM",
        "FIRSTPIX",
        "LASTPIX",
        "OBJECT",
        "TFIELDS",
    ),
    *(
        "TTYPE1",
        "TTYPE2",
        "TFORM1",
        "TFORM2",
        "TUNIT1",
        "TUNIT2",
        "TSCAL2",
        "TZERO2",
        "TNULL1",
        "TNULL2",
        "TDIM2",
    ),
    *("PCOUNT", "GCOUNT", "THEAP", "XTENSION", "SIMPLE", "EXTEND", "WCSAXES", "A_ORDER", "A_0_2", "MJD-OBS"),
    *("ZIMAGE", "ZCMPTYPE", "ZTILE1", "ZNAXIS1", "ZBITPIX", "ZQUANTIZ", "INHERIT", "END", "TISWGT2"),
)


def bytes_of(rng, content: bytes, name: str) -> tuple[str, bytes]:
    """Return what was done to the bytes of a file, and what is left of them."""
    kinds = (
        "flip",
        "flip in the head",
        "cut",
        "insert",
        "swap",
        "zeros",
        "repeat",
        "nothing",
        "noise",
        "packed",
    )
    kind = kinds[rng.integers(len(kinds))]
    damaged = bytearray(content)
    size = max(len(damaged), 1)
    if kind.startswith("flip"):
        reach = size if kind == "flip" else min(size, 5760)
        for place in rng.integers(0, reach, rng.integers(1, 30)):
            if place < len(damaged):
                damaged[place] ^= 1 << int(rng.integers(8))
    elif kind == "cut":
        del damaged[int(rng.integers(size)) :]
    elif kind == "insert":
        place = int(rng.integers(size))
        damaged[place:place] = rng.bytes(int(rng.integers(1, 200)))
    elif kind == "swap":
        a, b = sorted(int(place) for place in rng.integers(0, size, 2))
        damaged[a:b] = damaged[a:b][::-1]
    elif kind == "zeros":
        a, b = sorted(int(place) for place in rng.integers(0, size, 2))
        damaged[a:b] = bytes(b - a)
    elif kind == "repeat":
        damaged *= 2
    elif kind == "nothing":
        damaged.clear()
    elif kind == "noise":
        damaged[:] = rng.bytes(int(rng.integers(1, 9000)))
    elif kind == "packed":
        damaged[:] = (gzip.compress, bz2.compress)[rng.integers(2)](bytes(damaged))
        if rng.random() < 0.5:
            del damaged[int(rng.integers(len(damaged))) :]
    return f"{kind} in {name}", bytes(damaged)


def cards_of(rng, path) -> str:
    """Give up to four cards of a FITS file other values, as text, which astropy would refuse to write."""
    content = bytearray(path.read_bytes())
    places = [place for place in range(0, len(content), 80) if _is_card(content, place)]
    done = []
    for _ in range(rng.integers(1, 5)):
        key = KEYS[rng.integers(len(KEYS))]
        value = WEIRD_VALUES[rng.integers(len(WEIRD_VALUES))]
        if rng.random() < 0.3:
            value = float(rng.normal() * 10.0 ** rng.integers(-6, 7))
        same = [place for place in places if bytes(content[place : place + 8]).strip() == key.encode()]
        place = (same or places)[rng.integers(len(same or places))] if places else 0
        content[place : place + 80] = _card(rng, key, value)
        done.append(f"{key}={value!r}")
    path.write_bytes(content)
    return ", ".join(done)


def _is_card(content: bytearray, place: int) -> bool:
    name = bytes(content[place : place + 8])
    return name.rstrip().isalnum() and bytes(content[place + 8 : place + 10]) == b"= " and name.isascii()


def _card(rng, key, value) -> bytes:
    if rng.random() < 0.1:
        return rng.bytes(80)
    try:
        text = str(fits.Card(key, value))
    except Exception:  # astropy writes no such card: written by hand
        text = f"{key:<8}= {value!s:>20}"
    return text[:80].ljust(80).encode("ascii", "replace")


def text_of(rng, text: str) -> tuple[str, str]:
    """Return what was done to lines and words of a text, and the text."""
    lines = text.split("\n")
    done = []
    for _ in range(rng.integers(1, 5)):
        kind = ("word", "drop", "double", "swap", "character", "long", "number")[rng.integers(7)]
        i = int(rng.integers(len(lines)))
        words = lines[i].split(" ")
        if kind == "word":
            words[rng.integers(len(words))] = str(WEIRD_VALUES[rng.integers(len(WEIRD_VALUES))])
            lines[i] = " ".join(words)
        elif kind == "drop":
            del lines[i]
            lines = lines or [""]
        elif kind == "double":
            lines.insert(i, lines[i])
        elif kind == "swap":
            j = int(rng.integers(len(lines)))
            lines[i], lines[j] = lines[j], lines[i]
        elif kind == "character":
            place = int(rng.integers(len(lines[i]) + 1))
            odd = string.punctuation + "\t\r\x00é雪\ufeff\u202e"
            lines[i] = lines[i][:place] + odd[rng.integers(len(odd))] + lines[i][place:]
        elif kind == "long":
            lines[i] += "9" * int(10 ** rng.uniform(1, 5))
        else:
            words[rng.integers(len(words))] = repr(float(rng.normal() * 10.0 ** rng.integers(-300, 300)))
            lines[i] = " ".join(words)
        done.append(f"{kind} in line {i}")
    return ", ".join(done), "\n".join(lines)


def strange_file(rng, path) -> str:
    """Put something that is no ordinary file in the place of one."""
    kind = ("folder", "pipe", "loop", "dangling link", "/dev/null", "empty")[rng.integers(6)]
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "dangling link":
        path.symlink_to(path.with_name("nowhere"))
    elif kind == "/dev/null":
        path.symlink_to("/dev/null")
    else:
        path.write_bytes(b"")
    return kind
