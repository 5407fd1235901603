"""Lambda behind API Gateway, as far as it decides which instance of the image gets a request, and what becomes of it.

An instance serves one request at a time. A request goes to the one that has been free for longest; where none is free
and there may be no more, it is turned away (503). An instance that ends in mid-request takes the request with it (500),
and another one is started in its place. Clients try both again.
Source: AWS Lambda Developer Guide, "Understanding Lambda function scaling".
"""

import http.client
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.event import http_event, reply_body

from .emulator import Function

# As API Gateway words them for HTTP APIs.
_FAULT = {"statusCode": 500, "body": '{"message":"Internal Server Error"}'}
_UNAVAILABLE = {"statusCode": 503, "body": '{"message":"Service Unavailable"}'}
_JSON = {"content-type": "application/json"}
_UNFORESEEN = 10


@dataclass(eq=False)
class Instance:
    """A container with the emulator in it.

    Attributes:
        function: the container.
        number: which one of all that were started.
        is_spared: whether it is never killed.
        answered: how many requests it has answered.
        turn: held while it works on one.
    """

    function: Function
    number: int
    is_spared: bool
    answered: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Kill:
    """An order to end an instance while it works.

    Attributes:
        after_s: so long after it got a request.
        only_handler: its process alone, and not the container.
        done: whether it was carried out.
    """

    after_s: float
    only_handler: bool
    done: bool = False

    def carry_out(self, instance: Instance) -> None:
        """Ends the instance."""
        self.done = True
        instance.function.kill(self.only_handler)


class Fleet:
    """The instances of one function.

    Args:
        start: starts one.
        most: how many there may be.
        spared: how many of the first ones are never killed.

    Attributes:
        counts: of `started` instances, requests `killed` and `turned away`, instances `killed late`, when they had
            answered, and `faults` nobody ordered.
        faults: what was answered in the first of these.
    """

    def __init__(self, start: Callable[[], Function], most: int, spared: int = 0) -> None:
        self._start, self._most, self._spared = start, most, spared
        self._turn = threading.Lock()
        self._free: deque[Instance] = deque()
        self._all: list[Instance] = []
        self._orders: deque[Kill] = deque()
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []
        self._behind = ThreadPoolExecutor(1)
        self._replaced: list[Future[None]] = []

    def fill(self) -> None:
        """Starts all that there may be, one after the other."""
        for _ in range(self._most):
            self._add()

    def instances(self) -> list[Instance]:
        """Returns those that run."""
        with self._turn:
            return list(self._all)

    def order(self, kill: Kill) -> None:
        """Has an instance killed in the midst of one of the next requests."""
        self._orders.append(kill)

    def answer(self, event: dict[str, Any]) -> dict[str, Any]:
        """Returns the function's reply to an event, or what API Gateway answers in its place."""
        instance = self._taken()
        if instance is None:
            self.counts["turned away"] += 1
            return _UNAVAILABLE
        kill = None if instance.is_spared or not instance.answered else self._next_order()
        timer = threading.Timer(kill.after_s, kill.carry_out, [instance]) if kill else None
        if not instance.turn.acquire(blocking=False):
            raise AssertionError("an instance got a second request while it worked on one")
        try:
            if timer:
                timer.start()
            reply = instance.function.invoke(event)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reply = {"errorType": str(error)}
        finally:
            instance.turn.release()
        if timer and kill:
            timer.cancel()
            timer.join()
            if not kill.done:  # it answered before
                self._orders.appendleft(kill)
        return self._outcome(instance, reply, was_killed=kill is not None and kill.done)

    def _outcome(self, instance: Instance, reply: dict[str, Any], was_killed: bool) -> dict[str, Any]:
        answered = "statusCode" in reply
        instance.answered += answered
        if answered and not was_killed:
            with self._turn:
                self._free.append(instance)
            return reply
        self._remove(instance)
        if answered:
            self.counts["killed late"] += 1
            return reply
        self.counts["killed" if was_killed else "faults"] += 1
        if not was_killed and len(self.faults) < _UNFORESEEN:
            self.faults.append(str(reply)[:300])
        return _FAULT

    def _next_order(self) -> Kill | None:
        try:
            return self._orders.popleft()
        except IndexError:
            return None

    def _taken(self) -> Instance | None:
        with self._turn:
            return self._free.popleft() if self._free else None

    def _add(self) -> None:
        function = self._start()
        with self._turn:
            number = self.counts["started"]
            self.counts["started"] += 1
            instance = Instance(function, number, number < self._spared)
            self._all.append(instance)
            self._free.append(instance)

    def _remove(self, instance: Instance) -> None:
        with self._turn:
            self._all.remove(instance)
        # Whoever asked does not wait for that.
        self._replaced += [self._behind.submit(instance.function.end), self._behind.submit(self._add)]

    def end(self) -> None:
        """Ends all instances, when those that were being replaced are.

        Raises:
            CommandError: one could not be started.
        """
        self._behind.shutdown()
        for instance in self.instances():
            instance.function.end()
        for each in self._replaced:
            each.result()


@contextmanager
def serving(fleet: Fleet) -> Iterator[int]:
    """Answers HTTP on a port of 127.0.0.1 until the block ends, as API Gateway does; yields the port."""

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            path, _, query = self.path.partition("?")
            reply = fleet.answer(http_event("POST", path, dict(self.headers), body, query))
            content = reply_body(reply)
            self.send_response(reply["statusCode"])
            for name, value in {**reply.get("headers", _JSON), "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

    with Server(("127.0.0.1", 0), Gateway) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
