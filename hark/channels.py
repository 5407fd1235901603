"""A recording whose channels are kept apart -> one transcript of all: who spoke is known where each has a channel.

Each channel is searched, recognised and written by itself, as if it were a recording of its own, minute by minute with
the others. What a channel only repeats of another one (`hark.crosstalk`) is transcribed once; silence costs nothing.
"""

import dataclasses
import itertools
import math
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hark import audio, pipeline, segments, transcript
from hark.crosstalk import Crosstalk
from hark.decoding import GREEDY, Decoder, Decoding
from hark.errors import AudioTooLong
from hark.mapped import Data
from hark.pipeline import Parts, Runner, Timings
from hark.segments import Search, Window
from hark.transcript import Channel, DecodedWindow, Segment, Transcript, Writer

_NAME = "Channel {}"


def transcribe(
    data: Data,
    recognizer: Runner,
    max_duration_s: float,
    timings: Timings,
    asked: Decoding,
    before_block: Callable[[], None] = lambda: None,
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
) -> Transcript:
    """As `hark.pipeline.transcribe`, with channels mixed or kept apart, as is asked for.

    Args:
        data: a whole audio file, in memory or mapped.
        recognizer: the loaded model.
        max_duration_s: the longest audio accepted; of channels that are kept apart, also the most speech in all.
        timings: takes the milliseconds of each stage.
        asked: says what to do with the channels.
        before_block: called before every block of some seconds is decoded; what it raises ends the work.
        decoder: what makes text of log-probabilities.
        writer: what makes readable text of that; without, it is as it was spoken.

    Raises:
        hark.errors.RequestError: the audio cannot be used; see `hark.audio.channel_blocks`.
    """
    if asked.channels != "separate":
        return pipeline.transcribe(data, recognizer, max_duration_s, timings, before_block, decoder, writer)

    notes: list[str] = []
    blocks = audio.channel_blocks(data, recognizer.spec.sample_rate_hz, max_duration_s, notes)
    read = timings.each("decode", pipeline.watched(blocks, recognizer, timings, before_block))
    found = transcribe_blocks(read, recognizer, timings, asked.channel_names, decoder, writer, max_duration_s)
    return dataclasses.replace(found, notes=(*notes, *found.notes))


def parts(
    data: Data,
    recognizer: Runner,
    max_duration_s: float,
    timings: Timings,
    asked: Decoding,
    before_block: Callable[[], None] = lambda: None,
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
) -> Parts:
    """As `transcribe`, part by part while the file is being read: joined, the parts are the transcript's text.

    Where channels are kept apart, what is said first is held until somebody has spoken in another channel: before, it
    is not certain that channels tell speakers apart, who are named in the text then.

    Raises:
        hark.errors.RequestError: also after some parts, where the file turns out to be no whole recording.
    """
    if asked.channels != "separate":
        found = yield from pipeline.parts(data, recognizer, max_duration_s, timings, before_block, decoder, writer)
        return found
    notes: list[str] = []
    blocks = audio.channel_blocks(data, recognizer.spec.sample_rate_hz, max_duration_s, notes)
    read = timings.each("decode", pipeline.watched(blocks, recognizer, timings, before_block))
    apart = _Apart(read, recognizer, timings, decoder, max_duration_s)
    coming, heard = _in_order(apart, writer), list[Segment]()
    speakers: dict[int | None, str]
    for segment in coming:
        heard.append(segment)
        if segment.channel != heard[0].channel:
            speakers = {number + 1: _name(asked.channel_names, number) for number in range(audio.MOST_CHANNELS)}
            break
    else:
        speakers = apart.transcript(heard, asked.channel_names).speakers
    held = tuple(heard)

    def more() -> Iterator[Segment]:
        for segment in coming:
            heard.append(segment)
            yield segment

    yield from transcript.in_turn(itertools.chain(held, more()), speakers)
    whole = apart.transcript(heard, asked.channel_names)
    return dataclasses.replace(whole, notes=(*notes, *whole.notes))


