"""Bytes of an audio file -> mono float32 samples at the model's rate, block by block.

libsndfile reads WAV, FLAC, Ogg (Opus, Vorbis), MP3, AIFF, AU and CAF; `hark.media` reads the rest; soxr resamples.
Audio is decoded, mixed down and resampled as it is asked for, so memory is bounded whatever the file claims.
"""

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from hark import completeness, containers, downmix, frames, unsaid_lengths
from hark.errors import AudioTooLong, InvalidAudio, InvalidBody, InvalidParameter, RequestError
from hark.mapped import Data, opened

# Telephone speech is sampled at 8 kHz; what is sampled lower has lost its consonants. Studio recorders end at 192 kHz.
MIN_SAMPLE_RATE_HZ = 8_000
MAX_SAMPLE_RATE_HZ = 192_000

# Each channel that is kept apart is searched, and takes memory, as a recording of its own does: those of 7.1 surround.
MOST_CHANNELS = 8

# A second of the longest recording may have so many values, all channels together, on average: 48 kHz in stereo. Eight
# silent channels of 192 kHz fit many minutes into few bytes, and decoding them takes longer than anybody waits. Ten
# minutes' worth are no matter, however short the limit.
_MOST_VALUES_PER_S = 2 * 48_000
_HARMLESS_VALUES = 600 * _MOST_VALUES_PER_S
# Values of a block, all channels together: enough to keep calls few, and 4 MB however many channels there are.
_BLOCK_VALUES = 1 << 20
# By which a guess at the length of an MP3 may fall short: a frame.
_GUESSED_WELL_S = 0.075
# Speech that stays below this is raised to that.
_QUIET_PEAK, _RAISED_PEAK = 0.003, 0.1
# Recordings in a row may each have another rate; a file that changes it more often than this is made to take long.
_HARMLESS_CHANGES, _S_PER_CHANGE = 16, 1.0
_FORMATS = "WAV, FLAC, MP3, Ogg, M4A, MP4, AAC, WebM, AIFF, CAF, AC-3, MPEG-TS, FLV, AVI, WMA or AMR"
# What somebody sends who forgot curl's @; nothing so short is a recording.
_FILE_NAME, _LONGEST_NAME = re.compile(rb"@?[\w./ -]{1,200}\.[a-z0-9]{2,5}"), 256
# Containers whose usual contents libsndfile does not know.
_MEDIA = frozenset({"mov", "matroska", "asf", "amr", "avi", "mpegts", "mpeg", "flv", "dv"})
# What libsndfile must be told of files without a header: frames of GSM 06.10, as telephone exchanges keep them.
_HEADERLESS = {"gsm": {"samplerate": 8000, "channels": 1, "format": "RAW", "subtype": "GSM610"}}
# Formats whose header counts the frames; others estimate it from the file's size.
_FRAME_COUNT_IS_EXACT = frozenset({"FLAC", "WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU"})
# The lowest bit rate of these. A file that at this rate is within the limit needs no closer look.
_LOWEST_BITS_PER_S = {"amr": 4_750}

_Source = Iterator[tuple[int, NDArray[np.float32]]]


def decode(data: Data, sample_rate_hz: int, max_duration_s: float) -> NDArray[np.float32]:
    """Decodes an audio file as a whole.

    Args:
        data: the whole file.
        sample_rate_hz: rate to resample to.
        max_duration_s: the longest audio accepted, in seconds.

    Returns:
        [samples] float32 mono, peak at most 1.

    Raises:
        RequestError: as `blocks` does.
    """
    return within_full_scale(np.concatenate(list(blocks(data, sample_rate_hz, max_duration_s))))


def blocks(
    data: Data, sample_rate_hz: int, max_duration_s: float, notes: list[str] | None = None
) -> Iterator[NDArray[np.float32]]:
    """Decodes an audio file piece by piece.

    What the file says of its own length is checked before the first block, what it holds with every block.

    Args:
        data: the whole file, in memory or mapped.
        sample_rate_hz: rate to resample to.
        max_duration_s: the longest audio accepted, in seconds.
        notes: takes a sentence on each choice that was made: of a sound track, of channels to turn.

    Yields:
        [samples] float32 mono; together they are the recording, which has a sample at least. Floating-point files may
        go beyond full scale: see `within_full_scale`.

    Raises:
        InvalidBody: there are no bytes.
        InvalidAudio: the bytes are not audio, are cut short, hold no samples or hold values that are not numbers.
        AudioTooLong: the audio is longer than the limit.
    """
    yield from _decoded(data, sample_rate_hz, max_duration_s, [] if notes is None else notes, apart=False)


