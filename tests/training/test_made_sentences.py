"""Sentences of a grammar: each once, the same for a seed, in words that a model of the language can spell."""

from itertools import islice
from pathlib import Path

import pytest

from hark.errors import HarkError
from training import made_sentences
from training.language_rules import rules_of
from training.made_sentences import FOLDER, read_grammar, sentences
from training.normaliser import normaliser
from training.text import unknown_characters

GRAMMARS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("language", GRAMMARS)
def test_a_grammar_makes_hundreds_of_sentences_without_figures_or_gaps(language: str) -> None:
    made = list(islice(sentences(read_grammar(FOLDER / f"{language}.yaml"), language, 1), 500))
    assert len(set(made)) == 500
    labels = ("", " ", *rules_of(language).letters)
    write = normaliser(language, labels)
    for sentence in made:
        assert not set("<>0123456789") & set(sentence), sentence
        assert sentence.lstrip("¿")[0].isupper(), sentence
        assert not unknown_characters(write(sentence), labels)
    assert made == list(islice(sentences(read_grammar(FOLDER / f"{language}.yaml"), language, 1), 500))
    assert made != list(islice(sentences(read_grammar(FOLDER / f"{language}.yaml"), language, 2), 500))


def test_the_command_leaves_out_what_other_files_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    assert made_sentences.main(["--language", "it", "--output", str(first), "--count", "50"]) == 0
    assert "50 sentences" in capsys.readouterr().out
    more = ["--language", "it", "--output", str(second), "--count", "50", "--except", str(first)]
    assert made_sentences.main(more) == 0
    assert not set(first.read_text("utf-8").splitlines()) & set(second.read_text("utf-8").splitlines())


def test_a_small_grammar_ends(tmp_path: Path) -> None:
    path = tmp_path / "xx.yaml"
    path.write_text("sentence: ['<who> <1-2>', stop]\nwho: [a, b]\n")
    assert set(sentences(read_grammar(path), "it", 1)) == {"A uno", "A due", "B uno", "B due", "Stop"}


def test_words_that_meet_are_joined_as_the_language_does(tmp_path: Path) -> None:
    path = tmp_path / "xx.yaml"
    path.write_text("sentence: ['di il re', 'di ilare', 'udi il', \"di l'oro\"]\njoined: [di il del, di l' dell']\n")
    assert set(sentences(read_grammar(path), "it", 1)) == {"Del re", "Di ilare", "Udi il", "Dell'oro"}
    for language, never in (("it", (" di il ", " di la ", " di l'", " di i ")), ("es", (" de el ", " a el "))):
        for sentence in islice(sentences(read_grammar(FOLDER / f"{language}.yaml"), language, 1), 2400):
            assert not any(each in f" {sentence}" for each in never), sentence


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sentence: ['<who>']", "no alternatives for who"),
        ("who: [a]", "no alternatives for sentence"),
        ("sentence: a", "is no table of lists"),
        ("sentence: [", "cannot be read"),
        ("sentence: [a]\njoined: [de el]", "'de el' in joined: two words, and what they become"),
    ],
)
def test_a_grammar_that_cannot_be_used_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "xx.yaml").write_text(content)
    with pytest.raises(HarkError, match=said):
        read_grammar(tmp_path / "xx.yaml")


def test_a_grammar_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "xx.yaml").write_text("sentence: ['a <sentence>']")
    with pytest.raises(HarkError, match="contains itself"):
        next(sentences(read_grammar(tmp_path / "xx.yaml"), "it", 1))


def test_a_language_without_a_grammar_is_told_which_have_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert made_sentences.main(["--language", "ka", "--output", str(tmp_path / "a")]) == 1
    assert "there are el, es, it" in capsys.readouterr().err
