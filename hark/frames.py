"""Recordings that are nothing but frames: MPEG audio (MP3), AAC with ADTS headers, AC-3, SBC. Which bytes are frames.

Stream rippers, splitters and taggers leave such files that do not begin on a frame, that hold tags or rubbish between
frames, or several recordings in a row. A frame is known by the headers of those that follow it, each where the one
before says: decoders are given runs of such frames, and never what lies between.

Sources: ISO/IEC 11172-3 and 13818-3 (MPEG audio), the Xing header of variable bit rate MP3 as LAME writes it, and the
VBRI header of Fraunhofer's encoder, ISO/IEC 13818-7 (ADTS), ATSC A/52 (AC-3 and E-AC-3), A2DP (SBC), RFC 9639
(FLAC), ID3v2.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from hark.errors import InvalidAudio
from hark.mapped import Data

# So many in a row are no accident. Fewer are frames where the file ends with them.
_CONFIRMING = 3
# Rubbish in front of the first frame: more is none, but another kind of file.
JUNK_BYTES = 1 << 16
# A header that leads nowhere every so many bytes is more than chance and pictures in tags bring about (one in 2,000),
# and a damaged place every 50,000 more than a bad connection does.
_BYTES_PER_FALSE_HEADER, _HARMLESS_FALSE_HEADERS = 100, 1_000
_BYTES_PER_PART, _HARMLESS_PARTS = 50_000, 64
# The Xing header lies behind the side information of the first MP3 frame, which is at most 4 + 32 bytes long.
_XING_WITHIN_BYTES = 64
# That of Fraunhofer's encoder lies always here.
_VBRI_AT = 36

_MPEG_RATES_HZ = (44_100, 48_000, 32_000)
_KBPS = {  # by MPEG-1 or not, and layer
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_ADTS_RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350)
_SBC_RATES_HZ = (16_000, 32_000, 44_100, 48_000)
_AC3_RATES_HZ = (48_000, 44_100, 32_000)
_AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_EAC3_BLOCKS = (1, 2, 3, 6)


@dataclass(frozen=True)
class Part:
    """A run of frames of one rate.

    Attributes:
        start: where the first begins, in bytes.
        end: where the last ends of those that are there as a whole.
        duration_s: of all of them, in seconds.
        missing_bytes: how many more there are by what its first frame says, or, of AAC and AC-3, its last one; none
            are missing where this is not above 0.
        counted: its first frame says how many there are, and decoders need not guess it from the bit rate.
    """

    start: int
    end: int
    duration_s: float
    missing_bytes: int
    counted: bool


# Length in bytes, seconds, and what is the same in all frames of a run.
_Header = tuple[int, float, int]


@lru_cache(maxsize=1 << 16)
def _mpeg_header(second: int, third: int, mono: bool) -> _Header | None:
    version, layer, kbps, rate = second >> 3 & 3, 4 - (second >> 1 & 3), third >> 4, third >> 2 & 3
    if second < 0xE0 or version == 1 or layer == 4 or not 0 < kbps < 15 or rate == 3:
        return None
    rate_hz = _MPEG_RATES_HZ[rate] // {3: 1, 2: 2, 0: 4}[version]
    bits_per_s = _KBPS[version == 3, layer][kbps - 1] * 1000
    padding = third >> 1 & 1
    if layer == 1:
        length, samples = (12 * bits_per_s // rate_hz + padding) * 4, 384
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        length = samples // 8 * bits_per_s // rate_hz + padding
    return length, samples / rate_hz, version << 5 | layer << 3 | rate << 1 | mono


def _mpeg_frame(data: Data, at: int) -> _Header | None:
    if at + 4 > len(data) or data[at] != 0xFF:
        return None
    return _mpeg_header(data[at + 1], data[at + 2], data[at + 3] >= 0xC0)


def _adts_frame(data: Data, at: int) -> _Header | None:
    if at + 7 > len(data) or data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    third, fourth = data[at + 2], data[at + 3]
    rate = third >> 2 & 15
    length = (fourth & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if rate >= len(_ADTS_RATES_HZ) or length < 9:
        return None
    blocks = 1 + (data[at + 6] & 3)
    return length, 1024 * blocks / _ADTS_RATES_HZ[rate], rate << 3 | (third & 1) << 2 | fourth >> 6


def _ac3_frame(data: Data, at: int) -> _Header | None:
    if at + 6 > len(data) or data[at] != 0x0B or data[at + 1] != 0x77:
        return None
    rate, code, version = data[at + 4] >> 6, data[at + 4] & 63, data[at + 5] >> 3
    if 10 < version <= 16:  # E-AC-3
        length = 2 * (1 + ((data[at + 2] & 7) << 8 | data[at + 3]))
        blocks = 6 if rate == 3 else _EAC3_BLOCKS[data[at + 4] >> 4 & 3]
        rate_hz = _AC3_RATES_HZ[min(2, code >> 4)] // 2 if rate == 3 else _AC3_RATES_HZ[rate]
        # What depends on another stream adds channels to it, and no time.
        return length, 0.0 if data[at + 2] >> 6 == 1 else 256 * blocks / rate_hz, 4 | rate
    if version > 10 or rate == 3 or code >= 2 * len(_AC3_KBPS):
        return None
    kbps = _AC3_KBPS[code >> 1]
    words = (kbps * 2, kbps * 320 // 147 + (code & 1), kbps * 3)[rate]
    return 2 * words, 1536 / _AC3_RATES_HZ[rate], rate


def _sbc_frame(data: Data, at: int) -> _Header | None:
    if at + 4 > len(data) or data[at] != 0x9C:
        return None
    second, bitpool = data[at + 1], data[at + 2]
    mode, bands, blocks = second >> 2 & 3, 8 if second & 1 else 4, 4 * (1 + (second >> 4 & 3))
    channels, bits = (1, blocks * bitpool) if mode == 0 else (2, blocks * bitpool * (2 if mode == 1 else 1))
    if not 2 <= bitpool <= 250:
        return None
    length = 4 + bands * channels // 2 + (bits + (bands if mode == 3 else 0) + 7) // 8
    return length, blocks * bands / _SBC_RATES_HZ[second >> 6], second


_FRAME: dict[str, Callable[[Data, int], _Header | None]] = {
    "mp3": _mpeg_frame,
    "aac": _adts_frame,
    "ac3": _ac3_frame,
    "eac3": _ac3_frame,
    "sbc": _sbc_frame,
}
# Where a frame may begin. No two of these overlap, so that none is missed.
_SYNC = {
    "mp3": re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef]"),
    "aac": re.compile(rb"\xff[\xf0\xf1\xf8\xf9][\x00-\xfe]"),
    "ac3": re.compile(rb"\x0b\x77"),
    "eac3": re.compile(rb"\x0b\x77"),
    "sbc": re.compile(rb"\x9c.[\x02-\xfa]", re.DOTALL),
}
KINDS = frozenset(_FRAME)
_FLAC_SYNC = re.compile(rb"\xff[\xf8\xf9][\x10-\xfe][\x00-\xaf]")


def begins(data: Data, at: int) -> tuple[str, int]:
    """Finds the first run of frames of any kind that begins within `JUNK_BYTES`.

    Returns:
        its kind, as FFmpeg names it, and where it begins; "" and `at` where there is none.
    """
    first = ("", min(len(data), at + JUNK_BYTES))
    for kind, sync in _SYNC.items():
        if kind == "eac3":  # told from AC-3 below
            continue
        for match in sync.finditer(data, at, min(len(data), first[1] + 3)):
            if _run(data, kind, match.start(), _CONFIRMING)[-1]:
                first = (kind, match.start())
                break
    kind, start = first
    if kind == "ac3" and data[start + 5] >> 3 > 10:
        kind = "eac3"
    return (kind, start) if kind else ("", at)


def flac_begins(data: Data, at: int) -> int | None:
    """Finds the first frame of a FLAC file whose beginning, with all that its header says, is not there.

    Returns:
        where it begins, within `JUNK_BYTES`; None where no two frames follow each other.
    """
    found: dict[bytes, tuple[int, int]] = {}  # by what all frames begin with: where the first is, and its number
    for match in _FLAC_SYNC.finditer(data, at, min(len(data), at + 2 * JUNK_BYTES)):
        number = _flac_number(data, match.start())
        if number is None:
            continue
        first, first_number = found.setdefault(data[match.start() : match.start() + 2], (match.start(), number))
        if number > first_number:
            return first
    return None


def _flac_number(data: Data, at: int) -> int | None:
    """Returns the number of a frame, or of its first sample, whose header says all it must and has the right CRC."""
    header = data[at : at + 16]
    if len(header) < 16:
        return None
    size, rate, depth = header[2] >> 4, header[2] & 15, header[3] >> 1 & 7
    if not size or rate in (0, 15) or depth in (0, 3) or header[3] & 1 or header[4] in range(0x80, 0xC0):
        return None
    more = max(0, 7 - (header[4] ^ 0xFF).bit_length()) if header[4] >= 0x80 else 0
    end = 5 + more + {6: 1, 7: 2}.get(size, 0) + {12: 1, 13: 2, 14: 2}.get(rate, 0)
    crc = 0
    for byte in header[:end]:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07 if crc & 0x80 else crc << 1) & 0xFF
    if crc != header[end]:
        return None
    number = header[4] & (0x7F >> (more + 1) if more else 0x7F)
    for byte in header[5 : 5 + more]:
        number = number << 6 | byte & 0x3F
    return number


def parts(data: Data, kind: str, at: int) -> list[Part]:
    """Finds all frames.

    Args:
        data: the whole file.
        kind: one of `KINDS`.
        at: where to begin.

    Returns:
        the runs of frames in order; none where there are no frames.

    Raises:
        InvalidAudio: there is so much between the frames that it takes too long to find them.
    """
    found: list[Part] = []
    false_headers = 0
    most_false = _HARMLESS_FALSE_HEADERS + len(data) // _BYTES_PER_FALSE_HEADER
    most_parts = _HARMLESS_PARTS + len(data) // _BYTES_PER_PART
    while match := _SYNC[kind].search(data, at):
        tag = data.find(b"ID3", at, match.start())
        tag_end = tag + id3_bytes(data, tag) if tag >= 0 else 0
        if match.start() < tag_end <= len(data):  # its picture may hold what looks like frames
            at = tag_end
            continue
        at = match.start()
        most = _xing_frames(data, at) if kind == "mp3" else 0
        end, after, duration_s, confirmed = _run(data, kind, at, most)
        if not confirmed:
            false_headers += 1
            at += 1
        else:
            # MP3s that were split, or recorded from a stream, end within a frame, and no player minds.
            missing = _missing_by_count(data, at) if kind == "mp3" else after - len(data)
            found.append(Part(at, end, duration_s, missing, most > 0))
            at = after
        if false_headers > most_false or len(found) > most_parts:
            raise InvalidAudio("The audio is damaged in too many places; export it again.")
    return found


def _run(data: Data, kind: str, at: int, most: int) -> tuple[int, int, float, bool]:
    """Follows frames of one format from one to the next.

    Args:
        data: the whole file.
        kind: which frames.
        at: where the first begins.
        most: how many to follow; 0 for all there are.

    Returns:
        where the last whole one ends; where the last one ends, be it here or beyond the data; how long they are in
        seconds; and whether they are frames beyond doubt.
    """
    frame = _FRAME[kind]
    frames, duration_s, first_format, before = 0, 0.0, -1, at
    while header := frame(data, at):
        length, frame_s, format_ = header
        if first_format < 0:
            first_format = format_
        elif format_ != first_format:
            break
        frames += 1
        duration_s += frame_s
        before, at = at, at + length
        if frames == most:
            break
    # One header alone says nothing, and may say that it goes far beyond the end.
    at_end = frames > 1 or (frames == 1 and at <= len(data))
    return at if at <= len(data) else before, at, duration_s, frames >= _CONFIRMING or (at_end and _is_end(data, at))


def _is_end(data: Data, at: int) -> bool:
    """Says whether nothing comes any more, but a tag."""
    return at + 4 > len(data) or data[at : at + 3] == b"TAG" or data[at : at + 8] == b"APETAGEX"


def id3_bytes(data: Data, at: int) -> int:
    """Returns how long the ID3 tag is that lies there; its size has 7 bits in each of four bytes. 0: there is none."""
    if data[at : at + 3] != b"ID3" or len(data) < at + 10:
        return 0
    sizes = zip(data[at + 6 : at + 10], (21, 14, 7, 0), strict=True)
    return 10 + sum(byte << shift for byte, shift in sizes)


def _xing(data: Data, start: int) -> tuple[int, int]:
    """Returns how many frames follow the first one and how many bytes there are with it, as it says; 0: it does not."""
    first = data[start : start + _XING_WITHIN_BYTES]
    at = max(first.find(b"Xing"), first.find(b"Info"))
    if at < 0 or start + at + 16 > len(data):
        return 0, 0
    flags, first_value, second_value = struct.unpack_from(">III", data, start + at + 4)
    frames = first_value if flags & 1 else 0
    if not flags & 2:
        return frames, 0
    return frames, second_value if flags & 1 else first_value


def _xing_frames(data: Data, start: int) -> int:
    """Returns after how many frames decoders stop, whatever follows."""
    frames, _ = _xing(data, start)
    return frames + 1 if frames else 0


def _missing_by_count(data: Data, start: int) -> int:
    """Returns how many bytes are not there of those that the first frame counts."""
    _, size = _xing(data, start)
    if size:
        return start + size - len(data)
    header = _mpeg_frame(data, start)
    if not header or data[start + _VBRI_AT : start + _VBRI_AT + 4] != b"VBRI" or len(data) < start + _VBRI_AT + 14:
        return 0
    (size,) = struct.unpack_from(">I", data, start + _VBRI_AT + 10)
    # Some count the first frame, which has no sound, and some do not.
    return int(start + size - header[0] - len(data))
