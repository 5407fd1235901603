"""From log-probabilities to subtitles in other alphabets: by letters and by subwords, in C and in NumPy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hark import alphabet, compiled, ctc, formats, hotwords, subtitles
from hark.beam import BeamSearch, Hypothesis, Weights
from hark.decoding import Beam
from hark.language_model import LETTERS, LanguageModel
from hark.spec import CONFIDENCE_FEATURES, ModelSpec
from hark.transcript import DecodedWindow, Transcript, build
from tests.conftest import make_spec
from training import language_model

TEXTS = {
    "he": ["הרכבת לחוף יוצאת בתשע בבוקר", "האיש הזקן יחכה לך בתחנה", "הרכבת יוצאת בבוקר"],
    "ar": ["القطار إلى الساحل يغادر في التاسعة صباحا", "سينتظرك الرجل العجوز في المحطة"],
    "ru": ["поезд к морю уходит в девять утра", "старик будет ждать тебя на вокзале", "ёж уходит утром"],
    "tr": ["ılık ışık ığdırda yağmur iyi", "istanbul ılık bir ilkbahar"],
    "hi": ["नमस्ते दुनिया यह रेलगाड़ी है", "बूढ़ा आदमी स्टेशन पर मिलेगा"],
    "ko": ["기차는 아침 아홉 시에 떠난다", "노인은 역에서 너를 기다릴 것이다"],
    "it": ["il treno per la costa parte alle nove", "l'uomo anziano ti aspetterà alla stazione", "è così"],
}
# Some hundreds of labels, as a language of syllables has; only some of them come up.
SYLLABLES = tuple(map(chr, range(0xAC00, 0xAC00 + 400)))
built = pytest.mark.skipif(compiled.library() is None, reason="not compiled: `make hark/native/libhark.so`")


def letters_of(language: str) -> tuple[str, ...]:
    return ("", " ", *sorted(set("".join(TEXTS[language])) - {" "}))


LABELS: dict[str, tuple[str, ...]] = {
    **dict(zip(TEXTS, map(letters_of, TEXTS), strict=True)),
    "ko": tuple(dict.fromkeys((*letters_of("ko"), *SYLLABLES))),
    "it-subwords": (*letters_of("it"), " il", " l'", "uomo", " tre", "no", " a", "lle", "sta", "zione", " per", "arte"),
    "it-subwords-without-space": (
        *(label for label in letters_of("it") if label != " "),
        *(f" {letter}" for letter in sorted(set("".join(TEXTS["it"])) - {" ", "'"})),
        *(" il", " l'", "uomo", " tre", "no", "lle", "sta", "zione", " per"),
    ),
}


def language_of(name: str) -> str:
    return name.partition("-")[0]


def spec_of(name: str) -> ModelSpec:
    confidence = dict.fromkeys(CONFIDENCE_FEATURES, 0.1)
    return make_spec(labels=LABELS[name], language=language_of(name), word_confidence=confidence)


Models = Callable[[str], LanguageModel]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A language model of each language's texts."""
    folder = tmp_path_factory.mktemp("lm")

    def made(name: str) -> LanguageModel:
        language = language_of(name)
        path = folder / f"{language}.bin"
        if not path.is_file():
            letters = language_model.letters_of(LABELS[language])
            language_model.make(
                *(TEXTS[language] * 10, path, 20_000_000, 1, {}), language=language, letters=letters, spoken=str
            )
        return LanguageModel(path)

    return made


