"""The logs of a stack, oldest first: `python -m operate.logs [--since 10m] [--of api] [--find TEXT] [--follow]`.

`--of` is one of api, worker, closer, stream, authorizer, access; all by default. The time is what CloudWatch got the
line at.
"""

import re
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from operate.stack import OperationError, Stack, parser, run

# The log groups of template.yaml.
GROUPS = {
    "api": "ApiLogGroup",
    "worker": "WorkerLogGroup",
    "closer": "CloserLogGroup",
    "stream": "StreamLogGroup",
    "authorizer": "AuthorizerLogGroup",
    "access": "AccessLogGroup",
}
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_POLL_S = 5
# CloudWatch shows a line some time after it was written; what comes later than this is not followed.
_LATE_S = 30


def seconds(text: str) -> int:
    """Reads a duration such as 90s, 10m, 2h or 3d.

    Raises:
        OperationError: it is none.
    """
    found = re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII)
    if not found:
        raise OperationError(f"{text!r} is no duration; give one such as 90s, 10m, 2h or 3d.")
    return int(found[1]) * _UNITS_S[found[2]]


def lines(logs: Any, group: str, since_ms: int, find: str) -> Iterator[Mapping[str, Any]]:
    """Yields the events of a log group, oldest first."""
    asked: dict[str, Any] = {"logGroupName": group, "startTime": since_ms}
    if find:
        asked["filterPattern"] = f'"{find}"'
    for page in logs.get_paginator("filter_log_events").paginate(**asked):
        yield from page["events"]


class Reader:
    """Reads log groups, each line once.

    Args:
        logs: CloudWatch Logs' client.
        groups: log groups by the name they are shown with.
        find: a text that lines must hold; "" for all.
    """

    def __init__(self, logs: Any, groups: Mapping[str, str], find: str) -> None:
        self._logs = logs
        self._groups = groups
        self._find = find
        self._seen: set[str] = set()

    def read(self, since_ms: int) -> Iterator[str]:
        """Yields the lines since a time that were not read before, oldest first."""
        found = [
            (event["timestamp"], name, event["message"].rstrip("\n"), event["eventId"])
            for name, group in self._groups.items()
            for event in lines(self._logs, group, since_ms, self._find)
            if event["eventId"] not in self._seen
        ]
        for ms, name, message, event_id in sorted(found):
            self._seen.add(event_id)
            yield f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}Z {name}: {message}"


def _groups(stack: Stack, of: str | None) -> dict[str, str]:
    there = stack.resources("AWS::Logs::LogGroup")
    return {name: there[resource] for name, resource in GROUPS.items() if resource in there and of in (None, name)}


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    line = parser(__doc__)
    line.add_argument("--since", default="10m", help="how far back, such as 90s, 10m, 2h, 3d; by default 10m")
    line.add_argument("--of", choices=GROUPS, help="whose; by default all")
    line.add_argument("--find", default="", help="only lines that hold this text")
    line.add_argument("--follow", action="store_true", help="go on until interrupted")
    options = line.parse_args(arguments)

    def command() -> int:
        since_ms = (int(time.time()) - seconds(options.since)) * 1000
        if '"' in options.find:
            raise OperationError("--find cannot hold a quotation mark.")
        stack = Stack(options.stack)
        _ = stack.outputs  # says so if there is no such stack
        reader = Reader(stack.client("logs"), _groups(stack, options.of), options.find)
        while True:
            now_ms = int(time.time()) * 1000
            for text in reader.read(since_ms):
                print(text, flush=True)
            if not options.follow:
                return 0
            since_ms = max(since_ms, now_ms - _LATE_S * 1000)
            time.sleep(_POLL_S)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
