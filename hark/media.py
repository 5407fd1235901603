"""What libsndfile cannot read: MP4 and QuickTime, WebM, AAC, AC-3, MPEG-TS, WMA, AMR; FFmpeg's libraries read it.

Imported only when such a file comes, because the libraries are large. FFmpeg is told the container, which
`hark.containers` found: left to guess, it would also take playlists, which name other files to open.

Source: PyAV (https://pyav.basswood-io.com), FFmpeg's demuxers and decoders.
"""

import io
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard
from numpy.typing import NDArray

from hark import downmix, unsaid_lengths, vad
from hark.errors import InvalidAudio
from hark.mapped import Data, opened

# A recorder that was muted or a video whose sound sets in later leaves time out; what is shorter is rounding.
_GAP_S = 0.1
# Time that was left out becomes zeros, in blocks of this, so that a file cannot ask for hours of them at once.
_GAP_BLOCK_S = 1.0
# An index says how long the sound is. Encoders count their delay in or not, which is less than this.
_MISSING_S = 0.5
# Of these, recorders write how long they are, as a rule, but not always into the right place, or rightly.
_STATES_DURATION = frozenset({"flv", "matroska", "asf"})
# Their sizes may be unknown in a way that FFmpeg does not read.
_MENDED = frozenset({"caf", "w64"})
# Of these `hark.containers` knows that nothing is missing at the end.
_SAYS_ITS_END = frozenset({"mov", "matroska", "asf", "avi", "flv", "ogg", "wav", "caf"})
# So many packets may be damaged, and this share of all: more, and it is another codec, or encrypted.
_HARMLESS_DAMAGE, _DAMAGED_SHARE = 3, 0.1
# PyAV finds the planes of a frame by the null pointer behind the last; from 8 on (AV_NUM_DATA_POINTERS) FFmpeg has none
# there, and what is read on is other memory. Packed, all channels share one plane.
_SAFE_PLANES = 7

# Seconds of processor time that reading a file may take, and more of it for what it brings: bytes, and sound, whose
# seconds have this many values in stereo. Speech in AAC takes half a millisecond for each of its seconds.
_VALUES_PER_S = 2 * 48_000
# Whoever counts things that are not there reads on at the end of a file; others do so a few times.
_MOST_READS_AT_END = 1_000
_READING_S, _READING_S_PER_BYTE, _READING_S_PER_S = 0.5, 2e-8, 0.02

# Of several tracks, the first is taken that has at least this share of the speech that the best one has, ...
_SPEECH_SHARE = 0.5
# ... as heard in rounds of this length, until one has so much speech.
_ROUND_S, _ENOUGH_SPEECH_S = 60.0, 2.0
# A file with more is no recording of people; only these are listened to.
_MOST_TRACKS = 16
# What a search for voices needs, about.
_SEARCHED_RATE_HZ = 16_000

_T = TypeVar("_T")


class _Patience:
    """Ends the reading of a file that takes far longer than its sound is worth: what is packed unpacks to anything."""

    def __init__(self, size_bytes: int) -> None:
        self._allowed_s = _READING_S + _READING_S_PER_BYTE * size_bytes
        self._spent_s = 0.0
        self._since_s = time.thread_time()  # infinite while something else is done

    def each(self, items: Iterable[_T]) -> Iterator[_T]:
        """Passes items on and counts the time that making them takes."""
        iterator = iter(items)
        while True:
            self._since_s = time.thread_time()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self._spent_s += time.thread_time() - self._since_s
                self._since_s = math.inf
            if self._spent_s > self._allowed_s:
                self.check()
            yield item

    def heard(self, seconds: float) -> None:
        """Allows more time for sound that was read."""
        self._allowed_s += seconds * _READING_S_PER_S

    def check(self) -> None:
        """Refuses the file when its time is up."""
        running_s = max(0.0, time.thread_time() - self._since_s)
        if self._spent_s + running_s > self._allowed_s:
            self.give_up()

    def give_up(self) -> None:
        """Refuses the file, now and whenever it is asked for again."""
        self._allowed_s = -math.inf
        raise InvalidAudio("The file takes too long to read for what can be heard in it; export it again as WAV.")


