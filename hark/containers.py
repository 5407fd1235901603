"""What the bytes of an audio file say about it: which container it is, and whether it is whole.

The kind is found from the bytes, since names and Content-Types are often wrong. Decoders read a truncated file to the
point where it breaks off and report nothing: a caller whose upload broke off would get half a transcript and not know.

Sources: RIFF (Microsoft/IBM 1991), AIFF-C (Apple 1991), Core Audio Format (Apple), Ogg (RFC 3533), the Xing/Info header
of variable bit rate MP3 as LAME writes it, ADTS (ISO/IEC 13818-7), ISO base media (ISO/IEC 14496-12), EBML (RFC 8794)
with the elements of Matroska (RFC 9559).
"""

import re
import struct

from hark.errors import InvalidAudio
from hark.mapped import Data

# What writers that cannot seek back put in the size fields: "unknown".
_UNKNOWN_SIZES = frozenset({0, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})
_OGG_HEADER_BYTES = 27
# The Xing header lies behind the side information of the first MP3 frame, which is at most 4 + 32 bytes long.
_XING_WITHIN_BYTES = 64
_ADTS_HEADER_BYTES = 7
# The boxes an ISO base media file may begin with; old QuickTime files have no "ftyp".
_FIRST_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675

# Formats that begin with bytes of their own, by the names FFmpeg has for them.
_MAGICS = (
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"caff", "caf"),
    (b".snd", "au"),
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"#!AMR", "amr"),
)
_RIFF_KINDS = {b"WAVE": "wav", b"AVI ": "avi", b"AIFF": "aiff", b"AIFC": "aiff"}

# How another recording begins behind the end of a first: a header that no audio and no tag looks like by chance.
_FOLLOWS = {
    "wav": re.compile(rb"RIF[FX].{4}WAVE", re.DOTALL),
    "aiff": re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL),
    "flac": re.compile(rb"fLaC[\x00\x80]\x00\x00\x22"),  # STREAMINFO, which is 34 bytes
    "mp3": re.compile(rb"\xff[\xe2-\xff].{2,38}(?:Xing|Info)\x00\x00\x00[\x00-\x0f]", re.DOTALL),
}


def kind(data: Data) -> str:
    """Returns the container by FFmpeg's name of it, such as "wav" or "matroska"; "" for what is none of them."""
    for magic, name in _MAGICS:
        if data[: len(magic)] == magic:
            return name
    if data[:4] in (b"RIFF", b"RIFX", b"FORM"):
        return _RIFF_KINDS.get(data[8:12], "")
    if data[4:8] in _FIRST_BOXES:
        return "mov"
    at = _id3_bytes(data)
    header = data[at : at + 2]
    if len(header) == 2 and header[0] == 0xFF and header[1] >= 0xE0:
        return "aac" if header[1] & 0xF6 == 0xF0 else "mp3"  # the layer is 0 in ADTS, 1 to 3 in MPEG audio
    return "mp3" if data[:3] == b"ID3" else ""


def says_no_length(data: Data) -> bool:
    """Says whether this is a file of which libsndfile reads nothing, or the first part only.

    That is a WAV or FLAC whose writer could not seek back to say how long it is, and several Ogg streams in a row.
    """
    match kind(data):
        case "wav":
            at = data.find(b"data", 12)
            return at >= 0 and data[at + 4 : at + 8] == bytes(4) and at + 8 < len(data)
        case "flac":  # 36 bits of STREAMINFO, which is always first
            return data[:4] == b"fLaC" and len(data) > 26 and not (data[21] & 15 or any(data[22:26]))
        case "ogg":  # all first pages (2) of streams side by side come before any other (0)
            return data.find(b"OggS\0\x02", max(0, data.find(b"OggS\0\0"))) > 0
    return False


def check_complete(data: Data) -> None:
    """Refuses a file that ends before its container says it does, or that goes on with another recording.

    Formats that do not say where they end pass: of those, decoders read all there is.

    Raises:
        InvalidAudio: bytes are missing at the end, or another file follows, which a decoder would leave out.
    """
    name = kind(data)
    missing = _MISSING.get(name, lambda _: 0)(data)
    if missing > 0:
        raise InvalidAudio(f"The audio is cut short: at least {missing} bytes are missing; use the whole file.")
    # Behind where the file says it ends, or anywhere behind its own beginning where it does not say it.
    follows, end = _FOLLOWS.get(name), len(data) + missing if name in _MISSING else 4
    if follows and follows.search(data, end):
        raise InvalidAudio("The file holds several recordings, one behind the other; use them one by one.")


def _missing_in_wav(data: Data) -> int:
    return _missing_in_chunks(data, b"data", ">4sI" if data[:4] == b"RIFX" else "<4sI", 12)


