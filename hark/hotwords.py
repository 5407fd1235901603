"""Words that a caller expects, such as names -> a table that gives a beam search credit for their letters.

To the language model a hot word is one it knows, of a certain frequency. Each of its letters earns some credit, too,
while the search is within the word; what was earned is taken back where the word is not finished. Words count from
their first letter to a space or the end, so that "art" earns nothing in "start" or "artist". A hot word may be several
words.

Source: Zhao et al., "Shallow-Fusion End-to-End Contextual Biasing" (Interspeech 2019), for credit that is taken back.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hark.errors import InvalidParameter

# A glossary's worth: the table has a row for each of their letters.
MOST = 100
LONGEST = 50
# Longer parts of a list are sentences with commas in them.
_MOST_WORDS_OF_AN_ITEM = 4

# States of the table before any hot word has begun: where a word may begin, and inside some other word.
_WORD_START, _OTHER_WORD = 0, 1

_QUOTED = re.compile(r"[\"\u201c\u201d\u00ab\u00bb]([^\"\u201c\u201d\u00ab\u00bb]+)[\"\u201c\u201d\u00ab\u00bb]")
# What hot words may be written with: English letters, those that lose an accent and are some, and what parts words.
_HOTWORD = re.compile(r"[A-Za-zÀ-ÅÇ-ÏÑ-ÖÙ-Ýà-åç-ïñ-öù-ýÿ'\u2019 .-]*")
_SHOWN_CHARACTERS = 64
_SEPARATOR = re.compile(r"[,;\n]")
_SENTENCE_ENDS = (".", "!", "?", "\u2026")
_CLOSING = "\"'\u2019\u201d)] \t\r\n"
_CAPITAL = re.compile(r"(?<![^\W_])[^\W\d_a-z](?:[^\W_]|['\u2019](?=[^\W_]))*|[^\W_A-Z]+[A-Z][^\W_]*")
# A full stop behind a title ends none.
_BEGINS_SENTENCE = re.compile(r"(?:^|(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bSt)[.!?:]\s)\W*$")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`\u2032", "'"))
_EDGE_APOSTROPHE = re.compile(r"(?<!\w)'+|'+(?!\w)")


def spelt(text: str) -> str:
    """Writes a hot word as the model does: lower case, accents folded, without punctuation; digits stay."""
    folded = unicodedata.normalize("NFKD", text.lower().translate(_APOSTROPHES))
    kept = (c if c.isalnum() or c == "'" else " " for c in folded if not unicodedata.combining(c))
    return " ".join(_EDGE_APOSTROPHE.sub(" ", "".join(kept)).split())


def checked(words: Iterable[str]) -> tuple[str, ...]:
    """Returns hot words as `spelt` writes them, each once.

    Raises:
        InvalidParameter: one cannot be spelt with English letters or is too long, or there are too many.
    """
    written = {}
    for word in words:
        shown = word[:_SHOWN_CHARACTERS].encode(errors="replace").decode()
        if not _HOTWORD.fullmatch(word):
            raise InvalidParameter(
                f"hotwords has {shown!r}, which cannot be spelt with English letters; write it, and numbers in it, as "
                "it is spoken.",
                param="hotwords",
            )
        if len(word) > LONGEST:
            raise InvalidParameter(
                f"hotwords has {shown!r}, which is longer than {LONGEST} characters; give words and names.",
                param="hotwords",
            )
        if spelt(word):
            written[spelt(word)] = True
    if len(written) > MOST:
        raise InvalidParameter(f"There are more than {MOST} hotwords; give fewer.", param="hotwords")
    return tuple(written)


def of_prompt(prompt: str) -> list[str]:
    """Finds hot words in what OpenAI's API calls a prompt.

    They are what stands in quotation marks; without any, the items of a list with commas, semicolons or line breaks
    ("Glossary: Ishmael, Queequeg"), if they are short; and otherwise the words with capital letters, but for those
    that begin a sentence. A list may have one item ("Ishmael"), which does not end as a sentence does.

    Returns:
        as the prompt has them, `MOST` at most, none longer than `LONGEST`.
    """
    phrases = _QUOTED.findall(prompt)
    if not phrases:
        items = [item.strip(" .") for item in _SEPARATOR.split(prompt.rpartition(":")[2])]
        is_list = len(items) > 1 or not prompt.rstrip(_CLOSING).endswith(_SENTENCE_ENDS)
        if is_list and all(len(item.split()) <= _MOST_WORDS_OF_AN_ITEM for item in items):
            phrases = items
        else:
            phrases = [
                match[0]
                for match in _CAPITAL.finditer(prompt)
                if not _BEGINS_SENTENCE.search(prompt[: match.start()]) or re.search(r"\B[A-Z]", match[0])
            ]
    return list(dict.fromkeys(word for word in phrases if spelt(word) and len(word) <= LONGEST))[:MOST]


@dataclass(frozen=True)
class Table:
    """What a search gets for each label, by state. State 0 is where a search begins.

    Attributes:
        next: [states, labels] the state after a label.
        gains: [states, labels] letters earned with it, less those taken back.
        end_gains: [states] the same for the end of the window.
        within: [states] whether the word that has been begun may become one of a hot word.
        ends: [states] whether it is one, if it ends here.
    """

    next: NDArray[np.int64]
    gains: NDArray[np.float64]
    end_gains: NDArray[np.float64]
    within: NDArray[np.bool_]
    ends: NDArray[np.bool_]


def table(words: Iterable[str], labels: Sequence[str]) -> Table:
    """Makes the table.

    Args:
        words: as `spelt` writes them; letters that the model lacks make a word that never comes.
        labels: the character of each of the model's labels, "" for the blank.
    """
    whole = {word for word in words if word}
    prefixes = sorted({word[:length] for word in whole for length in range(1, len(word) + 1)})
    states = {prefix: state for state, prefix in enumerate(prefixes, _OTHER_WORD + 1)}
    space = labels.index(" ") if " " in labels else None
    columns = {label: column for column, label in enumerate(labels) if label}
    following = np.full((len(states) + 2, len(labels)), _OTHER_WORD)
    gains = np.zeros(following.shape)
    end_gains = np.zeros(len(following))
    if space is not None:
        following[:, space] = _WORD_START
    for prefix, state in states.items():
        if len(prefix) == 1 and prefix in columns:
            following[_WORD_START, columns[prefix]] = state
            gains[_WORD_START, columns[prefix]] = 1
        # What is taken back where it does not go on: all but the hot words in it that were finished.
        whole_at = (at for at in range(len(prefix) - 1, 0, -1) if prefix[at] == " " and prefix[:at] in whole)
        lost = len(prefix) - next(whole_at, 0)
        gains[state] = -lost
        end_gains[state] = 0 if prefix in whole else -lost
        if prefix in whole and space is not None:
            gains[state, space] = 0
        for label, column in columns.items():
            if prefix + label in states:
                following[state, column] = states[prefix + label]
                gains[state, column] = 1
            elif " " in prefix:  # another hot word may have begun with a later word of this one
                rests = (prefix[at + 1 :] + label for at, character in enumerate(prefix) if character == " ")
                rest = next((rest for rest in rests if rest in states), "")
                if rest:
                    following[state, column] = states[rest]
                    gains[state, column] += len(rest)
    begun = [False, False, *(not prefix.endswith(" ") for prefix in prefixes)]
    ended = [False, False, *(prefix in whole or f"{prefix} " in states for prefix in prefixes)]
    return Table(following, gains, end_gains, np.array(begun), np.array(ended))
