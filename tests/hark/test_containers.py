"""What files say of their length is believed where it can be true; what lies around a recording is passed over."""

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
import soundfile as sf

from hark import completeness, containers
from hark.audio import blocks, decode, stated_duration_s
from hark.errors import InvalidAudio
from tests.conftest import encode
from tests.handler.structure import parsed, written
from tests.hark.media_files import encode_media
from tests.hark.recordings import RECORDINGS
from tests.hark.test_audio import RATE, tone

# sox, arecord, GStreamer, MPlayer, npm's and browsers' encoders, FFmpeg.
UNKNOWN = [0x7FFFF000, 0x7FFFF024, 0x80000000, 0x80000024, 0x7FFF0000, 0x7F000000, 0xFFFFFF9B, 0xFFFFFFD3, 0xFFFFFFFF]
ID3V1 = b"TAG" + b"A title".ljust(125)
APE = b"APETAGEX" + struct.pack("<IIII8x", 2000, 32, 0, 0x80000000)


def with_size(data: bytes, chunk: bytes, size: int, whole: int | None = None, order: str = "<") -> bytes:
    """Writes a size into a chunk's header and, where it is given, into that of the file."""
    changed = bytearray(data)
    struct.pack_into(order + "I", changed, data.index(chunk) + 4, size)
    if whole is not None:
        struct.pack_into(order + "I", changed, 4, whole)
    return bytes(changed)


@pytest.mark.parametrize("whole", [None, 0, 36, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("size", UNKNOWN)
def test_a_size_that_nobody_knew_is_none(size: int, whole: int | None) -> None:
    wav, aiff = encode(tone(RATE), RATE), encode(tone(RATE), RATE, "AIFF")
    assert len(decode(with_size(wav, b"data", size, whole), RATE, 30)) == RATE
    assert len(decode(with_size(aiff, b"SSND", size, whole, ">"), RATE, 30)) == RATE


def test_a_count_of_frames_that_nobody_knew_is_none() -> None:
    aiff = bytearray(with_size(encode(tone(RATE), RATE, "AIFF"), b"SSND", 0x7FFFF000, 0x7FFFF000, ">"))
    for count in (0, 0x3FFFF800, 0xFFFFFFFF):
        struct.pack_into(">I", aiff, aiff.index(b"COMM") + 10, count)
        assert len(decode(bytes(aiff), RATE, 30)) == RATE


@pytest.mark.parametrize(("format_", "chunk", "order"), [("WAV", b"data", "<"), ("AIFF", b"SSND", ">")])
def test_the_size_of_the_file_in_the_place_of_that_of_the_samples_is_a_mistake(
    format_: str, chunk: bytes, order: str
) -> None:
    data = encode(tone(RATE), RATE, format_)
    for size in (len(data), len(data) - 8):
        for whole in (None, size, size + 36):
            assert len(decode(with_size(data, chunk, size, whole, order), RATE, 30)) == RATE
    # The file says that it is all here, and the chunk says more.
    assert len(decode(with_size(data, chunk, 2 * len(data), None, order), RATE, 30)) == RATE


@pytest.mark.parametrize(("format_", "chunk", "order"), [("WAV", b"data", "<"), ("AIFF", b"SSND", ">")])
def test_a_size_that_may_be_true_is_believed(format_: str, chunk: bytes, order: str) -> None:
    data = encode(tone(RATE), RATE, format_)
    for size, whole in ((len(data) + 5000, len(data) + 5036), (len(data) + 5000, 36), (200_000_000, 200_000_036)):
        with pytest.raises(InvalidAudio, match="cut short"):
            decode(with_size(data, chunk, size, whole, order), RATE, 30)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.97])
@pytest.mark.parametrize("format_", ["RF64", "W64"])
def test_long_wave_files_are_read_and_refused_where_they_are_cut(format_: str, share: float) -> None:
    data = encode(tone(RATE, 3.0), RATE, format_, "PCM_16")
    assert len(decode(data, RATE, 30)) == 3 * RATE
    with pytest.raises(InvalidAudio, match="cut short"):
        decode(data[: int(len(data) * share)], RATE, 30)


@pytest.mark.parametrize("size", [0, (1 << 63) - 1, 0x7FFFFFFFFFFFFFFF + 24, (1 << 64) - 1])
def test_a_wave64_file_from_a_pipe_is_read(size: int) -> None:
    data = encode(tone(RATE), RATE, "W64", "PCM_16")
    piped = bytearray(data)
    at = data.index(b"data\xf3\xac\xd3\x11") + 16
    struct.pack_into("<Q", piped, 16, size)
    struct.pack_into("<Q", piped, at, size)
    np.testing.assert_array_equal(decode(bytes(piped), RATE, 30), decode(data, RATE, 30))
    assert stated_duration_s(bytes(piped)) == 1.0


