"""What a caller sends costs no more than twice the time of a recording of as many bytes, whatever is in it.

Times are those of the processor, compared with each other on the same machine: as plain sound serves Opus.
"""

import contextlib
import functools
import struct
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from hark import frames
from hark.audio import decode
from hark.errors import RequestError
from tests.conftest import encode
from tests.handler.structure import Part, parsed, written
from tests.hark.bombs import BOMBS, packed_blocks, table_of_samples
from tests.hark.recordings import RECORDINGS
from tests.hark.test_audio import RATE
from tests.hark.test_frames import RUBBISH, of_frames

SIZE = 2_000_000
# What opening a file takes, whatever is in it.
BASE_S = 0.3


def element(name: str, content: bytes) -> bytes:
    return bytes.fromhex(name) + struct.pack(">Q", 1 << 56 | len(content)) + content


def packed_subtitles() -> bytes:
    """A second of PCM in Matroska, and subtitles that unpack to 9 MB for each 9 kB."""
    sound = element("B5", struct.pack(">d", 16_000.0)) + element("9F", b"\1") + element("6264", b"\x10")
    audio = element("D7", b"\1") + element("73C5", b"\1") + element("83", b"\2") + element("86", b"A_PCM/INT/LIT")
    packing = element("6D80", element("6240", element("5033", b"\0") + element("5034", element("4254", b"\0"))))
    text = element("D7", b"\2") + element("73C5", b"\2") + element("83", b"\x11") + element("86", b"S_TEXT/UTF8")
    tracks = element("1654AE6B", element("AE", audio + element("E1", sound)) + element("AE", text + packing))
    block = element("A3", b"\x82\0\0\x80" + zlib.compress(bytes(9 << 20), 9))
    cluster = element("E7", b"\0") + element("A3", b"\x81\0\0\x80" + bytes(32_000)) + block * (SIZE // len(block))
    head = element("1A45DFA3", element("4282", b"matroska") + element("4287", b"\4") + element("4285", b"\2"))
    info = element("1549A966", element("2AD7B1", struct.pack(">I", 1_000_000)))
    return head + element("18538067", info + tracks + element("1F43B675", cluster))


def alternating(codec: str) -> bytes:
    """A stream whose rate changes after every third frame, so that each three are frames beyond doubt."""
    cut = []
    for rate_hz in (16_000, 22_050):
        noise = np.random.default_rng(0).normal(0, 0.05, (rate_hz * 4, 1)).astype(np.float32)
        data, at, found = of_frames(noise, codec, rate_hz, 32_000), 0, []
        frame = frames._FRAME["aac" if codec == "aac" else "mp3"]
        while header := frame(data, at):
            found.append(data[at : at + header[0]])
            at += header[0]
        cut.append([b"".join(found[i : i + 3]) for i in range(0, len(found) - 3, 3)])
    data = b"".join(a + b for a, b in zip(*cut, strict=False))
    return data * (SIZE // len(data))


def short_frames_between_rubbish() -> bytes:
    """Runs of the shortest MP3 frames, with a byte between them."""
    frame = b"\xff\xf3\x18\xc4" + bytes(20)  # 8 kbit/s at 24 kHz
    return (frame * 3 + b"\1") * (SIZE // 73)


def counts_of_wma(objects: int) -> bytes:
    """WMA whose header has descriptions that are said to be many, and are not there."""
    data = RECORDINGS["WMA"](np.zeros(RATE, np.float32))
    file = parsed(data, "asf")
    header = file.parts[0]
    described = bytes.fromhex("40a4d0d207e3d21197f000a0c95ea850")
    header.parts += [Part("asf", described) for _ in range(objects)]
    header.head = struct.pack("<I", len(header.parts)) + header.head[4:]
    return written(file)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "WMA that counts what is not there": lambda: counts_of_wma(10),
    "WMA that counts what is not there, again and again": lambda: counts_of_wma(5_000),
    **{name: BOMBS[name] for name in BOMBS if "Matroska" not in name},
    "packed subtitles": packed_subtitles,
    "packed sound": lambda: packed_blocks(200, 9),
    "Matroska of empty elements": lambda: (
        b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\xec\x80" * (SIZE // 2)
    ),
    "Matroska of empty blocks": lambda: (
        b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x1f\x43\xb6\x75\xff" + b"\xa3\x80" * (SIZE // 2)
    ),
    "an MP3 header and ones": lambda: b"\xff\xfb\x90\x64" + b"\xff" * SIZE,
    "MP3 headers only": lambda: b"\xff\xfb\x90\x64" * (SIZE // 4),
    "ADTS headers only": lambda: b"\xff\xf1\x50\x80\x01\x3f\xfc" * (SIZE // 7),
    "ADTS frames of nothing": lambda: b"\xff\xf1\x50\x80\x01\x3f\xfc\0\0" * (SIZE // 9),
    "MP3 frames and ones": lambda: of_frames(np.zeros((RATE, 1), np.float32), "libmp3lame") + b"\xff" * SIZE,
    "MP3 frames and headers": lambda: (
        of_frames(np.zeros((RATE, 1), np.float32), "libmp3lame") + b"\xff\xfb\x90\x64" * (SIZE // 4)
    ),
    "MP3 frames in threes": short_frames_between_rubbish,
    "MP3 that changes its rate": lambda: alternating("libmp3lame"),
    "AAC that changes its rate": lambda: alternating("aac"),
    "SBC frames of a millisecond": lambda: b"\x9c\x00\x02\x00\0\0\0" * (SIZE // 7),
    "SBC headers only": lambda: b"\x9c\x00\x02" * (SIZE // 3),
    "frames of GSM": lambda: (b"\xd8\x20\xa2\xe1\x5a" + b"\x50\x00\x49\x24\x92\x49\x24" * 4) * (SIZE // 33),
    "headers of DV": lambda: b"\x1f\x07\x00\xbf" * (SIZE // 4),
    "frames of DV": lambda: (b"\x1f\x07\x00\xbf" + bytes(143_996)) * (SIZE // 144_000),
    "AC-3 syncwords": lambda: b"\x0b\x77" * (SIZE // 2),
    "distinct boxes": lambda: (
        b"\0\0\0\x08ftyp" + b"".join(struct.pack(">II", 8, 0x61616161 + i) for i in range(SIZE // 8))
    ),
    "boxes of a movie": lambda: b"\0\0\0\x08ftyp\0\0\0\x08mdat" + b"\0\0\0\x08moov" * (SIZE // 8),
    "fragments of a movie": lambda: b"\0\0\0\x08ftyp\0\0\0\x08moov" + b"\0\0\0\x08moof" * (SIZE // 8),
    "empty chunks": lambda: b"RIFF\0\0\0\0WAVE" + b"LIST\0\0\0\0" * (SIZE // 8),
    "empty chunks of AIFF": lambda: b"FORM\0\0\0\0AIFF" + b"ANNO\0\0\0\0" * (SIZE // 8),
    "empty AVIs": lambda: b"RIFF\4\0\0\0AVI " + b"RIFF\4\0\0\0AVIX" * (SIZE // 12),
    "empty Ogg pages": lambda: (b"OggS\0\2" + bytes(21)) * (SIZE // 27),
    "tags": lambda: b"ID3\4\0\0\0\0\0\0" * (SIZE // 10),
    "zeros": lambda: bytes(SIZE),
    "blanks and tags": lambda: b"\r\nID3\4\0\0\0\0\0\0" * (SIZE // 12),
    "FLV tags": lambda: b"FLV\x01\5\0\0\0\x09\0\0\0\0" + bytes(15) * (SIZE // 15),
    "packets without content": lambda: (b"G\x1f\xff\x10" + b"\xff" * 184) * (SIZE // 188),
    "program streams without content": lambda: b"\0\0\1\xba" + b"\0\0\1\xbe\0\0" * (SIZE // 6),
    "FLAC markers": lambda: b"fLaC\0\0\0\x22" * (SIZE // 8),
    "rubbish": lambda: RUBBISH * (SIZE // len(RUBBISH)),
}


def cost_s(data: bytes) -> float:
    """Returns the seconds of the processor that decoding takes, or refusing to."""
    since = time.process_time()
    with contextlib.suppress(RequestError):
        decode(data, RATE, 3900)
    return time.process_time() - since


@functools.cache
def plain_s_per_byte() -> float:
    """Returns what a byte of ordinary sound costs, at the least of three times."""
    noise = np.random.default_rng(0).normal(0, 0.05, (RATE * 20, 1)).astype(np.float32)
    data = encode(noise, RATE, "OGG", "OPUS")
    return min(cost_s(data) for _ in range(3)) / len(data)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_takes_more_than_twice_the_time_of_as_many_bytes_of_sound(name: str) -> None:
    data = HOSTILE[name]()
    taken_s = cost_s(data)
    assert taken_s < BASE_S + 2 * plain_s_per_byte() * len(data), f"{taken_s:.2f} s"


def test_giving_up_is_written_to_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RequestError, match="takes too long"):
        decode(counts_of_wma(50), RATE, 3900)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("in_fragment", [False, True])
@pytest.mark.parametrize("samples", [2_000_000, 0xFFFFFFFF])
def test_an_index_of_more_samples_than_bytes_is_refused(samples: int, in_fragment: bool) -> None:
    with pytest.raises(RequestError, match="claims far more than there is"):
        decode(table_of_samples(samples, in_fragment), RATE, 3900)
