"""HTTP API events (payload format 2.0) to functions, and what they return to the replies that Lambda sends back.

Powertools has a resolver for this, and with it come those for GraphQL, Bedrock and websockets: importing it takes
an eighth of a cold start (0.037 s of CPU time, of 0.28). What Hark needs of it is this much.

Source: AWS, "Create AWS Lambda proxy integrations for HTTP APIs".
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Route = Callable[..., "Response"]
OnError = Callable[[Any], "Response"]


@dataclass
class Response:
    """What is sent back.

    Attributes:
        status_code: of HTTP.
        content_type: of the body; None where there is none.
        body: text, or bytes, which travel as base64.
        headers: others.
    """

    status_code: int
    content_type: str | None
    body: str | bytes
    headers: dict[str, str] = field(default_factory=dict)

    def to_reply(self) -> dict[str, Any]:
        """Returns what a function behind an HTTP API returns."""
        is_bytes = isinstance(self.body, bytes)
        headers = {"Content-Type": self.content_type, **self.headers} if self.content_type else dict(self.headers)
        return {
            "statusCode": self.status_code,
            "headers": headers,
            "body": base64.b64encode(self.body).decode() if isinstance(self.body, bytes) else self.body,
            "isBase64Encoded": is_bytes,
        }


@dataclass(frozen=True)
class Request:
    """The event's fields that matter here.

    Attributes:
        method: such as GET.
        path: without the name of a stage.
        stage: its name, "$default" where paths have none.
        query: as it was sent.
        headers: by their names in lower case.
        body: None where there is none; base64 where `is_base64_encoded`.
        is_base64_encoded: see there.
    """

    method: str
    path: str
    stage: str
    query: str
    headers: Mapping[str, str]
    body: str | None
    is_base64_encoded: bool

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> "Request":
        """Reads an event."""
        context = event["requestContext"]
        path, stage = str(event.get("rawPath") or ""), str(context.get("stage") or "$default")
        headers = event.get("headers")
        return cls(
            method=str(context["http"].get("method") or ""),
            path=path if stage == "$default" else path[len(stage) + 1 :],
            stage=stage,
            query=str(event.get("rawQueryString") or ""),
            headers={name.lower(): value for name, value in headers.items()} if isinstance(headers, dict) else {},
            body=event.get("body"),
            is_base64_encoded=bool(event.get("isBase64Encoded")),
        )


class Router:
    """Finds the function for a request, and answers for those that fail.

    Attributes:
        request: the one that is being answered; a function of Lambda's answers one at a time.
    """

    request: Request

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str] | str, Sequence[str], Route]] = []
        self._errors: list[tuple[type[Exception], OnError]] = []
        self._not_found: Callable[[], Response] | None = None

    def route(self, path: str, methods: Sequence[str]) -> Callable[[Route], Route]:
        """Decorates the function for a path; `<name>` in it is whatever stands there, up to the next slash."""
        pattern = re.compile(re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", path)) if "<" in path else path

        def keep(function: Route) -> Route:
            self._routes.append((pattern, methods, function))
            return function

        return keep

    def post(self, path: str) -> Callable[[Route], Route]:
        """Decorates the function that answers POST."""
        return self.route(path, ["POST"])

    def not_found(self, function: Callable[[], Response]) -> Callable[[], Response]:
        """Decorates the function that answers what no other does."""
        self._not_found = function
        return function

    def on_error(self, kind: type[Exception]) -> Callable[[OnError], OnError]:
        """Decorates the function that answers where another raised an error of this kind; the first that fits is it."""

        def keep(function: OnError) -> OnError:
            self._errors.append((kind, function))
            return function

        return keep

    def resolve(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answers an event."""
        self.request = Request.of(event)
        try:
            return self._answer().to_reply()
        except Exception as error:
            for kind, function in self._errors:
                if isinstance(error, kind):
                    return function(error).to_reply()
            raise

    def _answer(self) -> Response:
        for pattern, methods, function in self._routes:
            if self.request.method not in methods:
                continue
            if isinstance(pattern, str):
                if pattern == self.request.path:
                    return function()
            elif found := pattern.fullmatch(self.request.path):
                return function(**found.groupdict())
        assert self._not_found
        return self._not_found()
