"""The API keys of a stack: `python -m operate.keys {add NAME | limit NAME | remove NAME | list | first} [...]`.

A new key is printed once, to standard output; what is stored, in Secrets Manager, is its hash and what it may do. Keys
are added, limited and taken away without a deployment; a key that was taken away may work for KeyCacheSeconds more, or
with `--now` not at all. `list` shows when each was used last, and how much of its minutes today.
"""

import argparse
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from handler import keys
from handler.keys import Keyring, StoredKey
from operate.stack import OperationError, Stack, parser, run

FIRST = "first"
# As old as what the authorizer lets somebody in by may be, and a little more.
_LETS_IN_S = 2


class Keys:
    """The keys of a stack.

    Args:
        stack: whose.
    """

    def __init__(self, stack: Stack) -> None:
        self._secrets: Any = stack.client("secretsmanager")
        self._arn = stack.output("KeysSecretArn")

    def read(self) -> Keyring:
        """Returns what is stored.

        Raises:
            KeyringError: it cannot be read.
        """
        return Keyring.parse(self._secrets.get_secret_value(SecretId=self._arn)["SecretString"])

    def add(self, name: str, limits: dict[str, Any] | None = None) -> str:
        """Makes a key, stores its hash and returns it; nobody can read it afterwards.

        Args:
            name: whose it is.
            limits: fields of `StoredKey`; none for a key that may do everything.

        Raises:
            OperationError: a key has this name, or nothing can have it.
        """
        if not keys.is_name(name):
            raise OperationError("A key's name has letters, digits, '.', '_' and '-', 64 at most: make key NAME=alice")
        stored = self.read()
        if name in (key.name for key in stored.keys):
            raise OperationError(
                f"There is a key {name!r} already. To rotate it, add one of another name, give it to whoever uses the "
                f"old one, then remove that: python -m operate.keys remove {name}"
            )
        key = keys.generate()
        self._write(Keyring((*stored.keys, StoredKey(name, keys.digest(key), **(limits or {})))))
        return key

    def limit(self, name: str, limits: dict[str, Any]) -> StoredKey:
        """Gives a key other limits, and returns what is stored of it; those that are not named stay as they are.

        Raises:
            OperationError: there is none of this name.
        """
        stored = self.read()
        if name not in (key.name for key in stored.keys):
            raise _unknown(name)
        changed = Keyring(tuple(replace(key, **limits) if key.name == name else key for key in stored.keys))
        self._write(changed)
        return next(key for key in changed.keys if key.name == name)

    def remove(self, name: str) -> None:
        """Takes a key away.

        Raises:
            OperationError: there is none of this name.
        """
        stored = self.read()
        left = tuple(key for key in stored.keys if key.name != name)
        if len(left) == len(stored.keys):
            raise _unknown(name)
        self._write(Keyring(left))

    def _write(self, keyring: Keyring) -> None:
        text = keyring.to_json()
        Keyring.parse(text)  # the authorizer must be able to read it
        if len(text.encode()) > keys.MAX_STORED_BYTES:
            raise OperationError("The keys with their limits are larger than a secret may be; remove some.")
        try:
            self._secrets.put_secret_value(SecretId=self._arn, SecretString=text)
        except ClientError as error:
            raise OperationError(f"The keys were not changed: {error}") from error


def _unknown(name: str) -> OperationError:
    return OperationError(f"There is no key {name!r}; `make keys` names them.")


class Uses:
    """What is kept of the use of a stack's keys.

    Args:
        stack: whose.
    """

    def __init__(self, stack: Stack) -> None:
        self._table = next(iter(stack.resources("AWS::DynamoDB::Table").values()), "")
        self._client: Any = stack.client("dynamodb") if self._table else None

    def of(self, name: str) -> tuple[str, float]:
        """Returns when a key was last used, "" where that is not known, and its minutes of audio of today."""
        if not self._client:
            return "", 0.0
        asked = {
            "TableName": self._table,
            "KeyConditionExpression": "#name = :name",
            "ExpressionAttributeNames": {"#name": "name"},
            "ExpressionAttributeValues": {":name": {"S": name}},
            "ScanIndexForward": False,
        }
        items = [item for page in self._client.get_paginator("query").paginate(**asked) for item in page["Items"]]
        used = max((int(item["last_used"]["N"]) for item in items if "last_used" in item), default=None)
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        ms = sum(int(item.get("audio_ms", {}).get("N", 0)) for item in items if item["day"]["S"] == today)
        return "" if used is None else keys.moment(used), ms / 60_000


def _show_new(name: str, key: str) -> None:
    print(key)
    print(f"This is the key {name!r}. It is shown this once and stored nowhere: keep it.", file=sys.stderr)


