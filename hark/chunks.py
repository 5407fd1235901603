"""Walks through the parts of which a file is made, and reads what they say of their size.

Sources: RIFF (Microsoft/IBM 1991), Wave64 (Sonic Foundry), AIFF-C (Apple 1991), Core Audio Format (Apple).
"""

import struct

from hark.errors import InvalidAudio
from hark.mapped import Data

# What writers that cannot seek back put in the size fields: as much as 31 or 32 bits hold, give or take what comes
# before the samples. Nothing so large arrives, so it is a way to say "unknown", as 0 is.
_UNKNOWN_FROM = {4: 0x7F000000, 8: 1 << 62}
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
# Boxes, elements and tags hold more than themselves. A file in which they do not, on average, is made to take long.
_HARMLESS_ELEMENTS = 10_000


def riff_header(data: Data, start: int) -> str:
    """Returns how a RIFF or AIFF file writes the header of a chunk: name and size, in the form of `struct`."""
    return ">4sI" if data[start : start + 4] in (b"RIFX", b"FORM") else "<4sI"


def chunk_of(
    data: Data, at: int, wanted: bytes, header: str, align: int = 2, counts_header: bool = False
) -> tuple[int, int] | None:
    """Finds a chunk in a file that is a row of them; returns where its content begins, and its size as it says."""
    header_bytes = struct.calcsize(header)
    for _ in few_for(data):
        if at + header_bytes > len(data):
            return None
        name, size = struct.unpack_from(header, data, at)
        size -= header_bytes if counts_header else 0
        at += header_bytes
        if name == wanted:
            return at, size
        at += max(0, size + -size % align)
    return None


def few_for(data: Data, bytes_per_element: int = 32) -> "_Count":
    """Returns what counts as many parts as so many bytes can be made of, and then raises `InvalidAudio`."""
    return _Count(_HARMLESS_ELEMENTS + len(data) // bytes_per_element)


class _Count:
    """Counts the parts of a file, and refuses it where they are more than its bytes can be worth."""

    def __init__(self, most: int) -> None:
        self._left = most

    def __iter__(self) -> "_Count":
        return self

    def __next__(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise InvalidAudio("The file is made of far too many parts to be a recording; export it again.")


def is_unknown(size: int, size_bytes: int) -> bool:
    """Says whether a field of 4 or 8 bytes holds no size, but what stands for an unknown one."""
    return size <= 0 or size >= _UNKNOWN_FROM[size_bytes]


def samples_of_w64(data: Data, start: int) -> tuple[int, int] | None:
    """Finds the samples of a Wave64 file that begins at `start`: where they begin, and their bytes as it says."""
    return chunk_of(data, start + 40, _W64_DATA, "<16sQ", align=8, counts_header=True)


def samples_of_caf(data: Data, start: int) -> tuple[int, int] | None:
    """The same of a Core Audio file."""
    return chunk_of(data, start + 8, b"data", ">4sQ", align=1)
