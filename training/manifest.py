"""Manifests: one JSON object a line with `audio_filepath`, `duration` [s] and `text`, as in NVIDIA NeMo.

Further fields (`speaker`, `corpus`, `license`, ...) are kept. A relative `audio_filepath` is relative to the manifest.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.errors import ManifestError


@dataclass(frozen=True)
class Utterance:
    """One recording and what is said in it.

    Attributes:
        audio_path: file that soundfile reads.
        duration_s: length of the recording in seconds.
        text: transcript as its source wrote it.
        extra: the manifest line's other fields, such as speaker and corpus.
    """

    audio_path: Path
    duration_s: float
    text: str
    extra: Mapping[str, Any] = field(default_factory=dict)


# Programs on Windows write paths with backslashes, and some do not double them as JSON wants.
_WRITTEN_PATH = re.compile(r'("audio_filepath"\s*:\s*")([^"]*)"')
_CONTROL = re.compile(r"[\x00-\x1f]")


def read_manifest(path: str | Path) -> list[Utterance]:
    """Reads a manifest.

    Raises:
        ManifestError: the file is missing or empty, or a line is malformed; the message names the line.
    """
    return [utterance for _, utterance in numbered_utterances(path)]


def numbered_utterances(path: str | Path) -> list[tuple[int, Utterance]]:
    """Reads a manifest with the number of each utterance's line, counted from 1; raises as `read_manifest`."""
    path = Path(path)
    if not path.exists():
        raise ManifestError(f"There is no manifest {path}; make it, or name another file.")
    try:
        # JSON may contain U+2028, at which splitlines would cut. Windows' editors write a byte order mark first.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ManifestError(f"The manifest {path} cannot be read: {reason}.") from error
    utterances = [
        (number, _parse(line, f"{path}:{number}", path.parent)) for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not utterances:
        raise ManifestError(f"The manifest {path} has no utterance in it.")
    return utterances


def read_manifests(paths: Iterable[str | Path]) -> list[Utterance]:
    """Reads several manifests as one; raises as `read_manifest`."""
    return [utterance for path in paths for utterance in read_manifest(path)]


def _parse(line: str, where: str, folder: Path) -> Utterance:
    try:
        fields = _fields(line)
        audio, duration_s, text = fields.pop("audio_filepath"), fields.pop("duration"), fields.pop("text")
    except (ValueError, AttributeError, TypeError) as error:
        raise ManifestError(f"{where} is not a JSON object ({error}).") from error
    except KeyError as error:
        raise ManifestError(f"{where} lacks the field {error}.") from error
    if not isinstance(audio, str) or not isinstance(text, str):
        raise ManifestError(f"{where}: audio_filepath and text must be strings.")
    if isinstance(duration_s, bool) or not isinstance(duration_s, int | float) or not duration_s > 0:
        raise ManifestError(f"{where}: duration must be a number of seconds above 0, not {duration_s!r}.")
    return Utterance(audio_path(folder, audio), float(duration_s), text, fields)


def _fields(line: str) -> Any:
    """Reads a line, also one whose path has backslashes that are not doubled."""
    doubled = _WRITTEN_PATH.sub(lambda m: m[1] + m[2].replace("\\", "\\\\") + '"', line)
    try:
        fields = json.loads(line)
    except ValueError:
        if doubled == line:
            raise
        return json.loads(doubled)
    audio = fields.get("audio_filepath") if isinstance(fields, dict) else None
    # "clips\new.wav" is JSON, but a line end is in no file's name.
    return json.loads(doubled) if isinstance(audio, str) and _CONTROL.search(audio) else fields


def audio_path(folder: Path, name: str) -> Path:
    """Returns the path of a recording that is named relative to a folder, with either kind of slash."""
    path = folder / name
    return folder / name.replace("\\", "/") if "\\" in name and not path.exists() else path


def manifest_line(utterance: Utterance, folder: Path) -> str:
    """Returns the line, with its line end, for an utterance in a manifest in `folder`; see `written_path`."""
    fields = {
        "audio_filepath": written_path(utterance.audio_path, folder),
        "duration": round(utterance.duration_s, 3),
        "text": utterance.text,
        **utterance.extra,
    }
    return json.dumps(fields, ensure_ascii=False) + "\n"


def written_path(path: Path, folder: Path) -> str:
    """Returns a path for a manifest in `folder`: relative if it is below the folder, else absolute."""
    path, folder = path.resolve(), folder.resolve()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def write_manifest(path: str | Path, utterances: Iterable[Utterance]) -> None:
    """Writes a manifest; audio paths below the manifest's folder become relative to it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for utterance in utterances:
            file.write(manifest_line(utterance, path.parent))
