"""What libsndfile cannot read: MP4 and QuickTime, WebM and Matroska, AAC, WMA, AMR; FFmpeg's libraries read it.

Imported only when such a file comes, because the libraries are large. FFmpeg is told the container, which
`hark.containers` found: left to guess, it would also take playlists, which name other files to open.

Source: PyAV (https://pyav.basswood-io.com), FFmpeg's demuxers and decoders.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from hark.errors import InvalidAudio
from hark.mapped import Data, opened

# A recorder that was muted or a video whose sound sets in later leaves time out; what is shorter is rounding.
_GAP_S = 0.1
# Time that was left out becomes zeros, in blocks of this, so that a file cannot ask for hours of them at once.
_GAP_BLOCK_S = 1.0
# An index says how long the sound is. Encoders count their delay in or not, which is less than this.
_MISSING_S = 0.5
# PyAV finds the planes of a frame by the null pointer behind the last; from 8 on (AV_NUM_DATA_POINTERS) FFmpeg has none
# there, and what is read on is other memory. Packed, all channels share one plane.
_SAFE_PLANES = 7


def duration_s(data: Data, kind: str, enough_s: float) -> float:
    """Returns how long the first audio stream is, from its packets' headers; nothing is decoded.

    Args:
        data: the whole file.
        kind: the container, as `hark.containers.kind` names it.
        enough_s: past this nothing more is read: packets may be compressed, and then take a long time.

    Raises:
        InvalidAudio: the file cannot be read, or has no audio.
    """
    with _opened(data, kind) as (container, stream):
        first = last = None
        total = 0
        found_s, tick_s = 0.0, _tick_s(stream)
        for packet in container.demux(stream):
            if packet.pts is not None:
                first = packet.pts if first is None else min(first, packet.pts)
                last = max(last or 0, packet.pts + (packet.duration or 0))
            total += packet.duration or 0
            spanned = last - first if first is not None and last is not None else 0
            found_s = max(spanned, total) * tick_s
            if found_s > enough_s:
                break
        return found_s


def blocks(data: Data, kind: str) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Decodes the first audio stream.

    Yields:
        the sample rate in Hz and [frames, channels] float32.

    Raises:
        InvalidAudio: the file cannot be read, has no audio, or ends before its index says so.
    """
    with _opened(data, kind) as (container, stream):
        start_s = None
        read_s = 0.0
        for frame in container.decode(stream):
            rate_hz = frame.sample_rate
            if frame.time is not None:
                start_s = frame.time if start_s is None else start_s
                if frame.time - start_s - read_s > _GAP_S:
                    for zeros in _silence(frame.time - start_s - read_s, rate_hz, len(frame.layout.channels)):
                        yield rate_hz, zeros
                    read_s = frame.time - start_s
            yield rate_hz, _samples(frame)
            read_s += frame.samples / rate_hz
        indexed_s = (stream.duration or 0) * _tick_s(stream)
    if kind == "mov" and read_s < indexed_s - _MISSING_S:
        raise InvalidAudio(
            f"The audio is cut short: {read_s:.1f} of {indexed_s:.1f} s could be decoded; use the whole file."
        )


@contextmanager
def _opened(data: Data, kind: str) -> Iterator[tuple[InputContainer, AudioStream]]:
    try:
        with av.open(opened(data), "r", format=kind, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise InvalidAudio("The file has no audio; use a recording with sound.")
            yield container, container.streams.audio[0]
    except (av.FFmpegError, ValueError, ArithmeticError, LookupError) as error:
        raise InvalidAudio("The audio cannot be decoded; use the whole file, or another format such as WAV.") from error


def _tick_s(stream: AudioStream) -> float:
    """Returns the unit of the stream's times."""
    return float(stream.time_base or 0)


def _samples(frame: AudioFrame) -> NDArray[np.float32]:
    """Returns [frames, channels] float32 in -1..1, whatever the decoder's sample format is."""
    if frame.format.is_planar and len(frame.layout.channels) > _SAFE_PLANES:
        (frame,) = AudioResampler(frame.format.packed).resample(frame)
    values: NDArray[Any] = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(frame.samples, -1)
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    limits = np.iinfo(values.dtype)
    middle = 128 if limits.min == 0 else 0  # 8 bits are unsigned
    return (values.astype(np.float32) - middle) / np.float32(limits.max - middle + 1)


def _silence(seconds: float, rate_hz: int, channels: int) -> Iterator[NDArray[np.float32]]:
    while seconds > 0:
        yield np.zeros((int(min(seconds, _GAP_BLOCK_S) * rate_hz), channels), np.float32)
        seconds -= _GAP_BLOCK_S
