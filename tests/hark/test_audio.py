"""Bytes of an audio file become mono samples at the model's rate, or a clear refusal."""

import io
import re
import struct

import numpy as np
import pytest
import soundfile as sf

from hark.audio import blocks, decode
from hark.errors import AudioTooLong, InvalidAudio, InvalidBody, RequestError
from tests.conftest import encode

RATE = 16000
FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "ULAW"),
    ("WAV", "ALAW"), ("WAV", "PCM_32"),
    ("WAVEX", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", None), ("AIFF", "PCM_16"),
    ("CAF", "PCM_16"), ("AU", "PCM_16"),
]  # fmt: skip
LIMITED_SECONDS = 30.0


def tone(sample_rate_hz: int, seconds: float = 1.0, channels: int = 1, hz: float = 440.0) -> np.ndarray:
    times = np.arange(int(sample_rate_hz * seconds)) / sample_rate_hz
    rng = np.random.default_rng(0)  # a little noise, so that no codec writes next to nothing
    mono = 0.5 * np.sin(2 * np.pi * hz * times) + rng.normal(0, 0.01, len(times))
    return np.repeat(mono[:, None], channels, axis=1).astype(np.float32)


def strongest_hz(samples: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))


@pytest.mark.parametrize(("format_", "subtype"), FORMATS)
def test_reads_every_format_libsndfile_has(format_: str, subtype: str | None) -> None:
    samples = decode(encode(tone(48000), 48000, format_, subtype), RATE, LIMITED_SECONDS)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert abs(len(samples) - RATE) <= RATE * 0.1  # MP3 pads
    assert abs(strongest_hz(samples) - 440) < 2