def _missing_in_aiff(data: Data) -> int:
    return _missing_in_chunks(data, b"SSND", ">4sI", 12)


def _missing_in_caf(data: Data) -> int:
    return _missing_in_chunks(data, b"data", ">4sQ", 8)


def _missing_in_chunks(data: Data, wanted: bytes, header: str, at: int) -> int:
    """Returns how many bytes of the wanted chunk are not there, for files that are a row of chunks."""
    header_bytes = struct.calcsize(header)
    while at + header_bytes <= len(data):
        name, size = struct.unpack_from(header, data, at)
        at += header_bytes
        if name == wanted:
            return 0 if size in _UNKNOWN_SIZES else at + size - len(data)
        at += size + (size % 2 if header_bytes == 8 else 0)  # the older formats align chunks to two bytes
    return 0  # no such chunk: libsndfile says what is wrong


def _missing_in_au(data: Data) -> int:
    if len(data) < 12:
        return 0
    offset, size = struct.unpack_from(">II", data, 4)
    return 0 if size in _UNKNOWN_SIZES else int(offset + size - len(data))


def _missing_in_ogg(data: Data) -> int:
    """Returns how many bytes the last page lacks."""
    at = data.rfind(b"OggS")
    segments_end = at + _OGG_HEADER_BYTES + (data[at + 26] if at + 26 < len(data) else 1)
    if segments_end > len(data):
        return segments_end - len(data)
    return segments_end + sum(data[at + _OGG_HEADER_BYTES : segments_end]) - len(data)


def _id3_bytes(data: Data) -> int:
    """Returns how long the ID3 tag in front is; its size has 7 bits in each of four bytes."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    return 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))


def _missing_in_mp3(data: Data) -> int:
    """Returns how many bytes the stream lacks, where its first frame says how long it is."""
    start = _id3_bytes(data)
    first = data[start : start + _XING_WITHIN_BYTES]
    at = max(first.find(b"Xing"), first.find(b"Info"))
    if at < 0 or start + at + 16 > len(data):
        return start - len(data)
    flags, frames_or_bytes, then_bytes = struct.unpack_from(">III", data, start + at + 4)
    if not flags & 2:
        return 0
    return int(start + (then_bytes if flags & 1 else frames_or_bytes) - len(data))


def _missing_in_adts(data: Data) -> int:
    """Returns how many bytes the last frame lacks; each says how long it is."""
    at = _id3_bytes(data)
    while at + _ADTS_HEADER_BYTES <= len(data) and data[at] == 0xFF and data[at + 1] & 0xF6 == 0xF0:
        frame_bytes = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        at += max(frame_bytes, _ADTS_HEADER_BYTES)
    return at - len(data)


def _missing_in_iso_media(data: Data) -> int:
    """Returns how many bytes the last box lacks, or one where the index or the media is not there at all."""
    at, names = 0, set()
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        names.add(name)
        if size == 0:  # to the end of the file
            return 0
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, at + 8)[0]
        at += max(size, 8)
    # Recorders that cannot seek write the index last: without it nothing can be read.
    return max(at - len(data), 1 if b"mdat" in names and not {b"moov", b"moof"} & names else 0)


def _missing_in_matroska(data: Data) -> int:
    """Returns how many bytes the last element lacks; browsers leave the sizes of what holds it unknown."""
    at = 0
    while at < len(data):
        element, at = _ebml_number(data, at, keep_marker=True)
        size, at = _ebml_number(data, at, keep_marker=False)
        if element is None or at > len(data):
            return at - len(data)
        if size is not None and element != _SEGMENT:
            at += size
        elif size is not None and at + size > len(data):
            return at + size - len(data)
        elif element not in (_SEGMENT, _CLUSTER):
            return 0  # no other element may leave its size open: the decoder says what is wrong
    return at - len(data)


def _ebml_number(data: Data, at: int, keep_marker: bool) -> tuple[int | None, int]:
    """Reads a variable-length integer; returns it (None: unknown, or not one) and where the next thing begins."""
    first = data[at] if at < len(data) else 0
    if not first:
        return None, at + 1
    length = 9 - first.bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    marker = 1 << 7 * length
    if keep_marker:
        return value, at + length
    return (None if value == 2 * marker - 1 else value & (marker - 1)), at + length


_MISSING = {
    "wav": _missing_in_wav,
    "aiff": _missing_in_aiff,
    "caf": _missing_in_caf,
    "au": _missing_in_au,
    "ogg": _missing_in_ogg,
    "mp3": _missing_in_mp3,
    "aac": _missing_in_adts,
    "mov": _missing_in_iso_media,
    "matroska": _missing_in_matroska,
}
