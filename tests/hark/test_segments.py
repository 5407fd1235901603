"""Recordings are cut into windows at pauses, while they are decoded; silence is in none of them."""

import numpy as np
import pytest

from hark import segments, vad
from hark.pipeline import Timings, transcribe_samples
from hark.recognizer import Recognizer
from hark.segments import split, windows

RATE = 16000
LONGEST_S = 17.0


def silence(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 3e-4, int(seconds * RATE)).astype(np.float32)


def repeated(speech: np.ndarray, times: int, pause_s: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Returns the sample several times with pauses before, between and after, and where it is."""
    parts, spans = [silence(pause_s)], []
    for _ in range(times):
        at = sum(map(len, parts))
        spans.append((at, at + len(speech)))
        parts += [speech, silence(pause_s)]
    return np.concatenate(parts), spans


@pytest.mark.parametrize("block_s", [0.3, 7.0, 1000.0])
@pytest.mark.parametrize("pause_s", [0.0, 0.4, 3.0])
def test_windows_hold_all_speech_in_order_and_none_is_too_long(
    speech: np.ndarray, block_s: float, pause_s: float
) -> None:
    samples, spans = repeated(speech, 20, pause_s)
    size = int(block_s * RATE)
    found = list(windows((samples[i : i + size] for i in range(0, len(samples), size)), RATE, LONGEST_S))
    end = 0
    heard = np.zeros(len(samples), bool)
    for window in found:
        assert window.start >= end
        assert 0 < len(window.samples) <= LONGEST_S * RATE
        end = window.start + len(window.samples)
        np.testing.assert_array_equal(window.samples, samples[window.start : end])
        heard[window.start : end] = True
    loud = np.abs(samples) > 0.02
    assert heard[loud].mean() > 0.9999
    if pause_s > 1:
        assert heard.mean() < 0.8
        assert len(found) == len(spans)


@pytest.mark.parametrize("block_s", [0.06, 1.0, 13.0])
def test_levels_found_block_by_block_are_those_of_the_whole(speech: np.ndarray, block_s: float) -> None:
    levels = np.zeros((0, 0), np.float32)
    for end in range(int(block_s * RATE), len(speech), int(block_s * RATE)):
        levels = segments._with_levels(levels, speech[:end], RATE)
    levels = segments._with_levels(levels, speech, RATE)
    np.testing.assert_allclose(levels, vad.levels_db(speech, RATE), atol=1e-3)


def test_cuts_fall_into_pauses(speech: np.ndarray) -> None:
    spoken = speech[RATE // 2 : -RATE // 2]  # without the silence around
    samples, _ = repeated(spoken, 12, 0.3)  # too short a pause to be left out, so windows hold more than one
    found = split(samples, RATE, LONGEST_S)
    assert 3 < len(found) < 10
    for _, cut in found[:-1]:
        assert np.abs(samples[cut - RATE // 20 : cut + RATE // 20]).max() < 0.01


def test_a_window_knows_where_nobody_speaks_in_it(speech: np.ndarray) -> None:
    loud = np.flatnonzero(np.abs(speech) > 0.02)
    voiced = speech[loud[0] : loud[-1]]
    samples, spans = repeated(voiced, 2, 0.7)
    (window,) = windows([samples], RATE, LONGEST_S)
    silences_s = window.silences_s + window.start / RATE
    assert silences_s[0, 1] == pytest.approx(spans[0][0] / RATE, abs=0.05)
    assert silences_s[-1] == pytest.approx([spans[1][1] / RATE, np.inf], abs=0.1)
    (pause_s,) = [each for each in silences_s if each[0] < spans[0][1] / RATE + 0.1 < each[1]]
    assert pause_s == pytest.approx([spans[0][1] / RATE, spans[1][0] / RATE], abs=0.1)


@pytest.mark.parametrize("block_s", [1.0, 1000.0])
def test_a_window_takes_silence_along_as_utterances_have_it_where_there_is_some(
    speech: np.ndarray, block_s: float
) -> None:
    loud = np.flatnonzero(np.abs(speech) > 0.02)
    samples, spans = repeated(speech[loud[0] : loud[-1]], 30, 2.4)
    size = int(block_s * RATE)
    found = list(windows((samples[i : i + size] for i in range(0, len(samples), size)), RATE, LONGEST_S))
    assert len(found) == len(spans)
    for window, (start, end) in zip(found, spans, strict=True):
        assert 0.45 < (start - window.start) / RATE < 0.75
        assert 0.5 < (window.start + len(window.samples) - end) / RATE < 0.85


def test_where_nobody_pauses_cuts_fall_into_quiet_places() -> None:
    rng = np.random.default_rng(0)
    steps = np.repeat(10 ** rng.uniform(-1.5, -0.5, 800), RATE // 10)  # 80 s of something that changes all the time
    samples = (rng.normal(0, 1, len(steps)) * steps).astype(np.float32) * 0.3
    quiet_s = [15.0, 29.0, 43.5]
    for at in quiet_s:
        samples[int(at * RATE) : int((at + 0.15) * RATE)] *= 0.01
    found = split(samples, RATE, LONGEST_S)
    assert [end / RATE for _, end in found[:3]] == [pytest.approx(at + 0.075, abs=0.08) for at in quiet_s]
    assert [start for start, _ in found[1:]] == [end for _, end in found[:-1]]  # nothing is lost at a cut


SECONDS = np.arange(60 * RATE) / RATE
NOISE = np.random.default_rng(0).normal(0, 1, 60 * RATE)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(SECONDS * 0, id="digital silence"),
        pytest.param(SECONDS[:RATE] * 0, id="a second of it"),
        pytest.param(SECONDS * 0 + 0.3, id="constant offset"),
        pytest.param(np.rint(NOISE) / 32768, id="rounding"),
        pytest.param(NOISE * 0.1, id="hiss"),
        pytest.param(np.clip(NOISE, -1, 1), id="clipped noise"),
        pytest.param(0.3 * np.sin(2 * np.pi * 50 * SECONDS), id="hum"),
        pytest.param((np.arange(60 * RATE) == 30 * RATE) * 0.9, id="one click"),
        pytest.param(SECONDS[:0], id="nothing"),
    ],
)
def test_where_nobody_speaks_there_is_no_window_and_no_text(samples: np.ndarray, recognizer: Recognizer) -> None:
    samples = samples.astype(np.float32)
    assert split(samples, RATE, LONGEST_S) == []
    transcript = transcribe_samples(samples, recognizer, Timings())
    assert transcript.words == ()
    assert transcript.duration_s == len(samples) / RATE


def test_noise_that_is_not_steady_gives_no_text(recognizer: Recognizer) -> None:
    beats = np.clip(np.sin(2 * np.pi * 3 * SECONDS), 0, 1) ** 2  # of an engine
    samples = (0.05 * NOISE * beats).astype(np.float32) + silence(60)
    assert transcribe_samples(samples, recognizer, Timings()).words == ()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda samples: samples * 0.003, id="50 dB softer"),
        pytest.param(lambda samples: np.clip(samples * 20, -1, 1), id="clipped"),
        pytest.param(lambda samples: samples * 1e30, id="far over full scale"),
        pytest.param(lambda samples: samples * 0.5 + 0.4, id="constant offset"),
        pytest.param(
            lambda samples: samples + 0.05 * np.sin(2 * np.pi * 50 * np.arange(len(samples)) / RATE), id="hum"
        ),
        pytest.param(lambda samples: samples + np.random.default_rng(1).normal(0, 0.02, len(samples)), id="noise"),
    ],
)
def test_speech_is_found_at_any_level_and_in_noise(change, speech: np.ndarray) -> None:
    samples, spans = repeated(speech, 4, 3.0)
    found = split(change(samples).astype(np.float32), RATE, LONGEST_S)
    assert len(found) == len(spans)
    for (start, end), (spoken_from, spoken_to) in zip(found, spans, strict=True):
        # The sample begins and ends with half a second of silence of its own.
        assert spoken_from - 0.1 * RATE < start < spoken_from + 0.5 * RATE
        assert spoken_to + 0.1 * RATE > end > spoken_to - 0.65 * RATE


@pytest.mark.parametrize("level_db", [-50, -60, -66, -70])
def test_very_quiet_recordings_of_16_bits_keep_their_words(
    level_db: float, speech: np.ndarray, recognizer: Recognizer
) -> None:
    samples, _ = repeated(speech, 2, 3.0)
    quiet = samples / np.abs(samples).max() * 10 ** (level_db / 20)
    heard = transcribe_samples((np.rint(quiet * 32768) / 32768).astype(np.float32), recognizer, Timings())
    loud = transcribe_samples(samples, recognizer, Timings())
    assert abs(len(heard.words) - len(loud.words)) <= 4
    said = {word.word for word in loud.words}
    assert len(said & {word.word for word in heard.words}) >= 0.75 * len(said)  # 10 steps of 16 bits are not many


@pytest.mark.parametrize("seconds", [8, 30, 90, 300])
@pytest.mark.parametrize("background", ["digital silence", "room", "hiss", "fan"])
def test_one_word_is_found_however_long_nobody_else_speaks(background: str, seconds: int, speech: np.ndarray) -> None:
    word = speech[round(0.6 * RATE) : round(0.95 * RATE)]  # "train"
    samples = np.zeros(seconds * RATE, np.float32)
    if background != "digital silence":
        noise = np.random.default_rng(2).standard_normal(len(samples))
        if background == "fan":
            noise = np.convolve(noise, np.hanning(9), mode="same")
            noise += 3 * np.sin(2 * np.pi * 120 * np.arange(len(samples)) / RATE)
        samples += (noise * {"room": 3e-4, "hiss": 4e-3, "fan": 3e-3}[background]).astype(np.float32)
    assert split(samples, RATE, LONGEST_S) == []
    at = 7 * len(samples) // 10
    samples[at : at + len(word)] += word
    found = split(samples, RATE, LONGEST_S)
    assert len(found) == 1
    start, end = found[0]
    assert at - RATE < start < at
    assert at + len(word) < end < at + len(word) + RATE


@pytest.mark.parametrize("clicks", [1, 3, 5])
@pytest.mark.parametrize("seconds", [60, 120])
def test_a_few_clicks_are_no_word(clicks: int, seconds: int) -> None:
    rng = np.random.default_rng(clicks)
    samples = silence(seconds)
    burst = np.exp(-np.arange(240) / 60) * 0.1
    for at in rng.choice(np.arange(1, seconds), clicks, replace=False) * RATE:
        samples[at : at + len(burst)] += (rng.standard_normal(len(burst)) * burst).astype(np.float32)
    assert split(samples, RATE, LONGEST_S) == []


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0])
def test_a_short_steady_sound_may_be_a_voice(seconds: float) -> None:
    vowel = np.sin(2 * np.pi * 200 * np.arange(int(seconds * RATE)) / RATE).astype(np.float32) + silence(seconds)
    assert split(vowel, RATE, LONGEST_S) in ([(0, len(vowel))], []) if seconds < 0.1 else [(0, len(vowel))]


def test_no_more_than_the_surroundings_of_a_window_are_held(speech: np.ndarray) -> None:
    decoded = 0

    def blocks():
        nonlocal decoded
        for _ in range(80):  # more than eight minutes
            decoded += len(speech)
            yield speech

    for window in windows(blocks(), RATE, LONGEST_S):
        assert decoded - window.start <= 120 * RATE
    assert decoded == 80 * len(speech)


def test_a_long_recording_repeats_the_words_of_a_short_one(recognizer: Recognizer, speech: np.ndarray) -> None:
    once = transcribe_samples(speech, recognizer, Timings())
    samples, spans = repeated(speech, 30, 1.5)  # four minutes
    together = transcribe_samples(samples, recognizer, Timings())
    assert together.duration_s == len(samples) / RATE
    assert abs(len(together.words) - 30 * len(once.words)) <= 30  # a word of twenty
    starts = [word.start_s for word in together.words]
    assert starts == sorted(starts)
    for start, end in spans:
        heard = [word for word in together.words if start <= word.start_s * RATE < end]
        texts = [word.word for word in heard]
        # The sample begins and ends alike each time, and its words lie where they lie in the sample.
        assert texts[0] == once.words[0].word
        assert heard[0].start_s - start / RATE == pytest.approx(once.words[0].start_s, abs=0.1)
        assert heard[-1].end_s - start / RATE == pytest.approx(once.words[-1].end_s, abs=0.1)


@pytest.mark.parametrize("extra_samples", [0, 1, 159])
@pytest.mark.parametrize("longest_s", [0.5, 3.0, 17.0])
def test_no_window_is_too_long_by_a_sample(extra_samples: int, longest_s: float) -> None:
    rng = np.random.default_rng(0)
    steps = np.repeat(10 ** rng.uniform(-2, 0, 170), RATE // 10)
    samples = (rng.normal(0, 0.2, len(steps) + extra_samples) * np.r_[steps, np.ones(extra_samples)]).astype(np.float32)
    found = split(samples, RATE, longest_s)
    assert found
    assert all(0 < end - start <= longest_s * RATE for start, end in found)


def test_what_is_left_out_is_in_no_window_but_faintly_around_others(speech: np.ndarray) -> None:
    samples = np.concatenate([silence(1), speech, silence(0.2), speech, silence(1)])
    left_out = np.zeros(len(samples) // 160, bool)
    left_out[750:] = True
    found = list(segments.Search(RATE, LONGEST_S).add([samples], True, left_out))
    assert sum(len(window.samples) for window in found) < 1.15 * len(speech)
    assert found[-1].start + len(found[-1].samples) < 8.2 * RATE
    whole = list(segments.Search(RATE, LONGEST_S).add([samples], True, np.zeros(len(left_out), bool)))
    for window, other in zip(found, whole, strict=False):
        if window.start == other.start and len(window.samples) == len(other.samples):
            np.testing.assert_array_equal(window.samples, other.samples)
    last = found[-1]
    first_left_out = 750 * 160 - last.start
    there = samples[last.start :][: len(last.samples)]
    np.testing.assert_array_equal(last.samples[:first_left_out], there[:first_left_out])
    faint = first_left_out + 2_000
    np.testing.assert_allclose(last.samples[faint:], 0.03 * there[faint:], atol=1e-6)


def test_nothing_left_out_changes_nothing(speech: np.ndarray) -> None:
    samples = np.concatenate([silence(1), speech, silence(1)])
    for left_out in (None, np.zeros(0, bool), np.zeros(10_000, bool)):
        found = list(segments.Search(RATE, LONGEST_S).add([samples], True, left_out))
        for window, expected in zip(found, windows([samples], RATE, LONGEST_S), strict=True):
            np.testing.assert_array_equal(window.samples, expected.samples)
    assert not list(segments.Search(RATE, LONGEST_S).add([samples], True, np.ones(10_000, bool)))
