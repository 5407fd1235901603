"""Language models: what is counted, what is kept, what is read back."""

import gzip
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hark.errors import HarkError, ModelError
from hark.language_model import EDGE, LETTERS, MAGIC, LanguageModel, WordContext, arrays_of
from training import language_model

_NONE = WordContext(np.array([-1]), np.array([-1]))
_RNG = np.random.default_rng(0)
_WORDS = ["sea", "ship", "whale", "wh", "o'er", "sail", "sails", "captain", "a", "i"]
# Every word likelier after some words than after others.
TEXT = [" ".join(_RNG.choice(_WORDS, 8, p=np.roll([0.3, 0.2, 0.1, 0.1, *[0.05] * 6], i % 5))) for i in range(400)]


def made(folder: Path, text: list[str] = TEXT, most_bytes: int = 10**7, least_count: int = 1) -> LanguageModel:
    language_model.make(text, folder / "lm.bin", most_bytes, least_count, {})
    return LanguageModel(folder / "lm.bin")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return made(tmp_path_factory.mktemp("lm"))


def context(model: LanguageModel, *words: str) -> WordContext:
    found = _NONE
    for word in words:
        found = model.after(found, np.array([model.number(word)]))[1]
    return found


def followers(model: LanguageModel, *words: str) -> np.ndarray:
    """Probabilities of all words after some."""
    before, number = context(model, *words), model.words
    all_after = WordContext(np.repeat(before.words, number), np.repeat(before.bigrams, number))
    return np.exp(model.after(all_after, np.arange(number))[0])


@pytest.mark.parametrize("words", [(), ("sea",), ("a", "whale"), ("sails", "captain"), ("i", "i")])
def test_probabilities_of_what_follows_add_up_to_one(model: LanguageModel, words: tuple[str, ...]) -> None:
    assert followers(model, *words).sum() == pytest.approx(1, abs=0.03)  # each is rounded to a byte


@pytest.mark.parametrize("most_bytes", [619_300, 620_500])
def test_they_do_so_too_where_much_is_left_out(tmp_path: Path, most_bytes: int) -> None:
    model = made(tmp_path, most_bytes=most_bytes)
    assert model.about["trigrams"] < 600
    for words in ((), ("sea",), ("a", "whale"), ("i", "i")):
        assert followers(model, *words).sum() == pytest.approx(1, abs=0.04)


def test_frequent_followers_are_as_likely_as_they_were_counted(model: LanguageModel) -> None:
    triples = Counter(
        triple for line in TEXT for triple in zip(line.split(), line.split()[1:], line.split()[2:], strict=False)
    )
    total = sum(count for (*before, _), count in triples.items() if before == ["sea", "sea"])
    likely = followers(model, "sea", "sea")
    for word in ("sea", "ship"):
        assert likely[model.number(word)] == pytest.approx(triples["sea", "sea", word] / total, abs=0.05)


def test_a_pair_that_was_never_seen_is_possible(tmp_path: Path) -> None:
    model = made(tmp_path, ["the cat sat", "a dog ran", "the cat sat", "a dog ran"])
    assert 0 < followers(model, "the")[model.number("ran")] < followers(model, "the")[model.number("cat")]


def test_what_is_unlike_its_counts_of_shorter_ones_is_kept_first(tmp_path: Path) -> None:
    small, large = (made(tmp_path, most_bytes=size) for size in (619_300, 10**7))
    assert 0 < small.about["bigrams"] < large.about["bigrams"]


def test_the_file_is_no_larger_than_asked_for(tmp_path: Path) -> None:
    made(tmp_path, most_bytes=630_000)
    assert (tmp_path / "lm.bin").stat().st_size <= 630_000
    with pytest.raises(HarkError, match="vocabulary alone"):
        made(tmp_path, most_bytes=1000)


