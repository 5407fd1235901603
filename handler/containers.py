"""What an audio file's container says about its own length, to tell a whole file from one that was cut off.

libsndfile reads a truncated WAV, AIFF or Ogg file to the point where it breaks off and reports nothing. A caller whose
upload broke off would get half a transcript and never know.

Sources: RIFF (Microsoft/IBM 1991), AIFF-C (Apple 1991), Ogg (RFC 3533).
"""

from handler.errors import InvalidAudio

# What writers that cannot seek back put in the size fields: "unknown".
_UNKNOWN_SIZES = frozenset({0, 0xFFFFFFFF, 0x7FFFFFFF})
_OGG_HEADER_BYTES = 27


def check_complete(data: bytes) -> None:
    """Refuses a file that ends before its container says it does; other formats pass.

    Raises:
        InvalidAudio: bytes are missing at the end.
    """
    if data[:4] in (b"RIFF", b"RIFX") and data[8:12] == b"WAVE":
        missing = _missing_in_chunks(data, b"data", "big" if data[:4] == b"RIFX" else "little")
    elif data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        missing = _missing_in_chunks(data, b"SSND", "big")
    elif data[:4] == b"OggS":
        missing = _missing_in_ogg(data)
    else:
        return
    if missing:
        raise InvalidAudio(f"The audio is cut short: at least {missing} bytes are missing; send the whole file.")


def _missing_in_chunks(data: bytes, wanted: bytes, order: str) -> int:
    """Returns how many bytes of the wanted chunk of an IFF file are not there."""
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big" if order == "big" else "little")
        if data[at : at + 4] == wanted:
            return 0 if size in _UNKNOWN_SIZES else max(0, at + 8 + size - len(data))
        at += 8 + size + size % 2  # chunks start at even offsets
    return 0  # no such chunk: libsndfile says what is wrong


def _missing_in_ogg(data: bytes) -> int:
    """Returns how many bytes the last page lacks."""
    at = data.rfind(b"OggS")
    segments_end = at + _OGG_HEADER_BYTES + (data[at + 26] if at + 26 < len(data) else 1)
    if segments_end > len(data):
        return segments_end - len(data)
    page_end = segments_end + sum(data[at + _OGG_HEADER_BYTES : segments_end])
    return max(0, page_end - len(data))
