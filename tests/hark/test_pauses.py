"""Readable text of languages without a punctuation model: sentences by pauses, capitals, the marks they have."""

import dataclasses
from pathlib import Path

import pytest

from hark import cues, model_files
from hark.decoding import asked_for
from hark.errors import ModelError
from hark.pauses import SENTENCE_PAUSE_S, Pauses, marks_of
from hark.punctuation import MARKS
from hark.transcript import Segment, Transcript, Word
from hark.written import Writer, Writers, spellings_of
from tests.conftest import make_spec

PAUSE = "|"


def spoken(text: str) -> list[Word]:
    """Words of 0.3 s with 0.1 s between them, and a sentence's pause where there is a PAUSE."""
    made: list[Word] = []
    at_s = 0.0
    for word in text.split():
        if word == PAUSE:
            at_s += SENTENCE_PAUSE_S
        else:
            made.append(Word(word, round(at_s, 3), round(at_s + 0.3, 3), 0.9))
            at_s += 0.4
    return made


def written(text: str, language: str) -> list[Word]:
    return list(Writer(Pauses(language)).words(spoken(text)))


def text_of(words: list[Word]) -> str:
    return " ".join(word.text for word in words)


@pytest.mark.parametrize(
    ("language", "said", "text"),
    [
        ("it", "è così | l'uomo aspetta", "È così. L'uomo aspetta."),
        ("tr", "istanbul ılık | ığdır", "Istanbul ılık. Iğdır.".replace("Ist", "İst")),
        ("ru", "ёж уходит | дом", "Ёж уходит. Дом."),
        ("el", "άγιος | ναι", "Άγιος. Ναι."),
        ("nl", "ijsland is koud | ja", "IJsland is koud. Ja."),
        ("he", "שלום | מה שלומך", "שלום. מה שלומך."),
        ("ar", "مرحبا | كيف حالك", "مرحبا. كيف حالك."),
        ("ur", "سلام | کیا", "سلام\u06d4 کیا\u06d4"),
        ("hi", "नमस्ते दुनिया | हाँ", "नमस्ते दुनिया\u0964 हाँ\u0964"),
        ("hy", "բարեւ | այո", "Բարեւ\u0589 Այո\u0589"),
        ("am", "ሰላም | አዎ", "ሰላም\u1362 አዎ\u1362"),
        ("ka", "გამარჯობა | კი", "გამარჯობა. კი."),
        ("th", "สวัสดี | ครับ", "สวัสดี ครับ"),
        ("pt-BR", "são | ótimo", "São. Ótimo."),
        ("it", "uno due tre quattro cinque", "Uno due tre quattro cinque."),
        ("it", "i v i p", "I v i p."),
        ("de", "one | o'clock", "One. O'clock."),
    ],
)
def test_a_pause_ends_a_sentence_with_the_mark_that_the_language_has(language: str, said: str, text: str) -> None:
    words = written(said, language)
    assert text_of(words) == text
    assert [dataclasses.replace(word, written=None, punctuation="") for word in words] == spoken(said)


def test_shorter_pauses_end_none_and_nothing_is_lost() -> None:
    words = [Word("uno", 0.0, 0.3, 1.0), Word("due", 0.95, 1.2, 1.0), Word("tre", 2.0, 2.2, 1.0)]
    assert text_of(list(Writer(Pauses("it")).words(words))) == "Uno due. Tre."
    assert list(Writer(Pauses("it")).words([])) == []
    assert Writer(Pauses("it")).text("uno due") == "Uno due."


@pytest.mark.parametrize("language", ["en", "it", "ar", "hi", "th", "zh-Hant", "qaa"])
def test_every_language_has_a_mark_for_each_of_the_networks(language: str) -> None:
    assert len(marks_of(language)) == len(MARKS)
    assert marks_of(language)[0] == ""


@pytest.mark.parametrize("mark", ["\u0964", "\u06d4", "\u061f", "\u3002", "\u0589", "\u1362", "."])
def test_subtitles_are_parted_at_the_ends_of_sentences_of_every_script(mark: str) -> None:
    words = [Word("א" * 4, i * 0.5, i * 0.5 + 0.4, 1.0, "א" * 4, mark if i == 5 else "") for i in range(12)]
    transcript = Transcript((Segment(tuple(words), (1,), (-0.1,)),), 6.0)
    assert list(cues.spans(transcript.words)) == [6, 6]


def writers(language: str, path: Path = Path("none")) -> Writers:
    labels = ("", " ", "'", *"abcdefghijklmnopqrstuvwxyzàèéìòù")
    return Writers(path, make_spec(language=language, labels=labels))


def test_without_a_network_other_languages_are_written_and_english_stays_as_it_was_spoken() -> None:
    for style in ("", "written"):
        made = writers("it").writer(asked_for(text_style=style))
        assert made is not None
        assert made.text("è così") == "È così."
    assert writers("it").writer(asked_for(text_style="spoken")) is None
    assert writers("en").writer(asked_for()) is None


def test_a_caller_s_words_keep_their_spelling() -> None:
    made = writers("it").writer(asked_for(hot=["Forlì", "d'Artagnan"], letters=writers("it")._letters))
    assert made is not None
    assert made.text("vado a forlì con d'artagnan") == "Vado a Forlì con d'Artagnan."
    assert spellings_of(["Forlì"], writers("it")._letters) == {("forlì",): "Forlì"}


def test_a_network_of_another_language_is_refused() -> None:
    with pytest.raises(ModelError, match="is for English, and the recogniser writes Italian"):
        writers("it", model_files.PUNCTUATION).load()
    Writers(model_files.PUNCTUATION, make_spec(language="en-GB")).load()
