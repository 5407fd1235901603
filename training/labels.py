"""What a model can write: the labels of an alphabet, and of a language in its usual one."""

import unicodedata

from hark.languages import ENGLISH
from training.errors import ConfigError
from training.language_rules import rules_of
from training.text import ENGLISH_LABELS


def labels_of_language(language: str) -> list[str]:
    """Returns the labels of a language in its usual alphabet.

    Raises:
        ConfigError: it has none in `training/languages`.
    """
    if language.partition("-")[0] == ENGLISH:
        return list(ENGLISH_LABELS)
    if not (letters := rules_of(language).letters):
        raise ConfigError(
            f"There is no alphabet for {language} in training/languages: name its letters with alphabet=... in the "
            f"config; `python -m training.alphabet MANIFEST --language {language}` proposes some."
        )
    return alphabet_labels(letters)


def alphabet_labels(alphabet: str) -> list[str]:
    """Returns the labels of an alphabet: the blank, the space and its letters, in NFC.

    Spaces in it mean nothing, but for a mark that is a letter of its own: after a letter it would become part of that.

    Raises:
        ConfigError: a letter is there twice, or is a capital.
    """
    letters = [letter for letter in unicodedata.normalize("NFC", alphabet) if not letter.isspace()]
    if twice := sorted({letter for letter in letters if letters.count(letter) > 1}):
        raise ConfigError(f"alphabet has {' '.join(twice)} more than once.")
    if capitals := [letter for letter in letters if letter != letter.lower()]:
        raise ConfigError(f"alphabet has the capitals {' '.join(capitals)}; texts are in lower case: leave these out.")
    return ["", " ", *letters]
