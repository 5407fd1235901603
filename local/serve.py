"""Serves the handler over HTTP: `python -m local.serve [--port 8000] [--host 127.0.0.1]`.

Every request becomes an API Gateway event, every reply an HTTP response. Clients are served side by side, but the
handler runs one request at a time, as one Lambda environment does.

With HARK_LOCAL_KEY in the environment, callers must send it as `Authorization: Bearer KEY`, for the same paths and
compared by the same code as on AWS. With --requests-per-second, whoever asks more often is answered as API Gateway's
throttle answers.
"""

import argparse
import errno
import json
import os
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from hark.command import command
from hark.errors import HarkError
from local import environment, gateway
from local.event import context_for, http_event, reply_body

# Lambda takes events of 6 MB at most, and API Gateway turns binary bodies into base64, 4/3 as long.
MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_BODY_BYTES = MAX_EVENT_BYTES * 3 // 4
_THREADS = 8


class LocalServer:
    """A WSGI application around `lambda_handler`.

    Args:
        key: what callers must send; "" lets everybody in.
        throttle: limits the requests; None limits none.
    """

    def __init__(self, key: str = "", throttle: gateway.Throttle | None = None) -> None:
        environment.prepare()
        from handler import app, keys
        from hark import errors  # after the environment is set

        if key and keys.bearer(f"Bearer {key}") != key:
            raise HarkError("HARK_LOCAL_KEY may have letters, digits and . _ ~ + / - only, 512 at most.")
        self._handler = app.lambda_handler
        self._errors = errors
        self._keyring = keys.Keyring.of([("local", key)]) if key else None
        self._throttle = throttle
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one request."""
        since = time.perf_counter()
        request = Request(environ)
        request.max_content_length = MAX_BODY_BYTES
        response = self._stopped_before_lambda(request) or self._invoke(request)
        elapsed_ms = (time.perf_counter() - since) * 1000
        print(f"{request.method} {request.path} {response.status_code} {elapsed_ms:.0f} ms", flush=True)
        return response(environ, start_response)

    def _stopped_before_lambda(self, request: Request) -> Response | None:
        """Answers what does not reach the function on AWS; reads the body of what does."""
        if self._throttle and not self._throttle.lets_pass():
            return Response(gateway.THROTTLED_BODY, 429, content_type="application/json")
        try:
            request.get_data()
        except RequestEntityTooLarge:
            return _refusal(
                self._errors.BodyTooLarge(
                    f"The body is larger than {MAX_BODY_BYTES} bytes, the most that reaches a Lambda function; "
                    "compress the recording (Ogg Opus) or split it."
                )
            )
        if self._keyring and gateway.wants_key(request.method, request.path):
            return self._checked(self._keyring.name_of(request.headers.get("Authorization", "")))
        return None

    def _checked(self, key_name: str | None) -> Response | None:
        if key_name:
            return None
        message = "The key is missing or wrong; send the right one as 'Authorization: Bearer KEY'."
        return _refusal(self._errors.InvalidKey(message, headers={"WWW-Authenticate": "Bearer"}))

    def _invoke(self, request: Request) -> Response:
        event = http_event(
            request.method,
            request.environ.get("REQUEST_URI", request.path).split("?")[0],
            dict(request.headers),
            request.get_data(),
            request.query_string.decode("latin-1"),
            request.remote_addr or "",
        )
        with self._turn:
            reply = self._handler(event, context_for(event))
        headers = {**reply.get("headers", {})}
        return Response(reply_body(reply), reply["statusCode"], headers)


def _refusal(error: Any) -> Response:
    return Response(json.dumps(error.body()), error.status, error.headers, content_type="application/json")


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line; runs until it is interrupted."""
    import waitress

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 answers other machines too")
    parser.add_argument("--requests-per-second", type=float, help="answer more than that with 429, as on AWS")
    options = parser.parse_args(arguments)
    limit = options.requests_per_second
    throttle = gateway.Throttle(limit, max(1, round(limit))) if limit else None
    app = LocalServer(os.environ.get("HARK_LOCAL_KEY", ""), throttle)
    try:
        server = waitress.create_server(app, host=options.host, port=options.port, threads=_THREADS)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise HarkError(
            f"Something else listens on port {options.port} (address already in use); choose another: "
            f"make serve PORT={options.port + 1}"
        ) from error
    print(f"Hark listens on http://{options.host}:{server.effective_port}  (Ctrl-C ends it)", flush=True)
    print(
        f"  curl --data-binary @events/sample.wav -H 'Content-Type: audio/wav' "
        f"http://{options.host}:{server.effective_port}/transcribe",
        flush=True,
    )
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
