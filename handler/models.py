"""The recognisers that are deployed side by side: which of them is meant, and which are loaded.

The first is loaded at the start and stays. Another is loaded with the first request for it, as long as all together
take no more memory than they may; otherwise those go that were not asked for the longest.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from handler.settings import Settings, SettingsError
from hark import model_files
from hark.decoding import Decoders
from hark.errors import ModelUnavailable
from hark.model_choice import Candidate, Choice
from hark.pipeline import Runner
from hark.recognizer import Recognizer
from hark.spec import ModelSpec
from hark.written import Writers

# What a loaded model takes, for each byte of its files: weights are packed anew for the processor, and a session has
# graphs beside them (measured: 98 MB for 45 MB of files).
_MEMORY_PER_BYTE = 2.5
_DIGEST_CHUNK = 1 << 20


class Loaded(NamedTuple):
    """A model with what decodes for it and writes its text."""

    recognizer: Runner
    decoders: Decoders
    writers: Writers

    @property
    def spec(self) -> ModelSpec:
        """Of the recogniser."""
        return self.recognizer.spec


class Models:
    """The models of an endpoint.

    Args:
        settings: which there are, and how much memory they may take.
        first: the spec of the first one, which is loaded; None to read it from its file.

    Raises:
        ModelError: a file is no recogniser of the language that it is listed for.
        SettingsError: one of them cannot be loaded beside the first.
    """

    def __init__(self, settings: Settings, first: ModelSpec | None = None) -> None:
        self._settings = settings
        if settings.several or first is None:
            self.choice = Choice.of_list(settings.models)
        else:
            self.choice = Choice([Candidate(settings.model_path, first)])
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._digests: dict[Path, str] = {}
        for each in self.choice.candidates[1:]:
            needed = self._memory(self.first) + self._memory(each)
            if needed > self._most_bytes:
                raise SettingsError(
                    f"HARK_MODELS_MB allows {settings.models_mb:g} MB, and {each.path} beside {self.first.path} takes "
                    f"about {needed / 1e6:.0f}; raise it, or deploy the model alone."
                )

    @property
    def first(self) -> Candidate:
        """The model that answers who names neither model nor language."""
        return self.choice.candidates[0]

    @property
    def languages(self) -> tuple[str, ...]:
        """Tags of the languages that there are, each once, that of the first model first."""
        return tuple(dict.fromkeys(each.spec.language for each in self.choice.candidates))

    @property
    def _most_bytes(self) -> float:
        return self._settings.models_mb * 1e6

    def meant(self, model: str, languages: Sequence[str], param: str = "language") -> ModelSpec:
        """Returns the spec of the model that a request means; see `hark.model_choice.Choice.model`."""
        return self.choice.model(model, languages, param).spec

    def named(self, name: str) -> Candidate | None:
        """Returns the model of a name; None where there is none."""
        return next((each for each in self.choice.candidates if each.spec.name == name), None)

    def load(self, name: str) -> Loaded:
        """Returns a model by its name, and loads it if it is not loaded.

        Raises:
            ModelUnavailable: there is none of this name.
            ModelError: a file of its cannot be used.
        """
        if name in self._loaded:
            self._loaded.move_to_end(name)
            return self._loaded[name]
        candidate = self.named(name)
        if candidate is None:
            raise ModelUnavailable(f"The model {name[:64]!r} is no longer deployed here; make another request.")
        self._make_room(candidate)
        made = self._loaded[name] = loaded(self._settings, candidate)
        return made

    def unloaded(self, candidate: Candidate) -> tuple[Decoders, Writers]:
        """Returns what says how a model can decode and write, without loading anything of it."""
        return _parts(self._settings, candidate)

    def _make_room(self, candidate: Candidate) -> None:
        """Lets go of the models that were not asked for the longest, until there is room for another one."""
        pinned = 0.0 if candidate is self.first else self._memory(self.first)
        while self._loaded and pinned + self._memory(candidate) + self._memory_of_loaded() > self._most_bytes:
            self._loaded.popitem(last=False)

    def _memory_of_loaded(self) -> float:
        return sum(self._memory(each) for each in map(self.named, self._loaded) if each and each is not self.first)

    def _memory(self, candidate: Candidate) -> float:
        paths = (candidate.path, *model_files.companions(candidate.path, candidate.spec.language))
        return _MEMORY_PER_BYTE * sum(path.stat().st_size for path in paths if path.is_file())

    def described(self, candidate: Candidate) -> dict[str, Any]:
        """Returns what tells a model apart: name, version, language and the digest of its file."""
        spec = candidate.spec
        return {
            "name": spec.name,
            "version": spec.version,
            "language": spec.language,
            "digest": self._digest(candidate.path),
        }

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            with path.open("rb") as file:
                self._digests[path] = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        return self._digests[path]

    def is_loaded(self, candidate: Candidate) -> bool:
        """Says whether a model is in memory."""
        return candidate is self.first or candidate.spec.name in self._loaded


def loaded(settings: Settings, candidate: Candidate, recognizer: Runner | None = None) -> Loaded:
    """Loads a model, with what its default decoder needs, and what writes its text.

    Args:
        settings: which files the first model has, if others than those beside it.
        candidate: the model.
        recognizer: the model, where it is loaded already.

    Raises:
        ModelError: a file cannot be used.
    """
    decoders, writers = _parts(settings, candidate)
    decoders.load(candidate.spec)
    writers.load()
    return Loaded(recognizer or Recognizer(candidate.path, "transcription"), decoders, writers)


def _parts(settings: Settings, candidate: Candidate) -> tuple[Decoders, Writers]:
    is_first = candidate.path == settings.model_path
    of_first = (settings.language_model_path, settings.punctuation_path)
    common = (model_files.LANGUAGE_MODEL, model_files.PUNCTUATION)  # which stand in the settings where nobody named one
    given = [path if is_first and path != usual else None for path, usual in zip(of_first, common, strict=True)]
    language_model, punctuation = model_files.beside(candidate.path, candidate.spec.language, *given)
    return Decoders(candidate.path, language_model, settings.decoder), Writers(punctuation, candidate.spec)
