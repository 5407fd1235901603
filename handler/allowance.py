"""The minutes of audio that a key may have transcribed in a day: refused beyond, and counted.

What is transcribed at the same moment is counted when it is done, so that a few recordings may pass beyond the limit.
"""

from handler import routes, usage
from handler.permit import Permit
from handler.router import Route
from handler.signed import CallError
from hark.errors import AllowanceUnknown, AllowanceUsedUp, RouteNotAllowed

_TRANSCRIBE = (routes.TRANSCRIBE, routes.TRANSCRIPTIONS, routes.KEYWORDS)


def check(permit: Permit, route: Route, method: str) -> None:
    """Refuses a request that would go beyond what is allowed.

    Args:
        permit: with a number of minutes.
        route: what is asked for.
        method: of HTTP.

    Raises:
        RouteNotAllowed: a job would be made, whose audio nobody counts to its key.
        AllowanceUsedUp: the day's minutes are used up.
        AllowanceUnknown: what was used cannot be read.
    """
    if route is routes.JOBS and method == "POST":
        raise RouteNotAllowed("This key has a number of minutes a day, and makes no jobs; post the recording.")
    if route not in _TRANSCRIBE or permit.minutes_per_day is None:
        return
    try:
        used_s = usage.today_s(permit.name)
    except CallError as error:
        raise AllowanceUnknown("What this key has used today cannot be read; try again later.") from error
    if used_s >= permit.minutes_per_day * 60:
        # OpenAI's clients try a 429 again unless they are told not to.
        headers = {"Retry-After": str(usage.until_tomorrow_s()), "x-should-retry": "false"}
        raise AllowanceUsedUp(
            f"This key's {permit.minutes_per_day:g} minutes of audio a day are used up; try again after midnight UTC.",
            headers=headers,
        )


def count(permit: Permit, audio_s: float) -> None:
    """Adds what was transcribed.

    Raises:
        CallError: it cannot be kept.
    """
    if permit.minutes_per_day is not None and usage.table():
        usage.add(permit.name, audio_s)
