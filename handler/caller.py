"""Who sends a request, as far as the check in front of the function tells one caller from another.

Sources: AWS, "Working with AWS Lambda proxy integrations for HTTP APIs" (what authorizers add to payload format 2.0).
"""

from collections.abc import Mapping
from typing import Any


def of(event: Mapping[str, Any]) -> str:
    """Returns what is the same for all requests of one caller; "" where callers are not told apart.

    Args:
        event: an HTTP API event.

    Returns:
        the name of the key, the subject of the token with its issuer, or the id of the role or user of AWS.
    """
    found = event["requestContext"].get("authorizer")
    if not isinstance(found, dict):
        return ""
    kinds = {"key": _key_name, "jwt": _subject, "iam": _identity}
    for kind, name_in in kinds.items():
        if name := name_in(found):
            return f"{kind}:{name}"
    return ""


def _key_name(found: Mapping[str, Any]) -> str:
    return _text(found, "lambda", "keyName")


def _subject(found: Mapping[str, Any]) -> str:
    subject = _text(found, "jwt", "claims", "sub")
    return subject and f"{_text(found, 'jwt', 'claims', 'iss')} {subject}"


def _identity(found: Mapping[str, Any]) -> str:
    # Of a role, the session's name follows, which changes from session to session.
    return _text(found, "iam", "userId").partition(":")[0]


def _text(found: Any, *names: str) -> str:
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""