def transcribe_blocks(
    blocks: Iterable[NDArray[np.float32]],
    recognizer: Runner,
    timings: Timings,
    names: Sequence[str] = (),
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
    most_speech_s: float = math.inf,
) -> Transcript:
    """Transcribes each channel of [samples, channels] at the model's rate, block by block.

    Args:
        blocks: each going on where the one before ended; a channel that is not in all of them is silent elsewhere.
        recognizer: the loaded model.
        timings: takes the milliseconds of each stage.
        names: who speaks in each channel, in order; where there is none, it is "Channel 1", "Channel 2", ...
        decoder: what makes text of log-probabilities.
        writer: what makes readable text of that; without, it is as it was spoken.
        most_speech_s: the most speech accepted, that of all channels together.

    Raises:
        AudioTooLong: there is more speech.
    """
    apart = _Apart(blocks, recognizer, timings, decoder, most_speech_s)
    while apart.more():
        pass
    found = [tuple(_segments(apart, number, writer)) for number in range(apart.channels)]
    return apart.transcript(sorted((segment for each in found for segment in each), key=_start_s), names)


def stream(
    blocks: Iterable[NDArray[np.float32]],
    recognizer: Runner,
    timings: Timings,
    decoder: Decoder = GREEDY,
    writer: Writer | None = None,
) -> Iterator[Segment]:
    """Yields the segments that `transcribe_blocks` finds, each as soon as all channels were heard as far.

    Text is held while others are silent, and sound never.
    """
    return _in_order(_Apart(blocks, recognizer, timings, decoder, math.inf), writer)


def _in_order(apart: "_Apart", writer: Writer | None) -> Iterator[Segment]:
    """Yields the segments of all channels, in order of their starts."""
    coming: dict[int, Iterator[Segment]] = {}
    first: dict[int, Segment] = {}  # of what comes of each channel, as far as that is known
    while apart.more() or coming:
        while True:
            for number in range(apart.channels):
                if number not in coming and number not in first and apart.was_heard(number):
                    coming[number] = _segments(apart, number, writer)
            asked = next((number for number in coming if number not in first), None)
            if asked is not None:  # this reads on, and others may be heard
                segment = next(coming[asked], None)
                if segment is None:
                    del coming[asked]
                else:
                    first[asked] = segment
                continue
            earliest = min(first, key=lambda number: (_start_s(first[number]), number), default=None)
            if earliest is None or not apart.is_silent_until(first[earliest].start_s, but=coming):
                break
            yield first.pop(earliest)


def _start_s(segment: Segment) -> float:
    return segment.start_s


def _segments(apart: "_Apart", number: int, writer: Writer | None) -> Iterator[Segment]:
    """Yields the segments of a channel, 0, 1, ..."""
    written = transcript.segments(
        apart.windows(number), apart.spec, lambda: apart.read_s, pipeline.timed(writer, apart.timings)
    )
    for segment in apart.timings.each("ctc", written):
        words = tuple(dataclasses.replace(word, channel=number + 1) for word in segment.words)
        yield dataclasses.replace(segment, words=words)


