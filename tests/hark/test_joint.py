"""Of the texts that search and attention decoder find, the one that everything together speaks for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pytest

import hark
from hark import ctc, model_files
from hark.attention import AttentionDecoder, Heard, Opinion, Reading
from hark.beam import BeamSearch, Hypothesis
from hark.decoding import Decoders, Decoding
from hark.errors import ConflictingParameters
from hark.joint import Joint
from hark.joint_scores import JointWeights, Parts, Scores
from hark.subwords import Subwords
from hark.word_alternatives import Change
from tests.attention_files import AttentionFiles
from tests.conftest import EVENTS, make_spec

SPEC = make_spec(encoder="0123456789ab")
VOCABULARY = (" ", "'", *"abcdefghijklmnopqrstuvwxyz")
# What is cheap is what each character costs the attention decoder; "!" stands for a text's end.
COST, END = 1.0, 0.5


class StandInSearch:
    """Finds what it was told to, with the scores that it was told."""

    def __init__(self, texts: Mapping[str, float], language: Mapping[str, float] | None = None) -> None:
        self._texts, self._language = texts, language or {}
        self.asked: list[int] = []

    def __call__(self, log_probs: np.ndarray, best: int = 1) -> list[Hypothesis]:
        self.asked.append(best)
        return [Hypothesis(tuple(labels_of(text)), score) for text, score in self._texts.items()][:best]

    def text_score(self, labels: Sequence[int]) -> float:
        return self._language.get("".join(SPEC.labels[label] for label in labels), 0.0)

    def change_scores(
        self, words: Sequence[str], changes: Iterable[Change], log_probs: np.ndarray, language: float
    ) -> dict[Change, float]:
        def score(text: str) -> float:
            labels = labels_of(text)
            return ctc.log_prob(log_probs, labels, SPEC.blank) + language * self.text_score(labels)

        return {each: score(each.of(words)) - score(" ".join(words)) for each in changes}

    def knows(self, word: str) -> bool:
        return True


class StandInAttention:
    """Says of words what it was told to; of others, that each character costs `COST`."""

    def __init__(
        self,
        own: str,
        words: Mapping[str, float] | None = None,
        readable: int = 1000,
        likely: Mapping[str, Sequence[str]] | None = None,
        characters: Sequence[str] = VOCABULARY,
    ) -> None:
        self._own, self._words, self._readable, self._likely = own, words or {}, readable, likely or {}
        self.looked_at: list[list[str]] = []
        numbers = {"starts": 1, "end": len(characters), "positions": 10_000}
        self.spec = type("Spec", (), {"subwords": Subwords(characters, characters), **numbers})()

    def hear(self, features: np.ndarray) -> Heard:
        assert features.ndim == 2
        empty = np.zeros((1, 1, 1, 0, 1), np.float32)
        return Heard(empty, empty, np.array([len(features)]))

    def write(self, heard: Heard, seconds: float, draft: str = "") -> Opinion:
        [opinion] = self.opinions(heard, [self._own])
        assert opinion
        return opinion

    def opinions(self, heard: Heard, texts: Sequence[str]) -> list[Opinion | None]:
        self.looked_at.append(list(texts))
        found: list[Opinion | None] = []
        for text in texts:
            ids = self.spec.subwords.ids(text)
            readable = ids is not None and len(ids) <= self._readable
            found.append(Opinion(tuple(ids or ()), np.array([*self._of_words(text), -END])) if readable else None)
        return found

    def _of_words(self, text: str) -> list[float]:
        log_probs: list[float] = []
        for word in text.split():
            characters = len(word) + 1
            log_probs += [self._words.get(word, -COST * characters) / characters] * characters
        return log_probs

    def read(self, heard: Heard, text: str) -> Reading | None:
        [opinion] = self.opinions(heard, [text])
        nothing = np.zeros((1, 1, 1, 0, 1), np.float32)
        if opinion is None:
            return None
        following = np.zeros((len(opinion.log_probs), self.spec.end + 1), np.float32)
        return Reading(opinion, following, nothing, nothing)

    def instead(self, heard: Heard, reading: Reading, place: int, others: Sequence[Sequence[int]]) -> list[np.ndarray]:
        found = []
        for ids in others:
            text = self.spec.subwords.text(each for each in ids if each != self.spec.end)
            found.append(np.array(self._of_words(text) + [-END] * (ids[-1] == self.spec.end)))
        return found

    def likely(self, reading: Reading, place: int, most: int, within: float) -> list[str]:
        text = self.spec.subwords.text(reading.opinion.ids[place:])
        return list(self._likely.get(text.split()[0], ()))[:most]


def labels_of(text: str) -> list[int]:
    return [SPEC.labels.index(character) for character in text]


def emission(text: str, doubt: float = 0.05, others: Mapping[str, float] | None = None) -> np.ndarray:
    """[frames, labels] log-probabilities of a text, two frames a label with a blank between."""
    shares = []
    for label in labels_of(text):
        for spoken in (label, label, SPEC.blank):
            row = np.full(len(SPEC.labels), doubt / len(SPEC.labels))
            row[spoken] += 1 - doubt
            shares.append(row)
    found = np.array(shares).reshape(-1, len(SPEC.labels))
    for character, share in (others or {}).items():  # as likely at every moment
        found[:, SPEC.labels.index(character)] += share
    return np.log(found / found.sum(axis=1, keepdims=True)).astype(np.float32)


def joint(
    search: StandInSearch,
    attention: StandInAttention,
    weights: JointWeights | None = None,
    hot: Sequence[str] = (),
    alternatives: int = 0,
) -> Joint:
    return Joint(
        cast("BeamSearch", search), cast("AttentionDecoder", attention), weights or JointWeights(), hot, alternatives
    )


def decoded(decoder: Joint, log_probs: np.ndarray) -> str:
    tokens, _ = decoder(log_probs, SPEC, features_for(log_probs))
    return "".join(SPEC.labels[label] for label in tokens.labels)


def features_for(log_probs: np.ndarray) -> np.ndarray:
    return np.zeros((len(log_probs), 4), np.float32)


def test_the_best_is_that_with_the_highest_sum_of_all_scores() -> None:
    heard = emission("the cat sat", 0.4)
    texts = {"the cat sat": 0.0, "the bat sat": -1.0, "a cat sat": -2.0}
    language = {"the cat sat": -3.0, "the bat sat": -0.5, "a cat sat": -1.0}
    words = {"cat": -9.0, "bat": -1.0}
    weights = JointWeights(attention=0.7, language=0.3, word=0.2, candidates=3)
    found = joint(StandInSearch(texts, language), StandInAttention("the bat sat", words), weights).candidates(
        heard, SPEC, features_for(heard)
    )
    attention = StandInAttention("", words)
    for each in found:
        [opinion] = attention.opinions(attention.hear(features_for(heard)), [each.text])
        assert opinion
        frames = ctc.log_prob(heard, labels_of(each.text), SPEC.blank)
        assert each.parts == pytest.approx(
            Parts(frames, language.get(each.text, 0.0), opinion.log_probs.sum(), len(each.text.split()))
        )
        expected = frames + 0.3 * each.parts.language + 0.7 * opinion.log_probs.sum() + 0.2 * each.parts.words
        assert each.score == pytest.approx(expected)
    assert {each.text for each in found} >= set(texts)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@pytest.mark.parametrize(
    ("attention", "expected"),
    [(0.0, "the cat sat"), (2.0, "the bat sat")],
)
def test_the_attention_decoder_decides_where_letters_are_in_doubt(attention: float, expected: str) -> None:
    heard = emission("the cat sat", 0.6)
    decoder = joint(
        StandInSearch({"the cat sat": 0.0}),
        StandInAttention("the bat sat", {"cat": -30.0, "bat": -1.0}),
        JointWeights(attention=attention),
    )
    assert decoded(decoder, heard) == expected


def test_what_both_find_is_the_result_without_another_look() -> None:
    heard = emission("the cat")
    search, attention = StandInSearch({"the cat": 0.0, "the bat": -1.0}), StandInAttention("the cat", {"cat": -2.0})
    found = joint(search, attention).candidates(heard, SPEC, features_for(heard), thorough=False)
    assert [each.text for each in found] == ["the cat"]
    assert found[0].said == pytest.approx((-4 * COST, -2.0))
    assert attention.looked_at == [["the cat"]]


def test_texts_with_one_difference_are_tried_and_put_together() -> None:
    # Neither the search nor the decoder has found what is best: each is right in another place.
    heard = emission("the cat sat on the mat", 0.7)
    words = {"cat": -1.0, "bat": -20.0, "mat": -1.0, "rat": -20.0}
    search = StandInSearch({"the bat sat on the mat": 0.0, "the bat sat on the rat": -1.0})
    decoder = joint(search, StandInAttention("the cat sat on the rat", words))
    assert decoded(decoder, heard) == "the cat sat on the mat"


@pytest.mark.parametrize(
    ("said", "found", "rest"),
    [
        # The search's best text has it wrong, others that are not looked at as they are have it right.
        ("a dog ran home", ["a dog ran hone", "a bog ran hone", "a dog ran home now"], {}),
        # What is missing, and what is too much.
        ("a dog ran home", ["a dog home", "a dog ran home it"], {}),
        ("a dog ran home", ["a dog ran ran home", "a dog ran home home"], {}),
        # No other text has it, but the attention decoder finds it likely.
        ("a dog ran home", ["a bog ran home", "a bog ran hone"], {"bog": ["hog", "dog"]}),
        ("a dog ran home", ["a bog ran hone", "a bog fan hone"], {"bog": ["dog"], "hone": ["bone", "home"]}),
    ],
)
def test_the_best_text_is_put_together_from_what_is_likely_in_each_place(
    said: str, found: list[str], rest: dict[str, list[str]]
) -> None:
    heard = emission(said, 0.5)
    words = dict.fromkeys(["bog", "hone", "fan", "hog", "bone"], -20.0) | dict.fromkeys(said.split(), -1.0)
    search = StandInSearch({text: -float(i) for i, text in enumerate(found)})
    attention = StandInAttention(found[-1], words, likely=rest)
    assert decoded(joint(search, attention, JointWeights(candidates=1)), heard) == said
    # Where nothing is looked for in other texts, nor in the attention decoder, it stays as it was found.
    few = JointWeights(candidates=1, searched=1, variants=1)
    assert decoded(joint(search, StandInAttention(found[0], words), few), heard) == found[0]


def test_no_more_variants_are_read_at_once_than_asked_for() -> None:
    class Counting(StandInAttention):
        most = 0

        def instead(
            self, heard: Heard, reading: Reading, place: int, others: Sequence[Sequence[int]]
        ) -> list[np.ndarray]:
            self.most = max(self.most, len(others))
            return super().instead(heard, reading, place, others)

    heard = emission("bat", 0.9)
    texts = {f"{letter}at": -float(i) for i, letter in enumerate("bcfhmprs")}
    for variants in (1, 3):
        attention = Counting("vat")
        joint(StandInSearch(texts), attention, JointWeights(candidates=1, variants=variants)).candidates(
            heard, SPEC, features_for(heard)
        )
        assert attention.most == variants


def test_changes_have_the_scores_of_the_texts_that_they_make() -> None:
    heard = emission("the cat sat on the mat", 0.8)
    attention = StandInAttention("", {"cat": -2.0, "ahab": -50.0, "mat": -0.5})
    search = StandInSearch({}, {"the ahab sat on the mat": -2.0})
    weights = JointWeights(attention=0.8, language=0.6, word=0.4)
    scores = Scores(
        cast("BeamSearch", search), cast("AttentionDecoder", attention), weights, frozenset(["ahab"]), heard, SPEC,
        attention.hear(features_for(heard)),
    )  # fmt: skip
    words = ["the", "cat", "sat", "on", "the", "mat"]
    changes = [
        Change(1, 2, ("ahab",)), Change(0, 2, ()), Change(6, 6, ("too",)), Change(0, 0, ("all",)),
        Change(5, 6, ()), Change(2, 5, ("is", "a")), Change(0, 6, ("cats",)),
    ]  # fmt: skip
    reading = attention.read(attention.hear(features_for(heard)), " ".join(words))
    assert reading
    found = scores.of_changes(words, reading, scores.known(words, changes))
    [own] = scores.of_texts([" ".join(words)])
    assert set(found) == set(changes)
    for change in changes:
        [changed] = scores.of_texts([change.of(words)])
        assert found[change] == pytest.approx(changed.score - own.score, abs=1e-4)


@pytest.mark.parametrize(
    "own",
    [
        "the cat sat the cat sat the cat sat the cat sat",  # it repeats itself
        "the cat sat and so on and so on and so on and so on and so on",  # it runs away
        "the",  # it ends early
        "",
        "something else entirely",
    ],
)
def test_a_decoder_that_goes_astray_loses(own: str) -> None:
    heard = emission("the cat sat on the mat", 0.3)
    # It believes in its own text without reserve.
    attention = StandInAttention(own, dict.fromkeys(own.split(), -0.01))
    assert decoded(joint(StandInSearch({"the cat sat on the mat": 0.0}), attention), heard) == "the cat sat on the mat"


@pytest.mark.parametrize("own", ["naïve cats", "the 3 cats", "The cat"])
def test_a_text_that_the_recogniser_has_no_labels_for_is_no_candidate(own: str) -> None:
    class Other(StandInAttention):
        def write(self, heard: Heard, seconds: float, draft: str = "") -> Opinion:
            return Opinion(tuple(range(len(own))), np.zeros(len(own) + 1))

    attention = Other("", characters=tuple(dict.fromkeys([*own, *VOCABULARY])))
    attention.spec.subwords.text = lambda ids: own
    heard = emission("the cat")
    assert decoded(joint(StandInSearch({"the cat": 0.0}), attention), heard) == "the cat"


def test_hot_words_are_not_made_unlikely_by_a_decoder_that_never_read_them() -> None:
    heard = emission("call ahab now", 0.5)
    words = {"ahab": -60.0, "a": -0.1, "hub": -0.1}
    texts = {"call ahab now": 0.0, "call a hub now": -8.0}

    def text(hot: Sequence[str], **weights: Any) -> str:
        decoder = joint(StandInSearch(texts), StandInAttention("call a hub now", words), JointWeights(**weights), hot)
        return decoded(decoder, heard)

    assert text(()) == "call a hub now"
    assert text(("ahab",)) == "call ahab now"
    assert text(("captain ahab",)) == "call ahab now"  # a word of a hot phrase is one, too
    assert text(("ahab",), hotword_log_prob=-100.0) == "call a hub now"


def test_a_likely_hot_word_keeps_its_likelihood() -> None:
    heard = emission("call ahab", 0.5)
    attention = StandInAttention("call ahab", {"ahab": -0.5})
    found = joint(StandInSearch({"call ahab": 0.0}), attention, hot=("ahab",)).candidates(
        heard, SPEC, features_for(heard)
    )
    assert found[0].parts.attention == pytest.approx(-5 * COST - 0.5 - END)
    assert found[0].said == pytest.approx((-5 * COST, -0.5))


@pytest.mark.parametrize("wanted", [1, 2, 4])
def test_alternatives_are_ranked_and_distinct(wanted: int) -> None:
    heard = emission("the cat sat", 0.6)
    search = StandInSearch({"the cat sat": 0.0, "the bat sat": -1.0, "a cat sat": -2.0, "cat sat": -3.0, "sat": -9.0})
    decoder = joint(search, StandInAttention("the cat sat"), JointWeights(candidates=2), alternatives=wanted)
    tokens, alternatives = decoder(heard, SPEC, features_for(heard))
    assert search.asked == [JointWeights.searched]
    assert len(alternatives) == wanted
    assert len({each.text for each in alternatives}) == wanted
    assert [each.score for each in alternatives] == sorted((each.score for each in alternatives), reverse=True)
    assert alternatives[0].text == "".join(SPEC.labels[label] for label in tokens.labels)


@pytest.mark.parametrize(("texts", "own"), [({"": 0.0}, ""), ({"": 0.0, "a": -1.0}, "a"), ({"a": 0.0, "": -1.0}, "")])
@pytest.mark.parametrize("frames", [0, 1, 2])
@pytest.mark.parametrize("alternatives", [0, 3])
def test_windows_of_no_frame_or_one_have_a_text(
    texts: dict[str, float], own: str, frames: int, alternatives: int
) -> None:
    heard = emission("a")[:frames]
    if not frames:
        texts = {"": 0.0}
    decoder = joint(StandInSearch(texts), StandInAttention(own), alternatives=alternatives)
    tokens, listed = decoder(heard, SPEC, features_for(heard))
    text = "".join(SPEC.labels[label] for label in tokens.labels)
    assert text in ("", "a")
    assert not alternatives or listed[0].text == text


def test_what_the_decoder_cannot_read_stays_as_the_search_found_it() -> None:
    text = " ".join("abcdefgh" * 3)
    heard = emission(text)

    class WritesNothing(StandInAttention):
        def write(self, heard: Heard, seconds: float, draft: str = "") -> Opinion:
            return Opinion((), np.array([-END]))

    search = StandInSearch({text: -1.0, text[2:]: -2.0})
    decoder = joint(search, WritesNothing("", readable=2), alternatives=2)
    tokens, alternatives = decoder(heard, SPEC, features_for(heard))
    assert "".join(SPEC.labels[label] for label in tokens.labels) == text
    assert tokens.said is None or not len(tokens.said)
    assert [(each.text, each.score) for each in alternatives] == [(text, -1.0), (text[2:], -2.0)]


def test_scores_that_are_no_numbers_leave_what_the_search_found() -> None:
    heard = emission("the cat")

    class Broken(StandInAttention):
        def opinions(self, heard: Heard, texts: Sequence[str]) -> list[Opinion | None]:
            found = super().opinions(heard, texts)
            return [each and Opinion(each.ids, np.full(len(each.log_probs), np.nan)) for each in found]

    decoder = joint(StandInSearch({"the cat": -1.0, "the bat": -2.0}), Broken("the hat"), alternatives=2)
    tokens, alternatives = decoder(heard, SPEC, features_for(heard))
    assert "".join(SPEC.labels[label] for label in tokens.labels) == "the cat"
    assert [(each.text, each.score) for each in alternatives] == [("the cat", -1.0), ("the bat", -2.0)]


@pytest.mark.parametrize(
    "wrong",
    [{"attention": float("nan")}, {"language": float("inf")}, {"candidates": 0}, {"variants": 0}, {"candidates": 1.5},
     {"variants": True}, {"candidates": 10**9}, {"searched": 0}, {"likely": -1}, {"hotword_log_prob": float("-inf")}],
)  # fmt: skip
def test_weights_by_which_nothing_can_be_decoded_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="joint weights"):
        JointWeights(**wrong)


# With the tiny exported pair -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(attention_files: AttentionFiles) -> hark.Model:
    """A library's model with an attention decoder beside it."""
    return hark.Model(attention_files.recognizer)


