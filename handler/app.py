"""The HTTP entry point: an API Gateway event (HTTP API, payload format 2.0) in, a reply out.

Sources: AWS, "Working with AWS Lambda proxy integrations for HTTP APIs"; OpenAI, "Create transcription".
"""

import binascii
import json
import os
from collections.abc import Callable, Generator, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pybase64
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.functions import is_metrics_disabled
from aws_lambda_powertools.utilities.typing import LambdaContext

from handler import contract, memory, options, render, routes
from handler.metrics import collector, refused, transcribed, used_by_key
from handler.models import Loaded, Models, loaded
from handler.options import Options
from handler.render import Body
from handler.router import InParts, Request, Response, Route, Router
from handler.settings import Settings
from handler.tracing import traced
from hark import channels, formats
from hark.channels import transcribe
from hark.errors import (
    ConflictingParameters,
    InvalidAudio,
    InvalidBody,
    InvalidParameter,
    KeywordsUnavailable,
    MethodNotAllowed,
    ModelError,
    ModelUnavailable,
    ReplyTooLarge,
    RequestError,
    TookTooMuchMemory,
    UnknownModel,
    UnknownRoute,
    UnsupportedMediaType,
    UnsupportedOperation,
    error_body,
)
from hark.model_choice import Candidate
from hark.pipeline import Runner, Timings
from hark.recognizer import Recognizer

# What only some requests need is imported where it is needed: a cold start waits for every import.
if TYPE_CHECKING:
    from handler.jobs import Jobs
    from handler.permit import Permit
    from handler.storage import Objects

memory.bound(os.environ)
settings = Settings.from_environment(os.environ)
logger = Logger(service="hark")
metrics = collector()
# Loaded once, while Lambda initialises the environment, not with the first request. Others there may be follow when
# somebody asks for them.
recognizer = Recognizer(settings.model_path, "transcription")
models = Models(settings, recognizer.spec)
_first = loaded(settings, Candidate(settings.model_path, recognizer.spec), recognizer)
decoders, writers = _first.decoders, _first.writers

_METRICS_DISABLED = is_metrics_disabled()

app = Router()
# What stands in for the bucket of jobs where there is none: `make serve` has a folder.
job_storage: "Objects | None" = None

# Bodies of these types are certainly not audio. Anything else is tried: clients label audio in many ways, and curl
# labels what nobody labelled application/x-www-form-urlencoded.
_NOT_AUDIO = ("text/", "application/json", "application/xml", "multipart/", "image/", "application/pdf")

# One for each hot word, and for all else.
_MAX_QUERY_FIELDS = 160
# Lambda sends back 6 MB, in which the body is a string of JSON; headers and status need a little too.
_MAX_REPLY_BYTES = 6_000_000
_SURELY_LINE_ENDS = 4096


@app.before
def check_permit(route: Route) -> None:
    """Holds whoever asks to what their key is for."""
    permit = app.request.permit
    if permit.name and route.needs_key:
        permit.check(app.request.path)
        if permit.minutes_per_day is not None:
            from handler import allowance

            allowance.check(permit, route, app.request.method)


@app.answers(routes.PAGE)
def get_page() -> Response:
    """Sends the web page."""
    from handler import signed, site

    # Where the page uploads recordings of jobs to; a stand-in for the bucket takes them at the page's own address.
    origin = signed.bucket_origin(settings.bucket) if settings.bucket and job_storage is None else ""
    return site.reply(app.request.headers, origin)


@app.answers(routes.PAGE_WITHOUT_SLASH)
def get_page_without_slash() -> Response:
    """Leads from the bare name of a stage to its page, whose addresses are relative."""
    return Response(308, "text/plain", "", {"Location": f"{app.request.stage}/"})


@app.answers(routes.TRANSCRIBE)
def post_transcribe() -> Response:
    """Transcribes the raw bytes of the body; replies with text, word times and confidences."""
    _check_is_audio(f"a form to {routes.TRANSCRIPTIONS.path}")
    return _transcribe(_body(), options.parse(_query(), meant=models.meant), Timings(), full_by_default=True)


@app.answers(routes.TRANSCRIPTIONS)
def post_transcriptions() -> Response:
    """Transcribes the file of a multipart form, as clients of OpenAI's API send it."""
    from handler import form

    timings = Timings()
    with timings.stage("form"):
        request = form.parse(_body(), _content_type(), _query(), models.meant)
    return _transcribe(request.audio, request.options, timings)


@app.answers(routes.TRANSLATIONS)
def post_translations() -> Response:
    """Says that there are none."""
    raise UnsupportedOperation(
        "The models here transcribe speech in its own language and translate nothing; post the recording to "
        f"{routes.TRANSCRIPTIONS.path}.",
        param="model",
    )


