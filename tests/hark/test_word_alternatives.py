"""What else a word may have been."""

import json
from typing import Any

import pytest

import hark
from hark import cli, model_files, word_alternatives
from hark.errors import ConflictingParameters, InvalidParameter
from hark.word_alternatives import Change, WordAlternative
from local.event import http_event
from tests.conftest import EVENTS, Post, invoke, multipart

SAMPLE = EVENTS / "sample.wav"


@pytest.fixture(scope="module")
def model() -> hark.Model:
    return hark.load()


@pytest.mark.parametrize(
    ("text", "others", "expected"),
    [
        ("a live cat", ["a life cat"], [Change(1, 2, ("life",))]),
        ("it was of ten", ["it was often"], [Change(2, 4, ("often",))]),
        ("it was often", ["it was of ten"], [Change(2, 3, ("of", "ten"))]),
        ("the the cat", ["the cat"], [Change(0, 1, ())]),
        # Each word of several that are others can be chosen alone.
        ("a live cat", ["a life hat"], [Change(1, 2, ("life",)), Change(2, 3, ("hat",))]),
        # No word is there in whose place a missing one would be.
        ("a cat", ["a live cat"], []),
        ("one two three four", ["quite another text"], []),
        ("one two", ["one two"], []),
        ("", ["a cat"], []),
        ("a cat", ["a hat", "a hat", "a bat"], [Change(1, 2, ("hat",)), Change(1, 2, ("bat",))]),
    ],
)
def test_other_texts_are_taken_apart_into_changes(text: str, others: list[str], expected: list[Change]) -> None:
    found = word_alternatives.changes(text.split(), others)
    assert sorted(found) == sorted(expected)
    assert all(change.of(text.split()) != text for change in found)


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("it was of ten", "it was often", ["it was often ten", "it was of often", "it was ten", "it was of"]),
        ("it was often", "it was of ten", ["it was of", "it was ten", "it was of often", "it was often ten"]),
        ("a home now", "a hone", ["a hone now", "a home hone", "a now", "a home"]),
        ("one two", "one too", []),
        ("one two", "one", []),
        ("", "one", []),
    ],
)
def test_a_change_of_some_words_to_more_or_fewer_has_smaller_ones(text: str, other: str, expected: list[str]) -> None:
    words = text.split()
    found = [
        part.of(words)
        for change in word_alternatives.differences(words, other.split())
        for part in word_alternatives.parts(change)
    ]
    assert sorted(set(found) - {text}) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("the cat sat", [Change(0, 1, ("a",)), Change(2, 3, ("ran",))], "a cat ran"),
        # Of those that overlap, the first.
        ("the cat sat", [Change(0, 1, ("a",)), Change(0, 1, ("some",))], "a cat sat"),
        ("the cat sat down", [Change(0, 1, ()), Change(3, 4, ())], "cat sat"),
        ("the cat sat", [Change(1, 1, ("fat",)), Change(3, 3, ("there",))], "the fat cat sat there"),
        ("", [Change(0, 0, ("the", "cat"))], "the cat"),
        ("the cat", [Change(0, 2, ())], ""),
        ("the cat", [], "the cat"),
    ],
)
def test_changes_become_one_text(text: str, changes: list[Change], expected: str) -> None:
    assert word_alternatives.together(text.split(), changes) == expected


def test_the_best_of_each_word_are_listed_with_the_best_first() -> None:
    scores = {
        Change(0, 1, ("oft",)): -3.0,
        Change(0, 2, ("often",)): -1.5,
        Change(1, 2, ("tin",)): -0.25,
        Change(0, 1, ()): -2.0,
    }
    assert word_alternatives.best(["of", "ten", "late"], scores, 2) == (
        (WordAlternative("often", 2, -1.5), WordAlternative("", 1, -2.0)),
        (WordAlternative("tin", 1, -0.25),),
        (),
    )


@pytest.mark.parametrize("decoder", ["joint", "beam"])
def test_words_have_alternatives_and_are_the_same_as_without(model: hark.Model, decoder: str) -> None:
    found = model.transcribe(SAMPLE, decoder=decoder, word_alternatives=3)
    plain = model.transcribe(SAMPLE, decoder=decoder)
    bare = [(word.text, word.start, word.end, word.confidence) for word in plain.words]
    assert [(word.text, word.start, word.end, word.confidence) for word in found.words] == bare
    assert not any(word.alternatives for word in plain.words)
    assert any(word.alternatives for word in found.words)
    for i, word in enumerate(found.words):
        assert len(word.alternatives) <= 3
        scores = [each.score for each in word.alternatives]
        assert scores == sorted(scores, reverse=True)
        for each in word.alternatives:
            assert each.text.split() != [other.word for other in found.words[i : i + each.words]]