def channel_blocks(
    data: Data, sample_rate_hz: int, max_duration_s: float, notes: list[str]
) -> Iterator[NDArray[np.float32]]:
    """As `blocks`, with the channels kept apart.

    Yields:
        [samples, channels] float32; in recordings in a row, the number of channels may change from block to block.

    Raises:
        RequestError: as `blocks` does; also where there are more than `MOST_CHANNELS`.
    """
    yield from _decoded(data, sample_rate_hz, max_duration_s, notes, apart=True)


def of_samples(samples: NDArray[Any], from_rate_hz: int, sample_rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """Cuts samples that are there into blocks, and resamples them.

    Args:
        samples: [samples] floating-point numbers, mono; full scale is 1.
        from_rate_hz: their rate.
        sample_rate_hz: rate to resample to.

    Returns:
        what `blocks` yields.

    Raises:
        InvalidParameter: the array has another shape or type.
        InvalidAudio: it has no samples or values that are not numbers, or the rate is out of range; while it is read.
    """
    if samples.ndim != 1:
        raise InvalidParameter(
            f"The array has {samples.ndim} dimensions; give [samples] of one channel, or keep channels apart."
        )
    return _of_array(samples[:, None], from_rate_hz, sample_rate_hz, apart=False)


def of_channels(samples: NDArray[Any], from_rate_hz: int, sample_rate_hz: int) -> Iterator[NDArray[np.float32]]:
    """As `of_samples`, with the channels kept apart.

    Args:
        samples: [samples, channels] floating-point numbers, or [samples] of one channel.
        from_rate_hz: their rate.
        sample_rate_hz: rate to resample to.

    Returns:
        what `channel_blocks` yields.

    Raises:
        RequestError: as `of_samples` does; also where there are more than `MOST_CHANNELS`.
    """
    channels = samples[:, None] if samples.ndim == 1 else samples
    if channels.ndim != 2 or not channels.shape[1]:
        raise InvalidParameter(f"The array has the shape {samples.shape}; give [samples, channels].")
    return _of_array(channels, from_rate_hz, sample_rate_hz, apart=True)


def _of_array(
    samples: NDArray[Any], from_rate_hz: int, sample_rate_hz: int, apart: bool
) -> Iterator[NDArray[np.float32]]:
    if samples.dtype.kind != "f":
        raise InvalidParameter(f"The array is of {samples.dtype}; give float32, with full scale at 1.")
    cut = (samples[at : at + _BLOCK_VALUES] for at in range(0, len(samples), _BLOCK_VALUES))
    source = ((from_rate_hz, block.astype(np.float32, copy=False)) for block in cut)
    return _usable(_resampled(source, sample_rate_hz, math.inf, [], apart))


def _decoded(
    data: Data, sample_rate_hz: int, max_duration_s: float, notes: list[str], apart: bool
) -> Iterator[NDArray[np.float32]]:
    if not data:
        raise InvalidBody("The audio is empty; use the bytes of an audio file.")
    completeness.check_complete(data)
    if not completeness.says_where_it_ends(data):
        notes.append("The file has no mark of its end, as Ogg files have; something may be missing from it.")
    source = _source(data, max_duration_s, notes)
    yield from _usable(_resampled(source, sample_rate_hz, max_duration_s, notes, apart))


def stated_duration_s(data: Data) -> float | None:
    """Returns how long a file says that it is, in seconds; None where it cannot be read. Nothing is decoded."""
    kind, start = containers.found(data)
    try:
        if kind in frames.KINDS:
            return sum(part.duration_s for part in frames.parts(data, kind, start))
        if kind in _MEDIA or unsaid_lengths.says_no_length(data):
            from hark import media  # large, and seldom needed

            return media.duration_s(data, kind, math.inf, start)
        with _sound_file(data, kind, start) as file:
            return float(file.frames / file.samplerate)
    except (RequestError, sf.LibsndfileError, TypeError):
        return None


def _usable(resampled: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    samples = 0
    for block in resampled:
        if not np.isfinite(block).all():
            raise InvalidAudio("The audio holds samples that are not numbers (NaN or infinite); export it again.")
        samples += len(block)
        yield block
    if not samples:  # none were there, or too few to make one at the model's rate
        raise InvalidAudio("The audio has no samples; record something and try again.")


def within_full_scale(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brings [samples] whose peak is above 1 to a peak of 1."""
    highest = peak(samples)
    return samples / np.float32(highest) if highest > 1 else samples


def levelled(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brings [samples] that are far too quiet, or too loud, to a level that models are used to.

    Models take no notice of the level as such, but below some level of a band they do not look: a recording that stays
    70 dB below full scale would be next to nothing to them.
    """
    highest = peak(samples)
    if 0 < highest < _QUIET_PEAK:
        return samples * np.float32(_RAISED_PEAK / highest)
    return within_full_scale(samples)


def peak(samples: NDArray[np.float32]) -> float:
    """Returns how far [samples] go from 0; 0 where there are none. Takes no copy of them, as `np.abs` would."""
    return max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))


def _source(data: Data, max_duration_s: float, notes: list[str]) -> _Source:
    """Opens the file with the library that knows it, and refuses it where it says that it is too long."""
    kind, start = containers.found(data)
    if kind in frames.KINDS:
        return _of_frames(data, kind, start, max_duration_s)
    if kind not in _MEDIA and not unsaid_lengths.says_no_length(data):
        try:
            file = _sound_file(data, kind, start)
        except (sf.LibsndfileError, TypeError) as error:
            # soundfile answers headerless formats with a TypeError that asks for their rate.
            if not kind:
                raise _undecodable(data) from error
        else:
            _check_duration(file.frames / _checked_rate(file.samplerate), max_duration_s)
            _check_values(file.frames * file.channels, max_duration_s)
            return _read(file)
    if containers.foreign(data):
        raise _undecodable(data)
    # A container that libsndfile knows may hold a codec that it does not.
    if kind not in _LOWEST_BITS_PER_S or len(data) * 8 / _LOWEST_BITS_PER_S[kind] > max_duration_s:
        _check_media_duration(data, kind, start, max_duration_s)
    from hark import media  # large, and seldom needed

    return media.blocks(data, kind, start, None, notes)


def _sound_file(data: Data, kind: str, start: int) -> sf.SoundFile:
    """Opens a file with libsndfile; raises what that raises where it knows no such file."""
    return sf.SoundFile(opened(data, start, head=unsaid_lengths.mended_head(data)), **_HEADERLESS.get(kind, {}))


def _of_frames(data: Data, kind: str, start: int, max_duration_s: float) -> _Source:
    """Opens what has frames and no container: each run of frames by itself, and nothing of what lies between."""
    parts = frames.parts(data, kind, start)
    if not parts:
        raise _undecodable(data)
    missing = max(part.missing_bytes for part in parts)
    # A piece of a file that was split ends anywhere, as it begins anywhere.
    if missing > 0 and (kind == "mp3" or start in (0, frames.id3_bytes(data, 0))):
        completeness.raise_cut_short(missing)
    _check_duration(sum(part.duration_s for part in parts), max_duration_s)
    return _parts(data, kind, parts)


def _parts(data: Data, kind: str, parts: list[frames.Part]) -> _Source:
    for part in parts:
        if kind == "mp3":
            try:
                file = sf.SoundFile(opened(data, part.start, part.end))
            except sf.LibsndfileError as error:
                if len(parts) == 1:
                    raise _undecodable(data) from error
                continue  # a frame or two before or behind a damaged place
            # Without a count libsndfile guesses it from the first frame's bit rate, and reads no more than that.
            if part.counted or file.frames / file.samplerate > part.duration_s - _GUESSED_WELL_S:
                yield from _read(file)
                continue
            file.close()
        from hark import media  # large, and seldom needed

        yield from media.blocks(data, kind, part.start, part.end)


def _undecodable(data: Data) -> InvalidAudio:
    name = containers.foreign(data)
    if name:
        return InvalidAudio(f"The file is {name}, which is not read; use a whole {_FORMATS} file.")
    if named := _FILE_NAME.fullmatch(bytes(data[:_LONGEST_NAME])):
        shown = named[0].decode(errors="replace").lstrip("@")
        return InvalidAudio(
            f"This is the name of a file, {shown!r}, and not what is in it; send its bytes (with curl: --data-binary "
            f"@{shown}, or -F file=@{shown})."
        )
    return InvalidAudio(f"The audio cannot be decoded; use a whole {_FORMATS} file.")


def _check_media_duration(data: Data, kind: str, start: int, max_duration_s: float) -> None:
    if max_duration_s == math.inf:
        return
    from hark import media  # large, and seldom needed

    _check_duration(media.duration_s(data, kind, max_duration_s, start), max_duration_s)


def _check_duration(duration_s: float, max_duration_s: float) -> None:
    if duration_s > max_duration_s:
        raise AudioTooLong(f"The audio is longer than the limit of {max_duration_s:g} s; split it.")


def _check_values(values: int, max_duration_s: float) -> None:
    if values > max(max_duration_s * _MOST_VALUES_PER_S, _HARMLESS_VALUES):
        raise AudioTooLong(
            "The audio has too many samples, all channels together, for its length to be dealt with in time; "
            "use fewer channels or a lower rate (16000 Hz mono is best)."
        )


def _read(file: sf.SoundFile) -> _Source:
    with file:
        block_frames = max(1, _BLOCK_VALUES // file.channels)
        read = 0
        try:
            while True:
                block = file.read(block_frames, dtype="float32", always_2d=True)
                read += len(block)
                yield file.samplerate, block
                if len(block) < block_frames:
                    break
        except sf.LibsndfileError as error:
            raise InvalidAudio(f"The audio cannot be decoded; use a whole {_FORMATS} file.") from error
        if read < file.frames and file.format in _FRAME_COUNT_IS_EXACT and not file.subtype.startswith("MPEG"):
            raise InvalidAudio(
                f"The audio is cut short: {read} of {file.frames} frames could be decoded; use the whole file."
            )


def _resampled(
    source: _Source, sample_rate_hz: int, max_duration_s: float, notes: list[str], apart: bool
) -> Iterator[NDArray[np.float32]]:
    """Mixes down, or keeps channels apart, and resamples.

    The rate may change on the way, as it does where AAC turns into HE-AAC, and so may the number of channels.
    """
    rate_hz, channels, resampler = 0, 0, None
    changes = 0
    duration_s = 0.0
    values = 0
    mix = downmix.Downmix()
    for block_rate_hz, block in _by_the_second(source):
        block_channels = block.shape[1] if apart else 0
        if (block_rate_hz, block_channels) != (rate_hz, channels):
            if resampler is not None:
                yield resampler.resample_chunk(_no_more(channels), last=True)
            rate_hz, channels = _checked_rate(block_rate_hz), _checked_channels(block_channels)
            changes += 1
            if changes > _HARMLESS_CHANGES + duration_s / _S_PER_CHANGE:  # each takes as long as seconds of sound
                raise InvalidAudio("The audio changes its sample rate all the time; export it again with one rate.")
            resampler = (
                soxr.ResampleStream(rate_hz, sample_rate_hz, channels or 1, dtype="float32", quality="HQ")
                if rate_hz != sample_rate_hz
                else None
            )
        duration_s += len(block) / rate_hz
        _check_duration(duration_s, max_duration_s)
        values += block.size
        _check_values(values, max_duration_s)
        kept = block if apart else mix.mono(block, rate_hz)
        yield kept if resampler is None else resampler.resample_chunk(np.ascontiguousarray(kept))
    if resampler is not None:
        yield resampler.resample_chunk(_no_more(channels), last=True)
    if mix.turned:
        notes.append("Channels are inverted against each other; they were turned before they were averaged.")


def _no_more(channels: int) -> NDArray[np.float32]:
    """Returns no samples, of so many channels that are kept apart, or mixed down where these are 0."""
    return np.zeros((0, channels) if channels else 0, np.float32)


def _by_the_second(source: _Source) -> _Source:
    """Cuts and joins blocks into seconds: shorter ones cost more to deal with, and longer ones more memory."""
    for (rate_hz, _), same in itertools.groupby(source, lambda each: (each[0], each[1].shape[1])):
        most = max(1, round(downmix.JUDGED_S * rate_hz))
        held: list[NDArray[np.float32]] = []
        frames_held = 0
        for _, block in same:
            for start in range(0, len(block), most):
                held.append(block[start : start + most])
                frames_held += len(held[-1])
                if frames_held >= most:
                    yield rate_hz, held[0] if len(held) == 1 else np.concatenate(held)
                    held, frames_held = [], 0
        if held:
            yield rate_hz, np.concatenate(held)


def _checked_channels(channels: int) -> int:
    if channels > MOST_CHANNELS:
        raise InvalidParameter(
            f"The audio has {channels} channels, and no more than {MOST_CHANNELS} can be kept apart; mix them "
            "(channels=mix), or export those you need.",
            param="channels",
        )
    return channels


def _checked_rate(rate_hz: int) -> int:
    if not MIN_SAMPLE_RATE_HZ <= rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise InvalidAudio(
            f"The audio's sample rate is {rate_hz} Hz; "
            f"use {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} Hz (16000 Hz is best)."
        )
    return rate_hz
