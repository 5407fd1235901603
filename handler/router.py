"""HTTP API events (payload format 2.0) to functions, and what they return to the replies that Lambda sends back.

Powertools has a resolver for this, and with it come those for GraphQL, Bedrock and websockets: importing it takes
an eighth of a cold start (0.037 s of CPU time, of 0.28). What Hark needs of it is this much.

Source: AWS, "Create AWS Lambda proxy integrations for HTTP APIs".
"""

import base64
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from handler import caller
from handler.permit import Permit

Answer = Callable[..., "Response"]
OnError = Callable[[Any], "Response"]


@dataclass
class Response:
    """What is sent back.

    Attributes:
        status_code: of HTTP.
        content_type: of the body; None where there is none.
        body: text, or bytes, which travel as base64.
        headers: others.
        parts: what follows the body as soon as it is there, for those who take replies in parts. They end with an error
            where a fault of ours ends them, after telling the caller.
    """

    status_code: int
    content_type: str | None
    body: str | bytes
    headers: dict[str, str] = field(default_factory=dict)
    parts: Generator[bytes, None, None] | None = None

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers, with the content type."""
        return {"Content-Type": self.content_type, **self.headers} if self.content_type else dict(self.headers)

    def to_reply(self) -> dict[str, Any]:
        """Returns what a function behind an HTTP API returns."""
        is_bytes = isinstance(self.body, bytes)
        return {
            "statusCode": self.status_code,
            "headers": self.all_headers,
            "body": base64.b64encode(self.body).decode() if isinstance(self.body, bytes) else self.body,
            "isBase64Encoded": is_bytes,
        }


@dataclass(frozen=True)
class InParts:
    """How somebody takes a reply who takes it in parts, however large it is all together.

    Attributes:
        before_block: called before every block of some seconds of a recording is decoded; what it raises ends the work.
    """

    before_block: Callable[[], None] = lambda: None


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
        caller: who sends it; see `handler.caller`.
        permit: what the key may do that it is sent with.
        in_parts: how the reply is taken in parts; None where it has to be whole.
    """

    method: str
    path: str
    stage: str
    query: str
    headers: Mapping[str, str]
    body: str | None
    is_base64_encoded: bool
    caller: str = ""
    permit: Permit = field(default_factory=Permit)
    in_parts: InParts | None = None

    @classmethod
    def of(cls, event: Mapping[str, Any], in_parts: InParts | None = None) -> "Request":
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
            caller=caller.of(event),
            permit=Permit.of(event),
            in_parts=in_parts,
        )


@dataclass(frozen=True)
class Route:
    """A path and what it answers.

    Attributes:
        path: `{name}` in it is whatever stands there, up to the next slash.
        methods: of HTTP.
        needs_key: whether a guarded endpoint answers it only to those who have a key.
    """

    path: str
    methods: tuple[str, ...]
    needs_key: bool = True

    def match(self, path: str) -> dict[str, str] | None:
        """Returns what stands for each name in the path; None where the path is another."""
        if "{" not in self.path:
            return {} if path == self.path else None
        match = self._pattern.fullmatch(path)
        return match.groupdict() if match else None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", self.path))


class Router:
    """Finds the function for a request, and answers for those that fail.

    Attributes:
        request: the one that is being answered; a function of Lambda's answers one at a time.
    """

    request: Request

    def __init__(self) -> None:
        self._answers: list[tuple[Route, Answer]] = []
        self._errors: list[tuple[type[Exception], OnError]] = []
        self._not_found: Callable[[], Response] | None = None
        self._before: Callable[[Route], None] | None = None

    @property
    def routes(self) -> list[Route]:
        """What is answered."""
        return [route for route, _ in self._answers]

    def answers(self, route: Route) -> Callable[[Answer], Answer]:
        """Decorates the function that answers a route; it gets what stands for the names in the path."""

        def keep(function: Answer) -> Answer:
            self._answers.append((route, function))
            return function

        return keep

    def methods(self, path: str) -> list[str]:
        """Returns the methods that a path answers; none where there is no such path."""
        return [method for route in self.routes if route.match(path) is not None for method in route.methods]

    def before(self, function: Callable[[Route], None]) -> Callable[[Route], None]:
        """Decorates the function that is called before each that answers; it raises where it refuses."""
        self._before = function
        return function

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
        """Answers an event with what a function behind an HTTP API returns."""
        return self.answer(event).to_reply()

    def answer(
        self,
        event: Mapping[str, Any],
        in_parts: InParts | None = None,
        admit: Callable[[Request], Request] = lambda request: request,
    ) -> Response:
        """Answers an event.

        Args:
            event: of an HTTP API, or of a Function URL.
            in_parts: how the reply is taken in parts; None where it has to be whole.
            admit: the guard, where none has looked at the request yet: it returns it with who sends it and what that
                caller may do, and raises where nobody may.
        """
        self.request = Request.of(event, in_parts)
        try:
            self.request = admit(self.request)
            return self._answer()
        except Exception as error:
            return self.failed(error)

    def failed(self, error: Exception) -> Response:
        """Answers for a function that raised an error.

        Raises:
            Exception: the same, where no function is there for it.
        """
        for kind, function in self._errors:
            if isinstance(error, kind):
                return function(error)
        raise error

    def _answer(self) -> Response:
        for route, function in self._answers:
            if self.request.method in route.methods and (names := route.match(self.request.path)) is not None:
                if self._before:
                    self._before(route)
                return function(**names)
        assert self._not_found
        return self._not_found()
