"""A deployed stack: its state, outputs and resources, by its name.

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
from operate import answers

NO_STACK = 3


class OperationError(HarkError):
    """What was asked for cannot be done."""


class NoStack(OperationError):
    """There is no such stack in this account and region."""


class Stack:
    """A stack in the account and region that the operator's answers name, or else AWS's usual settings.

    Args:
        name: the stack's name; "" for the one that the answers name.
        region: another region than the answers have.
    """

    def __init__(self, name: str = "", region: str = "") -> None:
        known = answers.find(name)
        self.name = known.stack
        self._session = boto3.Session(profile_name=known.profile or None, region_name=region or known.region or None)
        self._clients: dict[str, Any] = {}

    @property
    def region(self) -> str:
        """The region; "" where nobody named one."""
        return self._session.region_name or ""

    def client(self, service: str) -> Any:
        """Returns AWS's client for a service; there is one, since making it takes longer than most questions do."""
        if service not in self._clients:
            self._clients[service] = self._session.client(service)
        return self._clients[service]

    def described(self, stack_id: str = "") -> dict[str, Any] | None:
        """Returns what CloudFormation says of the stack; None where there is none, or none any more.

        Args:
            stack_id: asks for this one of all the stacks that had the name.
        """
        try:
            (found,) = self.client("cloudformation").describe_stacks(StackName=stack_id or self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        described: dict[str, Any] = found
        return None if described["StackStatus"] == "DELETE_COMPLETE" else described

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs by their name.

        Raises:
            NoStack: there is no such stack.
        """
        described = self.described()
        if described is None:
            raise NoStack(
                f"There is no stack {self.name!r} in {self.region}; run `make deploy`, or name another one with "
                f"STACK=. Its region stands in {answers.own_file().name}, or else in AWS's settings."
            )
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def output(self, name: str) -> str:
        """Returns one output.

        Raises:
            OperationError: the stack has none of that name.
        """
        try:
            return self.outputs[name]
        except KeyError as error:
            status = (self.described() or {}).get("StackStatus", "")
            raise OperationError(
                f"The stack {self.name!r} has no output {name}, its state is {status}; deploy this version first: "
                "make deploy"
            ) from error

    def resources(self, type_: str) -> dict[str, str]:
        """Returns the physical ids of the stack's resources of a type, by their names in the template.

        Those that were deleted, or never made, are not among them.
        """
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in self.all_resources()
            if resource["ResourceType"] == type_
            and resource.get("PhysicalResourceId")
            and resource.get("ResourceStatus") != "DELETE_COMPLETE"
        }

    def all_resources(self) -> list[dict[str, Any]]:
        """Returns CloudFormation's list of the stack's resources, in whatever state they are."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        return [resource for page in pages for resource in page["StackResourceSummaries"]]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Returns a command line with the option that all commands have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = "its name; by default the one that was answered to `make deploy`, or else hark"
    made.add_argument("--stack", default=os.environ.get("STACK", ""), help=named)
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
