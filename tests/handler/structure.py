"""The parts that audio files are made of, so that a fuzz can change what they say and how they lie.

`parsed` takes a file apart and `written` puts it together again: every size and checksum is then right again, but for
those that were changed on purpose. What is no part of any structure is a part of raw bytes.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hark import frames


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    crc, top, mask = 0, 1 << bits - 1, (1 << bits) - 1
    for byte in data:
        crc ^= byte << bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ polynomial if crc & top else crc << 1) & mask
    return crc


_CRC_32 = [_crc(bytes([first]), 32, 0x04C11DB7) for first in range(256)]


def _crc_32(data: bytes | bytearray, crc: int = 0) -> int:
    for byte in data:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC_32[crc >> 24 ^ byte]
    return crc


@dataclass
class Part:
    """A part of a file.

    Attributes:
        layout: how its name and size are written; a key of `_WRITERS`.
        name: as its bytes in the file are.
        head: fields between its size and what it holds.
        body: its content, where that is no parts.
        parts: what it holds, else.
        size: what it says of its size, where that is not the truth.
        checked: its checksum, where it has one, is right.
        width: bytes of its size field, where these vary.
    """

    layout: str
    name: bytes = b""
    head: bytes = b""
    body: bytes = b""
    parts: "list[Part]" = field(default_factory=list)
    size: int | None = None
    checked: bool = True
    width: int = 0

    def copy(self) -> "Part":
        """Returns a copy with parts of its own."""
        twin = Part(self.layout, self.name, self.head, self.body, [], self.size, self.checked, self.width)
        twin.parts = [part.copy() for part in self.parts]
        return twin

    def all(self) -> "Iterator[Part]":
        """Yields the parts within it, and those within them."""
        for part in self.parts:
            yield part
            yield from part.all()


def written(part: Part) -> bytes:
    """Returns the bytes of a part."""
    return _WRITERS[part.layout](part, part.head + part.body + b"".join(written(each) for each in part.parts))


def _sized(
    name_first: bool, order: str, size_format: str, align: int, counts_head: bool
) -> Callable[[Part, bytes], bytes]:
    width = struct.calcsize(size_format)

    def write(part: Part, content: bytes) -> bytes:
        size = len(content) + (len(part.name) + width if counts_head else 0) if part.size is None else part.size
        number = struct.pack(order + size_format, size & ((1 << 8 * width) - 1))
        front = part.name + number if name_first else number + part.name
        return front + content + bytes(-len(content) % align)

    return write


def _ebml(part: Part, content: bytes) -> bytes:
    width = part.width or 8
    most = (1 << 7 * width) - 1
    size = len(content) if part.size is None else part.size
    if size < 0:
        return part.name + ((1 << 7 * width) | most).to_bytes(width, "big") + content
    if size >= most:
        width = 8
    return part.name + ((1 << 7 * width) | (size & ((1 << 7 * width) - 1))).to_bytes(width, "big") + content


def _ogg_page(part: Part, content: bytes) -> bytes:
    page = bytearray(content)
    if part.checked and len(page) >= 27:
        page[22:26] = bytes(4)
        page[22:26] = struct.pack("<I", _crc_32(page))
    return bytes(page)


def _flac_block(part: Part, content: bytes) -> bytes:
    size = len(content) if part.size is None else part.size
    return part.name + (size & 0xFFFFFF).to_bytes(3, "big") + content


def _flac_frame(part: Part, content: bytes) -> bytes:
    """The head has the header with its CRC-8, the content the CRC-16 of all at its end."""
    if not part.checked or len(part.head) < 6:
        return content
    head = part.head[:-1] + bytes([_crc(part.head[:-1], 8, 0x07)])
    whole = head + content[len(part.head) : -2]
    return whole + struct.pack(">H", _crc(whole, 16, 0x8005))


def _ts_packet(part: Part, content: bytes) -> bytes:
    """Tables have a CRC-32 that FFmpeg checks."""
    packet = bytearray(content)
    if part.checked and part.name == b"table" and len(packet) > 12 and packet[4] == 0:
        end = 8 + ((packet[6] & 15) << 8 | packet[7])
        if 12 < end <= len(packet):
            packet[end - 4 : end] = struct.pack(">I", _crc_32(packet[5 : end - 4], 0xFFFFFFFF))
    return bytes(packet)


def _flv_tag(part: Part, content: bytes) -> bytes:
    size = len(content) - 7 if part.size is None else part.size  # without the rest of its head
    return part.name + (size & 0xFFFFFF).to_bytes(3, "big") + content + struct.pack(">I", len(content) + 4)


def _id3(part: Part, content: bytes) -> bytes:
    size = len(content) if part.size is None else part.size
    return part.name + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + content


_WRITERS: dict[str, Callable[[Part, bytes], bytes]] = {
    "raw": lambda part, content: part.name + content,
    "riff": _sized(True, "<", "I", 2, False),
    "iff": _sized(True, ">", "I", 2, False),
    "w64": _sized(True, "<", "Q", 8, True),
    "caf": _sized(True, ">", "Q", 1, False),
    "box": _sized(False, ">", "I", 1, True),
    "ps": _sized(True, ">", "H", 1, False),
    "asf": _sized(True, "<", "Q", 1, True),
    "ebml": _ebml,
    "ogg": _ogg_page,
    "flac block": _flac_block,
    "flac frame": _flac_frame,
    "ts": _ts_packet,
    "flv": _flv_tag,
    "id3": _id3,
}
LITTLE = frozenset({"riff", "w64", "asf", "ogg"})


def parsed(data: bytes, kind: str) -> Part:
    """Takes a file apart.

    Args:
        data: a whole, sound file.
        kind: as `hark.containers.kind` names it.
    """
    front, data = _tag(data)
    return Part("raw", parts=front + (_PARSERS[kind](data) if kind in _PARSERS else [Part("raw", body=data)]))


def _tag(data: bytes) -> tuple[list[Part], bytes]:
    size = frames.id3_bytes(data, 0)
    return ([Part("id3", data[:6], body=data[10:size])] if size else []), data[size:]


_LISTS = frozenset({b"RIFF", b"LIST", b"FORM", b"RF64", b"RIFX"})


def _riff(data: bytes, layout: str = "riff") -> list[Part]:
    found, at, order = [], 0, "<" if layout == "riff" else ">"
    while at + 8 <= len(data):
        name, size = struct.unpack_from(order + "4sI", data, at)
        true_size = len(data) - at - 8 if name in (b"RF64", b"BW64") else min(size, len(data) - at - 8)
        content = data[at + 8 : at + 8 + true_size]
        part = Part(layout, name, size=None if true_size == size else size)
        if name in _LISTS:
            part.head, part.parts = content[:4], _riff(content[4:], layout)
        else:
            part.body = content
        found.append(part)
        at += 8 + true_size + true_size % 2
    return found + ([Part("raw", body=data[at:])] if at < len(data) else [])


def _w64(data: bytes) -> list[Part]:
    found, at = [Part("w64", data[:16], data[24:40])], 40
    while at + 24 <= len(data):
        name, size = struct.unpack_from("<16sQ", data, at)
        found[0].parts.append(Part("w64", name, body=data[at + 24 : at + size]))
        at += size + -size % 8
    return found


def _caf(data: bytes) -> list[Part]:
    found, at = [Part("raw", body=data[:8])], 8
    while at + 12 <= len(data):
        name, size = struct.unpack_from(">4sQ", data, at)
        unknown = size > len(data)
        found.append(Part("caf", name, body=data[at + 12 : at + 12 + size], size=size if unknown else None))
        at += 12 + size
    return found


_HEADS_OF_BOXES = {
    **dict.fromkeys((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts", b"udta", b"moof", b"traf"), 0),
    **dict.fromkeys((b"mvex", b"mfra", b"wave", b"ilst"), 0),
    b"meta": 4,
    b"stsd": 8,
    b"dref": 8,
    b"mp4a": 28,
    b"Opus": 28,
    b"alac": 28,
    b"samr": 28,
    b"sawb": 28,
}


def _boxes(data: bytes) -> list[Part]:
    found, at = [], 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + size if 8 <= size <= len(data) - at else len(data)
        content, skipped = data[at + 8 : end], _HEADS_OF_BOXES.get(name)
        if skipped is None or len(content) < skipped:
            found.append(Part("box", name, body=content))
        else:
            found.append(Part("box", name, content[:skipped], parts=_boxes(content[skipped:])))
        at = end
    return found + ([Part("raw", body=data[at:])] if at < len(data) else [])


_MASTERS = frozenset(
    bytes.fromhex(name)
    for name in (
        *("1a45dfa3", "18538067", "1654ae6b", "1549a966", "1f43b675", "ae", "e1", "e0", "a0", "6d80", "6240", "5034"),
        *("1c53bb6b", "bb", "b7", "114d9b74", "4dbb", "1254c367"),
    )
)


def _elements(data: bytes) -> list[Part]:
    found, at = [], 0
    while at < len(data):
        id_bytes = 9 - data[at].bit_length()
        name, at = data[at : at + id_bytes], at + id_bytes
        if at >= len(data) or not data[at]:
            break
        width = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
        at += width
        unknown = size == (1 << 7 * width) - 1
        end = min(len(data), at + size)
        if unknown:  # a cluster ends where the next begins
            following = data.find(name, at) if name == b"\x1fC\xb6u" else -1
            end = following if following >= 0 else len(data)
        part = Part("ebml", name, width=width, size=-1 if unknown else None)
        if name in _MASTERS:
            part.parts = _elements(data[at:end])
        else:
            part.body = data[at:end]
        found.append(part)
        at = end
    return found


def _pages(data: bytes) -> list[Part]:
    found, at = [], 0
    while data[at : at + 4] == b"OggS":
        head_end = at + 27 + data[at + 26]
        end = head_end + sum(data[at + 27 : head_end])
        found.append(Part("ogg", head=data[at:head_end], body=data[head_end:end]))
        at = end
    return found


def _flac(data: bytes) -> list[Part]:
    found, at, last = [Part("raw", body=b"fLaC")], 4, False
    while not last:
        last = data[at] >= 0x80
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        found.append(Part("flac block", data[at : at + 1], body=data[at + 4 : at + 4 + size]))
        at += 4 + size
    starts = [at]
    for start in range(at + 1, len(data) - 16):
        if data[start] != 0xFF or frames._flac_number(data, start) is None:
            continue
        if _crc(data[starts[-1] : start - 2], 16, 0x8005) == int.from_bytes(data[start - 2 : start], "big"):
            starts.append(start)
    for start, end in zip(starts, [*starts[1:], len(data)], strict=True):
        more = 0 if data[start + 4] < 0x80 else 7 - (data[start + 4] ^ 0xFF).bit_length()
        size, rate = data[start + 2] >> 4, data[start + 2] & 15
        head = start + 6 + more + {6: 1, 7: 2}.get(size, 0) + {12: 1, 13: 2, 14: 2}.get(rate, 0)
        found.append(Part("flac frame", head=data[start:head], body=data[head:end]))
    return found


def _of_frames(kind: str) -> Callable[[bytes], list[Part]]:
    def parse(data: bytes) -> list[Part]:
        found, at = [], 0
        while header := frames._FRAME[kind](data, at):
            end = min(len(data), at + header[0])
            found.append(Part("raw", head=data[at : at + 7], body=data[at + 7 : end]))
            at = end
        return found + ([Part("raw", body=data[at:])] if at < len(data) else [])

    return parse


def _amr(data: bytes) -> list[Part]:
    wide = data.startswith(b"#!AMR-WB\n")
    at = 9 if wide else 6
    sizes = (17, 23, 32, 36, 40, 46, 50, 58, 60, 5) if wide else (12, 13, 15, 17, 19, 20, 26, 31, 5)
    found = [Part("raw", body=data[:at])]
    while at < len(data):
        mode = data[at] >> 3 & 15
        end = at + 1 + (sizes[mode] if mode < len(sizes) else 0)
        found.append(Part("raw", head=data[at : at + 1], body=data[at + 1 : end]))
        at = end
    return found


def _packets(data: bytes) -> list[Part]:
    found = []
    for at in range(0, len(data), 188):
        is_table = data[at + 1] & 0x40 and data[at + 4 : at + 5] == b"\0"
        found.append(
            Part("ts", head=data[at : at + 4], body=data[at + 4 : at + 188], name=b"table" if is_table else b"")
        )
    return found


def _program(data: bytes) -> list[Part]:
    found, at = [], 0
    while data[at : at + 3] == b"\0\0\1" and at + 6 <= len(data):
        name = data[at : at + 4]
        if name[3] == 0xBA:
            end = at + 14 + (data[at + 13] & 7) if data[at + 4] & 0xC0 == 0x40 else at + 12
            found.append(Part("raw", name, body=data[at + 4 : end]))
        elif name[3] == 0xB9:
            end = at + 4
            found.append(Part("raw", name))
        else:
            end = at + 6 + int.from_bytes(data[at + 4 : at + 6], "big")
            found.append(Part("ps", name, data[at + 6 : at + 15], data[at + 15 : end]))
        at = end
    return found + ([Part("raw", body=data[at:])] if at < len(data) else [])


def _flv(data: bytes) -> list[Part]:
    found, at = [Part("raw", body=data[:13])], 13
    while at + 11 <= len(data):
        end = at + 11 + int.from_bytes(data[at + 1 : at + 4], "big")
        found.append(Part("flv", data[at : at + 1], data[at + 4 : at + 11], data[at + 11 : end]))
        at = end + 4
    return found


_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_EXTENSION = bytes.fromhex("b503bf5f2ea9cf118ee300c00c205365")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")


def _asf(data: bytes) -> list[Part]:
    found, at = [], 0
    while at + 24 <= len(data):
        name, size = struct.unpack_from("<16sQ", data, at)
        content = data[at + 24 : at + size]
        if name in (_ASF_HEADER, _ASF_EXTENSION):
            head = 6 if name == _ASF_HEADER else 22
            found.append(Part("asf", name, content[:head], parts=_asf(content[head:])))
        elif name == _ASF_DATA:
            (packets,) = struct.unpack_from("<Q", content, 16)
            packet_bytes = max(1, (len(content) - 26) // max(1, packets))
            cut = [Part("raw", body=content[i : i + packet_bytes]) for i in range(26, len(content), packet_bytes)]
            found.append(Part("asf", name, content[:26], parts=cut))
        else:
            found.append(Part("asf", name, body=content))
        at += max(24, size)
    return found


def _au(data: bytes) -> list[Part]:
    start = int.from_bytes(data[4:8], "big")
    return [Part("raw", head=data[:24]), Part("raw", body=data[24:start]), Part("raw", body=data[start:])]


_PARSERS: dict[str, Callable[[bytes], list[Part]]] = {
    "wav": lambda data: _riff(data, "iff" if data[:4] == b"RIFX" else "riff"),
    "avi": _riff,
    "aiff": lambda data: _riff(data, "iff"),
    "w64": _w64,
    "caf": _caf,
    "mov": _boxes,
    "matroska": _elements,
    "ogg": _pages,
    "flac": _flac,
    **{kind: _of_frames(kind) for kind in frames.KINDS},
    "amr": _amr,
    "gsm": lambda data: [
        Part("raw", head=data[at : at + 1], body=data[at + 1 : at + 33]) for at in range(0, len(data), 33)
    ],
    "mpegts": _packets,
    "mpeg": _program,
    "flv": _flv,
    "asf": _asf,
    "au": _au,
}
