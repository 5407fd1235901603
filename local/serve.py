"""Serves the handler over HTTP: `python -m local.serve [--port 8000] [--host 127.0.0.1]`.

Every request becomes an API Gateway event, every reply an HTTP response. Clients are served side by side, but the
handler runs one request at a time, as one Lambda environment does. With `stream=true` the events of a transcription go
out while the recording is being read, as from a Function URL on AWS.

With HARK_LOCAL_KEY in the environment, callers must send it as `Authorization: Bearer KEY`, for the same paths and
compared by the same code as on AWS. With --requests-per-second, whoever asks more often is answered as API Gateway's
throttle answers. With --as-on-aws, requests and replies may be no larger than through an HTTP API of AWS, and replies
go out when they are whole, as there. With --cors, pages of another origin may call, as with the template's
`CorsOrigins`.

Jobs work as on AWS, with a folder in place of the bucket and a process of its own that transcribes. The folder goes
with the server, unless --jobs-folder names one that stays. With HARK_BUCKET set, jobs are those of that bucket.
"""

import argparse
import errno
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any
from urllib.parse import quote

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from hark.command import command
from hark.errors import HarkError
from local import environment, gateway
from local.event import http_event
from local.jobs import WEBHOOK_SECRET_NAME, LocalJobs, keep_webhook_secret

# Lambda takes events of 6 MB at most, and API Gateway turns binary bodies into base64, 4/3 as long.
MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_BODY_BYTES = MAX_EVENT_BYTES * 3 // 4
# Of the local server's own: as much as waitress takes of a request, which it keeps in a file meanwhile.
_MAX_LOCAL_BYTES = 1 << 30
_THREADS = 8
_LAST_PORT = 65535
# Connections on which nothing comes take no thread, only a place among these.
_MAX_CONNECTIONS = 1000
_SHOWN_CHARACTERS = 200


