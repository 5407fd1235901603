"""The routes of jobs: they make a job and sign its upload, say what became of it, list a caller's jobs and delete one.

Imported with the first request that is about a job, since it brings boto3.
"""

import dataclasses
import json
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import islice
from typing import Any

from handler import job, options, render, routes, webhook
from handler.ending import concluded, verdict, written_at
from handler.job import Job
from handler.models import Models
from handler.options import Options
from handler.result import COMPLETED, DELETED, EXPIRED, FAILED, deleted, expired, stored
from handler.router import Response
from handler.settings import Settings
from handler.storage import Json, Objects, Storage
from hark import formats
from hark.decoding import Decoders, Decoding
from hark.errors import (
    BodyTooLarge,
    ConflictingParameters,
    InvalidBody,
    InvalidParameter,
    JobBusy,
    JobExpired,
    JobFailed,
    JobsUnavailable,
    UnknownJob,
    UnsupportedMediaType,
)
from hark.transcript import Transcript
from hark.written import Writers

# An upload that begins later is refused by S3; one that has begun may take as long as it takes.
_UPLOAD_S = 900
_MAX_REQUEST_BYTES = 16_384
_USUAL_PAGE, _MOST_PER_PAGE = 20, 100
# Records of a page that are read at once.
_AT_ONCE = 8
_NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)
_WRITE_ATTEMPTS = 5
_OUTLIVED = JobExpired("The transcript was deleted after the time for which recordings are kept; make another job.")
_DECODING = ("decoder", "hotwords", "prompt", "alternatives", "word_alternatives", "channels", "channel_names")
_FIELDS = frozenset({"content_type", "content_length", "webhook_url", "model", "language", *_DECODING, "text_style"})
_RECORDING_TYPE = re.compile(r"(?:audio|video)/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}|application/octet-stream", re.ASCII)


