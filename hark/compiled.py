"""`native/*.c`, compiled into one library: what is slow in NumPy.

The image has it, and `make` compiles it where there is a C compiler. Without it NumPy does the same and takes some
milliseconds longer for each second of audio.
"""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

PATH = Path(__file__).with_name("native") / "libhark.so"
# Of the functions and what they take; a library of another version is left alone.
_VERSION = 6
_INTEGER, _ADDRESS = ctypes.c_int64, ctypes.c_void_p


@cache
def library() -> ctypes.CDLL | None:
    """Returns the library; None where there is none."""
    try:
        loaded = ctypes.CDLL(str(PATH))
        loaded.hark_version.restype = _INTEGER
        if loaded.hark_version() != _VERSION:
            return None
    except (OSError, AttributeError):  # none there, for another kind of machine, or another library
        return None
    loaded.hark_band_energies.argtypes = [_ADDRESS, _INTEGER, _INTEGER, _ADDRESS, _ADDRESS]
    loaded.hark_beam_search.argtypes = [_ADDRESS, _ADDRESS, _INTEGER, _ADDRESS]
    loaded.hark_text_score.argtypes = [_ADDRESS, _ADDRESS, _INTEGER]
    loaded.hark_text_score.restype = ctypes.c_double
    loaded.hark_beam_free.argtypes = [_ADDRESS]
    loaded.hark_beam_free.restype = None
    loaded.hark_align.argtypes = [_ADDRESS, _INTEGER, _INTEGER, _ADDRESS, _INTEGER, _ADDRESS]
    loaded.hark_ctc_log_prob.argtypes = loaded.hark_align.argtypes
    loaded.hark_ctc_log_probs_near.argtypes = [
        *(_ADDRESS, _INTEGER, _INTEGER),
        *(_ADDRESS, _INTEGER, _ADDRESS, _ADDRESS, _INTEGER),
        *(_INTEGER, _ADDRESS),
    ]
    return loaded


def fields(addresses: str, integers: str = "", numbers: str = "") -> list[tuple[str, Any]]:
    """Returns a `ctypes.Structure`'s fields from their names: addresses, then integers, then floating-point numbers."""
    return [
        *((name, _ADDRESS) for name in addresses.split()),
        *((name, _INTEGER) for name in integers.split()),
        *((name, ctypes.c_double) for name in numbers.split()),
    ]


def address(array: NDArray[Any]) -> int:
    """Returns where an array lies, in C's order; whoever asks keeps it alive."""
    if not array.flags.c_contiguous:
        raise ValueError("an array for C has to be in C's order")
    return int(array.__array_interface__["data"][0])
