"""What a channel repeats of another one is left out, and nobody's own words are."""

from itertools import combinations, pairwise

import numpy as np
import pytest
import soundfile as sf

import hark
from hark.crosstalk import Crosstalk
from tests.conftest import DATA
from tests.hark.test_channels import RATE, answer, beside, spoken

__all__ = ["answer"]  # a fixture


@pytest.fixture(scope="module")
def model() -> hark.Model:
    return hark.load()


@pytest.fixture(scope="module")
def call(speech: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """[samples, 2]: two speakers by turns, each in a channel."""
    turns = [
        beside((speech, 0.4), (answer, 7.5), seconds=14.5, hiss=3e-4),
        beside((answer, 0.2), (speech, 7.0), seconds=14),
    ]
    return np.concatenate(turns)


def heard(model: hark.Model, samples: np.ndarray) -> hark.Transcript:
    return model.transcribe(samples, sample_rate=RATE, channels="separate", text_style="spoken")


def copied_s(samples: np.ndarray) -> list[float]:
    """Returns for how many seconds each channel repeats others."""
    crosstalk = Crosstalk(RATE)
    minutes = range(0, len(samples), 60 * RATE)
    for start in minutes:
        minute = samples[start : start + 60 * RATE]
        crosstalk.add([np.ascontiguousarray(channel) for channel in minute.T], start == minutes[-1])
    return [sum(crosstalk.copied_s(number).values()) for number in range(samples.shape[1])]


@pytest.mark.parametrize("bleed_db", [-12, -20, -30])
@pytest.mark.parametrize("way", ["at once", "late", "muffled"])
def test_the_other_speaker_is_not_heard_twice(model: hark.Model, call: np.ndarray, bleed_db: float, way: str) -> None:
    room = np.random.default_rng(1).normal(0, 1, 320) * np.exp(-np.arange(320) / 40)
    taps = {"at once": np.ones(1), "late": np.r_[np.zeros(1_600), 1], "muffled": np.r_[np.zeros(480), room]}[way]
    taps = taps / np.sqrt(np.square(taps).sum()) * 10 ** (bleed_db / 20)
    leaked = np.stack([np.convolve(channel, taps)[: len(call)] for channel in call.T[::-1]], axis=1)
    found, clean = heard(model, (call + leaked).astype(np.float32)), heard(model, call)
    for number in (1, 2):
        expected, there = spoken(clean, number).split(), spoken(found, number).split()
        assert abs(len(there) - len(expected)) <= 2
        assert len(set(expected) - set(there)) <= 2
    assert all("left out" in note for note in found.notes)
    assert len(found.notes) == 2


def test_whoever_only_listens_says_nothing(model: hark.Model, speech: np.ndarray) -> None:
    call = beside((speech, 0.5), (speech * 0.03, 0.5), seconds=7.5)
    found = heard(model, call)
    assert {word.channel for word in found.words} == {1}
    assert found.notes == ("Channel 2 only repeats channel 1, and nothing else was found in it.",)
    assert found.text.startswith("Channel 1: the train")


@pytest.mark.parametrize("softer_db", [0, -20, -40])
def test_a_soft_voice_is_not_taken_for_a_copy(
    model: hark.Model, speech: np.ndarray, answer: np.ndarray, softer_db: float
) -> None:
    soft = answer * np.float32(10 ** (softer_db / 20))
    for start_s in (0.5, 9.0):
        call = beside((speech, 1.0), (soft, start_s), seconds=16, hiss=1e-5)
        found = heard(model, call)
        assert spoken(found, 2) == model.transcribe(call[:, 1], sample_rate=RATE, text_style="spoken").text
        assert len(spoken(found, 2).split()) > 8


def test_words_spoken_into_an_echo_are_kept(model: hark.Model, speech: np.ndarray, answer: np.ndarray) -> None:
    call = beside((speech, 0.5), (answer, 2.0), seconds=10)
    echo = np.stack([call[:, 1], call[:, 0]], axis=1) * np.float32(0.1)
    clean, found = (set(spoken(heard(model, each), 2).split()) for each in (call, call + echo))
    # A word or two suffer where both speak at once.
    assert len(clean - found) <= 1
    assert len(found - clean) <= 2


def test_voices_of_one_pitch_are_not_copies_of_each_other() -> None:
    voices = [sf.read(path, dtype="float32")[0] for path in sorted(DATA.glob("*.ogg"))]
    assert len(voices) == 12
    for one, other in combinations(voices, 2):
        for start_s in (0.0, 0.2, 0.5):
            assert copied_s(beside((one, 0.0), (other, start_s), seconds=3, hiss=0)) == [0, 0]


def test_hum_and_noise_that_all_channels_have_hide_no_words(
    model: hark.Model, speech: np.ndarray, answer: np.ndarray
) -> None:
    call = beside((speech, 0.5), (answer, 7.5), seconds=14)
    seconds = np.arange(len(call)) / RATE
    hum = sum(0.02 / n * np.sin(2 * np.pi * 50 * n * seconds) for n in (1, 2, 3))
    shared = (hum + np.random.default_rng(3).normal(0, 1e-3, len(call))).astype(np.float32)
    found = heard(model, call + shared[:, None])
    for number in (1, 2):
        alone = model.transcribe(call[:, number - 1] + shared, sample_rate=RATE, text_style="spoken")
        assert spoken(found, number) == alone.text


def test_of_three_channels_with_one_voice_one_is_left(speech: np.ndarray) -> None:
    # Each is a little louder than the one before, so that the first is much softer than the last.
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        levels = np.array([1.0, 1.7, 2.9], np.float32)[list(order)]
        copies = copied_s(np.tile(speech, 2)[:, None] * levels)
        assert sorted(seconds > 11 for seconds in copies) == [False, True, True]
        assert min(copies) == 0


def test_what_is_found_does_not_depend_on_how_it_is_handed_over(call: np.ndarray) -> None:
    mixed = (call + 0.1 * call[:, ::-1]).astype(np.float32)
    whole, parts = Crosstalk(RATE), Crosstalk(RATE)
    whole.add([mixed[:, 0], mixed[:, 1]], True)
    cuts = [0, 100_001, 100_003, 250_000, len(mixed)]
    for first, end in pairwise(cuts):
        parts.add([mixed[first:end, 0], mixed[first:end, 1]], end == len(mixed))
    for number in (0, 1):
        assert len(whole.left_out(number)) == len(parts.left_out(number)) >= len(mixed) / 160
        assert (whole.left_out(number) != parts.left_out(number)).mean() < 0.1
