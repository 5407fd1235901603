"""The messages S3 sends through SQS -> the recordings that have arrived.

Source: AWS, "Event message structure" of Amazon S3 event notifications.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

from hark.errors import HarkError


class NotANotification(HarkError):
    """The message is not one of S3's."""


@dataclass(frozen=True)
class Arrival:
    """An object that was created.

    Attributes:
        bucket: the bucket's name.
        key: the object's key, decoded.
        etag: the entity tag of what was written then; another one stands for other bytes.
        size_bytes: its length.
        at: when S3 had all of it, in seconds since 1970; 0 where the message does not say.
    """

    bucket: str
    key: str
    etag: str
    size_bytes: int
    at: float = field(default=0.0, compare=False)  # the same bytes are the same arrival, whenever they came


def arrivals(body: str) -> list[Arrival]:
    """Returns the objects that a message says were created.

    None in the message that S3 sends when notifications are set up, for objects that were deleted, and for the empty
    objects with a slash at the end that consoles show as folders.

    Raises:
        NotANotification: the message is something else.
    """
    try:
        content = json.loads(body)
        if content.get("Event") == "s3:TestEvent":
            return []
        arrivals = [_arrival(record) for record in content["Records"] if _is_creation(record)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotANotification("The message is no notification of S3; check what else sends to the queue.") from error
    return [arrival for arrival in arrivals if not arrival.key.endswith("/")]


def _is_creation(record: dict[str, Any]) -> bool:
    return bool(record["eventSource"] == "aws:s3" and record["eventName"].startswith("ObjectCreated:"))


def _arrival(record: dict[str, Any]) -> Arrival:
    stored = record["s3"]["object"]
    # Keys come as in the query of a URL: a space as "+", everything unusual as "%" and two digits.
    key = unquote_plus(stored["key"], errors="strict")
    bucket, etag = record["s3"]["bucket"]["name"], stored["eTag"].strip('"')
    return Arrival(bucket, key, etag, int(stored.get("size", 0)), _at(record.get("eventTime")))


def _at(text: Any) -> float:
    return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else 0.0
