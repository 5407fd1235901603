"""What the bytes of an audio file say about it: which container it is, where it begins, and whether it is whole.

The kind is found from the bytes, since names and Content-Types are often wrong. Decoders read a truncated file to the
point where it breaks off and report nothing: a caller whose upload broke off would get half a transcript and not know.

Sources: RIFF (Microsoft/IBM 1991), RF64 (EBU Tech 3306), Wave64 (Sonic Foundry), AIFF-C (Apple 1991), Core Audio Format
(Apple), Ogg (RFC 3533), ISO base media (ISO/IEC 14496-12), EBML (RFC 8794) with the elements of Matroska (RFC 9559),
MPEG-2 systems (ISO/IEC 13818-1), ASF (Microsoft), FLV (Adobe), FLAC (RFC 9639).
"""

import re
import struct
from collections.abc import Callable

from hark import frames
from hark.errors import InvalidAudio
from hark.mapped import Data

# What writers that cannot seek back put in the size fields: as much as 31 or 32 bits hold, give or take what comes
# before the samples. Nothing so large arrives, so it is a way to say "unknown", as 0 is.
_UNKNOWN_FROM = {4: 0x7F000000, 8: 1 << 62}
_OGG_HEADER_BYTES = 27
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_ASF_DATA = b"\x36\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
# The boxes that stand at the top of an ISO base media file; old QuickTime files do not begin with "ftyp".
_FIRST_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_TOP_BOXES = _FIRST_BOXES | {b"uuid", b"meta", b"mfra", b"sidx", b"ssix", b"prft", b"emsg", b"udta", b"pdin", b"junk"}
# The boxes of an index that count samples without a field for each, and that of a packed one.
_COUNTS = re.compile(rb"stsz|trun|cmvd")
_SAMPLES_HAVE_FIELDS = 0xF00
# Old codecs of QuickTime count samples of sound, several to a byte.
_SAMPLES_PER_BYTE, _HARMLESS_SAMPLES, _HARMLESS_INDEX_BYTES = 8, 1_000_000, 1 << 24
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
# Boxes, elements and tags hold more than themselves. A file in which they do not, on average, is made to take long.
_HARMLESS_ELEMENTS = 10_000
_BYTES_PER_BLOCK = 8  # of Matroska, where nobody speaks
# Line ends, blanks and zeros in front of a file are what is left of the protocol that brought it.
_MOST_TAGS = 16
_BLANKS = re.compile(rb"[\x00\t\r\n ]*")

# Formats that begin with bytes of their own, by the names FFmpeg has for them.
_MAGICS = (
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"caff", "caf"),
    (b".snd", "au"),
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"#!AMR", "amr"),
    (b"FLV\x01", "flv"),
    (b"\x1f\x07\x00\x3f", "dv"),
    (b"\x1f\x07\x00\xbf", "dv"),
    (b"\0\0\x01\xba", "mpeg"),
    (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "w64"),
)
_RIFF_KINDS = {b"WAVE": "wav", b"AVI ": "avi", b"AIFF": "aiff", b"AIFC": "aiff"}
_RIFF_MAGICS = frozenset({b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM"})
# Transport streams are packets of one length, each with a byte to know it by: those of cameras have four more in front.
_TS_PACKETS = ((188, 0), (192, 4))
# Frames of GSM 06.10, as telephone exchanges keep them, begin with the same four bits: so many are no accident.
_GSM_BYTES, _GSM_FRAMES, _GSM_FIRST = 33, 12, frozenset(bytes([first]) for first in range(0xD0, 0xE0))
# Of DV, by its second kind of television.
_DV_FRAME_BYTES = {False: 120_000, True: 144_000}

# What people take for audio that is read here, or send by mistake.
_FOREIGN = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"MThd", "MIDI"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"TTA1", "TTA"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b".RMF", "RealMedia"),
    (b".ra\xfd", "RealAudio"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"\x7f\xfe\x80\x01", "DTS"),
    (b"ajkg", "Shorten"),
    *(
        (bytes([version]) + kind, "DSS, of a dictation machine")
        for version in (1, 2, 3, 6, 7)
        for kind in (b"dss", b"ds2")
    ),
    (b"MS_VOICE", "MSV or DVF, of a Sony recorder"),
    (b"\x06\x0e\x2b\x34", "MXF"),
    (b".SoX", "SoX"),
    (b"XoS.", "SoX"),
    (b"ADIF", "AAC with an ADIF header"),
    (b"\x56\xe0", "AAC in LATM"),
    (b"Creative Voice File", "Creative Voice"),
    (b"#!SILK", "SILK"),
    (b"\x02#!SILK", "SILK"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"#EXTM3U", "M3U"),
    (b"<!DOCTYPE", "HTML"),
    (b"<!doctype", "HTML"),
    (b"<html", "HTML"),
    (b"<?xml", "XML"),
)

