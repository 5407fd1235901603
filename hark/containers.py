"""Which container an audio file is in, and where it begins; from its bytes, since names and types are often wrong.

Sources: RIFF (Microsoft/IBM 1991), RF64 (EBU Tech 3306), Wave64 (Sonic Foundry), AIFF-C (Apple 1991), Core Audio Format
(Apple), Ogg (RFC 3533), ISO base media (ISO/IEC 14496-12), EBML (RFC 8794) with the elements of Matroska (RFC 9559),
MPEG-2 systems (ISO/IEC 13818-1), ASF (Microsoft), FLV (Adobe), FLAC (RFC 9639).
"""

import re

from hark import frames
from hark.mapped import Data

# The boxes that stand at the top of an ISO base media file; old QuickTime files do not begin with "ftyp".
FIRST_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot"})
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
GSM_BYTES, _GSM_FRAMES, _GSM_FIRST = 33, 12, frozenset(bytes([first]) for first in range(0xD0, 0xE0))

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
    if data[at + 4 : at + 8] in FIRST_BOXES:
        return "mov"
    if all(data[at + GSM_BYTES * i : at + GSM_BYTES * i + 1] in _GSM_FIRST for i in range(_GSM_FRAMES)):
        # Silence in A-law, which has no header either, is a value or two; that in GSM is a pattern of ten.
        return "gsm" if len(set(data[at : at + GSM_BYTES])) > 4 else ""
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
