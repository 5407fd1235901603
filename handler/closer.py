"""The entry point for jobs that no worker will finish: those that every try failed at, and those nobody uploaded.

What was tried in vain comes through the queue behind the workers' queue: each message becomes a result that says why.
If the fault was the server's, or the message is none of S3's, it is left where it is, by raising, and SQS lays it aside
for the operator, who may have it tried again (`operate/redrive.py`). A schedule has all jobs looked through for those
whose recording never came, or that got lost.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.functions import is_metrics_disabled
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import job, s3_events
from handler.ending import ENDS_WORKERS, LAID_ASIDE, Ending, is_final, verdict, written_at
from handler.job import Job
from handler.metrics import collector
from handler.result import may_be_redriven
from handler.s3_events import Arrival
from handler.settings import Settings, SettingsError
from handler.storage import Objects, Storage
from handler.tracing import traced
from handler.tries import MOST_ENDED, Tries
from hark.errors import HarkError

logger = Logger(service="hark")
metrics = collector()

# A record that was written later needs no look: its upload may be under way, or a worker was there just now.
_RECENT_S = 6 * 3600.0
# Longer than it takes until the sweep after the next.
_JUST_NOW_S = 2.5 * 3600
# The next sweep goes on with whatever this one has no time for.
_RESERVE_S = 20.0


class LeftForTheOperator(HarkError):
    """The message is to be laid aside."""


class Closer:
    """Ends jobs that nobody else ends.

    Args:
        settings: with the webhook's secret.
        storage: the bucket.
    """

    def __init__(self, settings: Settings, storage: Objects) -> None:
        self._storage = storage
        self._ending = Ending(settings, storage, metrics)

    def give_up(self, message: str) -> None:
        """Writes the results of everything a message tells of that was tried in vain.

        Raises:
            LeftForTheOperator: it may succeed another time, or there is nothing to write a result beside.
            Exception: it must be delivered again.
        """
        left = [arrival for arrival in s3_events.arrivals(message) if not self._ended(arrival)]
        if left:
            raise LeftForTheOperator("The message is laid aside.")

    def _ended(self, arrival: Arrival) -> bool:
        """Sees to it that a recording has a result; returns whether that is the last word."""
        result_key, job_id = job.result_key(arrival.key), job.id_of_upload(arrival.key)
        if arrival.bucket != self._storage.bucket or not result_key:
            return False
        record = self._storage.read_json(job.record_key(job_id)) if job_id else None
        if job_id and record is None:
            return False
        result = self._storage.read_json(result_key)
        if result is None or not is_final(result.content, arrival):
            # Those that ended with a word took their try back.
            ends_workers = len(Tries(self._storage, arrival, record).unanswered()) >= MOST_ENDED
            error = ENDS_WORKERS if ends_workers else LAID_ASIDE
            self._ending.write(arrival, self._ending.failed(arrival, error))
            result = self._storage.read_json(result_key)
        if result is None:  # the file was taken out of the inbox, or replaced, which has a message of its own
            return True
        if job_id:
            self._ending.conclude(job_id, result.content)
        return not may_be_redriven(result.content)

    def sweep(self, remaining_s: Callable[[], float]) -> int:
        """Ends the jobs that have waited longer than anybody works on them, and sends webhooks that were not sent.

        Args:
            remaining_s: how long this may go on.

        Returns:
            how many.
        """
        ended = 0
        now = int(time.time())
        for job_id, has_result in self._open(now):
            if remaining_s() < _RESERVE_S:
                break
            try:
                if has_result:
                    self._conclude(job_id)
                else:
                    ended += self._settle(job_id, now)
            except Exception as error:  # of one job, which the next sweep tries again
                logger.warning("job not settled", job_id=job_id, error=type(error).__name__)
                metrics.add_metric("Retries", MetricUnit.Count, 1)
        return ended

    def _open(self, now: int) -> Iterator[tuple[str, bool]]:
        """Yields the jobs that may have to be ended or concluded, and whether they have a result.

        Both listings are in the order of the ids. Whoever writes a result notes it in the record afterwards: an older
        record means that this was not done, perhaps since somebody was killed in between.
        """
        results = self._storage.listed("results/job_")
        result = next(results, None)
        for record in self._storage.listed("jobs/job_"):
            job_id = job.id_of_record(record.key)
            while result is not None and job.id_of_record(result.key) < job_id:
                result = next(results, None)
            if result is None or job.id_of_record(result.key) != job_id:
                if job_id and record.modified_at < now - _RECENT_S:
                    yield job_id, False
            elif record.modified_at < result.modified_at or (
                # S3 counts seconds, in one of which all of this may have happened.
                record.modified_at == result.modified_at > now - _JUST_NOW_S
            ):
                yield job_id, True

    def _conclude(self, job_id: str) -> None:
        if result := self._storage.read_json(job.result_key(job.upload_key(job_id))):
            self._ending.conclude(job_id, result.content)

    def _settle(self, job_id: str, now: int) -> bool:
        record = self._storage.read_json(job.record_key(job_id))
        made = Job.from_json(record.content) if record else None
        if made is None or made.status:  # its result has been deleted, after its time
            return False
        key = job.upload_key(job_id)
        found = verdict(made, lambda: written_at(self._storage, key), self._storage.bucket, now)
        if found is None:
            return False
        logger.info("ended", job_id=job_id, status=found["status"], code=found["error"]["code"])
        self._ending.write(Arrival(self._storage.bucket, key, "", 0), found)
        self._conclude(job_id)
        return True


@cache
def _closer() -> Closer:
    settings = Settings.from_environment(os.environ)
    if not settings.bucket:
        raise SettingsError("HARK_BUCKET must name the bucket of the recordings.")
    return Closer(settings, Storage(settings.bucket))


@logger.inject_lambda_context
@traced
@metrics.log_metrics(capture_cold_start_metric=not is_metrics_disabled())  # which it would ignore
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls: with messages of SQS, and with nothing in particular when it is time for a sweep.

    Returns:
        the messages that stay where they are, or how many jobs were ended.
    """
    if is_metrics_disabled():
        metrics.clear_metrics()
    closer = _closer()
    if "Records" not in event:
        ended = closer.sweep(lambda: context.get_remaining_time_in_millis() / 1000)
        metrics.add_metric("EndedJobs", MetricUnit.Count, ended)
        return {"ended": ended}
    metrics.add_metric("Messages", MetricUnit.Count, len(event["Records"]))

    def give_up(record: SQSRecord) -> None:
        try:
            closer.give_up(record.body)
        except Exception as error:
            logger.warning("laid aside", message_id=record.message_id, error=type(error).__name__)
            raise

    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    reply: dict[str, Any] = process_partial_response(event, give_up, processor, context)  # type: ignore[assignment]
    return reply
