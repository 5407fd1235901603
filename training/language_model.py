"""Makes a language model from text: `python -m training.language_model --text FILE [--output models/lm.bin]`.

FILE has one sentence a line, as its source wrote it, and may be gzipped. Sequences of up to three words are counted and
their probabilities smoothed by interpolated modified Kneser-Ney. The n-grams that change least are left out until the
file has the size that was asked for, and the numbers are rounded to a byte. `hark.language_model` describes the file.

--config says of which recogniser's language and letters it is to be: a search takes none of another language.
--published FILE mixes in a model that others made from more text, in ARPA format or CMU Sphinx's.

Sources: Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling" (1998); Seymore and
Rosenfeld, "Scalable Backoff Language Models" (ICSLP 1996) for what is left out; Witten and Bell, "The Zero-Frequency
Problem" (1991) for the letters.
"""

import argparse
import itertools
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from hark.command import command
from hark.errors import HarkError
from hark.language_model import EDGE, LETTERS, MAX_LETTERS, MAX_WORDS, spelling_context, write
from hark.language_model import trie as trie_of
from hark.languages import ENGLISH
from training import mixed_lm, published_lm
from training.config_files import config_for
from training.lines import read_lines
from training.ngrams import SPECIAL, START, UNKNOWN, estimate, prune
from training.normaliser import normaliser
from training.published_lm import Published
from training.text import normalise

# Log-probabilities are rounded to multiples of this, down to -20: no word of a text of millions is rarer.
STEP = 0.08


@dataclass(frozen=True)
class Text:
    """Counted text.

    Attributes:
        words: the vocabulary, in the order of their ends in the trie.
        tokens: [tokens] of all sentences, each after `START`; words are numbered from `SPECIAL`.
    """

    words: list[str]
    tokens: NDArray[np.int64]


def read(
    lines: Iterable[str],
    least_count: int,
    published: Published | None = None,
    share: float = 0.0,
    letters: str = LETTERS,
    spoken: Callable[[str], str] = normalise,
) -> Text:
    """Reads sentences.

    Args:
        lines: one sentence each, as its source wrote it.
        least_count: rarer words are left out of the vocabulary.
        published: a model to mix in; its words are added to the vocabulary.
        share: share of it in the mixture.
        letters: that words may have.
        spoken: writes a sentence as it is spoken, in these letters.

    Raises:
        HarkError: there are no words in them.
    """
    sentences = [spoken(line).split() for line in lines]
    counts = Counter(itertools.chain.from_iterable(sentences))
    usual = Counter(
        {word: count for word, count in counts.items() if count >= least_count and set(word) <= set(letters)}
    )
    if not usual:
        named = "English letters" if letters == LETTERS else f"these letters: {letters}"
        raise HarkError(f"The text has no words of {named}; give a file with one sentence a line.")
    if published:
        usual = mixed_lm.vocabulary(usual, published, share)
    words = in_trie_order(word for word, _ in usual.most_common(MAX_WORDS))
    numbers = {word: i for i, word in enumerate(words, SPECIAL)}
    tokens: list[int] = []
    for sentence in sentences:
        tokens.append(START)
        tokens += [numbers.get(word, UNKNOWN) for word in sentence]
    return Text(words, np.array(tokens, np.int64))


def in_trie_order(words: Iterable[str]) -> list[str]:
    """Sorts words by length, then by letters: the order of their ends in a trie that is read breadth first."""
    return sorted(words, key=lambda word: (len(word), word))


def letters_of(labels: Iterable[str]) -> str:
    """Returns the letters of a recogniser's labels, as a language model numbers them.

    Raises:
        HarkError: there are more than a language model has.
    """
    letters = "".join(sorted(set("".join(labels)) - {" "}))
    if not 0 < len(letters) <= MAX_LETTERS:
        raise HarkError(f"The labels have {len(letters)} letters; a language model has 1 to {MAX_LETTERS}.")
    return letters


def trie(
    words: Sequence[str], log_probs: NDArray[np.float64], letters: str = LETTERS
) -> tuple[dict[str, NDArray[Any]], NDArray[np.float64]]:
    """Makes the trie of a vocabulary, breadth first.

    Args:
        words: in the order of `in_trie_order`.
        log_probs: [words].
        letters: that they have, sorted.

    Returns:
        The trie's arrays as `hark.language_model.arrays_of` has them, and [nodes] log-probabilities of all words below.
    """
    masses = {"": 0.0}
    for word, probability in zip(words, np.exp(log_probs).tolist(), strict=True):
        for length in range(len(word) + 1):
            masses[word[:length]] = masses.get(word[:length], 0.0) + probability
    prefixes = in_trie_order(masses)
    total = masses[""]
    return trie_of(prefixes, words, letters), np.log(np.array([masses[prefix] for prefix in prefixes]) / total)


def spelling(words: Sequence[str], letters: str = LETTERS) -> NDArray[np.float64]:
    """Counts how words are spelt. Each word counts once, because unknown words are like the rare ones.

    Args:
        words: the vocabulary.
        letters: that they have, sorted.

    Returns:
        [contexts * symbols] log-probabilities, as `hark.language_model.LanguageModel.spelling` reads them.
    """
    symbols, context = len(letters) + 1, spelling_context(len(letters))
    numbers = {letter: number for number, letter in enumerate(letters, 1)}
    counts = np.zeros((symbols,) * (context + 1))
    for word in words:
        spelt = [EDGE] * context + [numbers[letter] for letter in word] + [EDGE]
        for at in range(len(word) + 1):
            counts[tuple(spelt[at : at + context + 1])] += 1
    probabilities = np.full(symbols, 1 / symbols)
    for length in range(context + 1):
        seen = counts.sum(axis=tuple(range(context - length)))
        kinds = np.count_nonzero(seen, axis=-1, keepdims=True)
        totals = seen.sum(axis=-1, keepdims=True)
        probabilities = np.where(
            totals > 0, (seen + kinds * probabilities) / np.maximum(totals + kinds, 1), probabilities
        )
    log_probs: NDArray[np.float64] = np.log(probabilities).reshape(-1)
    return log_probs


