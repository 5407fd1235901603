"""Deletes what is in a bucket, which CloudFormation does not: old versions and half-done uploads, too."""

from typing import Any

from botocore.exceptions import ClientError

from operate.stack import OperationError

# Whoever uploads in the meantime fills it again; each turn empties it.
_TURNS = 5


def empty(s3: Any, bucket: str, delete: bool = False) -> int:
    """Deletes every version of every object, and every unfinished upload; a bucket that is gone already is empty.

    Args:
        s3: S3's client.
        bucket: the bucket.
        delete: delete the bucket itself, too.

    Returns:
        How many versions there were.

    Raises:
        OperationError: S3 kept some.
    """
    count = 0
    for turn in range(_TURNS):
        try:
            count += _empty(s3, bucket)
            if delete:
                s3.delete_bucket(Bucket=bucket)
            return count
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "NoSuchBucket":
                return count
            if code != "BucketNotEmpty" or turn == _TURNS - 1:
                raise
    return count


def _empty(s3: Any, bucket: str) -> int:
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
