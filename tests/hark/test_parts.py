"""A transcript that comes part by part is the one that comes as a whole, and begins long before the end is read."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from hark import channels, model_files
from hark.decoding import Decoding
from hark.errors import AudioTooLong, InvalidAudio
from hark.pipeline import Timings
from hark.recognizer import Recognizer
from hark.transcript import Segment, Transcript
from hark.written import Writers
from tests.conftest import DATA, encode

RATE = 16_000
SEPARATE = Decoding(channels="separate", channel_names=("Agent", "Customer"))


@cache
def clips() -> list[np.ndarray]:
    """[samples] of the dozen utterances that the tests train on."""
    return [sf.read(path, dtype="float32")[0] for path in sorted(DATA.glob("*.ogg"))]


def talk(seconds: float, number: int = 0) -> np.ndarray:
    """[samples] of somebody who talks without end."""
    pause = np.zeros(RATE // 2, np.float32)
    once = np.concatenate([part for clip in clips()[number:] for part in (clip, pause)])
    whole = np.tile(once, int(np.ceil(seconds * RATE / len(once))))[: round(seconds * RATE)]
    return whole + np.random.default_rng(0).normal(0, 1e-4, len(whole)).astype(np.float32)


def take(data: bytes, recognizer: Recognizer, **options: Any) -> tuple[list[tuple[Segment, str]], Transcript]:
    """Returns all parts and the transcript."""
    found, parts = [], channels.parts(data, recognizer, **options)
    while True:
        try:
            found.append(next(parts))
        except StopIteration as end:
            return found, end.value


def options(asked: Decoding = Decoding(), limit_s: float = 3600.0) -> dict[str, Any]:  # noqa: B008 (it is frozen)
    writer = Writers(model_files.PUNCTUATION).writer(asked)
    return {"max_duration_s": limit_s, "timings": Timings(), "asked": asked, "writer": writer}


def assert_is_the_whole(data: bytes, recognizer: Recognizer, asked: Decoding) -> list[tuple[Segment, str]]:
    parts, found = take(data, recognizer, **options(asked))
    whole = channels.transcribe(data, recognizer, **options(asked))
    assert found == whole
    assert "".join(text for _, text in parts) == whole.text
    assert tuple(segment for segment, _ in parts) == whole.segments
    return parts


@pytest.mark.parametrize("style", ["written", "spoken"])
@pytest.mark.parametrize("seconds", [5, 200])
def test_the_parts_are_the_whole(recognizer: Recognizer, seconds: float, style: str) -> None:
    data = encode(talk(seconds), RATE, "OGG", "OPUS")
    assert len(assert_is_the_whole(data, recognizer, Decoding(text_style=style))) >= seconds / 20


def test_what_is_noted_of_a_recording_is_in_the_transcript(recognizer: Recognizer) -> None:
    inverted = talk(20)[:, None] * np.array([1, -1], np.float32)
    data = encode(inverted, RATE, "FLAC")
    _, found = take(data, recognizer, **options())
    assert found.notes == channels.transcribe(data, recognizer, **options()).notes != ()


def test_nobody_who_speaks_is_a_transcript_without_parts(recognizer: Recognizer) -> None:
    parts, found = take(encode(np.zeros(RATE * 3, np.float32), RATE), recognizer, **options())
    assert (parts, found.text, found.duration_s) == ([], "", 3.0)


def test_the_first_part_comes_while_most_is_unread(recognizer: Recognizer) -> None:
    asked = options()
    parts = channels.parts(encode(talk(420), RATE, "OGG", "OPUS"), recognizer, **asked)
    next(parts)
    assert asked["timings"].read_s < 240
    parts.close()


@pytest.mark.parametrize(
    "spoken",
    [
        [(talk, 0, 100), (talk, 3, 100)],  # both at once
        [(talk, 0, 20), (None, 0, 100)],  # the second says nothing
        [(None, 0, 100), (talk, 3, 90)],
        [(talk, 0, 70)],
    ],
)
def test_the_parts_of_channels_kept_apart_are_the_whole(recognizer: Recognizer, spoken: list[Any]) -> None:
    rng = np.random.default_rng(1)
    sound = rng.normal(0, 1e-4, (100 * RATE, len(spoken))).astype(np.float32)
    for channel, (speaker, number, seconds) in enumerate(spoken):
        if speaker:
            said = speaker(seconds, number)
            sound[: len(said), channel] += said
    assert_is_the_whole(encode(sound, RATE, "FLAC"), recognizer, SEPARATE)


def test_dual_mono_has_no_names_in_its_parts(recognizer: Recognizer) -> None:
    sound = np.repeat(talk(30)[:, None], 2, axis=1)
    parts = assert_is_the_whole(encode(sound, RATE, "FLAC"), recognizer, SEPARATE)
    assert not any("Agent" in text for _, text in parts)


def test_parts_with_names_come_as_soon_as_two_have_spoken(recognizer: Recognizer) -> None:
    sound = np.stack([talk(330), np.roll(talk(330, 3), RATE * 5)], axis=1)
    asked = options(SEPARATE)
    parts = channels.parts(encode(sound, RATE, "FLAC"), recognizer, **asked)
    assert next(parts)[1].startswith("Agent: ")
    assert asked["timings"].read_s < 270
    parts.close()


def test_what_is_found_to_be_wrong_late_is_told_after_the_parts(recognizer: Recognizer) -> None:
    damaged = bytearray(encode(talk(300), RATE, "FLAC"))
    at = len(damaged) * 9 // 10
    damaged[at : at + 50_000] = bytes(50_000)  # nothing in its header tells
    parts, heard = channels.parts(bytes(damaged), recognizer, **options()), list[Any]()
    with pytest.raises(InvalidAudio):
        heard.extend(parts)
    assert heard
    with pytest.raises(InvalidAudio):
        channels.transcribe(bytes(damaged), recognizer, **options())


def test_the_longest_recording_is_as_long(recognizer: Recognizer) -> None:
    with pytest.raises(AudioTooLong):
        take(encode(talk(20), RATE), recognizer, **options(limit_s=10))
