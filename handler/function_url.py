"""The entry point of a Lambda Function URL: the routes of `handler.app`, with replies that go out in parts.

No API Gateway is in front of it. So replies may be larger than 6 MB and take longer than 30 s, and nobody has checked
keys: that is done here, by the authorizer's own code, for the same paths. Events of Function URLs have the form of HTTP
APIs'. `handler.runtime` calls this, which can send replies in parts.

Source: AWS, "Invoking Lambda function URLs".
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.functions import is_metrics_disabled
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import app, authorizer, caller, permit, routes
from handler.permit import Permit
from handler.router import InParts, Request, Response
from handler.runtime import CallerGone, Reply
from handler.settings import SettingsError
from handler.tracing import traced
from hark.errors import TookTooLong

_AUTH_MODES = ("key", "iam", "none")
# What telling the caller that there is no more time may take.
_RESERVE_MS = 5_000


def auth_mode(environment: Mapping[str, str]) -> str:
    """Returns how callers prove who they are, `HARK_AUTH_MODE`.

    Raises:
        SettingsError: it is nothing that can be checked here.
    """
    mode = environment.get("HARK_AUTH_MODE", "")
    if mode not in _AUTH_MODES:
        raise SettingsError(f"HARK_AUTH_MODE must be {', '.join(_AUTH_MODES[:-1])} or {_AUTH_MODES[-1]}, not {mode!r}.")
    return mode


# Read at the start: without it nothing is answered.
_MODE = auth_mode(os.environ)


@app.logger.inject_lambda_context
@traced
@app.metrics.log_metrics(capture_cold_start_metric=not is_metrics_disabled())  # which it would ignore
def lambda_handler(event: dict[str, Any], context: LambdaContext, *, reply: Reply) -> dict[str, Any]:
    """What `handler.runtime` calls.

    Args:
        event: of a Function URL.
        context: Lambda's.
        reply: takes the reply.

    Raises:
        CallerGone: nobody takes the reply any more.
        Exception: a fault of ours ended the reply in the middle.
    """

    def check_time() -> None:
        if context.get_remaining_time_in_millis() < _RESERVE_MS:
            raise TookTooLong("The recording takes longer than a function may run; split it, or make a job.")

    response = app.answer(event, InParts(check_time), lambda request: admit(request, _MODE, context.aws_request_id))
    request = app.app.request if app.is_http_event(event) else None
    ended = "broken"
    try:
        _send(response, reply, request is not None and request.method == "HEAD")
        ended = "whole"
    except CallerGone:
        ended = "gone"
        raise
    except Exception:
        app.metrics.add_metric("BrokenReplies", MetricUnit.Count, 1)
        raise
    finally:
        _log(request, event, response, reply, ended)
    return {}


def admit(request: Request, mode: str, request_id: str) -> Request:
    """Returns a request with who sends it and what they may do.

    Args:
        request: as it came.
        mode: one of `_AUTH_MODES`.
        request_id: for the log.

    Raises:
        InvalidKey: nobody may send it so.
        KeyringError: the stored keys cannot be read.
    """
    if mode == "none" or request.path in routes.OPEN_PATHS:
        return replace(request, caller="", permit=Permit())
    if mode == "iam":  # Lambda has checked the signature, or says nothing of any
        if not request.caller.startswith("iam:"):
            raise permit.without_key()
        return replace(request, permit=Permit())
    authorization = request.headers.get("authorization", "")
    # As at an API: who sends none is not counted among those who try keys.
    key = authorizer.admitted(authorization, request_id) if authorization else None
    if key is None:
        raise permit.without_key()
    told = {"requestContext": {"authorizer": {"lambda": permit.context(key)}}}
    return replace(request, caller=caller.of(told), permit=Permit.of(told))


def _send(response: Response, reply: Reply, is_head: bool) -> None:
    reply.begin(response.status_code, response.all_headers)
    body = response.body if isinstance(response.body, bytes) else response.body.encode(errors="replace")
    reply.write(body if not is_head else b"")  # which API Gateway sees to
    if response.parts is None:
        return
    try:
        for part in response.parts:
            reply.write(part)
    finally:
        response.parts.close()


def _log(request: Request | None, event: Any, response: Response, reply: Reply, ended: str) -> None:
    """Writes what an API's access log has, which a Function URL does not keep: neither query nor headers."""
    route = next((route.path for route in routes.ALL if request and route.match(request.path) is not None), "")
    app.logger.info(
        "answered",
        status=response.status_code,
        ended=ended,
        bytes=reply.sent_bytes,
        route=route,
        method=request.method if request else "",
        ip=event["requestContext"]["http"].get("sourceIp") if request else "",
        key_name=request.permit.name if request else "",
    )
