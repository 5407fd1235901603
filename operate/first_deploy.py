"""Deploys a stack, tries it, deletes it, and writes down what AWS said: `python -m operate.first_deploy [--dry-run]`.

For whoever has an account: what was only imitated when Hark was made leaves evidence so. With `--dry-run` nothing is
changed: it asks AWS who calls, what the account's limits are and whether it takes the template. The record goes into
docs/deployment-record.md, without account numbers, addresses, ids or keys.
"""

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

import hark
from hark.errors import HarkError
from operate.answers import ROOT
from operate.deploy import TEMPLATE, defaults
from operate.stack import OperationError, Stack, parser, run

RECORD = ROOT / "docs" / "deployment-record.md"
NAME = "hark-first-deployment"
_HEAD = """# Record of deployments

What AWS answered, as `python -m operate.first_deploy` wrote it down
([how to add yours](deployment.md#the-first-deployment)).
Account numbers, addresses, ids and keys are left out.
"""
_NOTHING = "\nNothing stands here yet: nobody who made this release had an account.\n"
_REDACTED = [
    (re.compile(r"\bhark_[A-Za-z0-9_-]{20,}"), "hark_..."),
    (re.compile(r"\b\d{12}\b"), "ACCOUNT"),
    (re.compile(r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}"), "ID"),
    (re.compile(r"\b[a-z0-9]{10}(?=\.execute-api\.)"), "API"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"(assumed-role|user|role)/[^\s\"'|]+"), r"\1/NAME"),
    (re.compile(r"[^\s@<>|]+@[^\s@<>|]+\.[A-Za-z]{2,}"), "ADDRESS"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "IP"),
    (re.compile(re.escape(str(Path.home()))), "~"),
]


def redacted(text: str) -> str:
    """Returns a text without what says whose account it was."""
    for pattern, replacement in _REDACTED:
        text = pattern.sub(replacement, text)
    return text


