"""Whether an audio file is whole, from what its container says of its size.

Decoders read a truncated file to the point where it breaks off and report nothing: a caller whose upload broke off
would get half a transcript and not know. Sources: as of `hark.containers`.
"""

import re
import struct
from collections.abc import Callable

from hark import frames
from hark.chunks import chunk_of, few_for, is_unknown, riff_header, samples_of_caf, samples_of_w64
from hark.containers import FIRST_BOXES, GSM_BYTES, found
from hark.errors import InvalidAudio
from hark.mapped import Data

_OGG_HEADER_BYTES = 27
_ASF_DATA = b"\x36\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
_TOP_BOXES = FIRST_BOXES | {b"uuid", b"meta", b"mfra", b"sidx", b"ssix", b"prft", b"emsg", b"udta", b"pdin", b"junk"}
# The boxes of an index that count samples without a field for each, and that of a packed one.
_COUNTS = re.compile(rb"stsz|trun|cmvd")
_SAMPLES_HAVE_FIELDS = 0xF00
# Old codecs of QuickTime count samples of sound, several to a byte.
_SAMPLES_PER_BYTE, _HARMLESS_SAMPLES, _HARMLESS_INDEX_BYTES = 8, 1_000_000, 1 << 24
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_BYTES_PER_BLOCK = 8  # of Matroska, where nobody speaks
# Of DV, by its second kind of television.
_DV_FRAME_BYTES = {False: 120_000, True: 144_000}

# How another recording begins behind the end of a first: a header that no audio and no tag looks like by chance.
_FOLLOWS = {
    "wav": re.compile(rb"RIF[FX].{4}WAVE", re.DOTALL),
    "aiff": re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL),
    "flac": re.compile(rb"fLaC[\x00\x80]\x00\x00\x22"),  # STREAMINFO, which is 34 bytes
}


def says_where_it_ends(data: Data) -> bool:
    """Says whether nothing is missing from a file whose format has a mark of its end: its last Ogg page has it."""
    name, start = found(data)
    last = data.rfind(b"OggS", start) if name == "ogg" else -1
    return last < 0 or last + 5 >= len(data) or bool(data[last + 5] & 4)


def check_complete(data: Data) -> None:
    """Refuses a file that ends before its container says it does, or that goes on with another recording.

    Formats that do not say where they end pass: of those, decoders read all there is. Files of frames are checked
    where the frames are found; see `hark.frames`.

    Raises:
        InvalidAudio: bytes are missing at the end, another file follows, which a decoder would leave out, or an index
            claims far more than there is, for which a decoder would take the time and the memory.
    """
    name, start = found(data)
    if name == "mp3" and start == 0 and frames.id3_bytes(data, 0) > len(data):
        raise_cut_short(frames.id3_bytes(data, 0) - len(data))
    missing = _MISSING[name](data, start) if name in _MISSING else 0
    if name == "mov":
        _check_index(data, start)
    if missing > 0:
        raise_cut_short(missing)
    # Behind where the file says it ends, or anywhere behind its own beginning where it does not say it.
    follows, end = _FOLLOWS.get(name), len(data) + missing if name in _MISSING else start + 4
    if follows and follows.search(data, end):
        raise InvalidAudio("The file holds several recordings, one behind the other; use them one by one.")


def raise_cut_short(missing_bytes: int) -> None:
    """Refuses a file of which so many bytes are not there."""
    raise InvalidAudio(f"The audio is cut short: at least {missing_bytes} bytes are missing; use the whole file.")


def _missing_in_wav(data: Data, start: int) -> int:
    """Returns how many bytes of samples are not there."""
    chunk = chunk_of(data, start + 12, b"data", riff_header(data, start))
    if not chunk:
        return 0  # libsndfile says what is wrong
    at, size = chunk
    if data[start : start + 4] in (b"RF64", b"BW64"):
        sizes = chunk_of(data, start + 12, b"ds64", "<4sI")
        if size == 0xFFFFFFFF and sizes and sizes[0] + 16 <= len(data):
            size = struct.unpack_from("<Q", data, sizes[0] + 8)[0]
            return 0 if is_unknown(size, 8) else at + size - len(data)
    return _missing_in_riff(data, start, at, size)


