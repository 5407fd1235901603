"""Sentences by pauses, for languages that no punctuation model has learned; and the marks that languages write.

Who speaks pauses at the ends of sentences, and sometimes elsewhere, so that this is far from what a network knows
(`hark.punctuation`). It writes full stops alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hark.punctuation import CAPITAL, FULL_STOP, LOWER, MARKS, NOTHING, Labels

# Between phrases of a sentence people pause for a third of a second, between sentences for about twice as long.
SENTENCE_PAUSE_S = 0.7

# `hark.punctuation.MARKS` as languages write them that have others: comma, full stop, question mark.
_MARKS = {
    **dict.fromkeys(("ar", "fa", "ckb", "ug", "ps"), ("\u060c", ".", "\u061f")),
    **dict.fromkeys(("ur", "ks", "sd"), ("\u060c", "\u06d4", "\u061f")),
    **dict.fromkeys(("hi", "bn", "mr", "ne", "pa", "as", "or", "sa", "mai", "bho"), (",", "\u0964", "?")),
    **dict.fromkeys(("zh", "ja", "yue"), ("\u3001", "\u3002", "\uff1f")),
    **dict.fromkeys(("am", "ti"), ("\u1363", "\u1362", "?")),
    "my": ("\u104a", "\u104b", "?"),
    "hy": (",", "\u0589", "\u055e"),
    "el": (",", ".", ";"),
    # A space ends a sentence.
    **dict.fromkeys(("th", "lo", "km"), ("", "", "")),
}
_MARKS["zh"] = _MARKS["yue"] = ("\uff0c", "\u3002", "\uff1f")


def marks_of(language: str) -> tuple[str, ...]:
    """Returns `hark.punctuation.MARKS` as a language writes them.

    Args:
        language: BCP 47 tag.
    """
    return "", *_MARKS.get(language.partition("-")[0], MARKS[1:])


@dataclass(frozen=True)
class PauseSpec:
    """What `hark.written.Writer` asks the spec of a network for: of this one it knows no word."""

    language: str
    mixed_case: dict[str, str] = field(default_factory=dict)
    lexicon: dict[str, str] = field(default_factory=dict)

    def knows(self, word: str) -> bool:  # noqa: ARG002  # as `PunctuationSpec` has it
        """Says whether a word has a vector of its own."""
        return False


class Pauses:
    """Labels words as `hark.punctuation.Punctuator` does, by the pauses after them.

    Args:
        language: BCP 47 tag.
    """

    def __init__(self, language: str) -> None:
        self.spec = PauseSpec(language)

    def labels(self, words: Iterable[tuple[str, float | None]]) -> Iterator[Labels]:
        """Labels words.

        Args:
            words: each as it is spoken, with the pause after it in seconds, None where it is not known.
        """
        begins, before = True, None
        for word in words:
            if before:
                ends = before[1] is not None and before[1] >= SENTENCE_PAUSE_S
                yield _labels(ends, begins)
                begins = ends
            before = word
        if before:
            yield _labels(True, begins)


def _labels(ends: bool, begins: bool) -> Labels:
    return Labels(FULL_STOP if ends else NOTHING, CAPITAL if begins else LOWER)
