"""What is kept of each key's use: when it was used last, and how much audio it had transcribed on a day.

In a table of DynamoDB, one item for each name of a key and day (UTC), which is deleted after some weeks. The name is in
it, never the key. Sources: Amazon DynamoDB API Reference, "UpdateItem" and "GetItem".
"""

import os
import time
from datetime import UTC, datetime
from typing import Any

from handler import signed

_KEPT_S = 40 * 86_400
_DAY_S = 86_400


def table() -> str:
    """Returns the name of the table; "" where nothing is kept."""
    return os.environ.get("HARK_USAGE_TABLE", "")


def note_use(name: str) -> None:
    """Keeps that a key was used now.

    Raises:
        CallError: it cannot be kept.
    """
    _update(name, "SET last_used = :now, expires_at = :end", {":now": _number(int(time.time()))})


def add(name: str, audio_s: float) -> None:
    """Adds audio to what a key had transcribed today.

    Raises:
        CallError: it cannot be kept.
    """
    _update(name, "SET expires_at = :end ADD audio_ms :ms", {":ms": _number(round(audio_s * 1000))})


def today_s(name: str) -> float:
    """Returns the seconds of audio that a key had transcribed today.

    Raises:
        CallError: it cannot be read.
    """
    given = {"TableName": table(), "Key": _key(name), "ProjectionExpression": "audio_ms", "ConsistentRead": True}
    item = signed.call("dynamodb", "GetItem", given).get("Item", {})
    return int(item.get("audio_ms", {}).get("N", 0)) / 1000


def until_tomorrow_s() -> int:
    """Returns the seconds until a new day begins."""
    return _DAY_S - int(time.time()) % _DAY_S


def _update(name: str, expression: str, values: dict[str, Any]) -> None:
    given = {
        "TableName": table(),
        "Key": _key(name),
        "UpdateExpression": expression,
        "ExpressionAttributeValues": {**values, ":end": _number(int(time.time()) + _KEPT_S)},
    }
    signed.call("dynamodb", "UpdateItem", given)


def _key(name: str) -> dict[str, Any]:
    return {"name": {"S": name}, "day": {"S": datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%d")}}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
