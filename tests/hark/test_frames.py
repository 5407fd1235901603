"""Recordings that are nothing but frames are read wherever they begin and whatever lies between."""

import io
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
import soundfile as sf

from hark import frames
from hark.audio import decode, stated_duration_s
from hark.errors import AudioTooLong, InvalidAudio
from hark.pipeline import Timings, transcribe_samples
from hark.recognizer import Recognizer
from tests.conftest import encode
from tests.hark.media_files import encode_media
from tests.hark.recordings import RECORDINGS
from tests.hark.test_audio import RATE, tone

RUBBISH = np.random.default_rng(5).integers(0, 256, 20_000, np.uint8).tobytes()


def of_frames(samples: np.ndarray, codec: str, rate_hz: int = RATE, bit_rate: int = 64_000) -> bytes:
    """Returns [samples, channels] as frames without any header before them."""
    buffer = io.BytesIO()
    muxer = {"libmp3lame": "mp3", "aac": "adts"}.get(codec, codec)
    options = {"write_xing": "0", "id3v2_version": "0"} if muxer == "mp3" else {}
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(buffer, "w", format=muxer, options=options) as container:
        stream: Any = container.add_stream(codec, rate=rate_hz, layout=layout)
        stream.bit_rate = bit_rate
        resampler = av.AudioResampler(stream.codec_context.codec.audio_formats[0], layout, rate_hz)
        for start in range(0, len(samples), rate_hz):
            block = np.ascontiguousarray(samples[start : start + rate_hz]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, "flt", layout)
            frame.sample_rate, frame.pts = rate_hz, start
            for part in resampler.resample(frame):
                container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def heard(data: bytes, recognizer: Recognizer) -> str:
    """Returns the letters that are heard: whether there is a space between them differs by codec."""
    transcript = transcribe_samples(decode(data, RATE, 60), recognizer, Timings())
    return transcript.text.replace(" ", "")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bit_rate", [32_000, 96_000])
@pytest.mark.parametrize(
    ("codec", "rate_hz"),
    [("libmp3lame", 8000), ("libmp3lame", 16000), ("libmp3lame", 22050), ("libmp3lame", 44100), ("mp2", 16000),
     ("mp2", 44100), ("aac", 16000), ("aac", 44100), ("ac3", 32000), ("ac3", 44100), ("ac3", 48000), ("eac3", 48000)],
)  # fmt: skip
def test_frames_are_followed_to_the_end(codec: str, rate_hz: int, channels: int, bit_rate: int) -> None:
    data = of_frames(tone(rate_hz, 3.0, channels), codec, rate_hz, bit_rate)
    kind, start = frames.begins(data, 0)
    assert (kind, start) == ({"libmp3lame": "mp3", "mp2": "mp3"}.get(codec, codec), 0)
    (part,) = frames.parts(data, kind, 0)
    assert (part.start, part.end) == (0, len(data))
    assert part.missing_bytes <= 0
    assert abs(part.duration_s - 3.0) < 0.2
    assert abs(len(decode(data, RATE, 30)) / RATE - 3.0) < 0.2
    assert stated_duration_s(data) == pytest.approx(part.duration_s)
    with pytest.raises(AudioTooLong):
        decode(data, RATE, 2.0)


@pytest.mark.parametrize("codec", ["libmp3lame", "aac"])
@pytest.mark.parametrize("front", [b"\r\n", bytes(5000), RUBBISH, RUBBISH[:333], b"\xff" * 1000, "cut"], ids=repr)
def test_a_recording_that_does_not_begin_on_a_frame_keeps_its_words(
    codec: str, front: bytes | str, speech: np.ndarray, recognizer: Recognizer
) -> None:
    data = of_frames(speech[:, None], codec)
    # Half a second of silence is in front of the sample, which is what may be lost.
    started = data[500:] if isinstance(front, str) else front + data
    assert heard(started, recognizer) == heard(data, recognizer)


