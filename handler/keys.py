"""API keys: how they look, how they travel, what each may do, and how a sent one is compared with the stored ones.

Stored are SHA-256 hashes, never keys. A plain hash is enough, since a generated key has 256 random bits: there is no
dictionary to try. Sources: RFC 6750, "Bearer Token Usage", section 2.1.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hark.errors import HarkError

_PREFIX = "hark_"  # by which secret scanners, and people, know a key that leaked
_RANDOM_BYTES = 32
# RFC 6750's b64token; the bound is far above any key's length and far below the 10 KB that headers may have.
# Header fields end at a line break, so `$` would let one more character pass than `fullmatch` does.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,512}=*) *", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_MINUTES_OF_A_YEAR = 525_600  # more a day than anybody can mean
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# A path of the API, or what paths begin with and an asterisk.
_ROUTE = re.compile(r"/[A-Za-z0-9_./{}-]{0,100}\*?", re.ASCII)
_MAX_ROUTES = 10
# A keyring is a secret of Secrets Manager, whose size is limited to 64 KB; each key takes some 120 bytes of it, and
# more where it has limits.
_MAX_KEYS = 400
MAX_STORED_BYTES = 65_536
_FORM = '{"keys": [{"name": ..., "sha256": ...}]}'


class KeyringError(HarkError):
    """The stored keys cannot be read; nobody gets in until they can."""


@dataclass(frozen=True)
class StoredKey:
    """What is known of a key.

    Attributes:
        name: whose it is, for the operator's eyes.
        sha256: hexadecimal SHA-256 of the key, lower case.
        expires: until when it lets in, in seconds since 1970; None for as long as it is stored.
        routes: the paths it is for, where `*` at the end stands for anything; none for all.
        minutes_per_day: of audio that may be transcribed with it from midnight to midnight, UTC; None for any number.
    """

    name: str
    sha256: str
    expires: int | None = None
    routes: tuple[str, ...] = ()
    minutes_per_day: float | None = None

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> "StoredKey":
        """Reads what `to_json` made.

        Raises:
            ValueError: it is anything else. A limit that is not understood must not be taken for none.
            KeyError, TypeError: likewise.
        """
        if set(entry) - {"name", "sha256", "expires", "routes", "minutes_per_day"}:
            raise ValueError("unknown fields")
        routes, minutes = entry.get("routes", []), entry.get("minutes_per_day")
        if not isinstance(routes, list) or not all(is_route(route) for route in routes) or len(routes) > _MAX_ROUTES:
            raise ValueError("routes")
        if minutes is not None and (isinstance(minutes, bool) or not 0 < minutes <= _MINUTES_OF_A_YEAR):
            raise ValueError("minutes_per_day")
        expires = seconds(entry["expires"]) if "expires" in entry else None
        key = cls(entry["name"], entry["sha256"], expires, tuple(routes), minutes)
        if not is_name(key.name) or not _SHA256.fullmatch(key.sha256):
            raise ValueError("name or sha256")
        return key

    def to_json(self) -> dict[str, Any]:
        """Returns what `parse` reads; what is not limited is left out."""
        limits: dict[str, Any] = {}
        if self.expires is not None:
            limits["expires"] = moment(self.expires)
        if self.routes:
            limits["routes"] = list(self.routes)
        if self.minutes_per_day is not None:
            limits["minutes_per_day"] = self.minutes_per_day
        return {"name": self.name, "sha256": self.sha256, **limits}


def generate() -> str:
    """Returns a new key."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest(key: str) -> str:
    """Returns what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_name(name: str) -> bool:
    """Says whether a key can have this name."""
    return _NAME.fullmatch(name) is not None


def is_route(route: object) -> bool:
    """Says whether a key can be for these paths."""
    return isinstance(route, str) and _ROUTE.fullmatch(route) is not None


def moment(seconds_since_1970: int) -> str:
    """Returns a time as people read it, such as 2027-01-31T00:00:00Z."""
    return datetime.fromtimestamp(seconds_since_1970, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(moment: str) -> int:
    """Reads a time such as 2027-01-31T00:00:00Z, or a day, which means its end in UTC.

    Returns:
        Seconds since 1970.

    Raises:
        ValueError: it is none.
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", moment, re.ASCII):
        return int(datetime.fromisoformat(f"{moment}T00:00:00+00:00").timestamp()) + 86_400
    read = datetime.fromisoformat(moment)
    if read.tzinfo is None:
        raise ValueError("without a time zone")
    return int(read.timestamp())


def bearer(authorization: str) -> str | None:
    """Returns the key of an Authorization header, `Bearer KEY`; None where it holds anything else, or anything more."""
    match = _BEARER.fullmatch(authorization)
    return match[1] if match else None


@dataclass(frozen=True)
class Keyring:
    """The keys that let their holders in."""

    keys: tuple[StoredKey, ...]

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Reads `{"keys": [{"name": ..., "sha256": ...}]}`; a key may have limits, see `StoredKey.to_json`.

        Raises:
            KeyringError: it is anything else. One bad entry refuses the whole, since it may be the trace of a mistake
                that concerns the others; the message repeats nothing of the text.
        """
        try:
            entries = json.loads(text)["keys"]
            keys = tuple(map(StoredKey.parse, entries)) if isinstance(entries, list) else None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            keys = None
        # Not chained to the error above, whose text would hold what it could not read.
        if keys is None:
            raise KeyringError(f"The stored keys are not {_FORM}; restore the secret's last version.")
        if len(keys) > _MAX_KEYS or len({key.name for key in keys}) != len(keys):
            raise KeyringError(f"The stored keys are more than {_MAX_KEYS}, or two have the same name; remove some.")
        return cls(keys)

    @classmethod
    def of(cls, names_and_keys: Iterable[tuple[str, str]]) -> "Keyring":
        """Makes a keyring of keys in plain text."""
        return cls(tuple(StoredKey(name, digest(key)) for name, key in names_and_keys))

    def to_json(self) -> str:
        """Returns what `parse` reads."""
        return json.dumps({"keys": [key.to_json() for key in self.keys]})

    def name_of(self, authorization: str) -> str | None:
        """Returns the name of the key in an Authorization header; None where there is no such key."""
        found = self.find(authorization)
        return found.name if found else None

    def find(self, authorization: str) -> StoredKey | None:
        """Returns what is known of the key in an Authorization header; None where there is no such key.

        All keys are compared, each in a time that does not tell where the difference is, so that the time taken says
        neither which key came close nor which place a right one has.
        """
        sent = bearer(authorization)
        sent_sha256 = digest(sent or "")
        found = None
        for key in self.keys:
            if hmac.compare_digest(sent_sha256, key.sha256):
                found = key
        return found if sent else None