def _first(stack: Stack) -> int:
    """Makes a key where keys are wanted and there is none yet, so that a new stack can be used."""
    stored = Keys(stack)
    if stack.output("AuthMode") == "key" and not stored.read().keys:
        _show_new(FIRST, stored.add(FIRST))
    return 0


def _remove(stack: Stack, name: str, now: bool) -> int:
    Keys(stack).remove(name)
    if now:
        # The authorizer lets nobody in by what it read before, so that nothing of the key is left then.
        api = next(iter(stack.resources("AWS::ApiGatewayV2::Api").values()))
        time.sleep(_LETS_IN_S)
        stack.client("apigatewayv2").reset_authorizers_cache(ApiId=api, StageName="$default")
        print(f"The key {name!r} is gone, and API Gateway has forgotten it.", file=sys.stderr)
    else:
        print(f"The key {name!r} is gone. API Gateway may let it in for KeyCacheSeconds more.", file=sys.stderr)
    return 0


def _list(stack: Stack) -> int:
    uses = Uses(stack)
    for key in Keys(stack).read().keys:
        used, minutes = uses.of(key.name)
        parts = [
            f"sha256 {key.sha256[:12]}...",
            f"last used {used or 'never, or weeks ago'}",
            *_limits_of(key, minutes),
        ]
        print(f"{key.name}  {', '.join(parts)}")
    return 0


def _limits_of(key: StoredKey, minutes: float = 0.0) -> list[str]:
    found = []
    if key.expires is not None:
        found.append(f"{'expired' if key.expires <= time.time() else 'expires'} {keys.moment(key.expires)}")
    if key.routes:
        found.append(f"only {' '.join(key.routes)}")
    if key.minutes_per_day is not None:
        found.append(f"{minutes:.1f} of {key.minutes_per_day:g} minutes today")
    return found


def _limits(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the limits that were given on the command line.

    Raises:
        OperationError: one is no limit.
    """
    limits: dict[str, Any] = {}
    if options.expires is not None:
        try:
            limits["expires"] = None if options.expires == "never" else keys.seconds(options.expires)
        except ValueError:
            raise OperationError(
                f"{options.expires!r} is no time; give a day such as 2027-01-31, which counts to its end in UTC, a "
                "moment such as 2027-01-31T12:00:00Z, or never."
            ) from None
        if limits["expires"] is not None and limits["expires"] <= time.time():
            raise OperationError(f"{options.expires} is past; to end a key at once, remove it.")
    if options.route:
        limits["routes"] = () if options.route == ["all"] else tuple(options.route)
        wrong = next((route for route in limits["routes"] if not keys.is_route(route)), None)
        if wrong is not None:
            raise OperationError(f"{wrong!r} is no path; give one such as /v1/audio/transcriptions or /v1/audio/*.")
    if options.minutes_per_day is not None:
        limits["minutes_per_day"] = options.minutes_per_day or None
        if options.minutes_per_day < 0:
            raise OperationError("--minutes-per-day must be above 0, or 0 for any number.")
    return limits


def _command_line() -> argparse.ArgumentParser:
    line = parser(__doc__)
    commands = line.add_subparsers(dest="command", required=True)
    for name, help_ in (("add", "make a key and print it"), ("limit", "change what a key may do")):
        command = commands.add_parser(name, help=help_)
        command.add_argument("name")
        command.add_argument("--expires", help="a day such as 2027-01-31, a moment, or never")
        command.add_argument("--route", action="append", help="a path it is for, such as /v1/audio/*; several; or all")
        command.add_argument("--minutes-per-day", type=float, help="of audio, by UTC's days; 0 for any number")
    removal = commands.add_parser("remove", help="take a key away")
    removal.add_argument("name")
    removal.add_argument("--now", action="store_true", help="make API Gateway forget it, too, with all other keys")
    commands.add_parser("list", help="show the keys' names, limits and last use")
    commands.add_parser(FIRST, help="make a key if there is none yet")
    return line


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    options = _command_line().parse_args(arguments)

    def command() -> int:
        stack = Stack(options.stack)
        if options.command == FIRST:
            return _first(stack)
        if options.command == "add":
            _show_new(options.name, Keys(stack).add(options.name, _limits(options)))
        elif options.command == "limit":
            changed = Keys(stack).limit(options.name, _limits(options))
            print(f"{options.name}: {', '.join(_limits_of(changed)) or 'no limits'}", file=sys.stderr)
            print("API Gateway may act by the old ones for KeyCacheSeconds.", file=sys.stderr)
        elif options.command == "remove":
            return _remove(stack, options.name, options.now)
        else:
            return _list(stack)
        return 0

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
