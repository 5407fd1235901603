"""What is written for a few words, and what is still to be known of it while its neighbours are looked at."""


class Item:
    """A token in the making.

    No dataclass: making one takes a millisecond whenever the module is imported.

    Attributes:
        text: as written.
        first, last: its words, the last one excluded.
        kind: "" for a word; "small" and "small ordinal" for numbers left as words; "number", "ordinal", "time",
            "money", "percent", "code", "year" and "idiom" for what is written in its own way.
        value: of a number.
        factor, scale: of a round number, "thirty thousand": 30 and 1000.
        symbol: of money; "date" for an ordinal that is a day.
        plural: of a code: it followed a plural, "pages".
    """

    __slots__ = ("factor", "first", "kind", "last", "plural", "scale", "symbol", "text", "value")

    def __init__(
        self,
        text: str,
        first: int,
        last: int,
        kind: str = "",
        value: int = 0,
        factor: int = 0,
        scale: int = 1,
        symbol: str = "",
    ) -> None:
        self.text = text
        self.first = first
        self.last = last
        self.kind = kind
        self.value = value
        self.factor = factor
        self.scale = scale
        self.symbol = symbol
        self.plural = False


def ordinal(value: int) -> str:
    """Writes 21 as 21st."""
    ending = "th" if value % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value:,}{ending}"
