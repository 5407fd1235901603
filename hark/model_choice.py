"""Which of several models answers: by the language that is asked for, or by the model's name.

An operator lists them as `en=models/asr.onnx,it=models/it.onnx`: the first answers who names neither. What each of them
is comes from its file, without loading it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hark import languages
from hark.errors import ConflictingParameters, InvalidParameter, ModelError
from hark.model_metadata import spec_of
from hark.spec import ModelSpec

_SHOWN_CHARACTERS = 64


@dataclass(frozen=True)
class Candidate:
    """A model that may answer.

    Attributes:
        path: its file.
        spec: what the file says of it.
    """

    path: Path
    spec: ModelSpec


def listed(text: str) -> list[tuple[str, Path]]:
    """Reads a list of models: files apart by commas, each behind the tag of its language and "=".

    Returns:
        tags and files, in order; "" where a file stands alone.

    Raises:
        ValueError: there is none, or a tag is no language.
    """
    found = []
    for item in filter(None, (part.strip() for part in re.split(r"[,\n]", text))):
        tag, equals, path = (part.strip() for part in item.rpartition("="))
        if not path or (equals and not tag):
            raise ValueError(f"has {item[:_SHOWN_CHARACTERS]!r}; write it as en=models/asr.onnx")
        found.append((languages.canonical(tag) if tag else "", Path(path)))
    if not found:
        raise ValueError("names no model; write it as en=models/asr.onnx,it=models/it.onnx")
    return found


class Choice:
    """The models that there are.

    Args:
        candidates: at least one; the first answers who leaves the choice.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = tuple(candidates)

    @classmethod
    def of_list(cls, models: Iterable[tuple[str, Path]]) -> "Choice":
        """Reads what the files of a list say of themselves.

        Args:
            models: what `listed` returns.

        Raises:
            ModelError: a file is no recogniser, is listed for another language than its own, or has another's name.
        """
        candidates: list[Candidate] = []
        for tag, path in models:
            spec = spec_of(path)
            if tag and not languages.answers(spec.language, tag):
                raise ModelError(
                    f"{path} is listed for {languages.name(tag).title()} ({tag}), and writes "
                    f"{languages.name(spec.language).title()}; list it as {spec.language}={path}."
                )
            if spec.name in (each.spec.name for each in candidates):
                raise ModelError(
                    f"Two of the models that are listed are called {spec.name!r}, by which requests choose; give "
                    f"{path} another name in its config (name), and export it again."
                )
            candidates.append(Candidate(path, spec))
        return cls(candidates)

    def model(self, name: str = "", asked: Sequence[str] = (), param: str = "language") -> Candidate:
        """Returns the model that answers.

        Args:
            name: of a model. Another name than those there are names none: existing code names OpenAI's.
            asked: languages, any of which will do; none, "" and "auto" leave the choice.
            param: what to call the languages in an error.

        Raises:
            InvalidParameter: no model writes any of the languages.
            ConflictingParameters: the model that is named writes none of them.
        """
        named = next((each for each in self.candidates if each.spec.name == name), None)
        among = (named,) if named else self.candidates
        number = languages.best(asked, [each.spec.language for each in among])
        if number is not None:
            return among[number]
        if named:
            raise ConflictingParameters(
                f"The model {name!r} knows {_known(among)} only; leave {param} out, or model.", param=param
            )
        raise InvalidParameter(
            f"{'The model knows' if len(among) == 1 else 'The models here know'} {_known(among)} only; set {param} to "
            f"{_one_of([repr(each.spec.language) for each in among])} or leave it out.",
            param=param,
        )


def _known(candidates: Iterable[Candidate]) -> str:
    names = dict.fromkeys(languages.name(each.spec.language).title() for each in candidates)
    return " and ".join(filter(None, [", ".join([*names][:-1]), [*names][-1]]))


def _one_of(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
