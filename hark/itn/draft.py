"""The words that are being read and what has been written for them so far: all that the rules share."""

from collections.abc import Sequence

from hark.itn.cardinals import Number
from hark.itn.items import Item

# More than any rule looks ahead or back, so that indices need no check.
_PADDING = [""] * 32


class Draft:
    """Words with padding around them, and what was made of them so far.

    Attributes:
        words: the words, with empty strings before and after them. All indices of rules are into these.
        start, end: index of the first word and index after the last one.
        items: [items] what was written, in order.
        after_date: index after a day of a month, where a year may follow; -1 if there was none.
    """

    __slots__ = ("after_date", "end", "items", "start", "words")

    def __init__(self, words: Sequence[str]) -> None:
        self.words = [*_PADDING, *words, *_PADDING]
        self.start = len(_PADDING)
        self.end = self.start + len(words)
        self.items: list[Item] = []
        self.after_date = -1

    def write(self, text: str, first: int, last: int, kind: str, number: Number | None = None, symbol: str = "") -> int:
        """Adds a token for some words.

        Args:
            text: as written.
            first: index of its first word.
            last: index after its last word.
            kind: as in `Item`.
            number: what was read, where a neighbour may be written alike.
            symbol: as in `Item`.

        Returns:
            The index after its last word.
        """
        value, factor, scale = (number.value, number.factor, number.scale) if number else (0, 0, 1)
        self.items.append(Item(text, first, last, kind, value, factor, scale, symbol))
        return last

    def keep(self, first: int, last: int) -> int:
        """Leaves words as they are, and returns the index after them."""
        self.items += [Item(self.words[at], at, at + 1) for at in range(first, last)]
        return last

    def finish(self) -> list[Item]:
        """Returns the items, with indices into the words without padding."""
        padding = self.start
        for item in self.items:
            item.first -= padding
            item.last -= padding
        return self.items
