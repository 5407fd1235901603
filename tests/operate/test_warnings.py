"""What an account's limits will make of a deployment is said before it begins."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from operate import deploy
from operate.stack import OperationError, Stack


def stack(limit: int) -> Stack:
    """A stack of an account that runs so many instances at once."""
    told = {"AccountLimit": {"ConcurrentExecutions": limit}}
    client = SimpleNamespace(get_account_settings=lambda: told)
    return cast("Stack", SimpleNamespace(region="eu-central-1", client=lambda _name: client))


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"MaxConcurrency": "950"}, "MaxConcurrency=950 cannot"),
        ({"MaxConcurrency": "900"}, ""),
        ({"StreamConcurrency": "950"}, ""),  # without Streaming it reserves nothing
        ({"Streaming": "on", "StreamConcurrency": "950"}, "StreamConcurrency=950 cannot"),
        (
            {"Streaming": "on", "MaxConcurrency": "500", "StreamConcurrency": "450"},
            "MaxConcurrency=500 and StreamConcurrency=450 cannot",
        ),
        ({"Streaming": "on", "MaxConcurrency": "500", "StreamConcurrency": "400"}, ""),
    ],
)
def test_what_cannot_be_reserved_is_refused(parameters: dict[str, str], named: str) -> None:
    if not named:
        deploy.warn(parameters, stack(1000))
        return
    with pytest.raises(OperationError, match=named):
        deploy.warn(parameters, stack(1000))


@pytest.mark.parametrize(
    ("parameters", "warned"),
    [
        ({}, False),
        ({"Streaming": "on"}, True),
        ({"Streaming": "on", "AuthMode": "none"}, True),
        ({"Streaming": "on", "AuthMode": "iam"}, False),
        ({"Streaming": "on", "StreamConcurrency": "5"}, False),
    ],
)
def test_an_address_without_a_bound_is_told(
    parameters: dict[str, str], warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    deploy.warn(parameters, stack(1000))
    captured: Any = capsys.readouterr()
    assert ("set StreamConcurrency" in captured.out + captured.err) is warned
