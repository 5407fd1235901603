"""Lambda's runtime API for a function whose replies go out in parts: `python3 -m handler.runtime MODULE.FUNCTION`.

AWS's client for Python (awslambdaric), which runs the other functions, hands a reply over when it is whole, and Lambda
takes 6 MB of it. This one sends the reply while it is being made. The function is called with the event, the context
and `reply`, a `Reply`, and returns nothing.

Sources: AWS, "Using the Lambda runtime API for custom runtimes" and "Building a custom runtime for AWS Lambda"
(response streaming); RFC 9112, section 7.1, "Chunked Transfer Coding". How a status and headers precede the body
(the content type `application/vnd.awslambda.http-integration-response`) AWS publishes in its client for Node.js alone.
"""

import base64
import http.client
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hark.errors import HarkError

Function = Callable[..., Any]

_PATH = "/2018-06-01/runtime"
_PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
# Between the prelude, which is JSON and has none itself, and the body.
_AFTER_PRELUDE = b"\0" * 8
_ERROR_TYPE, _ERROR_BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"
# So much is handed to the socket at a time.
_CHUNK_BYTES = 1 << 16


class RuntimeApiError(HarkError):
    """The runtime API does not answer as it must; the environment is of no more use."""


class CallerGone(HarkError):
    """Nobody takes the reply any more."""


@dataclass(frozen=True)
class Context:
    """The part of Lambda's context object that is read here and by Powertools.

    Attributes:
        aws_request_id: of the invocation.
        invoked_function_arn: as which the function was called.
        deadline_ms: when Lambda ends it, in milliseconds since 1970.
    """

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    function_version: str = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    memory_limit_in_mb: str = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds that are left."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


