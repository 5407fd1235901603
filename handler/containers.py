"""What an audio file's container says about its own length, to tell a whole file from one that was cut off.

libsndfile reads a truncated WAV, AIFF, CAF, AU, Ogg or MP3 file to the point where it breaks off and reports nothing.
A caller whose upload broke off would get half a transcript and never know.

Sources: RIFF (Microsoft/IBM 1991), AIFF-C (Apple 1991), Core Audio Format (Apple), Ogg (RFC 3533), the Xing/Info header
of variable bit rate MP3 as LAME writes it.
"""

import struct

from handler.errors import InvalidAudio

# What writers that cannot seek back put in the size fields: "unknown".
_UNKNOWN_SIZES = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})
_OGG_HEADER_BYTES = 27
# The Xing header lies behind the side information of the first MP3 frame, which is at most 4 + 32 bytes long.
_XING_WITHIN_BYTES = 64


def check_complete(data: bytes) -> None:
    """Refuses a file that ends before its container says it does; other formats pass.

    Raises:
        InvalidAudio: bytes are missing at the end.
    """
    magic, kind = data[:4], data[8:12]
    if magic == b"RIFF" and kind == b"WAVE":
        missing = _missing_in_chunks(data, b"data", "<4sI", 12)
    elif magic == b"RIFX" and kind == b"WAVE":
        missing = _missing_in_chunks(data, b"data", ">4sI", 12)
    elif magic == b"FORM" and kind in (b"AIFF", b"AIFC"):
        missing = _missing_in_chunks(data, b"SSND", ">4sI", 12)
    elif magic == b"caff":
        missing = _missing_in_chunks(data, b"data", ">4sQ", 8)
    elif magic == b".snd":
        missing = _missing_in_au(data)
    elif magic == b"OggS":
        missing = _missing_in_ogg(data)
    elif magic[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] >= 0xE0):
        missing = _missing_in_mp3(data)
    else:
        return
    if missing > 0:
        raise InvalidAudio(f"The audio is cut short: at least {missing} bytes are missing; send the whole file.")


def _missing_in_chunks(data: bytes, wanted: bytes, header: str, at: int) -> int:
    """Returns how many bytes of the wanted chunk are not there, for files that are a row of chunks."""
    header_bytes = struct.calcsize(header)
    while at + header_bytes <= len(data):
        name, size = struct.unpack_from(header, data, at)
        at += header_bytes
        if name == wanted:
            return 0 if size in _UNKNOWN_SIZES else at + size - len(data)
        at += size + (size % 2 if header_bytes == 8 else 0)  # the older formats align chunks to two bytes
    return 0  # no such chunk: libsndfile says what is wrong


def _missing_in_au(data: bytes) -> int:
    if len(data) < 12:
        return 0
    offset, size = struct.unpack_from(">II", data, 4)
    return 0 if size in _UNKNOWN_SIZES else int(offset + size - len(data))


def _missing_in_ogg(data: bytes) -> int:
    """Returns how many bytes the last page lacks."""
    at = data.rfind(b"OggS")
    segments_end = at + _OGG_HEADER_BYTES + (data[at + 26] if at + 26 < len(data) else 1)
    if segments_end > len(data):
        return segments_end - len(data)
    return segments_end + sum(data[at + _OGG_HEADER_BYTES : segments_end]) - len(data)


def _missing_in_mp3(data: bytes) -> int:
    """Returns how many bytes the stream lacks, where its first frame says how long it is."""
    start = 0
    if data[:3] == b"ID3" and len(data) >= 10:  # the tag's size has 7 bits in each of four bytes
        size = sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        start = 10 + size
    first = data[start : start + _XING_WITHIN_BYTES]
    at = max(first.find(b"Xing"), first.find(b"Info"))
    if at < 0 or start + at + 16 > len(data):
        return start - len(data)
    flags, frames_or_bytes, then_bytes = struct.unpack_from(">III", data, start + at + 4)
    if not flags & 2:
        return 0
    return int(start + (then_bytes if flags & 1 else frames_or_bytes) - len(data))
