"""The result of each piece of each recording, saved at once, so that a run continues where another one ended.

Two files grow a line at a time: the manifest with the pieces that are kept, and beside it `.dropped.jsonl` with those
that are not, and why. A recording that was cut is done when the latter has a line without `start` for it, for the parts
that are in none of its pieces. Its first line says what the labels depend on, so that one manifest has no labels of two
kinds.
"""

import fcntl
import json
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from training.errors import LabellingError
from training.manifest import Utterance, manifest_line, written_path

NO_SPEECH = "no speech"


@dataclass
class Total:
    """How many pieces, and how many seconds of audio they have together."""

    pieces: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Counts a piece."""
        self.pieces += 1
        self.seconds += seconds


class Ledger:
    """The manifest and its `.dropped.jsonl`; a context manager that closes them.

    Args:
        manifest: the file to continue, or to begin.
        settings: what labels depend on, as JSON.

    Attributes:
        kept: number and length of the pieces in the manifest.
        dropped: the same of those that are not, by reason.

    Raises:
        LabellingError: the files cannot be used, were made with other settings or by something else, or another run
            is at them.
    """

    def __init__(self, manifest: Path, settings: dict[str, Any]) -> None:
        self.manifest = manifest
        self.dropped_path = manifest.with_suffix(".dropped.jsonl")
        self.kept = Total()
        self.dropped: defaultdict[str, Total] = defaultdict(Total)
        self._folder = manifest.parent
        self._done: set[tuple[Path, float | None]] = set()
        self._digests: set[str] = set()
        self._files = ExitStack()
        self._kept_file: IO[bytes] | None = None
        try:
            self._read(settings)
        except BaseException as error:
            self._files.close()
            if isinstance(error, (OSError, ValueError, KeyError, TypeError, AttributeError)):
                raise LabellingError(f"{manifest} and {self.dropped_path.name} cannot be read: {error!r}.") from error
            raise

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def name(self, path: Path) -> str:
        """Returns a recording's path as it is written in the files."""
        return written_path(path, self._folder)

    def is_finished(self, recording: Path) -> bool:
        """Returns whether a recording is done."""
        return self.has(recording, None)

    def has(self, recording: Path, start_s: float | None) -> bool:
        """Returns whether the result of a piece is known."""
        return _key(recording, start_s) in self._done

    def has_audio(self, digest: str) -> bool:
        """Returns whether the manifest has the same audio."""
        return digest in self._digests

    def keep(self, recording: Path, start_s: float | None, digest: str, utterance: Utterance) -> None:
        """Adds a line to the manifest."""
        cut = {} if start_s is None else {"recording": self.name(recording), "start": round(start_s, 3)}
        extra = {**utterance.extra, **cut, "digest": digest}
        line = manifest_line(Utterance(utterance.audio_path, utterance.duration_s, utterance.text, extra), self._folder)
        try:
            self._kept_file = self._kept_file or self._files.enter_context(_appendable(self.manifest))
        except OSError as error:
            raise LabellingError(f"{self.manifest} cannot be written: {error}.") from error
        self._append(self._kept_file, line)
        self._count_kept(json.loads(line))

    def drop(
        self, recording: Path, start_s: float | None, duration_s: float, reason: str, details: dict[str, Any]
    ) -> None:
        """Adds a line for a piece that is not kept, and why; without `start_s`, for the rest of a recording."""
        row: dict[str, Any] = {"recording": self.name(recording)}
        if start_s is not None:
            row["start"] = round(start_s, 3)
        row |= {"duration": round(duration_s, 3), "reason": reason, **details}
        self._append(self._dropped_file, json.dumps(row, ensure_ascii=False) + "\n")
        self._count_dropped(row)

    def _read(self, settings: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.manifest.exists() and not self.dropped_path.exists():
            raise LabellingError(f"{self.manifest} was not made by this command; give another --output.")
        self._dropped_file = self._files.enter_context(_appendable(self.dropped_path))
        self._check_settings(settings)
        for row in _rows(self.dropped_path)[1:]:
            self._count_dropped(row)
        if self.manifest.exists():
            self._kept_file = self._files.enter_context(_appendable(self.manifest))
            for row in _rows(self.manifest):
                self._count_kept(row)

    def _check_settings(self, settings: dict[str, Any]) -> None:
        rows = _rows(self.dropped_path)
        if len(rows) < 2 and not self.manifest.exists():  # nothing depends on them yet
            self._dropped_file.truncate(0)
            self._append(self._dropped_file, json.dumps({"settings": settings}) + "\n")
            return
        earlier = rows[0]["settings"]
        other = [name for name in settings if settings[name] != earlier.get(name)]
        if other:
            raise LabellingError(
                f"{self.manifest} was made with another {' and '.join(other)}; give the same again or another --output."
            )

    def _count_kept(self, row: dict[str, Any]) -> None:
        self._done.add(_key(self._folder / row.get("recording", row["audio_filepath"]), row.get("start")))
        self._digests.add(row["digest"])
        self.kept.add(row["duration"])

    def _count_dropped(self, row: dict[str, Any]) -> None:
        self._done.add(_key(self._folder / row["recording"], row.get("start")))
        self.dropped[row["reason"]].add(row["duration"])

    def _append(self, file: IO[bytes], line: str) -> None:
        try:
            file.write(line.encode())
            file.flush()
        except OSError as error:
            raise LabellingError(f"{file.name} cannot be written: {error}.") from error


def _key(recording: Path, start_s: float | None) -> tuple[Path, float | None]:
    return recording.resolve(), None if start_s is None else round(start_s, 3)


def _appendable(path: Path) -> IO[bytes]:
    """Opens a file that only this process may add to, and removes the unfinished line of a killed run."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise LabellingError(f"Another run is writing {path}; wait for it or give another --output.") from error
    file.truncate(path.read_bytes().rfind(b"\n") + 1)
    return file


def _rows(path: Path) -> list[dict[str, Any]]:
    # A line of JSON may hold U+2028, which `splitlines` cuts at.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
