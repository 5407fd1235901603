"""The entry point for recordings in S3: SQS messages that carry S3's events in, results beside the recordings out.

Both S3 and SQS deliver at least once and in any order, a function may be ended at any moment, and S3 may refuse or
break off. What makes exactly one result of that: the result is one object, written on the condition that nobody else
wrote it since it was looked at. Whatever fails for a reason that may pass is left in the queue, by raising; after some
tries SQS puts it into the dead-letter queue. What will never succeed becomes a result that says why: also where it is
the recording that takes all the memory, all the time, or the worker's life.
"""

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

from handler import job, memory, s3_events
from handler.ending import ENDS_WORKERS, Ending, came_too_late, is_final
from handler.job import Job
from handler.metrics import collector, processing_ms, transcribed
from handler.models import Loaded, Models, loaded
from handler.progress import Ended, Progress
from handler.result import completed as completed_result
from handler.result import failed as failed_result
from handler.s3_events import Arrival
from handler.settings import Settings, SettingsError
from handler.storage import Gone, Json, Objects, Storage, Superseded
from handler.tracing import traced
from handler.tries import MOST_ENDED, Tries
from hark.channels import transcribe
from hark.decoding import Decoding
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
from hark.model_choice import Candidate
from hark.pipeline import Runner, Timings
from hark.recognizer import Recognizer
from hark.transcript import Transcript

memory.bound(os.environ)
logger = Logger(service="hark")
metrics = collector()

