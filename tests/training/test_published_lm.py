"""Language models that others made: both formats say the same, and a mixture has a share of each."""

import gzip
import math
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hark.errors import HarkError
from hark.language_model import LanguageModel, WordContext
from training import language_model, published_lm

ARPA = r"""
\data\
ngram 1=6
ngram 2=4
ngram 3=2

\1-grams:
-99 <s> -0.2
-0.8 </s>
-0.4 SEA -0.3
-0.7 ship -0.2
-0.9 o'er -0.1
-1.2 c3po 0

\2-grams:
-0.5 sea ship -0.25
-0.6 ship sea -0.15
-0.3 <s> sea 0
-0.2 sea c3po 0

\3-grams:
-0.1 sea ship sea
-0.35 ship sea ship

\end\
"""
_EXPECTED_PAIRS = {("sea", "ship"): -0.5, ("ship", "sea"): -0.6}


def pairs_of(found: published_lm.Published) -> dict[tuple[str, ...], float]:
    """The log-probabilities of pairs, to the base of 10 as the files have them."""
    return {
        tuple(found.words[i] for i in row): round(value / math.log(10), 3)
        for row, value in zip(found.ids[1].tolist(), found.log_probs[1].tolist(), strict=True)
    }


def sphinx(words: Sequence[str], unigrams: list, pairs: list, triples: list) -> bytes:
    """Writes a file as Sphinx does: rows by last word, then the word before, then the one before that."""

    def log(value: float) -> float:
        return value * math.log(10) / math.log(1.0001)

    def packed(rows: list[list[int]], widths: Sequence[int]) -> bytes:
        number, at = 0, 0
        for row in rows:
            for value, width in zip(row, widths, strict=True):
                number |= value << at
                at += width
        count = ((len(rows) + 1) * sum(widths) + 7) // 8 + 8 if not rows or len(rows[0]) == 2 else 0
        return number.to_bytes(count or (len(rows) * sum(widths) + 7) // 8 + 8, "little")

    tables = [np.zeros(1 << 16, "<f4") for _ in range(3)]
    for i, (_, _, prob, backoff) in enumerate(pairs):
        tables[0][i], tables[1][i] = log(prob), log(backoff)
    for i, row in enumerate(triples):
        tables[2][i] = log(row[3])
    word_bits, next_bits = len(words).bit_length(), len(triples).bit_length()
    nexts = [sum(pair[1] < word for pair in pairs) for word in range(len(words) + 1)]
    table_1 = b"".join(
        struct.pack("<ffI", log(prob), log(backoff), following)
        for (prob, backoff), following in zip([*unigrams, (0.0, 0.0)], nexts, strict=True)
    )
    begins = [sum((t[2], t[1]) < (pair[1], pair[0]) for t in triples) for pair in pairs] + [len(triples)]
    middle = [[pair[0], i, i, begin] for i, (pair, begin) in enumerate(zip(pairs, begins, strict=False))]
    middle.append([0, 0, 0, begins[-1]])
    longest = [[row[0], i] for i, row in enumerate(triples)]
    names = b"".join(word.encode() + b"\0" for word in words)
    return b"".join(
        [
            b"Trie Language Model\x03",
            struct.pack("<4I", len(words), len(pairs), len(triples), 1),
            *(table.tobytes() for table in tables),
            table_1,
            packed(middle, [word_bits, 16, 16, next_bits]),
            packed(longest, [word_bits, 16]),
            struct.pack("<I", len(names)) + names,
        ]
    )


SPHINX = sphinx(
    ["</s>", "<s>", "SEA", "ship", "o'er", "c3po"],
    [(-0.8, 0), (-9, -0.2), (-0.4, -0.3), (-0.7, -0.2), (-0.9, -0.1), (-1.2, 0)],
    [(1, 2, -0.3, 0), (3, 2, -0.6, -0.15), (2, 3, -0.5, -0.25), (2, 5, -0.2, 0)],
    [(2, 3, 2, -0.1), (3, 2, 3, -0.35)],
)


@pytest.fixture(params=["arpa", "arpa.gz", "sphinx"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"lm.{request.param}"
    data = SPHINX if request.param == "sphinx" else ARPA.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_what_the_alphabet_spells_is_read(file: Path) -> None:
    found = published_lm.read(file)
    assert sorted(found.words) == ["o'er", "sea", "ship"]
    assert pairs_of(found) == _EXPECTED_PAIRS
    by_word = dict(zip(found.words, np.exp(found.log_probs[0]).tolist(), strict=True))
    assert by_word["sea"] == pytest.approx(10**-0.4, rel=1e-4)
    triples = [tuple(found.words[i] for i in row) for row in found.ids[2].tolist()]
    assert sorted(triples) == [("sea", "ship", "sea"), ("ship", "sea", "ship")]
    after = dict(zip([found.words[i] for i in found.ids[0][:, 0]], np.exp(found.backoffs[0]).tolist(), strict=True))
    assert after["ship"] == pytest.approx(10**-0.2, rel=1e-4)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", ARPA.encode()[:200], SPHINX[:100], SPHINX[:-60], b"\\1-grams:\n-1 a\n\\2-grams:\n-1 a\n\\end\\\n"],
)
def test_a_file_that_is_none_or_cut_short_is_refused_by_name(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "published.lm"
    path.write_bytes(data)
    with pytest.raises(HarkError, match=r"published\.lm is neither .* or is cut short"):
        published_lm.read(path)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(HarkError, match="cannot be read"):
        published_lm.read(tmp_path / "none.arpa")


TEXT = ["a ship at sea", "sea ship sea", "the ship", "a sea"] * 5


def mixture(file: Path, share: float) -> LanguageModel:
    output = file.with_suffix(".bin")
    language_model.make(TEXT, output, 10**7, 1, {}, published_lm.read(file), share)
    return LanguageModel(output)


def after(model: LanguageModel, *words: str) -> np.ndarray:
    """Probabilities of all words after some."""
    found = WordContext(np.array([-1]), np.array([-1]))
    for word in words:
        found = model.after(found, np.array([model.number(word)]))[1]
    everywhere = WordContext(np.repeat(found.words, model.words), np.repeat(found.bigrams, model.words))
    return np.exp(model.after(everywhere, np.arange(model.words))[0])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_mixture_has_the_words_and_the_probabilities_of_both(file: Path, share: float) -> None:
    language_model.make(TEXT, file.with_name("own.bin"), 10**7, 1, {})
    own, mixed = LanguageModel(file.with_name("own.bin")), mixture(file, share)
    assert mixed.number("o'er") >= 0  # which only the published one has
    assert mixed.number("the") >= 0  # which only the text has
    total = 10**-0.4 + 10**-0.7 + 10**-0.9
    expected = (1 - share) * after(own, "sea")[own.number("ship")] + share * 10**-0.5
    assert after(mixed, "sea")[mixed.number("ship")] == pytest.approx(expected, rel=0.12)
    alone = after(mixed, "the")[mixed.number("o'er")]
    assert alone > 0.85 * share * 10**-0.9 / total  # and what smoothing leaves for it


def test_a_published_model_without_triples_is_mixed_in_too(tmp_path: Path) -> None:
    pairs_alone = ARPA.split("\\3-grams:")[0] + "\\end\\\n"
    (tmp_path / "pairs.arpa").write_text(pairs_alone)
    mixed = mixture(tmp_path / "pairs.arpa", 0.5)
    assert mixed.number("o'er") >= 0
    assert after(mixed, "sea", "ship").sum() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("words", [(), ("sea",), ("sea", "ship"), ("a", "ship")])
def test_its_probabilities_add_up_to_one(file: Path, words: tuple[str, ...]) -> None:
    assert after(mixture(file, 0.5), *words).sum() == pytest.approx(1, abs=0.15)


def test_the_command_mixes_and_says_so_in_the_file(file: Path) -> None:
    text, output = file.with_name("text.txt"), file.with_name("mixed.bin")
    text.write_text("\n".join(TEXT))
    arguments = ["--text", str(text), "--output", str(output), "--published", str(file)]
    assert language_model.main([*arguments, "--share", "0.3"]) == 0
    about = LanguageModel(output).about
    assert (about["text"], about["published"], about["share"]) == ("text.txt", file.name, 0.3)


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "nan"])
def test_a_share_that_is_none_is_refused(file: Path, share: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--text", str(file), "--published", str(file), "--share", share]
    assert language_model.main(arguments) == 1
    assert "--share must lie between 0 and 1" in capsys.readouterr().err