@pytest.mark.parametrize("codec", ["libmp3lame", "aac"])
def test_pieces_of_a_file_that_was_split_are_read_to_their_ends(codec: str) -> None:
    data = of_frames(tone(RATE, 9.0), codec)
    cuts = [0, len(data) // 3 + 7, 2 * len(data) // 3 + 11, len(data)]
    for start, end in list(pairwise(cuts))[0 if codec == "libmp3lame" else 1 :]:
        assert abs(len(decode(data[start:end], RATE, 30)) / RATE - 3.0) < 0.25


@pytest.mark.parametrize("channels", [1, 2])
def test_pieces_of_flac_are_read(channels: int, speech: np.ndarray, recognizer: Recognizer) -> None:
    whole = encode(np.stack([speech] * channels, axis=1), RATE, "FLAC")
    first = heard(whole[3000:], recognizer)  # of the half second of silence, and of the headers
    assert first[-60:] == heard(whole, recognizer)[-60:]
    assert len(first) > 75
    for start, end in ((len(whole) // 3, len(whole)), (len(whole) // 3, 2 * len(whole) // 3)):
        seconds = len(decode(whole[start:end], RATE, 30)) / RATE
        assert seconds == pytest.approx(6.4 * (end - start) / len(whole), abs=1.0)
    with pytest.raises(AudioTooLong):
        decode(whole[3000:], RATE, 3.0)


def test_aac_that_begins_on_a_frame_and_ends_within_one_is_cut_short() -> None:
    data = of_frames(tone(RATE, 3.0), "aac")
    with pytest.raises(InvalidAudio, match="cut short"):
        decode(data[: len(data) // 2 + 7], RATE, 30)


@pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125), b"ID3\x04\0\0\0\0\x07\x10" + b"\xff\xfb\x90\x64" * 228])
def test_mp3s_in_a_row_are_read_to_the_end(between: bytes, speech: np.ndarray, recognizer: Recognizer) -> None:
    with_header, without = encode(speech, RATE, "MP3"), of_frames(speech[:, None], "libmp3lame")
    stereo = np.repeat(speech, 3)[:, None].repeat(2, axis=1)
    once = heard(with_header, recognizer)
    for first, second in (
        (with_header, with_header),
        (without, without),
        (with_header, without),
        (without, with_header),
        (without, of_frames(stereo, "libmp3lame", 48_000)),
    ):
        assert heard(first + between + second, recognizer) == once * 2


def test_an_mp3_of_varying_bit_rate_without_a_count_is_read_to_the_end(
    speech: np.ndarray, recognizer: Recognizer
) -> None:
    # The first frame promises fewer seconds than there are.
    loud, soft = (of_frames(speech[:, None], "libmp3lame", RATE, rate) for rate in (128_000, 24_000))
    data = loud + soft * 3
    assert len(frames.parts(data, "mp3", 0)) == 1
    assert heard(data, recognizer).count("station") == 4


def test_a_damaged_place_costs_no_more_than_itself() -> None:
    data = of_frames(tone(RATE, 10.0), "libmp3lame")
    at = len(data) // 2
    for rubbish in (b"\0" * 700, RUBBISH[:3000]):
        damaged = data[:at] + rubbish + data[at:]
        assert len(decode(damaged, RATE, 30)) / RATE > 9.7


def test_an_mp3_that_says_that_it_is_longer_is_cut_short_wherever_it_begins() -> None:
    data = encode(tone(RATE, 3.0), RATE, "MP3")
    for front in (b"", b"\r\n", RUBBISH):
        with pytest.raises(InvalidAudio, match="cut short"):
            decode(front + data[: len(data) // 2], RATE, 30)


def test_what_the_header_of_fraunhofer_counts_must_be_there() -> None:
    data = RECORDINGS["MP3 with VBRI"](tone(RATE, 3.0)[:, 0])
    assert abs(len(decode(data, RATE, 30)) / RATE - 3.0) < 0.15
    for share in (0.4, 0.9):
        with pytest.raises(InvalidAudio, match="cut short"):
            decode(data[: int(len(data) * share)], RATE, 30)


@pytest.mark.parametrize("codec", ["libmp3lame", "aac", "ac3"])
def test_a_rate_that_changes_with_every_frame_is_refused(codec: str) -> None:
    rates = (32_000, 48_000) if codec == "ac3" else (16_000, 22_050)
    pieces = []
    for rate_hz in rates:
        data = of_frames(tone(rate_hz, 3.0), codec, rate_hz)
        frame, found = frames._FRAME[{"libmp3lame": "mp3"}.get(codec, codec)], []
        at = 0
        while header := frame(data, at):
            found.append(data[at : at + header[0]])
            at += header[0]
        pieces.append(found)
    data = b"".join(a + b for a, b in zip(*pieces, strict=False))
    with pytest.raises(InvalidAudio):
        decode(data * 20, RATE, 600)


@pytest.mark.parametrize("kind", ["mp3", "aac", "ac3"])
def test_rubbish_is_no_recording(kind: str) -> None:
    assert frames.parts(RUBBISH, kind, 0) == []
    with pytest.raises(InvalidAudio):
        decode(RUBBISH, RATE, 30)


def test_the_order_of_a_tag_and_flac_does_not_make_it_an_mp3(speech: np.ndarray) -> None:
    buffer = io.BytesIO()
    sf.write(buffer, speech, RATE, format="FLAC")
    tagged = b"ID3\x04\0\0\0\0\0\x10" + bytes(16) + buffer.getvalue()
    assert len(decode(tagged, RATE, 30)) == len(speech)


def test_tags_before_aac_are_passed_over() -> None:
    data = encode_media(tone(RATE, 2.0), RATE, "ADTS AAC")
    tag = b"ID3\x04\0\0\0\0\0\x10" + bytes(16)
    assert len(decode(tag + data, RATE, 30)) == len(decode(data, RATE, 30))