class Jobs:
    """The jobs of one bucket.

    Args:
        settings: with the bucket's name and the limits of a recording.
        decoders: what the workers can do with the first model.
        writers: likewise.
        storage: what stands in for the bucket, where there is none.
        models: those that are deployed; None for an English one.
    """

    def __init__(
        self,
        settings: Settings,
        decoders: Decoders,
        writers: Writers,
        storage: Objects | None = None,
        models: Models | None = None,
    ) -> None:
        self._settings = settings
        self._models = models
        self._stand_in = storage
        self._decoders = decoders
        self._writers = writers

    @cached_property
    def _storage(self) -> Objects:
        if self._stand_in:
            return self._stand_in
        if not self._settings.bucket:
            raise JobsUnavailable(
                "This endpoint has no bucket for jobs (HARK_BUCKET is not set); post the recording to "
                f"{routes.TRANSCRIPTIONS.path}."
            )
        return Storage(self._settings.bucket)

    def create(self, body: bytes, content_type: str, caller: str = "") -> Response:
        """Makes a job.

        Args:
            body: JSON; see `openapi.yaml`.
            content_type: what the body is labelled as.
            caller: in whose list the job is to be; see `handler.caller`.

        Raises:
            RequestError: there are no jobs here, or the body asks for what cannot be.
        """
        storage = self._storage
        asked = _parse(body, content_type)
        recording_type = _recording_type(asked)
        least, most = self._lengths(asked)
        url = _text(asked, "webhook_url")
        if url:
            self._check_webhook(url)
        names = ("model", "language", "decoder", "prompt", "text_style", "channels")
        fields = [(name, _text(asked, name)) for name in names]
        fields += [*_count(asked, "alternatives"), *_count(asked, "word_alternatives")]
        fields += [*_texts(asked, "hotwords"), *_texts(asked, "channel_names")]
        parsed = options.parse(fields, meant=self._models.meant if self._models else None)
        decoding = parsed.decoding
        for able in self._able(parsed.model):
            able.check(decoding)
        now_us = time.time_ns() // 1000
        now = now_us // 1_000_000
        made = Job(
            *(job.new_id(), now, now + _UPLOAD_S, recording_type, url),
            decoding=decoding.to_json(),
            order=job.order(now_us),
            model=parsed.model,
        )
        upload = storage.sign_upload(job.upload_key(made.id), recording_type, least, most, _UPLOAD_S)
        # In this order: a list passes over what has no record, and nobody would miss a job that is in no list.
        storage.write_json(job.listed_key(caller, made.order, made.id), {}, replacing=None)
        storage.write_json(job.record_key(made.id), made.to_json(), replacing=None)
        content = _described(made, "queued")
        content["upload"] = {**upload, "max_bytes": most, "expires_at": made.upload_expires_at}
        location = routes.JOB.path.format(job_id=made.id)
        return render.json_body(content).response(201, {"Location": location, "Cache-Control": "no-store"})

    def _able(self, model: str) -> tuple[Decoders, Writers]:
        """Returns what says how a model can decode and write."""
        candidate = self._models.named(model) if self._models else None
        if candidate is None or self._models is None or candidate is self._models.first:
            return self._decoders, self._writers
        return self._models.unloaded(candidate)

    def _lengths(self, asked: dict[str, Any]) -> tuple[int, int]:
        most = self._settings.job_max_bytes
        length = asked.get("content_length")
        if length is None:
            return 1, most
        if isinstance(length, float) and length.is_integer():  # JSON knows one kind of number
            length = int(length)
        if not isinstance(length, int) or isinstance(length, bool) or length < 1:
            raise InvalidParameter("content_length must be the number of the file's bytes.", param="content_length")
        if length > most:
            raise BodyTooLarge(
                f"The recording is larger than the limit of {most} bytes; compress it (Ogg Opus) or split it.",
                param="content_length",
            )
        return length, length

    def _check_webhook(self, url: str) -> None:
        if not self._settings.webhook_secret_arn:
            raise InvalidParameter(
                "This endpoint sends no webhooks; leave webhook_url out and ask for the job's status.",
                param="webhook_url",
            )
        webhook.check_url(url)

    def get(self, job_id: str, asked: Options) -> Response:
        """Says what became of a job.

        Args:
            job_id: its id.
            asked: the format of the transcript; none for the job itself, which holds it too.

        Raises:
            RequestError: there are no jobs here or not this one, or it failed and its transcript was asked for.
        """
        if dataclasses.replace(asked.decoding, prompted=(), spellings=(), text_style="") != Decoding():
            raise InvalidParameter(
                f"How a recording is decoded is said when the job is made; leave {', '.join(_DECODING)} out here.",
                param=next(name for name in _DECODING if getattr(asked.decoding, name, None)),
            )
        record = self._record(job_id)
        made = Job.from_json(record.content)
        result = self._result(made)
        if result is None:
            return _unfinished(made, as_object=asked.is_default)
        content, style = result, asked.decoding.text_style
        if content["status"] == EXPIRED and not asked.is_default:
            raise JobExpired(content["error"]["message"])
        if content["status"] == FAILED and not asked.is_default:
            raise JobFailed(f"The job failed: {content['error']['message']}")
        if asked.is_default and (content["status"] != COMPLETED or not style):
            return render.json_body(_finished(made, content)).response(200)
        kept = stored(content)
        transcript = _in_style(kept.transcript, style)
        if asked.is_default:
            as_asked = {**content, "transcript": formats.full(transcript, kept.spec)}
            return render.json_body(_finished(made, as_asked)).response(200)
        return render.transcription(transcript, kept.spec, asked).response(200)

    def _record(self, job_id: str) -> Json:
        storage = self._storage
        record = storage.read_json(job.record_key(job_id)) if job.is_id(job_id) else None
        if record is None or record.content.get("status") == DELETED:
            raise _unknown()
        return record

    def _result(self, made: Job) -> dict[str, Any] | None:
        """Returns what became of a job; None as long as something may.

        Raises:
            UnknownJob: it was deleted.
        """
        key, now = job.upload_key(made.id), int(time.time())
        found = self._storage.read_json(job.result_key(key))
        if found is not None and found.content["status"] == DELETED:
            raise _unknown()
        if found is not None:
            return found.content
        if made.status:
            # What was there has been deleted after its time; the record, written later, follows soon.
            return expired(self._storage.bucket, key, made.finished_at or now, _OUTLIVED)
        return verdict(made, lambda: written_at(self._storage, key), self._storage.bucket, now)

    def listed(self, query: Sequence[tuple[str, str]], caller: str) -> Response:
        """Lists a caller's jobs, the newest first, without their transcripts.

        Args:
            query: `limit`, how many at most, and `after`, the id of the last one of the page before.
            caller: whose.

        Raises:
            RequestError: there are no jobs here, or the query asks for what cannot be.
        """
        storage = self._storage
        limit, after = _page(query)
        below, start = job.listed_below(caller), ""
        if after:
            record = storage.read_json(job.record_key(after)) if job.is_id(after) else None
            if record is None:
                raise UnknownJob(
                    "There is no job with the id in after; take last_id of the page before.", param="after"
                )
            start = job.listed_key(caller, Job.from_json(record.content).order, after)
        ids = (job.id_of_listed(found.key) for found in storage.listed(below, start))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            page: list[dict[str, Any]] = []
            while len(page) <= limit and (some := list(islice(ids, limit + 1 - len(page)))):
                page += [each for each in pool.map(self._summary, some) if each is not None]
        content = {
            "object": "list",
            "data": page[:limit],
            "first_id": page[0]["id"] if page else None,
            "last_id": page[:limit][-1]["id"] if page else None,
            "has_more": len(page) > limit,
        }
        return render.json_body(content).response(200, {"Cache-Control": "no-store"})

    def _summary(self, job_id: str) -> dict[str, Any] | None:
        """Returns a job as lists show it; None where it was deleted."""
        record = self._storage.read_json(job.record_key(job_id))
        if record is None:
            return None
        made = Job.from_json(record.content)
        if made.status in (COMPLETED, FAILED, EXPIRED):  # which saves reading the transcript
            return _described(made, made.status) | {"finished_at": made.finished_at}
        try:
            result = self._result(made) if made.status != DELETED else {"status": DELETED}
        except UnknownJob:
            return None
        if result is None:
            return _described(made, _stage(made))
        if result["status"] == DELETED:
            return None
        return _described(made, result["status"]) | {"finished_at": result["finished_at"]}

    def delete(self, job_id: str, caller: str) -> Response:
        """Deletes a job with its recording and its transcript; a worker that is at it stops soon.

        Args:
            job_id: its id.
            caller: in whose list it is.

        Raises:
            RequestError: there are no jobs here, or not this one.
        """
        storage = self._storage
        made = Job.from_json(self._record(job_id).content)
        key, now = job.upload_key(job_id), int(time.time())
        tombstone = deleted(storage.bucket, key, now)
        result_key = job.result_key(key)
        # First what ends the job for everybody: nothing that comes later, of an upload or a worker, is kept.
        for _ in range(_WRITE_ATTEMPTS):
            found = storage.read_json(result_key)
            if found is not None and found.content["status"] == DELETED:
                tombstone = found.content
                break
            if storage.write_json(result_key, tombstone, replacing=found):
                break
        else:
            raise JobBusy("The job is being finished at this moment; delete it again.")
        storage.delete(key)
        storage.delete(job.listed_key(caller, made.order, job_id))
        for _ in range(_WRITE_ATTEMPTS):
            record = storage.read_json(job.record_key(job_id))
            if record is None:
                break
            noted = concluded(Job.from_json(record.content), tombstone)
            if storage.write_json(job.record_key(job_id), noted.to_json(), replacing=record):
                break
        return render.json_body({"id": job_id, "object": "job", "deleted": True}).response(200)


