"""Who took a recording up and has not said since what came of it.

Whatever ends a worker in the middle leaves its try behind: too much memory, a fault in compiled code, Lambda's timeout.
The tries at a job's recording are in the job's record, those at one of the inbox in an object of their own, for each
content of the file anew.
"""

from typing import Any

from handler import job
from handler.s3_events import Arrival
from handler.storage import Json, Objects

# A recording that has ended this many workers, without a word of theirs, would end all others.
MOST_ENDED = 2


class Tries:
    """The tries at one recording.

    Args:
        storage: the bucket.
        arrival: the recording.
        record: its job's record as it was just read; None for a recording of the inbox.
    """

    def __init__(self, storage: Objects, arrival: Arrival, record: Json | None = None) -> None:
        self._storage = storage
        self._arrival = arrival
        self._is_job = record is not None
        self._key = job.record_key(job.id_of_upload(arrival.key)) if record else job.tries_key(arrival.key)
        self._found = record or storage.read_json(self._key)

    def unanswered(self) -> tuple[int, ...]:
        """Returns when those began that have not been answered, in seconds since 1970."""
        return tuple(self._content().get("begun", ()))

    def begin(self, now: int) -> None:
        """Writes down that a try begins. That somebody else writes the same object in the meantime is no matter."""
        content = self._content()
        changed = {**content, "begun": [*content.get("begun", ()), now]}
        if self._is_job and content.get("started_at") is None:
            changed["started_at"] = now
        self._storage.write_json(self._key, changed, replacing=self._found)

    def take_back(self, began: int) -> None:
        """Takes a try out again that ended with a word."""
        self._found = self._storage.read_json(self._key)
        content = self._content()
        begun = list(content.get("begun", ()))
        if began in begun:
            begun.remove(began)
            self._storage.write_json(self._key, {**content, "begun": begun}, replacing=self._found)

    def _content(self) -> dict[str, Any]:
        found = self._found.content if self._found else {}
        if not self._is_job and found.get("etag") != self._arrival.etag:
            return {"etag": self._arrival.etag, "begun": []}
        return found
