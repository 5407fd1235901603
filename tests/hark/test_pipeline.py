"""What the network is not sure of is taken for noise, where the spec says so."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from hark import pipeline
from hark.beam import BeamSearch, Weights
from hark.decoding import GREEDY, Beam
from hark.pipeline import Timings, emissions, transcribe_samples
from tests.conftest import make_spec

RATE = 16000
LABELS = make_spec().labels


class Spelling:
    """Hears one word after the other, a letter every other frame, and is as sure of each as it is told to be."""

    def __init__(self, words: dict[str, float], least_log_prob: float | None) -> None:
        self.spec = make_spec(least_log_prob=least_log_prob)
        self._words = list(words.items())

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """As a recogniser does."""
        assert len(log_mels) == len(self._words)
        found = []
        for log_mel, (word, probability) in zip(log_mels, self._words, strict=True):
            shares = np.full((len(log_mel) // 4, len(LABELS)), 1e-6)
            shares[:, 0] = 1
            for i, letter in enumerate(word):
                shares[2 * i + 1] = (1 - probability) / (len(LABELS) - 1)
                shares[2 * i + 1, LABELS.index(letter)] = probability
            found.append(np.log(shares / shares.sum(axis=1, keepdims=True)).astype(np.float32))
        return found


@pytest.fixture
def three_windows() -> np.ndarray:
    """[samples] with three sounds far apart."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 1e-4, 12 * RATE).astype(np.float32)
    for second in (1, 5, 9):
        samples[second * RATE : (second + 1) * RATE] += rng.normal(0, 0.1, RATE).astype(np.float32)
    return samples


def test_windows_the_network_is_not_sure_of_give_no_text(three_windows: np.ndarray) -> None:
    heard = {"one": 0.9, "two": 0.3, "three": 0.6}
    assert transcribe_samples(three_windows, Spelling(heard, None), Timings()).text == "one two three"
    transcript = transcribe_samples(three_windows, Spelling(heard, np.log(0.5)), Timings())
    assert transcript.text == "one three"
    assert transcript.duration_s == 12
    assert 9 < transcript.words[1].start_s < 10


@pytest.mark.parametrize("alternatives", [0, 3])
def test_noise_alone_is_as_silence(three_windows: np.ndarray, alternatives: int) -> None:
    network = Spelling({"one": 0.3, "two": 0.3, "three": 0.3}, np.log(0.5))
    for decoder in (GREEDY, Beam(BeamSearch(LABELS, 0, Weights(), None), alternatives)):
        found = transcribe_samples(three_windows, network, Timings(), decoder)
        assert found == transcribe_samples(three_windows * 0, Spelling({}, None), Timings(), decoder)
        assert found.text == ""


def test_emissions_are_of_all_windows_noise_among_them(three_windows: np.ndarray) -> None:
    network = Spelling({"one": 0.9, "two": 0.3, "three": 0.6}, np.log(0.5))
    assert len(emissions(three_windows, network)) == 3
    assert len(pipeline.recognize([three_windows], network, Timings())[0]) == 2