def _missing_in_aiff(data: Data, start: int) -> int:
    chunk = chunk_of(data, start + 12, b"SSND", ">4sI")
    return _missing_in_riff(data, start, *chunk) if chunk else 0


def _missing_in_riff(data: Data, start: int, at: int, size: int) -> int:
    """Tells whether the chunk of samples, which begins at `at`, is cut short, or says the wrong size."""
    missing = at + size - len(data)
    if missing <= 0:
        return missing
    if is_unknown(size, 4):
        return 0
    (whole,) = struct.unpack_from(">I" if riff_header(data, start)[0] == ">" else "<I", data, start + 4)
    # The file says of itself that it is all here: then it is the chunk that says the wrong size, ...
    if at < start + 8 + whole <= len(data) + 1:
        return 0
    # ... as it does where it says that of the file.
    return 0 if size in (len(data) - start, len(data) - start - 8) else missing


def _missing_in_w64(data: Data, start: int) -> int:
    chunk = samples_of_w64(data, start)
    return 0 if not chunk or is_unknown(chunk[1], 8) else chunk[0] + chunk[1] - len(data)


def _missing_in_caf(data: Data, start: int) -> int:
    chunk = samples_of_caf(data, start)
    return 0 if not chunk or is_unknown(chunk[1], 8) else chunk[0] + chunk[1] - len(data)


def _missing_in_avi(data: Data, start: int) -> int:
    """Returns how many bytes the last of its RIFF chunks lacks; there is one for each gigabyte."""
    at = start
    for _ in few_for(data):
        if at + 12 > len(data) or data[at : at + 4] != b"RIFF":
            return at - len(data)
        (size,) = struct.unpack_from("<I", data, at + 4)
        if is_unknown(size, 4):
            return 0
        at += 8 + size + size % 2
    return 0


def _missing_in_asf(data: Data, start: int) -> int:
    """Returns how many bytes the packets lack; a live stream does not say how many there are."""
    chunk = chunk_of(data, start, _ASF_DATA, "<16sQ", align=1, counts_header=True)
    return 0 if not chunk or is_unknown(chunk[1], 8) else chunk[0] + chunk[1] - len(data)


def _missing_in_au(data: Data, start: int) -> int:
    if len(data) < start + 12:
        return 0
    offset, size = struct.unpack_from(">II", data, start + 4)
    return 0 if is_unknown(size, 4) else int(start + offset + size - len(data))


def _missing_in_ogg(data: Data, start: int) -> int:
    """Returns how many bytes the last page lacks."""
    at = data.rfind(b"OggS", start)
    segments_end = at + _OGG_HEADER_BYTES + (data[at + 26] if at + 26 < len(data) else 1)
    if segments_end > len(data):
        return segments_end - len(data)
    return segments_end + sum(data[at + _OGG_HEADER_BYTES : segments_end]) - len(data)


def _missing_in_iso_media(data: Data, start: int) -> int:
    """Returns how many bytes the last box lacks, or one where the index or the media is not there at all."""
    at = start
    media = index = False
    for _ in few_for(data):
        if at + 8 > len(data):
            break
        size, name = struct.unpack_from(">I4s", data, at)
        if media and index and name not in _TOP_BOXES:
            return 0  # no box, but a tag or what else was hung on
        media, index = media or name in (b"mdat", b"moof"), index or name in (b"moov", b"moof")
        if size == 0:  # to the end of the file
            return 0
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, at + 8)[0]
        at += max(size, 8)
    # Recorders that cannot seek write the index last: without it nothing can be read.
    return max(at - len(data), 1 if media and not index else 0)


