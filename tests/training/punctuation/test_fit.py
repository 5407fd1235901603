"""The network learns a tiny language, goes on where it was stopped, and is measured."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hark.errors import HarkError
from hark.punctuation import COMMA, NOTHING, PunctuationSpec
from tests.training.punctuation import toy
from training.punctuation import books, evaluate, fit
from training.punctuation.checkpoint import load_checkpoint
from training.punctuation.scores import Score, scores

OPTIONS = [
    *("--words", "24", "--batch", "8", "--vocabulary", "50", "--affix-rows", "128", "--embedding", "16"),
    *("--rnn-size", "24", "--gap-embedding", "4", "--max-lr", "0.02", "--threads", "1", "--longest-short", "8"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for name, seed in (("train", 1), ("dev", 2)):
        (folder / f"{name}.txt").write_text("\n".join(toy.text(300, seed)), encoding="utf-8")
    toy.write_heard(folder / "heard.jsonl")
    return folder


def command(files: Path, output: Path, epochs: int, *more: str) -> int:
    texts = ["--text", str(files / "train.txt"), "--dev", str(files / "dev.txt")]
    recordings = ["--heard", str(files / "heard.jsonl"), "--output", str(output), "--epochs", str(epochs)]
    return fit.main([*texts, *recordings, *OPTIONS, *more])


@pytest.fixture(scope="module")
def trained(files: Path, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("run")
    assert command(files, output, 12) == 0
    return output


def test_a_tiny_language_is_learnt(files: Path, trained: Path) -> None:
    network, spec = load_checkpoint(trained / "best.ckpt")
    assert not network.training
    measured = fit.measure(network, _dev_batches(files, spec))
    assert measured["sentence end"].f1 > 0.9
    assert measured["capital"].f1 > 0.9
    assert measured["comma"].f1 > 0.7


def _dev_batches(files: Path, spec: PunctuationSpec):
    source = fit.Source(fit.read_texts([files / "dev.txt"]), fit.Conditions(words=24, short_share=0.0))
    return list(fit.batches(source, 8, spec, np.random.default_rng(0)))


def test_an_interrupted_run_goes_on_from_its_last_epoch(files: Path, trained: Path, capsys) -> None:
    assert command(files, trained, 12) == 0
    assert "epoch" not in capsys.readouterr().out
    assert torch.load(trained / "last.ckpt", weights_only=True)["epoch"] == 12


def test_another_run_goes_on_from_weights_of_the_same_texts(files: Path, trained: Path, tmp_path: Path) -> None:
    assert command(files, tmp_path / "on", 1, "--init-from", str(trained / "best.ckpt"), "--max-lr", "0.0001") == 0
    network, spec = load_checkpoint(tmp_path / "on" / "best.ckpt")
    assert fit.measure(network, _dev_batches(files, spec))["sentence end"].f1 > 0.9


def test_weights_of_other_texts_are_refused(files: Path, trained: Path, tmp_path: Path, capsys) -> None:
    assert command(files, tmp_path / "on", 1, "--init-from", str(trained / "best.ckpt"), "--vocabulary", "9") == 1
    assert "has another vocabulary" in capsys.readouterr().err


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(b"nothing")
    for path in (tmp_path / "x.ckpt", tmp_path / "missing.ckpt"):
        with pytest.raises(HarkError, match=r"no checkpoint of a punctuation model"):
            load_checkpoint(path)


def test_scores_count_what_is_found_and_what_is_there() -> None:
    marks, truth = np.array([1, 0, 2, 3]), np.array([1, 1, 2, 2])
    cases = np.array([1, 0, 0, 2])
    found = scores(marks, cases, truth, cases)
    assert found["comma"] == Score(1, 1, 2)
    assert found["sentence end"] == Score(2, 2, 2)
    assert found["question mark"] == Score(0, 1, 0)
    assert found["capital"].f1 == 1
    assert (found["comma"].precision, found["comma"].recall) == (1, 0.5)
    assert Score(0, 0, 0).f1 == Score(0, 0, 0).precision == Score(0, 0, 0).recall == 0


def test_rules_to_compare_with() -> None:
    words = [("a", 0.05), ("b", 0.7), ("c", None)]
    marks, cases = evaluate.of_pauses(words)
    assert (marks.tolist(), cases.tolist()) == ([0, 2, 0], [1, 0, 1])
    assert not np.any(evaluate.of_nothing(words))


def test_what_was_heard_is_scored_against_the_text_it_aligns_with() -> None:
    utterances = toy.heard()

    def perfect(words):
        reference = next(each.reference for each in utterances if each.words == [word for word, _ in words])
        return np.array(reference.marks), np.array(reference.cases)

    assert evaluate.mean_f1(evaluate.on_heard(perfect, utterances)) == 1.0
    assert evaluate.mean_f1(evaluate.on_texts(evaluate.of_nothing, toy.texts(1), None)) == 0.0


def test_a_mark_after_a_word_that_was_not_heard_is_missed() -> None:
    utterance = toy.heard()[0]
    comma = utterance.reference.marks.index(COMMA)
    kept = [i for i in range(len(utterance.words)) if i != comma]
    shorter = evaluate.HeardUtterance(
        utterance.speaker,
        utterance.reference,
        [utterance.words[i] for i in kept],
        [utterance.spans_s[i] for i in kept],
    )

    def perfect(words):
        return np.array(utterance.reference.marks)[kept], np.array(utterance.reference.cases)[kept]

    measured = evaluate.on_heard(perfect, [shorter])["comma"]
    assert measured.found == measured.right == measured.there - 1


def test_tables_have_a_row_for_each_restorer() -> None:
    rows = {"one": {"comma": Score(1, 2, 4)}, "two": {"comma": Score(0, 0, 4)}}
    assert evaluate.table(rows).splitlines() == [
        "| | comma |",
        "|---|---|",
        "| one | 0.333 (0.50 / 0.25) |",
        "| two | 0.000 (0.00 / 0.00) |",
    ]


def test_books_are_held_out_whole() -> None:
    books_of = {"b": books.Book("It began", "It ended")}
    lines = ["Before.", "It began so.", "It went on.", "It ended there.", "After."]
    assert books.split(lines, books_of) == {"1": ["Before."], "b": lines[1:4], "2": ["After."]}


@pytest.mark.parametrize("lines", [["Before."], ["It began so.", "It went on."]])
def test_books_that_are_not_whole_are_named(lines: list[str]) -> None:
    with pytest.raises(HarkError, match="b"):
        books.split(lines, {"b": books.Book("It began", "It ended")})


def test_a_sentence_goes_on_without_a_mark_in_most_places() -> None:
    marks = toy.texts(1)[0].marks
    assert marks.count(NOTHING) > len(marks) / 2
