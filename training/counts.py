"""Numbers of things as people read them."""


def counted(number: int, thing: str) -> str:
    """Returns "1 utterance", "2 utterances" or "1,200 utterances"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
