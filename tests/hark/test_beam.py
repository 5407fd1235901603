"""The beam search against brute force over all paths, against a library, and with models made for the purpose."""

import dataclasses
import itertools
from pathlib import Path

import fast_ctc_decode
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hark import ctc
from hark.beam import BeamSearch, Weights
from hark.language_model import LanguageModel
from training import language_model

LABELS = ("", " ", "'", *"abcdefghijklmnopqrstuvwxyz")
# Of these tests, whatever the defaults are tuned to.
WEIGHTS = Weights(alpha=0.5, beta=1.0, hotword_letter=1.5)
# Everything is kept, so that nothing but the search itself decides.
EVERYTHING = Weights(alpha=0.0, beta=0.0, beam=100_000, beam_width=1e9, label_width=1e9)
TEXT = ["the cat sat on the mat"] * 20 + ["the dog sat on the cat", "a cat and a dog"] * 5


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    path = tmp_path_factory.mktemp("lm") / "lm.bin"
    language_model.make(TEXT, path, 2_000_000, 1, {})
    return LanguageModel(path)


def emission(*frames: dict[str, float]) -> np.ndarray:
    """Log-probabilities in which each frame's characters ("" is the blank) have the given shares."""
    rows = np.full((len(frames), len(LABELS)), 1e-6)
    for row, frame in zip(rows, frames, strict=True):
        for character, share in frame.items():
            row[LABELS.index(character)] = share
    return np.log(rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


def spell(text: str, doubts: dict[int, dict[str, float]] | None = None) -> np.ndarray:
    """A clear emission of a text, a frame and a blank a letter, but for the letters that are in doubt."""
    frames: list[dict[str, float]] = []
    for at, character in enumerate(text):
        frames += [(doubts or {}).get(at, {character: 0.98, "": 0.02}), {"": 1.0}]
    return emission(*frames)


def text_of(labels: tuple[int, ...]) -> str:
    return "".join(LABELS[label] for label in labels)


def brute_force(log_probs: np.ndarray, blank: int) -> dict[tuple[int, ...], float]:
    """Adds up the probabilities of all paths, by what they spell."""
    scores: dict[tuple[int, ...], float] = {}
    frames, labels = log_probs.shape
    for path in itertools.product(range(labels), repeat=frames):
        merged = [label for at, label in enumerate(path) if at == 0 or label != path[at - 1]]
        spelt = tuple(label for label in merged if label != blank)
        score = sum(float(log_probs[frame, label]) for frame, label in enumerate(path))
        scores[spelt] = float(np.logaddexp(scores.get(spelt, -np.inf), score))
    return scores


@settings(max_examples=60, deadline=None)
@given(frames=st.integers(0, 5), labels=st.integers(2, 4), blank=st.integers(0, 3), seed=st.integers(0, 2**32 - 1))
def test_a_beam_that_keeps_everything_finds_what_brute_force_finds(
    frames: int, labels: int, blank: int, seed: int
) -> None:
    blank = min(blank, labels - 1)
    log_probs = np.log(np.random.default_rng(seed).dirichlet(np.ones(labels), frames)).reshape(frames, labels)
    names = [*"abcd"[:labels]]
    names[blank] = ""
    found = {each.labels: each.score for each in BeamSearch(names, blank, EVERYTHING)(log_probs, 10**6)}
    expected = brute_force(log_probs, blank)
    assert found.keys() == expected.keys()
    for spelt, score in expected.items():
        assert found[spelt] == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_without_a_language_model_it_finds_what_a_library_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    log_probs = np.log(rng.dirichlet(np.full(5, 0.5), 30)).astype(np.float32)
    (best,) = BeamSearch(("", *"abcd"), 0, Weights(0.0, 0.0, beam=64, beam_width=1e9, label_width=1e9))(log_probs)
    theirs, _ = fast_ctc_decode.beam_search(np.exp(log_probs), "-abcd", beam_size=64, beam_cut_threshold=0.0)
    assert "".join("-abcd"[label] for label in best.labels) == theirs


def test_narrow_widths_lose_nothing_where_one_label_is_nearly_certain() -> None:
    log_probs = spell("the cat  sat", {4: {"c": 0.6, "k": 0.4}})
    (wide,), (narrow,) = (
        BeamSearch(LABELS, 0, weights)(log_probs)
        for weights in (Weights(0.0, 0.0, beam=200, beam_width=40, label_width=40), Weights(0.0, 0.0, beam=10))
    )
    assert narrow.labels == wide.labels
    assert narrow.score == pytest.approx(wide.score, abs=0.01)


def test_no_frames_give_the_empty_text(small_model: LanguageModel) -> None:
    for model in (None, small_model):
        (best,) = BeamSearch(LABELS, 0, WEIGHTS, model, ["cat"])(np.zeros((0, len(LABELS)), np.float32), 5)
        assert best.labels == ()


def test_one_frame_gives_one_letter_or_none() -> None:
    assert text_of(BeamSearch(LABELS, 0, WEIGHTS)(emission({"a": 0.7, "": 0.3}))[0].labels) == "a"
    assert text_of(BeamSearch(LABELS, 0, WEIGHTS)(emission({"a": 0.3, "": 0.7}))[0].labels) == ""


def test_the_language_model_decides_where_letters_are_in_doubt(small_model: LanguageModel) -> None:
    log_probs = spell("the kat", {4: {"k": 0.7, "c": 0.3}})
    assert text_of(BeamSearch(LABELS, 0, WEIGHTS)(log_probs)[0].labels) == "the kat"
    assert text_of(BeamSearch(LABELS, 0, WEIGHTS, small_model)(log_probs)[0].labels) == "the cat"


def test_words_before_decide_between_words(small_model: LanguageModel) -> None:
    for before, expected in (("on the", "mat"), ("a", "cat")):
        doubt = {len(before) + 1: {"m": 0.5, "c": 0.5}}
        found = BeamSearch(LABELS, 0, Weights(alpha=1.0, beta=1.0), small_model)(spell(f"{before} mat", doubt))
        assert text_of(found[0].labels) == f"{before} {expected}"


def test_a_language_model_can_forbid_words_it_does_not_know(small_model: LanguageModel) -> None:
    # However sure the acoustic model is of "zat", another word is nearer to what may be said.
    log_probs = spell("the zat", {4: {"z": 0.999, "c": 0.001}})
    allowing = Weights(alpha=0.5, beta=1.0, unknown_log_prob=0.0)
    assert text_of(BeamSearch(LABELS, 0, allowing, small_model)(log_probs)[0].labels) == "the zat"
    forbidding = Weights(alpha=0.5, beta=1.0, unknown_log_prob=-1000.0, label_width=20, beam_width=30)
    assert text_of(BeamSearch(LABELS, 0, forbidding, small_model)(log_probs)[0].labels) == "the cat"


def test_a_word_bonus_makes_more_words(small_model: LanguageModel) -> None:
    log_probs = spell("a cat", {1: {" ": 0.4, "": 0.6}})
    few, many = (
        BeamSearch(LABELS, 0, Weights(alpha=0.0, beta=beta), small_model)(log_probs)[0].labels for beta in (-5.0, 5.0)
    )
    assert (text_of(few), text_of(many)) == ("acat", "a cat")


def test_a_hot_word_is_heard_where_it_is_nearly_as_likely(small_model: LanguageModel) -> None:
    doubts = {4: {"q": 0.2, "k": 0.8}, 6: {"r": 0.3, "l": 0.7}}
    log_probs = spell("the kyle", doubts)
    for model in (None, small_model):
        plain, hot = (BeamSearch(LABELS, 0, WEIGHTS, model, words)(log_probs)[0].labels for words in ([], ["qyre"]))
        assert (text_of(plain), text_of(hot)) == ("the kyle", "the qyre")


def test_a_hot_word_earns_nothing_within_other_words() -> None:
    log_probs = spell("the start")
    plain, hot = (BeamSearch(LABELS, 0, WEIGHTS, None, words)(log_probs)[0] for words in ([], ["art", "tar", "he"]))
    assert hot.labels == plain.labels
    assert hot.score == pytest.approx(plain.score)


def test_a_finished_hot_word_earns_its_letters() -> None:
    log_probs = spell("art and art")
    plain, hot = (BeamSearch(LABELS, 0, Weights(hotword_letter=2.0), None, words)(log_probs) for words in ([], ["art"]))
    assert hot[0].score == pytest.approx(plain[0].score + 2 * 3 * 2.0)


def test_to_the_language_model_a_hot_word_is_one_of_its_vocabulary(small_model: LanguageModel) -> None:
    log_probs = spell("the cat zuq", {8: {"z": 0.9, "c": 0.1}, 9: {"u": 0.9, "a": 0.1}, 10: {"q": 0.9, "t": 0.1}})
    weights = Weights(alpha=1.0, beta=0.0, unknown_log_prob=-8.0, hotword_log_prob=-5.0, hotword_letter=0.0)
    plain, hot, other = (
        BeamSearch(LABELS, 0, weights, small_model, words)(log_probs)[0] for words in ([], ["zuq"], ["zuqs"])
    )
    assert (text_of(plain.labels), text_of(hot.labels)) == ("the cat cat", "the cat zuq")
    assert other == plain  # what was earned on the way is taken back


def test_words_of_a_hot_phrase_are_known_too(small_model: LanguageModel) -> None:
    log_probs = spell("zuq vix")
    weights = Weights(alpha=1.0, beta=0.0, hotword_log_prob=-5.0, hotword_letter=0.0)
    without = BeamSearch(LABELS, 0, Weights(alpha=0.0, beta=0.0))(log_probs)[0]
    hot = BeamSearch(LABELS, 0, weights, small_model, ["zuq vix"])(log_probs)[0]
    assert text_of(hot.labels) == "zuq vix"
    assert hot.score == pytest.approx(without.score - 2 * 5.0, abs=1e-3)


def test_the_best_texts_are_sorted_and_distinct(small_model: LanguageModel) -> None:
    doubts = {4: {"c": 0.4, "m": 0.35, "b": 0.25}, 3: {" ": 0.9, "": 0.1}, 7: {" ": 0.5, "": 0.5}}
    for model in (None, small_model):
        found = BeamSearch(LABELS, 0, WEIGHTS, model)(spell("the cat ", doubts), 6)
        texts = [" ".join(text_of(each.labels).split()) for each in found]
        assert len(found) == 6
        assert len(set(texts)) == 6
        scores = [each.score for each in found]
        assert scores == sorted(scores, reverse=True)


def test_one_text_more_changes_none_before(small_model: LanguageModel) -> None:
    log_probs = spell("the cat", {4: {"c": 0.4, "m": 0.35, "b": 0.25}})
    search = BeamSearch(LABELS, 0, WEIGHTS, small_model)
    assert search(log_probs, 2) == search(log_probs, 3)[:2]


def test_a_wider_beam_is_never_worse(small_model: LanguageModel) -> None:
    rng = np.random.default_rng(3)
    log_probs = np.log(rng.dirichlet(np.full(len(LABELS), 0.1), 40) + 1e-9).astype(np.float32)
    wide = Weights(alpha=0.5, beta=1.0, beam_width=60, label_width=12)
    searches = [BeamSearch(LABELS, 0, dataclasses.replace(wide, beam=beam), small_model) for beam in (1, 8, 64)]
    scores = [search(log_probs)[0].score for search in searches]
    assert scores == sorted(scores)


def test_a_model_without_a_space_is_searched_too(small_model: LanguageModel) -> None:
    labels = ("", "c", "a", "t")
    log_probs = np.log(np.array([[0.1, 0.8, 0.05, 0.05], [0.1, 0.05, 0.8, 0.05], [0.1, 0.05, 0.05, 0.8]], np.float32))
    (best,) = BeamSearch(labels, 0, WEIGHTS, small_model, ["cat"])(log_probs)
    assert best.labels == (1, 2, 3)


@pytest.mark.parametrize("seed", range(5))
def test_aligned_what_greedy_found_is_where_greedy_found_it(seed: int) -> None:
    log_probs = np.log(np.random.default_rng(seed).dirichlet(np.full(4, 0.3), 50)).astype(np.float32)
    greedy = ctc.greedy(log_probs, 3)
    aligned = ctc.align(log_probs, greedy.labels.tolist(), 3)
    np.testing.assert_array_equal(aligned.labels, greedy.labels)
    np.testing.assert_array_equal(aligned.starts, greedy.starts)
    np.testing.assert_array_equal(aligned.ends, greedy.ends)
    np.testing.assert_allclose(aligned.confidences, greedy.confidences, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), text=st.lists(st.integers(1, 2), max_size=3))
