"""`python -m local.serve` as a process of its own, and the handler below a stage of API Gateway."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import waitress
from cfnlint.decode import cfn_yaml
from werkzeug.wrappers import Request, Response

from local import gateway
from local.event import context_for, http_event, reply_body
from tests.conftest import ROOT


@contextmanager
def serving(*options: str, **variables: str) -> Iterator[str]:
    """Yields the address of a server with additional options and environment variables, without a slash at the end."""
    # What is too large for AWS is what the page makes smaller.
    command = [sys.executable, "-m", "local.serve", "--port", "0", "--as-on-aws", *options]
    environment = {**os.environ, **variables}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        assert process.stdout
        address = process.stdout.readline().split()[3]
        # It writes a line for every request, and would stop at a full pipe.
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        try:
            yield address
        finally:
            process.terminate()
            drain.join()


@contextmanager
def staged(stage: str) -> Iterator[str]:
    """Yields the address of the handler as API Gateway serves it below a stage, without a slash at the end."""
    with _gateway(stage) as (root, _):
        yield f"{root}/{stage}"


@contextmanager
def throttled() -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Yields the address of the handler behind the throttle that the template gives it, and a list that fills with
    the path and status of every request.
    """
    parameters = cfn_yaml.load(str(ROOT / "template.yaml"))["Parameters"]
    rate, burst = (parameters[name]["Default"] for name in ("ThrottlingRate", "ThrottlingBurst"))
    with _gateway("$default", gateway.Throttle(rate, burst)) as found:
        yield found


@contextmanager
def _gateway(stage: str, throttle: gateway.Throttle | None = None) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    from handler.app import lambda_handler

    requests: list[tuple[str, int]] = []
    turn = threading.Lock()

    def response_to(request: Request) -> Response:
        if throttle and not throttle.lets_pass():
            return Response(gateway.THROTTLED_BODY, 429, content_type="application/json")
        event = http_event(request.method, request.path, dict(request.headers), request.get_data())
        event["requestContext"]["stage"] = stage
        with turn:
            reply = lambda_handler(event, context_for(event))
        return Response(reply_body(reply), reply["statusCode"], reply["headers"])

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        response = response_to(request)
        requests.append((request.path, response.status_code))
        return response(environ, start_response)

    server = waitress.create_server(answer, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}", requests
    server.close()
