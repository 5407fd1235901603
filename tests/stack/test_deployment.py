"""What a deployment needs to succeed, and an operator to come back to: of template.yaml and of the Makefile."""

import ast
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cfnlint.helpers import REGIONS
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from operate import deploy
from tests.conftest import ROOT

from .test_template import RESOURCES, TEMPLATE, of_type

PARAMETERS: dict[str, Any] = TEMPLATE["Parameters"]
# What must not vanish with the stack, or when CloudFormation replaces it: nobody can make it anew.
PRECIOUS = {"AWS::S3::Bucket", "AWS::SecretsManager::Secret"}


def test_what_nobody_could_make_anew_outlives_the_stack_but_not_a_first_deployment_that_failed() -> None:
    for name, resource in RESOURCES.items():
        if resource["Type"] in PRECIOUS:
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
            assert resource["UpdateReplacePolicy"] == "Retain", name


def test_the_deployments_questions_are_about_parameters_and_the_others_have_defaults() -> None:
    assert list(deploy.defaults()) == list(PARAMETERS)
    for name, parameter in PARAMETERS.items():
        assert "Default" in parameter, name
        assert parameter["Description"], name
        assert deploy.defaults()[name] == str(parameter["Default"]), name


def test_every_parameter_stands_in_a_group_of_the_console() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS)


def test_what_clients_of_openai_send_from_a_page_is_allowed_and_what_they_read_is_shown() -> None:
    (_, cors, _) = RESOURCES["Api"]["Properties"]["CorsConfiguration"]["Fn::If"]
    captured = [json.loads(path.read_text()) for path in (ROOT / "events" / "clients").glob("*.json")]
    sent = {name.lower() for event in captured for name in event["headers"]}
    of_openai = {name for name in sent if name.startswith(("x-stainless-", "openai-"))}
    assert len(of_openai) > 5
    assert of_openai <= set(cors["AllowHeaders"])
    # Of OpenAI's client for JavaScript, version 6: its source names these.
    of_javascript = {"arch", "lang", "os", "package-version", "retry-count", "runtime", "runtime-version", "timeout"}
    of_javascript |= {"helper-method", "poll-helper", "custom-poll-interval"}
    assert {f"x-stainless-{name}" for name in of_javascript} <= set(cors["AllowHeaders"])
    assert {"location", "retry-after", "server-timing"} <= set(cors["ExposeHeaders"])
    assert {"GET", "POST"} <= set(cors["AllowMethods"])


def test_awss_own_address_can_be_closed_only_where_another_is_there() -> None:
    api = RESOURCES["Api"]["Properties"]
    assert api["DisableExecuteApiEndpoint"] == {"Fn::If": ["IsClosed", True, False]}
    assert PARAMETERS["DefaultEndpoint"]["Default"] == "on"
    rules = TEMPLATE["Rules"]
    assert rules["SomethingAnswers"]["RuleCondition"] == {"Fn::Equals": [{"Ref": "DefaultEndpoint"}, "off"]}
    (domain,) = of_type("AWS::ApiGatewayV2::DomainName").values()
    assert domain["DomainName"] == {"Ref": "DomainName"}
    (mapping,) = of_type("AWS::ApiGatewayV2::ApiMapping").values()
    assert mapping["Stage"] == "$default"
    # What is told, and what `make smoke` is given, is where it answers.
    assert TEMPLATE["Outputs"]["ApiUrl"]["Value"]["Fn::If"][:2] == ["HasDomain", {"Fn::Sub": "https://${DomainName}"}]


@pytest.mark.parametrize(
    ("rule", "needed"),
    [("TokensNeedAnIssuer", ["JwtIssuer", "JwtAudience"]), ("DomainsNeedACertificate", ["CertificateArn"])],
)
def test_each_parameter_that_another_needs_is_asserted(rule: str, needed: list[str]) -> None:
    assertions = TEMPLATE["Rules"][rule]["Assertions"]
    for name, assertion in zip(needed, assertions, strict=True):
        assert f'"Ref": "{name}"' in json.dumps(assertion["Assert"])
        assert name in assertion["AssertDescription"]


def test_the_access_log_tells_why_an_integration_failed() -> None:
    text = RESOURCES["ApiStage"]["Properties"]["AccessLogSettings"]["Format"]
    assert "$context.integrationErrorMessage" in json.loads(text).values()