class LocalServer:
    """A WSGI application around `handler.app.answer`.

    Args:
        key: what callers must send; "" lets everybody in.
        throttle: limits the requests; None limits none.
        as_on_aws: whether requests and replies are what they are through an HTTP API of AWS.
        origins: of pages that may call from a browser; "*" is any.
        jobs: what stands in for bucket, queue and worker of jobs; None for what HARK_BUCKET says.
    """

    def __init__(
        self,
        key: str = "",
        throttle: gateway.Throttle | None = None,
        as_on_aws: bool = False,
        origins: Sequence[str] = (),
        jobs: LocalJobs | None = None,
    ) -> None:
        environment.prepare()
        self._max_bytes = MAX_BODY_BYTES if as_on_aws else _MAX_LOCAL_BYTES
        self._origins = frozenset(origins)
        from handler import app, keys, permit
        from handler.router import InParts
        from hark import errors  # after the environment is set

        if key and keys.bearer(f"Bearer {key}") != key:
            raise HarkError("HARK_LOCAL_KEY may have letters, digits and . _ ~ + / - only, 512 at most.")
        self._answer = app.answer
        self._in_parts = None if as_on_aws else InParts()
        self._without_key = permit.without_key
        self._jobs = jobs
        app.job_storage = jobs.storage if jobs else None
        app._jobs.cache_clear()
        self._errors = errors
        self._keyring = keys.Keyring.of([("local", key)]) if key else None
        self._throttle = throttle
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one request."""
        since = time.perf_counter()
        request = Request(environ)
        request.max_content_length = self._max_bytes
        allowed = gateway.cors_headers(request.headers.get("Origin", ""), self._origins)
        if allowed and gateway.is_preflight(request.method, request.headers.keys()):
            response = Response(status=204, headers=gateway.PREFLIGHT_HEADERS)
        elif self._jobs and self._jobs.takes(request):
            response = self._jobs.upload(environ)
        else:
            response = self._stopped_before_lambda(request) or self._invoke(request)
        response.headers.extend(allowed)
        elapsed_ms = (time.perf_counter() - since) * 1000
        # A caller chooses both: neither line breaks nor what moves a terminal's cursor goes to the log.
        asked = f"{quote(request.method)} {quote(request.path, safe='/{}:@+,;=~!$')[:_SHOWN_CHARACTERS]}"
        print(f"{asked} {response.status_code} {elapsed_ms:.0f} ms", flush=True)
        return response(environ, start_response)

    def _stopped_before_lambda(self, request: Request) -> Response | None:
        """Answers what does not reach the function on AWS; reads the body of what does."""
        if self._throttle and not self._throttle.lets_pass():
            return Response(gateway.THROTTLED_BODY, 429, content_type="application/json")
        try:
            request.get_data()
        except RequestEntityTooLarge:
            reached = "a Lambda function" if self._max_bytes == MAX_BODY_BYTES else "this server"
            return _refusal(
                self._errors.BodyTooLarge(
                    f"The body is larger than {self._max_bytes} bytes, the most that reaches {reached}; "
                    "compress the recording (Ogg Opus) or split it."
                )
            )
        if self._keyring and gateway.wants_key(request.method, request.path):
            return self._checked(self._keyring.name_of(request.headers.get("Authorization", "")))
        return None

    def _checked(self, key_name: str | None) -> Response | None:
        if key_name:
            return None
        return _refusal(self._without_key())

    def _invoke(self, request: Request) -> Response:
        event = http_event(
            request.method,
            request.environ.get("REQUEST_URI", request.path).split("?")[0],
            dict(request.headers),
            request.get_data(),
            request.query_string.decode("latin-1"),
            request.remote_addr or "",
        )
        with ExitStack() as turn:
            turn.enter_context(self._turn)
            if self._jobs:
                self._jobs.storage.address = request.host_url.rstrip("/")
            reply = self._answer(event, self._in_parts)
            body = reply.body if isinstance(reply.body, bytes) else reply.body.encode(errors="replace")
            # Who takes the parts has the handler until they end.
            whole_or_parts = body if reply.parts is None else _Parts(reply.parts, turn.pop_all().close)
            return Response(whole_or_parts, reply.status_code, reply.all_headers)


class _Parts:
    """The parts of a reply, as WSGI takes them.

    Args:
        parts: of the body.
        ended: called when they are all taken, or nobody takes them any more.
    """

    def __init__(self, parts: Generator[bytes, None, None], ended: Callable[[], None]) -> None:
        self._parts = parts
        self._ended = ended

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        """Ends the work on what is not taken; the server calls this in any case."""
        try:
            self._parts.close()
        finally:
            self._ended()


def _refusal(error: Any) -> Response:
    return Response(json.dumps(error.body()), error.status, error.headers, content_type="application/json")


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line; runs until it is interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=_port, default=8000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 answers other machines too")
    parser.add_argument("--requests-per-second", type=float, help="answer more than that with 429, as on AWS")
    parser.add_argument(
        "--as-on-aws", action="store_true", help="the limits of an HTTP API on AWS; replies when they are whole"
    )
    parser.add_argument(
        "--cors", metavar="ORIGIN", action="append", default=[], help="let pages of this origin call; '*' for any"
    )
    parser.add_argument("--jobs-folder", type=Path, help="keep jobs here; by default they go with the server")
    parser.add_argument("--no-jobs", action="store_true", help="have no jobs")
    options = parser.parse_args(arguments)
    with _jobs(options) as jobs:
        return _serve(options, jobs)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {_LAST_PORT}, not {text!r}")
    return int(text)


@contextmanager
def _jobs(options: argparse.Namespace) -> Iterator[LocalJobs | None]:
    """Sets up what jobs need, as long as the server runs."""
    if options.no_jobs or os.environ.get("HARK_BUCKET"):
        yield None
        return
    with ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, _end))
        # Before the handler is loaded, which reads it.
        os.environ.setdefault("HARK_WEBHOOK_SECRET_ARN", WEBHOOK_SECRET_NAME)
        folder = options.jobs_folder or Path(stack.enter_context(TemporaryDirectory(prefix="hark-jobs-")))
        try:
            from handler.settings import Settings

            jobs = LocalJobs(folder, Settings.from_environment(os.environ).job_max_bytes)
            keep_webhook_secret(jobs.storage.folder)
        except OSError as error:
            raise HarkError(
                f"Jobs cannot be kept in {folder}: {error.strerror}; name another --jobs-folder."
            ) from error
        stack.callback(jobs.close)
        yield jobs


def _end(_number: int, _frame: FrameType | None) -> None:
    """Ends the server as Ctrl-C does, where somebody else asks for it."""
    raise KeyboardInterrupt


def _serve(options: argparse.Namespace, jobs: LocalJobs | None) -> int:
    import waitress

    limit = options.requests_per_second
    throttle = gateway.Throttle(limit, max(1, round(limit))) if limit else None
    if not options.as_on_aws:  # which /health tells, and the page goes by
        os.environ.setdefault("HARK_MAX_BODY_BYTES", str(_MAX_LOCAL_BYTES))
    app = LocalServer(os.environ.get("HARK_LOCAL_KEY", ""), throttle, options.as_on_aws, options.cors, jobs)
    try:
        server = waitress.create_server(
            app,
            host=options.host,
            port=options.port,
            threads=_THREADS,
            connection_limit=_MAX_CONNECTIONS,
            asyncore_use_poll=True,  # select() has no numbers for so many
            max_request_body_size=_MAX_LOCAL_BYTES,
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise HarkError(
            f"Something else listens on port {options.port} (address already in use); choose another: "
            f"make serve PORT={options.port + 1}"
        ) from error
    print(f"Hark listens on http://{options.host}:{server.effective_port}  (Ctrl-C ends it)", flush=True)
    key = " -H 'Authorization: Bearer KEY'" if os.environ.get("HARK_LOCAL_KEY") else ""
    print(
        f"  curl --data-binary @events/sample.wav -H 'Content-Type: audio/wav'{key} "
        f"http://{options.host}:{server.effective_port}/transcribe",
        flush=True,
    )
    if key:
        print("  where KEY is what HARK_LOCAL_KEY is set to; the page asks for it, too", flush=True)
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
