"""HTTP requests -> the events API Gateway makes of them, and replies back.

Source: AWS, "Working with AWS Lambda proxy integrations for HTTP APIs", payload format 2.0.
"""

import base64
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

# API Gateway hands these over as text; every other body as base64.
_TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")
_API_ID = "local"


@dataclass(frozen=True)
class LocalContext:
    """The part of Lambda's context object that Powertools reads."""

    aws_request_id: str
    function_name: str = "hark-local"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:local:000000000000:function:hark-local"
    remaining_s: Callable[[], float] = lambda: 30.0

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds left, as far as anything here counts them."""
        return int(self.remaining_s() * 1000)


def http_event(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    query: str = "",
    source_ip: str = "127.0.0.1",
) -> dict[str, Any]:
    """Makes the event an HTTP API invokes its Lambda with.

    Args:
        method: HTTP method.
        path: path as it stands in the request line, percent-encoded.
        headers: header fields; their names become lower case.
        body: the whole body.
        query: query string without the question mark.
        source_ip: address of the client.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    now = time.time()
    # What API Gateway itself adds on the way.
    lower |= {
        "x-amzn-trace-id": f"Root=1-{int(now):08x}-{uuid.uuid4().hex[:24]}",
        "x-forwarded-for": source_ip,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(path),
        "rawQueryString": query,
        "headers": lower,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": _API_ID,
            "domainName": lower.get("host", "localhost"),
            "domainPrefix": _API_ID,
            "http": {
                "method": method,
                "path": unquote(path),
                "protocol": "HTTP/1.1",
                "sourceIp": source_ip,
                "userAgent": lower.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if query:
        grouped: dict[str, list[str]] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            grouped.setdefault(name, []).append(value)
        event["queryStringParameters"] = {name: ",".join(values) for name, values in grouped.items()}
    if body:
        as_text = lower.get("content-type", "").lower().startswith(_TEXT_TYPES)
        event["body"] = body.decode("utf-8", "replace") if as_text else base64.b64encode(body).decode()
        event["isBase64Encoded"] = not as_text
    return event


def context_for(event: Mapping[str, Any]) -> LocalContext:
    """Makes the context object that comes with an event."""
    return LocalContext(event["requestContext"]["requestId"])


def reply_body(reply: Mapping[str, Any]) -> bytes:
    """Returns the bytes of a handler's reply."""
    body = reply.get("body") or ""
    return base64.b64decode(body) if reply.get("isBase64Encoded") else body.encode()
