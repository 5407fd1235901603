"""A stack that stands in for a deployed one: the same kinds of resources and outputs, in moto's server."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from operate.stack import Stack
from tests import moto_server

NAME = "smaller"
# Of the real template, the parts that the commands reach, as far as moto can make them: secrets it cannot.
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}},
        "JobsQueue": {"Type": "AWS::SQS::Queue"},
        "LaidAsideQueue": {"Type": "AWS::SQS::Queue"},
        "ApiLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/hark/smaller/api"}},
        "WorkerLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/hark/smaller/worker"}},
    },
    "Outputs": {
        "AuthMode": {"Value": "key"},
        "KeysSecretArn": {"Value": "keys"},
        "BucketName": {"Value": {"Ref": "Bucket"}},
        "JobsQueueUrl": {"Value": {"Ref": "JobsQueue"}},
        "LaidAsideQueueUrl": {"Value": {"Ref": "LaidAsideQueue"}},
    },
}


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of AWS's APIs."""
    with moto_server.serving() as address:
        yield address


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets AWS's clients, and the commands, reach nothing but that."""
    moto_server.lead_to(endpoint, monkeypatch)
    monkeypatch.setenv("STACK", NAME)


@pytest.fixture
def reset(endpoint: str) -> Iterator[None]:
    """Leaves an empty account behind."""
    yield
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()


@pytest.fixture
def stack(aws: None, reset: None) -> Stack:
    """A fresh stack."""
    boto3.client("secretsmanager").create_secret(Name="keys", SecretString='{"keys": []}')
    cloudformation: Any = boto3.client("cloudformation")
    cloudformation.create_stack(StackName=NAME, TemplateBody=json.dumps(TEMPLATE))
    return Stack(NAME)
