"""What people's programs and machines record is read, or refused by its name."""

import io
import tempfile
from typing import Any

import av
import numpy as np
import pytest

from hark import containers
from hark.audio import decode
from hark.errors import InvalidAudio
from tests.conftest import DATA, encode
from tests.hark.media_files import encode_media
from tests.hark.recordings import RECORDINGS
from tests.hark.test_audio import RATE, strongest_hz, tone

# Who writes it, and which of the recordings it is.
PROGRAMS = {
    "WhatsApp, a voice message (.opus)": "OGG OPUS",
    "Telegram, a voice message (.oga)": "OGG OPUS",
    "Chrome and Safari, MediaRecorder": "WebM, live",
    "Firefox, MediaRecorder": "OGG OPUS",
    "Safari, MediaRecorder": "mp4 in fragments",
    "Chrome, MediaRecorder for MP4": "mp4 with Opus, in fragments",
    "iPhone, Voice Memos": "M4A of an iPhone",
    "iPhone, Voice Memos without loss": "m4a, lossless",
    "iOS, a recorder's Core Audio file": "CAF with AAC",
    "iOS, one of ten years ago": "CAF with IMA ADPCM",
    "Android, a phone call": "3GP with AMR",
    "Android, a call in wide band": "3GP with AMR-WB",
    "Zoom and Teams, sound alone": "m4a, index in front",
    "Twilio, a call (mu-law)": "WAV ULAW",
    "Asterisk, .gsm": "GSM",
    "Asterisk, .wav49": "WAV GSM610",
    "Asterisk, G.722 in WAV": "WAV with G.722",
    "QuickTime, a screen recording": "QuickTime with PCM",
    "a Bluetooth headset": "SBC",
    "a broadcast recorder": "RF64",
    "Windows, Sound Recorder": "WMA",
    "a set-top box": "MPEG-TS with MP2",
    "a podcast": "MP3 with tags",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_program_records_is_read(program: str) -> None:
    name = PROGRAMS[program]
    samples = decode(RECORDINGS[name](tone(RATE, 3.0)[:, 0]), RATE, 30)
    assert abs(len(samples) / RATE - 3.0) < 0.15
    if name != "3GP with AMR-WB":  # nobody but 3GPP has an encoder: it is no tone
        assert abs(strongest_hz(samples) - 440) < 4


def test_speex_in_ogg_is_read() -> None:
    """`ffmpeg -f lavfi -i sine=frequency=440:sample_rate=8000:duration=1 -c:a libspeex -b:a 8k tone.spx`."""
    data = (DATA / "tone.spx").read_bytes()
    samples = decode(data, RATE, 30)
    assert abs(len(samples) / RATE - 1.0) < 0.15
    assert abs(strongest_hz(samples) - 440) < 4
    with pytest.raises(InvalidAudio):
        decode(data[: len(data) // 2], RATE, 30)


def filmed(muxer: str, video: str, size: tuple[int, int], pixels: str, audio: str, **metadata: str) -> bytes:
    """Returns three seconds of a tone beside a grey picture."""
    width, height = size
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=muxer) as container:
            container.metadata.update(metadata)
            pictures: Any = container.add_stream(video, rate=25)
            pictures.width, pictures.height, pictures.pix_fmt = width, height, pixels
            sound: Any = container.add_stream(audio, rate=48_000, layout="stereo")
            grey = av.VideoFrame.from_ndarray(np.full((height * 3 // 2, width), 128, np.uint8), "yuv420p")
            resampler = av.AudioResampler(sound.codec_context.codec.audio_formats[0], "stereo", 48_000)
            samples = np.ascontiguousarray(tone(48_000, 3.0, 2))
            for second in range(3):
                for at in range(25):
                    grey.pts = second * 25 + at
                    container.mux(pictures.encode(grey))
                block = samples[second * 48_000 : (second + 1) * 48_000].reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "flt", "stereo")
                frame.sample_rate, frame.pts = 48_000, second * 48_000
                for part in resampler.resample(frame):
                    container.mux(sound.encode(part))
            container.mux(pictures.encode(None))
            container.mux(sound.encode(None))
        return file.read()


@pytest.mark.parametrize("muxer", ["mov", "mp4"])
def test_a_camera_that_writes_time_codes_is_heard(muxer: str) -> None:
    data = filmed(muxer, "mpeg4", (64, 64), "yuv420p", "aac", timecode="01:00:00:00")
    with av.open(io.BytesIO(data)) as container:
        assert {stream.type for stream in container.streams} == {"video", "audio", "data"}
    samples = decode(data, RATE, 30)
    assert abs(len(samples) / RATE - 3.0) < 0.15
    assert abs(strongest_hz(samples) - 440) < 4


def test_dv_of_a_camcorder_is_read() -> None:
    data = filmed("dv", "dvvideo", (720, 576), "yuv420p", "pcm_s16le")
    assert containers.kind(data) == "dv"
    samples = decode(data, RATE, 30)
    assert abs(len(samples) / RATE - 3.0) < 0.15
    assert abs(strongest_hz(samples) - 440) < 4
    with pytest.raises(InvalidAudio, match="cut short"):
        decode(data[: len(data) // 2 + 100], RATE, 30)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\x02dss" + bytes(600), "DSS, of a dictation machine"),
        (b"\x03ds2" + bytes(600), "DSS, of a dictation machine"),
        (b"MS_VOICE" + bytes(600), "MSV or DVF, of a Sony recorder"),
        (b"\0\0\0\x1cftypaax \0\0\0\1" + bytes(600), "a protected Audible book"),
        (b"\0\1\2\3\x57\x90\x75\x36" + bytes(600), "a protected Audible book"),
        (b"RIFF\x58\2\0\0QLCMfmt " + bytes(600), "QCELP"),
        (b"\x06\x0e\x2b\x34\2\5\1\1" + bytes(600), "MXF"),
        (b"ADIF" + bytes(600), "AAC with an ADIF header"),
        (b"\x56\xe0\x1c\x20" + bytes(600), "AAC in LATM"),
        (b".SoX\x1c\0\0\0" + bytes(600), "SoX"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(data: bytes, name: str) -> None:
    with pytest.raises(InvalidAudio, match=rf"^The file is {name}, which is not read; use a whole"):
        decode(data, RATE, 30)


@pytest.mark.parametrize("format_", ["ULAW", "ALAW", "PCM_16", "G721_32"])
def test_what_has_no_header_is_refused(format_: str) -> None:
    """Nobody can tell what it is; in A-law, silence looks like frames of GSM."""
    for samples in (tone(8000, 3.0)[:, 0], np.zeros(24_000, np.float32)):
        if format_ == "G721_32":
            data = encode(samples, 8000, "AU", format_)[24:]
        else:
            data = encode(samples, 8000, "RAW", format_)
        with pytest.raises(InvalidAudio):
            decode(data, RATE, 30)


def test_gsm_that_begins_with_silence_is_read() -> None:
    samples = np.concatenate([np.zeros(8000), tone(8000, 2.0)[:, 0]])
    data = encode(samples, 8000, "RAW", "GSM610")
    assert len(decode(data, RATE, 30)) == 3 * RATE


def test_frames_of_gsm_and_sbc_are_cut_short_where_the_last_is() -> None:
    for name in ("GSM", "SBC"):
        data = RECORDINGS[name](tone(RATE, 3.0)[:, 0])
        with pytest.raises(InvalidAudio, match="cut short"):
            decode(data[:-7], RATE, 30)


def test_sound_beside_pictures_of_a_meeting_is_read() -> None:
    samples = decode(encode_media(tone(48_000, 3.0, 2), 48_000, "Matroska with FLAC", video=True), RATE, 30)
    assert abs(strongest_hz(samples) - 440) < 4
