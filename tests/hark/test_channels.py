"""Channels that are kept apart are each transcribed as if they were recordings of their own."""

import gc
import io
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

import hark
from hark import audio, channels, formats
from hark.errors import AudioTooLong, ConflictingParameters, InvalidParameter
from hark.pipeline import Timings, transcribe_samples
from hark.recognizer import Recognizer
from hark.transcript import Channel, Transcript
from tests.conftest import DATA, SPOKEN, encode, make_spec
from tests.hark.media_files import encode_media

RATE = 16_000


class Counting:
    """A recogniser that counts the frames that go through the network."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.spec = recognizer.spec
        self._recognizer = recognizer
        self.frames = 0

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        self.frames += sum(map(len, log_mels))
        return self._recognizer.run(log_mels)


@pytest.fixture(scope="module")
def model() -> hark.Model:
    return hark.load()


@pytest.fixture(scope="module")
def answer() -> np.ndarray:
    """[samples] of somebody who says something else than the sample."""
    parts = [sf.read(DATA / f"{number:02}.ogg", dtype="float32")[0] for number in (5, 1, 8)]
    return np.concatenate(parts)


def beside(*placed: tuple[np.ndarray, float], seconds: float, hiss: float = 1e-4) -> np.ndarray:
    """Returns [samples, channels]: what each has, from so many seconds on, in noise of its own."""
    rng = np.random.default_rng(0)
    mixed = rng.normal(0, hiss, (round(seconds * RATE), len(placed))).astype(np.float32)
    for number, (samples, start_s) in enumerate(placed):
        first = round(start_s * RATE)
        mixed[first : first + len(samples), number] += samples[: len(mixed) - first]
    return mixed


def said(found: Transcript, number: int | None = None) -> list[tuple[str, str | None, str, float, float, float]]:
    return [
        (word.word, word.written, word.punctuation, word.start, word.end, word.confidence)
        for word in found.words
        if number is None or word.channel == number
    ]


def spoken(found: Transcript, number: int) -> str:
    return " ".join(word.word for word in found.words if word.channel == number)


@pytest.mark.parametrize("starts_s", [(0.5, 8.0), (1.0, 1.0), (4.0, 0.2), (0.0, 3.0)])
def test_each_channel_has_the_words_that_it_has_alone(
    model: hark.Model, speech: np.ndarray, answer: np.ndarray, starts_s: tuple[float, float]
) -> None:
    call = beside((speech, starts_s[0]), (answer, starts_s[1]), seconds=16)
    found = model.transcribe(call, sample_rate=RATE, channels="separate")
    for number in (1, 2):
        alone = model.transcribe(np.ascontiguousarray(call[:, number - 1]), sample_rate=RATE)
        assert said(found, number) == said(alone)
        assert [each.text for each in found.segments if each.channel == number] == [e.text for e in alone.segments]
    assert found.duration == 16
    assert found.notes == ()
    assert found.channels == (Channel(1, "Channel 1"), Channel(2, "Channel 2"))


@pytest.mark.parametrize("name", ["WAV", "FLAC", "MP3", "OGG", "AIFF", "m4a, index in front", "WebM", "ADTS AAC"])
def test_channels_are_kept_apart_whatever_the_format(
    model: hark.Model, speech: np.ndarray, answer: np.ndarray, name: str
) -> None:
    call = beside((speech, 0.5), (answer, 3.0), seconds=10)
    is_sndfile = name in ("WAV", "FLAC", "MP3", "OGG", "AIFF")
    data = encode(call, RATE, name) if is_sndfile else encode_media(call, RATE, name)
    found = model.transcribe(data, channels="separate", text_style="spoken")
    decoded = np.concatenate(list(audio.channel_blocks(data, RATE, 60, [])))
    assert decoded.shape[1] == 2
    for number in (1, 2):
        alone = model.transcribe(decoded[:, number - 1], sample_rate=RATE, text_style="spoken")
        assert spoken(found, number) == alone.text
        assert len(alone.words) > 8


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_channels_are_resampled_one_by_one(speech: np.ndarray, answer: np.ndarray, rate: int) -> None:
    call = beside((speech, 0.5), (answer, 3.0), (speech, 4.0), seconds=11)
    apart = np.concatenate(list(audio.channel_blocks(encode(call, rate), RATE, 60, [])))
    for number in range(3):
        alone = audio.blocks(encode(call[:, number], rate), RATE, 60)
        np.testing.assert_array_equal(apart[:, number], np.concatenate(list(alone)))


def test_what_is_said_is_in_order_of_time(model: hark.Model, speech: np.ndarray, answer: np.ndarray) -> None:
    call = beside((speech, 0.5), (answer, 1.0), seconds=8)
    found = model.transcribe(call, sample_rate=RATE, channels="separate", channel_names=["Agent", ""])
    for spans in (found.segments, found.words):
        starts = [span.start for span in spans]
        assert starts == sorted(starts)
        assert {span.channel for span in spans} == {1, 2}
    turns = [line.split(": ") for line in found.text.split("\n")]
    assert {name for name, _ in turns} == {"Agent", "Channel 2"}
    assert all(one != other for (one, _), (other, _) in pairwise(turns))
    assert " ".join(text for name, text in turns if name == "Agent") == model.transcribe(speech, sample_rate=RATE).text
    assert found.as_spoken().text == found.spoken
    assert found.spoken.startswith("Agent: the train to the coast leaves")


def test_many_channels_each_have_their_words(model: hark.Model, speech: np.ndarray, answer: np.ndarray) -> None:
    # As from a mixing desk: eight, of which three speak, one hisses, one hums and the others are silent.
    call = beside(*[(speech[:0], 0.0)] * 8, seconds=12, hiss=0)
    call[8_000 : 8_000 + len(speech), 6] = speech
    call[: len(answer), 1] = answer
    call[64_000 : 64_000 + len(answer), 3] = answer[::-1]
    call[:, 4] = np.random.default_rng(0).normal(0, 0.01, len(call))
    call[:, 7] = 0.1 * np.sin(2 * np.pi * 50 / RATE * np.arange(len(call)))
    found = model.transcribe(call, sample_rate=RATE, channels="separate")
    for number in (2, 4, 7):
        assert said(found, number) == said(model.transcribe(call[:, number - 1], sample_rate=RATE))
    assert {word.channel for word in found.words} <= {2, 4, 7}
    assert spoken(found, 7).startswith("the train to the coast")
    assert found.notes[-1].startswith("Nobody was found to speak in channels 1, 3, 5, 6 and 8")


def test_more_channels_than_can_be_dealt_with_are_refused(model: hark.Model, speech: np.ndarray) -> None:
    nine = np.repeat(speech[:RATE, None], 9, axis=1)
    for recording, options in ((encode(nine, RATE), {}), (nine, {"sample_rate": RATE})):
        with pytest.raises(InvalidParameter, match="has 9 channels, and no more than 8") as caught:
            model.transcribe(recording, channels="separate", **options)  # type: ignore[arg-type]
        assert caught.value.param == "channels"
    assert model.transcribe(encode(nine, RATE)).channels == ()


def transcribed(call: np.ndarray, network: Counting) -> Transcript:
    return channels.transcribe_blocks([call], network, Timings())


@pytest.mark.parametrize("lost", ["nothing", "level", "polarity", "a little", "the beginning", "treble", "the first"])
def test_what_is_the_same_is_transcribed_once(lost: str, speech: np.ndarray, recognizer: Recognizer) -> None:
    once = np.concatenate([speech, speech[::-1], speech])
    smooth = np.hanning(9)[1:-1] / 4
    again = {
        "nothing": once,
        "level": once * 0.4,
        "polarity": -once,
        "a little": 0.9 * once + np.random.default_rng(0).normal(0, 1e-3, len(once)),
        "the beginning": np.r_[np.zeros(1_234), once[:-1_234]],
        "treble": np.convolve(once, smooth, "same"),
        "the first": once * 1.7,
    }[lost].astype(np.float32)
    alone, network = Counting(recognizer), Counting(recognizer)
    expected = transcribe_samples(once, alone, Timings())
    found = transcribed(np.stack([once, again], axis=1), network)
    assert network.frames == alone.frames
    assert said(found) == said(expected)
    assert {word.channel for word in found.words} == {1}
    assert found.channels == (Channel(1, "Channel 1"), Channel(2, "Channel 2", same_as=1))
    # Nothing tells speakers apart.
    assert found.text == expected.text
    assert found.notes == ("Channel 2 is the same as channel 1, and was transcribed once.",)


@pytest.mark.parametrize("format_", ["MP3", "OGG"])
def test_what_was_the_same_before_it_was_encoded_is_the_same(
    format_: str, speech: np.ndarray, model: hark.Model
) -> None:
    found = model.transcribe(encode(np.stack([speech, -0.5 * speech], axis=1), RATE, format_), channels="separate")
    assert [channel.same_as for channel in found.channels] == [None, 1]
    assert len(found.words) == len(SPOKEN.split())


def test_silence_costs_nothing_and_is_said(speech: np.ndarray, recognizer: Recognizer) -> None:
    alone, network = Counting(recognizer), Counting(recognizer)
    expected = transcribe_samples(speech, alone, Timings())
    found = transcribed(np.stack([speech * 0, speech], axis=1), network)
    assert network.frames == alone.frames
    assert said(found, 2) == said(expected)
    assert found.notes == ("Nobody was found to speak in channel 1.",)
    # Who spoke is known all the same.
    assert found.text == f"Channel 2: {expected.text}"
    nobody = transcribed(np.zeros((RATE, 2), np.float32), network)
    assert (nobody.text, nobody.notes) == ("", ("Nobody was found to speak in channels 1 and 2.",))
    assert network.frames == alone.frames


def test_one_channel_is_what_it_is_without_the_option(model: hark.Model, speech: np.ndarray) -> None:
    expected = model.transcribe(encode(speech, RATE))
    for recording, rate in ((encode(speech, RATE), None), (speech, RATE), (speech[:, None], RATE)):
        found = model.transcribe(recording, sample_rate=rate, channels="separate", channel_names=["Ann", "Bob"])
        assert found.text == expected.text
        assert said(found) == said(expected)
        assert {word.channel for word in found.words} == {1}
        assert found.notes == ("The recording has one channel; there was nothing to keep apart.",)
        assert found.channels == (Channel(1, "Ann"),)


def test_channels_may_come_and_go_in_recordings_in_a_row(recognizer: Recognizer, speech: np.ndarray) -> None:
    def blocks() -> Iterator[np.ndarray]:
        yield speech[:, None]
        yield np.zeros((70 * RATE, 1), np.float32)
        yield beside((speech[:0], 0), (speech, 0), seconds=7)
        yield speech[:, None]

    found = channels.transcribe_blocks(blocks(), recognizer, Timings())
    words = [word.word for word in transcribe_samples(speech, recognizer, Timings()).words]
    assert [word.word for word in found.words if word.channel == 1] == 2 * words
    late = [word for word in found.words if word.channel == 2]
    assert [word.word for word in late] == words
    assert 76.4 < late[0].start < 77.2
    assert found.duration == pytest.approx(6.4 + 70 + 7 + 6.4)


def test_the_speech_of_all_channels_together_is_bounded(recognizer: Recognizer, speech: np.ndarray) -> None:
    call = np.stack([np.tile(speech, 2), np.tile(speech[::-1], 2)], axis=1)
    assert channels.transcribe_blocks([call], recognizer, Timings(), most_speech_s=26).words
    with pytest.raises(AudioTooLong, match=r"more speech in the channels, all together, than the limit of 20 s"):
        channels.transcribe_blocks([call], recognizer, Timings(), most_speech_s=20)


def test_nothing_of_a_long_recording_is_held() -> None:
    class Deaf:
        spec = make_spec()

        def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
            return [np.log(np.full((len(each) // 4, 29), 1 / 29, np.float32)) for each in log_mels]

    def minutes(count: int) -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        for second in range(60 * count):
            # One speaks while the other does not, or nobody does for minutes.
            block = rng.normal(0, 1e-4, (RATE, 2))
            if second % 240 < 120:
                block[:, second // 7 % 2] += rng.normal(0, 0.1, RATE) * np.sin(np.linspace(0, 30, RATE)) ** 2
            yield block.astype(np.float32)

    def peak(count: int) -> int:
        gc.collect()
        tracemalloc.start()
        channels.transcribe_blocks(minutes(count), Deaf(), Timings())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(12) < 1.2 * peak(6)


def test_the_stream_has_the_segments_of_the_transcript(
    model: hark.Model, speech: np.ndarray, answer: np.ndarray
) -> None:
    call = np.concatenate([beside((speech, 0.5), (answer, 5.0), seconds=14)] * 12)
    whole = model.transcribe(call, sample_rate=RATE, channels="separate")
    assert len(whole.segments) >= 36
    assert tuple(model.stream(call, sample_rate=RATE, channels="separate")) == whole.segments


@pytest.mark.parametrize("silent", [0, 1])
def test_a_silent_channel_holds_up_no_stream(model: hark.Model, speech: np.ndarray, silent: int) -> None:
    minutes = np.concatenate([speech, np.zeros(32_000, np.float32)] * 24)
    end = np.full(16_000, np.nan, np.float32)  # whoever reads this far fails
    one = np.concatenate([minutes, end])
    call = np.stack([one, one * 0], axis=1)
    stream = model.stream(call[:, ::-1] if silent == 0 else call, sample_rate=RATE, channels="separate")
    first = next(stream)
    assert first.channel == 2 - silent
    assert first.text == model.transcribe(speech, sample_rate=RATE).segments[0].text


def test_what_contradicts_itself_is_refused(model: hark.Model, speech: np.ndarray) -> None:
    conflicting: tuple[dict[str, Any], ...] = (
        {"channel_names": ["Ann"]},
        {"channel_names": ["Ann"], "channels": "mix"},
        {"alternatives": 2, "channels": "separate"},
    )
    for options in conflicting:
        with pytest.raises(ConflictingParameters):
            model.transcribe(speech, sample_rate=RATE, **options)
    invalid: tuple[dict[str, Any], ...] = (
        {"channels": "left"},
        {"channels": "separate", "channel_names": ["a\nb"]},
        {"channels": "separate", "channel_names": ["\u202eAnn"]},
        {"channels": "separate", "channel_names": ["a" * 51]},
        {"channels": "separate", "channel_names": ["a"] * 17},
    )
    for options in invalid:
        with pytest.raises(InvalidParameter):
            model.transcribe(speech, sample_rate=RATE, **options)
    with pytest.raises(InvalidParameter, match="or keep channels apart"):
        model.transcribe(np.stack([speech, speech], axis=1), sample_rate=RATE)
    for shape in ((2, 2, 2), (5, 0)):
        with pytest.raises(InvalidParameter, match="shape"):
            model.transcribe(np.zeros(shape, np.float32), sample_rate=RATE, channels="separate")


def test_json_says_which_channel(model: hark.Model, speech: np.ndarray, answer: np.ndarray) -> None:
    call = beside((speech, 0.5), (answer, 1.0), seconds=8)
    buffer = io.BytesIO()
    sf.write(buffer, call, RATE, format="WAV")
    found = model.transcribe(buffer.getvalue(), channels="separate", channel_names=["Ann", "Bob"])
    full = formats.full(found, model.spec)
    verbose = formats.verbose(found, model.spec, frozenset({"word", "segment"}))
    for content in (full, verbose):
        assert content["channels"] == [{"channel": 1, "name": "Ann"}, {"channel": 2, "name": "Bob"}]
        assert [each["channel"] for each in content["segments"]] == [each.channel for each in found.segments]
        assert {each["channel"] for each in content["words"]} == {1, 2}
    mixed = model.transcribe(buffer.getvalue())
    verbose = formats.verbose(mixed, model.spec, frozenset({"word", "segment"}))
    for content in (formats.full(mixed, model.spec), verbose):
        assert "channels" not in content
        assert "channel" not in content["words"][0]
        assert "channel" not in content["segments"][0]