@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW", "ALAC_16"])
def test_a_core_audio_file_whose_size_nobody_knew_is_read(subtype: str) -> None:
    data = encode(tone(RATE), RATE, "CAF", subtype)
    open_ended = bytearray(data)
    struct.pack_into(">Q", open_ended, data.index(b"data") + 4, (1 << 64) - 1)
    assert len(decode(bytes(open_ended), RATE, 30)) == RATE


def test_a_core_audio_file_of_aac_whose_size_nobody_knew_is_read() -> None:
    data = RECORDINGS["CAF with AAC"](tone(RATE, 2.0)[:, 0])
    open_ended = bytearray(data)
    struct.pack_into(">Q", open_ended, data.index(b"data") + 4, (1 << 64) - 1)
    np.testing.assert_array_equal(decode(bytes(open_ended), RATE, 30), decode(data, RATE, 30))


def test_wma_that_is_cut_between_two_packets_is_cut_short() -> None:
    data = RECORDINGS["WMA"](tone(RATE, 3.0)[:, 0])
    file = parsed(data, "asf")
    packets = next(part for part in file.parts if len(part.parts) > 3 and not part.parts[0].name)
    size = len(packets.parts[0].body)
    for count in (1, 3):
        with pytest.raises(InvalidAudio, match=f"at least {count * size} bytes"):
            decode(data[: -count * size], RATE, 30)


def test_a_program_stream_that_is_cut_within_a_packet_is_cut_short() -> None:
    data = RECORDINGS["MPEG-PS"](tone(RATE, 3.0)[:, 0])
    for share in (0.3, 0.55, 0.9):
        with pytest.raises(InvalidAudio, match="cut short"):
            decode(data[: int(len(data) * share)], RATE, 30)


@pytest.mark.parametrize("tail", [bytes(1), bytes(5000), ID3V1])
@pytest.mark.parametrize("name", ["WebM", "WebM, live", "Matroska with 24-bit PCM"])
def test_what_is_hung_on_to_matroska_is_none_of_it(name: str, tail: bytes) -> None:
    data = RECORDINGS[name](tone(RATE, 2.0)[:, 0])
    assert len(decode(data + tail, RATE, 30)) == len(decode(data, RATE, 30))


