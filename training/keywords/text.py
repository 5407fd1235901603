"""Writes what to synthesize for a keyword model: `python -m training.keywords.text CONFIG SENTENCES --output FILE`.

FILE gets the words of the config's labels, again and again, in drawn order and with the punctuation that makes engines
say them in different ways, and among them others, for "unknown": frequent words of SENTENCES (text, or text in gzip)
and words that sound like the model's. What sounds the same as one of those is left out.

    python -m training.keywords.text training/configs/keywords.yaml data/text/sentences.txt.gz --output words.txt
    python -m training.synthesize --text words.txt --output data/keywords-kokoro --engines kokoro --count 6000
"""

import argparse
import gzip
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from hark.errors import HarkError
from hark.spec import SILENCE, UNKNOWN
from training.config import load_config
from training.errors import ManifestError

# How a word is said follows from how it ends.
_ENDINGS = (".", "!", "?", "")
# Sentences that are counted, and how many of their words are taken.
_SENTENCES = 60_001
_FREQUENT = 3500
_SHORTEST_LETTERS = 3
_CLOSE_SHARE = 0.4
# Nobody can tell these from a word of Speech Commands.
_SAME_SOUND = """ate for fore foreword fourth hour know nein rite to too won won't wright write byrd"""
SAME_SOUND = frozenset(_SAME_SOUND.split())
# These sound like one; not "fife" nor "wan", as which many say five and one.
_CLOSE = """
bad bet bead bored heard birth cut cap cattle dock dug bog gown town eighth age fly fire hollow fellow folly
foreign forty full though grow gold hoppy hippy mouse how earn lean lunch lift let marble carving mine night none now
snow of often awe an own once light ride sever heaven shield sheet sick sixth sits stomp shop top free thirst tea
tray due chew do cup app visible usual well what while yet guess yesterday hero narrow
"""
CLOSE = tuple(_CLOSE.split())


def frequent_words(path: Path, words: Sequence[str]) -> list[str]:
    """Returns frequent words of a text that are none of `words` nor sound like one, most frequent first.

    Raises:
        ManifestError: the text cannot be read.
    """
    counts: Counter[str] = Counter()
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in islice(lines, _SENTENCES):
                counts.update(re.findall(r"[a-z]+", line.lower()))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"The text {path} cannot be read: {error}.") from error
    taken = {*words, *SAME_SOUND, *(f"{word}{ending}" for word in words for ending in ("s", "ed", "ing"))}
    common = [word for word, _ in counts.most_common(_FREQUENT) if len(word) >= _SHORTEST_LETTERS]
    return [word for word in common if word not in taken]


def lines(words: Sequence[str], others: Sequence[str], rounds: int, unknown: int, seed: int) -> Iterator[str]:
    """Yields `rounds` times every word and `unknown` others."""
    rng = random.Random(seed)
    close = [word for word in CLOSE if word not in words]
    for number in range(rounds):
        drawn = [rng.choice(close if rng.random() < _CLOSE_SHARE else others) for _ in range(unknown)]
        said = [*words, *drawn]
        rng.shuffle(said)
        ending = _ENDINGS[number % len(_ENDINGS)]
        yield from (f"{word.capitalize() if number % 2 == 0 else word}{ending}" for word in said)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("sentences", type=Path)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--rounds", type=int, default=120, help="how often each word stands in it (default: %(default)s)"
    )
    parser.add_argument("--unknown", type=int, default=15, help="other words in a round (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=6)
    options = parser.parse_args(arguments)
    try:
        words = [label for label in load_config(options.config).labels if label not in (UNKNOWN, SILENCE)]
        others = frequent_words(options.sentences, words)
        written = list(lines(words, others, options.rounds, options.unknown, options.seed))
        options.output.write_text("\n".join(written) + "\n", encoding="utf-8")
    except (HarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {len(written):,} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