# What writing a result and a webhook that is answered late, three times, may take.
_RESERVE_S = 45.0
# The time is looked at before every block; where a block takes that long, it is told of so often.
_ALARM_S = 5.0
# The attribute of messages that an operator had tried again (operate/redrive.py).
REDRIVEN = "redriven"


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
        recognizer: the first model, loaded; others are loaded when a job asks for them.
        storage: the bucket.
    """

    def __init__(self, settings: Settings, recognizer: Runner, storage: Objects) -> None:
        self._settings = settings
        self._models = Models(settings, recognizer.spec)
        self._first = loaded(settings, Candidate(settings.model_path, recognizer.spec), recognizer)
        self._storage = storage
        self._ending = Ending(settings, storage, metrics)

    def take(self, message: str, deadline: Deadline, is_redriven: bool = False) -> None:
        """Deals with everything a message tells of.

        Args:
            message: S3's.
            deadline: until when.
            is_redriven: whether an operator has it tried again: what was laid aside is then not the last word.

        Raises:
            Exception: it must be delivered again.
        """
        for arrival in s3_events.arrivals(message):
            deadline.begin()
            self._finish(arrival, deadline, is_redriven)

    def _finish(self, arrival: Arrival, deadline: Deadline, is_redriven: bool) -> None:
        result_key = job.result_key(arrival.key)
        if arrival.bucket != self._storage.bucket or not result_key:
            raise LeftInQueue("No result can be put beside this object; its key or its bucket is not one of ours.")
        job_id = job.id_of_upload(arrival.key)
        record = self._record(job_id) if job_id else None
        result = self._storage.read_json(result_key)
        if result is None or not is_final(result.content, arrival, is_redriven):
            if record and (late := came_too_late(Job.from_json(record.content), arrival, int(time.time()))):
                self._ending.write(arrival, late)
            else:
                self._tried(arrival, deadline, record, is_redriven)
        else:
            logger.info("delivered again", job_id=job_id)
            metrics.add_metric("DuplicateEvents", MetricUnit.Count, 1)
        if job_id and (result := self._storage.read_json(result_key)):
            self._ending.conclude(job_id, result.content)

    def _tried(self, arrival: Arrival, deadline: Deadline, record: Json | None, is_redriven: bool) -> None:
        """Writes the result of a try, unless these bytes are no more and nobody waits for one."""
        with self._begun(Tries(self._storage, arrival, record), deadline) as ended:
            if ended < MOST_ENDED:
                content = self._outcome(arrival, deadline, record)
            else:
                content = self._ending.failed(arrival, ENDS_WORKERS)
            if content:
                self._ending.write(arrival, content, is_redriven)

    def _record(self, job_id: str) -> Json:
        record = self._storage.read_json(job.record_key(job_id))
        if record is None:
            raise LeftInQueue("There is an upload, and no record of its job; it may have expired.")
        return record

    @contextmanager
    def _begun(self, tries: Tries, deadline: Deadline) -> Iterator[int]:
        """Writes down that the work begins, and takes it back where the work ends in an error.

        Yields:
            how many workers the recording has ended.
        """
        now = int(time.time())
        # Who began later than a function may run is perhaps still at work, and only delivered twice.
        ended = sum(at + deadline.whole_s < now for at in tries.unanswered())
        tries.begin(now)
        try:
            yield ended
        except Exception:
            with suppress(Exception):  # then it counts as one that was ended; it takes several
                tries.take_back(now)
            raise

    def _outcome(self, arrival: Arrival, deadline: Deadline, record: Json | None) -> dict[str, Any] | None:
        """Returns the content of the result; None where these bytes are no more, or nobody waits for them."""
        timings, job_id = Timings(), job.id_of_upload(arrival.key)
        try:
            model = self._model(record)
            transcript = self._transcribe(arrival, deadline, timings, record, model)
        except RequestError as error:
            return self._ending.failed(arrival, error)
        except (Superseded, Ended) as reason:
            logger.info("superseded" if isinstance(reason, Superseded) else "ended meanwhile", job_id=job_id)
            return None
        except Gone:
            logger.info("gone", job_id=job_id)
            if not job_id:  # another tool took its file away; the same file may come again
                return None
            gone = RecordingGone("The upload was deleted before it could be transcribed; make another job.")
            return failed_result(arrival, int(time.time()), gone)
        spec = model.spec
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

    def _model(self, record: Json | None) -> Loaded:
        """Returns the model that a job is for; that which answers by default for a recording without a job.

        Raises:
            ModelUnavailable: it is no longer deployed.
            ModelError: it cannot be loaded, which is the operator's to mend.
        """
        name = Job.from_json(record.content).model if record else ""
        return self._first if name in ("", self._first.spec.name) else self._models.load(name)

    def _transcribe(
        self, arrival: Arrival, deadline: Deadline, timings: Timings, record: Json | None, model: Loaded
    ) -> Transcript:
        if not arrival.size_bytes:
            raise InvalidBody("The recording is empty; upload the bytes of an audio file.")
        if arrival.size_bytes > self._settings.job_max_bytes:
            raise AudioTooLong(
                f"The recording is larger than the limit of {self._settings.job_max_bytes} bytes; "
                "compress it (Ogg Opus) or split it."
            )
        decoding = Decoding.from_json(record.content.get("decoding", {})) if record else Decoding()
        decoder = model.decoders.decoder(decoding, model.spec)
        writer = model.writers.writer(decoding)
        recognizer = model.recognizer
        # Without a name: when the process ends, however it ends, the disk has its space back.
        with tempfile.TemporaryFile() as file:
            with timings.stage("download"):
                self._storage.download(arrival.key, arrival.etag, file)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                limit_s = self._settings.job_max_audio_s
                with deadline.watched(), _caused_by_the_recording():
                    progress = Progress(self._storage, record, data)

                    def before_block() -> None:
                        deadline.check()
                        progress.note(timings.read_s)

                    return transcribe(data, recognizer, limit_s, timings, decoding, before_block, decoder, writer)


@contextmanager
def _caused_by_the_recording() -> Iterator[None]:
    """Makes of whatever goes wrong with a recording that is on disk what its result says.

    Nothing else is at work here that could pass: the same recording fails alike however often it is tried.

    Raises:
        RequestError: the recording cannot be transcribed.
        LeftInQueue: others took its time.
        Ended: its job has a result meanwhile.
        ModelError: a model cannot be read, which is the operator's to mend.
    """
    try:
        yield
    except (RequestError, LeftInQueue, Ended, ModelError):
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
            worker.take(record.body, deadline, REDRIVEN in (record.raw_event.get("messageAttributes") or {}))
        except Exception as error:
            logger.warning("left in the queue", message_id=record.message_id, error=type(error).__name__)
            metrics.add_metric("Retries", MetricUnit.Count, 1)
            raise

    # That every message of a batch fails is no reason for an error of the function: each is counted for itself.
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    reply: dict[str, Any] = process_partial_response(event, take, processor, context)  # type: ignore[assignment]
    return reply
