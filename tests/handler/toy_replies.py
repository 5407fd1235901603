"""Functions for `handler.runtime` that reply in ways which no recording brings about at will."""

import time
from typing import Any

from handler.runtime import Context, Reply


def reply(event: dict[str, Any], context: Context, *, reply: Reply) -> None:
    """Replies as the event says."""
    if "raise" in event:
        raise ValueError(event["raise"])
    if event.get("silent"):
        return
    reply.begin(event.get("status", 200), {"Content-Type": "text/plain", "X-Left": str(remaining_s(context))})
    for part in event.get("parts", []):
        reply.write(part.encode())
        time.sleep(event.get("pause_s", 0))
    for number in range(event.get("megabytes", 0)):
        reply.write(bytes([number]) * 1_000_000)
    if "fail" in event:
        raise KeyError(event["fail"])


def remaining_s(context: Context) -> int:
    return round(context.get_remaining_time_in_millis() / 1000)
