"""Recordings of phones, browsers and video editors are read as libsndfile's formats are, or clearly refused."""

import io
import math
import subprocess
import sys
from typing import Any

import av
import numpy as np
import pytest

from hark import containers, media
from hark.audio import blocks, decode
from hark.errors import AudioTooLong, InvalidAudio, RequestError
from tests.conftest import encode
from tests.hark import test_costs
from tests.hark.media_files import MEDIA, encode_media
from tests.hark.test_audio import RATE, strongest_hz, tone


@pytest.mark.parametrize(("sample_rate_hz", "channels"), [(48000, 2), (16000, 1), (44100, 1)])
@pytest.mark.parametrize("name", MEDIA)
def test_reads_what_people_record(name: str, sample_rate_hz: int, channels: int) -> None:
    if "Opus" in name or "WebM" in name:
        sample_rate_hz = min(sample_rate_hz, 48000) if sample_rate_hz != 44100 else 24000  # Opus has rates of its own
    samples = decode(encode_media(tone(sample_rate_hz, 3.0, channels), sample_rate_hz, name), RATE, 30)
    assert samples.dtype == np.float32
    assert abs(len(samples) / RATE - 3.0) < 0.15  # codecs of frames pad the last one
    assert abs(strongest_hz(samples) - 440) < 2
    assert 0.3 < np.sqrt(np.square(samples).mean()) < 0.4


def test_surround_sound_is_mixed_down() -> None:
    samples = decode(encode_media(tone(48000, 1.0, 6), 48000, "m4a, index at the end"), RATE, 30)
    assert abs(strongest_hz(samples) - 440) < 2


@pytest.mark.parametrize("name", MEDIA)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_a_truncated_file_is_refused(name: str, share: float) -> None:
    data = encode_media(tone(16000, 3.0), 16000, name)
    with pytest.raises(InvalidAudio, match=r"cut short|cannot be decoded"):
        decode(data[: int(len(data) * share)], RATE, 30)


@pytest.mark.parametrize("name", ["m4a, index at the end", "WebM, live"])
def test_a_video_gives_its_sound(name: str) -> None:
    muxed = name if name.startswith("WebM") else "Matroska with FLAC"
    samples = decode(encode_media(tone(48000, 2.0, 2), 48000, muxed, video=True), RATE, 30)
    assert abs(len(samples) / RATE - 2.0) < 0.15
    assert abs(strongest_hz(samples) - 440) < 2


@pytest.mark.parametrize("layout", ["7.1", "hexadecagonal", "22.2"])
def test_more_channels_than_a_frame_has_planes_for_are_read(layout: str) -> None:
    buffer = io.BytesIO()
    channels = len(av.AudioLayout(layout).channels)
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("libopus", rate=48000, options={"mapping_family": "255"})
        stream.layout = layout
        samples = np.ascontiguousarray(tone(48000, 1.0, channels).astype(np.float32)).reshape(1, -1)
        for start in range(0, 48000, 960):
            frame = av.AudioFrame.from_ndarray(samples[:, start * channels : (start + 960) * channels], "flt", layout)
            frame.sample_rate, frame.pts = 48000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = decode(buffer.getvalue(), RATE, 30)
    assert abs(len(samples) / RATE - 1.0) < 0.15
    assert abs(strongest_hz(samples) - 440) < 2


