"""Deletes what is in a stack's bucket, which CloudFormation does not: `python -m operate.empty [--stack hark] [--yes]`.

Recordings, jobs and transcripts are gone afterwards, old versions and half-done uploads with them. `make destroy` runs
this before it deletes the stack.
"""

import sys
from typing import Any

from operate.stack import OperationError, Stack, parser, run


def empty(s3: Any, bucket: str) -> int:
    """Deletes every version of every object, and every unfinished upload.

    Returns:
        How many versions there were.

    Raises:
        OperationError: S3 kept some.
    """
    count = 0
    # The first page again and again: a mark of where a page ended is of no use once that is deleted.
    while versions := _versions(s3.list_object_versions(Bucket=bucket)):
        reply = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        if reply.get("Errors"):
            first = reply["Errors"][0]
            raise OperationError(f"S3 kept {len(reply['Errors'])} objects, such as {first['Key']}: {first['Code']}")
        count += len(versions)
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return count


def _versions(page: dict[str, Any]) -> list[dict[str, str]]:
    listed = (*page.get("Versions", []), *page.get("DeleteMarkers", []))
    return [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in listed]


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
        bucket = stack.output("BucketName")
        if not options.yes:
            print(f"All recordings and transcripts in {bucket} will be deleted, for good.", file=sys.stderr)
            if _typed(f"Type the stack's name, {stack.name}, to go on: ") != stack.name:
                raise OperationError("Nothing was deleted.")
        print(f"{empty(stack.client('s3'), bucket)} objects deleted", file=sys.stderr)
        return 0

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
