"""Word times and confidences are fitted to what the model does, and are worth what they say on what they never saw."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from export import calibrate
from export.calibrate import Heard, Placed, Respecified, fit_confidence, fit_word_times, hear, place
from export.spoken import speak
from hark import vad
from hark.confidence import logistic
from hark.recognizer import Recognizer
from hark.spec import CONFIDENCE_FEATURES
from tests.conftest import DATA, ROOT, make_spec
from training.manifest import read_manifest
from training.text import normalise

UTTERANCES = read_manifest(DATA / "manifest.jsonl")
TEXTS = [normalise(utterance.text) for utterance in UTTERANCES]
# Longer than those of the test manifest, so that most words stand in the middle of a sentence.
SENTENCES = [
    "the old man walked slowly down the road to the river",
    "she had never seen so many people in one place before",
    "when the rain stopped we went out into the garden again",
    "he said that nothing in the world would make him change his mind",
    "the train to the city leaves at nine in the morning",
    "they looked at each other and did not say a word",
    "in the evening the whole family sat down by the fire",
    "it was a long time before anyone came to the door",
    "the captain gave the order and the ship began to turn",
    "my father told me this story when i was very young",
    "there were three boats in the water and a man in each",
    "after the war he came back to the house where he was born",
    "we could hear the sound of the water far below us",
    "nobody knew where the two brothers had gone that night",
    "the door was open and there was a light in the window",
    "she took the letter from the table and began to read",
    "a small boy came running across the field with his dog",
    "there is nothing more to be done until the morning",
    "the king sent for his men and told them what he wanted",
    "his mother had been a teacher in a little town by the sea",
    "i have often thought of that day and of what you said",
    "the horses were tired and could not go any further",
    "for a long time they sat there without speaking",
    "at last the doctor came out and closed the door behind him",
    "we had bread and cheese and a bottle of good wine",
    "the snow lay deep on the hills and on the roofs of the village",
    "he put the money on the table and counted it again",
    "some of the children were playing under the trees",
    "it is not easy to find a good answer to such a question",
    "the wind had changed and the smoke came down the street",
    "they had built the house with their own hands",
    "the young woman smiled and gave him her hand",
    "every summer the birds return to the same place",
    "the first thing he saw was a great stone wall",
    "all the way home she was thinking about her sister",
    "from the top of the tower you can see the whole valley",
]


def drawn(words: int, weights: dict[str, float], seed: int) -> Heard:
    rng = np.random.default_rng(seed)
    features = np.c_[np.ones(words), rng.normal(0, 1, (words, len(CONFIDENCE_FEATURES) - 1))]
    chances = logistic(features @ np.array([weights.get(name, 0.0) for name in CONFIDENCE_FEATURES]))
    return Heard(features, rng.random(words) < chances, np.arange(words) % 5)


def test_the_fit_finds_the_weights_that_words_were_drawn_with() -> None:
    weights = {"bias": 0.7, "mean_log_prob": 1.5, "space_log_prob": -0.5}
    fitted = fit_confidence(drawn(20000, weights, 0))
    assert fitted == pytest.approx(dict.fromkeys(CONFIDENCE_FEATURES, 0.0) | weights, abs=0.1)


def test_the_fit_stays_finite_where_right_and_wrong_are_apart() -> None:
    heard = drawn(100, {"mean_log_prob": 1.0}, 0)
    apart = dataclasses.replace(heard, right=heard.features[:, 1] > 0)
    assert np.isfinite(list(fit_confidence(apart).values())).all()


def test_spoken_words_are_where_they_are_said_to_be() -> None:
    for spoken in speak(TEXTS, 16000):
        assert len(spoken.words) == len(spoken.spans_s)
        assert (np.diff(spoken.spans_s.ravel()) >= 0).all()
        assert spoken.spans_s[-1, 1] < len(spoken.samples) / 16000
        sound = np.flatnonzero(vad.is_speech(vad.excess_db(vad.levels_db(spoken.samples, 16000)))) * vad.STEP_S
        assert spoken.spans_s[0, 0] == pytest.approx(sound[0], abs=0.1)
        assert spoken.spans_s[-1, 1] == pytest.approx(sound[-1], abs=0.15)


def test_word_times_are_right_to_60_ms_on_texts_they_were_not_fitted_to(recognizer: Recognizer) -> None:
    fitted = fit_word_times(place(recognizer, TEXTS + SENTENCES[::2]))
    moved = Respecified(recognizer, dataclasses.replace(recognizer.spec, **fitted))  # type: ignore[arg-type]
    errors_s = np.abs(place(moved, SENTENCES[1::2]).errors_s)
    assert len(errors_s) > 60  # the median of fewer says little
    assert (np.median(errors_s, axis=0) < 0.06).all()


def test_the_fit_finds_the_lines_that_places_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    gaps_s = rng.uniform(0, 0.25, (2000, 2))
    shifts_s = np.array([-0.03, -0.07]) + np.array([0.5, 1.2]) * gaps_s + rng.laplace(0, 0.02, (2000, 2))
    is_inner = np.stack([np.arange(2000) % 10 > 0, np.arange(2000) % 7 > 0], axis=1)
    shifts_s[~is_inner] += 0.3  # what is beside a silence does not count
    zeros = np.zeros((2000, 2))
    fitted = fit_word_times(Placed(zeros, zeros, shifts_s, gaps_s, is_inner))
    assert fitted["word_start_shift_s"] == pytest.approx(-0.03, abs=0.005)
    assert fitted["word_start_gap_share"] == pytest.approx(0.5, abs=0.05)
    assert fitted["word_end_shift_s"] == pytest.approx(-0.07, abs=0.005)
    assert fitted["word_end_gap_share"] == pytest.approx(1.2, abs=0.05)


def test_a_word_is_right_where_it_stands_in_the_reference(recognizer: Recognizer) -> None:
    heard = hear(recognizer, UTTERANCES)
    assert len(heard.features) == len(heard.right) == len(heard.groups)
    assert 0.3 < heard.right.mean() < 1
    wrong = [dataclasses.replace(utterance, text="xylophone") for utterance in UTTERANCES]
    assert not hear(recognizer, wrong).right.any()


def test_the_command_writes_what_it_fitted_into_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model.onnx"
    shutil.copy(ROOT / "models" / "asr.onnx", model)
    monkeypatch.setattr(calibrate, "_LEAST_WORDS", 5)
    assert calibrate.main([str(model), "--dev", str(DATA / "manifest.jsonl")]) == 0
    spec = Recognizer(model).spec
    assert spec.word_confidence
    assert set(spec.word_confidence) <= set(CONFIDENCE_FEATURES)
    assert -3 < (spec.least_log_prob or 0) <= -calibrate._LESS_SURE
    assert 0 < abs(spec.word_start_shift_s) < 0.2
    assert 0 < abs(spec.word_end_shift_s) < 0.2
    once = capsys.readouterr().out
    assert calibrate.main([str(model), "--dev", str(DATA / "manifest.jsonl")]) == 0
    assert capsys.readouterr().out == once  # what was fitted before does not change the fit
    assert Recognizer(model).spec == spec


def test_what_is_noise_is_well_below_all_that_the_manifest_says(recognizer: Recognizer) -> None:
    heard = hear(recognizer, UTTERANCES)
    assert len(heard.window_log_probs) >= len(UTTERANCES)
    assert calibrate.fit_least_log_prob(heard) == round(heard.window_log_probs.min() - calibrate._LESS_SURE, 2)
    # Recordings in which nothing is said have no say.
    silent = hear(recognizer, [dataclasses.replace(utterance, text="...") for utterance in UTTERANCES])
    assert calibrate.fit_least_log_prob(silent) == -calibrate._LESS_SURE


def test_a_file_that_takes_everything_for_noise_is_mended(
    recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "_LEAST_WORDS", 5)
    deaf = Respecified(recognizer, dataclasses.replace(recognizer.spec, least_log_prob=-1e-9))
    assert len(hear(deaf, UTTERANCES).right) == 0
    assert calibrate.calibrated(deaf, UTTERANCES) == calibrate.calibrated(recognizer, UTTERANCES)


def test_a_model_that_hears_too_little_keeps_what_it_has(recognizer: Recognizer) -> None:
    class Deaf:
        spec = recognizer.spec

        def run(self, log_mels):
            rows = [np.full((len(each) // 4, len(self.spec.labels)), -9.0, np.float32) for each in log_mels]
            for row in rows:
                row[:, self.spec.blank] = 0
            return rows

    assert calibrate.calibrated(Deaf(), UTTERANCES[:3]) == recognizer.spec


class Subwords:
    """Hears the same two words in every window, and spells them with subwords."""

    spec = make_spec(labels=("", " ", "d", "e", "h", "l", "o", "t", " the", " o", "ld"))

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        labels = [0, 8, 0, 9, 10, 0]
        row = np.full((len(labels), len(self.spec.labels)), -9.0, np.float32)
        row[np.arange(len(labels)), labels] = -0.01
        return [row for _ in log_mels]


def test_words_of_subwords_are_compared_without_the_space_that_begins_them() -> None:
    recognised = hear(Subwords(), [dataclasses.replace(UTTERANCES[0], text="The old")])
    assert len(recognised.right) >= 2
    assert recognised.right.sum() == 2
