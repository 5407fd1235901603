"""What a job is: its id, its record, and where in the bucket everything about a recording lies.

- `uploads/ID`: the recording of a job, as the caller uploaded it.
- `jobs/ID.json`: the job's record.
- `results/ID.json`: what became of it.
- `inbox/PATH`: a recording that another tool put there; what became of it lies in `results/inbox/PATH.json`.
"""

import dataclasses
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

UPLOADS, INBOX = "uploads/", "inbox/"

_ID = re.compile(r"job_[A-Za-z0-9_-]{32}", re.ASCII)
_ID_BYTES = 24  # 192 random bits: nobody finds an id by trying
_MAX_KEY_BYTES = 1024  # S3's
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
