"""Requests to those of AWS's services that speak JSON, signed, with nothing but the standard library.

The authorizer starts in a fraction of the time so: AWS's own client takes longer to load than all else that it needs.
Sources: AWS, "Signature Version 4 signing process"; the AWS JSON protocols 1.0 and 1.1 of Smithy.
"""

import hashlib
import hmac
import http.client
import json
import os
import re
import time
from typing import Any
from urllib.parse import urlsplit

from hark.errors import HarkError

# API Gateway waits ten seconds for an authorizer: time for three attempts, none of which may hang.
_TIMEOUT_S = 2.5
_ATTEMPTS = 3
_PAUSE_S = 0.1
# Faults of a moment: the same request may succeed.
_PASSING = ("Throttl", "TooManyRequests", "InternalServ", "ProvisionedThroughputExceeded", "RequestLimitExceeded")
_TARGETS = {"secretsmanager": ("secretsmanager", "1.1"), "dynamodb": ("DynamoDB_20120810", "1.0")}


class CallError(HarkError):
    """AWS did not do what it was asked.

    Attributes:
        code: the name of AWS's exception; "" where nobody answered.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


def call(service: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """Asks a service, up to three times.

    Args:
        service: `secretsmanager` or `dynamodb`.
        operation: such as `GetSecretValue`.
        given: its parameters, as the service's API reference has them.

    Returns:
        The reply, parsed.

    Raises:
        CallError: it refused, or nobody answered.
    """
    error = CallError(f"{service} was not asked.")
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_S * attempt)
        try:
            return _once(service, operation, given)
        except CallError as failure:
            error = failure
            if failure.code and not failure.code.startswith(_PASSING):
                break
    raise error


def _once(service: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
    url = urlsplit(_endpoint(service))
    target, version = _TARGETS[service]
    body = json.dumps(given).encode()
    sent = {
        "Content-Type": f"application/x-amz-json-{version}",
        "Host": url.netloc,
        "X-Amz-Target": f"{target}.{operation}",
    }
    headers = signed(service, _region(), sent, body, time.gmtime())
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        status, text = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise CallError(f"{service} does not answer: {error}") from error
    finally:
        connection.close()
    try:
        content = json.loads(text or b"{}")
    except ValueError as error:
        raise CallError(f"{service} answered {status} without JSON.") from error
    if status != 200:
        # The exception's name, of which some services say where it is defined.
        code = str(content.get("__type", "")).rpartition("#")[2] or f"InternalServerError{status}"
        raise CallError(f"{service} refused {operation}: {code}", code)
    return dict(content)


def signed(service: str, region: str, headers: dict[str, str], body: bytes, now: time.struct_time) -> dict[str, str]:
    """Returns the headers of a POST to `/` with their signature, by the credentials of the environment.

    Args:
        service: the name that AWS signs with.
        region: AWS's region.
        headers: those to send; all are signed.
        body: the request's body.
        now: the time in UTC.
    """
    moment, day = time.strftime("%Y%m%dT%H%M%SZ", now), time.strftime("%Y%m%d", now)
    all_headers = {**headers, "X-Amz-Date": moment}
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        all_headers["X-Amz-Security-Token"] = token
    by_name = sorted((name.lower(), value.strip()) for name, value in all_headers.items())
    names = ";".join(name for name, _ in by_name)
    lines = "".join(f"{name}:{value}\n" for name, value in by_name)
    request = "\n".join(["POST", "/", "", lines, names, hashlib.sha256(body).hexdigest()])
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{os.environ.get('AWS_SECRET_ACCESS_KEY', '')}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"{os.environ.get('AWS_ACCESS_KEY_ID', '')}/{scope}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return {**all_headers, "Authorization": authorization}


def bucket_origin(bucket: str) -> str:
    """Returns the origin of a bucket's own address, which signed uploads go to."""
    parts = urlsplit(_endpoint("s3"))
    # Numbers have no names below them: such an address has the bucket in its path.
    is_number = re.fullmatch(r"[0-9.]+|\[.*\]", parts.hostname or "") is not None
    return f"{parts.scheme}://{parts.netloc}" if is_number else f"{parts.scheme}://{bucket}.{parts.netloc}"


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "")


def _endpoint(service: str) -> str:
    """Returns where a service answers; the variables are those of AWS's own clients."""
    region = _region()
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    given = os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")
    return given or f"https://{service}.{region}.{domain}"
