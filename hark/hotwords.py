"""Words that a caller expects, such as names -> a table that gives a beam search credit for their letters.

To the language model a hot word is one it knows, of a certain frequency. Each of its letters earns some credit, too,
while the search is within the word; what was earned is taken back where the word is not finished. Words count from
their first letter to a space or the end, so that "art" earns nothing in "start" or "artist". A hot word may be several
words.

Source: Zhao et al., "Shallow-Fusion End-to-End Contextual Biasing" (Interspeech 2019), for credit that is taken back.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hark import languages
from hark.alphabet import ENGLISH_ALPHABET, Alphabet
from hark.errors import InvalidParameter

# A glossary's worth: the table has a row for each of their letters.
MOST = 100
LONGEST = 50
# Longer parts of a list are sentences with commas in them.
_MOST_WORDS_OF_AN_ITEM = 4
# What a list as it is sent may have: all of a glossary, three times over for spaces and repetition. Longer ones are
# refused unread, since splitting them takes time.
LONGEST_LIST = 3 * MOST * LONGEST

# States of the table before any hot word has begun: where a word may begin, and inside some other word.
_WORD_START, _OTHER_WORD = 0, 1

_QUOTED = re.compile(r"[\"\u201c\u201d\u00ab\u00bb]([^\"\u201c\u201d\u00ab\u00bb]+)[\"\u201c\u201d\u00ab\u00bb]")
_SHOWN_CHARACTERS = 64
# Commas of all scripts that have one.
_COMMA = re.compile(r"[,\u060c\u3001\uff0c\u055d\u1363]")
_SEPARATOR = re.compile(r"[,\u060c\u3001\uff0c\u055d\u1363;\u061b\uff1b\n]")
_ENDS = ".!?\u2026\u061f\u06d4\u0964\u0965\u3002\uff01\uff1f\u0589\u1362\u104b"
_SENTENCE_ENDS = tuple(_ENDS)
_CLOSING = "\"'\u2019\u201d)] \t\r\n"
# Letters and digits together, with apostrophes within them and with the marks of scripts such as Hindi's, which are no
# letters to `re`. Possessive: each is read once.
_WORD = re.compile(
    r"[^\W_](?:[^\W_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff\u0e31-\u0e4e]|['\u2019](?=[^\W_]))*+"
)
# A full stop behind a title ends none.
_SENTENCE_END = re.compile(rf"(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bSt)(?:[{_ENDS}:]\s|[\u3002\uff01\uff1f])")


def spelt(text: str, alphabet: Alphabet = ENGLISH_ALPHABET) -> str:
    """Writes a hot word as the model does; see `Alphabet.spelt`."""
    return alphabet.spelt(text)


def parted(text: str) -> list[str]:
    """Returns what stands between the commas of a list, in whatever script they are."""
    return _COMMA.split(text)


def listed(values: Iterable[str]) -> list[str]:
    """Returns the words of lists with commas, without the spaces around them.

    Raises:
        InvalidParameter: they are longer than any such list has to be.
    """
    words: list[str] = []
    length = 0
    for value in values:
        length += len(value) + 1
        if length > LONGEST_LIST:
            raise InvalidParameter(
                f"hotwords are longer than {LONGEST_LIST} characters; give {MOST} words and names at most.",
                param="hotwords",
            )
        words += (word.strip() for word in parted(value) if word.strip())
    return words


def checked(words: Iterable[str], alphabet: Alphabet = ENGLISH_ALPHABET) -> tuple[str, ...]:
    """Returns hot words as `spelt` writes them, each once.

    Args:
        words: as somebody typed them.
        alphabet: of the model.

    Raises:
        InvalidParameter: one cannot be spelt with the model's letters or is too long, or there are too many.
    """
    written = {}
    for word in dict.fromkeys(words):
        shown = word[:_SHOWN_CHARACTERS].encode(errors="replace").decode()
        if not alphabet.can_write(word):
            language = languages.name(alphabet.language).title()
            raise InvalidParameter(
                f"hotwords has {shown!r}, which cannot be spelt with {language} letters; write it, and numbers in it, "
                "as it is spoken.",
                param="hotwords",
            )
        if len(word) > LONGEST:
            raise InvalidParameter(
                f"hotwords has {shown!r}, which is longer than {LONGEST} characters; give words and names.",
                param="hotwords",
            )
        if as_spelt := spelt(word, alphabet):
            written[as_spelt] = True
        if len(written) > MOST:
            raise InvalidParameter(f"There are more than {MOST} hotwords; give fewer.", param="hotwords")
    return tuple(written)


def of_prompt(prompt: str, alphabet: Alphabet = ENGLISH_ALPHABET) -> list[str]:
    """Finds hot words in what OpenAI's API calls a prompt.

    They are what stands in quotation marks; without any, the items of a list with commas, semicolons or line breaks
    ("Glossary: Ishmael, Queequeg"), if they are short; and otherwise the words with capital letters, but for those
    that begin a sentence. A list may have one item ("Ishmael"), which does not end as a sentence does.

    Args:
        prompt: as somebody typed it.
        alphabet: of the model.

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
                for match in _WORD.finditer(prompt)
                if match[0] != match[0].lower()
                and (_has_capital(match[0][1:]) or not _begins_sentence(prompt, match.start()))
            ]
    return list(dict.fromkeys(word for word in phrases if len(word) <= LONGEST and spelt(word, alphabet)))[:MOST]


