"""The entry point for recordings in S3: SQS messages that carry S3's events in, results beside the recordings out.

Both S3 and SQS deliver at least once and in any order, a function may be ended at any moment, and S3 may refuse or
break off. What makes exactly one result of that: the result is one object, written on the condition that nobody else
wrote it since it was looked at. Whatever fails for a reason that may pass is left in the queue, by raising; after some
tries SQS puts it into the dead-letter queue. What will never succeed becomes a result that says why: also where it is
the recording that takes all the memory, all the time, or the worker's life.
"""

import dataclasses
import mmap
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from types import FrameType
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.functions import is_metrics_disabled
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import job, memory, s3_events, webhook, webhook_secret
from handler.job import Job
from handler.metrics import collector, processing_ms, refused, transcribed
from handler.result import completed as completed_result
from handler.result import failed as failed_result
from handler.result import is_of as is_result_of
from handler.s3_events import Arrival
from handler.settings import Settings, SettingsError
from handler.storage import Gone, Json, Storage, Superseded
from handler.tracing import traced
from hark.channels import transcribe
from hark.decoding import Decoders, Decoding
from hark.errors import (
    AudioTooLong,
    HarkError,
    InvalidBody,
    ModelError,
    NotTranscribed,
    RecordingGone,
    RequestError,
    TookTooLong,
    TookTooMuchMemory,
)
from hark.pipeline import Runner, Timings
from hark.recognizer import Recognizer
from hark.transcript import Transcript
from hark.written import Writers

memory.bound(os.environ)
logger = Logger(service="hark")
metrics = collector()

# What writing a result and a webhook that is answered late, three times, may take.
_RESERVE_S = 45.0
# Another worker writes the same result between our look and our write; once is rare, more often is a fault.
_WRITE_ATTEMPTS = 5
# A recording that has ended this many workers, without a word of theirs, would end all others.
_MOST_ENDED = 2
# The time is looked at before every block; where a block takes that long, it is told of so often.
_ALARM_S = 5.0


class LeftInQueue(HarkError):
    """The message cannot be dealt with now; SQS delivers it again."""


