"""The API keys of a stack: `python -m operate.keys {add NAME | remove NAME | list | first} [--stack hark]`.

A new key is printed once, to standard output; what is stored, in Secrets Manager, is its hash. Keys are added and taken
away without a deployment; a key that was taken away may still work until the caches have forgotten it.
"""

import sys
from typing import Any

from botocore.exceptions import ClientError

from handler import keys
from handler.keys import Keyring, StoredKey
from operate.stack import OperationError, Stack, parser, run

FIRST = "first"


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

    def add(self, name: str) -> str:
        """Makes a key, stores its hash and returns it; nobody can read it afterwards.

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
        self._write(Keyring((*stored.keys, StoredKey(name, keys.digest(key)))))
        return key

    def remove(self, name: str) -> None:
        """Takes a key away.

        Raises:
            OperationError: there is none of this name.
        """
        stored = self.read()
        left = tuple(key for key in stored.keys if key.name != name)
        if len(left) == len(stored.keys):
            raise OperationError(f"There is no key {name!r}; `python -m operate.keys list` names them.")
        self._write(Keyring(left))

    def _write(self, keyring: Keyring) -> None:
        text = keyring.to_json()
        Keyring.parse(text)  # the authorizer must be able to read it
        try:
            self._secrets.put_secret_value(SecretId=self._arn, SecretString=text)
        except ClientError as error:
            raise OperationError(f"The keys were not changed: {error}") from error


def _show_new(name: str, key: str) -> None:
    print(key)
    print(f"This is the key {name!r}. It is shown this once and stored nowhere: keep it.", file=sys.stderr)


def _add(stored: Keys, name: str) -> int:
    _show_new(name, stored.add(name))
    return 0


def _first(stack: Stack) -> int:
    """Makes a key where keys are wanted and there is none yet, so that a new stack can be used."""
    stored = Keys(stack)
    if stack.output("AuthMode") == "key" and not stored.read().keys:
        _show_new(FIRST, stored.add(FIRST))
    return 0


def _remove(stored: Keys, name: str) -> int:
    stored.remove(name)
    print(f"The key {name!r} is gone. Caches may let it in for KeyCacheSeconds and a minute more.", file=sys.stderr)
    return 0


def _list(stored: Keys) -> int:
    for key in stored.read().keys:
        print(f"{key.name}  sha256 {key.sha256[:12]}...")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    line = parser(__doc__)
    commands = line.add_subparsers(dest="command", required=True)
    for name, help_ in (("add", "make a key and print it"), ("remove", "take a key away")):
        commands.add_parser(name, help=help_).add_argument("name")
    commands.add_parser("list", help="show the names of the keys")
    commands.add_parser(FIRST, help="make a key if there is none yet")
    options = line.parse_args(arguments)

    def command() -> int:
        stack = Stack(options.stack)
        if options.command == FIRST:
            return _first(stack)
        if options.command == "add":
            return _add(Keys(stack), options.name)
        if options.command == "remove":
            return _remove(Keys(stack), options.name)
        return _list(Keys(stack))

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
