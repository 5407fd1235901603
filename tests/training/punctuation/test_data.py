"""Pauses and errors are those of the recordings, and passages keep words, marks and pauses together."""

import numpy as np
import pytest

from hark.punctuation import COMMA, FULL_STOP, NOTHING, QUESTION_MARK, ROWS, UNKNOWN_GAP, PunctuationSpec, packed
from tests.training.punctuation import toy
from training.punctuation import errors, pauses
from training.punctuation.data import Conditions, Source, batches, gap_classes
from training.punctuation.errors import misheard
from training.punctuation.heard import Pair, align, read_heard

SPEC = PunctuationSpec("toy", "1", packed(["she", "sees", "then"]), 32, (0.1, 0.3, 1.0))
WORDS = ["she", "sees", "paris"]


def test_words_are_paired_by_the_fewest_edits() -> None:
    assert list(align(["a", "b", "c"], ["a", "x", "c", "d"])) == [
        Pair(0, 0),
        Pair(1, 1),
        Pair(2, 2),
        Pair(None, 3),
    ]
    assert list(align(["a", "b"], ["b"])) == [Pair(0, None), Pair(1, 0)]


def test_what_was_heard_is_read_back(tmp_path) -> None:
    read = read_heard(toy.write_heard(tmp_path / "heard.jsonl"))
    assert [(each.words, each.spans_s, each.reference.marks) for each in read] == [
        (each.words, each.spans_s, each.reference.marks) for each in toy.heard()
    ]


def test_recordings_without_words_or_text_are_left_out(tmp_path) -> None:
    path = tmp_path / "heard.jsonl"
    path.write_text('{"text": "One.", "words": []}\n{"text": "", "words": [["a", 0, 1]]}\n', encoding="utf-8")
    assert read_heard(path) == []


def test_pauses_are_those_that_were_made_after_each_mark() -> None:
    measured = pauses.measured(toy.heard())
    for speaker in measured.speakers:
        assert np.median(speaker[NOTHING]) == pytest.approx(0.05)
        assert np.median(speaker[COMMA]) == pytest.approx(0.2)
        assert np.median(speaker[FULL_STOP]) == pytest.approx(0.5)
    marks = np.array([NOTHING, COMMA, FULL_STOP, QUESTION_MARK] * 500)
    drawn_s = measured.draw(marks, np.random.default_rng(0))
    assert (drawn_s >= 0).all()
    medians = [float(np.median(drawn_s[marks == mark])) for mark in (NOTHING, COMMA, FULL_STOP, QUESTION_MARK)]
    assert medians[0] < medians[1] < medians[2] == pytest.approx(medians[3])


def test_too_few_recordings_give_no_pauses() -> None:
    with pytest.raises(ValueError, match="too few"):
        pauses.measured(toy.heard()[:1])


def test_errors_are_those_that_were_made() -> None:
    measured = errors.measured(toy.heard())
    assert set(measured.likely) == {"god"}
    assert measured.shares == (1.0, 0.0, 0.0)


def test_every_word_is_heard_or_accounted_for() -> None:
    made = errors.Errors({"sees": ["seize"]}, ["these"], ["a"], (0.4, 0.3, 0.3))
    rng = np.random.default_rng(0)
    drawn = [misheard(WORDS, 0.5, made, rng) for _ in range(200)]
    assert all(len(heard) == len(WORDS) for heard in drawn)
    assert {tuple(each) for heard in drawn for each in heard[1:2]} == {("sees",), ("seize",), (), ("sees", "a")}
    assert misheard(WORDS, 0.0, made, rng) == [["she"], ["sees"], ["paris"]]
    assert all(len(each) == 1 for heard in (misheard(WORDS, 1.0, made, rng, True),) for each in heard)


@pytest.mark.parametrize("with_recordings", [False, True])
def test_passages_are_of_one_length_with_labels_of_their_words(with_recordings: bool) -> None:
    recordings = toy.heard()
    source = Source(
        toy.texts(),
        Conditions(words=32, error_rates=(0.0, 0.3)),
        pauses.measured(recordings) if with_recordings else None,
        errors.measured(recordings) if with_recordings else None,
    )
    passages = list(source.passages(np.random.default_rng(0)))
    assert len(passages) > 50
    for passage in passages:
        assert len(passage.words) == len(passage.gaps_s) == len(passage.marks) == len(passage.cases) == 32
        for word, mark, case in zip(passage.words, passage.marks, passage.cases, strict=True):
            assert mark in (COMMA, NOTHING) or word != "runs"
            assert case == 0 or word != "then"
    known = [np.isfinite(passage.gaps_s).any() for passage in passages]
    assert any(known) == with_recordings


def test_short_passages_are_whole_sentences() -> None:
    source = Source(toy.texts(), Conditions(words=32), pauses.measured(toy.heard()))
    for words in (3, 4, 7):
        found = source.short_passages(words, 20, np.random.default_rng(words))
        assert found
        for passage in found:
            assert len(passage.words) == words
            assert passage.marks[-1] in (FULL_STOP, QUESTION_MARK)
            assert passage.cases[0] > 0
            assert np.isnan(passage.gaps_s[-1]) or passage.gaps_s[-1] == np.inf


def test_no_short_passage_where_no_sentences_have_so_many_words() -> None:
    assert Source(toy.texts(), Conditions(words=32)).short_passages(1, 20, np.random.default_rng(0)) == []


def test_batches_hold_rows_of_the_table_and_classes_of_gaps() -> None:
    source = Source(toy.texts(), Conditions(words=32, short_share=0.5), pauses.measured(toy.heard()))
    made = list(batches(source, 8, SPEC, np.random.default_rng(0)))
    assert {batch.rows.shape[1] for batch in made} > {32}
    for batch in made:
        assert batch.rows.shape == (*batch.gaps.shape, ROWS)
        assert batch.marks.shape == batch.cases.shape == batch.gaps.shape
        assert int(batch.rows.min()) >= 0
        assert int(batch.rows.max()) < 1 + 3 + 32
        assert int(batch.gaps.min()) >= 0
        assert int(batch.gaps.max()) <= len(SPEC.gap_edges_s) + 1


def test_gap_classes_are_those_of_the_spec() -> None:
    gaps_s = [np.nan, 0.0, 0.1, 0.29, 0.3, 5.0, np.inf]
    assert gap_classes(np.array(gaps_s), SPEC).tolist() == [
        UNKNOWN_GAP,
        *(SPEC.gap_class(gap_s) for gap_s in gaps_s[1:]),
    ]


def test_names_take_each_others_places_and_nothing_else_does() -> None:
    names = ["anna", "paris", "berta", "madrid"]
    source = Source(toy.texts(), Conditions(words=32, renamed=1.0, error_rates=(0.0,)), names=names)
    known = {word for text in toy.texts() for word in text.words}
    for passage in source.passages(np.random.default_rng(0)):
        for word, case in zip(passage.words, passage.cases, strict=True):
            assert word in known | set(names)
            assert case or word not in names
    assert {"berta", "madrid"} <= {word for each in source.passages(np.random.default_rng(0)) for word in each.words}
