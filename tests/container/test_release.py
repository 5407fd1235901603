"""How a new version comes into use, looked up in what SAM makes of template.yaml."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from tests.patience import PATIENCE_S

from .commands import run
from .conftest import ROOT
from .sam import Sam

TEMPLATE = cfn_yaml.load(str(ROOT / "template.yaml"))
Resources = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def resources(sam_alone: Sam) -> Resources:
    """Gives the resources that SAM makes of the template, with parameters."""

    def made(**parameters: str) -> dict[str, Any]:
        line: list[str | Path] = [
            sam_alone.venv / "bin/python",
            ".ci/transform.py",
            "template.yaml",
            json.dumps(parameters),
        ]
        done = run(line, timeout_s=PATIENCE_S, environment=sam_alone.environment, directory=ROOT)
        found: dict[str, Any] = json.loads(done.stdout)["Resources"]
        return found

    return made


def of_type(resources: dict[str, Any], type_: str) -> dict[str, Any]:
    return {name: each for name, each in resources.items() if each["Type"] == type_}


def test_the_api_calls_the_alias_and_may_call_nothing_else(resources: Resources) -> None:
    made = resources()
    (alias,) = (name for name, each in made.items() if each["Type"] == "AWS::Lambda::Alias")
    uri = made["ApiIntegration"]["Properties"]["IntegrationUri"]
    assert uri["Fn::Sub"][1] == {"Alias": {"Ref": alias}}
    assert made["ApiMayCallApiFunction"]["Properties"]["FunctionName"] == {"Ref": alias}


def test_a_new_version_takes_over_step_by_step_and_goes_back_when_an_alarm_rings(resources: Resources) -> None:
    made = resources()
    (group,) = (each for each in made.values() if each["Type"] == "AWS::CodeDeploy::DeploymentGroup")
    properties = group["Properties"]
    assert properties["AutoRollbackConfiguration"]["Enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in properties["AutoRollbackConfiguration"]["Events"]
    watched = {alarm["Name"]["Ref"] for alarm in properties["AlarmConfiguration"]["Alarms"]}
    assert watched == {"ErrorsAlarm", "LatencyAlarm"}
    assert "Canary10Percent5Minutes" in json.dumps(properties["DeploymentConfigName"])
    assert properties["ServiceRoleArn"] == {"Fn::GetAtt": ["ReleaseRole", "Arn"]}
    (alias,) = (each for each in made.values() if each["Type"] == "AWS::Lambda::Alias")
    assert "CodeDeployLambdaAliasUpdate" in alias["UpdatePolicy"]


@pytest.mark.parametrize("release", TEMPLATE["Parameters"]["Release"]["AllowedValues"])
def test_every_kind_of_release_is_one_of_codedeploys(release: str, resources: Resources) -> None:
    (group,) = (each for each in resources(Release=release).values() if each["Type"].endswith("DeploymentGroup"))
    assert release in json.dumps(group["Properties"]["DeploymentConfigName"])


def test_instances_are_kept_started_only_where_somebody_pays_for_them(resources: Resources) -> None:
    (alias,) = (each for each in resources().values() if each["Type"] == "AWS::Lambda::Alias")
    kept = alias["Properties"]["ProvisionedConcurrencyConfig"]["Fn::If"]
    assert kept[0] == "KeepsInstances"
    assert kept[1] == {"ProvisionedConcurrentExecutions": {"Ref": "ProvisionedConcurrency"}}
    assert TEMPLATE["Parameters"]["ProvisionedConcurrency"]["Default"] == 0


def test_every_release_is_a_version(resources: Resources) -> None:
    def version(**parameters: str) -> set[str]:
        return {name for name, each in resources(**parameters).items() if each["Type"] == "AWS::Lambda::Version"}

    assert version(ReleaseId="aa") == version(ReleaseId="aa")
    assert version(ReleaseId="aa") != version(ReleaseId="bb")
    assert version() != version(ReleaseId="aa")