def test_a_budget_is_made_only_where_somebody_is_told() -> None:
    assert RESOURCES["Budget"]["Condition"] == "HasBudget"
    conditions = TEMPLATE["Conditions"]["HasBudget"]["Fn::And"]
    assert {"Condition": "SendsAlarms"} in conditions
    assert {each["Condition"] for each in conditions[-1]["Fn::Or"]} == {
        name for name in TEMPLATE["Conditions"] if name.startswith("HasBudgetsIn")
    }
    kinds = {
        each["Notification"]["NotificationType"]
        for each in RESOURCES["Budget"]["Properties"]["NotificationsWithSubscribers"]
    }
    assert kinds == {"ACTUAL", "FORECASTED"}


@pytest.mark.parametrize("knows_provenance", [True, False])
def test_the_image_is_built_for_the_processor_that_is_deployed_and_without_attestations(
    knows_provenance: bool, tmp_path: Path
) -> None:
    docker = tmp_path / "docker"
    usage = "--provenance" if knows_provenance else "--tag"
    docker.write_text(f'#!/bin/sh\nif [ "$2" = --help ]; then echo "  {usage}"; else echo "docker $*"; fi\n')
    docker.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["make", "--silent", "image"], cwd=ROOT, env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert "--platform linux/amd64" in done.stdout
    assert ("--provenance=false" in done.stdout) == knows_provenance


def test_all_functions_run_on_the_processor_that_was_chosen() -> None:
    assert PARAMETERS["Architecture"]["AllowedValues"] == ["x86_64", "arm64"]
    functions = of_type("AWS::Serverless::Function")
    assert {json.dumps(each["Architectures"]) for each in functions.values()} == {'[{"Ref": "Architecture"}]'}


def test_the_packages_with_machine_code_have_files_for_both_processors() -> None:
    pins = (ROOT / "requirements-image.txt").read_text().split("\n")
    hashes: dict[str, int] = {}
    for line in pins:
        if "==" in line:
            name = line.partition("==")[0]
        elif "--hash" in line:
            hashes[name] = hashes.get(name, 0) + 1
    for name in ("av", "awslambdaric", "cffi", "numpy", "onnxruntime", "pybase64", "soundfile", "soxr"):
        assert hashes[name] == 2, name
    assert set(hashes.values()) <= {1, 2}
    build = (ROOT / "requirements-build.txt").read_text()
    assert build.count("--hash") == 2  # the compiler's


def test_the_c_code_is_compiled_for_the_processor_that_builds() -> None:
    assert '-target "$(uname -m)-linux-gnu' in (ROOT / "Dockerfile").read_text()


def test_every_region_makes_all_that_the_stack_asks_for_or_is_not_asked() -> None:
    """Or CloudFormation would refuse the template; `make lint-regions` looks at all their properties, too."""
    types = {each["Type"] for each in RESOURCES.values() if not each["Type"].startswith("AWS::Serverless::")}
    of_sam = {"AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::Lambda::Version"}
    of_sam |= {"AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup"}
    some = 0
    for region in REGIONS:
        missing = (types | of_sam) - set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region=region))
        assert missing <= {"AWS::Budgets::Budget", "AWS::Lambda::Url"}, region  # which conditions leave out
        assert not ("AWS::Budgets::Budget" in missing and deploy.has_budgets(region)), region
        some += deploy.has_budgets(region)
    assert some >= 18
    assert deploy.has_budgets("eu-central-1")
    assert not deploy.has_budgets("eu-north-1")


# Their replies go out in parts, which neither sam nor the emulator hands on; a stand-in of Lambda's API does.
INVOKED_ELSEWHERE = {"StreamFunction": "tests/handler/test_runtime.py"}


def test_every_function_is_invoked_by_a_test_as_aws_invokes_it() -> None:
    invoked = {
        call.args[0].value
        for path in (ROOT / "tests/container").glob("test_*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "invoke"
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    functions = set(of_type("AWS::Serverless::Function"))
    assert functions - INVOKED_ELSEWHERE.keys() == invoked, "add one to tests/container/test_functions.py"
    for name in functions & INVOKED_ELSEWHERE.keys():
        assert (ROOT / INVOKED_ELSEWHERE[name]).is_file()