def make(
    lines: Iterable[str],
    output: Path,
    most_bytes: int,
    least_count: int,
    about: dict[str, Any],
    published: Published | None = None,
    share: float = 0.5,
    *,
    language: str = ENGLISH,
    letters: str = LETTERS,
    spoken: Callable[[str], str] = normalise,
) -> int:
    """Makes the file.

    Args:
        lines: one sentence each.
        output: where to write it.
        most_bytes: largest size; n-grams are left out until the file is no larger.
        least_count: how often a word must occur in the text to be in the vocabulary.
        about: description in the file.
        published: a model to mix in.
        share: share of it in the mixture.
        language: BCP 47 tag of the text's language.
        letters: that words may have, sorted: `letters_of` the recogniser's labels.
        spoken: writes a sentence as it is spoken, in these letters.

    Returns:
        The size of the file in bytes.

    Raises:
        HarkError: there are no words, or the vocabulary alone is too large.
    """
    text = read(lines, least_count, published, share, letters, spoken)
    unigrams, bigrams, trigrams = estimate(text.tokens, len(text.words))
    if published:
        tokens = int(np.count_nonzero(text.tokens != START))
        ngrams = (unigrams, bigrams, trigrams)
        unigrams, bigrams, trigrams = mixed_lm.mix(ngrams, text.words, published, share, tokens)
    nodes, masses = trie(text.words, np.log(unigrams.probabilities[SPECIAL:]), letters)
    spelt = spelling(text.words, letters)
    vocabulary_bytes = 4096 + len(spelt) + 5 * len(masses) + 4 * len(text.words)
    if vocabulary_bytes > most_bytes:
        raise HarkError(
            f"The vocabulary alone takes {vocabulary_bytes / 1e6:.1f} MB; raise --megabytes or --least-count."
        )
    pruned = prune(unigrams, bigrams, trigrams, most_bytes - vocabulary_bytes)
    arrays: dict[str, NDArray[Any]] = {
        **nodes,
        "node_log_probs": _rounded(masses),
        "spelling_log_probs": _rounded(spelt),
        "unigram_log_probs": _rounded(pruned.unigrams),
        "unigram_backoffs": _rounded_signed(pruned.unigram_backoffs),
        "bigram_counts": np.bincount(pruned.bigram_ids[:, 0], minlength=len(text.words)),
        "bigram_words": pruned.bigram_ids[:, 1],
        "bigram_log_probs": _rounded(pruned.bigrams),
        "bigram_backoffs": _rounded_signed(pruned.bigram_backoffs),
        "trigram_counts": np.bincount(pruned.trigram_prefixes, minlength=len(pruned.bigrams)),
        "trigram_words": pruned.trigram_words,
        "trigram_log_probs": _rounded(pruned.trigrams),
    }
    figures = {
        "sentences": int(np.count_nonzero(text.tokens == START)),
        "tokens": int(np.count_nonzero(text.tokens != START)),
        "words": len(text.words),
        "bigrams": len(pruned.bigrams),
        "trigrams": len(pruned.trigrams),
    }
    return write(output, arrays, STEP, about | figures, letters, language)


def _rounded(log_probs: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(-log_probs / STEP), 0, 255).astype(np.uint8)


def _rounded_signed(log_probs: NDArray[np.float64]) -> NDArray[np.int8]:
    return np.clip(np.rint(log_probs / STEP), -128, 127).astype(np.int8)


def _lines(path: Path) -> Iterator[str]:
    try:
        yield from tqdm(read_lines(path), desc="reading", unit=" lines", disable=None, leave=False)
    except UnicodeDecodeError as error:
        raise HarkError(f"{path} is not UTF-8: {error}; convert it first, with iconv for instance.") from error


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="a sentence a line; may be gzipped")
    parser.add_argument("--output", type=Path, default=Path("models/lm.bin"))
    parser.add_argument("--megabytes", type=float, default=8.0, help="size of the file (default: %(default)s)")
    parser.add_argument(
        "--least-count", type=int, default=1, help="rarer words are left out of the vocabulary (default: %(default)s)"
    )
    parser.add_argument("--config", type=Path, help="of the recogniser that it is for: its language and its letters")
    parser.add_argument("--language", help="BCP 47 tag, such as it, in place of the config's (default: en)")
    parser.add_argument("--published", type=Path, help="a language model to mix in, in ARPA format or CMU Sphinx's")
    parser.add_argument("--share", type=float, default=0.5, help="of it in the mixture (default: %(default)s)")
    options = parser.parse_args(arguments)
    if not math.isfinite(options.megabytes):
        raise HarkError("--megabytes must be a number.")
    if not 0 < options.share < 1:
        raise HarkError("--share must lie between 0 and 1.")
    config = config_for(options.config, options.language)
    language, labels = config.language, tuple(config.labels)
    letters = letters_of(labels)
    published = published_lm.read(options.published, letters) if options.published else None
    about = {"text": " ".join(each.name for each in options.text)}
    if options.published:
        about |= {"published": options.published.name, "share": options.share}
    size = make(
        itertools.chain.from_iterable(map(_lines, options.text)),
        options.output,
        int(options.megabytes * 1e6),
        options.least_count,
        about,
        published,
        options.share,
        language=language,
        letters=letters,
        spoken=normaliser(language, labels),
    )
    print(f"{options.output}: {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