class _Apart:
    """The channels of a recording, read and recognised together, minute by minute.

    Args:
        blocks: [samples, channels] at the model's rate.
        recognizer, timings, decoder, most_speech_s: see `transcribe_blocks`.
    """

    def __init__(
        self,
        blocks: Iterable[NDArray[np.float32]],
        recognizer: Runner,
        timings: Timings,
        decoder: Decoder,
        most_speech_s: float,
    ) -> None:
        self.spec = pipeline.spec_for(decoder, recognizer)
        self.timings = timings
        self.crosstalk = Crosstalk(self.spec.sample_rate_hz)
        self._minutes = segments.gathered(blocks, self.spec.sample_rate_hz)
        self._recognizer, self._decoder = recognizer, decoder
        self._most_samples = most_speech_s * self.spec.sample_rate_hz
        self._searches: list[Search] = []
        self._waiting: list[list[Window]] = []  # of each channel: for others that go through the network with them
        self._decoded: list[deque[DecodedWindow]] = []
        self._read = self._speech = 0  # samples
        self._is_over = False

    @property
    def channels(self) -> int:
        """How many there are in what was read."""
        return len(self._searches)

    @property
    def read_s(self) -> float:
        """How much was read, in seconds."""
        return self._read / self.spec.sample_rate_hz

    def was_heard(self, number: int) -> bool:
        """Says whether something is there of what was heard in a channel."""
        return bool(self._decoded[number])

    def is_silent_until(self, time_s: float, but: Container[int]) -> bool:
        """Says whether it is certain that nothing comes any more that begins before a time, in some of the channels."""
        starts = (
            self._waiting[number][0].start if self._waiting[number] else self._searches[number].done
            for number in range(self.channels)
            if number not in but
        )
        return self._is_over or all(start >= time_s * self.spec.sample_rate_hz for start in starts)

    def windows(self, number: int) -> Iterator[DecodedWindow]:
        """Yields what was heard in each window of a channel, and reads on when nothing more is there."""
        while True:
            while number < self.channels and self._decoded[number]:
                yield self._decoded[number].popleft()
            if not self.more():
                return

    def more(self) -> bool:
        """Reads on for a minute; says whether there was anything to read."""
        if self._is_over:
            return False
        blocks, self._is_over = next(self._minutes)
        samples = self._apart(blocks)
        del blocks
        with self.timings.stage("segment"):
            if len(samples) > 1:
                self.crosstalk.add(samples, self._is_over)
        for number, of_channel in enumerate(samples):
            left_out = self.crosstalk.left_out(number) if len(samples) > 1 else None
            found = self._searches[number].add([of_channel], self._is_over, left_out)
            for window in self.timings.each("segment", found):
                self._wait(number, window)
            if self._is_over:
                self._recognize(number)
        self._read += len(samples[0]) if samples else 0
        return True

    def transcript(self, found: Sequence[Segment], names: Sequence[str]) -> Transcript:
        """Returns the transcript of all that was read.

        Args:
            found: the segments of all channels, in order of their starts.
            names: see `transcribe_blocks`.
        """
        spoke = {segment.channel for segment in found}
        silent = [number + 1 not in spoke for number in range(self.channels)]
        same_as = [self.crosstalk.same_as(number) if silent[number] else None for number in range(self.channels)]
        channels = tuple(
            Channel(number + 1, _name(names, number), None if original is None else original + 1)
            for number, original in enumerate(same_as)
        )
        return Transcript(tuple(found), self.read_s, (), tuple(_notes(self, channels, silent)), channels)

    def _apart(self, blocks: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Returns [samples] of each channel, all as long."""
        for _ in range(self.channels, max((block.shape[1] for block in blocks), default=0)):
            search = Search(self.spec.sample_rate_hz, self.spec.max_window_s)
            # What begins later was silent until then.
            minute = round(pipeline.BATCH_S * self.spec.sample_rate_hz)
            for at in range(0, self._read, minute):
                list(search.add([np.zeros(min(minute, self._read - at), np.float32)], False))
            self._searches.append(search)
            self._waiting.append([])
            self._decoded.append(deque())
        none = np.zeros(0, np.float32)
        return [
            np.concatenate(
                [
                    none,
                    *(
                        block[:, number] if number < block.shape[1] else np.zeros(len(block), np.float32)
                        for block in blocks
                    ),
                ]
            )
            for number in range(self.channels)
        ]

    def _wait(self, number: int, window: Window) -> None:
        self._speech += len(window.samples)
        if self._speech > self._most_samples:
            raise AudioTooLong(
                f"There is more speech in the channels, all together, than the limit of "
                f"{self._most_samples / self.spec.sample_rate_hz:g} s; split the recording, or export fewer channels."
            )
        self._waiting[number].append(window)
        if sum(len(each.samples) for each in self._waiting[number]) >= pipeline.BATCH_S * self.spec.sample_rate_hz:
            self._recognize(number)

    def _recognize(self, number: int) -> None:
        batch, self._waiting[number] = self._waiting[number], []
        if batch:
            self._decoded[number].extend(pipeline.heard(batch, self._recognizer, self.timings, self._decoder))


def _name(names: Sequence[str], number: int) -> str:
    return (names[number] if number < len(names) else "") or _NAME.format(number + 1)


def _notes(apart: _Apart, channels: Sequence[Channel], silent: Sequence[bool]) -> Iterator[str]:
    """Yields a sentence on each kind of channel that was not transcribed as it is."""
    if len(channels) == 1:
        yield "The recording has one channel; there was nothing to keep apart."
    nobody = []
    for number, channel in enumerate(channels):
        repeated = apart.crosstalk.copied_s(number) if len(channels) > 1 else {}
        original = next(iter(repeated), -1) + 1
        if channel.same_as:
            yield f"Channel {channel.number} is the same as channel {channel.same_as}, and was transcribed once."
        elif repeated and silent[number]:
            yield f"Channel {channel.number} only repeats channel {original}, and nothing else was found in it."
        elif repeated:
            seconds = sum(repeated.values())
            others = _listed([each + 1 for each in sorted(repeated)])
            yield f"In channel {channel.number}, {seconds:g} s that repeat {others} were left out."
        elif silent[number]:
            nobody.append(channel.number)
    if nobody:
        yield f"Nobody was found to speak in {_listed(nobody)}."


def _listed(numbers: Sequence[int]) -> str:
    *others, last = map(str, numbers)
    return f"channels {', '.join(others)} and {last}" if others else f"channel {last}"
