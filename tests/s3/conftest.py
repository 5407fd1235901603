"""The functions' code on that S3."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from os import environ

import boto3
import pytest

from handler import app
from handler.settings import Settings
from handler.storage import Storage
from tests.jobs.aws import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, environment

from . import seaweedfs

MAX_BYTES = 600_000


@dataclass(frozen=True)
class S3:
    """A bucket there.

    Attributes:
        url: where S3 answers.
        settings: those of both functions.
        storage: the bucket as they see it.
    """

    url: str
    settings: Settings
    storage: Storage


@pytest.fixture(scope="package")
def s3() -> Iterator[S3]:
    """The bucket, which the functions are led to; all tests share it."""
    settings = replace(Settings.from_environment(environ), bucket=BUCKET, job_max_bytes=MAX_BYTES)
    with seaweedfs.serving(ACCESS_KEY, SECRET_KEY) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(url).items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # which keeps the credentials it saw first
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        patch.setattr(app, "settings", settings)
        app._jobs.cache_clear()
        yield S3(url, settings, Storage(BUCKET))
        app._jobs.cache_clear()
