"""How far a worker is with a job, noted in the job's record now and then."""

import math
import time
from contextlib import suppress
from functools import cached_property

from botocore.exceptions import BotoCoreError, ClientError

from handler import job
from handler.job import Job
from handler.storage import Json, Objects
from hark.audio import stated_duration_s
from hark.errors import HarkError
from hark.mapped import Data

# Each note is a read and a write of a small object, and who waits for a job asks every few seconds.
EVERY_S = 5.0
# Only a result makes it a hundred.
_MOST_PERCENT = 99


class Ended(HarkError):
    """The job has a result meanwhile: it was deleted, or another worker was faster."""


class Progress:
    """Notes how much of a recording is done.

    Args:
        storage: the bucket.
        record: of the job, as it was when the work began; None for a recording of the inbox, of which nothing is noted.
        data: the recording, which says how long it is.
    """

    def __init__(self, storage: Objects, record: Json | None, data: Data) -> None:
        self._storage = storage
        self._made = Job.from_json(record.content) if record else None
        self._data = data
        self._noted_at_s = time.monotonic()

    def note(self, done_s: float) -> None:
        """Notes it if the last note is some seconds old.

        Args:
            done_s: how many seconds of the recording are done.

        Raises:
            Ended: nobody waits for the work any more.
        """
        now_s = time.monotonic()
        if self._made is None or now_s - self._noted_at_s < EVERY_S:
            return
        self._noted_at_s = now_s
        key = job.record_key(self._made.id)
        with suppress(BotoCoreError, ClientError, OSError):  # the next note is as good
            record = self._storage.read_json(key)
            if record is None:
                return
            made = Job.from_json(record.content)
            if (made.status, made.finished_at) != (self._made.status, self._made.finished_at):
                raise Ended("The job has a result.")
            percent = min(int(100 * done_s / self._duration_s), _MOST_PERCENT)
            if percent > made.progress:
                self._storage.write_json(key, {**record.content, "progress": percent}, replacing=record)

    @cached_property
    def _duration_s(self) -> float:
        return stated_duration_s(self._data) or math.inf  # of which any part is nothing