def emission(name: str, text: str, doubt: float = 0.3, seed: int = 0) -> np.ndarray:
    """[frames, labels] log-probabilities of a text, unsure as `doubt` says, a blank after each label."""
    labels = alphabet.of(LABELS[name], language_of(name)).spell(text)
    assert labels is not None
    rng = np.random.default_rng(seed)
    path = [each for label in labels for each in (label, label, 0)]
    shares = rng.dirichlet(np.full(len(LABELS[name]), 0.05), len(path)) * doubt + 1e-9
    shares[np.arange(len(path)), path] += 1 - doubt
    return np.log(shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def in_numpy(search: BeamSearch) -> BeamSearch:
    search._compiled = None
    return search


@built
@pytest.mark.parametrize("with_model", [True, False])
@pytest.mark.parametrize("name", LABELS)
def test_c_and_numpy_find_the_same_in_every_alphabet(name: str, with_model: bool, models: Models) -> None:
    model = models(name) if with_model else None
    hot = [TEXTS[language_of(name)][0].split()[1], TEXTS[language_of(name)][1]]
    for words in ([], hot):
        arguments = (LABELS[name], 0, Weights(alpha=0.7, beta=0.3, beam=9, hotword_beam=9), model, words)
        fast, plain = BeamSearch(*arguments), in_numpy(BeamSearch(*arguments))
        for seed, text in enumerate(TEXTS[language_of(name)]):
            for doubt in (0.3, 0.9):
                log_probs = emission(name, text, doubt, seed)[:60]
                found, expected = fast(log_probs, 5), plain(log_probs, 5)
                assert [each.labels for each in found] == [each.labels for each in expected]
                assert [each.score for each in found] == pytest.approx([each.score for each in expected], abs=1e-9)
            labels = alphabet.of(LABELS[name]).spell(text)
            assert labels is not None
            assert fast.text_score(labels) == pytest.approx(plain.text_score(labels), abs=1e-9)


@pytest.mark.parametrize("name", LABELS)
def test_what_is_known_of_a_text_does_not_depend_on_how_it_is_spelt(name: str, models: Models) -> None:
    """One word by letters or by subwords: the language model and hot words say the same of it."""
    language = language_of(name)
    text = TEXTS[language][-1]
    hot = [text.split()[-1]]
    scores = []
    for labels in (LABELS[language], LABELS[name]):
        search = BeamSearch(labels, 0, Weights(), models(name), hot)
        spelt = alphabet.of(labels).spell(text)
        assert spelt is not None
        scores.append(search.text_score(spelt))
    assert scores[0] == pytest.approx(scores[1], abs=1e-9)


@pytest.mark.parametrize("name", LABELS)
def test_the_language_model_mends_a_letter_that_was_heard_wrongly(name: str, models: Models) -> None:
    language = language_of(name)
    text = TEXTS[language][0]
    log_probs = emission(name, text, 0.0)
    spelt = alphabet.of(LABELS[name]).spell(text)
    assert spelt is not None
    at = len(spelt) // 2
    while LABELS[name][spelt[at]] == " ":
        at += 1
    other = next(label for label in range(1, len(LABELS[name])) if label != spelt[at] and LABELS[name][label] != " ")
    log_probs[3 * at : 3 * at + 2, other] = np.log(0.6)
    log_probs[3 * at : 3 * at + 2, spelt[at]] = np.log(0.4)
    search = BeamSearch(LABELS[name], 0, Weights(), models(name))
    assert texts(search, log_probs, LABELS[name])[0] == text
    assert texts(BeamSearch(LABELS[name], 0, Weights()), log_probs, LABELS[name])[0] != text


def texts(search: BeamSearch, log_probs: np.ndarray, labels: tuple[str, ...]) -> list[str]:
    found: list[Hypothesis] = search(log_probs, 3)
    return [alphabet.joined(labels[label] for label in each.labels) for each in found]


def transcript(name: str, text: str) -> Transcript:
    """Two windows of the same text, decoded by a beam search."""
    spec, log_probs = spec_of(name), emission(name, text, 0.1)
    decoder = Beam(BeamSearch(spec.labels, spec.blank, Weights()), alternatives=2)
    windows = []
    for start_s in (0.0, 10.0):
        tokens, alternatives = decoder(log_probs, spec)
        windows.append(DecodedWindow(start_s, tokens, alternatives=alternatives))
    return build(windows, spec, 20.0, alternatives=2)


@pytest.mark.parametrize("name", LABELS)
def test_words_have_times_and_confidences_and_subtitles_carry_them(name: str) -> None:
    text = TEXTS[language_of(name)][0]
    found = transcript(name, text)
    assert found.text == found.spoken == f"{text} {text}"
    assert [word.word for word in found.words] == text.split() * 2
    assert found.alternatives[0].text == found.text
    starts = [word.start_s for word in found.words]
    assert starts == sorted(starts)
    for word in found.words:
        assert 0 <= word.start_s < word.end_s <= 20
        assert 0 <= word.confidence <= 1
    frames_of_first = 3 * len(alphabet.of(LABELS[name]).spell(text.split()[0]) or ())
    assert found.words[0].end_s == pytest.approx(frames_of_first / 25, abs=0.1)
    for make in (subtitles.srt, subtitles.vtt):
        assert all(word in make(found) for word in text.split())
    for segment in found.segments:
        spelt = "".join(spec_of(name).labels[token] for token in segment.token_ids)
        assert spelt.strip() == segment.spoken or name.startswith("it-subwords")
        assert len(segment.token_log_probs) == len(segment.token_ids)


@pytest.mark.parametrize("name", LABELS)
def test_replies_say_the_language(name: str) -> None:
    spec = spec_of(name)
    found = transcript(name, TEXTS[language_of(name)][0])
    assert formats.full(found, spec)["language"] == language_of(name)
    names = {
        "he": "hebrew",
        "ar": "arabic",
        "ru": "russian",
        "tr": "turkish",
        "hi": "hindi",
        "ko": "korean",
        "it": "italian",
    }
    assert formats.verbose(found, spec, frozenset({"word"}))["language"] == names[language_of(name)]


def test_of_subwords_a_space_belongs_to_the_one_that_begins_a_word() -> None:
    labels = ("", " ", "a", " b", "c", " de")
    log_probs = np.log(np.eye(6)[[2, 0, 3, 4, 1, 2, 5, 0, 3]] + 1e-9).astype(np.float32)
    tokens = ctc.greedy(log_probs, 0)
    words = ctc.words(tokens, labels)
    assert ["".join(labels[label] for label in tokens.labels[word]) for word in words] == ["a", " bc", "a", " de", " b"]
    spec = make_spec(labels=labels)
    [segment] = build([DecodedWindow(0.0, tokens)], spec, 1.0).segments
    assert segment.spoken == "a bc a de b"
    assert "".join(labels[token] for token in segment.token_ids) == "a bc a de b"


def test_hot_words_earn_by_letters_whatever_the_labels_are() -> None:
    labels = ("", " ", " mo", "by", " d", "ick", "s", "m", "o", "b", "y")
    table = hotwords.table(["moby dick"], labels)

    def earned(*spelt: str) -> float:
        state, letters = 0, 0.0
        for label in map(labels.index, spelt):
            letters += float(table.gains[state, label])
            state = int(table.next[state, label])
        return letters + float(table.end_gains[state])

    assert earned(" mo", "by", " d", "ick") == 9
    assert earned("m", "o", "by", " d", "ick") == 9
    assert earned(" mo", "by", " d", "ick", "s") == 0
    assert earned(" mo", "by", " d") == 0


def test_listed_letters_say_the_same_as_masks(tmp_path: Path) -> None:
    """An English model with one more letter has the other format, and the same probabilities."""
    text = ["the cat sat on the mat", "a dog and a cat", "it's a dog's life"] * 5
    paths = [tmp_path / "masks.bin", tmp_path / "listed.bin"]
    for path, letters in zip(paths, (LETTERS, LETTERS + "é"), strict=True):
        language_model.make(text, path, 20_000_000, 1, {}, letters=letters)
    masks, listed = map(LanguageModel, paths)
    assert "masks" in masks.tables()
    assert "node_letters" in listed.tables()
    np.testing.assert_array_equal(masks.node_log_probs, listed.node_log_probs)
    for word in ("the", "cat", "dog's", "th", "zoo", ""):
        assert masks.number(word) == listed.number(word)
    nodes, letters_ = np.meshgrid(np.arange(-1, len(masks.node_words)), np.arange(len(LETTERS)))
    np.testing.assert_array_equal(masks.children(nodes, letters_), listed.children(nodes, letters_))


def test_a_language_model_says_its_language_and_letters(models: Models) -> None:
    model = models("he")
    assert model.language == "he"
    assert set(model.letters) == set("".join(TEXTS["he"])) - {" "}
    assert model.number("הרכבת") >= 0
    assert model.number("train") == -1


@pytest.mark.parametrize("name", LABELS)
def test_words_have_alternatives_in_every_alphabet(name: str, models: Models) -> None:
    spec, text = spec_of(name), TEXTS[language_of(name)][0]
    search = BeamSearch(spec.labels, spec.blank, Weights(), models(name))
    tokens, _ = Beam(search, word_alternatives=3)(emission(name, text, 0.7, 3), spec)
    assert len(tokens.instead) == len(ctc.words(tokens, spec.labels))
    letters = set("".join(spec.labels))
    assert all(set(each.text) <= letters for of_word in tokens.instead for each in of_word)