@pytest.mark.parametrize("name", ["OGG OPUS", "OGG VORBIS", "FLV", "FLV with MP3"])
def test_what_may_be_cut_is_said_to_be(name: str) -> None:
    data = RECORDINGS[name](tone(RATE, 6.0)[:, 0])
    file = parsed(data, containers.kind(data))
    for cut, said in ((0, 0), (len(file.parts) // 2, 1)):
        file.parts = file.parts[: len(file.parts) - cut]
        notes: list[str] = []
        read = np.concatenate(list(blocks(written(file), RATE, 30, notes)))
        assert len([note for note in notes if "something may be missing" in note]) == said
        assert (len(read) < 5 * RATE) == bool(said)


def test_an_rf64_file_whose_size_nobody_knew_is_read() -> None:
    data = encode(tone(RATE), RATE, "RF64", "PCM_16")
    if data[:4] != b"RF64":  # libsndfile makes a plain WAV of what is short
        fmt = data[12:36]
        head = b"RF64\xff\xff\xff\xffWAVE" + struct.pack("<4sIQQQI", b"ds64", 28, len(data), 0, 0, 0) + fmt
        data = head + b"data\xff\xff\xff\xff" + data[44:]
    at = data.index(b"ds64") + 8
    for size in (0, (1 << 64) - 1):
        changed = bytearray(data)
        struct.pack_into("<QQQ", changed, at, size, size, size)
        assert containers.kind(bytes(changed)) == "wav"
        completeness.check_complete(bytes(changed))


def wav_of_mp3(samples: np.ndarray, fact: int) -> bytes:
    """Returns a WAV file of MP3 (tag 0x55), whose count of samples is what the encoder made of it."""
    stream = encode(samples, RATE, "MP3")
    fmt = struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE, 8000, 1, 0, 12, 1, 2, 576, 1, 1105)
    chunks = b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"fact" + struct.pack("<II", 4, fact)
    chunks += b"data" + struct.pack("<I", len(stream)) + stream + bytes(len(stream) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize("fact", [0, 1000, 2 * RATE, 2 * RATE + 576, 2 * RATE + 3000, 0xFFFFFFFF])
def test_mp3_in_wav_is_read_whatever_its_count_of_samples(fact: int) -> None:
    data = wav_of_mp3(tone(RATE, 2.0), fact)
    assert abs(len(decode(data, RATE, 30)) / RATE - 2.0) < 0.15
    with pytest.raises(InvalidAudio, match="cut short"):
        decode(data[: len(data) // 2], RATE, 30)


@pytest.mark.parametrize(
    ("name", "tail"),
    [("WebM", ID3V1)]
    + [
        (name, tail)
        for name in ("m4a, index in front", "m4a, index at the end", "ADTS AAC")
        for tail in (ID3V1, APE, APE + ID3V1, bytes(128), b"\r\n")
    ],
)
def test_a_tag_behind_the_recording_is_not_a_part_of_it_that_is_missing(name: str, tail: bytes) -> None:
    data = encode_media(tone(RATE, 2.0), RATE, name)
    assert len(decode(data + tail, RATE, 30)) == len(decode(data, RATE, 30))
    with pytest.raises(InvalidAudio):
        decode(data[: len(data) // 2] + tail, RATE, 30)


FRONTS: dict[str, bytes] = {
    "line end": b"\r\n",
    "zeros": bytes(3000),
    "blanks": b" \n\n \t",
    "ID3": b"ID3\x04\0\0\0\0\x01\x00" + bytes(128),
    "two tags": (b"ID3\x03\0\0\0\0\0\x20" + b"x" * 32) * 2,
}


@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
@pytest.mark.parametrize(
    ("format_", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", None), ("AIFF", None)]
)
def test_what_lies_in_front_by_accident_is_passed_over(format_: str, subtype: str | None, front: bytes) -> None:
    data = encode(tone(RATE, 2.0), RATE, format_, subtype)
    np.testing.assert_array_equal(decode(front + data, RATE, 30), decode(data, RATE, 30))
    with pytest.raises(InvalidAudio):
        decode(front + data[: len(data) // 2], RATE, 30)


@pytest.mark.parametrize("name", ["m4a, index in front", "WebM", "WMA", "MPEG-TS", "FLV", "ADTS AAC"])
def test_what_lies_in_front_of_media_is_passed_over(name: str) -> None:
    data = encode_media(tone(RATE, 2.0), RATE, name)
    np.testing.assert_array_equal(decode(b"\r\n" + data, RATE, 30), decode(data, RATE, 30))


def test_rubbish_before_flac_is_passed_over() -> None:
    data = encode(tone(RATE, 2.0), RATE, "FLAC")
    rubbish = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    assert len(decode(rubbish + data, RATE, 30)) == 2 * RATE


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"MThd\0\0\0\6", "MIDI"), (b"wvpk" + bytes(40), "WavPack"), (b"\x7f\xfe\x80\x01" + bytes(90), "DTS"),
     (b"%PDF-1.7", "PDF"), (b"PK\x03\x04" + bytes(40), "ZIP"), (b"\r\n<!DOCTYPE html><html>", "HTML")],
)  # fmt: skip
def test_what_is_not_read_is_refused_by_its_name(data: bytes, name: str) -> None:
    with pytest.raises(InvalidAudio, match=f"is {name}"):
        decode(data, RATE, 30)


@pytest.mark.parametrize(
    "make",
    [
        lambda count: b"\0\0\0\x08ftyp" + b"".join(struct.pack(">II", 8, 0x61616161 + i) for i in range(count)),
        lambda count: b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * count,
        lambda count: b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\xec\x80" * count,
        lambda count: b"FLV\x01\5\0\0\0\x09\0\0\0\0" + bytes(15) * count,
    ],
)
def test_a_file_of_nothing_but_headers_is_refused(make: Callable[[int], bytes]) -> None:
    with pytest.raises(InvalidAudio, match="far too many parts"):
        completeness.check_complete(make(200_000))


def test_the_kinds_of_wave_files_are_told() -> None:
    for format_, kind in (("WAV", "wav"), ("W64", "w64"), ("AIFF", "aiff"), ("CAF", "caf"), ("AU", "au")):
        buffer = io.BytesIO()
        sf.write(buffer, tone(RATE), RATE, format=format_, subtype="PCM_16")
        assert containers.kind(buffer.getvalue()) == kind