def _check_index(data: Data, start: int) -> None:
    """Refuses an index that says in a few bytes that there are millions of samples, or unpacks to as many bytes.

    Readers know its boxes wherever they lie in it, so they are searched for.
    """
    claimed, unpacked = 0, 0
    at = start
    for _ in few_for(data):
        if at + 8 > len(data):
            break
        size, name = struct.unpack_from(">I4s", data, at)
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, at + 8)[0]
        end = len(data) if size == 0 else min(len(data), at + max(size, 8))
        for match in _COUNTS.finditer(data, at + 8, end) if name != b"mdat" else ():
            first, second, third = (
                int.from_bytes(data[place : place + 4], "big") for place in range(match.end(), match.end() + 12, 4)
            )
            if match[0] == b"cmvd":  # how much it unpacks to
                unpacked += first
            elif match[0] == b"trun":  # flags, and how many samples
                claimed += second if not first & _SAMPLES_HAVE_FIELDS else 0
            else:  # flags, the size of each sample if they have one, and how many there are
                claimed += third if second else 0
        at = end
    if claimed > _HARMLESS_SAMPLES + _SAMPLES_PER_BYTE * len(data) or unpacked > _HARMLESS_INDEX_BYTES + len(data):
        raise InvalidAudio("The file's index claims far more than there is in the file; export it again.")


def _missing_in_matroska(data: Data, start: int) -> int:
    """Returns how many bytes the last element lacks; browsers leave the sizes of what holds it unknown."""
    at = start
    end = len(data)
    if data[-128:-125] == b"TAG":
        end -= 128  # of ID3, hung on by a program that takes every file for an MP3
    for _ in few_for(data, _BYTES_PER_BLOCK):
        if at >= end or not data[at]:  # no element begins with zero: it is what was hung on
            return at - end if at > end else 0
        element, at = _ebml_number(data, at, keep_marker=True)
        size, at = _ebml_number(data, at, keep_marker=False)
        if element is None or at > end:
            return at - end
        if size is not None and element != _SEGMENT:
            at += size
        elif size is not None and at + size > end:
            return at + size - end
        elif element not in (_SEGMENT, _CLUSTER):
            return 0  # no other element may leave its size open: the decoder says what is wrong
    return at - end


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


def _missing_in_mpegts(data: Data, start: int) -> int:
    """Returns how many bytes the last packet lacks."""
    size = 192 if data[start : start + 1] != b"G" else 188
    return -(len(data) - start) % size


def _missing_in_gsm(data: Data, start: int) -> int:
    return -(len(data) - start) % GSM_BYTES


def _missing_in_dv(data: Data, start: int) -> int:
    return -(len(data) - start) % _DV_FRAME_BYTES[data[start + 3] >= 0x80]


def _missing_in_mpeg(data: Data, start: int) -> int:
    """Returns how many bytes the last packet of a program stream lacks."""
    at = start
    for _ in few_for(data):
        if at + 14 > len(data) or data[at : at + 3] != b"\0\0\1" or data[at + 3] <= 0xB9:
            return 0
        if data[at + 3] != 0xBA:
            at += 6 + int.from_bytes(data[at + 4 : at + 6], "big")
        else:  # of MPEG-2, or of MPEG-1
            at += 14 + (data[at + 13] & 7) if data[at + 4] & 0xC0 == 0x40 else 12
        if at > len(data):
            return at - len(data)
    return 0


def _missing_in_flv(data: Data, start: int) -> int:
    """Returns how many bytes the last tag lacks; each says how long it is, and again behind itself."""
    at = start + 9
    for _ in few_for(data):
        if at + 15 > len(data):
            break
        at += 4 + 11 + int.from_bytes(data[at + 5 : at + 8], "big")
    return at + 4 - len(data) if at > len(data) else 0


_MISSING: dict[str, Callable[[Data, int], int]] = {
    "wav": _missing_in_wav,
    "w64": _missing_in_w64,
    "aiff": _missing_in_aiff,
    "caf": _missing_in_caf,
    "au": _missing_in_au,
    "avi": _missing_in_avi,
    "ogg": _missing_in_ogg,
    "mov": _missing_in_iso_media,
    "matroska": _missing_in_matroska,
    "asf": _missing_in_asf,
    "mpegts": _missing_in_mpegts,
    "mpeg": _missing_in_mpeg,
    "flv": _missing_in_flv,
    "gsm": _missing_in_gsm,
    "dv": _missing_in_dv,
}