class _WatchedFile(io.RawIOBase):
    """Reads a file for FFmpeg, and is asked often enough to see that time is up."""

    def __init__(self, data: Data, start: int, end: int | None, head: bytes, patience: _Patience) -> None:
        self._file = opened(data, start, end, head)
        self._patience = patience
        self._read_at_end = 0
        self._given_up = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        if self._given_up:
            return b""
        try:
            self._patience.check()
            data = self._file.read(size)
            if not data:
                self._read_at_end += 1
                if self._read_at_end > _MOST_READS_AT_END:
                    self._patience.give_up()
        except InvalidAudio:
            # FFmpeg goes on with what it is at, and every further exception would be written to the log.
            self._given_up = True
            raise
        return data


def duration_s(data: Data, kind: str, enough_s: float, start: int = 0) -> float:
    """Returns how long the first audio stream is, from its packets' headers; nothing is decoded.

    Args:
        data: the whole file.
        kind: the container, as `hark.containers.kind` names it.
        enough_s: past this nothing more is read: packets may be compressed, and then take a long time.
        start: where the container begins, in bytes.

    Raises:
        InvalidAudio: the file cannot be read, has no audio, or takes too long to read.
    """
    with _opened(data, kind, start, None) as (container, streams, patience):
        first = last = None
        total = 0
        found_s, tick_s = 0.0, _tick_s(streams[0])
        for packet in patience.each(_demuxed(container, streams[:1])):
            if packet.pts is not None:
                first = packet.pts if first is None else min(first, packet.pts)
                last = max(last or 0, packet.pts + (packet.duration or 0))
            total += packet.duration or 0
            spanned = last - first if first is not None and last is not None else 0
            found_s = max(spanned, total) * tick_s
            if found_s > enough_s:
                break
            patience.heard((packet.duration or 0) * tick_s)
        return found_s


