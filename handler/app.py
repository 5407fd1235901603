"""The HTTP entry point: an API Gateway event (HTTP API, payload format 2.0) in, a reply out.

Sources: AWS, "Working with AWS Lambda proxy integrations for HTTP APIs"; OpenAI, "Create transcription".
"""

import base64
import binascii
import json
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response, content_types
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.functions import is_metrics_disabled
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import form, render, site
from handler.errors import (
    InvalidBody,
    MethodNotAllowed,
    RequestError,
    UnknownRoute,
    UnsupportedMediaType,
    error_body,
)
from handler.pipeline import Timings, transcribe
from handler.recognizer import Recognizer
from handler.settings import Settings
from handler.transcript import Transcript

settings = Settings.from_environment(os.environ)
logger = Logger(service="hark")
metrics = Metrics(namespace="Hark", service="hark")
# Nothing is patched: this function calls no other service.
tracer = Tracer(service="hark", auto_patch=False)
# Loaded once, while Lambda initialises the environment, not with the first request.
recognizer = Recognizer(settings.model_path)

app = APIGatewayHttpResolver()

# The methods of each path, for a 405 that says what would work.
_METHODS = {"/transcribe": "POST", "/v1/audio/transcriptions": "POST", "/health": "GET", "/": "GET, HEAD"}
# Bodies of these types are certainly not audio. Anything else is tried: clients label audio in many ways, and curl
# labels what nobody labelled application/x-www-form-urlencoded.
_NOT_AUDIO = ("text/", "application/json", "application/xml", "multipart/", "image/", "application/pdf")

_Reply = Response[str]


@app.route("/", method=["GET", "HEAD"])
def get_page() -> Response[bytes]:
    """Sends the web page."""
    return site.reply(site.PAGE, app.current_event.headers)


@app.route("", method=["GET", "HEAD"])
def get_page_without_slash() -> _Reply:
    """Leads from the bare name of a stage to its page, whose addresses are relative."""
    return Response(308, "text/plain", "", {"Location": f"{app.current_event.request_context.stage}/"})


@app.route("/static/<name>", method=["GET", "HEAD"])
@app.route("/static/<version>/<name>", method=["GET", "HEAD"])
def get_static(name: str, version: str = "") -> Response[bytes]:
    """Sends a file of the web page."""
    return site.reply(name, app.current_event.headers, version)


@app.post("/transcribe")
def post_transcribe() -> _Reply:
    """Transcribes the raw bytes of the body; replies with text, word times and confidences."""
    media_type = _content_type().split(";")[0].strip().lower()
    if media_type.startswith(_NOT_AUDIO):
        raise UnsupportedMediaType(
            f"The body is labelled {media_type[:64]}, which is not audio; post the bytes of the recording with a "
            "header such as 'Content-Type: audio/wav', or a form to /v1/audio/transcriptions."
        )
    transcript, timings = _transcribe(_body())
    return _reply(200, render.full(transcript, recognizer.spec), timings)


@app.post("/v1/audio/transcriptions")
def post_transcriptions() -> _Reply:
    """Transcribes the file of a multipart form, as clients of OpenAI's API send it."""
    timings = Timings()
    with timings.stage("form"):
        request = form.parse(_body(), _content_type())
    transcript, timings = _transcribe(request.audio, timings)
    if request.response_format == "text":
        return _reply(200, render.openai_text(transcript), timings)
    return _reply(200, render.openai_json(transcript), timings)


@app.get("/health")
def get_health() -> _Reply:
    """Says which model answers and how well it was measured to do."""
    return _reply(200, render.health(recognizer.spec))


def _transcribe(audio: bytes, timings: Timings | None = None) -> tuple[Transcript, Timings]:
    timings = timings or Timings()
    transcript = transcribe(audio, recognizer, settings.max_audio_s, timings)
    logger.info(
        "transcribed",
        audio_s=round(transcript.duration_s, 3),
        stages_ms={name: round(ms, 2) for name, ms in timings.stages_ms.items()},
        real_time_factor=round(timings.total_ms / 1000 / transcript.duration_s, 5),
        model_version=recognizer.spec.version,
    )
    metrics.add_metric("AudioDuration", MetricUnit.Seconds, transcript.duration_s)
    metrics.add_metric("ProcessingTime", MetricUnit.Milliseconds, timings.total_ms)
    return transcript, timings


def _content_type() -> str:
    return app.current_event.headers.get("content-type") or ""


def _body() -> bytes:
    """Returns the request's body.

    Raises:
        InvalidBody: it is empty, or is not the base64 the event says it is.
    """
    event = app.current_event
    body = event.body
    if not body:
        raise InvalidBody("The request body is empty; send the bytes of an audio file.")
    if not event.is_base64_encoded:
        return body.encode(errors="replace")  # JSON can hold halves of characters, which UTF-8 cannot
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidBody("The request body is not valid base64, as isBase64Encoded says it is.") from error


def _reply(status: int, body: dict[str, Any] | str, timings: Timings | None = None) -> _Reply:
    headers = {}
    if timings:  # https://www.w3.org/TR/server-timing/
        headers["Server-Timing"] = ", ".join(f"{name};dur={ms:.2f}" for name, ms in timings.stages_ms.items())
    if isinstance(body, str):
        return Response(status, "text/plain; charset=utf-8", body, headers)
    return Response(status, content_types.APPLICATION_JSON, _json(body), headers)


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False)


@app.exception_handler(RequestError)  # type: ignore[untyped-decorator]
def on_request_error(error: RequestError) -> _Reply:
    """Tells the caller what to mend."""
    return _refusal(error)


def _refusal(error: RequestError) -> _Reply:
    logger.info("refused", status=error.status, code=error.code)
    metrics.add_metric("RefusedRequests", MetricUnit.Count, 1)
    reply = _reply(error.status, error.body())
    reply.headers.update(error.headers)
    return reply


@app.not_found
def on_not_found(_error: Exception) -> _Reply:
    """Tells an unknown path from a wrong method."""
    path = app.current_event.path
    if path in _METHODS:
        method, allowed = app.current_event.http_method, _METHODS[path]
        return _refusal(
            MethodNotAllowed(f"{path} does not answer {method}; use {allowed}.", headers={"Allow": allowed})
        )
    return _refusal(UnknownRoute(f"There is no such route; use one of {', '.join(_METHODS)}."))


@app.exception_handler(Exception)  # type: ignore[untyped-decorator]
def on_unexpected(_error: Exception) -> _Reply:
    """Answers a fault of our own; what it was is in the log, not in the reply."""
    logger.exception("unexpected error")
    metrics.add_metric("UnexpectedErrors", MetricUnit.Count, 1)
    return _reply(500, error_body("The server failed; try again later.", "server_error", None))


def _is_http_event(event: Any) -> bool:
    return isinstance(event, dict) and event.get("version") == "2.0" and "http" in (event.get("requestContext") or ())


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=not is_metrics_disabled())  # which it would ignore
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls. `event` is an HTTP API event, payload format 2.0; any other is refused."""
    if not _is_http_event(event):
        metrics.add_metric("RefusedRequests", MetricUnit.Count, 1)
        message = "This function answers HTTP API events (payload format 2.0) only; check what invokes it."
        body = error_body(message, "invalid_request_error", "not_an_http_event")
        headers = {"Content-Type": content_types.APPLICATION_JSON}
        return {"statusCode": 400, "headers": headers, "body": _json(body), "isBase64Encoded": False}
    # One metric at least for every call: Powertools warns of a call that leaves none.
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    return app.resolve(event, context)
