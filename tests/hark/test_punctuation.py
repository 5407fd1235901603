"""The punctuation network: what it is fed, how a long text is cut into windows, and files that are none of its kind."""

import dataclasses
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from hark import model_files
from hark.errors import ModelError
from hark.punctuation import (
    CAPITAL,
    CASES,
    FULL_STOP,
    LOWER,
    MARKS,
    METADATA_KEY,
    NOTHING,
    QUESTION_MARK,
    ROWS,
    UNKNOWN_GAP,
    UNKNOWN_ROW,
    Labels,
    PunctuationSpec,
    Punctuator,
    packed,
)
from tests.conftest import SPOKEN

VOCABULARY = ("the", "a", "whale", "o'clock")
SPEC = PunctuationSpec(
    "test",
    "1",
    packed(VOCABULARY),
    500,
    (0.1, 0.5, 1.0),
    {"mcdonald": "McDonald"},
    {"youtube": "YouTube"},
    measured={"f1": 0.9},
)


@pytest.fixture(scope="module")
def punctuator() -> Punctuator:
    """The model that comes with Hark."""
    return Punctuator(model_files.PUNCTUATION)


def test_a_spec_is_read_as_it_was_written() -> None:
    assert PunctuationSpec.from_json(SPEC.to_json()) == SPEC


