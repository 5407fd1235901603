"""Stands in for AWS's sam command: writes down what it was asked, and deploys through CloudFormation as sam does."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from operate import answers

from .conftest import SMALL_TEMPLATE


def main(log: Path, words: list[str]) -> int:
    """Runs one command of sam's; returns its exit status."""
    with log.open("a") as file:
        print(json.dumps(words), file=file)
    return deploy(words) if words[0] == "deploy" else 0


def deploy(words: list[str]) -> int:
    """Makes a change set and executes it, a first one or one for an existing stack."""
    stack, region = (words[words.index(name) + 1] for name in ("--stack-name", "--region"))
    given: dict[str, str] = {"AuthMode": "key"}
    if "--parameter-overrides" in words:
        given |= answers.read_parameters(words[words.index("--parameter-overrides") + 1 :])
    cloudformation: Any = boto3.client("cloudformation", region_name=region)
    try:
        (there,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        is_new = there["StackStatus"] == "REVIEW_IN_PROGRESS"
    except ClientError:
        is_new = True
    parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    try:
        made = cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"samcli-deploy{time.time_ns()}",
            ChangeSetType="CREATE" if is_new else "UPDATE",
            TemplateBody=json.dumps(SMALL_TEMPLATE),
            Parameters=parameters,
        )
    except ClientError as error:
        print(f"Error: Failed to create changeset for the stack: {stack}, {error}", file=sys.stderr)
        return 1
    if "--no-confirm-changeset" not in words and input("Deploy this changeset? [y/N]: ") != "y":
        return 0
    cloudformation.execute_change_set(ChangeSetName=made["Id"])
    while (state := cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]).endswith("PROGRESS"):
        time.sleep(0.01)
    print(state)
    return 0 if state in ("CREATE_COMPLETE", "UPDATE_COMPLETE") else 1