def _has_capital(text: str) -> bool:
    return any(letter.isupper() for letter in text)


def _begins_sentence(text: str, at: int) -> bool:
    """Says whether a word begins a sentence: only what parts it from the word before is looked at."""
    gap = at
    while gap and not (text[gap - 1].isalnum() or text[gap - 1] == "_"):
        gap -= 1
    return gap == 0 or _SENTENCE_END.search(text, gap, at) is not None


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
        labels: what each of the model's labels spells, "" for the blank.
    """
    if max(map(len, labels)) > 1:
        alphabet = sorted(set("".join(labels)))
        return _of_labels(table(words, alphabet), alphabet, labels)
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
    length_of = np.array([0, 0, *(len(prefix) for prefix in prefixes)])
    # How much of a prefix is a hot word that was finished within it, and the state of the hot word, if any, that a
    # later word of it has begun: the longest of them.
    finished, later = np.zeros(len(following), np.int64), np.full(len(following), _OTHER_WORD)
    is_whole = np.array([False, False, *(prefix in whole for prefix in prefixes)])
    # All prefixes of a length at once, the shortest first: what is known of those is needed for these.
    for prefixes_of_length in _by_length(prefixes):
        own = np.array([states[prefix] for prefix in prefixes_of_length])
        before = np.array([states.get(prefix[:-1], _WORD_START) for prefix in prefixes_of_length])
        ends_in_space = np.array([prefix.endswith(" ") for prefix in prefixes_of_length])
        # Letters that the model lacks have no column; such a state is never come to.
        letters = np.array([columns.get(prefix[-1], -1) for prefix in prefixes_of_length])
        known = letters >= 0
        if len(prefixes_of_length[0]) > 1:
            finished[own] = np.where(ends_in_space & is_whole[before], length_of[before], finished[before])
            begun_later = np.where(known, following[later[before], letters], _OTHER_WORD)
            later[own] = np.where(
                begun_later > _OTHER_WORD, begun_later, np.where(ends_in_space, _WORD_START, _OTHER_WORD)
            )
        following[before[known], letters[known]] = own[known]
        gains[before[known], letters[known]] = 1
        # What is taken back where it does not go on: all but the hot words in it that were finished.
        lost = length_of[own] - finished[own]
        gains[own] = -lost[:, None]
        end_gains[own] = np.where(is_whole[own], 0, -lost)
        if space is not None:
            gains[own, space] = np.where(is_whole[own], 0, -lost)
        # Another hot word may have begun with a later word of this one.
        rests = following[later[own]]
        goes_on = rests > _OTHER_WORD
        following[own] = np.where(goes_on, rests, following[own])
        gains[own] += np.where(goes_on, length_of[rests], 0)
    begun = [False, False, *(not prefix.endswith(" ") for prefix in prefixes)]
    ended = [False, False, *(prefix in whole or f"{prefix} " in states for prefix in prefixes)]
    return Table(following, gains, end_gains, np.array(begun), np.array(ended))


def _of_labels(by_letter: Table, letters: Sequence[str], labels: Sequence[str]) -> Table:
    """Makes the table of labels of several letters from that of their letters, which come one after the other."""
    columns = {letter: column for column, letter in enumerate(letters)}
    following = np.repeat(np.arange(len(by_letter.next))[:, None], len(labels), axis=1)
    gains = np.zeros(following.shape)
    for label, spelt in enumerate(labels):
        for letter in spelt:
            states = following[:, label]
            gains[:, label] += by_letter.gains[states, columns[letter]]
            following[:, label] = by_letter.next[states, columns[letter]]
    return dataclasses.replace(by_letter, next=following, gains=gains)


def _by_length(prefixes: Sequence[str]) -> list[list[str]]:
    """Puts prefixes of one length together, the shortest first."""
    groups: dict[int, list[str]] = {}
    for prefix in prefixes:
        groups.setdefault(len(prefix), []).append(prefix)
    return [groups[length] for length in sorted(groups)]
