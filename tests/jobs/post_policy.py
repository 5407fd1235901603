"""What S3 does with an upload by HTML form before it stores anything: signature, expiry and conditions are checked.

Emulators store whatever is posted, so the tests' S3 asks this first; tests/s3 holds it to what an S3 does that is not
ours. Written after Amazon S3, "Creating a POST policy"
and "Authenticating requests in browser-based uploads using POST (AWS Signature Version 4)".
"""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

# Fields that a policy need not name.
_FREE = {"x-amz-signature", "policy", "file"}


def refusal(form: dict[str, str], bucket: str, file_bytes: int, secret_key: str, now: datetime) -> str | None:
    """Returns S3's error code; None for an upload that is let in.

    Args:
        form: the fields, `file` left out.
        bucket: where it was posted to.
        file_bytes: length of the file.
        secret_key: of the one account there is.
        now: S3's clock.
    """
    fields = {name.lower(): value for name, value in form.items()}
    if not {"policy", "x-amz-signature", "x-amz-credential"} <= set(fields):
        return "AccessDenied"
    if not hmac.compare_digest(_signature(fields, secret_key), fields["x-amz-signature"]):
        return "SignatureDoesNotMatch"
    policy = json.loads(base64.b64decode(fields["policy"]))
    if datetime.fromisoformat(policy["expiration"]) <= now:
        return "AccessDenied"
    if datetime.strptime(fields["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z") > now + timedelta(minutes=15):
        return "RequestTimeTooSkewed"
    return _broken_condition(policy["conditions"], fields, bucket, file_bytes)


def _signature(fields: dict[str, str], secret_key: str) -> str:
    _, date, region, service, end = fields["x-amz-credential"].split("/")
    key = f"AWS4{secret_key}".encode()
    for part in (date, region, service, end):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return hmac.new(key, fields["policy"].encode(), hashlib.sha256).hexdigest()


def _broken_condition(conditions: list[Any], fields: dict[str, str], bucket: str, file_bytes: int) -> str | None:
    named = set()
    values = {**fields, "bucket": bucket}
    for condition in conditions:
        kind, name, value = ("eq", *next(iter(condition.items()))) if isinstance(condition, dict) else condition
        if kind == "content-length-range":
            if file_bytes < name:
                return "EntityTooSmall"
            if file_bytes > value:
                return "EntityTooLarge"
            continue
        name = name.lower().removeprefix("$")
        named.add(name)
        sent = values.get(name, "")
        if not (sent.startswith(value) if kind == "starts-with" else sent == value):
            return "AccessDenied"
    extra = {name for name in fields if not name.startswith("x-ignore-")} - named - _FREE
    return "AccessDenied" if extra else None