@dataclass
class Record:
    """What was done and answered.

    Attributes:
        title: of the section.
        rows: a step, its outcome, and the seconds it took.
        notes: what AWS said of faults.
    """

    title: str
    rows: list[tuple[str, str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def step(self, name: str, act: Callable[[], str]) -> bool:
        """Does something and notes the outcome; returns whether it went well."""
        start_s = time.monotonic()
        try:
            outcome, is_good = act(), True
        except (HarkError, ClientError, BotoCoreError, OSError) as error:
            outcome, is_good = f"FAILED: {error}", False
        self.rows.append((name, redacted(outcome), time.monotonic() - start_s))
        print(f"{name}: {self.rows[-1][1]}", file=sys.stderr, flush=True)
        return is_good

    def text(self) -> str:
        """Lays it out as Markdown."""
        lines = [f"\n## {self.title}\n", "| step | outcome | seconds |", "|---|---|---|"]
        lines += [f"| {name} | {_cell(outcome)} | {seconds:.1f} |" for name, outcome, seconds in self.rows]
        if self.notes:
            lines += ["", "CloudFormation said:", "", *(f"- {_cell(redacted(note))}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Adds it to the file, below what stands there."""
        before = path.read_text(encoding="utf-8") if path.exists() else _HEAD
        path.write_text(before.replace(_NOTHING, "") + self.text(), encoding="utf-8")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def ask(stack: Stack, record: Record) -> bool:
    """Asks AWS what it would make of a deployment; changes nothing."""
    steps: list[tuple[str, Callable[[], str]]] = [
        ("who calls", lambda: str(stack.client("sts").get_caller_identity()["Arn"])),
        ("Lambda's limits", lambda: _limits(stack)),
        ("the template", lambda: _validated(stack)),
        ("stacks of that name", lambda: _free(stack)),
        (
            "ECR can be asked",
            lambda: f"{len(stack.client('ecr').describe_repositories()['repositories'])} repositories",
        ),
        ("tools", _tools),
    ]
    is_good = True
    for name, act in steps:
        is_good &= record.step(name, act)
    return is_good


def _limits(stack: Stack) -> str:
    limits = stack.client("lambda").get_account_settings()["AccountLimit"]
    return (
        f"{limits['ConcurrentExecutions']} instances at the same time, {limits['UnreservedConcurrentExecutions']} free"
    )


def _validated(stack: Stack) -> str:
    text = TEMPLATE.read_text(encoding="utf-8")
    if len(text.encode()) > 51_200:  # what CloudFormation takes without a bucket; sam uploads it to one
        return f"{len(text.encode())} bytes, too large to be validated without a bucket"
    found = stack.client("cloudformation").validate_template(TemplateBody=text)
    return f"valid, {len(found['Parameters'])} parameters, transforms {found.get('DeclaredTransforms', [])}"


def _free(stack: Stack) -> str:
    there = stack.described()
    if there is not None:
        raise OperationError(f"{stack.name} is there already, in {there['StackStatus']}; name another with --stack")
    return "none"


def _tools() -> str:
    found = []
    for line in (["sam", "--version"], ["docker", "version", "--format", "{{.Server.Version}} {{.Server.Arch}}"]):
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=60)  # noqa: S603 (fixed)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OperationError(f"{line[0]} does not run: {error}") from error
        if done.returncode:
            raise OperationError(f"{line[0]}: {done.stderr.strip()[-200:]}")
        found.append(f"{line[0]} {done.stdout.strip()}")
    return ", ".join(found)


def try_out(stack: Stack, record: Record, keep: bool) -> bool:
    """Deploys the stack, tries it and, unless it is kept, deletes it; the faults of a failed deployment are noted."""
    key: list[str] = []

    def deploy() -> str:
        printed = _make(stack, "deploy")
        key.extend(re.findall(r"^hark_\S+$", printed, re.MULTILINE))
        described = stack.described() or {}
        return f"{described.get('StackStatus')}, {len(stack.all_resources())} resources"

    def smoke() -> str:
        if not key:
            raise OperationError("no key was printed")
        printed = _make(stack, "smoke", f"URL={stack.output('ApiUrl')}", key=key[0])
        return f"{sum(line.startswith('ok') for line in printed.splitlines())} checks passed"

    is_good = record.step("make deploy", deploy)
    if is_good:
        is_good &= record.step("make smoke", smoke)
        is_good &= record.step("make deploy, nothing changed", deploy)
        is_good &= record.step("cold starts, as Lambda reports them", lambda: _cold_starts(stack))
    record.notes += list(_faults(stack))
    if not keep:
        is_good &= record.step("make destroy", lambda: _make(stack, "destroy", "ARGS=--yes") and "deleted")
    return is_good


def _make(stack: Stack, target: str, *arguments: str, key: str = "") -> str:
    """Runs a target of the Makefile for the stack and returns what it printed.

    Raises:
        OperationError: it failed.
    """
    # The operator's own answers are for other stacks.
    answers = {"AWS_DEFAULT_REGION": stack.region, "HARK_ANSWERS": os.devnull}
    environment = {**os.environ, **answers, **({"HARK_KEY": key} if key else {})}
    line = ["make", "--silent", target, f"STACK={stack.name}", *arguments]
    # Nobody is asked: the defaults of the questions hold, but for the region of the settings.
    done = subprocess.run(  # noqa: S603 (fixed)
        line, cwd=ROOT, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise OperationError(f"make {target} exited with {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout


def _cold_starts(stack: Stack) -> str:
    found = []
    for name, group in stack.resources("AWS::Logs::LogGroup").items():
        pages = (
            stack.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=group, filterPattern='"Init Duration"')
        )
        times = [float(ms) for page in pages for event in page["events"] for ms in _INIT.findall(event["message"])]
        if times:
            found.append(f"{name.removesuffix('LogGroup')} {', '.join(f'{ms:.0f} ms' for ms in sorted(times))}")
    return "; ".join(found) or "none reported"


_INIT = re.compile(r"Init Duration: ([\d.]+) ms")


def _faults(stack: Stack) -> Iterator[str]:
    try:
        if stack.described() is None:
            return
        pages = stack.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack.name)
        for event in (event for page in pages for event in page["StackEvents"]):
            if event["ResourceStatus"].endswith("FAILED"):
                reason = event.get("ResourceStatusReason", "")
                yield f"{event['LogicalResourceId']} ({event['ResourceType']}): {event['ResourceStatus']}: {reason}"
    except (ClientError, BotoCoreError) as error:
        yield f"events cannot be read: {error}"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns 1 where a step failed, which the record has, too."""
    line = parser(__doc__)
    line.set_defaults(stack=NAME)
    line.add_argument("--dry-run", action="store_true", help="ask AWS, and change nothing")
    line.add_argument("--keep", action="store_true", help="do not delete the stack afterwards")
    line.add_argument("--output", type=Path, default=RECORD, help="the record; by default docs/deployment-record.md")
    options = line.parse_args(arguments)

    def command() -> int:
        stack = Stack(options.stack)
        if not stack.region:
            raise OperationError("Say in which region: AWS_DEFAULT_REGION=eu-central-1, or `aws configure`.")
        kind = "dry run" if options.dry_run else "deployment"
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        record = Record(
            f"{day}: {kind}, Hark {hark.__version__}, {stack.region}, on {platform.system()} {platform.machine()}"
        )
        is_good = ask(stack, record)
        record.rows.append(("parameters", f"{len(defaults())}, all at their defaults", 0.0))
        if is_good and not options.dry_run:
            is_good = try_out(stack, record, options.keep)
        record.write(options.output)
        print(f"written to {options.output}; read it before you send it", file=sys.stderr)
        return 0 if is_good else 1

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
