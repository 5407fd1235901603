"""The role that deploys from GitHub: it may do what template.yaml and the commands need, and no more."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from cfnlint.decode import cfn_yaml
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from operate import answers
from tests.conftest import ROOT

from .test_template import RESOURCES, listed

DEPLOYER: dict[str, Any] = cfn_yaml.load(str(ROOT / "operate" / "deployer.yaml"))
ROLE = DEPLOYER["Resources"]["Deployer"]["Properties"]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
# What SAM's transform makes besides (tests/container/test_release.py looks at it).
OF_SAM = {
    *("AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Lambda::Alias"),
    *("AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"),
}
# Services that permissions name for properties which the template does not use: VPCs, keys, targets of others.
OF_OTHER_PROPERTIES = {
    *("billing", "ec2", "elasticfilesystem", "firehose", "kinesis", "kms", "s3files", "s3tables"),
}
# Likewise single actions: replicas, code signing, layers, analytics, websites, data protection, policies of tables.
UNUSED = re.compile(
    r"apigateway:(?:\w+CertificateToDomain|\w*agResource|RemoveCertificateFromDomain)"
    r"|codedeploy:RegisterOnPremisesInstance"
    r"|dynamodb:(?:\w*Replica|\w*Item|BatchWrite\w+|\w*ResourcePolicy|\w*ContinuousBackups|\w*ContributorInsights"
    r"|\w*Import\w*|\w*Kinesis\w+|Query|Scan)"
    r"|iam:(?:\w*PermissionsBoundary|AttachRolePolicy|DetachRolePolicy)"
    r"|lambda:(?:AssociateRuntimeAlias|\w*CodeSigningConfig|\w*RecursionConfig|\w*ScalingConfig|GetLayerVersion"
    r"|PassCapacityProvider)"
    r"|logs:(?:\w*KmsKey|CreateLogStream|PutLogEvents|\w*DataProtection\w*|\w*Index\w+|\w*ResourcePolicy|DescribeLogStreams"
    r"|PutBearerTokenAuthentication|\w*DeletionProtection)"
    r"|s3:(?:\w*(?:Abac|Accelerate|Analytics|Intelligent|Inventory|Metrics|Metadata|Replication|Website|Logging|ObjectLock"
    r"|Acl)\w*|DeleteBucket(?!Policy)\w*|\w+Object\w*|REST.PUT.OBJECT)"
    r"|secretsmanager:\w*Replica\w*|sns:\w*DataProtection\w*"
)
# What `make deploy` itself does, with sam; none of it deletes what holds data.
OF_THE_COMMANDS = re.compile(
    r"cloudformation:\w+|ecr:\w+|lambda:GetAccountSettings|s3:(?:Get|Put)Object|s3:CreateBucket"
    r"|secretsmanager:(?:Get|Put)SecretValue|logs:\w*LogDeliver\w+|logs:\w+ResourcePolic\w+"
)


def allowed() -> Iterator[tuple[str, Any]]:
    """Yields each action with the resources that it is allowed on."""
    for policy in ROLE["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            for action in listed(statement["Action"]):
                yield action, listed(statement["Resource"])


def needed() -> dict[str, str]:
    """Returns the actions that CloudFormation's schemas name for the template's types, each with one type."""
    types = {resource["Type"] for resource in RESOURCES.values()} - {"AWS::Serverless::Function"} | OF_SAM
    found = {}
    for type_ in sorted(types):
        handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema["handlers"]
        for operation in ("create", "read", "update", "delete"):
            for action in handlers.get(operation, {}).get("permissions", []):
                found[action] = type_
    return {action: type_ for action, type_ in found.items() if action.partition(":")[0] not in OF_OTHER_PROPERTIES}


def test_everything_that_the_template_makes_can_be_made_changed_and_deleted() -> None:
    may = {action.lower() for action, _ in allowed()}
    missing = {f"{action} ({type_})" for action, type_ in needed().items() if action.lower() not in may}
    assert {each for each in missing if not UNUSED.fullmatch(each.partition(" ")[0])} == set()


def test_nothing_is_allowed_that_neither_the_template_nor_a_command_needs() -> None:
    wanted = {action.lower() for action in needed()}
    more = {action for action, _ in allowed() if action.lower() not in wanted and not OF_THE_COMMANDS.fullmatch(action)}
    assert more == set()
    assert not [action for action, _ in allowed() if "*" in action]


def test_other_stacks_are_out_of_reach() -> None:
    of_nothing = {action for action, places in allowed() if "*" in places}
    # These take no resource, or one whose name AWS makes up.
    assert not [
        action for action in of_nothing if re.search(r":(?:Delete(?!LogDelivery)|Put(?!ResourcePolicy)|Pass)", action)
    ]
    for action, places in allowed():
        service = action.partition(":")[0]
        if service in ("cloudformation", "iam", "ecr", "dynamodb", "sqs", "sns") and places != ["*"]:
            texts = [place["Fn::Sub"] for place in places]
            assert all("${StackPrefix}" in text or "aws-s" in text or ":transform/" in text for text in texts), action
    passes = [
        statement["Condition"]["StringEquals"]["iam:PassedToService"]
        for policy in ROLE["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "iam:PassRole" in listed(statement["Action"])
    ]
    assert passes == [["lambda.amazonaws.com", "codedeploy.amazonaws.com"]]


def test_recordings_cannot_be_read_by_who_deploys() -> None:
    for action, places in allowed():
        if action in ("s3:GetObject", "s3:PutObject"):
            assert places == [{"Fn::Sub": "arn:${AWS::Partition}:s3:::aws-sam-cli-managed-default-*/*"}]


def test_the_policies_fit_a_role() -> None:
    documents = [json.dumps(policy["PolicyDocument"], separators=(",", ":")) for policy in ROLE["Policies"]]
    # IAM counts no white space, and AWS's account numbers are shorter than what stands for them here.
    assert sum(map(len, documents)) <= 10_240


def test_only_the_repositorys_environments_get_the_role() -> None:
    (statement,) = ROLE["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    told = statement["Condition"]["StringEquals"]
    assert told["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    subjects = [subject["Fn::Sub"] for subject in told["token.actions.githubusercontent.com:sub"]]
    options = WORKFLOW[True]["workflow_dispatch"]["inputs"]["environment"]["options"]
    assert subjects == [f"repo:${{Repository}}:environment:{name}" for name in options]


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_workflow_deploys_the_stack_of_its_section(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARK_ANSWERS", "/nowhere")
    known = answers.find(f"hark-{environment}")
    assert known.section == environment
    assert set(known.parameters) == {"Release"}
    (job,) = WORKFLOW["jobs"].values()
    assert WORKFLOW["permissions"] == {"contents": "read", "id-token": "write"}
    assert "environment" in job
    assert any(
        "make deploy STACK=hark-${{" in step.get("run", "") and "--no-key" in step["run"] for step in job["steps"]
    )
    text = (ROOT / ".github" / "workflows" / "deploy.yml").read_text()
    assert not re.search(r"AWS_(?:ACCESS_KEY|SECRET)", text)


def test_who_has_no_docker_builds_the_same_way() -> None:
    spec = yaml.safe_load((ROOT / "operate" / "buildspec.yml").read_text())
    assert any("make deploy" in command for command in spec["phases"]["build"]["commands"])
    versions = {
        re.search(r"aws-sam-cli==([\d.]+)", text)[1]  # type: ignore[index]
        for text in ((ROOT / "operate" / "buildspec.yml").read_text(), json.dumps(WORKFLOW["jobs"]))
    }
    sam = (ROOT / "tests" / "container" / "sam.py").read_text()
    assert versions == {re.search(r'VERSION = "([\d.]+)"', sam)[1]}  # type: ignore[index]