def _parse(body: bytes, content_type: str) -> dict[str, Any]:
    """Reads the object that describes the job to be made."""
    if content_type.split(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(
            'This route reads JSON such as {"content_type": "audio/mpeg"}, labelled \'Content-Type: '
            "application/json'; the recording itself is uploaded afterwards."
        )
    if len(body) > _MAX_REQUEST_BYTES:
        raise BodyTooLarge(
            f"The body is larger than {_MAX_REQUEST_BYTES} bytes; describe the recording, and upload it afterwards."
        )
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidBody(
            'The body is not valid JSON; describe the recording, such as {"content_type": "audio/mpeg"}.'
        ) from error
    if not isinstance(asked, dict):
        raise InvalidBody('The body must be a JSON object, such as {"content_type": "audio/mpeg"}.')
    for name in sorted(set(asked) - _FIELDS):
        shown = name[:64].encode(errors="replace").decode()
        instead = options.instead_of(shown, _FIELDS)
        raise InvalidParameter(f"The field {shown!r} is not supported; {instead}leave it out.", param=shown)
    return asked


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name) or ""
    if not isinstance(value, str):
        raise InvalidParameter(f"{name} must be a string.", param=name)
    return value


def _texts(asked: dict[str, Any], name: str) -> list[tuple[str, str]]:
    texts = asked.get(name) or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidParameter(f"{name} must be a list of strings.", param=name)
    return [(name, text) for text in texts]