@pytest.mark.parametrize("sample_rate_hz", [8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_reads_every_rate_and_channel_count(sample_rate_hz: int, channels: int) -> None:
    samples = decode(encode(tone(sample_rate_hz, channels=channels), sample_rate_hz), RATE, LIMITED_SECONDS)
    assert abs(len(samples) - RATE) <= 1
    assert abs(strongest_hz(samples) - 440) < 2
    assert 0.45 < np.abs(samples).max() < 0.6


def test_resampling_does_not_alias() -> None:
    # 12 kHz has no place in 16 kHz audio; linear interpolation would fold it to 4 kHz.
    samples = decode(encode(tone(48000, hz=12000.0) - tone(48000, hz=0.0), 48000, subtype="FLOAT"), RATE, 30)
    assert np.sqrt(np.square(samples[800:-800]).mean()) < 1e-3


def test_reading_in_blocks_equals_reading_at_once() -> None:
    long = tone(44100, seconds=20, channels=2)  # several blocks
    whole = decode(encode(long, 44100), RATE, LIMITED_SECONDS)
    import soxr

    pcm = np.rint(long * 32767) / 32768
    expected = soxr.resample(pcm.mean(axis=1).astype(np.float32), 44100, RATE, quality="HQ")
    assert len(whole) == len(expected)
    np.testing.assert_allclose(whole, expected, atol=1e-3)


def test_channels_are_averaged() -> None:
    left_only = tone(RATE, channels=2) * np.array([1.0, 0.0], np.float32)
    np.testing.assert_allclose(decode(encode(left_only, RATE), RATE, 30), tone(RATE)[:, 0] / 2, atol=1e-3)


def test_float_audio_over_full_scale_is_brought_back() -> None:
    samples = decode(encode(tone(RATE) * 1e30, RATE, "WAV", "FLOAT"), RATE, 30)
    assert np.abs(samples).max() == pytest.approx(1.0)


@pytest.mark.parametrize(("format_", "subtype"), FORMATS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
def test_a_truncated_file_is_refused(format_: str, subtype: str | None, share: float) -> None:
    data = encode(tone(RATE, seconds=3), RATE, format_, subtype)
    with pytest.raises(InvalidAudio, match=r"cut short|cannot be decoded"):
        decode(data[: int(len(data) * share)], RATE, LIMITED_SECONDS)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_wav_written_to_a_pipe_is_read(size: int) -> None:
    # Writers that cannot seek leave the sizes unknown, as ffmpeg does.
    data = bytearray(encode(tone(RATE), RATE))
    struct.pack_into("<I", data, data.index(b"data") + 4, size)
    assert len(decode(bytes(data), RATE, 30)) == RATE


@pytest.mark.parametrize(("format_", "subtype"), [("WAV", "PCM_16"), ("AIFF", "PCM_16"), ("FLAC", "PCM_16")])
def test_two_recordings_in_one_file_are_refused_since_only_the_first_would_be_read(
    format_: str, subtype: str | None
) -> None:
    data = encode(tone(RATE, 2.0), RATE, format_, subtype)
    assert len(decode(data, RATE, 10.0)) >= 2 * RATE
    with pytest.raises(InvalidAudio, match="one by one"):
        decode(data + encode(tone(RATE, 1.0, hz=880.0), RATE, format_, subtype), RATE, 10.0)


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX" + bytes(24), b"\0" * 100])
def test_a_tag_behind_the_audio_is_no_second_recording(tag: bytes) -> None:
    data = encode(tone(RATE), RATE, "MP3", None)
    assert len(decode(data + tag, RATE, 10.0)) == len(decode(data, RATE, 10.0))


def test_no_bytes_are_refused() -> None:
    with pytest.raises(InvalidBody, match="empty"):
        decode(b"", RATE, 30)


@pytest.mark.parametrize(
    "data",
    [b"\0", b"hello, this is text", b"\0" * 5000, b"RIFF", b"RIFF\xff\xff\xff\xffWAVE", b"OggS", b"OggS" + b"\0" * 40,
     b"fLaC" + b"\xff" * 100, b"ID3\x04\0\0\0\0\0\0", b"\xff\xfb\x90\x00" * 4, b"FORM\0\0\0\0AIFF", b".snd", b"caff",
     b"\x1aE\xdf\xa3" + b"\0" * 64],
)  # fmt: skip
def test_bytes_that_are_not_audio_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidAudio):
        decode(data, RATE, LIMITED_SECONDS)


def test_random_damage_never_raises_anything_else(speech: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    for format_, subtype in FORMATS:
        whole = encode(speech[:RATE], RATE, format_, subtype)
        for _ in range(25):
            data = bytearray(whole)
            for at in rng.integers(0, len(data), 10):
                data[at] = rng.integers(256)
            try:
                samples = decode(bytes(data), RATE, LIMITED_SECONDS)
            except RequestError as error:
                assert str(error).count("\n") == 0  # noqa: PT017
            else:
                assert np.isfinite(samples).all()


@pytest.mark.parametrize("sample_rate_hz", [8000, 44100, 192000])
@pytest.mark.parametrize("frames", [1, 2, 5, 50])
def test_a_few_samples_are_audio_or_refused(frames: int, sample_rate_hz: int) -> None:
    data = encode(tone(sample_rate_hz)[:frames], sample_rate_hz)
    try:
        assert len(decode(data, RATE, 30)) > 0
    except InvalidAudio as error:
        assert "no samples" in str(error)  # noqa: PT017


def test_no_samples_are_refused() -> None:
    with pytest.raises(InvalidAudio, match="no samples"):
        decode(encode(np.zeros((0, 1), np.float32), RATE), RATE, 30)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sample_rate_hz", [16000, 44100])
def test_values_that_are_not_numbers_are_refused(value: float, sample_rate_hz: int) -> None:
    samples = tone(sample_rate_hz)
    samples[100] = value
    with pytest.raises(InvalidAudio, match="not numbers"):
        decode(encode(samples, sample_rate_hz, "WAV", "FLOAT"), RATE, 30)


@pytest.mark.parametrize("sample_rate_hz", [1, 4000, 7999, 192001, 384000])
def test_rates_outside_the_range_are_refused(sample_rate_hz: int) -> None:
    with pytest.raises(InvalidAudio, match=f"{sample_rate_hz} Hz"):
        decode(encode(tone(RATE), sample_rate_hz), RATE, 1e6)


@pytest.mark.parametrize("channels", [9, 64, 1000])
def test_any_number_of_channels_is_mixed_down(channels: int) -> None:
    samples = decode(encode(tone(RATE, channels=channels), RATE), RATE, 30)
    np.testing.assert_allclose(samples, tone(RATE)[:, 0], atol=1e-3)


def test_audio_over_the_limit_is_refused_and_at_the_limit_is_not() -> None:
    assert len(decode(encode(tone(RATE, 2.0), RATE), RATE, 2.0)) == 2 * RATE
    with pytest.raises(AudioTooLong, match="limit of 2 s"):
        decode(encode(tone(RATE, 2.01), RATE), RATE, 2.0)


@pytest.mark.parametrize(("format_", "subtype"), FORMATS)
def test_what_is_too_long_is_refused_before_it_is_decoded(
    format_: str, subtype: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hark import audio, media

    for module, name in ((audio, "_read"), (media, "blocks")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("decoded"))
    with pytest.raises(AudioTooLong, match=r"limit of 2\.5 s"):
        decode(encode(tone(RATE, seconds=3), RATE, format_, subtype), RATE, 2.5)


def test_a_small_file_of_many_hours_is_refused_without_decoding_it_all() -> None:
    buffer = io.BytesIO()
    with sf.SoundFile(buffer, "w", 8000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(60):
            file.write(np.zeros(8000 * 60, np.float32))
    assert len(buffer.getvalue()) < 1_000_000  # an hour
    with pytest.raises(AudioTooLong):
        decode(buffer.getvalue(), RATE, 600)


def test_many_channels_of_a_high_rate_are_refused_before_they_are_decoded() -> None:
    data = encode(np.zeros((192_000 * 40, 8), np.int16), 192_000, "FLAC")
    with pytest.raises(AudioTooLong, match="channels"):
        next(blocks(data, RATE, 60))


@pytest.mark.parametrize("sent", [b"lecture.mp3", b"@my recordings/a-1.wav", b"/tmp/x.flac"])
def test_the_name_of_a_file_in_place_of_its_bytes_is_told(sent: bytes) -> None:
    shown = re.escape(sent.decode().lstrip("@"))
    with pytest.raises(InvalidAudio, match=f"the name of a file, '{shown}', .* --data-binary @{shown}, or -F file=@"):
        decode(sent, RATE, LIMITED_SECONDS)
