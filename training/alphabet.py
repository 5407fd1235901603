"""Proposes an alphabet for the texts of manifests: `python -m training.alphabet MANIFEST ... [--language it]`.

Prints how often each character is in the texts, in Unicode's NFC, and what becomes of it: a letter, something that is
folded to letters (capitals, accents of foreign words, ligatures, typographic apostrophes), a number or a sign that is
spoken, or nothing. Then the two lines for a config, and the utterances that a model with this alphabet cannot learn
from. `--alphabet` tries another one.

A language whose table in `training/languages` has an alphabet gets that one; for others, a letter is proposed if it is
frequent enough and of a script that is. A mark that Unicode does not join with its letter, such as a vowel sign of
Hindi, is a label of its own.
"""

import argparse
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hark.command import command
from hark.languages import ENGLISH
from training.counts import counted
from training.errors import ManifestError
from training.labels import alphabet_labels
from training.language_rules import Rules, checked_tag, rules_of
from training.manifest import Utterance, read_manifests
from training.normaliser import Normaliser, figures_hint, is_english, is_letter, normaliser
from training.text import ENGLISH_LABELS, unknown_characters

# Letters that are rarer than this share of all, or in fewer utterances, are of foreign words, or are misprints.
_LEAST_SHARE, _LEAST_UTTERANCES = 1e-4, 3
# A script that has less than this share of the letters is that of foreign words.
_LEAST_SCRIPT = 0.05
# Vowel points and accents that stand apart are written throughout, or now and then, and then they are left out.
_LEAST_ACCENTS = 0.02
# Of words with an apostrophe within.
_LEAST_APOSTROPHES = 0.001
_SHOWN = 10


@dataclass
class Count:
    """How often a character is in the texts.

    Attributes:
        times: in all.
        utterances: in how many.
    """

    times: int = 0
    utterances: int = 0


@dataclass
class Characters:
    """What the texts of a language consist of.

    Attributes:
        counts: of the characters, in lower case, where letters are words' own and numbers are words.
        raw: of the characters as they are written, in NFC.
        apostrophes: share of words that have an apostrophe between letters.
    """

    counts: dict[str, Count] = field(default_factory=dict)
    raw: dict[str, Count] = field(default_factory=dict)
    apostrophes: float = 0.0


def count(texts: Sequence[str], rules: Rules) -> Characters:
    """Counts the characters of texts."""
    seen = set(unicodedata.normalize("NFC", "".join(texts)).lower()) | set(rules.letters)
    compatible = {c for c in seen if is_letter(c) and unicodedata.normalize("NFKC", c) == c}
    open_letters = sorted(compatible | {"'"} | {c for c in rules.letters if c != " "})
    written = Normaliser(rules, ["", " ", *open_letters])
    characters = Characters()
    words = with_apostrophe = 0
    for text in texts:
        normal = written(text)
        words += len(normal.split())
        with_apostrophe += sum("'" in word[1:-1] for word in normal.split())
        _add(characters.counts, normal)
        _add(characters.raw, unicodedata.normalize("NFC", text))
    characters.apostrophes = with_apostrophe / max(words, 1)
    return characters


def _add(counts: dict[str, Count], text: str) -> None:
    for character, times in Counter(text).items():
        found = counts.setdefault(character, Count())
        found.times += times
        found.utterances += 1


def propose(characters: Characters, rules: Rules) -> str:
    """Returns an alphabet: that of the language's table, else the letters that are frequent enough."""
    if rules.letters:
        return rules.letters
    if is_english(rules.tag):
        return "".join(ENGLISH_LABELS[2:])
    letters = {c: found for c, found in characters.counts.items() if is_letter(c)}
    total = sum(found.times for found in letters.values())
    scripts: Counter[str] = Counter()
    for letter, found in letters.items():
        scripts[_script(letter)] += found.times
    accents = sum(found.times for c, found in letters.items() if unicodedata.combining(c) >= _FIRST_ACCENT)
    chosen = [
        letter
        for letter, found in letters.items()
        if found.times >= _LEAST_SHARE * total
        and found.utterances >= _LEAST_UTTERANCES
        and (_script(letter) in ("", "COMBINING") or scripts[_script(letter)] >= _LEAST_SCRIPT * total)
        and (unicodedata.combining(letter) < _FIRST_ACCENT or accents >= _LEAST_ACCENTS * total)
    ]
    if characters.apostrophes >= _LEAST_APOSTROPHES:
        chosen.append("'")
    chosen.sort(key=lambda c: (bool(unicodedata.combining(c)), not is_letter(c), c))
    # A space keeps a mark from becoming part of the letter before.
    return "".join(f" {c}" if unicodedata.combining(c) else c for c in chosen)


