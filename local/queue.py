"""A folder in place of the queue of jobs: a file for each message, which stays until somebody has done with it."""

import json
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Message:
    """A message that was taken.

    Attributes:
        path: its file.
        body: what was sent.
        tries: how often it has been taken, this time included.
    """

    path: Path
    body: str
    tries: int


class FolderQueue:
    """Messages, the oldest first. Many may send; one takes.

    Args:
        folder: made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def send(self, body: str) -> None:
        """Adds a message."""
        self._write(self._folder / f"{time.time_ns():020}-{uuid.uuid4().hex}.json", body, 0, 0.0)

    def is_empty(self) -> bool:
        """Says whether there is no message, not even one that is to be tried later."""
        return next(self._folder.glob("*.json"), None) is None

    def take(self) -> Message | None:
        """Returns the oldest message that is due; None where there is none.

        That it was taken is written down first: whoever ends in the middle of it has tried, too.
        """
        for path in sorted(self._folder.glob("*.json")):
            content = json.loads(path.read_bytes())
            if content["not_before"] <= time.time():
                message = Message(path, content["body"], content["tries"] + 1)
                self._write(path, message.body, message.tries, 0.0)
                return message
        return None

    def done(self, message: Message) -> None:
        """Deletes a message."""
        message.path.unlink(missing_ok=True)

    def later(self, message: Message, seconds: float) -> None:
        """Has a message taken again after some time."""
        self._write(message.path, message.body, message.tries, time.time() + seconds)

    def give_back(self, message: Message) -> None:
        """Has a message taken again as if it had not been."""
        self._write(message.path, message.body, message.tries - 1, 0.0)

    def _write(self, path: Path, body: str, tries: int, not_before: float) -> None:
        part = path.with_suffix(".part")
        part.write_text(json.dumps({"body": body, "tries": tries, "not_before": not_before}))
        os.replace(part, path)
