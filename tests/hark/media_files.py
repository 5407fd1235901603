"""Recordings in the containers that phones, browsers and video editors write, made by FFmpeg through PyAV."""

import io
import re
import tempfile
from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame

# name: (muxer, encoder, options of the muxer)
MEDIA: dict[str, tuple[str, str, dict[str, str]]] = {
    "m4a, index in front": ("mp4", "aac", {"movflags": "faststart"}),
    "m4a, index at the end": ("mp4", "aac", {}),
    "mp4 in fragments": ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
    "mp4 with Opus": ("mp4", "libopus", {}),
    "QuickTime with PCM": ("mov", "pcm_s16le", {}),
    "m4a, lossless": ("mp4", "alac", {}),
    "ADTS AAC": ("adts", "aac", {}),
    "WebM": ("webm", "libopus", {}),
    # As browsers record: sizes and duration are unknown while they write.
    "WebM, live": ("webm", "libopus", {"live": "1"}),
    "Matroska with FLAC": ("matroska", "flac", {}),
    "Matroska with 24-bit PCM": ("matroska", "pcm_s24le", {}),
    "WMA": ("asf", "wmav2", {}),
    "WAV with ADPCM": ("wav", "adpcm_ima_wav", {}),
    "AVI": ("avi", "pcm_s16le", {}),
    "MPEG-TS": ("mpegts", "aac", {}),
    "FLV": ("flv", "aac", {}),
}


class _Pipe(io.RawIOBase):
    """Takes bytes and cannot seek, as a network connection cannot."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.bytes += data
        return len(data)


def encode_media(
    samples: np.ndarray,
    sample_rate_hz: int,
    name: str,
    video: bool = False,
    audio: int = 1,
    others: Sequence[np.ndarray] = (),
    speech_at: int = 0,
) -> bytes:
    """Returns the bytes of [samples, channels] float32 in one of `MEDIA`, with streams of video or more of audio.

    The stream of audio `speech_at` has the samples; the rest have those of `others`, or are silent.
    """
    tracks = [*others, *[samples * 0] * (audio - 1 - len(others))]
    tracks[speech_at:speech_at] = [samples] if audio else []
    muxer, _, options = MEDIA[name]
    # A muxer that puts the index in front reads its own file again, which only a real one allows.
    file = _Pipe() if "live" in options else tempfile.NamedTemporaryFile(suffix=f".{muxer}")  # noqa: SIM115
    with file:
        target = file if isinstance(file, _Pipe) else file.name
        _write(target, tracks, sample_rate_hz, name, video)
        data = bytes(file.bytes) if isinstance(file, _Pipe) else file.read()
    return _with_open_clusters(data) if isinstance(file, _Pipe) else data


def _with_open_clusters(data: bytes) -> bytes:
    """Leaves the sizes of a WebM file's clusters unknown, as browsers do."""

    def opened(match: re.Match[bytes]) -> bytes:
        length = 9 - match[2][0].bit_length()
        return match[1] + ((1 << 7 * length + 1) - 1).to_bytes(length, "big") + match[2][length:]

    return re.sub(rb"(\x1f\x43\xb6\x75)(.{8})", opened, data, flags=re.DOTALL)


def _write(target: _Pipe | str, tracks: list[np.ndarray], sample_rate_hz: int, name: str, video: bool) -> None:
    muxer, codec, options = MEDIA[name]
    with av.open(target, "w", format=muxer, options=options) as container:
        picture = container.add_stream("libvpx", rate=10) if video else None
        if picture is not None:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        streams: list[Any] = []
        for samples in tracks:
            layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
            streams.append(container.add_stream(codec, rate=sample_rate_hz, layout=layout))
            streams[-1].bit_rate = 128_000
        if picture is not None:
            for at in range(int((len(tracks[0]) / sample_rate_hz if tracks else 2.0) * 10)):
                image = av.VideoFrame.from_ndarray(np.full((96, 64), at % 256, np.uint8), "yuv420p")
                container.mux(picture.encode(image))
            container.mux(picture.encode(None))
        for stream, samples in zip(streams, tracks, strict=True):
            resampler = av.AudioResampler(
                format=stream.codec_context.codec.audio_formats[0], layout=layout, rate=sample_rate_hz
            )
            for start in range(0, len(samples), sample_rate_hz):
                block = np.ascontiguousarray(samples[start : start + sample_rate_hz])
                frame = AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout=layout)
                frame.sample_rate, frame.pts = sample_rate_hz, start
                for part in resampler.resample(frame):
                    container.mux(stream.encode(part))
            for part in resampler.resample(None):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
