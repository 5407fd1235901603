"""What a job is: its id, its record, and where in the bucket everything about a recording lies.

- `uploads/ID`: the recording of a job, as the caller uploaded it.
- `jobs/ID.json`: the job's record.
- `results/ID.json`: what became of it. That this object is there is what ends a job; it is written once, but for the
  cases in `handler/ending.py`.
- `callers/CALLER/ORDER-ID`: nothing but a name, by which a caller's jobs are listed, newest first.
- `inbox/PATH`: a recording that another tool put there; what became of it lies in `results/inbox/PATH.json`, and
  `jobs/inbox/PATH.json` counts the workers that took it up.
"""

import dataclasses
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

UPLOADS, INBOX = "uploads/", "inbox/"

_ID = re.compile(r"job_[A-Za-z0-9_-]{32}", re.ASCII)
_ID_BYTES = 24  # 192 random bits: nobody finds an id by trying
_MAX_KEY_BYTES = 1024  # S3's
# An upload that begins in time may take so long: 512 MB at 200 kbit/s.
_UPLOAD_MAY_TAKE_S = 6 * 3600
# By which the clocks of S3 and of the functions may differ.
_CLOCKS_S = 60
# Longer than the queue keeps a message: whatever is not finished by then, nobody works on any more.
_LOST_AFTER_S = 5 * 86_400
_LAST_MICROSECOND = 10**17 - 1
# Whoever writes results to a disk under their keys must not be led out of the folder.
_UNSAFE_PART = re.compile(r"|\.\.?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True)
class Job:
    """The record of a job. It says nothing of who made it, and no key is in it.

    Attributes:
        id: what `new_id` made.
        created_at: seconds since 1970.
        upload_expires_at: seconds since 1970; no upload begins later.
        content_type: what the upload must be labelled as.
        webhook_url: where to say that the job is done; "" for nowhere.
        started_at: when a worker first took the recording up; None before that.
        webhook: "delivered" or "failed" once that is known.
        decoding: how the recording is to be decoded, as `hark.decoding.Decoding` writes it.
        begun: when workers took the recording up that have not said since what came of it, in seconds since 1970.
        progress: per cent of the audio that is done, as far as the file says how long it is.
        status: what became of the job, noted here after its result was written; "" before that. A job whose status is
            here and whose result is not has outlived it.
        finished_at: when that was.
        turn: how often the job got another result after it had one; only an operator's redrive does that.
        order: where the job is in the list of its caller.
        model: the name of the model that transcribes; "" for the first that is deployed.
    """

    id: str
    created_at: int
    upload_expires_at: int
    content_type: str
    webhook_url: str = ""
    started_at: int | None = None
    webhook: str = ""
    decoding: dict[str, Any] = field(default_factory=dict)
    begun: tuple[int, ...] = ()
    progress: int = 0
    status: str = ""
    finished_at: int | None = None
    turn: int = 0
    order: str = ""
    model: str = ""

    @property
    def uploaded_until(self) -> int:
        """When the upload must be complete, in seconds since 1970; what comes later is not transcribed."""
        return self.upload_expires_at + _UPLOAD_MAY_TAKE_S

    @property
    def expired_after(self) -> int:
        """When a job without an upload has expired, in seconds since 1970: none can be complete in time any more."""
        return self.uploaded_until + _CLOCKS_S

    @property
    def lost_after(self) -> int:
        """When nobody works on the job any more, whatever became of it, in seconds since 1970."""
        return self.uploaded_until + _LOST_AFTER_S

    def to_json(self) -> dict[str, Any]:
        """Returns the record as it is stored."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Job":
        """Reads what `to_json` wrote; fields of a newer version are left out."""
        known = {field.name: content[field.name] for field in dataclasses.fields(cls) if field.name in content}
        return cls(**{**known, "begun": tuple(known.get("begun", ()))})


def new_id() -> str:
    """Makes an id that nobody can guess."""
    return f"job_{secrets.token_urlsafe(_ID_BYTES)}"


def is_id(text: str) -> bool:
    """Says whether this can be the id of a job; whatever is no id must not become part of a key."""
    return bool(_ID.fullmatch(text))


def upload_key(job_id: str) -> str:
    """Where the recording is uploaded to."""
    return f"{UPLOADS}{job_id}"


def record_key(job_id: str) -> str:
    """Where the job's record lies."""
    return f"jobs/{job_id}.json"


def order(now_us: int) -> str:
    """Returns what makes names sort by time, the latest first.

    Args:
        now_us: microseconds since 1970.
    """
    return f"{_LAST_MICROSECOND - now_us:017}"


def listed_below(caller: str) -> str:
    """Where the names of a caller's jobs are; whose they are cannot be read from it.

    Args:
        caller: see `handler.caller`.
    """
    return f"callers/{hashlib.sha256(caller.encode()).hexdigest()[:32]}/"


def listed_key(caller: str, job_order: str, job_id: str) -> str:
    """Where a job stands in the list of its caller."""
    return f"{listed_below(caller)}{job_order}-{job_id}"


def id_of_listed(key: str) -> str:
    """Returns the id of the job that `listed_key` made a key of."""
    return key.rpartition("/")[2].partition("-")[2]


def tries_key(key: str) -> str:
    """Where the workers are counted that took a recording of the inbox up."""
    return f"jobs/{key}.json"


def id_of_record(key: str) -> str:
    """Returns the id of the job whose record or result this is; "" for what is no job's."""
    job_id = key.partition("/")[2].removesuffix(".json")
    return job_id if is_id(job_id) else ""


def id_of_upload(key: str) -> str:
    """Returns the id of the job whose upload this is; "" for what is no upload of a job."""
    job_id = key.removeprefix(UPLOADS)
    return job_id if key.startswith(UPLOADS) and is_id(job_id) else ""


def result_key(key: str) -> str:
    """Returns where the result of a recording belongs; "" where the key is not one that is transcribed."""
    if job_id := id_of_upload(key):
        return f"results/{job_id}.json"
    result = f"results/{key}.json"
    unsafe = _CONTROL.search(key) or any(_UNSAFE_PART.fullmatch(part) for part in key.split("/"))
    if not key.startswith(INBOX) or unsafe or len(result.encode()) > _MAX_KEY_BYTES:
        return ""
    return result