def blocks(
    data: Data, kind: str, start: int = 0, end: int | None = None, notes: list[str] | None = None
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Decodes an audio stream: the first in which somebody speaks, where there are several.

    Args:
        data: the whole file.
        kind: the container, as `hark.containers.kind` names it.
        start: where it begins, in bytes.
        end: where it ends.
        notes: takes a sentence on which stream was taken, where there are several.

    Yields:
        the sample rate in Hz and [frames, channels] float32.

    Raises:
        InvalidAudio: the file cannot be read, has no audio, ends before its index says so, or takes too long to read.
    """
    with _opened(data, kind, start, end) as (container, streams, patience):
        track = 0 if len(streams) == 1 else _spoken_track(data, kind, start, end)
        if len(streams) > 1 and notes is not None:
            before = "; nobody was found to speak in those before it" if track else ""
            notes.append(f"Sound track {track + 1} of {len(streams)} was transcribed{before}.")
        stream = streams[track]
        start_s = None
        read_s = 0.0
        # A piece of a FLAC file ends anywhere, as it begins anywhere.
        is_piece = kind == "flac" and data[start : start + 4] != b"fLaC"
        for _, frame in patience.each(_decoded(container, [stream], kind, is_piece, notes)):
            rate_hz = frame.sample_rate
            if frame.time is not None:
                start_s = frame.time if start_s is None else start_s
                if frame.time - start_s - read_s > _GAP_S:
                    for zeros in _silence(frame.time - start_s - read_s, rate_hz, len(frame.layout.channels)):
                        yield rate_hz, zeros
                    read_s = frame.time - start_s
            samples = _samples(frame)
            yield rate_hz, samples
            read_s += frame.samples / rate_hz
            patience.heard(samples.size / _VALUES_PER_S)
        indexed_s = (stream.duration or 0) * _tick_s(stream)
        # Others guess it from their last packets, or from the bit rate.
        stated_s = (container.duration or 0) / av.time_base if kind in _STATES_DURATION else 0.0
    if kind == "mov" and read_s < indexed_s - _MISSING_S:
        raise InvalidAudio(
            f"The audio is cut short: {read_s:.1f} of {indexed_s:.1f} s could be decoded; use the whole file."
        )
    if read_s < stated_s - _MISSING_S and notes is not None:
        notes.append(
            f"The file says that it lasts {stated_s:.1f} s, and its sound ends at {read_s:.1f} s; "
            "something may be missing from it."
        )


def _spoken_track(data: Data, kind: str, start: int, end: int | None) -> int:
    """Returns which of the audio streams, from 0, to take: programs that record screens write one for each source."""
    with _opened(data, kind, start, end) as (container, streams, patience):
        streams = streams[:_MOST_TRACKS]
        heard = {stream.index: _Heard() for stream in streams}
        for index, frame in patience.each(_decoded(container, streams, kind)):
            samples = _samples(frame)
            patience.heard(samples.size / _VALUES_PER_S)
            heard[index].add(samples, frame.sample_rate)
            if heard[index].held_s > _ROUND_S and max(each.listen() for each in heard.values()) >= _ENOUGH_SPEECH_S:
                break
        speech_s = np.array([each.listen() for each in heard.values()])
        return int(np.argmax(speech_s >= _SPEECH_SHARE * speech_s.max()))


class _Heard:
    """How much speech there is in a track, as far as it was read."""

    def __init__(self) -> None:
        self._mix = downmix.Downmix()
        self._parts: list[NDArray[np.float32]] = []
        self._rate_hz = 0
        self._speech_s = 0.0
        self.held_s = 0.0

    def add(self, samples: NDArray[np.float32], rate_hz: int) -> None:
        """Takes [frames, channels] at a rate."""
        # That high frequencies become others does not hide that somebody speaks.
        every = max(1, rate_hz // _SEARCHED_RATE_HZ)
        self._rate_hz = rate_hz // every
        self._parts.append(self._mix.mono(samples, rate_hz)[::every])
        self.held_s += len(samples) / rate_hz

    def listen(self) -> float:
        """Returns the seconds of speech so far."""
        samples = np.concatenate([np.zeros(0, np.float32), *self._parts])
        if len(samples):
            speech = vad.is_speech(vad.excess_db(vad.levels_db(samples, self._rate_hz)))
            self._speech_s += float(speech.sum()) * vad.STEP_S
        self._parts, self.held_s = [], 0.0
        return self._speech_s


@contextmanager
def _opened(
    data: Data, kind: str, start: int, end: int | None
) -> Iterator[tuple[InputContainer, list[AudioStream], _Patience]]:
    patience = _Patience((len(data) if end is None else end) - start)
    try:
        head = unsaid_lengths.mended_head(data) if kind in _MENDED else b""
        file = _WatchedFile(data, start, end, head, patience)
        with av.open(file, "r", format=kind, metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise InvalidAudio("The file has no audio; use a recording with sound.")
            for stream in container.streams:
                if stream.type != "audio":
                    stream.discard = Discard.all  # subtitles and pictures are not even unpacked
            yield container, list(container.streams.audio), patience
    except (av.FFmpegError, ValueError, ArithmeticError, LookupError) as error:
        raise InvalidAudio("The audio cannot be decoded; use the whole file, or another format such as WAV.") from error


def _demuxed(container: InputContainer, streams: list[AudioStream]) -> Iterator[Any]:
    """Yields the packets of some audio streams; the others are passed over without being unpacked."""
    for stream in container.streams.audio:
        if stream not in streams:
            stream.discard = Discard.all
    return container.demux(streams)


def _decoded(
    container: InputContainer,
    streams: list[AudioStream],
    kind: str = "",
    is_piece: bool = False,
    notes: list[str] | None = None,
) -> Iterator[tuple[int, AudioFrame]]:
    """Yields the index of a frame's stream in the file, and the frame.

    A packet that cannot be decoded costs no more than itself, as in players: phones and radio leave such. Where nothing
    but the packets says where a file ends, a last one that cannot be decoded is what was cut.

    Args:
        container: the file.
        streams: which to decode.
        kind: the container, by its name.
        is_piece: the file is a piece of one, and begins and ends anywhere.
        notes: takes a sentence on packets that were left out.
    """
    packets, damaged = 0, 0
    error: av.FFmpegError | None = None
    for packet in _demuxed(container, streams):
        packets += 1
        try:
            frames = packet.decode()
        except av.FFmpegError as found:  # decoders have errors of their own
            if isinstance(found, MemoryError):
                raise
            error = found
            damaged += 1
            if damaged > _HARMLESS_DAMAGE + packets * _DAMAGED_SHARE and not is_piece:
                raise
            continue
        if frames and kind not in _SAYS_ITS_END:
            error = None
        for frame in frames:
            yield packet.stream.index, frame
    if error and not is_piece and (kind not in _SAYS_ITS_END or damaged > packets * _DAMAGED_SHARE):
        raise error
    if damaged and notes is not None and not is_piece:
        notes.append(f"{damaged} of {packets} packets of the sound are damaged; a moment is missing for each.")


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