class Reply:
    """The reply to an invocation, on its way to the caller.

    Args:
        address: of the runtime API, host and port.
        request_id: of the invocation.
    """

    def __init__(self, address: str, request_id: str) -> None:
        self._connection = http.client.HTTPConnection(address)
        self._path = f"{_PATH}/invocation/{request_id}"
        self.has_begun = False
        self.sent_bytes = 0

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends what comes before the body; it is no more to be changed.

        Raises:
            CallerGone: nobody takes it.
        """
        self.has_begun = True
        try:
            self._connection.putrequest("POST", f"{self._path}/response", skip_accept_encoding=True)
            self._connection.putheader("Content-Type", _PRELUDE_TYPE)
            self._connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
            self._connection.putheader("Transfer-Encoding", "chunked")
            self._connection.putheader("Trailer", f"{_ERROR_TYPE}, {_ERROR_BODY}")
            self._connection.putheader("Connection", "close")
            self._connection.endheaders()
        except OSError as error:
            raise CallerGone("Nobody takes the reply.") from error
        prelude = {"statusCode": status, "headers": dict(headers), "cookies": []}
        self._send(json.dumps(prelude).encode() + _AFTER_PRELUDE)

    def write(self, body: bytes) -> None:
        """Sends a part of the body.

        Raises:
            CallerGone: nobody takes it.
        """
        view = memoryview(body)
        for start in range(0, len(view), _CHUNK_BYTES):  # of nothing, no chunk: an empty one ends the body
            self._send(view[start : start + _CHUNK_BYTES])
        self.sent_bytes += len(body)

    def end(self) -> None:
        """Says that the body is whole.

        Raises:
            CallerGone: nobody takes it.
        """
        self._end(b"")

    def fail(self, error: Exception) -> None:
        """Says that the function ended in an error: instead of a reply, or in the middle of one.

        Raises:
            CallerGone: nobody takes it.
        """
        told = _told(error)
        if self.has_begun:
            body = base64.b64encode(json.dumps(told).encode()).decode()
            self._end(f"{_ERROR_TYPE}: {_type(error)}\r\n{_ERROR_BODY}: {body}\r\n".encode())
        else:
            _post(self._connection, f"{self._path}/error", error)

    def close(self) -> None:
        """Gives the connection up."""
        self._connection.close()

    def _send(self, chunk: bytes | memoryview) -> None:
        try:
            self._connection.send(b"%x\r\n%b\r\n" % (len(chunk), bytes(chunk)))
        except OSError as error:
            raise CallerGone("Nobody takes the reply any more.") from error

    def _end(self, trailers: bytes) -> None:
        try:
            self._connection.send(b"0\r\n" + trailers + b"\r\n")
            with self._connection.getresponse() as response:
                response.read()
        except (OSError, http.client.HTTPException) as error:
            raise CallerGone("Nobody took the end of the reply.") from error
        _check(response.status)


def serve(address: str, function: Function) -> None:
    """Calls a function with one invocation after the other, for ever.

    Args:
        address: of the runtime API, host and port.
        function: see the module.

    Raises:
        RuntimeApiError: it is of no more use.
    """
    while True:
        event, context = _next(address)
        reply = Reply(address, context.aws_request_id)
        try:
            _answer(function, event, context, reply)
        except CallerGone as gone:
            _log(str(gone), context.aws_request_id)
        finally:
            reply.close()


def _answer(function: Function, event: Any, context: Context, reply: Reply) -> None:
    try:
        function(event, context, reply=reply)
        if not reply.has_begun:
            raise HarkError("The function returned without a reply.")
    except CallerGone:
        raise
    except Exception as error:  # whatever it is, the next invocation is another
        traceback.print_exc()
        reply.fail(error)
    else:
        reply.end()


def _next(address: str) -> tuple[Any, Context]:
    """Waits for an invocation; returns what the function is to be called with."""
    # Without a timeout: between two calls Lambda stops the whole environment for as long as it likes.
    connection = http.client.HTTPConnection(address)
    try:
        connection.request("GET", f"{_PATH}/invocation/next")
        with connection.getresponse() as response:
            body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise RuntimeApiError("The runtime API does not answer.") from error
    finally:
        connection.close()
    if response.status != http.HTTPStatus.OK:
        raise RuntimeApiError(f"The runtime API has no next invocation; it answered {response.status}.")
    headers = response.headers
    if trace_id := headers.get("Lambda-Runtime-Trace-Id"):
        os.environ["_X_AMZN_TRACE_ID"] = trace_id  # where X-Ray's SDK looks for it
    return json.loads(body), Context(
        headers["Lambda-Runtime-Aws-Request-Id"],
        headers.get("Lambda-Runtime-Invoked-Function-Arn", ""),
        int(headers["Lambda-Runtime-Deadline-Ms"]),
    )


def _post(connection: http.client.HTTPConnection, path: str, error: Exception) -> None:
    headers = {"Content-Type": "application/json", _ERROR_TYPE: _type(error), "Connection": "close"}
    try:
        connection.request("POST", path, json.dumps(_told(error)).encode(), headers)
        with connection.getresponse() as response:
            response.read()
    except (OSError, http.client.HTTPException) as broken:
        raise CallerGone("Nobody takes the error.") from broken
    _check(response.status)


def _check(status: int) -> None:
    """Raises an error where the runtime API did not take what it was sent.

    Raises:
        CallerGone: this reply, which was too late or too large.
        RuntimeApiError: this one, and none that come after.
    """
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise RuntimeApiError(f"The runtime API fails; it answered {status}.")
    if status != http.HTTPStatus.ACCEPTED:
        raise CallerGone(f"Lambda did not take the reply; it answered {status}.")


def _type(error: Exception) -> str:
    return f"Function.{type(error).__name__}"


def _told(error: Exception) -> dict[str, Any]:
    """Returns what Lambda is told of an error: what kind it is. Whatever it says may repeat what a caller sent."""
    return {"errorType": _type(error), "errorMessage": "The function failed; its log says why."}


def _log(message: str, request_id: str) -> None:
    print(json.dumps({"level": "INFO", "message": message, "function_request_id": request_id}), flush=True)  # noqa: T201 (Lambda's log)


def main(arguments: list[str]) -> None:
    """Loads the function and serves it; Lambda starts the environment anew where this ends."""
    address = os.environ["AWS_LAMBDA_RUNTIME_API"]
    try:
        module, _, name = arguments[0].rpartition(".")
        function = getattr(importlib.import_module(module), name)
    except Exception as error:
        traceback.print_exc()
        _post(http.client.HTTPConnection(address), f"{_PATH}/init/error", error)
        sys.exit(1)
    serve(address, function)


if __name__ == "__main__":
    from handler import runtime  # the one that the function knows, too

    runtime.main(sys.argv[1:])