# Below are nuktas and viramas, without which a letter is another.
_FIRST_ACCENT = 10


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def fate(character: str, written: Normaliser) -> str:
    """Says what becomes of a character as it is written: that it is a letter, or that it is folded to u."""
    small = written.lower(character)
    if all(each in written.letters for each in small):
        return "letter" if len(small) == 1 and is_letter(small) else "letter, within words"
    if character.isdigit():
        return "read as a number" if written.reads_numbers else "cannot be read"
    if any(small in key for key in written.rules.spoken):
        return "spoken, as the table says"
    folded = "".join(written.fold(each) for each in small)
    if not folded.strip():
        return "dropped" if folded else "left out"
    if all(each in written.letters or each == " " for each in folded):
        return f"folded to {folded}"
    return "no label: its utterances are left out"


def language_of(utterances: Iterable[Utterance]) -> str:
    """Returns the language that manifests name; English where they name none.

    Raises:
        ManifestError: they name several.
    """
    named = sorted({str(each.extra["language"]) for each in utterances if each.extra.get("language")})
    if len({tag.partition("-")[0] for tag in named}) > 1:
        raise ManifestError(f"The manifests are in {', '.join(named)}; say which alphabet is wanted with --language.")
    return named[0] if named else ENGLISH


def _table(raw: dict[str, Count], written: Normaliser) -> str:
    rows = [f"{'':<10}{'times':>9}{'utterances':>12}  what becomes of it"]
    for character, found in sorted(raw.items(), key=lambda item: (-item[1].times, item[0])):
        if character.isspace():
            continue
        shown = character if unicodedata.category(character)[0] not in "MC" else f"U+{ord(character):04X}"
        name = unicodedata.name(character, "").lower()
        rows.append(f"{shown:<10}{found.times:>9,}{found.utterances:>12,}  {fate(character, written)} ({name})")
    return "\n".join(rows)


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", metavar="MANIFEST", type=Path, nargs="+")
    parser.add_argument("--language", help="BCP 47 tag, such as it or pt-BR (default: what the manifests say, else en)")
    parser.add_argument("--alphabet", metavar="LETTERS", help="try these letters instead of proposing some")
    options = parser.parse_args(arguments)
    utterances = read_manifests(options.manifests)
    language = checked_tag(options.language or language_of(utterances))
    rules = rules_of(language)
    texts = [utterance.text for utterance in utterances]
    characters = count(texts, rules)
    alphabet = options.alphabet or propose(characters, rules)
    if not alphabet:
        raise ManifestError("The manifests have too little text to propose an alphabet from; name one: --alphabet.")
    labels = tuple(alphabet_labels(alphabet))
    print(_table(characters.raw, Normaliser(rules, labels)))
    letters = alphabet.replace("\\", "\\\\").replace('"', '\\"')
    print(f"\n{counted(len(labels), 'label')} with the blank and the space. For a config:\n")
    print(f'language: {language}\nalphabet: "{letters}"\n')
    normalised = normaliser(language, labels)
    left_out = []
    for utterance in utterances:
        text = normalised(utterance.text)
        if unknown := unknown_characters(text, labels):
            left_out.append((utterance, f"no label for {' '.join(sorted(unknown))}"
                             f"{figures_hint(unknown, language, labels)} in {utterance.text!r}"))  # fmt: skip
        elif not text:
            left_out.append((utterance, f"no word in {utterance.text!r}"))
    print(f"{len(left_out):,} of {counted(len(utterances), 'utterance')} would be left out{':' if left_out else '.'}")
    for utterance, reason in left_out[:_SHOWN]:
        print(f"    {utterance.audio_path}: {reason}")
    if len(left_out) > _SHOWN:
        print(f"    and {len(left_out) - _SHOWN:,} more")
    return 0


if __name__ == "__main__":
    sys.exit(main())
