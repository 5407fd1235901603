"""Chooses sentences to be read aloud: `python -m training.sentences --text FILE ... --output FILE`.

A network learns to spell the words it is taught, and recorded speech has few of the rare ones. Read by `python -m
training.synthesize`, sentences chosen for their rare words teach many spellings in little time. Half of what is chosen
covers words that were chosen fewer than `--times` times before; the rest are any sentences, so that common words keep
their place.

A file has a sentence a line and may be gzipped. Left out is what engines read in more than one way: digits,
abbreviations, capitals in a row, brackets; and what is shorter or longer than engines speak well.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from hark.command import command
from hark.errors import HarkError
from training.lines import read_lines
from training.text import normalise

_SHORTEST, _LONGEST = 26, 200
# Engines do not agree on how these are read.
_UNCLEAR = re.compile(r"[^A-Za-z ,.;:!?'\"-]|\b[A-Z]{2,}\b|\b(?:Mr|Mrs|Ms|Dr|St|Col|Capt|Gen|No|Rev|Esq|Hon|etc|viz)\.")
# Words that stand in a text less often than this may be misprints.
_LEAST_COUNT = 3
# In a sentence of so many words, one has to be rare; and two in any.
_WORDS_FOR_EACH_RARE_ONE = 8


def readable(line: str) -> bool:
    """Whether all engines read a line alike."""
    return _SHORTEST <= len(line) <= _LONGEST and not _UNCLEAR.search(line)


def choose(texts: Sequence[Iterable[str]], count: int, seed: int, times: int = 4) -> list[str]:
    """Chooses sentences of several texts, as many of each.

    Args:
        texts: sentences, as their sources wrote them.
        count: how many to choose; fewer are found in small texts.
        seed: of the order in which they are looked at.
        times: how often a word is chosen for before it no longer counts as rare.

    Returns:
        the sentences, each once, in drawn order.
    """
    rng = random.Random(seed)  # noqa: S311  # no secret
    chosen: dict[str, None] = {}
    covered: Counter[str] = Counter()
    for text in texts:
        lines = list(dict.fromkeys(line for line in map(str.strip, text) if readable(line)))
        rng.shuffle(lines)
        words_of = {line: frozenset(normalise(line).split()) for line in lines}
        known = Counter(word for words in words_of.values() for word in words)
        wanted = count // len(texts)
        covering = _covering(words_of, known, covered, times, wanted // 2)
        chosen |= dict.fromkeys(covering)
        others = (line for line in lines if line not in chosen)
        chosen |= dict.fromkeys(line for _, line in zip(range(wanted - len(covering)), others, strict=False))
    sentences = list(chosen)
    rng.shuffle(sentences)
    return sentences


def _covering(
    words_of: dict[str, frozenset[str]], known: Counter[str], covered: Counter[str], times: int, most: int
) -> list[str]:
    """Returns sentences with rare words, and counts their words in `covered`."""
    covering: list[str] = []
    for line, words in words_of.items():
        if len(covering) == most:
            break
        rare = sum(covered[word] < times and known[word] >= _LEAST_COUNT and len(word) > 2 for word in words)
        if rare >= max(2, len(words) // _WORDS_FOR_EACH_RARE_ONE):
            covering.append(line)
            covered.update(words)
    return covering


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, nargs="+", required=True, help="a sentence a line; may be gzipped")
    parser.add_argument("--output", type=Path, required=True, help="where they are written, a sentence a line")
    parser.add_argument("--count", type=int, default=24_000, help="sentences in all (default: %(default)s)")
    parser.add_argument("--times", type=int, default=4, help="that a rare word is chosen for (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.count < len(options.text):
        raise HarkError("--count must be at least one sentence of each text.")
    try:
        sentences = choose([read_lines(path) for path in options.text], options.count, options.seed, options.times)
    except UnicodeDecodeError as error:
        raise HarkError(f"The text is not UTF-8: {error}.") from error
    if not sentences:
        raise HarkError(f"The text has no sentences of {_SHORTEST} to {_LONGEST} characters without digits.")
    options.output.write_text("".join(f"{sentence}\n" for sentence in sentences), encoding="utf-8")
    words = Counter(word for sentence in sentences for word in normalise(sentence).split())
    print(f"{options.output}: {len(sentences)} sentences, {sum(words.values())} words, {len(words)} of them different")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