def test_an_alignment_is_the_likeliest_path_that_spells_the_text(seed: int, text: list[int]) -> None:
    frames = 5
    log_probs = np.log(np.random.default_rng(seed).dirichlet(np.ones(3), frames))
    best = -np.inf
    for path in itertools.product(range(3), repeat=frames):
        merged = [label for at, label in enumerate(path) if at == 0 or label != path[at - 1]]
        if [label for label in merged if label] == text:
            best = max(best, sum(log_probs[frame, label] for frame, label in enumerate(path)))
    tokens = ctc.align(log_probs, text, 0)
    aligned = np.zeros(frames, int)
    for label, start, end in zip(tokens.labels, tokens.starts, tokens.ends, strict=True):
        assert start < end
        assert not aligned[start:end].any()
        aligned[start:end] = label
    assert log_probs[np.arange(frames), aligned].sum() == pytest.approx(best) or not text


def test_what_does_not_fit_into_the_frames_is_refused() -> None:
    log_probs = np.log(np.full((2, 3), 1 / 3))
    with pytest.raises(ValueError, match="2 frames cannot spell 2 tokens"):
        ctc.align(log_probs, [1, 1], 0)  # they need a blank between


def test_a_language_model_that_is_asked_for_lies_where_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "lm.bin"
    size = language_model.make(TEXT, path, 2_000_000, 1, {"text": "made up"})
    assert path.stat().st_size == size
    assert LanguageModel(path).about["text"] == "made up"