def test_a_score_is_the_difference_that_joint_decoding_sees() -> None:
    from hark import audio, features, segments
    from hark.decoding import Decoders, Decoding
    from hark.joint import Joint
    from hark.recognizer import Recognizer

    recognizer = Recognizer(model_files.RECOGNISER)
    spec = recognizer.spec
    decoders = Decoders(model_files.RECOGNISER, model_files.LANGUAGE_MODEL)
    decoder = decoders.decoder(Decoding("joint", word_alternatives=8), spec)
    assert isinstance(decoder, Joint)
    blocks = audio.blocks(SAMPLE.read_bytes(), spec.sample_rate_hz, 60.0, [])
    window = next(segments.windows(blocks, spec.sample_rate_hz, spec.max_window_s))
    [log_probs], [encoded] = recognizer.run_with_features([features.log_mel(window.samples, spec)])
    tokens, _ = decoder(log_probs, spec, encoded)
    by_text = {each.text: each.score for each in decoder.candidates(log_probs, spec, encoded)}
    best, *_ = by_text
    words = best.split()
    assert len(tokens.instead) == len(words)
    compared = 0
    for i, listed in enumerate(tokens.instead):
        for each in listed:
            changed = Change(i, i + each.words, tuple(each.text.split())).of(words)
            if changed in by_text:
                compared += 1
                # The network rounds to 8 bits by what it reads at once: other texts beside it move a score a little,
                # and that of a hopeless text more.
                assert each.score == pytest.approx(by_text[changed] - by_text[best], abs=0.5, rel=0.06)
    assert compared


def test_what_cannot_be_asked_for_is_refused(model: hark.Model) -> None:
    for value in (-1, 9):
        with pytest.raises(InvalidParameter, match="from 1 to 8"):
            model.transcribe(SAMPLE, word_alternatives=value)
    with pytest.raises(ConflictingParameters, match="word_alternatives need a search"):
        model.transcribe(SAMPLE, word_alternatives=1, decoder="greedy")


def test_channels_that_are_kept_apart_have_them(model: hark.Model) -> None:
    assert any(word.alternatives for word in model.transcribe(SAMPLE, channels="separate", word_alternatives=1).words)


def ask(query: str) -> tuple[int, dict[str, Any]]:
    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SAMPLE.read_bytes(), query)
    status, _, body = invoke(event)
    return status, body


def test_harks_own_format_has_them_and_others_refuse(post: Post) -> None:
    status, body = ask("word_alternatives=2")
    listed = [word["alternatives"] for word in body["words"] if "alternatives" in word]
    assert status == 200
    assert listed
    assert all(1 <= len(each) <= 2 and set(each[0]) == {"text", "words", "score"} for each in listed)
    assert not any("alternatives" in word for word in ask("")[1]["words"])
    for query in ("response_format=json", "response_format=verbose_json", "include=logprobs", "stream=true"):
        status, body = ask(f"word_alternatives=2&{query}")
        assert (status, body["error"]["param"]) == (422, "word_alternatives")
    status, _, body = post("/v1/audio/transcriptions", *multipart({"word_alternatives": "2"}, SAMPLE.read_bytes()))
    assert (status, body["error"]["param"]) == (422, "word_alternatives")


def test_the_command_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(SAMPLE), "--words", "--word-alternatives", "1"]) == 0
    assert "  (or " in capsys.readouterr().out
    assert cli.main([str(SAMPLE), "--format", "json", "--word-alternatives", "1"]) == 0
    assert any("alternatives" in word for word in json.loads(capsys.readouterr().out)["words"])
    with pytest.raises(SystemExit):
        cli.main([str(SAMPLE), "--word-alternatives", "1"])
    assert "--word-alternatives goes with" in capsys.readouterr().err
    shown = cli.or_else("of", [("often", 2), ("", 1), ("off", 1)])
    assert shown == "of  (or often for 2 words, (nothing), off)"
