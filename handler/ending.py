"""How a job ends: its one result is written, its record notes it, and its webhook is told.

A result is one object, written on the condition that nobody else wrote it since it was looked at. Where a job has one,
it stays, whatever comes later, with two exceptions: who deletes a job puts `deleted` in its place, and an operator who
has mended what made every try fail may have the recording tried again (`operate/redrive.py`), which can only replace
`laid_aside`. The note in the record and the webhook follow the result: where whoever wrote it did not come so far, the
next who sees it does.
"""

import dataclasses
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from handler import job, webhook, webhook_secret
from handler.job import Job
from handler.metrics import refused
from handler.result import COMPLETED, DELETED, expired, failed, is_of, may_be_redriven
from handler.s3_events import Arrival
from handler.settings import Settings
from handler.storage import Objects
from hark.errors import HarkError, JobExpired, LaidAside, NotTranscribed, RequestError

# Another worker writes the same object between our look and our write; once is rare, more often is a fault.
_WRITE_ATTEMPTS = 5

ENDS_WORKERS = NotTranscribed(
    "The recording ended every worker that took it up, by its memory or its time; split it or convert it, for example "
    "to WAV, and make another job."
)
LAID_ASIDE = LaidAside(
    "Every try at the recording failed for a reason of the server's; whoever runs it can have it tried again, or make "
    "another job later."
)
_LOST = LaidAside("No worker finished the recording within days; tell whoever runs the server, and make another job.")
_NOT_UPLOADED = JobExpired("Nothing was uploaded for this job in time; make another job.")

logger = Logger(service="hark")


class Contended(HarkError):
    """Others keep writing the same object; it must be tried again."""


def is_final(content: dict[str, Any], arrival: Arrival, is_redriven: bool = False) -> bool:
    """Says whether a result stays: a job has one, an object of the inbox has one for each of its contents.

    Args:
        content: the result.
        arrival: what would be transcribed.
        is_redriven: whether an operator has it tried again.
    """
    if is_redriven and may_be_redriven(content):
        return False
    return bool(job.id_of_upload(arrival.key)) or is_of(content, arrival)


def verdict(made: Job, uploaded_at: Callable[[], float | None], bucket: str, now: int) -> dict[str, Any] | None:
    """Returns the result of a job that has none and that no worker will give one; None while one may.

    Args:
        made: the job.
        uploaded_at: looks when its recording came, in seconds since 1970; None where there is none. Only asked where it
            matters.
        bucket: where it would be.
        now: seconds since 1970.
    """
    key = job.upload_key(made.id)
    if made.started_at is None and now > made.expired_after:
        at = uploaded_at()
        if at is None or at > made.expired_after:
            return expired(bucket, key, now, _NOT_UPLOADED)
    if now > made.lost_after:
        return failed(Arrival(bucket, key, "", 0), now, _LOST)
    return None


def came_too_late(made: Job, arrival: Arrival, now: int) -> dict[str, Any] | None:
    """Returns the result of a job whose recording came when it counted as not uploaded; None where it came in time."""
    return expired(arrival.bucket, arrival.key, now, _NOT_UPLOADED) if arrival.at > made.uploaded_until else None


def written_at(storage: Objects, key: str) -> float | None:
    """Returns when an object was written, in seconds since 1970, by a listing, which needs no leave to read it."""
    found = next(storage.listed(key), None)
    return found.modified_at if found is not None and found.key == key else None


class Ending:
    """Ends jobs.

    Args:
        settings: with the webhook's secret.
        storage: the bucket.
        metrics: of the function this is part of.
    """

    def __init__(self, settings: Settings, storage: Objects, metrics: Metrics) -> None:
        self._settings = settings
        self._storage = storage
        self._metrics = metrics

    def failed(self, arrival: Arrival, error: RequestError) -> dict[str, Any]:
        """Returns the content of a result that says why there is no transcript."""
        logger.info("refused", job_id=job.id_of_upload(arrival.key), code=error.code)
        self._metrics.add_metric("FailedRecordings", MetricUnit.Count, 1)
        refused(self._metrics, error.code)
        return failed(arrival, int(time.time()), error)

    def write(self, arrival: Arrival, content: dict[str, Any], is_redriven: bool = False) -> None:
        """Writes a result, unless these bytes have one, or are not the ones that lie there now.

        Raises:
            Contended: others keep writing it.
        """
        key, is_job = job.result_key(arrival.key), bool(job.id_of_upload(arrival.key))
        for _ in range(_WRITE_ATTEMPTS):
            # In this order: who writes the result of newer bytes after our look makes our write fail.
            result = self._storage.read_json(key)
            if result and is_final(result.content, arrival, is_redriven):
                return
            if not is_job and self._storage.etag(arrival.key) not in (arrival.etag, None):
                return
            if self._storage.write_json(key, content, replacing=result):
                self._metrics.add_metric("Results", MetricUnit.Count, 1)
                return
        raise Contended("Other workers keep writing the same result; it is tried again.")

    def conclude(self, job_id: str, result: dict[str, Any]) -> None:
        """Notes in a job's record what became of it, and sends its webhook if there is one and it was not sent.

        Whatever goes wrong here, the result is there. Of a deleted job, what may still lie of its recording goes, too.
        """
        try:
            if result["status"] == DELETED:
                self._storage.delete(job.upload_key(job_id))
            self._note(job_id, result)
        except Exception as error:  # of S3 or Secrets Manager
            logger.warning("webhook not settled", job_id=job_id, error=type(error).__name__)
            self._metrics.add_metric("FailedWebhooks", MetricUnit.Count, 1)

    def _note(self, job_id: str, result: dict[str, Any]) -> None:
        told = ""
        for _ in range(_WRITE_ATTEMPTS):
            record = self._storage.read_json(job.record_key(job_id))
            if record is None:
                return
            made = Job.from_json(record.content)
            noted = concluded(made, result)
            if noted.webhook_url and not noted.webhook and self._settings.webhook_secret_arn:
                told = told or self._tell(noted)
                noted = dataclasses.replace(noted, webhook=told)
            if noted == made or self._storage.write_json(job.record_key(job_id), noted.to_json(), replacing=record):
                return
        raise Contended("Others keep writing the record.")

    def _tell(self, made: Job) -> str:
        secret = webhook_secret.read(self._settings.webhook_secret_arn)
        # A receiver knows by its id a message that came twice: another result of the same job is another message.
        send = partial(webhook.send, message_id=f"{made.id}-{made.turn}") if made.turn else webhook.send
        try:
            send(made.webhook_url, secret, made.id, made.status)
        except webhook.Undelivered as error:
            logger.warning("webhook not delivered", job_id=made.id, reason=str(error))
            self._metrics.add_metric("FailedWebhooks", MetricUnit.Count, 1)
            return "failed"
        return "delivered"


def concluded(made: Job, result: dict[str, Any]) -> Job:
    """Returns the record of a job that has this result."""
    status, finished_at = result["status"], result["finished_at"]
    if (made.status, made.finished_at) == (status, finished_at):
        return made
    noted = dataclasses.replace(made, status=status, finished_at=finished_at, begun=())
    if made.status:
        noted = dataclasses.replace(noted, turn=made.turn + 1, webhook="")
    if status == COMPLETED:
        noted = dataclasses.replace(noted, progress=100)
    if status == DELETED:  # who deleted it needs no message, and what the caller said of the recording goes with it
        noted = dataclasses.replace(noted, webhook_url="", decoding={})
    return noted
