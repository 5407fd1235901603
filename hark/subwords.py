"""Words -> subwords, the pieces that an attention decoder spells with, and back.

Byte-pair encoding (Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", ACL 2016), as GPT-2
and Whisper use it: a word begins with its space, a contraction's ending ("'t") is apart, and of all pairs of
neighbours that make a subword the one that was learnt first is joined first. A network need not have all subwords of a
published vocabulary: one that it lacks is taken apart again into those that it was joined from.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

# A word's pieces: its letters with the space before it, and what an apostrophe begins.
_PIECES = re.compile(r"^[^']+|'[^']*")
# Words repeat: a window's candidates differ in a few.
_REMEMBERED = 20_000


class Subwords:
    """A vocabulary.

    Args:
        joined: the subwords in the order in which they were learnt; " " begins those that begin a word.
        kept: those that the network has, which get the ids from 0 on; every character must be one of them.

    Raises:
        ValueError: a subword is there twice or is not among `joined`, or a character is missing.
    """

    def __init__(self, joined: Sequence[str], kept: Sequence[str]) -> None:
        self.joined, self.tokens = tuple(joined), tuple(kept)
        self._ranks = {token: rank for rank, token in enumerate(joined)}
        self._ids = {token: i for i, token in enumerate(kept)}
        if len(self._ranks) != len(joined) or len(self._ids) != len(kept):
            raise ValueError("a subword is there twice")
        if missing := set("".join(joined)) - set(self._ids):
            raise ValueError(f"these characters are no subwords: {' '.join(sorted(missing))}")
        if unknown := set(self._ids) - set(self._ranks):
            raise ValueError(f"it is not known when these are joined: {', '.join(sorted(unknown)[:5])}")
        self._of_word = lru_cache(maxsize=_REMEMBERED)(self._ids_of_word)

    def __len__(self) -> int:
        return len(self.tokens)

    def ids(self, text: str) -> list[int] | None:
        """Returns the subwords of a text, words apart by spaces; None if it has a character that none of them has."""
        found: list[int] = []
        for word in text.split():
            ids = self._of_word(word)
            if ids is None:
                return None
            found += ids
        return found

    def text(self, ids: Iterable[int]) -> str:
        """Returns the text that subwords spell, words apart by single spaces."""
        return " ".join("".join(self.tokens[each] for each in ids).split())

    def _ids_of_word(self, word: str) -> tuple[int, ...] | None:
        if not all(character in self._ids for character in f" {word}"):
            return None
        pieces = _PIECES.findall(f" {word}")
        return tuple(self._ids[part] for piece in pieces for part in self._parts(piece, len(self._ranks)))

    def _parts(self, piece: str, below: int) -> list[str]:
        """Joins a piece's characters by pairs of a rank below this; takes apart again what is not kept."""
        parts = list(piece)
        while len(parts) > 1:
            ranks = [self._ranks.get(a + b, below) for a, b in itertools.pairwise(parts)]
            first = min(range(len(ranks)), key=ranks.__getitem__)
            if ranks[first] >= below:
                break
            parts[first : first + 2] = [parts[first] + parts[first + 1]]
        return [
            kept for part in parts for kept in ([part] if part in self._ids else self._parts(part, self._ranks[part]))
        ]