def _count(asked: dict[str, Any], name: str) -> list[tuple[str, str]]:
    value = asked.get(name)
    if value is None:
        return []
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidParameter(f"{name} must be a number.", param=name)
    return [(name, str(value))]


def _recording_type(asked: dict[str, Any]) -> str:
    value = _text(asked, "content_type") or "application/octet-stream"
    if not _RECORDING_TYPE.fullmatch(value.lower()):
        raise InvalidParameter(
            "content_type must be an audio or video type without parameters, such as 'audio/mpeg', or "
            "'application/octet-stream'.",
            param="content_type",
        )
    return value


def _in_style(transcript: Transcript, style: str) -> Transcript:
    """Returns a stored transcript in the text style that is asked for.

    Raises:
        ConflictingParameters: it is to be readable, and was not made so.
    """
    if style == "written" and any(word.written is None for word in transcript.words):
        raise ConflictingParameters(
            "The text of this job is as it was spoken; make another job, or leave text_style out.", param="text_style"
        )
    return transcript.as_spoken() if style == "spoken" else transcript


def _unknown() -> UnknownJob:
    return UnknownJob("There is no such job; it was deleted, or has ended with the time for which recordings are kept.")


def _page(query: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Reads how many jobs are to be listed, and after which."""
    limit, after = _USUAL_PAGE, ""
    for name, value in query:
        if name == "limit":
            if not _NUMBER.fullmatch(value) or not 1 <= int(value) <= _MOST_PER_PAGE:
                raise InvalidParameter(f"limit must be a number from 1 to {_MOST_PER_PAGE}.", param="limit")
            limit = int(value)
        elif name == "after":
            after = value
        else:
            shown = name[:64]
            raise InvalidParameter(f"The parameter {shown!r} is not supported; leave it out.", param=shown)
    return limit, after


def _stage(made: Job) -> str:
    return "processing" if made.started_at else "queued"


def _unfinished(made: Job, as_object: bool) -> Response:
    content = _described(made, _stage(made))
    # 202 where a transcript was asked for and is not there yet, so that nobody takes this for one.
    return render.json_body(content).response(200 if as_object else 202, {"Retry-After": "5"})


def _finished(made: Job, result: dict[str, Any]) -> dict[str, Any]:
    content = _described(made, result["status"]) | {"finished_at": result["finished_at"]}
    return content | ({"transcript": result["transcript"]} if "transcript" in result else {"error": result["error"]})


def _described(made: Job, status: str) -> dict[str, Any]:
    return {
        "id": made.id,
        "object": "job",
        "status": status,
        "created_at": made.created_at,
        "started_at": made.started_at,
        "progress": 100 if status == COMPLETED else made.progress,
    }
