"""A stack that stands in for a deployed one: the same kinds of resources and outputs, in moto's server."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.loaders import Loader

from operate.stack import Stack
from tests import moto_server

from . import cloudformation
from .cloudformation import CloudFormation

NAME = "smaller"
# Of the real template, the parts that the commands reach, as far as moto can make them: secrets it cannot.
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}},
        "JobsQueue": {"Type": "AWS::SQS::Queue"},
        "LaidAsideQueue": {"Type": "AWS::SQS::Queue"},
        "ApiLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/hark/smaller/api"}},
        "WorkerLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/hark/smaller/worker"}},
        "UsageTable": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("name", "day")],
                "KeySchema": [
                    {"AttributeName": "name", "KeyType": "HASH"},
                    {"AttributeName": "day", "KeyType": "RANGE"},
                ],
            },
        },
    },
    "Outputs": {
        "AuthMode": {"Value": "key"},
        "KeysSecretArn": {"Value": "keys"},
        "BucketName": {"Value": {"Ref": "Bucket"}},
        "JobsQueueUrl": {"Value": {"Ref": "JobsQueue"}},
        "LaidAsideQueueUrl": {"Value": {"Ref": "LaidAsideQueue"}},
    },
}


@pytest.fixture(scope="session", autouse=True)
def descriptions() -> Iterator[None]:
    """Lets AWS's clients read the descriptions of their services, megabytes of JSON, once for all tests.

    Each session, of which every command makes one, would read them anew; that took most of the time.
    """
    made, kept = Loader.__init__, dict[Any, Any]()

    def make(self: Any, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        self._cache = kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "__init__", make)
        yield


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of AWS's APIs."""
    with moto_server.serving() as address:
        yield address


@pytest.fixture
def answers_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the answers of the test's operator are kept: those of this checkout are another's."""
    path = tmp_path / "answers.toml"
    monkeypatch.setenv("HARK_ANSWERS", str(path))
    return path


@pytest.fixture
def aws(endpoint: str, answers_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


# What the commands reach of the real template, and what becomes of it when the stack goes.
SMALL_TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"},
        "KeysSecret": {
            "Type": "AWS::SecretsManager::Secret",
            "DeletionPolicy": "RetainExceptOnCreate",
            "Properties": {"SecretString": '{"keys": []}'},
        },
        "ApiLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/hark/any/api"}},
        "ApiFunction": {"Type": "AWS::Lambda::Function"},
        "ApiRole": {"Type": "AWS::IAM::Role"},
    },
    "Outputs": {
        "AuthMode": {"Value": {"Ref": "AuthMode"}},
        "KeysSecretArn": {"Value": {"Ref": "KeysSecret"}},
        "BucketName": {"Value": {"Ref": "Bucket"}},
    },
}


@pytest.fixture
def formation(aws: None, reset: None, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    """A CloudFormation whose states and faults the test orders."""
    with cloudformation.serving(endpoint) as (standing, address):
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", address)
        yield standing
