"""make deploy and make destroy: when sam is asked what, and when a key is made; sam itself is stood in for."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

from .conftest import NAME

Make = Callable[..., subprocess.CompletedProcess[str]]

# Writes down what it was asked, and makes the stack as far as moto can.
SAM = f"""#!{sys.executable}
import json, sys
with open(sys.argv[0] + ".log", "a") as log:
    print(" ".join(sys.argv[1:]), file=log)
if sys.argv[1] == "deploy" and "--guided" in sys.argv:
    sys.path.insert(0, {str(ROOT)!r})
    import boto3
    from tests.operate.conftest import NAME, TEMPLATE
    boto3.client("secretsmanager").create_secret(Name="keys", SecretString='{{"keys": []}}')
    boto3.client("cloudformation").create_stack(StackName=NAME, TemplateBody=json.dumps(TEMPLATE))
"""


@pytest.fixture
def make(aws: None, reset: None, tmp_path: Path) -> Make:
    """Runs make with this process's packages and a sam that only writes down what it was asked."""
    (tmp_path / "venv/bin").mkdir(parents=True)
    for name, text in {"sam": SAM, "venv/bin/python": f'#!/bin/sh\nexec {sys.executable} "$@"\n'}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "venv/local.done").touch()

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        variables = [f"VENV={tmp_path}/venv", f"SAM={tmp_path}/sam", f"STACK={NAME}"]
        environment = {name: value for name, value in os.environ.items() if name not in ("STACK", "MAKEFLAGS")}
        return subprocess.run(
            ["make", *variables, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment, input=stdin
        )

    return run


def asked(tmp_path: Path) -> list[str]:
    log = tmp_path / "sam.log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def test_the_first_deployment_asks_and_makes_a_key_and_the_next_does_neither(make: Make, tmp_path: Path) -> None:
    first = make("deploy")
    assert first.returncode == 0, first.stderr
    assert asked(tmp_path) == ["build", f"deploy --stack-name {NAME} --guided"]
    assert [line for line in first.stdout.splitlines() if line.startswith("hark_")]
    assert "BucketName" in first.stdout

    second = make("deploy", "ARGS=--no-confirm-changeset")
    assert second.returncode == 0, second.stderr
    assert asked(tmp_path) == ["build", f"deploy --stack-name {NAME} --no-confirm-changeset"]
    assert "hark_" not in second.stdout


def test_nothing_is_deployed_where_aws_cannot_be_asked(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = make("deploy")
    assert done.returncode != 0
    assert "AWS cannot be asked" in done.stdout + done.stderr
    assert asked(tmp_path) == ["build"]


def test_a_stack_is_deleted_only_after_its_name_was_typed(make: Make, tmp_path: Path) -> None:
    make("deploy")
    asked(tmp_path)
    assert make("destroy", stdin="no\n").returncode != 0
    assert asked(tmp_path) == []
    done = make("destroy", stdin=f"{NAME}\n")
    assert done.returncode == 0, done.stderr
    assert asked(tmp_path) == [f"delete --stack-name {NAME} --no-prompts"]


def test_a_key_given_to_make_is_not_shown(make: Make) -> None:
    done = make("smoke", "URL=http://127.0.0.1:9", "KEY=hark_secret")
    assert done.returncode != 0
    assert "does not answer" in done.stderr
    assert "hark_secret" not in done.stdout + done.stderr


@pytest.mark.parametrize(("target", "says"), [("smoke", "make smoke URL="), ("key", "make key NAME=")])
def test_what_is_missing_is_told(make: Make, target: str, says: str) -> None:
    done = make(target)
    assert done.returncode != 0
    assert says in done.stdout
