"""A stack that stands in for a deployed one: the same kinds of resources and outputs, in moto's server."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from operate.stack import Stack

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
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets AWS's clients reach nothing but that."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "STACK": NAME,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # which keeps the credentials it saw first


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