def test_every_way_to_ask_works_with_real_models(beside: hark.Model) -> None:
    audio = EVENTS / "sample.wav"
    default = beside.transcribe(audio, text_style="spoken")
    assert default.spoken == beside.transcribe(audio, decoder="joint", text_style="spoken").spoken
    assert default.words
    for word in default.words:
        assert 0 <= word.confidence <= 1
        assert word.start <= word.end
    found = beside.transcribe(audio, alternatives=3, hotwords=["Quackenbush"], text_style="spoken")
    texts = [each.text for each in found.alternatives]
    assert len(texts) == len(set(texts)) == 3
    assert texts[0] == found.spoken
    assert [each.text for each in beside.stream(audio, text_style="spoken")] == [each.text for each in default.segments]
    with pytest.raises(ConflictingParameters, match="set decoder to beam"):
        beside.transcribe(audio, decoder="greedy", hotwords=["Quackenbush"])


def test_silence_and_the_shortest_recordings_have_a_transcript(beside: hark.Model) -> None:
    rng = np.random.default_rng(0)
    for samples in (np.zeros(16000), rng.normal(0, 0.1, 400), rng.normal(0, 0.1, 700), rng.normal(0, 0.1, 1)):
        for alternatives in (0, 2):
            found = beside.transcribe(
                samples.astype(np.float32), sample_rate=16000, decoder="joint", alternatives=alternatives
            )
            assert isinstance(found.text, str)


