"""Builds and deploys a stack: `python -m operate.deploy [--stack hark] [--parameter-overrides Name=value ...] [...]`.

Asks five questions where the stack is new (`--guided` asks them again), and keeps the answers where all commands read
them (see `operate.answers`); so are parameters that are given here. A stack that failed, is half deleted or was changed
by hand is brought back first (see `operate.states`). Any other option is handed on to `sam deploy`.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operate import answers, images, keys, package, states
from operate import stack as stacks
from operate.answers import ROOT, Answers
from operate.stack import OperationError, Stack, parser, run

TEMPLATE = ROOT / "template.yaml"
# What AWS gives an account that is new; it raises both when asked, in Service Quotas.
_NEW_ACCOUNT_MB = 3008
_NEW_ACCOUNT_CONCURRENCY = 10
# Lambda reserves none of an account's last hundred.
_UNRESERVED = 100
# As sam names the image of a function.
_IMAGE = "apifunction"
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", re.ASCII)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Question:
    """What the operator is asked.

    Attributes:
        parameter: of template.yaml that it sets.
        text: the question.
        is_right: says whether an answer will do.
        wrong: what is said where it will not.
    """

    parameter: str
    text: str
    is_right: Callable[[str], bool]
    wrong: str


_AUTH = Question(
    "AuthMode",
    "Who may call it?\n"
    "  key   whoever has a key that you made, as with OpenAI\n"
    "  iam   whoever has AWS credentials that allow it\n"
    "  jwt   whoever has a token of your identity provider\n"
    "  none  anybody, at your expense",
    lambda text: text in ("key", "iam", "jwt", "none"),
    "Answer key, iam, jwt or none.",
)
_ISSUER = Question(
    "JwtIssuer",
    "Address of the identity provider that issues the tokens, such as https://login.example.com",
    lambda text: text.startswith("https://"),
    "It begins with https://.",
)
_AUDIENCE = Question(
    "JwtAudience", "Audiences that a token may be meant for, separated by commas", bool, "Name one at least."
)
_MAIL = Question(
    "AlarmEmail",
    "E-mail address that is told of alarms; none without one",
    lambda text: not text or _ADDRESS.fullmatch(text) is not None,
    "It has one @ and no space.",
)
_BUDGET = Question(
    "MonthlyBudgetDollars",
    "Dollars of the account's bill in a month from which on that address is told; 0 for never",
    lambda text: re.fullmatch(r"\d{1,7}", text, re.ASCII) is not None,
    "It is a whole number, such as 20.",
)


def defaults() -> dict[str, str]:
    """Returns the parameters of template.yaml with their defaults; "" where there is none."""
    found: dict[str, str] = {}
    within, name = False, ""
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        if re.match(r"\w", line):
            within = line == "Parameters:"
        elif within and (parameter := re.fullmatch(r"  (\w+):", line)):
            name = parameter[1]
            found[name] = ""
        elif within and (default := re.match(r"    Default: ([^#]*)", line)):
            found[name] = default[1].strip().strip('"')
    return found


def has_budgets(region: str) -> bool:
    """Says whether CloudFormation makes budgets in a region, by what template.yaml says of it."""
    lists = re.findall(
        r"^  HasBudgetsIn\w+: !Or\n((?:    - .*\n)+)", TEMPLATE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return f"[!Ref AWS::Region, {region}]" in "".join(lists)


def ask(known: Answers, region: str) -> Answers:
    """Asks for what matters, and returns the answers; where nobody is there to answer, the defaults.

    Args:
        known: what is known already, offered as answers.
        region: of AWS's own settings.
    """
    print("Five questions; an empty answer takes what stands in brackets. They are kept in", answers.own_file().name)
    name = _answer("Name of the stack", known.stack, answers.is_stack_name, "It has letters, digits and hyphens.")
    where = _answer(
        "AWS region, such as eu-central-1",
        known.region or region,
        lambda text: _REGION.fullmatch(text) is not None,
        "It looks like eu-central-1.",
    )
    if name != known.stack:
        known = replace(answers.find(name), parameters=known.parameters)
        # Where nobody names a stack, the first that was answered for is meant.
        if not answers.find().answered:
            known = replace(known, section=answers.DEFAULT_SECTION)
    given = dict(known.parameters)
    usual = {**defaults(), **given}

    def put(question: Question) -> str:
        text = _answer(question.text, usual[question.parameter], question.is_right, question.wrong)
        given[question.parameter] = text
        return text

    mode = put(_AUTH)
    if mode == "jwt":
        put(_ISSUER)
        put(_AUDIENCE)
    if put(_MAIL) and has_budgets(where):
        put(_BUDGET)
    left = len(usual) - len(given)
    print(f"The other {left} parameters have defaults, which template.yaml and docs/operations.md explain; to set one:")
    print('make deploy ARGS="--parameter-overrides Name=value"', flush=True)
    return replace(known, stack=name, region=where, parameters=given, answered=True)


def _answer(text: str, usual: str, is_right: Callable[[str], bool], wrong: str) -> str:
    while True:
        try:
            typed = input(f"{text} [{usual}]: ").strip()
        except EOFError:  # nobody is there to answer
            print()
            if not is_right(usual):
                raise OperationError(f"{text.splitlines()[0]}: nobody answers, and there is no default.") from None
            return usual
        if is_right(typed or usual):
            return typed or usual
        print(wrong, flush=True)


def warn(parameters: Mapping[str, str], stack: Stack) -> None:
    """Says before a deployment what the account's limits will make of it.

    Raises:
        OperationError: the deployment would fail for them.
    """
    set_to = {**defaults(), **parameters}
    if int(set_to["MemorySize"]) > _NEW_ACCOUNT_MB:
        states.tell(
            f"note: MemorySize is above {_NEW_ACCOUNT_MB} MB, which is all that Lambda gives an account that is new; "
            "where it refuses, ask AWS's support for more"
        )
    if set_to["MonthlyBudgetDollars"] != "0" and stack.region and not has_budgets(stack.region):
        states.tell(
            f"note: CloudFormation makes no budgets in {stack.region}, so MonthlyBudgetDollars does nothing; AWS's "
            'console can make one, under "Billing and Cost Management"'
        )
    try:
        limit = int(stack.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
    except (ClientError, BotoCoreError):  # without the right to ask, Lambda will say it itself
        return
    streams = set_to["Streaming"] == "on"
    asked = ("MaxConcurrency", "StreamConcurrency") if streams else ("MaxConcurrency",)
    reserving = {name: int(set_to[name]) for name in asked if int(set_to[name]) >= 0}
    if reserving and limit - sum(reserving.values()) < _UNRESERVED:
        together = " and ".join(f"{name}={count}" for name, count in reserving.items())
        raise OperationError(
            f"{together} cannot be reserved: Lambda runs {limit} instances at the same time in this "
            f'account and keeps {_UNRESERVED} of them unreserved. Ask AWS for a higher limit, "Concurrent '
            f'executions" in Service Quotas, or leave {" and ".join(reserving)} at -1.'
        )
    if streams and set_to["AuthMode"] != "iam" and "StreamConcurrency" not in reserving:
        states.tell(
            "note: with Streaming, nothing but the account's limit bounds how many instances a flood of requests "
            "starts; set StreamConcurrency"
        )
    if limit <= max(_NEW_ACCOUNT_CONCURRENCY, int(set_to["WorkerConcurrency"])):
        states.tell(
            f"note: Lambda runs {limit} instances at the same time in this account, all functions together; ask AWS "
            'for more, "Concurrent executions" in Service Quotas, before many people call'
        )


def built_image() -> str:
    """Returns the id of the image that sam built; where Docker does not tell, something that never was one."""
    docker = shutil.which("docker")
    if docker:
        line = [docker, "image", "inspect", "--format", "{{.Id}}", f"{_IMAGE}:latest"]
        found = subprocess.run(line, capture_output=True, text=True)  # noqa: S603 (the operator's own Docker)
        if found.returncode == 0:
            return found.stdout.strip()
    return f"unknown at {time.time_ns()}"


def _checked(given: Mapping[str, str]) -> dict[str, str]:
    there = defaults()
    for name in given:
        if name not in there:
            raise OperationError(f"template.yaml has no parameter {name!r}; it has {', '.join(there)}.")
    return dict(given)


class Deployment:
    """One deployment.

    Args:
        known: the answers for the stack.
        sam: the command to build and deploy with.
    """

    def __init__(self, known: Answers, sam: str) -> None:
        self.known = known
        self.stack = Stack(known.stack, known.region)
        self._sam = sam
        self._had: dict[str, str] = {}

    def make_ready(self) -> None:
        """Looks at the stack that is there, and takes over what the answers do not say.

        A stack that has to be deleted and made anew keeps the parameters it had.
        """
        there = self.stack.described()
        usual = defaults()
        had = {each["ParameterKey"]: each.get("ParameterValue", "") for each in (there or {}).get("Parameters", [])}
        had.pop("ReleaseId", None)
        self._had = had
        of_stack = {name: value for name, value in had.items() if value != usual.get(name, value)}
        if there and not states.make_ready(self.stack):
            self.known = self.known.with_parameters({**of_stack, **self.known.parameters})
        elif base := of_stack.get("BaseImage"):  # which is read by the build, of which CloudFormation knows nothing
            self.known = self.known.with_parameters({"BaseImage": base, **self.known.parameters})

    def run(self, options: list[str], revert_drift: bool) -> int:
        """Builds, mends what was changed by hand, and deploys.

        Args:
            options: further ones of `sam deploy`.
            revert_drift: set back what was changed by hand, and not only what was deleted.

        Returns:
            The exit status.
        """
        exists = states.status(self.stack) not in ("", states.REVIEW)
        drift = states.Drift(self.stack) if exists else None
        package.stage()
        if status := self._call("build", []):
            return status
        if drift:
            drift.mend(revert_drift)
        if not sys.stdin.isatty() and "--confirm-changeset" not in options:
            options = ["--no-confirm-changeset", *options]
        address = images.provide(self.stack)
        self.known = self.known.with_parameters({"ReleaseId": self._release_id()})
        options = ["--stack-name", self.stack.name, "--image-repository", address, *options]
        if status := self._call("deploy", options):
            states.tell(
                "error: the deployment failed; the first event above that says FAILED has the reason. When it is "
                "mended, run `make deploy` again: it clears away what is left by itself."
            )
            return status
        if states.status(self.stack) in ("", states.REVIEW):
            states.tell("Nothing was deployed.")
            return 1
        return 0

    def _release_id(self) -> str:
        """Returns what tells this release from others: of the image, the template and all parameters."""
        parameters = {**defaults(), **self._had, **self.known.parameters, "ReleaseId": ""}
        parts = [built_image(), TEMPLATE.read_text(encoding="utf-8"), json.dumps(parameters, sort_keys=True)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _call(self, command: str, options: list[str]) -> int:
        where = ["--region", self.stack.region] if self.stack.region else []
        where += ["--profile", self.known.profile] if self.known.profile else []
        line = [self._sam, command, *where, *options, *answers.arguments(self.known.parameters)]
        print("+", *line, flush=True)
        return subprocess.run(line, cwd=ROOT).returncode  # noqa: S603 (the operator's own command line)


def _known(options: argparse.Namespace) -> Answers:
    """Returns the answers, asked for where there are none and no stack either."""
    known = answers.find(options.stack)
    if options.region:
        known = replace(known, region=options.region)
    known = known.with_parameters(_checked(answers.read_parameters(options.parameter_overrides)))
    stack = Stack(known.stack, known.region)
    is_new = not known.answered and (not stack.region or states.status(stack) in ("", states.REVIEW))
    if options.guided or is_new:
        return ask(known, stack.region)
    return replace(known, region=stack.region)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    line = parser(__doc__)
    line.allow_abbrev = False
    line.add_argument("--region", default="", help="where; by default what was answered, or else of AWS's settings")
    line.add_argument(
        "--parameter-overrides", nargs="*", action="extend", default=[], help="Name=value of template.yaml"
    )
    line.add_argument("--guided", action="store_true", help="ask, though answers are there")
    line.add_argument("--revert-drift", action="store_true", help="set back what was changed by hand")
    line.add_argument("--no-key", action="store_true", help="make no first key, which would be printed")
    line.add_argument("--sam", default="sam", help="AWS's command to build and deploy with")
    options, others = line.parse_known_args(arguments)

    def command() -> int:
        if not shutil.which(options.sam):
            raise OperationError("Install AWS's sam command: pip install aws-sam-cli")
        deployment = Deployment(_known(options), options.sam)
        answers.save(deployment.known)
        warn(deployment.known.parameters, deployment.stack)
        deployment.make_ready()
        answers.save(deployment.known)
        if status := deployment.run(others, options.revert_drift):
            return status
        where: list[Any] = ["--stack", deployment.stack.name]
        if options.no_key:
            return stacks.main(where)
        return keys.main([*where, keys.FIRST]) or stacks.main(where)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
