"""What fits into one subtitle, and how its text is laid out in lines.

Source: the figures that subtitlers work with (Netflix, "Timed Text Style Guide: General Requirements"; BBC, "Subtitle
Guidelines"): two lines of 42 characters, on screen for one to seven seconds.
"""

import textwrap

MAX_LINES = 2
MAX_LINE_CHARACTERS = 42
MIN_S = 1.0
MAX_S = 7.0


def fits(text: str, duration_s: float) -> bool:
    """Says whether a text that is spoken in `duration_s` seconds can stand in one subtitle."""
    return duration_s <= MAX_S and len(lines(text)) <= MAX_LINES


def lines(text: str) -> list[str]:
    """Lays a text out in lines of at most `MAX_LINE_CHARACTERS`; two lines are made as equal as words allow.

    Only a word longer than a line is broken.
    """
    if len(text) <= MAX_LINE_CHARACTERS:
        return [text] if text else []
    spaces = [i for i, character in enumerate(text) if character == " "]
    if spaces:
        # The lengths of the two lines, without the space between them.
        break_at = min(spaces, key=lambda i: max(i, len(text) - i - 1))
        if max(break_at, len(text) - break_at - 1) <= MAX_LINE_CHARACTERS:
            return [text[:break_at], text[break_at + 1 :]]
    return textwrap.wrap(text, MAX_LINE_CHARACTERS, break_on_hyphens=False)
