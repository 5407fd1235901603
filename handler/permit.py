"""What the key of a request may do, as the authorizer tells the function behind it.

API Gateway keeps the authorizer's answer for a key, whatever is asked with it, so what depends on the path and on the
time is decided where the request is answered.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handler.keys import StoredKey
from hark.errors import InvalidKey, RouteNotAllowed


@dataclass(frozen=True)
class Permit:
    """What a caller may do.

    Attributes:
        name: of the key; "" where there is none, since callers prove otherwise who they are, or not at all.
        expires: until when, in seconds since 1970; None for ever.
        routes: paths, where `*` at the end stands for anything; none for all.
        minutes_per_day: of audio; None for any number.
    """

    name: str = ""
    expires: int | None = None
    routes: tuple[str, ...] = ()
    minutes_per_day: float | None = None

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> "Permit":
        """Reads what the authorizer put into an event of API Gateway, which nobody else can."""
        authorizer = event["requestContext"].get("authorizer")
        found = authorizer.get("lambda") if isinstance(authorizer, dict) else None
        if not isinstance(found, dict) or not found.get("keyName"):
            return cls()
        expires, minutes = str(found.get("keyExpires") or ""), str(found.get("keyMinutesPerDay") or "")
        return cls(
            str(found["keyName"]),
            int(expires) if expires else None,
            tuple(str(found.get("keyRoutes") or "").split()),
            float(minutes) if minutes else None,
        )

    def check(self, path: str) -> None:
        """Refuses what the key is not for.

        Raises:
            InvalidKey: it is too old.
            RouteNotAllowed: it is for other paths.
        """
        if self.expires is not None and time.time() >= self.expires:
            raise InvalidKey("This key has expired; ask whoever runs the endpoint for another.")
        if self.routes and not any(_matches(path, route) for route in self.routes):
            raise RouteNotAllowed(f"This key is not for {path[:64]}; it is for {', '.join(self.routes)}.")


def without_key() -> InvalidKey:
    """Returns the refusal of who sends no key, or none that lets in, where no gateway has refused already."""
    message = "The key is missing or wrong; send the right one as 'Authorization: Bearer KEY'."
    return InvalidKey(message, headers={"WWW-Authenticate": "Bearer"})


def context(key: StoredKey) -> dict[str, str]:
    """Returns what `Permit.of` reads, as texts, which is all that every kind of gateway hands on."""
    return {
        "keyName": key.name,
        "keyExpires": "" if key.expires is None else str(key.expires),
        "keyRoutes": " ".join(key.routes),
        "keyMinutesPerDay": "" if key.minutes_per_day is None else str(key.minutes_per_day),
    }


def _matches(path: str, route: str) -> bool:
    return path.startswith(route[:-1]) if route.endswith("*") else path == route