@app.answers(routes.KEYWORDS)
def post_keywords() -> Response:
    """Says which keywords are in a recording, which is the body or the file of a multipart form."""
    from handler import form, keyword_reply
    from hark import keywords

    timings = Timings()
    if _media_type() == "multipart/form-data":
        with timings.stage("form"):
            recording, fields = form.read(_body(), _content_type())
    else:
        _check_is_audio("a form with it in the field 'file'")
        recording, fields = _body(), []
    keyword_reply.check_fields([*fields, *_query()])
    model = _keyword_model()
    spotted = keywords.spot(recording, model, settings.max_audio_s, timings)
    _log_work("spotted keywords", spotted.duration_s, timings, model)
    return _reply(200, render.json_body(keyword_reply.reply(spotted, model.spec)), timings)


@app.answers(routes.MODELS)
def get_models() -> Response:
    """Lists the deployed models."""
    return _reply(200, render.json_body(render.models(each.spec for each in models.choice.candidates)))


@app.answers(routes.MODEL)
def get_model(model: str) -> Response:
    """Describes a deployed model."""
    found = models.named(model)
    if found is None:
        others = ", ".join(repr(each.spec.name) for each in models.choice.candidates[1:])
        raise UnknownModel(
            f"There is no model {model[:64]!r} here; the one that answers, whatever 'model' names, is "
            f"{recognizer.spec.name!r}{f', unless it names {others}' if others else ''}.",
            param="model",
        )
    return _reply(200, render.json_body(render.model(found.spec)))


@app.answers(routes.JOBS)
def post_or_list_jobs() -> Response:
    """Makes a job for a recording that is too large for a request, or lists the jobs of whoever asks."""
    caller = app.request.caller
    if app.request.method == "POST":
        return _job_reply(_jobs().create(_body("a JSON object, such as {}"), _content_type(), caller))
    return _job_reply(_jobs().listed(_query(), caller))


@app.answers(routes.JOB)
def get_or_delete_job(job_id: str) -> Response:
    """Says what became of a job, sends its transcript, or removes both."""
    if app.request.method == "DELETE":
        return _job_reply(_jobs().delete(job_id, app.request.caller))
    return _job_reply(_jobs().get(job_id, options.parse(_query(), meant=models.meant)))


@app.answers(routes.HEALTH)
def get_health() -> Response:
    """Says which models answer, how well they were measured to do, and what is the most they take."""
    has_keywords = settings.keywords_path.is_file()
    limits = settings.max_body_bytes, settings.max_audio_s
    described = [_described(each) for each in models.choice.candidates]
    health = render.health(described, *limits, has_keywords)
    return _reply(200, render.json_body({**health, "jobs": _job_limits()}))


def _described(candidate: Candidate) -> dict[str, Any]:
    of_model = decoders if candidate is models.first else models.unloaded(candidate)[0]
    rates = render.measured(candidate.spec, of_model.error_rates(candidate.spec))
    return {**models.described(candidate), "measured": rates, "loaded": models.is_loaded(candidate)}


def _loaded(name: str) -> Loaded:
    """Returns the model that a request means, by its name; loads it where it is not the first."""
    if name in ("", models.first.spec.name):
        return Loaded(recognizer, decoders, writers)
    try:
        return models.load(name)
    except ModelError as error:
        logger.error("a model cannot be used", reason=str(error))
        raise ModelUnavailable(
            f"The model {name[:64]!r} cannot be used; ask whoever runs this endpoint, whose log says why."
        ) from error


def _job_limits() -> dict[str, float] | None:
    """Returns what a job's recording may have; None where there are no jobs."""
    if job_storage is None and not settings.bucket:
        return None
    return {"body_bytes": settings.job_max_bytes, "audio_s": settings.job_max_audio_s}


@app.answers(routes.OPENAPI)
def get_openapi() -> Response:
    """Describes this API for programs."""
    return _reply(200, contract.document(models.languages))


@app.answers(routes.DOCS)
def get_docs() -> Response:
    """Describes this API for people."""
    page, policy = contract.page(models.languages)
    reply = _reply(200, page)
    reply.headers["Content-Security-Policy"] = policy
    return reply


