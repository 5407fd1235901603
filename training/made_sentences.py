"""Makes sentences of a grammar, to be read aloud: `python -m training.made_sentences --language it --output FILE`.

Where there are no texts that may be used for speech in a language, these will do to try everything out: the grammars in
`training/grammars` are the project's own, with a few hundred words, names, dates and numbers, which are written as
words. What they make sense of is grammar, not the world. Read by `python -m training.synthesize`, they make a corpus on
which error rates can be measured; they say little about how a model does on what people really say.

A grammar is a table of lists. <name> stands for any of the alternatives of that name, <1-99> for a number in words, and
`sentence` is where it begins, and `joined` has what two words become that meet ("de el del"). Another language is
another file in the folder.
"""

import argparse
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from hark.command import command
from hark.errors import HarkError
from training.language_rules import checked_tag, rules_of
from training.numbers import Numbers

FOLDER = Path(__file__).with_name("grammars")
_START, _JOINED = "sentence", "joined"
_PART = re.compile(r"<([^<>]*)>")
_NUMBER = re.compile(r"(\d+)-(\d+)")
# Deeper than any sentence is; a rule that contains itself has no end.
_DEEPEST = 20
# As many sentences in a row that were made before: the grammar has no others.
_MOST_REPEATS = 1000

Grammar = Mapping[str, Sequence[str]]


def read_grammar(path: Path) -> Grammar:
    """Reads a grammar.

    Raises:
        HarkError: it cannot be read, or has a name without alternatives.
    """
    try:
        table: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        there = ", ".join(sorted(each.stem for each in path.parent.glob("*.yaml")))
        raise HarkError(f"There is no grammar {path}; there are {there}.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise HarkError(f"The grammar {path} cannot be read: {' '.join(str(error).split())}.") from error
    if not isinstance(table, dict) or not all(isinstance(each, list) and each for each in table.values()):
        raise HarkError(f"The grammar {path} is no table of lists.")
    grammar = {str(name): [str(each) for each in alternatives] for name, alternatives in table.items()}
    named = {name for alternatives in grammar.values() for each in alternatives for name in _PART.findall(each)}
    if missing := sorted(name for name in {*named, _START} if name not in grammar and not _NUMBER.fullmatch(name)):
        raise HarkError(f"The grammar {path} has no alternatives for {', '.join(missing)}.")
    if odd := [each for each in grammar.get(_JOINED, []) if len(each.split()) != 3]:
        raise HarkError(f"The grammar {path} has {odd[0]!r} in {_JOINED}: two words, and what they become.")
    return grammar


def sentences(grammar: Grammar, language: str, seed: int) -> Iterator[str]:
    """Yields sentences, each once, in drawn order; ends where the grammar has hardly any others."""
    rng = random.Random(seed)  # noqa: S311  # no secret
    numbers = Numbers(rules_of(language))
    made: set[str] = set()
    repeats = 0
    while repeats < _MOST_REPEATS:
        text = _joined(_filled(f"<{_START}>", grammar, numbers, rng), grammar)
        text = text[:1].upper() + text[1:] if text[:1].isalpha() else text[:1] + text[1:2].upper() + text[2:]
        if text in made:
            repeats += 1
            continue
        repeats = 0
        made.add(text)
        yield text


def _filled(text: str, grammar: Grammar, numbers: Numbers, rng: random.Random, depth: int = 0) -> str:
    if depth > _DEEPEST:
        raise HarkError("The grammar has a name that contains itself.")

    def part(m: re.Match[str]) -> str:
        if m[1] in grammar:
            return _filled(rng.choice(grammar[m[1]]), grammar, numbers, rng, depth + 1)
        low, high = m[1].split("-")
        return " ".join(numbers.words(str(rng.randint(int(low), int(high)))).split())

    return _PART.sub(part, text)


def _joined(text: str, grammar: Grammar) -> str:
    for first, second, both in map(str.split, grammar.get(_JOINED, [])):
        end = "" if second.endswith("'") else r"(?!\w)"
        text = re.sub(rf"(?<!\w){re.escape(first)} {re.escape(second)}{end}", both, text)
    return text


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", required=True, help="BCP 47 tag of a grammar in training/grammars, such as it")
    parser.add_argument("--output", type=Path, required=True, help="where they are written, a sentence a line")
    parser.add_argument("--count", type=int, default=2000, help="sentences (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="another one makes other sentences (default: %(default)s)")
    parser.add_argument(
        "--except", dest="known", type=Path, nargs="*", default=[], help="files whose lines not to make"
    )
    options = parser.parse_args(arguments)
    if options.count < 1:
        raise HarkError("--count must be at least 1.")
    language = checked_tag(options.language)
    grammar = read_grammar(FOLDER / f"{language.partition('-')[0]}.yaml")
    known = {line for path in options.known for line in path.read_text(encoding="utf-8").splitlines()}
    made = (each for each in sentences(grammar, language, options.seed) if each not in known)
    lines = [each for _, each in zip(range(options.count), made, strict=False)]
    options.output.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    words = [word for line in lines for word in line.split()]
    print(f"{options.output}: {len(lines):,} sentences, {len(words):,} words, {len(set(words)):,} of them different")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
