"""S3 as jobs use it: small JSON objects written on conditions, recordings read once, uploads signed.

Needs s3:ListBucket on the bucket: without it S3 answers 403, not 404, for what is not there.

Sources: Amazon S3, "Conditional requests" and "Creating a POST policy"; boto3.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from hark.errors import HarkError

_CHUNK_BYTES = 1 << 20
# A worker has minutes, a request has seconds, and the queue tries again: two attempts of our own are enough.
_CONFIG = Config(
    signature_version="s3v4",
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 2},
    # The bucket's own address: the common one of old sends posts to other regions on, which not every client follows.
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
)
_ABSENT = frozenset({"NoSuchKey", "404"})
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


class Gone(HarkError):
    """The object is not there."""


class Superseded(HarkError):
    """Other bytes have been written under the key since."""


class CutOff(HarkError):
    """S3 sent less than it said."""


@dataclass(frozen=True)
class Json:
    """The content of an object and its entity tag."""

    content: dict[str, Any]
    etag: str


@dataclass(frozen=True)
class Listed:
    """An object in a listing.

    Attributes:
        key: its key.
        modified_at: when it was written last, in seconds since 1970.
    """

    key: str
    modified_at: float


class Objects(Protocol):
    """What jobs need of a bucket: `Storage`, or a folder that stands in for one (`local/folder.py`)."""

    bucket: str

    def read_json(self, key: str) -> Json | None:
        """See `Storage`."""

    def write_json(self, key: str, content: dict[str, Any], replacing: Json | None) -> bool:
        """See `Storage`."""

    def etag(self, key: str) -> str | None:
        """See `Storage`."""

    def listed(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """See `Storage`."""

    def delete(self, key: str) -> None:
        """See `Storage`."""

    def download(self, key: str, etag: str, file: IO[bytes]) -> None:
        """See `Storage`."""

    def sign_upload(
        self, key: str, content_type: str, least_bytes: int, most_bytes: int, expires_in_s: int
    ) -> dict[str, Any]:
        """See `Storage`."""


class Storage:
    """A bucket. Errors of S3 that mean nothing in particular are botocore's.

    Args:
        bucket: its name.
        client: an S3 client of boto3; by default one for the region and the role of this function.
    """

    def __init__(self, bucket: str, client: Any = None) -> None:
        self.bucket = bucket
        self._client = client or boto3.client("s3", config=_CONFIG)

    def read_json(self, key: str) -> Json | None:
        """Returns an object that `write_json` wrote; None where there is none."""
        try:
            reply = self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        return Json(json.loads(reply["Body"].read()), reply["ETag"])

    def write_json(self, key: str, content: dict[str, Any], replacing: Json | None) -> bool:
        """Writes an object if nobody else has written it since it was read.

        Args:
            key: where to.
            content: what.
            replacing: what `read_json` returned.

        Returns:
            whether it was written. False also where an attempt of our own was, and its answer got lost on the way.
        """
        condition = {"IfMatch": replacing.etag} if replacing else {"IfNoneMatch": "*"}
        body = json.dumps(content, ensure_ascii=False).encode()
        try:
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", **condition)
        except ClientError as error:
            if _code(error) in _CHANGED or (replacing and _code(error) in _ABSENT):
                return False
            raise
        return True

    def etag(self, key: str) -> str | None:
        """Returns the entity tag of what lies there now; None where there is nothing."""
        try:
            reply = self._client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        return str(reply["ETag"]).strip('"')

    def listed(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yields the objects whose keys begin so, in the order of their keys' bytes, page by page.

        Args:
            prefix: what keys begin with.
            after: a key; those after it are listed. "" lists all.
        """
        start = {"StartAfter": after} if after else {}
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, **start)
        for page in pages:
            for found in page.get("Contents", []):
                yield Listed(found["Key"], found["LastModified"].timestamp())

    def delete(self, key: str) -> None:
        """Deletes an object, if it is there."""
        self._client.delete_object(Bucket=self.bucket, Key=key)

    def download(self, key: str, etag: str, file: IO[bytes]) -> None:
        """Writes the bytes of an object to a file, holding few of them in memory.

        Raises:
            Gone: there is no such object.
            Superseded: it is not the one with this entity tag any more.
            CutOff: the connection ended too early.
            OSError: the disk is full.
        """
        try:
            reply = self._client.get_object(Bucket=self.bucket, Key=key, IfMatch=f'"{etag}"')
        except ClientError as error:
            if _code(error) in _ABSENT:
                raise Gone(f"There is no object {key} any more.") from error
            if _code(error) in _CHANGED:
                raise Superseded(f"{key} has been written again since.") from error
            raise
        written = 0
        with reply["Body"] as body:
            while chunk := body.read(_CHUNK_BYTES):
                written += file.write(chunk)
        file.flush()
        if written != reply["ContentLength"]:
            raise CutOff(f"S3 sent {written} of {reply['ContentLength']} bytes; try again.")

    def sign_upload(
        self, key: str, content_type: str, least_bytes: int, most_bytes: int, expires_in_s: int
    ) -> dict[str, Any]:
        """Signs an upload by HTML form: of one key, one type, a length within bounds, begun within a time.

        Returns:
            {"url", "fields"}; the recording follows the fields, as `file`.
        """
        signed: dict[str, Any] = self._client.generate_presigned_post(
            self.bucket,
            key,
            Fields={"Content-Type": content_type},
            Conditions=[{"Content-Type": content_type}, ["content-length-range", least_bytes, most_bytes]],
            ExpiresIn=expires_in_s,
        )
        return signed


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
