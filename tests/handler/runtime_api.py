"""A stand-in of Lambda's runtime API that streams, with what a Function URL makes of a reply.

It takes what AWS's documentation says it takes ("Building a custom runtime for AWS Lambda", response streaming), byte
by byte as it comes, and answers anything else with 400. Lambda's own emulator takes the same, but hands it on only when
it is whole.
"""

import base64
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from tests.conftest import ROOT
from tests.patience import PATIENCE_S

MAX_EVENT_BYTES = 6 * 1024 * 1024
_PRELUDE_END = b"\0" * 8
_TRAILERS = {"lambda-runtime-function-error-type", "lambda-runtime-function-error-body"}


@dataclass
class Outcome:
    """What became of an invocation.

    Attributes:
        status: of HTTP.
        headers: of HTTP.
        parts: of the body, each with the time at which it came, in seconds after the call.
        trailers: what the runtime said of an error in the middle of a reply, decoded.
        error: what it said of one instead of a reply.
        ended_s: when the reply ended.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[float, bytes]] = field(default_factory=list)
    trailers: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    ended_s: float = 0.0

    @property
    def body(self) -> bytes:
        return b"".join(part for _, part in self.parts)

    def json(self) -> Any:
        return json.loads(self.body)

    def events(self) -> list[tuple[float, dict[str, Any]]]:
        """Server-sent events, each with the time at which its last byte came."""
        found, rest = [], b""
        for at_s, part in self.parts:
            *whole, rest = (rest + part).split(b"\n\n")
            found += [(at_s, json.loads(event.removeprefix(b"data: "))) for event in whole]
        assert rest == b""
        return found


@dataclass
class _Call:
    event: bytes
    leave_after: int | None
    timeout_s: float
    since_s: float = 0.0
    outcome: "queue.Queue[Outcome]" = field(default_factory=queue.Queue)


class RuntimeApi:
    """The runtime API of one execution environment, and its callers."""

    def __init__(self) -> None:
        self._calls: queue.Queue[_Call] = queue.Queue()
        self._running: dict[str, _Call] = {}
        self.init_errors: queue.Queue[dict[str, Any]] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return "{}:{}".format(*self._listener.getsockname())

    def invoke(self, event: Any, leave_after: int | None = None, timeout_s: float = 900.0) -> Outcome:
        """Calls the function; waits for the end of its reply.

        Args:
            event: for the function.
            leave_after: how many parts of the body are taken; the connection breaks then.
            timeout_s: the function's.
        """
        encoded = json.dumps(event).encode()
        assert len(encoded) <= MAX_EVENT_BYTES, "Lambda takes no larger event"
        call = _Call(encoded, leave_after, timeout_s)
        self._calls.put(call)
        return call.outcome.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, suppress(OSError):
            request, headers = _head(lines)
            method, path, _ = request.split(" ")
            match path.removeprefix("/2018-06-01/runtime/").split("/"):
                case ["invocation", "next"] if method == "GET":
                    self._next(connection)
                case ["invocation", request_id, "response"] if method == "POST":
                    self._take(connection, lines, headers, self._running.pop(request_id))
                case ["invocation", request_id, "error"] if method == "POST":
                    call = self._running.pop(request_id)
                    told = json.loads(lines.read(int(headers["content-length"])))
                    assert headers["lambda-runtime-function-error-type"] == told["errorType"]
                    call.outcome.put(Outcome(502, error=told))
                    _reply(connection, 202)
                case ["init", "error"]:
                    self.init_errors.put(json.loads(lines.read(int(headers["content-length"]))))
                    _reply(connection, 202)
                case _:
                    _reply(connection, 404)

    def _next(self, connection: socket.socket) -> None:
        call = self._calls.get()
        request_id = str(uuid.uuid4())
        self._running[request_id] = call
        call.since_s = time.monotonic()
        head = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + call.timeout_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:stream",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            "Content-Type": "application/json",
        }
        _reply(connection, 200, call.event, head)

    def _take(self, connection: socket.socket, lines: BinaryIO, headers: dict[str, str], call: _Call) -> None:
        wanted = {
            "lambda-runtime-function-response-mode": "streaming",
            "transfer-encoding": "chunked",
            "content-type": "application/vnd.awslambda.http-integration-response",
        }
        if {name: headers.get(name) for name in wanted} != wanted:
            call.outcome.put(Outcome(502, error={"headers": headers}))
            _reply(connection, 400)
            return
        outcome, prelude = Outcome(), b""
        for chunk in _chunks(lines):
            if not outcome.status:
                prelude += chunk
                if _PRELUDE_END not in prelude:
                    continue
                text, _, chunk = prelude.partition(_PRELUDE_END)
                told = json.loads(text)
                outcome.status, outcome.headers = told["statusCode"], told["headers"]
            if chunk:
                outcome.parts.append((time.monotonic() - call.since_s, chunk))
            if call.leave_after is not None and len(outcome.parts) >= call.leave_after:
                # With what is unread thrown away, so that the other side learns of it at once.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                lines.close()
                connection.close()
                call.outcome.put(outcome)
                return
        outcome.ended_s = time.monotonic() - call.since_s
        announced = {name.strip().lower() for name in headers.get("trailer", "").split(",")}
        for name, value in _fields(lines).items():
            assert name in _TRAILERS & announced
            outcome.trailers[name] = json.loads(base64.b64decode(value)) if name.endswith("-body") else value
        _reply(connection, 202)
        call.outcome.put(outcome)


def _head(lines: BinaryIO) -> tuple[str, dict[str, str]]:
    return lines.readline().decode().strip(), _fields(lines)


def _fields(lines: BinaryIO) -> dict[str, str]:
    found = {}
    while line := lines.readline().decode().strip():
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip()
    return found


def _chunks(lines: BinaryIO) -> Iterator[bytes]:
    """RFC 9112, section 7.1."""
    while size := int(lines.readline().strip(), 16):
        chunk = lines.read(size)
        assert len(chunk) == size
        yield chunk
        assert lines.read(2) == b"\r\n"


def _reply(connection: socket.socket, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
    fields = {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    connection.sendall(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body)


@contextmanager
def running(function: str, log: Path, **environment: str) -> Iterator[RuntimeApi]:
    """Runs a function under `handler.runtime`, as the image does, until the block ends.

    Args:
        function: MODULE.FUNCTION.
        log: takes what it writes.
        environment: beside this process's.
    """
    api = RuntimeApi()
    lambdas = {
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_LAMBDA_FUNCTION_NAME": "stream",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
        "PYTHONUNBUFFERED": "1",
    }
    with log.open("wb") as output:
        command = [sys.executable, "-m", "handler.runtime", function]
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **lambdas, **environment}, stdout=output, stderr=output
        )
        try:
            yield api
        finally:
            process.kill()
            process.wait(PATIENCE_S)
            api.close()
