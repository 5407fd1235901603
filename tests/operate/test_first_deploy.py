"""What the record of a first deployment holds, against moto and a stand-in of CloudFormation; make is stood in for."""

from pathlib import Path

import boto3
import pytest

from operate import first_deploy
from operate.stack import OperationError, Stack
from tests.conftest import ROOT

from .cloudformation import CloudFormation

KEY = "hark_" + "k" * 43


@pytest.fixture
def record(formation: CloudFormation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("STACK")
    monkeypatch.setattr(first_deploy, "_tools", lambda: "sam 1.170.0, docker 28")
    monkeypatch.setattr(first_deploy, "_limits", lambda _stack: "1000 instances at the same time, 900 free")
    return tmp_path / "record.md"


def test_a_dry_run_asks_everything_and_changes_nothing(record: Path, formation: CloudFormation) -> None:
    assert first_deploy.main(["--dry-run", "--output", str(record)]) == 0
    text = record.read_text()
    for step in ("who calls", "Lambda's limits", "the template", "stacks of that name", "ECR can be asked", "tools"):
        assert f"| {step} |" in text
    assert "dry run" in text
    assert "123456789012" not in text  # moto's account
    assert formation.actions() == []
    assert boto3.client("ecr").describe_repositories()["repositories"] == []


def test_what_fails_is_in_the_record_and_stops_the_deployment(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise OperationError("docker does not run")

    monkeypatch.setattr(first_deploy, "_tools", missing)
    monkeypatch.setattr(first_deploy, "_make", lambda *_: pytest.fail("it deployed"))
    assert first_deploy.main(["--output", str(record)]) == 1
    assert "FAILED: docker does not run" in record.read_text()


def test_a_deployment_is_tried_and_deleted_and_leaves_no_key_in_the_record(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    def make(stack: Stack, target: str, *arguments: str, key: str = "") -> str:
        done.append((target, *arguments, key))
        return {"deploy": f"{KEY}\nApiUrl https://x\n", "smoke": f"ok      it is {KEY}\nok      b\n"}.get(
            target, "gone"
        )

    monkeypatch.setattr(first_deploy, "_make", make)
    monkeypatch.setattr(first_deploy, "_cold_starts", lambda _stack: "Api 900 ms")
    monkeypatch.setattr(Stack, "output", lambda *_: "https://x")
    monkeypatch.setattr(Stack, "all_resources", lambda _stack: [{}] * 61)
    assert first_deploy.main(["--output", str(record)]) == 0
    assert [each[0] for each in done] == ["deploy", "smoke", "deploy", "destroy"]
    assert done[1] == ("smoke", "URL=https://x", KEY)
    text = record.read_text()
    assert "2 checks passed" in text
    assert "61 resources" in text
    assert KEY not in text


def test_a_failed_deployment_is_deleted_too(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def make(stack: Stack, target: str, *arguments: str, key: str = "") -> str:
        done.append(target)
        if target == "deploy":
            raise OperationError("make deploy exited with 1: ApiRole: CREATE_FAILED in account 123456789012")
        return "gone"

    monkeypatch.setattr(first_deploy, "_make", make)
    assert first_deploy.main(["--output", str(record)]) == 1
    assert done == ["deploy", "destroy"]
    text = record.read_text()
    assert "CREATE_FAILED in account ACCOUNT" in text


def test_records_are_added_below_each_other(record: Path) -> None:
    record.write_text((ROOT / "docs" / "deployment-record.md").read_text())
    for turn in (1, 2):
        first_deploy.main(["--dry-run", "--output", str(record)])
        text = record.read_text()
        assert text.count("\n## ") == turn
        assert "Nothing stands here yet" not in text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("arn:aws:iam::123456789012:user/jane", "arn:aws:iam::ACCOUNT:user/NAME"),
        ("arn:aws:sts::123456789012:assumed-role/Admin/jane@example.com", "arn:aws:sts::ACCOUNT:assumed-role/NAME"),
        (f"key {KEY} here", "key hark_... here"),
        ("https://abcde12345.execute-api.eu-west-1.amazonaws.com", "https://API.execute-api.eu-west-1.amazonaws.com"),
        ("from 203.0.113.7 by me@example.com", "from IP by ADDRESS"),
        ("stack/hark/51af3dc0-da77-11e4-872e-1234567db123", "stack/hark/ID"),
    ],
)
def test_nothing_says_whose_account_it_was(said: str, kept: str) -> None:
    assert first_deploy.redacted(said) == kept


def test_the_record_of_this_checkout_begins_as_the_command_begins_one() -> None:
    text = (ROOT / "docs" / "deployment-record.md").read_text()
    assert text.startswith(first_deploy._HEAD)