def test_the_decoders_opinion_of_an_exported_pair_is_in_the_score(attention_files: AttentionFiles) -> None:
    recognizer = hark.recognizer.Recognizer(attention_files.recognizer)
    rng = np.random.default_rng(5)
    log_mels = [rng.standard_normal((frames, 80)).astype(np.float32) for frames in (240, 3)]
    log_probs, features = recognizer.run_with_features(log_mels)
    for alone, together in zip(recognizer.run(log_mels), log_probs, strict=True):
        np.testing.assert_array_equal(alone, together)
    decoders = Decoders(attention_files.recognizer, model_files.LANGUAGE_MODEL)
    decoder = decoders.decoder(Decoding("joint"), recognizer.spec)
    assert isinstance(decoder, Joint)
    attention = AttentionDecoder(attention_files.attention)
    for window, encoded in zip(log_probs, features, strict=True):
        assert len(window) == len(encoded)
        best = decoder.candidates(window, recognizer.spec, encoded)[0]
        [opinion] = attention.opinions(attention.hear(encoded), [best.text])
        assert opinion
        # int8 activations are scaled to all texts that are read at once.
        assert best.parts.attention == pytest.approx(
            opinion.log_probs.sum(), abs=0.05 * abs(opinion.log_probs.sum()) + 0.5
        )
