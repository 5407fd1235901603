"""make deploy, destroy and the others as an operator types them, against a stand-in of CloudFormation and of sam.

What happens at the terminal runs as its own process; the many states of a stack are tried within this one.
"""

import json
import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from handler.keys import Keyring
from operate import deploy, destroy, images
from tests.conftest import ROOT
from tests.patience import PATIENCE_S

from . import fake_sam
from .cloudformation import CloudFormation

Make = Callable[..., "Done"]
NAME = "hark"
REGION = "eu-central-1"
SAM = f"""#!{sys.executable}
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tests.operate import fake_sam
sys.exit(fake_sam.main(Path(sys.argv[0] + ".log"), sys.argv[1:]))
"""


@dataclass(frozen=True)
class Done:
    """What a command left: its exit status, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def tools(formation: CloudFormation, tmp_path: Path) -> list[str]:
    """The variables of make that lead to this process's packages and to a sam of ours."""
    (tmp_path / "venv/bin").mkdir(parents=True)
    for name, text in {"sam": SAM, "venv/bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "venv/local.done").touch()
    return [f"VENV={tmp_path}/venv", f"SAM={tmp_path}/sam"]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("STACK", "MAKEFLAGS")}


@pytest.fixture
def make(tools: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Make:
    """Does what the Makefile does for a target, within this process."""
    monkeypatch.delenv("STACK")
    commands = {
        "deploy": lambda given: deploy.main(["--sam", str(tmp_path / "sam"), *shlex.split(given)]),
        "destroy": lambda given: destroy.main(shlex.split(given)),
    }

    def sam(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, fake_sam.main(tmp_path / "sam.log", words[1:]))

    monkeypatch.setattr(deploy, "subprocess", SimpleNamespace(run=sam))
    monkeypatch.setattr(deploy, "built_image", lambda: "one")  # no image is built here

    def run(target: str, arguments: str = "", stdin: str = "") -> Done:
        lines = iter(stdin.splitlines())

        def answer(_question: str) -> str:
            try:
                return next(lines)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", answer)
        capfd.readouterr()
        status = commands[target](arguments.removeprefix("ARGS="))
        return Done(status, *capfd.readouterr())

    return run


def run_make(tools: list[str], *arguments: str) -> Done:
    """Runs make itself."""
    done = subprocess.run(
        ["make", *tools, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def type_at_a_terminal(tools: list[str], arguments: list[str], answers: dict[str, str]) -> tuple[int, str]:
    """Runs make at a pseudo-terminal and answers each question when it is asked, in its order."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["make", *tools, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env=environment(),
        start_new_session=True,
    )
    os.close(theirs)
    shown, looked_at, waiting = "", 0, list(answers.items())
    deadline = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                shown += os.read(ours, 4096).decode()
            except OSError:  # Linux says so when the other side has closed
                break
            if waiting and waiting[0][0] in shown[looked_at:] and shown.rstrip(" ").endswith(":"):
                _, answer = waiting.pop(0)
                looked_at = len(shown)
                os.write(ours, f"{answer}\n".encode())
    finally:
        os.close(ours)
    assert not waiting, shown
    return process.wait(PATIENCE_S), shown


def asked(tmp_path: Path) -> list[list[str]]:
    log = tmp_path / "sam.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def keys_in(region: str) -> Keyring:
    secrets: Any = boto3.client("secretsmanager", region_name=region)
    (secret,) = secrets.list_secrets()["SecretList"]
    return Keyring.parse(secrets.get_secret_value(SecretId=secret["ARN"])["SecretString"])


def put_recording(formation: CloudFormation) -> str:
    bucket = formation.find(NAME).resources["Bucket"].physical
    boto3.client("s3").put_object(Bucket=bucket, Key="uploads/a", Body=b"1")
    return bucket


def buckets() -> list[str]:
    return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]


# --- Questions and answers --------------------------------------------------------------------------------------------


def test_what_is_answered_at_the_terminal_is_asked_once_and_known_to_every_command(
    tools: list[str], formation: CloudFormation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")  # another than is answered, as in many a shell's settings
    before = (ROOT / "samconfig.toml").read_bytes()
    answers = {
        "Name of the stack [hark]": "speech",
        "AWS region, such as eu-central-1 [us-east-1]": "eu-west-3",
        "Who may call it?": "",
        "E-mail address that is told of alarms": "me@example.com",
        "Dollars of the account's bill": "20",
        "Deploy this changeset?": "y",
    }
    status, shown = type_at_a_terminal(tools, ["deploy"], answers)
    assert status == 0, shown
    assert formation.find("speech").region == "eu-west-3"
    assert formation.find("speech").parameters["MonthlyBudgetDollars"] == "20"
    assert [key.name for key in keys_in("eu-west-3").keys] == ["first"]
    assert [line for line in shown.splitlines() if line.startswith("hark_")]
    asked(tmp_path)

    for command in (["key", "NAME=alice"], ["logs"]):
        done = run_make(tools, *command)
        assert done.returncode == 0, done.stderr
    assert [key.name for key in keys_in("eu-west-3").keys] == ["first", "alice"]
    second = run_make(tools, "deploy")
    assert second.returncode == 0, second.stderr
    assert "Who may call" not in second.stdout
    build, deployed = asked(tmp_path)
    assert build[:3] == ["build", "--region", "eu-west-3"]
    assert deployed[:5] == ["deploy", "--region", "eu-west-3", "--stack-name", "speech"]
    assert "hark_" not in second.stdout
    assert (ROOT / "samconfig.toml").read_bytes() == before
    status, shown = type_at_a_terminal(tools, ["destroy"], {"Type the stack's name, speech": "speech"})
    assert status == 0, shown
    assert not formation.exists("speech")


def test_wrong_answers_are_asked_again_and_tokens_ask_for_their_issuer(make: Make, formation: CloudFormation) -> None:
    typed = [
        *("my stack", "tokens", "Frankfurt", "eu-west-1", "everybody", "jwt"),
        *("login.example.com", "https://login.example.com", "hark, other", ""),
    ]
    done = make("deploy", stdin="\n".join(typed) + "\n")
    assert done.returncode == 0, done.stderr
    for said in (
        "letters, digits and hyphens",
        "looks like eu-central-1",
        "key, iam, jwt or none",
        "begins with https",
    ):
        assert said in done.stdout
    assert formation.find("tokens").region == "eu-west-1"
    given = formation.find("tokens").parameters
    assert (given["AuthMode"], given["JwtIssuer"]) == ("jwt", "https://login.example.com")
    assert given["JwtAudience"] == "hark, other"
    assert "MonthlyBudgetDollars" not in given  # nobody would be told


def test_a_budget_is_offered_only_where_cloudformation_makes_budgets(make: Make, formation: CloudFormation) -> None:
    typed = ["stockholm", "eu-north-1", "", "me@example.com"]
    done = make("deploy", stdin="\n".join(typed) + "\n")
    assert done.returncode == 0, done.stderr
    assert "Dollars" not in done.stdout
    assert "MonthlyBudgetDollars" not in formation.find("stockholm").parameters
    told = make("deploy", "ARGS=--stack stockholm --parameter-overrides MonthlyBudgetDollars=20")
    assert "CloudFormation makes no budgets in eu-north-1" in told.stderr


def test_a_change_set_that_is_declined_deploys_nothing_and_the_next_run_asks_nothing(
    make: Make, formation: CloudFormation
) -> None:
    declined = make("deploy", "ARGS=--confirm-changeset", stdin="\n\n\n\nn\n")
    assert declined.returncode != 0
    assert "Nothing was deployed" in declined.stderr
    assert formation.find(NAME).status == "REVIEW_IN_PROGRESS"
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert "Who may call" not in done.stdout
    assert formation.find(NAME).status == "CREATE_COMPLETE"


def test_where_nobody_answers_the_defaults_hold(make: Make, formation: CloudFormation) -> None:
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert formation.find(NAME).region == REGION
    assert formation.find(NAME).parameters["AuthMode"] == "key"


def test_a_parameter_that_was_given_once_reaches_the_build_and_stays(
    make: Make, formation: CloudFormation, tmp_path: Path
) -> None:
    done = make("deploy", "ARGS=--parameter-overrides BaseImage=mirror/python:3.13 Model=small --no-progressbar")
    assert done.returncode == 0, done.stderr
    for turn in range(2):
        build, deployed = asked(tmp_path)
        for command in (build, deployed):
            assert {'BaseImage="mirror/python:3.13"', 'Model="small"'} <= set(command), turn
        assert ("--no-progressbar" in deployed) == (turn == 0)
        if turn == 0:
            assert make("deploy").returncode == 0


def test_the_base_image_of_a_stack_deployed_elsewhere_is_built_on(
    make: Make, formation: CloudFormation, tmp_path: Path, answers_file: Path
) -> None:
    assert make("deploy", "ARGS=--parameter-overrides BaseImage=mirror/python:3.13").returncode == 0
    answers_file.unlink()  # another machine
    asked(tmp_path)
    assert make("deploy").returncode == 0
    build, _ = asked(tmp_path)
    assert 'BaseImage="mirror/python:3.13"' in build


def test_a_parameter_that_the_template_has_not_is_told_before_anything_is_built(make: Make, tmp_path: Path) -> None:
    done = make("deploy", "ARGS=--parameter-overrides Modle=small")
    assert done.returncode != 0
    assert "no parameter 'Modle'" in done.stderr
    assert asked(tmp_path) == []


def test_what_sam_wrote_into_its_own_file_counts(
    make: Make, formation: CloudFormation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `sam deploy --guided` leaves it, which earlier versions ran."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "operate", checkout / "operate")
    guided = """
[default.deploy.parameters]
stack_name = "guided"
region = "ap-southeast-2"
parameter_overrides = "AuthMode=\\"iam\\" JwtIssuer=\\"\\" BaseImage=\\"a b\\""
"""
    (checkout / "samconfig.toml").write_text(guided)
    monkeypatch.delenv("HARK_ANSWERS")
    program = "from operate import answers; print(answers.find())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": f"{checkout}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    for part in ("stack='guided'", "region='ap-southeast-2'", "'AuthMode': 'iam'", "'BaseImage': 'a b'"):
        assert part in done.stdout


# --- States -----------------------------------------------------------------------------------------------------------


def test_a_first_deployment_that_failed_is_cleared_away_by_the_next_with_the_same_answers(
    make: Make, formation: CloudFormation, answers_file: Path
) -> None:
    formation.cannot_make = {"ApiFunction"}
    failed = make("deploy", "ARGS=--parameter-overrides Model=small")
    assert failed.returncode != 0
    assert "run `make deploy` again" in failed.stderr
    assert formation.find(NAME).status == "ROLLBACK_COMPLETE"
    answers_file.unlink()  # even from another machine
    formation.cannot_make = set()
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert formation.find(NAME).status == "CREATE_COMPLETE"
    assert formation.find(NAME).parameters["Model"] == "small"
    assert [line for line in done.stdout.splitlines() if line.startswith("hark_")]


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_dead_stack_is_made_anew(make: Make, formation: CloudFormation, state: str) -> None:
    make("deploy")
    first = formation.find(NAME)
    first.move(state)
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert formation.find(NAME).id != first.id
    assert formation.find(NAME).status == "CREATE_COMPLETE"


def test_a_half_deleted_stack_is_made_anew_and_keeps_recordings_and_what_cannot_go(
    make: Make, formation: CloudFormation
) -> None:
    make("deploy")
    bucket = put_recording(formation)
    formation.find(NAME).resources["Bucket"].keeps = False  # as in stacks of earlier versions
    formation.cannot_delete = {"ApiRole"}
    formation.find(NAME).move("DELETE_FAILED")
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert bucket in buckets()
    assert f"{bucket} stays behind" in done.stderr


@pytest.mark.parametrize("state", ["UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE"])
@pytest.mark.parametrize("stuck", [set(), {"ApiRole"}])
def test_an_update_that_could_not_be_undone_does_not_stop_the_next(
    make: Make, formation: CloudFormation, state: str, stuck: set[str]
) -> None:
    make("deploy")
    first = formation.find(NAME)
    first.move(state)
    formation.cannot_go_back = stuck
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert formation.find(NAME).id == first.id
    assert first.status == "UPDATE_COMPLETE"


@pytest.mark.parametrize("coming", ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_COMPLETE", "UPDATE_COMPLETE"])
def test_a_deployment_waits_for_what_is_under_way(make: Make, formation: CloudFormation, coming: str) -> None:
    make("deploy")
    kind = coming.partition("_")[0]
    if kind == "DELETE":
        boto3.client("logs").delete_log_group(logGroupName="/hark/any/api")
    formation.find(NAME).move(f"{kind}_IN_PROGRESS", f"{kind}_IN_PROGRESS", coming)
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert f"{kind}_IN_PROGRESS: waiting" in done.stderr


def test_what_was_deleted_by_hand_is_made_anew(make: Make, formation: CloudFormation) -> None:
    make("deploy")
    stack = formation.find(NAME)
    boto3.client("logs").delete_log_group(logGroupName="/hark/any/api")
    boto3.client("secretsmanager").delete_secret(
        SecretId=stack.resources["KeysSecret"].physical, ForceDeleteWithoutRecovery=True
    )
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert "made anew: KeysSecret, ApiLogGroup" in done.stderr
    assert boto3.client("logs").describe_log_groups()["logGroups"]
    assert [line for line in done.stdout.splitlines() if line.startswith("hark_")]  # the keys were in there


def test_what_was_changed_by_hand_is_told_and_set_back_on_demand(make: Make, formation: CloudFormation) -> None:
    make("deploy")
    stack = formation.find(NAME)
    stack.resources["ApiFunction"].drift = "MODIFIED"
    done = make("deploy")
    assert done.returncode == 0, done.stderr
    assert "ApiFunction" in done.stderr
    assert stack.resources["ApiFunction"].drift == "MODIFIED"
    assert make("deploy", "ARGS=--revert-drift").returncode == 0
    assert stack.resources["ApiFunction"].drift == "IN_SYNC"


def test_nothing_is_deployed_where_aws_cannot_be_asked(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = make("deploy")
    assert done.returncode != 0
    assert "AWS cannot be asked" in done.stdout + done.stderr
    assert asked(tmp_path) == []


# --- Deletion ---------------------------------------------------------------------------------------------------------


def test_a_stack_is_deleted_with_all_that_it_holds_only_after_its_name_was_typed(
    make: Make, formation: CloudFormation
) -> None:
    make("deploy")
    put_recording(formation)
    assert make("destroy", stdin="no\n").returncode != 0
    assert buckets()
    assert formation.exists(NAME)
    done = make("destroy", stdin=f"{NAME}\n")
    assert done.returncode == 0, done.stderr
    assert not formation.exists(NAME)
    assert buckets() == []
    assert boto3.client("secretsmanager").list_secrets()["SecretList"] == []
    assert boto3.client("ecr").describe_repositories()["repositories"] == []


@pytest.mark.parametrize(
    "state", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"]
)
def test_a_stack_without_outputs_is_deleted_too(make: Make, formation: CloudFormation, state: str) -> None:
    formation.cannot_make = {"ApiFunction"}
    make("deploy")
    formation.find(NAME).move(state)
    done = make("destroy", stdin=f"{NAME}\n")
    assert done.returncode == 0, done.stderr
    assert not formation.exists(NAME)


def test_a_stack_that_was_never_executed_is_deleted(make: Make, formation: CloudFormation) -> None:
    make("deploy", "ARGS=--confirm-changeset", stdin="\n\n\n\nn\n")
    done = make("destroy", stdin=f"{NAME}\n")
    assert done.returncode == 0, done.stderr
    assert not formation.exists(NAME)


@pytest.mark.parametrize("gone", ["Bucket", "KeysSecret"])
def test_what_was_deleted_by_hand_does_not_stop_the_deletion(make: Make, formation: CloudFormation, gone: str) -> None:
    make("deploy")
    physical = formation.find(NAME).resources[gone].physical
    if gone == "Bucket":
        boto3.client("s3").delete_bucket(Bucket=physical)
    else:
        boto3.client("secretsmanager").delete_secret(SecretId=physical, ForceDeleteWithoutRecovery=True)
    done = make("destroy", "ARGS=--yes")
    assert done.returncode == 0, done.stderr
    assert not formation.exists(NAME)


def test_what_cannot_be_deleted_is_named_and_does_not_keep_the_stack(make: Make, formation: CloudFormation) -> None:
    make("deploy")
    formation.cannot_delete = {"ApiRole"}
    done = make("destroy", "ARGS=--yes")
    assert done.returncode != 0
    assert not formation.exists(NAME)
    assert "left behind: AWS::IAM::Role" in done.stderr
    assert "ApiRole cannot be deleted" in done.stderr


def test_a_deletion_that_was_cut_short_is_taken_up_again(make: Make, formation: CloudFormation) -> None:
    make("deploy")
    formation.find(NAME).move("DELETE_COMPLETE")
    assert boto3.client("ecr").describe_repositories()["repositories"]
    done = make("destroy", "ARGS=--yes")
    assert done.returncode == 0, done.stderr
    assert boto3.client("ecr").describe_repositories()["repositories"] == []
    assert make("destroy", "ARGS=--yes").returncode != 0


# --- Images -----------------------------------------------------------------------------------------------------------


def test_all_functions_have_one_repository_that_keeps_a_few_images(make: Make, tmp_path: Path) -> None:
    make("deploy")
    make("deploy")
    (repository,) = boto3.client("ecr").describe_repositories()["repositories"]
    policy = boto3.client("ecr").get_lifecycle_policy(repositoryName=repository["repositoryName"])
    rules = json.loads(policy["lifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "any"]
    for words in asked(tmp_path)[1::2]:
        assert words[words.index("--image-repository") + 1] == repository["repositoryUri"]
    assert "resolve_image_repos =" not in (ROOT / "samconfig.toml").read_text()


@pytest.mark.parametrize(
    ("one", "other"), [("hark", "Hark"), ("my-stack", "my--stack"), ("a", "a-"), ("speech", "SPEECH")]
)
def test_no_two_stacks_share_a_repository(one: str, other: str) -> None:
    assert images.repository_name(one) != images.repository_name(other)
    assert all(name == name.lower() for name in map(images.repository_name, (one, other)))


@pytest.mark.parametrize(
    ("image", "options", "is_another"),
    [
        ("one", "", False),
        ("two", "", True),
        ("one", "ARGS=--parameter-overrides Decoder=greedy", True),
        ("one", "ARGS=--no-progressbar", False),
    ],
)
def test_another_image_and_other_settings_are_another_release(
    make: Make, formation: CloudFormation, monkeypatch: pytest.MonkeyPatch, image: str, options: str, is_another: bool
) -> None:
    """Or the alias would go on with the old version, and a changed parameter would change nothing."""
    monkeypatch.setattr(deploy, "built_image", lambda: "one")
    make("deploy")
    first = formation.find(NAME).parameters["ReleaseId"]
    monkeypatch.setattr(deploy, "built_image", lambda: image)
    make("deploy", options)
    assert (formation.find(NAME).parameters["ReleaseId"] != first) is is_another


# --- The others -------------------------------------------------------------------------------------------------------


def test_a_key_given_to_make_is_not_shown(tools: list[str]) -> None:
    done = run_make(tools, "smoke", "URL=http://127.0.0.1:9", "KEY=hark_secret")
    assert done.returncode != 0
    assert "does not answer" in done.stderr
    assert "hark_secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(("target", "says"), [("smoke", "make smoke URL="), ("key", "make key NAME=")])
def test_what_is_missing_is_told(tools: list[str], target: str, says: str) -> None:
    done = run_make(tools, target)
    assert done.returncode != 0
    assert says in done.stdout
