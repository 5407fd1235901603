"""What stands before the function on AWS: the authorizer's key check, and API Gateway's throttle and CORS."""

import threading
import time
from collections.abc import Callable, Collection, Iterable

from handler import routes

# API Gateway's answer to a request over the limit; HTTP APIs let nobody change it.
THROTTLED_BODY = '{"message":"Too Many Requests"}'
# The paths without a guard, as in template.yaml.
OPEN_PATHS = routes.OPEN_PATHS


def wants_key(method: str, path: str) -> bool:
    """Says whether a request needs a key: all do, but for a few paths.

    A browser asks for the methods of a path (OPTIONS) without credentials.
    """
    return method != "OPTIONS" and path not in OPEN_PATHS


# What the template's CorsConfiguration has, and the headers that OpenAI's client sends from a page.
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET,POST,DELETE",
    "Access-Control-Allow-Headers": "authorization,content-type,"
    + ",".join(
        f"x-stainless-{name}"
        for name in (
            *("arch", "async", "custom-poll-interval", "helper-method", "lang", "os", "package-version"),
            *("poll-helper", "raw-response", "read-timeout", "retry-count", "runtime", "runtime-version", "timeout"),
        )
    )
    + ",idempotency-key,openai-organization,openai-project,openai-beta,user-agent",
    "Access-Control-Max-Age": "3600",
}


def cors_headers(origin: str, allowed: Collection[str]) -> dict[str, str]:
    """Returns the headers that let a page of an origin read a reply; none where it may not.

    Args:
        origin: the request's `Origin`, "" where it has none.
        allowed: the origins that may; "*" is any.
    """
    if not origin or not ("*" in allowed or origin in allowed):
        return {}
    return {
        "Access-Control-Allow-Origin": "*" if "*" in allowed else origin,
        "Access-Control-Expose-Headers": "location,retry-after,server-timing",
        "Vary": "Origin",
    }


def is_preflight(method: str, header_names: Iterable[str]) -> bool:
    """Says whether a browser asks what a page may send, before it sends it."""
    return method == "OPTIONS" and "access-control-request-method" in {name.lower() for name in header_names}


class Throttle:
    """A token bucket, which is how API Gateway limits requests.

    Args:
        rate_hz: requests a second that pass in the long run.
        burst: requests that pass at once.
        clock: seconds that only grow.
    """

    def __init__(self, rate_hz: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate_hz = rate_hz
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at_s = clock()
        self._turn = threading.Lock()

    def lets_pass(self) -> bool:
        """Takes a token for one request, if there is one."""
        with self._turn:
            now_s = self._clock()
            self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._rate_hz)
            self._at_s = now_s
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True
