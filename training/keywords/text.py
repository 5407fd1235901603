r"""Writes words to synthesise for a keyword model: `python -m training.keywords.text CONFIG [SENTENCES] --output FILE`.

FILE gets the words of the config's labels, many times in random order, with punctuation that makes engines say them in
different ways. Other words stand among them, for "unknown": words that sound similar to the model's, and frequent words
of SENTENCES (text, or gzipped text) if there are any. Words that sound the same as one of the model's are left out.

    python -m training.keywords.text training/configs/keywords.yaml data/text/sentences.txt.gz --output words.txt
    python -m training.synthesize --text words.txt --output data/keywords-more --engines hibari=5,flite=3,espeak=1

With --rarest N, FILE gets only the N words of the model that the manifests of --counted have least often:

    python -m training.keywords.text training/configs/keywords.yaml --output rare.txt --rarest 14 \
        --counted data/keywords-train.jsonl data/keywords-cut/manifest.jsonl
    python -m training.synthesize --text rare.txt --output data/keywords-kokoro --engines kokoro --count 48
"""

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from hark.command import command
from hark.spec import SILENCE, UNKNOWN
from training.config_files import load_config
from training.errors import ManifestError
from training.lines import read_lines
from training.manifest import read_manifests
from training.text import normalise

# Engines say a word differently according to the punctuation after it.
_ENDINGS = (".", "!", "?", "")
# Sentences whose words are counted, and how many of the most frequent words are taken.
_SENTENCES = 60_001
_FREQUENT = 3500
_SHORTEST_LETTERS = 3
_CLOSE_SHARE = 0.4
# These sound the same as a word of Speech Commands.
_SAME_SOUND = """ate for fore foreword fourth hour know nein rite to too won won't wright write byrd"""
SAME_SOUND = frozenset(_SAME_SOUND.split())
# These sound similar to one. "fife" and "wan" are not here: many people say five and one like that.
_CLOSE = """
bad bet bead bored heard birth cut cap cattle dock dug bog gown town eighth age fly fire hollow fellow folly
foreign forty full though grow gold hoppy hippy mouse how earn lean lunch lift let marble carving mine night none now
snow of often awe an own once light ride sever heaven shield sheet sick sixth sits stomp shop top free thirst tea
tray due chew do cup app visible usual well what while yet guess yesterday hero narrow
"""
CLOSE = tuple(_CLOSE.split())


def frequent_words(path: Path, words: Sequence[str]) -> list[str]:
    """Returns frequent words of a text, the most frequent first, without `words` and what sounds the same as one.

    Raises:
        ManifestError: the text cannot be read.
    """
    counts: Counter[str] = Counter()
    try:
        for line in islice(read_lines(path), _SENTENCES):
            counts.update(re.findall(r"[a-z]+", line.lower()))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"The text {path} cannot be read: {error}.") from error
    taken = {*words, *SAME_SOUND, *(f"{word}{ending}" for word in words for ending in ("s", "ed", "ing"))}
    common = [word for word, _ in counts.most_common(_FREQUENT) if len(word) >= _SHORTEST_LETTERS]
    return [word for word in common if word not in taken]


def rarest(words: Sequence[str], manifests: Sequence[Path], count: int) -> list[str]:
    """Returns the `count` of `words` that the fewest lines of the manifests have as their text, the rarest first.

    Raises:
        ManifestError: a manifest cannot be used.
    """
    counts = Counter(normalise(utterance.text) for utterance in read_manifests(manifests))
    return sorted(words, key=lambda word: counts[word])[:count]


def lines(words: Sequence[str], others: Sequence[str], rounds: int, unknown: int, seed: int) -> Iterator[str]:
    """Yields every word and `unknown` others, `rounds` times; without `others` all of them sound similar to a word."""
    rng = random.Random(seed)
    close = [word for word in CLOSE if word not in words]
    for number in range(rounds):
        drawn = [rng.choice(close if rng.random() < _CLOSE_SHARE or not others else others) for _ in range(unknown)]
        said = [*words, *drawn]
        rng.shuffle(said)
        ending = _ENDINGS[number % len(_ENDINGS)]
        yield from (f"{word.capitalize() if number % 2 == 0 else word}{ending}" for word in said)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", metavar="CONFIG", type=Path, help="of the keyword model")
    parser.add_argument("sentences", metavar="SENTENCES", type=Path, nargs="?", help='for "unknown"; may be gzipped')
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=120, help="how often each word is written (default: %(default)s)")
    parser.add_argument("--unknown", type=int, default=15, help="other words in a round (default: %(default)s)")
    parser.add_argument("--rarest", type=int, metavar="N", help="write only the N rarest words, and no others")
    parser.add_argument("--counted", type=Path, nargs="+", metavar="MANIFEST", help="where --rarest counts words")
    parser.add_argument("--seed", type=int, default=6, help="draws the order (default: %(default)s)")
    options = parser.parse_args(arguments)
    if bool(options.rarest) != bool(options.counted):
        parser.error("--rarest and --counted go together: how many words, and the manifests to count them in.")
    words = [label for label in load_config(options.config).labels if label not in (UNKNOWN, SILENCE)]
    if options.rarest:
        words, options.unknown = rarest(words, options.counted, options.rarest), 0
    others = frequent_words(options.sentences, words) if options.sentences and options.unknown else []
    written = list(lines(words, others, options.rounds, options.unknown, options.seed))
    options.output.write_text("\n".join(written) + "\n", encoding="utf-8")
    print(f"{options.output}: {len(written):,} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
