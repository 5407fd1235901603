"""API keys: how they look, how they travel, and how a sent one is compared with the stored ones.

Stored are SHA-256 hashes, never keys. A plain hash is enough, since a generated key has 256 random bits: there is no
dictionary to try. Sources: RFC 6750, "Bearer Token Usage", section 2.1.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from hark.errors import HarkError

_PREFIX = "hark_"  # by which secret scanners, and people, know a key that leaked
_RANDOM_BYTES = 32
# RFC 6750's b64token; the bound is far above any key's length and far below the 10 KB that headers may have.
# Header fields end at a line break, so `$` would let one more character pass than `fullmatch` does.
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]{1,512}=*) *", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# A keyring is a secret of Secrets Manager, whose size is limited to 64 KB; each key takes some 120 bytes of it.
_MAX_KEYS = 400


class KeyringError(HarkError):
    """The stored keys cannot be read; nobody gets in until they can."""


@dataclass(frozen=True)
class StoredKey:
    """What is known of a key.

    Attributes:
        name: whose it is, for the operator's eyes.
        sha256: hexadecimal SHA-256 of the key, lower case.
    """

    name: str
    sha256: str


def generate() -> str:
    """Returns a new key."""
    return _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def digest(key: str) -> str:
    """Returns what is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def is_name(name: str) -> bool:
    """Says whether a key can have this name."""
    return _NAME.fullmatch(name) is not None


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
        """Reads `{"keys": [{"name": ..., "sha256": ...}]}`.

        Raises:
            KeyringError: it is anything else. One bad entry refuses the whole, since it may be the trace of a mistake
                that concerns the others; the message repeats nothing of the text.
        """
        try:
            entries = json.loads(text)["keys"]
            keys = tuple(StoredKey(entry["name"], entry["sha256"]) for entry in entries)
            are_right = isinstance(entries, list) and all(
                is_name(key.name) and _SHA256.fullmatch(key.sha256) for key in keys
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            are_right = False
        # Not chained to the error above, whose text would hold what it could not read.
        if not are_right:
            raise KeyringError(
                'The stored keys are not {"keys": [{"name": ..., "sha256": ...}]}; restore the secret\'s last version.'
            )
        if len(keys) > _MAX_KEYS or len({key.name for key in keys}) != len(keys):
            raise KeyringError(f"The stored keys are more than {_MAX_KEYS}, or two have the same name; remove some.")
        return cls(keys)

    @classmethod
    def of(cls, names_and_keys: Iterable[tuple[str, str]]) -> "Keyring":
        """Makes a keyring of keys in plain text."""
        return cls(tuple(StoredKey(name, digest(key)) for name, key in names_and_keys))

    def to_json(self) -> str:
        """Returns what `parse` reads."""
        return json.dumps({"keys": [{"name": key.name, "sha256": key.sha256} for key in self.keys]})

    def name_of(self, authorization: str) -> str | None:
        """Returns the name of the key in an Authorization header; None where there is no such key.

        All keys are compared, each in a time that does not tell where the difference is, so that the time taken says
        neither which key came close nor which place a right one has.
        """
        sent = bearer(authorization)
        sent_sha256 = digest(sent or "")
        name = None
        for key in self.keys:
            if hmac.compare_digest(sent_sha256, key.sha256):
                name = key.name
        return name if sent else None