@pytest.mark.parametrize("name", ["amr", "3gp"])
def test_wide_band_amr_is_read(name: str) -> None:
    # Nobody but 3GPP has an encoder: frames of 12.65 kbit/s with any parameters are sounds, too.
    rng = np.random.default_rng(0)
    data = b"#!AMR-WB\n" + b"".join(b"\x14" + rng.integers(0, 256, 32, np.uint8).tobytes() for _ in range(100))
    if name == "3gp":
        buffer = io.BytesIO()
        with av.open(io.BytesIO(data), format="amr") as source, av.open(buffer, "w", format="3gp") as target:
            stream = target.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(source.streams.audio[0]):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        data = buffer.getvalue()
        assert containers.kind(data) == "mov"
    assert len(decode(data, RATE, 30)) == 2 * RATE
    with pytest.raises(InvalidAudio):
        decode(data[: len(data) // 2], RATE, 30)


@pytest.mark.parametrize("codec", ["mp2", "ac3"])
def test_program_streams_are_read(codec: str) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="vob" if codec == "ac3" else "mpeg") as container:
        stream: Any = container.add_stream(codec, rate=48000, layout="mono")
        resampler = av.AudioResampler(stream.codec_context.codec.audio_formats[0], "mono", 48000)
        for start in range(0, 3 * 48000, 48000):
            frame = av.AudioFrame.from_ndarray(tone(48000).reshape(1, -1), "flt", "mono")
            frame.sample_rate, frame.pts = 48000, start
            for part in resampler.resample(frame):
                container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    assert containers.kind(buffer.getvalue()) == "mpeg"
    samples = decode(buffer.getvalue(), RATE, 30)
    assert abs(len(samples) / RATE - 3.0) < 0.15
    assert abs(strongest_hz(samples) - 440) < 2


def test_what_is_packed_beside_the_sound_is_left_packed() -> None:
    data = test_costs.packed_subtitles()
    assert len(decode(data, RATE, 30)) == RATE


@pytest.mark.parametrize("place", ["middle", "last"])
@pytest.mark.parametrize(
    "name", ["m4a, index in front", "ADTS AAC", "m4a, lossless", "FLV", "WMA", "Matroska with FLAC"]
)
def test_a_packet_that_is_damaged_costs_no_more_than_itself(name: str, place: str) -> None:
    """As phones leave them that lose the end of a stream, and radio that loses a moment."""
    data = bytearray(encode_media(tone(16000, 6.0), 16000, name))
    with av.open(io.BytesIO(bytes(data))) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        packet = packets[len(packets) // 2 if place == "middle" else -1]
        start = bytes(data).index(bytes(packet))
    at = start + (8 if name == "WMA" else 0)
    data[at : start + packet.size] = (
        bytes(packet.size - (at - start)) if "FLAC" in name else b"\xff" * (start + packet.size - at)
    )
    notes: list[str] = []
    try:
        samples = np.concatenate(list(blocks(bytes(data), RATE, 30, notes)))
    except InvalidAudio:
        # What has only frames has lost one, and nobody knows whether more would come.
        assert (name, place) == ("ADTS AAC", "last")
        return
    assert abs(len(samples) / RATE - 6.0) < 0.5
    assert abs(strongest_hz(samples) - 440) < 2


def test_a_packet_that_is_left_out_is_said_to_be() -> None:
    data = bytearray(encode_media(tone(16000, 6.0), 16000, "m4a, index in front"))
    with av.open(io.BytesIO(bytes(data))) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    for count, read in ((1, True), (len(packets) // 2, False)):
        damaged = bytes(data)
        for packet in packets[10 : 10 + count]:
            damaged = damaged.replace(packet, b"\xff" * len(packet))
        notes: list[str] = []
        if read:
            assert len(np.concatenate(list(blocks(damaged, RATE, 30, notes)))) > 5.5 * RATE
            assert [note for note in notes if f"{count} of " in note and "damaged" in note]
        else:
            with pytest.raises(InvalidAudio, match="cannot be decoded"):
                list(blocks(damaged, RATE, 30, notes))


def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_media(tone(16000, 3.0), 16000, "WebM")
    monkeypatch.setattr(media, "_READING_S", -1.0)
    for work in (lambda: decode(data, RATE, math.inf), lambda: media.duration_s(data, "matroska", math.inf)):
        with pytest.raises(InvalidAudio, match="takes too long"):
            work()


def test_a_video_without_sound_is_refused() -> None:
    with pytest.raises(InvalidAudio, match="no audio"):
        decode(encode_media(tone(48000, 2.0), 48000, "WebM", video=True, audio=0), RATE, 30)


def test_the_first_of_several_streams_is_read() -> None:
    samples = decode(encode_media(tone(48000, 2.0), 48000, "Matroska with FLAC", audio=3), RATE, 30)
    assert np.abs(samples).max() > 0.4


@pytest.mark.parametrize("name", MEDIA)
def test_audio_over_the_limit_is_refused_before_it_is_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_media(tone(16000, 3.0), 16000, name)
    monkeypatch.setattr(media, "blocks", lambda *_: pytest.fail("decoded"))
    with pytest.raises(AudioTooLong, match=r"limit of 2\.5 s"):
        decode(data, RATE, 2.5)


@pytest.mark.parametrize("name", ["WebM", "m4a, index at the end", "ADTS AAC"])
def test_a_small_file_of_long_silence_is_refused_with_little_memory(name: str, tmp_path) -> None:
    (tmp_path / "silence").write_bytes(encode_media(np.zeros((16000 * 900, 1), np.float32), 16000, name))
    # A process of its own, since what other tests took cannot be told from what this takes.
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from hark.audio import decode; from hark.errors import AudioTooLong\n"
        "data = Path(sys.argv[1]).read_bytes()\n"
        "from hark import media\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: decode(data, 16000, 600)\n"
        "except AudioTooLong: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "silence")], capture_output=True, text=True)
    assert int(done.stdout) < 32 * 1024, done.stderr  # KiB; decoded it is 58 MB


def test_an_index_that_claims_less_than_there_is_does_not_get_past_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_media(tone(16000, 3.0), 16000, "WebM")
    monkeypatch.setattr(media, "duration_s", lambda *_: 0.1)
    with pytest.raises(AudioTooLong):
        decode(data, RATE, 2.5)


@pytest.mark.parametrize("name", ["a.txt", "a.wav", "a.mp3"])
def test_playlists_are_not_opened(name: str, tmp_path) -> None:
    # FFmpeg would follow these to files of the machine.
    secret = tmp_path / name
    secret.write_bytes(encode(tone(RATE), RATE))
    for text in (f"ffconcat version 1.0\nfile {secret}\n", f"#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"):
        with pytest.raises(InvalidAudio):
            decode(text.encode(), RATE, 30)


@pytest.mark.parametrize(
    "data",
    [b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42isom", b"\0\0\0\x08moov", b"\0\0\0\0mdat" + b"\1" * 99,
     b"\x1aE\xdf\xa3\xff", b"\x1aE\xdf\xa3" + b"\xff" * 64, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + b"\0" * 64,
     b"#!AMR\n", b"#!AMR\n" + b"\xff" * 99, b"\xff\xf1" + b"\0" * 20, b"RIFF\x99\0\0\0AVI " + b"\0" * 99],
)  # fmt: skip
def test_beginnings_without_audio_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidAudio):
        decode(data, RATE, 30)


@pytest.mark.parametrize("name", MEDIA)
def test_random_damage_never_raises_anything_else(name: str, speech: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    whole = encode_media(speech[:RATE, None], RATE, name)
    for _ in range(25):
        data = bytearray(whole)
        # Half of the damage is done to the head, where the structure is.
        for at in np.r_[rng.integers(0, len(data), 5), rng.integers(0, min(1000, len(data)), 5)]:
            data[at] = rng.integers(256)
        try:
            samples = decode(bytes(data), RATE, 30)
        except RequestError as error:
            assert str(error).count("\n") == 0  # noqa: PT017
        else:
            assert np.isfinite(samples).all()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("m4a, index in front", "mov"), ("mp4 in fragments", "mov"), ("ADTS AAC", "aac"), ("WebM, live", "matroska"),
     ("WMA", "asf"), ("WAV with ADPCM", "wav")],
)  # fmt: skip
def test_the_kind_is_found_from_the_bytes(name: str, kind: str) -> None:
    assert containers.kind(encode_media(tone(16000), 16000, name)) == kind


def test_files_that_do_not_say_how_long_they_are_are_read() -> None:
    flac = bytearray(encode(tone(16000, 2.0), 16000, "FLAC"))
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    wav = bytearray(encode(tone(16000, 2.0), 16000, "WAV"))
    at = wav.find(b"data") + 4
    wav[4:8] = wav[at : at + 4] = bytes(4)
    for data in (bytes(flac), bytes(wav)):
        assert abs(len(decode(data, RATE, 30)) / RATE - 2.0) < 0.01
        with pytest.raises(AudioTooLong):
            decode(data, RATE, 1)


@pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])
def test_ogg_files_in_a_row_are_read_to_the_end(subtype: str) -> None:
    data = encode(tone(16000, 2.0), 16000, "OGG", subtype)
    assert abs(len(decode(data + data, RATE, 30)) / RATE - 4.0) < 0.1