def test_the_trie_has_the_vocabulary_and_no_other_words(model: LanguageModel) -> None:
    numbers = [model.number(word) for word in _WORDS]
    assert sorted(numbers) == list(range(len(_WORDS)))
    for word in ("", "s", "whal", "seas", "zebra", "über"):
        assert model.number(word) == -1


def test_look_ahead_is_the_probability_of_all_words_below(model: LanguageModel) -> None:
    node = np.array(0)
    for letter in "sail":
        node = model.children(node, np.array(LETTERS.index(letter)))
    expected = sum(followers(model)[model.number(word)] for word in ("sail", "sails"))
    assert np.exp(model.node_log_probs[node]) == pytest.approx(expected, rel=0.1)
    assert model.node_log_probs[0] == 0


def test_what_has_left_the_trie_stays_out(model: LanguageModel) -> None:
    letters = np.arange(len(LETTERS))
    assert (model.children(np.full(len(letters), -1), letters) == -1).all()


def test_letters_of_unknown_words_add_up_to_one(model: LanguageModel) -> None:
    symbols = np.arange(len(LETTERS) + 1)
    for word in ("", "s", "wha", "qqq"):
        contexts = np.zeros(1, np.int64)
        for letter in word:
            contexts = model.next_context(contexts, np.array([LETTERS.index(letter) + 1]))
        assert np.exp(model.spelling(contexts, symbols)).sum() == pytest.approx(1, abs=0.03)
    known = model.spelling(np.zeros(1, np.int64), np.array([LETTERS.index("s") + 1, LETTERS.index("q") + 1]))
    assert known[0] > known[1]
    assert EDGE not in range(1, len(LETTERS) + 1)


def test_rare_words_are_left_out_on_demand(tmp_path: Path) -> None:
    model = made(tmp_path, [*TEXT, "leviathan"], least_count=2)
    assert model.number("leviathan") == -1
    assert model.number("whale") >= 0


def test_text_is_normalised(tmp_path: Path) -> None:
    model = made(tmp_path, ["Mr. Café has 2 ships."] * 3)
    assert all(model.number(word) >= 0 for word in ("mister", "cafe", "has", "two", "ships"))


def test_the_command_reads_gzipped_text_and_says_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.gz"
    text.write_bytes(gzip.compress("\n".join(TEXT).encode()))
    assert language_model.main(["--text", str(text), "--output", str(tmp_path / "lm.bin")]) == 0
    assert "lm.bin" in capsys.readouterr().out
    assert LanguageModel(tmp_path / "lm.bin").about["tokens"] == 400 * 8


@pytest.mark.parametrize("text", ["", "...", "\u0416\u0443\u043a"])
def test_text_without_words_is_refused(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text").write_text(text)
    assert language_model.main(["--text", str(tmp_path / "text"), "--output", str(tmp_path / "lm.bin")]) == 1
    assert capsys.readouterr().err.startswith("error: The text has no words")


def test_a_missing_text_is_an_error_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert language_model.main(["--text", str(tmp_path / "none"), "--output", str(tmp_path / "lm.bin")]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_what_is_no_language_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "lm.bin"
    with pytest.raises(ModelError, match="There is no language model"):
        LanguageModel(path)
    path.write_bytes(b"")
    with pytest.raises(ModelError, match="There is no language model"):
        LanguageModel(path)
    path.write_bytes(b"something else entirely")
    with pytest.raises(ModelError, match="is no language model"):
        LanguageModel(path)
    made(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1000])
    with pytest.raises(ModelError, match="cut short"):
        LanguageModel(path)
    path.write_bytes(whole[:100])
    with pytest.raises(ModelError, match="cut short"):
        LanguageModel(path)


def test_another_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "lm.bin"
    lengths = dict.fromkeys(arrays_of(1), 0)
    header = json.dumps({"format": 99, "letters": LETTERS, "step": 1, "lengths": lengths}).encode()
    path.write_bytes(MAGIC + len(header).to_bytes(4, "little") + header)
    with pytest.raises(ModelError, match="has format 99; this Hark reads format 2"):
        LanguageModel(path)
