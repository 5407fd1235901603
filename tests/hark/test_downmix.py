"""Channels are mixed down so that what is said is still there, whichever side is inverted."""

import io

import numpy as np
import pytest
import soundfile as sf

import hark
from hark import formats
from hark.audio import decode
from hark.downmix import Downmix
from hark.pipeline import Timings, transcribe, transcribe_samples
from hark.recognizer import Recognizer
from tests.conftest import encode
from tests.hark.media_files import encode_media
from tests.hark.test_audio import RATE

SECONDS = np.arange(102_400) / RATE


def level(samples: np.ndarray) -> float:
    return float(np.sqrt(np.square(samples).mean()))


def decoded(samples: np.ndarray) -> np.ndarray:
    return decode(encode(samples, RATE, subtype="FLOAT"), RATE, 60)


@pytest.mark.parametrize("inverted", [-1.0, -0.7, -0.4])
def test_one_side_inverted_loses_nothing(inverted: float, speech: np.ndarray) -> None:
    stereo = np.stack([speech, speech * np.float32(inverted)], axis=1)
    for sides in (stereo, stereo[:, ::-1]):
        assert level(decoded(sides)) == pytest.approx((1 - inverted) / 2 * level(speech), rel=1e-3)


@pytest.mark.parametrize("name", ["MP3", "m4a, index in front", "WebM", "ADTS AAC", "FLAC"])
def test_one_side_inverted_keeps_its_words(name: str, speech: np.ndarray, recognizer: Recognizer) -> None:
    stereo = np.stack([speech, -speech], axis=1)
    data = encode(stereo, RATE, name) if name in ("MP3", "FLAC") else encode_media(stereo, RATE, name)
    found = transcribe_samples(decode(data, RATE, 60), recognizer, Timings())
    assert len(found.words) > 20


def test_hum_that_is_the_same_on_both_sides_does_not_hide_that_the_voice_is_not(speech: np.ndarray) -> None:
    hum = (0.3 * np.sin(2 * np.pi * 50 * SECONDS) + 0.1).astype(np.float32)
    stereo = np.stack([speech + hum, hum - speech], axis=1)
    np.testing.assert_allclose(decoded(stereo)[RATE:-RATE], speech[RATE:-RATE], atol=1e-3)


@pytest.mark.parametrize("layout", [(1, -1, 0, 0, 0, 0), (0, 0, 1, 0, 1, -1), (-1, 1, 1, -1, 1, 1)])
def test_of_six_channels_those_that_are_inverted_are_turned(layout: tuple[int, ...], speech: np.ndarray) -> None:
    channels = speech[:, None] * np.array(layout, np.float32)
    assert level(decoded(channels)) == pytest.approx(level(speech) * np.abs(layout).sum() / 6, rel=1e-2)


def test_sides_that_have_nothing_to_do_with_each_other_are_averaged(speech: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    for other in (speech[::-1], rng.normal(0, 0.1, len(speech)).astype(np.float32), speech * 0, speech):
        stereo = np.stack([speech, other], axis=1)
        np.testing.assert_allclose(decoded(stereo), stereo.mean(axis=1), atol=1e-6)


def test_a_side_that_becomes_inverted_on_the_way_is_turned_from_then_on(speech: np.ndarray) -> None:
    voice = np.tile(speech[RATE // 2 : -RATE // 2], 4)
    half = len(voice) // 2
    other = np.r_[voice[:half], -voice[half:]]
    mono = decoded(np.stack([voice, other], axis=1))
    assert level(mono) > 0.9 * level(voice)
    assert np.abs(mono).max() <= np.abs(voice).max() + 1e-3


def test_what_is_taken_for_inverted_does_not_turn_back_and_forth(speech: np.ndarray) -> None:
    # Which side is the louder one changes; the polarity of the sum must not.
    swell = (1 + 0.3 * np.sin(2 * np.pi * 0.4 * SECONDS)).astype(np.float32)
    mono = decoded(np.stack([speech * swell, -speech * (2 - swell)], axis=1))
    assert np.corrcoef(np.abs(mono), np.abs(speech))[0, 1] > 0.99
    assert abs(np.corrcoef(mono, speech)[0, 1]) > 0.99


def test_silence_and_values_beyond_all_bounds_are_averaged() -> None:
    for value in (0.0, 1e30, np.inf, np.nan):
        block = np.full((RATE, 2), value, np.float32)
        np.testing.assert_array_equal(Downmix().mono(block, RATE), block.mean(axis=1))


@pytest.mark.parametrize("name", ["Matroska with FLAC", "m4a, index at the end", "WebM"])
@pytest.mark.parametrize("first", ["silence", "hiss", "hum"])
def test_of_several_tracks_the_one_with_speech_is_taken(name: str, first: str, speech: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    other = {
        "silence": speech * 0,
        "hiss": rng.normal(0, 0.01, len(speech)).astype(np.float32),
        "hum": (0.3 * np.sin(2 * np.pi * 100 * SECONDS)).astype(np.float32),
    }[first]
    data = encode_media(speech[:, None], RATE, name, others=[other[:, None]], speech_at=1)
    louder, soft = (np.convolve(np.abs(x[: RATE * 6]), np.ones(1600)) for x in (decode(data, RATE, 60), speech))
    assert np.corrcoef(louder, soft)[0, 1] > 0.8


def test_what_was_chosen_is_said(speech: np.ndarray, recognizer: Recognizer) -> None:
    stereo = np.stack([speech, -speech], axis=1)
    data = encode_media(stereo, RATE, "Matroska with FLAC", others=[stereo * 0], speech_at=1)
    found = transcribe(data, recognizer, 60, Timings())
    assert [note.split(";")[0] for note in found.notes] == [
        "Sound track 2 of 2 was transcribed",
        "Channels are inverted against each other",
    ]
    assert formats.full(found, recognizer.spec)["notes"] == list(found.notes)
    plain = transcribe(encode(speech, RATE), recognizer, 60, Timings())
    assert "notes" not in formats.verbose(plain, recognizer.spec, frozenset({"word"}))
    assert hark.load().transcribe(data).notes == found.notes


def test_of_two_tracks_with_speech_the_first_is_taken(speech: np.ndarray) -> None:
    louder = np.ascontiguousarray(speech[::-1] * 1.5)
    data = encode_media(speech[:, None], RATE, "Matroska with FLAC", others=[louder[:, None]])
    np.testing.assert_allclose(decode(data, RATE, 60), speech, atol=1e-3)


def test_speech_that_sets_in_late_on_the_second_track_is_found(speech: np.ndarray) -> None:
    late = np.concatenate([np.zeros(100 * RATE, np.float32), speech])
    data = encode_media(late[:, None], RATE, "Matroska with FLAC", others=[late[:, None] * 0], speech_at=1)
    assert level(decode(data, RATE, 600)[-RATE * 6 :]) > 0.5 * level(speech)


def test_a_track_without_speech_and_without_others_is_still_the_recording() -> None:
    buffer = io.BytesIO()
    sf.write(buffer, np.zeros((RATE, 2)), RATE, format="WAV")
    assert len(decode(buffer.getvalue(), RATE, 60)) == RATE
