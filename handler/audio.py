"""Bytes of an audio file -> mono float32 samples at the model's rate.

libsndfile reads WAV, FLAC, Ogg (Opus, Vorbis), MP3, AIFF, AU and CAF; soxr resamples. Audio is decoded, mixed down and
resampled block by block, so memory is bounded by the duration limit at the model's rate, whatever the file claims.
"""

import io

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from handler.containers import check_complete
from handler.errors import AudioTooLong, InvalidAudio, InvalidBody

# Telephone speech is sampled at 8 kHz; what is sampled lower has lost its consonants. Studio recorders end at 192 kHz.
MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 192_000
MAX_CHANNELS = 8

_BLOCK_FRAMES = 1 << 18
_FORMATS = "WAV, FLAC, Ogg Opus, Ogg Vorbis, MP3, AIFF or CAF"


def decode(data: bytes, sample_rate_hz: int, max_duration_s: float) -> NDArray[np.float32]:
    """Decodes an audio file.

    Args:
        data: the whole file.
        sample_rate_hz: rate to resample to.
        max_duration_s: the longest audio accepted, in seconds.

    Returns:
        [samples] float32 mono, peak at most 1.

    Raises:
        InvalidBody: there are no bytes.
        InvalidAudio: the bytes are not audio, are cut short, hold no samples or hold values that are not numbers.
        AudioTooLong: the audio is longer than the limit.
    """
    if not data:
        raise InvalidBody("The audio is empty; send the bytes of an audio file.")
    check_complete(data)
    try:
        with sf.SoundFile(io.BytesIO(data)) as file:
            samples = _read(file, sample_rate_hz, max_duration_s)
    except (sf.LibsndfileError, TypeError) as error:
        # soundfile answers headerless formats with a TypeError that asks for their rate.
        raise InvalidAudio(f"The audio cannot be decoded; send a whole {_FORMATS} file.") from error
    if not np.isfinite(samples).all():
        raise InvalidAudio("The audio holds samples that are not numbers (NaN or infinite); export it again.")
    peak = np.abs(samples).max(initial=0.0)
    return samples / peak if peak > 1 else samples


def _read(file: sf.SoundFile, sample_rate_hz: int, max_duration_s: float) -> NDArray[np.float32]:
    if not MIN_SAMPLE_RATE_HZ <= file.samplerate <= MAX_SAMPLE_RATE_HZ:
        raise InvalidAudio(
            f"The audio's sample rate is {file.samplerate} Hz; "
            f"send {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} Hz (16000 Hz is best)."
        )
    if file.channels > MAX_CHANNELS:
        raise InvalidAudio(f"The audio has {file.channels} channels; send at most {MAX_CHANNELS}.")
    limit_frames = max_duration_s * file.samplerate
    resampler = (
        soxr.ResampleStream(file.samplerate, sample_rate_hz, 1, dtype="float32", quality="HQ")
        if file.samplerate != sample_rate_hz
        else None
    )
    parts: list[NDArray[np.float32]] = []
    frames = 0
    while True:
        block = file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
        frames += len(block)
        if frames > limit_frames:
            raise AudioTooLong(f"The audio is longer than the limit of {max_duration_s:g} s; split it.")
        last = len(block) < _BLOCK_FRAMES
        mono = block[:, 0] if file.channels == 1 else block.mean(axis=1)
        parts.append(mono if resampler is None else resampler.resample_chunk(mono, last=last))
        if last:
            break
    if frames < file.frames and file.format in _FRAME_COUNT_IS_EXACT:
        raise InvalidAudio(
            f"The audio is cut short: {frames} of {file.frames} frames could be decoded; send the whole file."
        )
    samples = np.concatenate(parts)
    if not len(samples):  # none were there, or too few to make one at the model's rate
        raise InvalidAudio("The audio has no samples; record something and send it again.")
    return samples


# Formats whose header counts the frames; others estimate it from the file's size.
_FRAME_COUNT_IS_EXACT = frozenset({"FLAC", "WAV", "WAVEX", "AIFF", "CAF", "AU"})