@pytest.mark.parametrize(
    "change",
    [
        {"affix_rows": 0},
        {"affix_rows": -1},
        {"gap_edges_s": []},
        {"gap_edges_s": [0.5, 0.5]},
        {"gap_edges_s": [1.0, 0.5]},
        {"gap_edges_s": None},
        {"affix_rows": "many"},
        {"vocabulary": "AAA"},  # no base64
        {"vocabulary": "AAAA"},  # three bytes
        {"vocabulary": "AgAAAAEAAAA="},  # 2, 1
        {"vocabulary": ["the"]},
        {"colour": "red"},
        {"gap_edges_s": ["a", "b"]},
        {"gap_edges_s": [0.1, float("inf")]},
        {"mixed_case": 3},
        {"mixed_case": {"a": 3}},
        {"lexicon": ["YouTube"]},
        {"small": [3]},
        {"small": 3},
        {"language": 3},
    ],
)
def test_a_spec_that_cannot_be_right_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="export it again"):
        PunctuationSpec.from_json(json.dumps({**json.loads(SPEC.to_json()), **change}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"a"', "{}", '{"name": "a"}'])
def test_what_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="no readable spec; export it again"):
        PunctuationSpec.from_json(text)


def test_gaps_have_classes_from_edge_to_edge_and_one_for_unknown_ones() -> None:
    assert SPEC.gap_class(None) == UNKNOWN_GAP == 0
    gaps_s = [-0.1, 0.0, 0.0999, 0.1, 0.4, 0.5, 1.0, float("inf")]
    assert [SPEC.gap_class(gap_s) for gap_s in gaps_s] == [1, 1, 1, 2, 2, 3, 4, 4]


def test_any_word_has_a_row_of_its_own_or_that_of_unknown_ones_and_rows_of_its_parts() -> None:
    unknown = ["'", "the'", "quackenbush", "жук", "日本", "\0", "x" * 10_000]
    rows = SPEC.rows([*VOCABULARY, *unknown])
    assert rows.shape == (len(VOCABULARY) + len(unknown), ROWS)
    assert sorted(rows[: len(VOCABULARY), 0]) == [1, 2, 3, 4]
    assert set(rows[len(VOCABULARY) :, 0]) == {UNKNOWN_ROW}
    assert rows[:, 1:].min() > len(VOCABULARY)
    assert rows.max() < SPEC.table_rows == 1 + len(VOCABULARY) + 500


def test_rows_are_the_same_wherever_they_are_computed() -> None:
    # A trained table stands and falls with them.
    assert SPEC.rows(["whale", "inhale"]).tolist() == [
        [3, 39, 103, 420, 487, 166, 151, 240, 319],
        [0, 238, 103, 206, 487, 370, 151, 498, 319],
    ]
    assert SPEC.rows(["whale"])[0, -1] == SPEC.rows(["inhale"])[0, -1]  # "hale"
    order = sorted(VOCABULARY, key=lambda word: zlib.crc32(word.encode()))
    assert [SPEC.rows([word])[0, 0] for word in order] == [1, 2, 3, 4]
    assert packed(order) == packed([*VOCABULARY, *VOCABULARY])


def test_without_a_vocabulary_words_are_read_by_their_parts() -> None:
    spec = PunctuationSpec("test", "1", packed([]), 500, (0.5,))
    assert spec.rows(["the", "whale"])[:, 0].tolist() == [UNKNOWN_ROW] * 2
    assert spec.table_rows == 501


def test_the_shipped_model_is_small_and_labels_words(punctuator: Punctuator) -> None:
    assert model_files.PUNCTUATION.stat().st_size <= 4_000_000
    words = SPOKEN.split()
    marks, cases = punctuator.run(words, [None] * len(words))
    assert (marks.shape, cases.shape) == ((len(words), len(MARKS)), (len(words), len(CASES)))
    for log_probs in (marks, cases):
        assert np.exp(log_probs).sum(1) == pytest.approx(1, abs=1e-4)
    labels = list(punctuator.labels((word, None if word != "station" else float("inf")) for word in words))
    assert labels[-1].mark in (FULL_STOP, QUESTION_MARK)
    assert labels[1] == Labels(NOTHING, LOWER)  # "train", behind "the"


def test_the_shipped_models_lists_change_no_letter(punctuator: Punctuator) -> None:
    for words in (punctuator.spec.mixed_case, punctuator.spec.lexicon):
        assert all(written.lower() == word != written for word, written in words.items())
    # Common words that are some only by chance.
    assert not {"it", "us", "who", "let", "he", "she", "that", "what"} & set(punctuator.spec.lexicon)


class Windowed(Punctuator):
    """Says of each word what its own number is, and keeps what windows it was asked for."""

    def __init__(self) -> None:
        self.spec = SPEC
        self.windows: list[tuple[str, ...]] = []

    def run(self, words: Sequence[str], gaps_s: Sequence[float | None]) -> list[NDArray[np.float32]]:
        self.windows.append(tuple(words))
        assert [f"{gap_s:.0f}" for gap_s in gaps_s if gap_s is not None] == list(words)
        numbers = np.array([int(word) for word in words])
        return [np.eye(1000, dtype=np.float32)[numbers % 1000], np.eye(997, dtype=np.float32)[numbers % 997]]


@pytest.mark.parametrize("count", [0, 1, 159, 160, 161, 191, 192, 193, 320, 352, 353, 1000, 2345])
def test_windows_cover_each_word_once_with_others_around_it(count: int) -> None:
    network = Windowed()
    parts = list(network.scores((str(i), float(i)) for i in range(count)))
    found = [pair for _, marks, cases in parts for pair in zip(marks.argmax(1), cases.argmax(1), strict=True)]
    assert found == [(i % 1000, i % 997) for i in range(count)]
    assert [word for words, _, _ in parts for word in words] == list(map(str, range(count)))
    assert len(network.windows) == -(-count // network.CORE)
    for number, window in enumerate(network.windows):
        core = number * network.CORE
        first, last = max(core - network.CONTEXT, 0), min(core + network.CORE + network.CONTEXT, count)
        assert window == tuple(map(str, range(first, last)))


class Careless(Punctuator):
    """Writes every word with a capital but the first of a sentence, which ends after "end" and "what"."""

    def __init__(self) -> None:
        self.spec = dataclasses.replace(SPEC, small=("the", "of"))

    def run(self, words: Sequence[str], gaps_s: Sequence[float | None]) -> list[NDArray[np.float32]]:
        ends = np.array(
            [FULL_STOP if word == "end" else QUESTION_MARK if word == "what" else NOTHING for word in words]
        )
        first = np.append(True, ends[:-1] != NOTHING)
        return [np.eye(len(MARKS), dtype=np.float32)[ends], np.eye(len(CASES), dtype=np.float32)[np.where(first, 0, 1)]]


def test_cases_agree_with_marks() -> None:
    words = ["the", "king", "of", "the", "end", "of", "what", "the"]
    labels = list(Careless().labels((word, None) for word in words))
    assert [label.case for label in labels] == [CAPITAL, CAPITAL, LOWER, LOWER, CAPITAL, CAPITAL, CAPITAL, CAPITAL]
    assert [label.mark for label in labels if label.mark] == [FULL_STOP, QUESTION_MARK]


def test_no_more_than_a_window_of_words_is_taken_ahead() -> None:
    network = Windowed()
    words = iter([(str(i), float(i)) for i in range(1000)])
    labels = network.labels(words)
    next(labels)
    assert next(words)[0] == str(network.CORE + network.CONTEXT)


@pytest.mark.parametrize("change", [{"affix_rows": 9000}, {"gap_edges_s": [0.01 * i for i in range(60)]}])
def test_a_spec_of_more_than_its_network_has_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    graph = onnx.load(model_files.PUNCTUATION)
    (entry,) = (each for each in graph.metadata_props if each.key == METADATA_KEY)
    entry.value = json.dumps({**json.loads(entry.value), **change})
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match=r"spec in .*other\.onnx does not fit its network; export"):
        Punctuator(tmp_path / "other.onnx")


def test_files_that_are_missing_or_other_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no punctuation model at .*gone\.onnx; name one that"):
        Punctuator(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match=r"asr\.onnx is no punctuation model; name one that"):
        Punctuator(model_files.RECOGNISER)
    for content in (b"", b"no model", model_files.PUNCTUATION.read_bytes()[:100_000]):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(ModelError, match=r"bad\.onnx"):
            Punctuator(tmp_path / "bad.onnx")
