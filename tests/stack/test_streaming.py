"""The second address of a stack, whose replies go out in parts: only where it is asked for, and guarded as the API."""

import importlib
from typing import Any

import pytest
from cfnlint.helpers import REGIONS
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from operate import logs
from tests.conftest import ROOT
from tests.stack.test_template import RESOURCES, TEMPLATE

OPENED = ("WhoeverAsksMayCallStreamUrl", "WhoeverAsksMayCallStreamFunction")
OF_STREAM = {"StreamFunction", "StreamUrl", "StreamRole", "StreamLogGroup", "StreamErrorsAlarm", *OPENED}


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = RESOURCES[name]["Properties"]
    return found


def test_nothing_of_it_is_there_unless_it_is_asked_for() -> None:
    assert TEMPLATE["Parameters"]["Streaming"]["Default"] == "off"
    assert {"Fn::Equals": [{"Ref": "Streaming"}, "on"]} in TEMPLATE["Conditions"]["Streams"]["Fn::And"]
    conditions = {name: RESOURCES[name]["Condition"] for name in OF_STREAM}
    assert conditions == {name: "StreamsToWhoeverAsks" if name in OPENED else "Streams" for name in OF_STREAM}
    assert TEMPLATE["Outputs"]["StreamUrl"]["Condition"] == "Streams"
    with_condition = {name for name, each in RESOURCES.items() if str(each.get("Condition", "")).startswith("Streams")}
    assert with_condition == OF_STREAM


def test_replies_go_out_in_parts() -> None:
    assert properties("StreamUrl")["InvokeMode"] == "RESPONSE_STREAM"
    assert properties("StreamFunction")["ImageConfig"] == {
        "EntryPoint": ["python3", "-m", "handler.runtime"],
        "Command": ["handler.function_url.lambda_handler"],
    }
    assert properties("StreamFunction")["Timeout"] == 900  # the most that Lambda allows


def test_who_calls_is_checked_by_lambda_or_by_the_function() -> None:
    assert properties("StreamUrl")["AuthType"] == {"Fn::If": ["ChecksSignatures", "AWS_IAM", "NONE"]}
    assert TEMPLATE["Conditions"]["ChecksSignatures"] == {"Fn::Equals": [{"Ref": "AuthMode"}, "iam"]}
    assert TEMPLATE["Conditions"]["StreamsToWhoeverAsks"]["Fn::And"] == [
        {"Condition": "Streams"},
        {"Fn::Not": [{"Condition": "ChecksSignatures"}]},
    ]
    variables = properties("StreamFunction")["Environment"]["Variables"]
    assert variables["HARK_AUTH_MODE"] == {"Ref": "AuthMode"}
    for name in ("HARK_KEYS_SECRET_ARN", "HARK_USAGE_TABLE"):
        assert variables[name] == properties("AuthorizerFunction")["Environment"]["Variables"][name]
    by_function_url, by_function = (properties(name) for name in OPENED)
    assert by_function_url["FunctionUrlAuthType"] == "NONE"
    assert by_function["InvokedViaFunctionUrl"] is True


def test_modes_that_cannot_be_checked_there_and_ways_round_a_firewall_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARK_AUTH_MODE", "key")
    checked = importlib.import_module("handler.function_url")._AUTH_MODES
    rule = TEMPLATE["Rules"]["StreamingChecksWhoCalls"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Streaming"}, "on"]}
    mode, endpoint = (each["Assert"] for each in rule["Assertions"])
    assert mode == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AuthMode"}, "jwt"]}]}
    assert set(TEMPLATE["Parameters"]["AuthMode"]["AllowedValues"]) - {"jwt"} == set(checked)
    assert endpoint == {"Fn::Equals": [{"Ref": "DefaultEndpoint"}, "on"]}


def test_it_answers_as_the_api_does_and_longer_recordings() -> None:
    api, stream = (properties(f"{name}Function")["Environment"]["Variables"] for name in ("Api", "Stream"))
    own = {"HARK_AUTH_MODE", "HARK_KEYS_SECRET_ARN", "HARK_MAX_AUDIO_S"}
    assert {name: value for name, value in stream.items() if name not in own} == {
        name: value for name, value in api.items() if name not in own
    }
    assert stream["HARK_MAX_AUDIO_S"] == {"Ref": "JobMaxAudioSeconds"}


def test_pages_of_other_origins_may_call_it_as_they_may_call_the_api() -> None:
    condition, there, none = properties("StreamUrl")["Cors"]["Fn::If"]
    assert (condition, none) == ("AllowsOrigins", {"Ref": "AWS::NoValue"})
    of_api = properties("Api")["CorsConfiguration"]["Fn::If"][1]
    assert there == of_api


def test_its_role_may_what_the_api_and_the_authorizer_may() -> None:
    def statements(role: str) -> list[Any]:
        (policy,) = properties(role)["Policies"]
        return [each for each in policy["PolicyDocument"]["Statement"] if "LogGroup" not in str(each)]

    of_stream, of_api = statements("StreamRole"), statements("ApiRole")
    added = [each for each in of_stream if each not in of_api]
    assert added == [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "KeysSecret"}}]
    assert added[0] in statements("AuthorizerRole")
    assert [each for each in of_api if each not in of_stream] == []


def test_it_is_made_in_no_region_that_has_none() -> None:
    lacking = {
        pair["Fn::Equals"][1]
        for name in ("HasNoFunctionUrlsInAsia", "HasNoFunctionUrlsElsewhere")
        for pair in TEMPLATE["Conditions"][name]["Fn::Or"]
    }
    known = {
        region
        for region in REGIONS
        if "AWS::Lambda::Url" not in PROVIDER_SCHEMA_MANAGER.get_resource_types(region=region)
    }
    assert lacking == known
    guide = (ROOT / "docs" / "operations.md").read_text()
    assert all(f"`{region}`" in guide for region in lacking)


def test_its_logs_are_shown() -> None:
    assert logs.GROUPS["stream"] == "StreamLogGroup"