# The same, of formats that are told by what is not at their beginning.
_FOREIGN_WITHIN = {
    (8, 12): {b"QLCM": "QCELP", b"aax ": "a protected Audible book", b"aaxc": "a protected Audible book"},
    (4, 8): {b"\x57\x90\x75\x36": "a protected Audible book"},
}

# How another recording begins behind the end of a first: a header that no audio and no tag looks like by chance.
_FOLLOWS = {
    "wav": re.compile(rb"RIF[FX].{4}WAVE", re.DOTALL),
    "aiff": re.compile(rb"FORM.{4}AIF[FC]", re.DOTALL),
    "flac": re.compile(rb"fLaC[\x00\x80]\x00\x00\x22"),  # STREAMINFO, which is 34 bytes
}


def kind(data: Data) -> str:
    """Returns the container by FFmpeg's name of it, such as "wav" or "matroska"; "" for what is none of them."""
    return found(data)[0]


def found(data: Data) -> tuple[str, int]:
    """Finds the container, and where it begins: behind tags of ID3 and what else lies in front by accident.

    Returns:
        its name by FFmpeg, "" for none that is known here, and the place in bytes.
    """
    earliest = at = 0
    for _ in range(_MOST_TAGS):
        # Boxes and program streams begin with zeros, which are then no blanks.
        for place in range(at, max(earliest, at - 3) - 1, -1):
            if name := _kind_at(data, place):
                return name, place
        tag = frames.id3_bytes(data, at)
        blanks = _BLANKS.match(data, at)
        further = at + tag if tag else blanks.end() if blanks else at
        if further == at:
            break
        earliest, at = further if tag else at, further
    if at >= len(data):
        return ("mp3", 0) if data[:3] == b"ID3" else ("", 0)  # a tag that is cut short, or nothing but a tag
    name, start = frames.begins(data, at)
    if name:
        return name, start
    start = data.find(b"fLaC\0\0\0\x22", at, at + frames.JUNK_BYTES)
    first = start if start >= 0 else frames.flac_begins(data, at)
    return ("", 0) if first is None else ("flac", first)


def _kind_at(data: Data, at: int) -> str:
    for magic, name in _MAGICS:
        if data[at : at + len(magic)] == magic:
            return name
    if data[at : at + 4] in _RIFF_MAGICS:
        return _RIFF_KINDS.get(data[at + 8 : at + 12], "")
    if data[at + 4 : at + 8] in _FIRST_BOXES:
        return "mov"
    if all(data[at + _GSM_BYTES * i : at + _GSM_BYTES * i + 1] in _GSM_FIRST for i in range(_GSM_FRAMES)):
        # Silence in A-law, which has no header either, is a value or two; that in GSM is a pattern of ten.
        return "gsm" if len(set(data[at : at + _GSM_BYTES])) > 4 else ""
    for size, first in _TS_PACKETS:
        if all(data[at + first + size * i : at + first + size * i + 1] == b"G" for i in range(4)):
            return "mpegts"
    return ""


def foreign(data: Data) -> str:
    """Returns the name of a format that is known and not read; "" for what is not known at all."""
    blanks = _BLANKS.match(data)
    start = blanks.end() if blanks else 0
    head = data[start : start + 24]
    for (first, last), names in _FOREIGN_WITHIN.items():
        if name := names.get(data[first:last]):
            return name
    return next((name for magic, name in _FOREIGN if head.startswith(magic)), "")


def says_no_length(data: Data) -> bool:
    """Says whether this is a file of which libsndfile reads nothing, or the first part only.

    That is a WAV or FLAC whose writer could not seek back to say how long it is, and several Ogg streams in a row.
    """
    name, start = found(data)
    match name:
        case "wav":
            chunk = _chunk(data, start + 12, b"data", _riff_header(data, start))
            return chunk is not None and chunk[1] == 0 and chunk[0] < len(data)
        case "flac":  # 36 bits of STREAMINFO, which is always first
            total = data[start + 21 : start + 26]
            return len(total) == 5 and not (total[0] & 15 or any(total[1:]))
        case "ogg":  # all first pages (2) of streams side by side come before any other (0)
            return data.find(b"OggS\0\x02", max(0, data.find(b"OggS\0\0", start))) > start
    return False


def mended_head(data: Data) -> bytes:
    """Returns what to read in the place of a file's first bytes; nothing where it can be read as it is.

    A Wave64 or Core Audio file whose writer could not seek back says sizes that libraries do not read, or not always.
    """
    name, start = found(data)
    chunk = _samples_of_w64(data, start) if name == "w64" else _samples_of_caf(data, start) if name == "caf" else None
    if not chunk or not _is_unknown(chunk[1], 8):
        return b""
    at = chunk[0]
    head = bytearray(data[start:at])
    if name == "caf":
        struct.pack_into(">Q", head, len(head) - 8, len(data) - at)
    else:
        struct.pack_into("<Q", head, 16, len(data) - start)
        struct.pack_into("<Q", head, len(head) - 8, 24 + len(data) - at)
    return bytes(head)


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