class Deadline:
    """The end of an invocation.

    Args:
        context: Lambda's, which knows the time that remains.
    """

    def __init__(self, context: LambdaContext) -> None:
        self._context = context
        self._recordings = 0
        # How long this function may run at all.
        self.whole_s = context.get_remaining_time_in_millis() / 1000

    def begin(self) -> None:
        """Says that a recording is taken up.

        Raises:
            LeftInQueue: there is no time left for another one.
        """
        self._recordings += 1
        if self._is_near():
            raise LeftInQueue("There was no time left for this recording; it is tried again.")

    def check(self) -> None:
        """Ends the work on a recording while there is time to say so.

        Raises:
            LeftInQueue: others took part of its time.
            TookTooLong: it had all the time there is.
        """
        if not self._is_near():
            return
        if self._recordings > 1:
            raise LeftInQueue("Recordings before this one took its time; it is tried again.")
        raise TookTooLong("The recording takes longer than a function may run; split it.")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Checks within the block, too, where it does not do so itself: a damaged file may be read for a long time.

        Raises:
            LeftInQueue, TookTooLong: see `check`.
        """
        if threading.current_thread() is not threading.main_thread():  # which alone hears signals
            yield
            return

        def hear(_number: int, _frame: FrameType | None) -> None:
            self.check()

        left_s = self._context.get_remaining_time_in_millis() / 1000 - _RESERVE_S
        before = signal.signal(signal.SIGALRM, hear)
        signal.setitimer(signal.ITIMER_REAL, max(left_s, 0.001), _ALARM_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def _is_near(self) -> bool:
        return self._context.get_remaining_time_in_millis() < _RESERVE_S * 1000


class Worker:
    """Makes results of recordings.

    Args:
        settings: the limits of a recording, and the webhook's secret.
        recognizer: the loaded model.
        storage: the bucket.
    """

    def __init__(self, settings: Settings, recognizer: Runner, storage: Storage) -> None:
        self._settings = settings
        self._decoders = Decoders(settings.model_path, settings.language_model_path, settings.decoder)
        self._decoders.load()
        self._writers = Writers(settings.punctuation_path)
        self._writers.load()
        self._recognizer = recognizer
        self._storage = storage

    def take(self, message: str, deadline: Deadline) -> None:
        """Deals with everything a message tells of.

        Raises:
            Exception: it must be delivered again.
        """
        for arrival in s3_events.arrivals(message):
            deadline.begin()
            self._finish(arrival, deadline)

    def _finish(self, arrival: Arrival, deadline: Deadline) -> None:
        result_key = job.result_key(arrival.key)
        if arrival.bucket != self._storage.bucket or not result_key:
            raise LeftInQueue("No result can be put beside this object; its key or its bucket is not one of ours.")
        job_id = job.id_of_upload(arrival.key)
        record = self._record(job_id) if job_id else None
        result = self._storage.read_json(result_key)
        if result is None or not _is_final(result, arrival, job_id):
            decoding = Decoding.from_json(record.content.get("decoding", {})) if record else Decoding()
            with self._begun(record, deadline) as ended:
                if ended < _MOST_ENDED:
                    content = self._outcome(arrival, deadline, job_id, decoding)
                else:
                    content = self._failed(arrival, job_id, _ENDS_WORKERS)
                self._settle(arrival, result_key, content)
        else:
            logger.info("delivered again", job_id=job_id)
            metrics.add_metric("DuplicateEvents", MetricUnit.Count, 1)
        if record and record.content["webhook_url"] and (result := self._storage.read_json(result_key)):
            self._notify(job_id, result.content["status"])

    def _record(self, job_id: str) -> Json:
        record = self._storage.read_json(job.record_key(job_id))
        if record is None:
            raise LeftInQueue("There is an upload, and no record of its job; it may have expired.")
        return record

    @contextmanager
    def _begun(self, record: Json | None, deadline: Deadline) -> Iterator[int]:
        """Writes into a job's record that the work begins, and takes it back where the work ends in an error.

        Whatever ends a worker in the middle leaves this behind: too much memory, a fault in compiled code, Lambda's
        timeout. That somebody else writes the record in the meantime is no matter.

        Yields:
            how many workers the recording has ended; 0 for what has no record.
        """
        if record is None:
            yield 0
            return
        now = int(time.time())
        made = Job.from_json(record.content)
        # Who began later than a function may run is perhaps still at work, and only delivered twice.
        ended = sum(at + deadline.whole_s < now for at in made.begun)
        started = now if made.started_at is None else made.started_at
        changed = dataclasses.replace(made, started_at=started, begun=(*made.begun, now))
        self._storage.write_json(job.record_key(made.id), changed.to_json(), replacing=record)
        try:
            yield ended
        except Exception:
            with suppress(Exception):  # then it counts as one that was ended; it takes several
                self._take_back(made.id, now)
            raise

    def _take_back(self, job_id: str, began: int) -> None:
        record = self._record(job_id)
        made = Job.from_json(record.content)
        if began in made.begun:
            others = list(made.begun)
            others.remove(began)
            changed = dataclasses.replace(made, begun=tuple(others))
            self._storage.write_json(job.record_key(job_id), changed.to_json(), replacing=record)

    def _failed(self, arrival: Arrival, job_id: str, error: RequestError) -> dict[str, Any]:
        """Returns the content of a result that says why there is no transcript."""
        logger.info("refused", job_id=job_id, code=error.code)
        metrics.add_metric("FailedRecordings", MetricUnit.Count, 1)
        refused(metrics, error.code)
        return failed_result(arrival, int(time.time()), error)

    def _outcome(self, arrival: Arrival, deadline: Deadline, job_id: str, decoding: Decoding) -> dict[str, Any] | None:
        """Returns the content of the result; None where these bytes are no more and nobody waits for them."""
        timings = Timings()
        try:
            transcript = self._transcribe(arrival, deadline, timings, decoding)
        except RequestError as error:
            return self._failed(arrival, job_id, error)
        except Superseded:
            logger.info("superseded", job_id=job_id)
            return None
        except Gone:
            logger.info("gone", job_id=job_id)
            if not job_id:  # another tool took its file away; the same file may come again
                return None
            gone = RecordingGone("The upload was deleted before it could be transcribed; make another job.")
            return failed_result(arrival, int(time.time()), gone)
        spec = self._recognizer.spec
        logger.info(
            "transcribed",
            job_id=job_id,
            audio_s=round(transcript.duration_s, 3),
            stages_ms={name: round(ms, 2) for name, ms in timings.stages_ms.items()},
            real_time_factor=round(processing_ms(timings) / 1000 / transcript.duration_s, 5),
            model_version=spec.version,
        )
        transcribed(metrics, transcript.duration_s, timings)
        return completed_result(arrival, int(time.time()), transcript, spec)

    def _transcribe(self, arrival: Arrival, deadline: Deadline, timings: Timings, decoding: Decoding) -> Transcript:
        if not arrival.size_bytes:
            raise InvalidBody("The recording is empty; upload the bytes of an audio file.")
        if arrival.size_bytes > self._settings.job_max_bytes:
            raise AudioTooLong(
                f"The recording is larger than the limit of {self._settings.job_max_bytes} bytes; "
                "compress it (Ogg Opus) or split it."
            )
        decoder = self._decoders.decoder(decoding, self._recognizer.spec)
        writer = self._writers.writer(decoding)
        # Without a name: when the process ends, however it ends, the disk has its space back.
        with tempfile.TemporaryFile() as file:
            with timings.stage("download"):
                self._storage.download(arrival.key, arrival.etag, file)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                limit_s = self._settings.job_max_audio_s
                with deadline.watched(), _caused_by_the_recording():
                    return transcribe(data, self._recognizer, limit_s, timings, decoding, deadline.check, decoder, writer)

    def _settle(self, arrival: Arrival, result_key: str, content: dict[str, Any] | None) -> None:
        """Writes the result, unless these bytes have one, or are not the ones that lie there now."""
        job_id = job.id_of_upload(arrival.key)
        for _ in range(_WRITE_ATTEMPTS if content else 0):
            # In this order: who writes the result of newer bytes after our look makes our write fail.
            result = self._storage.read_json(result_key)
            if result and _is_final(result, arrival, job_id):
                return
            if not job_id and self._storage.etag(arrival.key) not in (arrival.etag, None):
                return
            if self._storage.write_json(result_key, content or {}, replacing=result):
                metrics.add_metric("Results", MetricUnit.Count, 1)
                return
        if content:
            raise LeftInQueue("Other workers keep writing the same result; it is tried again.")

    def _notify(self, job_id: str, status: str) -> None:
        """Sends the webhook, if there is one and it was not sent. Whatever goes wrong here, the result is there."""
        try:
            record = self._record(job_id)
            made = Job.from_json(record.content)
            if not made.webhook_url or made.webhook or not self._settings.webhook_secret_arn:
                return
            told = self._send(made, status)
            changed = dataclasses.replace(made, webhook=told)
            self._storage.write_json(job.record_key(job_id), changed.to_json(), replacing=record)
        except Exception as error:  # of S3 or Secrets Manager
            logger.warning("webhook not settled", job_id=job_id, error=type(error).__name__)
            metrics.add_metric("FailedWebhooks", MetricUnit.Count, 1)

    def _send(self, made: Job, status: str) -> str:
        try:
            webhook.send(made.webhook_url, webhook_secret.read(self._settings.webhook_secret_arn), made.id, status)
        except webhook.Undelivered as error:
            logger.warning("webhook not delivered", job_id=made.id, reason=str(error))
            metrics.add_metric("FailedWebhooks", MetricUnit.Count, 1)
            return "failed"
        return "delivered"


_ENDS_WORKERS = NotTranscribed(
    "The recording ended every worker that took it up, by its memory or its time; split it or convert it, for example "
    "to WAV, and make another job."
)


@contextmanager
def _caused_by_the_recording() -> Iterator[None]:
    """Makes of whatever goes wrong with a recording that is on disk what its result says.

    Nothing else is at work here that could pass: the same recording fails alike however often it is tried.

    Raises:
        RequestError: the recording cannot be transcribed.
        LeftInQueue: others took its time.
        ModelError: a model cannot be read, which is the operator's to mend.
    """
    try:
        yield
    except (RequestError, LeftInQueue, ModelError):
        raise
    except MemoryError as error:
        raise TookTooMuchMemory(
            "The recording takes more memory than a worker has; convert it, for example to WAV, or split it."
        ) from error
    except Exception as error:
        logger.exception("unexpected error")
        metrics.add_metric("UnexpectedErrors", MetricUnit.Count, 1)
        raise NotTranscribed(
            "The server failed at this recording; convert it, for example to WAV, and make another job."
        ) from error


def _is_final(result: Json, arrival: Arrival, job_id: str) -> bool:
    """Says whether a result stays as it is: a job has one, an object of the inbox has one for each of its contents."""
    return bool(job_id) or is_result_of(result.content, arrival)


@cache
def _worker() -> Worker:
    settings = Settings.from_environment(os.environ)
    if not settings.bucket:
        raise SettingsError("HARK_BUCKET must name the bucket of the recordings.")
    return Worker(settings, Recognizer(settings.model_path), Storage(settings.bucket))


@logger.inject_lambda_context
@traced
@metrics.log_metrics(capture_cold_start_metric=not is_metrics_disabled())  # which it would ignore
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls. `event` is SQS's; returned are the messages that must be delivered again."""
    if is_metrics_disabled():
        metrics.clear_metrics()
    metrics.add_metric("Messages", MetricUnit.Count, len(event["Records"]))
    worker, deadline = _worker(), Deadline(context)

    def take(record: SQSRecord) -> None:
        try:
            worker.take(record.body, deadline)
        except Exception as error:
            logger.warning("left in the queue", message_id=record.message_id, error=type(error).__name__)
            metrics.add_metric("Retries", MetricUnit.Count, 1)
            raise

    # That every message of a batch fails is no reason for an error of the function: each is counted for itself.
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    reply: dict[str, Any] = process_partial_response(event, take, processor, context)  # type: ignore[assignment]
    return reply
