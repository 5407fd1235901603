"""A deployed stack: its outputs and resources, by its name.

python -m operate.stack [--stack hark]     says where it answers, or that there is none (exit status 3)
"""

import argparse
import os
import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from hark.errors import HarkError

DEFAULT_NAME = "hark"
NO_STACK = 3


class OperationError(HarkError):
    """What was asked for cannot be done."""


class NoStack(OperationError):
    """There is no such stack in this account and region."""


class Stack:
    """A stack in the account and region that AWS's usual settings name.

    Args:
        name: the stack's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def client(self, service: str) -> Any:
        """Returns AWS's client for a service."""
        return boto3.client(service)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by their name.

        Raises:
            NoStack: there is no such stack.
        """
        try:
            (described,) = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                raise NoStack(
                    f"There is no stack {self.name!r} in this account and region; run `make deploy`, or name another "
                    "one with STACK=, another region with AWS_REGION=."
                ) from error
            raise
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def output(self, name: str) -> str:
        """Returns one output.

        Raises:
            OperationError: the stack has none of that name.
        """
        try:
            return self.outputs[name]
        except KeyError as error:
            raise OperationError(f"The stack {self.name!r} has no output {name}; deploy this version first.") from error

    def resources(self, type_: str) -> dict[str, str]:
        """Returns the physical ids of the stack's resources of a type, by their names in the template."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == type_
        }


def parser(description: str | None) -> argparse.ArgumentParser:
    """Returns a command line with the option that all commands have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--stack", default=os.environ.get("STACK") or DEFAULT_NAME, help="its name; by default hark")
    return made


def run(command: Callable[[], int]) -> int:
    """Runs a command; what goes wrong is told in one line.

    Returns:
        The exit status: 0, 1 where the command found something amiss, 3 where there is no such stack, 2 for the rest.
    """
    try:
        return command()
    except NoStack as error:
        print(f"error: {error}", file=sys.stderr)
        return NO_STACK
    except HarkError as error:
        print(f"error: {error}", file=sys.stderr)
    except BotoCoreError as error:  # no credentials, no region, no connection
        print(f"error: AWS cannot be asked: {error}; see `aws configure`.", file=sys.stderr)
    except ClientError as error:
        print(f"error: AWS refused: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 2


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    options = parser(__doc__).parse_args(arguments)

    def show() -> int:
        for name, value in sorted(Stack(options.stack).outputs.items()):
            print(f"{name:18} {value}")
        return 0

    return run(show)


if __name__ == "__main__":
    sys.exit(main())
