"""Serves the handler over HTTP: `python -m local.serve [--port 8000] [--host 127.0.0.1]`.

Every request becomes an API Gateway event, every reply an HTTP response. Clients are served side by side, but the
handler runs one request at a time, as one Lambda environment does.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from local import environment
from local.event import context_for, http_event, reply_body

# Lambda takes events of 6 MB at most, and API Gateway turns binary bodies into base64, 4/3 as long.
MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_BODY_BYTES = MAX_EVENT_BYTES * 3 // 4
_THREADS = 8


class LocalServer:
    """A WSGI application around `lambda_handler`."""

    def __init__(self) -> None:
        environment.prepare()
        from handler import app, errors  # after the environment is set

        self._handler = app.lambda_handler
        self._errors = errors
        self._turn = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answers one request."""
        since = time.perf_counter()
        request = Request(environ)
        request.max_content_length = MAX_BODY_BYTES
        try:
            body = request.get_data(cache=False)
            response = self._invoke(request, body)
        except RequestEntityTooLarge:
            error = self._errors.AudioTooLong(
                f"The body is larger than {MAX_BODY_BYTES} bytes, the most that reaches a Lambda function; "
                "compress the recording (Ogg Opus) or split it."
            )
            response = Response(json.dumps(error.body()), error.status, content_type="application/json")
        elapsed_ms = (time.perf_counter() - since) * 1000
        print(f"{request.method} {request.path} {response.status_code} {elapsed_ms:.0f} ms", flush=True)
        return response(environ, start_response)

    def _invoke(self, request: Request, body: bytes) -> Response:
        event = http_event(
            request.method,
            request.environ.get("REQUEST_URI", request.path).split("?")[0],
            dict(request.headers),
            body,
            request.query_string.decode("latin-1"),
            request.remote_addr or "",
        )
        with self._turn:
            reply = self._handler(event, context_for(event))
        headers = {**reply.get("headers", {})}
        return Response(reply_body(reply), reply["statusCode"], headers)


def main(arguments: list[str] | None = None) -> int:
    """The command line; runs until it is interrupted."""
    import waitress

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 answers other machines too")
    options = parser.parse_args(arguments)
    server = waitress.create_server(LocalServer(), host=options.host, port=options.port, threads=_THREADS)
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