def _transcribe(audio: bytes, asked: Options, timings: Timings, full_by_default: bool = False) -> Response:
    recognizer, decoders, writers = _loaded(asked.model)
    in_full = full_by_default and asked.is_default
    if asked.decoding.word_alternatives and not in_full:
        raise ConflictingParameters(
            f"word_alternatives are in Hark's own format alone: post to {routes.TRANSCRIBE.path}, without "
            "response_format, include and stream.",
            param="word_alternatives",
        )
    decoder = decoders.decoder(asked.decoding, recognizer.spec)
    writer = writers.writer(asked.decoding)
    limit_s = settings.max_audio_s
    in_parts = app.request.in_parts
    before_block = in_parts.before_block if in_parts else lambda: None
    if in_parts and asked.stream:
        from handler import live

        parts = channels.parts(audio, recognizer, limit_s, timings, asked.decoding, before_block, decoder, writer)
        events = live.events(parts, recognizer.spec, asked.logprobs)
        logged = _logged(events, lambda: _log_work("transcribed", timings.read_s, timings, recognizer))
        return _common(live.reply(logged, app.failed))
    try:
        transcript = transcribe(audio, recognizer, limit_s, timings, asked.decoding, before_block, decoder, writer)
    except InvalidAudio as error:
        if not _lost_line_ends(audio):
            raise
        advice = "(curl's -d takes line ends out, and there is none here: write --data-binary)"
        raise InvalidAudio(f"{str(error).removesuffix('.')} {advice}.") from error
    _log_work("transcribed", transcript.duration_s, timings, recognizer)
    if in_full:
        body = render.json_body(formats.full(transcript, recognizer.spec))
    else:
        body = render.transcription(transcript, recognizer.spec, asked)
    _check_size(
        body.text, "leave include or stream out, or split the recording.", "include" if asked.logprobs else None
    )
    return _reply(200, body, timings)


def _lost_line_ends(audio: bytes) -> bool:
    """Says whether a body is as curl's -d labels and leaves a file; by chance hardly any is without them."""
    if _media_type() != "application/x-www-form-urlencoded":
        return False
    return len(audio) >= _SURELY_LINE_ENDS and b"\n" not in audio and b"\r" not in audio


def _logged(events: Iterator[dict[str, Any]], log: Callable[[], None]) -> Generator[dict[str, Any], None, None]:
    """Passes events on, and logs the work however they end: in an error, too, or with nobody who takes them."""
    sent = 0
    try:
        for event in events:
            sent += 1
            yield event
    finally:
        if sent:
            log()


def _log_work(message: str, audio_s: float, timings: Timings, model: Runner) -> None:
    logger.info(
        message,
        audio_s=round(audio_s, 3),
        stages_ms={name: round(ms, 2) for name, ms in timings.stages_ms.items()},
        real_time_factor=round(timings.total_ms / 1000 / audio_s, 5),
        model_version=model.spec.version,
    )
    transcribed(metrics, audio_s, timings)
    if app.request.permit.name:
        _log_use(app.request.permit, audio_s)


def _log_use(permit: "Permit", audio_s: float) -> None:
    used_by_key(permit.name, audio_s)
    if permit.minutes_per_day is not None:
        from handler import allowance, signed

        try:
            allowance.count(permit, audio_s)
        except signed.CallError:  # the transcript is there, and goes out
            logger.exception("what a key has used is not kept", key_name=permit.name)


def _check_size(body: str | bytes, remedy: str, param: str | None) -> None:
    if not app.request.in_parts and isinstance(body, str) and len(json.dumps(body)) > _MAX_REPLY_BYTES:
        raise ReplyTooLarge(f"The reply is larger than what Lambda sends back; {remedy}", param=param)


@cache
def _keyword_model() -> Recognizer:
    """Loads the keyword model with the first request for it, so that no other start pays for it."""
    if not settings.keywords_path.is_file():
        raise KeywordsUnavailable("This endpoint was set up without a keyword model; ask whoever runs it for one.")
    try:
        return Recognizer(settings.keywords_path, "keywords")
    except ModelError as error:
        logger.error("the keyword model cannot be used", reason=str(error))
        raise KeywordsUnavailable(
            "This endpoint's keyword model cannot be used; ask whoever runs it, whose log says why."
        ) from error


@cache
def _jobs() -> "Jobs":
    from handler.jobs import Jobs  # brings boto3, which takes longer to load than the model

    return Jobs(settings, decoders, writers, job_storage, models)


def _job_reply(reply: Response) -> Response:
    _check_size(reply.body, "ask for response_format text, or read the result from the bucket.", None)
    return _common(reply)


def _query() -> list[tuple[str, str]]:
    """Returns the query's parameters.

    Raises:
        InvalidParameter: there are more than any request needs.
    """
    query = app.request.query
    try:
        # JSON can hold halves of characters, which no reply can repeat.
        text = query.encode(errors="replace").decode()
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS)
    except ValueError as error:
        raise InvalidParameter(f"The query has more than {_MAX_QUERY_FIELDS} parameters; send fewer.") from error


def _check_is_audio(otherwise: str) -> None:
    media_type = _media_type()
    if media_type.startswith(_NOT_AUDIO):
        raise UnsupportedMediaType(
            f"The body is labelled {media_type[:64]}, which is not audio; post the bytes of the recording with a "
            f"header such as 'Content-Type: audio/wav', or {otherwise}."
        )


