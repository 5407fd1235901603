"""What an operator answered for a stack: its name, region and parameters, in one place that every command reads.

`make deploy` keeps them in `samconfig.local.toml`, which git ignores, so that no version of the repository collides
with them. The format is that of sam's own configuration, which is read, too: `samconfig.toml` has the defaults, and
what `sam deploy --guided` wrote there counts. Where both name a thing, the operator's own file wins.

A section belongs to a stack, the section `default` to the one that is meant where none is named. HARK_ANSWERS names
another file.
"""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hark.errors import HarkError

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT / "samconfig.toml"
OWN = "samconfig.local.toml"
DEFAULT_SECTION = "default"
DEFAULT_NAME = "hark"
_HEAD = "# What you answered to `make deploy`; every command reads it, and git ignores it.\nversion = 0.1\n"
# sam reads both `Name=value` and the longer form of AWS's own command line.
_LONG_FORM = re.compile(r"ParameterKey=([^,]+),ParameterValue=(.*)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}", re.ASCII)


class AnswersError(HarkError):
    """What was answered cannot be read."""


@dataclass(frozen=True)
class Answers:
    """What is known of a stack before AWS is asked.

    Attributes:
        stack: its name.
        section: where it is kept.
        region: AWS's region; "" for that of AWS's own settings.
        profile: the profile of AWS's settings; "" for the usual one.
        parameters: of template.yaml, those that were given.
        answered: whether an operator has answered for this stack, here or to sam.
    """

    stack: str
    section: str = DEFAULT_SECTION
    region: str = ""
    profile: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    answered: bool = False

    def with_parameters(self, given: Mapping[str, str]) -> "Answers":
        """Returns the same with more parameters; a later value replaces an earlier one."""
        return replace(self, parameters={**self.parameters, **given})


def own_file() -> Path:
    """Returns where the operator's answers are kept."""
    return Path(os.environ.get("HARK_ANSWERS") or ROOT / OWN)


def is_stack_name(name: str) -> bool:
    """Says whether CloudFormation takes this name for a stack."""
    return _NAME.fullmatch(name) is not None


def find(stack: str = "") -> Answers:
    """Returns the answers for a stack.

    Args:
        stack: its name; "" for the one that was named in the answers.

    Raises:
        AnswersError: a file of them cannot be read.
    """
    # What is of the file beside the template comes first, and is overwritten.
    shared, own = _sections(SHARED), _sections(own_file())
    sections = {name: {**shared.get(name, {}), **own.get(name, {})} for name in {**shared, **own}}
    section = _section_of(stack, sections, own)
    found = sections.get(section, {})
    # A region or parameters say that somebody answered; the defaults have neither, but for parameters of dev and prod.
    answered = section in own or "region" in shared.get(section, {})
    parameters = {
        **read_parameters(shared.get(section, {}).get("parameter_overrides", "")),
        **read_parameters(own.get(section, {}).get("parameter_overrides", "")),
    }
    name = stack or str(found.get("stack_name") or DEFAULT_NAME)
    return Answers(
        name, section, str(found.get("region", "")), str(found.get("profile", "")), parameters, answered=answered
    )


def save(answers: Answers) -> None:
    """Keeps answers in the operator's own file, beside those for other stacks."""
    path = own_file()
    kept = _read(path)
    section = kept.setdefault(answers.section, {})
    general = section.setdefault("global", {}).setdefault("parameters", {})
    general["stack_name"] = answers.stack
    for name, value in (("region", answers.region), ("profile", answers.profile)):
        if value:
            general[name] = value
    for command in ("build", "deploy"):
        of_command = section.setdefault(command, {}).setdefault("parameters", {})
        # Of an older answer, or of sam's: what is said once cannot disagree.
        for name in ("stack_name", "region", "profile"):
            of_command.pop(name, None)
        of_command["parameter_overrides"] = written(answers.parameters)
    kept.pop("version", None)
    path.write_text(_HEAD + _toml(kept), encoding="utf-8")


def read_parameters(value: Any) -> dict[str, str]:
    """Reads parameters in any of the forms that sam takes: one text, a list of texts, or a table."""
    if isinstance(value, Mapping):
        return {str(name): _text(each) for name, each in value.items()}
    if isinstance(value, list):
        return {name: each for part in value for name, each in read_parameters(part).items()}
    try:
        words = shlex.split(str(value))
    except ValueError as error:
        raise AnswersError(f"{value!r} are no parameters: {error}; write Name=value, with quotation marks.") from error
    found = {}
    for word in words:
        long_form = _LONG_FORM.fullmatch(word)
        name, equals, text = (long_form[1], "=", long_form[2]) if long_form else word.partition("=")
        if not equals or not name:
            raise AnswersError(f"{word!r} is no parameter; write Name=value, such as Model=small.")
        found[name] = text
    return found


def arguments(parameters: Mapping[str, str]) -> list[str]:
    """Returns the words of sam's command line for parameters; none where there are none."""
    return ["--parameter-overrides", *map(_quoted, parameters.items())] if parameters else []


def written(parameters: Mapping[str, str]) -> str:
    """Returns parameters as one text, as sam writes them."""
    return " ".join(map(_quoted, parameters.items()))


def _quoted(item: tuple[str, str]) -> str:
    name, value = item
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _section_of(stack: str, sections: Mapping[str, Mapping[str, Any]], own: Mapping[str, Any]) -> str:
    """Returns the section for a stack: the one that names it, or the one that is named like it.

    Where no stack is named, that is `default`, unless the operator has answered for one stack alone.
    """
    if not stack and len(own) == 1:
        return next(iter(own))
    if not stack or sections.get(DEFAULT_SECTION, {}).get("stack_name", DEFAULT_NAME) == stack:
        return DEFAULT_SECTION
    named = [name for name, section in sections.items() if section.get("stack_name") == stack]
    return named[0] if named else stack


def _sections(path: Path) -> dict[str, dict[str, Any]]:
    """Returns what a file says for each section, of all commands and of the one that deploys."""
    found = {}
    for name, section in _read(path).items():
        if isinstance(section, dict):
            parts = [section.get(command, {}).get("parameters", {}) for command in ("global", "deploy")]
            found[name] = {key: value for part in parts for key, value in part.items()}
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise AnswersError(f"{path.name} cannot be read: {error}; mend it, or delete it and answer again.") from error


def _toml(table: Mapping[str, Any], names: tuple[str, ...] = ()) -> str:
    """Writes tables of texts, numbers, truth values and lists, which is all that sam's configuration has."""
    plain = {name: value for name, value in table.items() if not isinstance(value, Mapping)}
    text = ""
    if plain:
        text += f"\n[{'.'.join(names)}]\n" if names else "\n"
        text += "".join(f"{_key(name)} = {_value(value)}\n" for name, value in plain.items())
    inner = ((name, value) for name, value in table.items() if isinstance(value, Mapping))
    return text + "".join(_toml(value, (*names, _key(name))) for name, value in inner)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII) else _value(name)


def _value(value: Any) -> str:
    values: Iterable[Any] = value if isinstance(value, list) else ()
    # Texts and truth values are written in JSON as in TOML.
    return f"[{', '.join(map(_value, values))}]" if values else json.dumps(value, ensure_ascii=False, default=str)
