"""The key check in front of the API: an authorizer event (HTTP API, payload format 2.0) in, yes or no out.

The keys' hashes are kept in Secrets Manager. Nobody is let in by what was read before: a key that was taken away is
let in by nothing but the answer that API Gateway keeps, for as long as the template says. What is refused is refused
for a minute by what was read, so that guessing costs no calls. Where the keys cannot be read, this raises: nobody gets
in, API Gateway answers 500 and keeps no answer, and the alarm for errors rings.

What a key may do depends on the path and the time, of which API Gateway's kept answer knows nothing: the function
behind is told, and decides (see `handler.permit`).

A function of its own, whose package is these few files (`operate/package.py`), so that it starts at once: it imports
the standard library alone. Source: AWS, "Control access to HTTP APIs with AWS Lambda authorizers".
"""

import json
import os
import time
from typing import Any

from handler import permit, signed, usage
from handler.keys import Keyring, KeyringError, StoredKey

# So old may be what somebody is refused by, and what somebody is let in by: of calls at the same moment one reads.
KEYS_FRESH_S = 60
_LETS_IN_S = 1
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_read: dict[str, tuple[float, str]] = {}


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What Lambda calls; the answer is API Gateway's simple response, with what the key may do for the function behind.

    Raises:
        KeyringError: the stored keys cannot be read.
    """
    key = admitted(_authorization(event), str(getattr(context, "aws_request_id", "")))
    if key is None:
        return {"isAuthorized": False, "context": {"keyName": ""}}
    return {"isAuthorized": True, "context": permit.context(key)}


def admitted(authorization: str, request_id: str) -> StoredKey | None:
    """Returns the key of an Authorization header, where it lets in now, and keeps that it was used.

    Args:
        authorization: the header.
        request_id: for the log.

    Raises:
        KeyringError: the stored keys cannot be read.
    """
    try:
        key = _keyring(KEYS_FRESH_S).find(authorization)
        if key is not None:
            key = _keyring(_LETS_IN_S).find(authorization)
    except KeyringError as error:
        _log("ERROR", "the stored keys cannot be read", request_id, error=str(error))
        raise
    if key is None or (key.expires is not None and time.time() >= key.expires):
        _log("INFO", "denied", request_id, key_name=None, expired=key.name if key else None)
        _count_refusal()
        return None
    _log("INFO", "allowed", request_id, key_name=key.name)
    _note_use(key, request_id)
    return key


def _authorization(event: dict[str, Any]) -> str:
    """Returns the header that API Gateway keeps the answer under; "" where the event has none, or more than one.

    Of all places in the event it is the only one read: what is decided upon and what the decision is kept for cannot
    be two things. A key in the query, in a cookie or in another header is no key.
    """
    sources = event.get("identitySource")
    if isinstance(sources, list) and len(sources) == 1 and isinstance(sources[0], str):
        return sources[0]
    return ""


def _keyring(fresh_s: float) -> Keyring:
    """Returns the stored keys as they were so many seconds ago at most.

    Raises:
        KeyringError: they cannot be read.
    """
    arn = os.environ.get("HARK_KEYS_SECRET_ARN")
    if not arn:
        raise KeyringError("HARK_KEYS_SECRET_ARN is not set; name the secret that holds the keys.")
    read_at_s, text = _read.get(arn, (0.0, ""))
    if not text or time.monotonic() - read_at_s >= fresh_s:
        try:
            found = signed.call("secretsmanager", "GetSecretValue", {"SecretId": arn}).get("SecretString")
        except signed.CallError as error:
            raise KeyringError(f"Secrets Manager does not give the stored keys: {error}") from error
        text = found if isinstance(found, str) else ""
        _read[arn] = time.monotonic(), text
    return Keyring.parse(text)


def _note_use(key: StoredKey, request_id: str) -> None:
    if not usage.table():
        return
    try:
        usage.note_use(key.name)
    except signed.CallError as error:  # which is no reason to keep anybody out
        _log("WARNING", "the key's last use is not kept", request_id, error=str(error))


def _count_refusal() -> None:
    """Measures a refused key, in CloudWatch's embedded metric format; the alarm for bursts counts these."""
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "hark")
    metric = {
        "Namespace": os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Hark"),
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "RefusedKeys", "Unit": "Count"}],
    }
    aws = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metric]}
    print(json.dumps({"_aws": aws, "service": service, "RefusedKeys": 1}), flush=True)  # noqa: T201 (Lambda's log)


def _log(level: str, message: str, request_id: str, **fields: Any) -> None:
    """Writes a line as the other functions do; never a key or a header."""
    least = os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO").upper()
    if level in _LEVELS and least in _LEVELS and _LEVELS.index(level) < _LEVELS.index(least):
        return
    line = {
        "level": level,
        "message": message,
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime()),
        "service": os.environ.get("POWERTOOLS_SERVICE_NAME", "hark"),
        "function_request_id": request_id,
        **fields,
    }
    print(json.dumps(line), flush=True)  # noqa: T201 (Lambda's log)