def _media_type() -> str:
    return _content_type().split(";")[0].strip().lower()


def _content_type() -> str:
    return app.request.headers.get("content-type") or ""


def _body(wanted: str = "the bytes of an audio file") -> bytes:
    """Returns the request's body; [wanted] says what it should be.

    Raises:
        InvalidBody: it is empty, or is not the base64 the event says it is.
    """
    request = app.request
    body = request.body
    if not body:
        raise InvalidBody(f"The request body is empty; send {wanted}.")
    if not request.is_base64_encoded:
        return body.encode(errors="replace")  # JSON can hold halves of characters, which UTF-8 cannot
    try:
        return pybase64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidBody("The request body is not valid base64, as isBase64Encoded says it is.") from error


def _reply(status: int, body: Body, timings: Timings | None = None) -> Response:
    reply = body.response(status)
    if timings:  # https://www.w3.org/TR/server-timing/
        reply.headers["Server-Timing"] = ", ".join(f"{name};dur={ms:.2f}" for name, ms in timings.stages_ms.items())
    return _common(reply)


def _common(reply: Response) -> Response:
    """Gives a reply what all replies of the API have in common."""
    # No browser shall take a reply for another kind of file, whatever a transcript looks like.
    reply.headers["X-Content-Type-Options"] = "nosniff"
    if app.request.method == "HEAD":
        reply.body = ""
    return reply


@app.on_error(RequestError)
def on_request_error(error: RequestError) -> Response:
    """Tells the caller what to mend."""
    return _refusal(error)


@app.on_error(MemoryError)
def on_memory_error(_error: MemoryError) -> Response:
    """Refuses what takes more memory than there is: nothing but what a caller sends can."""
    logger.warning("out of memory")
    return _refusal(
        TookTooMuchMemory(
            "The recording takes more memory than the server has for one; convert it, for example to WAV, or split it."
        )
    )


def _refusal(error: RequestError) -> Response:
    logger.info("refused", status=error.status, code=error.code)
    refused(metrics, error.code)
    reply = _reply(error.status, render.json_body(error.body()))
    reply.headers.update(error.headers)
    return reply


@app.not_found
def on_not_found() -> Response:
    """Tells an unknown path from a wrong method, and answers what methods a path has."""
    path, method = app.request.path, app.request.method
    methods = app.methods(path)
    if not methods:
        paths = [route.path for route in routes.ALL if route.path and "{" not in route.path]
        return _refusal(UnknownRoute(f"There is no such route; use one of {', '.join(paths)}."))
    if method == "OPTIONS":
        return Response(204, None, "", {"Allow": ", ".join([*methods, "OPTIONS"])})
    allowed = ", ".join(methods)
    return _refusal(
        MethodNotAllowed(f"{path[:64]} does not answer {method[:16]}; use {allowed}.", headers={"Allow": allowed})
    )


@app.on_error(Exception)
def on_unexpected(_error: Exception) -> Response:
    """Answers a fault of our own; what it was is in the log, not in the reply."""
    logger.exception("unexpected error")
    metrics.add_metric("UnexpectedErrors", MetricUnit.Count, 1)
    return _reply(500, render.json_body(error_body("The server failed; try again later.", "server_error", None)))


def is_http_event(event: Any) -> bool:
    """Says whether an event is one of an HTTP API or a Function URL."""
    if (
        not isinstance(event, dict)
        or event.get("version") != "2.0"
        or not isinstance(event.get("requestContext"), dict)
    ):
        return False
    return isinstance(event["requestContext"].get("http"), dict)


@logger.inject_lambda_context
@traced
@metrics.log_metrics(capture_cold_start_metric=not _METRICS_DISABLED)  # which it would ignore
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """What Lambda calls. `event` is an HTTP API event, payload format 2.0; any other is refused."""
    return answer(event).to_reply()


def answer(
    event: dict[str, Any],
    in_parts: InParts | None = None,
    admit: Callable[[Request], Request] = lambda request: request,
) -> Response:
    """Answers an event of an HTTP API or a Function URL, see `Router.answer`; any other is refused."""
    if not is_http_event(event):
        refused(metrics, "not_an_http_event")
        message = "This function answers HTTP API events (payload format 2.0) only; check what invokes it."
        return render.json_body(error_body(message, "invalid_request_error", "not_an_http_event")).response(400)
    if _METRICS_DISABLED:
        metrics.clear_metrics()  # Powertools keeps what it does not publish, and publishes it once there is too much
    # One metric at least for every call: Powertools warns of a call that leaves none.
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    return app.answer(event, in_parts, admit)
