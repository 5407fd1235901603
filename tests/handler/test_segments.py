"""Long audio is cut at pauses, without gap or overlap."""

import numpy as np
import pytest

from handler.pipeline import Timings, transcribe_samples
from handler.recognizer import Recognizer
from handler.segments import split

RATE = 16000


@pytest.mark.parametrize("seconds", [0.0, 0.01, 5.0, 17.0, 17.01, 40.0, 133.7])
def test_windows_cover_everything_once_and_none_is_too_long(seconds: float) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
    windows = split(samples, RATE, 17.0)
    assert [0, *(end for _, end in windows)][: len(windows)] == [start for start, _ in windows]
    assert (windows[-1][1] if windows else 0) == len(samples)
    assert all(0 < end - start <= 17 * RATE for start, end in windows)


def test_cuts_fall_into_pauses() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 40 * RATE).astype(np.float32)
    for pause_s in (14.0, 26.0):
        samples[int(pause_s * RATE) : int((pause_s + 0.3) * RATE)] = 0
    assert [end / RATE for _, end in split(samples, RATE, 17.0)][:2] == [
        pytest.approx(14.15, abs=0.06),
        pytest.approx(26.15, abs=0.06),
    ]


def test_silence_is_split_too() -> None:
    assert len(split(np.zeros(60 * RATE, np.float32), RATE, 17.0)) >= 4


def test_a_long_recording_repeats_the_words_of_a_short_one(recognizer: Recognizer, speech: np.ndarray) -> None:
    once = transcribe_samples(speech, recognizer, Timings())
    pause = np.zeros(int(0.6 * RATE), np.float32)
    thrice = transcribe_samples(np.concatenate([speech, pause] * 3), recognizer, Timings())
    assert thrice.duration_s == pytest.approx(3 * (once.duration_s + 0.6))
    assert abs(len(thrice.words) - 3 * len(once.words)) <= 3
    assert thrice.words[-1].end_s > 2 * once.duration_s
    starts = [word.start_s for word in thrice.words]
    assert starts == sorted(starts)
