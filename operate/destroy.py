"""Deletes a stack with all that is in it: `python -m operate.destroy [--stack hark] [--yes]`.

Recordings, jobs, transcripts and keys go first, then the stack, whatever state it is in, then its images. It asks for
the stack's name before, and can be run again where it was cut short.
"""

import sys
from collections.abc import Iterator

from botocore.exceptions import ClientError

from operate import images, states
from operate.empty import empty
from operate.stack import NoStack, OperationError, Stack, parser, run


def held(stack: Stack) -> Iterator[str]:
    """Yields the buckets and secrets of a stack, which CloudFormation keeps when it deletes the rest."""
    for type_ in ("AWS::S3::Bucket", "AWS::SecretsManager::Secret"):
        yield from stack.resources(type_).values()


def destroy(stack: Stack) -> list[str]:
    """Deletes a stack and what is in it; what is gone already is no fault.

    Returns:
        What could not be deleted.

    Raises:
        OperationError: the stack stays.
    """
    states.settled(stack)
    if stack.described() is not None:
        for bucket in stack.resources("AWS::S3::Bucket").values():
            print(f"{empty(stack.client('s3'), bucket, delete=True)} objects deleted", file=sys.stderr)
        for secret in stack.resources("AWS::SecretsManager::Secret").values():
            _delete_secret(stack, secret)
    left = states.delete(stack)
    companion = Stack(images.companion(stack.name), stack.region)
    if companion.described() is not None:
        images.empty_companion(companion)
        left += states.delete(companion)
    images.remove(stack)
    return left


def _delete_secret(stack: Stack, secret: str) -> None:
    try:
        stack.client("secretsmanager").delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise


def _typed(question: str) -> str:
    try:
        return input(question)
    except EOFError:  # nobody is there to answer
        return ""


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    line = parser(__doc__)
    line.add_argument("--yes", action="store_true", help="do not ask")
    options = line.parse_args(arguments)

    def command() -> int:
        stack = Stack(options.stack)
        companion = Stack(images.companion(stack.name), stack.region)
        if stack.described() is None and companion.described() is None and not images.exists(stack):
            raise NoStack(f"There is no stack {stack.name!r} in {stack.region}, and nothing is left of one.")
        if not options.yes:
            what = ", ".join(held(stack)) if stack.described() else ""
            print(
                f"The stack {stack.name} in {stack.region} will be deleted for good, with all recordings, transcripts "
                f"and keys{f': {what}' if what else ''}.",
                file=sys.stderr,
            )
            if _typed(f"Type the stack's name, {stack.name}, to go on: ") != stack.name:
                raise OperationError("Nothing was deleted.")
        left = destroy(stack)
        for each in left:
            print(f"left behind: {each}", file=sys.stderr)
        print(f"The stack {stack.name} is gone.", file=sys.stderr)
        return 1 if left else 0

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