def _riff_header(data: Data, start: int) -> str:
    return ">4sI" if data[start : start + 4] in (b"RIFX", b"FORM") else "<4sI"


def _chunk(
    data: Data, at: int, wanted: bytes, header: str, align: int = 2, counts_header: bool = False
) -> tuple[int, int] | None:
    """Finds a chunk in a file that is a row of them; returns where its content begins, and its size as it says."""
    header_bytes = struct.calcsize(header)
    for _ in _few_for(data):
        if at + header_bytes > len(data):
            return None
        name, size = struct.unpack_from(header, data, at)
        size -= header_bytes if counts_header else 0
        at += header_bytes
        if name == wanted:
            return at, size
        at += max(0, size + -size % align)
    return None


def _few_for(data: Data, bytes_per_element: int = 32) -> "_Count":
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


def _is_unknown(size: int, size_bytes: int) -> bool:
    return size <= 0 or size >= _UNKNOWN_FROM[size_bytes]


def _missing_in_wav(data: Data, start: int) -> int:
    """Returns how many bytes of samples are not there."""
    chunk = _chunk(data, start + 12, b"data", _riff_header(data, start))
    if not chunk:
        return 0  # libsndfile says what is wrong
    at, size = chunk
    if data[start : start + 4] in (b"RF64", b"BW64"):
        sizes = _chunk(data, start + 12, b"ds64", "<4sI")
        if size == 0xFFFFFFFF and sizes and sizes[0] + 16 <= len(data):
            size = struct.unpack_from("<Q", data, sizes[0] + 8)[0]
            return 0 if _is_unknown(size, 8) else at + size - len(data)
    return _missing_in_riff(data, start, at, size)


def _missing_in_aiff(data: Data, start: int) -> int:
    chunk = _chunk(data, start + 12, b"SSND", ">4sI")
    return _missing_in_riff(data, start, *chunk) if chunk else 0


def _missing_in_riff(data: Data, start: int, at: int, size: int) -> int:
    """Tells whether the chunk of samples, which begins at `at`, is cut short, or says the wrong size."""
    missing = at + size - len(data)
    if missing <= 0:
        return missing
    if _is_unknown(size, 4):
        return 0
    (whole,) = struct.unpack_from(">I" if _riff_header(data, start)[0] == ">" else "<I", data, start + 4)
    # The file says of itself that it is all here: then it is the chunk that says the wrong size, ...
    if at < start + 8 + whole <= len(data) + 1:
        return 0
    # ... as it does where it says that of the file.
    return 0 if size in (len(data) - start, len(data) - start - 8) else missing


def _samples_of_w64(data: Data, start: int) -> tuple[int, int] | None:
    return _chunk(data, start + 40, _W64_DATA, "<16sQ", align=8, counts_header=True)


def _missing_in_w64(data: Data, start: int) -> int:
    chunk = _samples_of_w64(data, start)
    return 0 if not chunk or _is_unknown(chunk[1], 8) else chunk[0] + chunk[1] - len(data)


def _samples_of_caf(data: Data, start: int) -> tuple[int, int] | None:
    return _chunk(data, start + 8, b"data", ">4sQ", align=1)


def _missing_in_caf(data: Data, start: int) -> int:
    chunk = _samples_of_caf(data, start)
    return 0 if not chunk or _is_unknown(chunk[1], 8) else chunk[0] + chunk[1] - len(data)


def _missing_in_avi(data: Data, start: int) -> int:
    """Returns how many bytes the last of its RIFF chunks lacks; there is one for each gigabyte."""
    at = start
    for _ in _few_for(data):
        if at + 12 > len(data) or data[at : at + 4] != b"RIFF":
            return at - len(data)
        (size,) = struct.unpack_from("<I", data, at + 4)
        if _is_unknown(size, 4):
            return 0
        at += 8 + size + size % 2
    return 0


def _missing_in_asf(data: Data, start: int) -> int:
    """Returns how many bytes the packets lack; a live stream does not say how many there are."""
    chunk = _chunk(data, start, _ASF_DATA, "<16sQ", align=1, counts_header=True)
    return 0 if not chunk or _is_unknown(chunk[1], 8) else chunk[0] + chunk[1] - len(data)


def _missing_in_au(data: Data, start: int) -> int:
    if len(data) < start + 12:
        return 0
    offset, size = struct.unpack_from(">II", data, start + 4)
    return 0 if _is_unknown(size, 4) else int(start + offset + size - len(data))


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
    for _ in _few_for(data):
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
    for _ in _few_for(data):
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
    for _ in _few_for(data, _BYTES_PER_BLOCK):
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
    return -(len(data) - start) % _GSM_BYTES


def _missing_in_dv(data: Data, start: int) -> int:
    return -(len(data) - start) % _DV_FRAME_BYTES[data[start + 3] >= 0x80]


def _missing_in_mpeg(data: Data, start: int) -> int:
    """Returns how many bytes the last packet of a program stream lacks."""
    at = start
    for _ in _few_for(data):
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
    for _ in _few_for(data):
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
