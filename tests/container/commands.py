"""Runs a program to its end, within a time, and shows what it said when it fails."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def inherited() -> dict[str, str]:
    """Returns this process's environment without settings of Powertools and AWS.

    Powertools' keep the handler's logs out of the tests' output, and sam would hand them to its containers in place of
    the template's: the container that is tested is the one that will be deployed. AWS's would name an account, which no
    test may touch.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(("POWERTOOLS_", "AWS_"))}


class CommandError(Exception):
    """A program failed, took too long or is not there; the message holds the end of its output."""


def run(
    arguments: Sequence[str | Path],
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    stdin: str | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Runs a program; `environment` is added to what this process hands on.

    Raises:
        CommandError: it took longer than `timeout_s`, is not there, or (with `check`) did not exit with 0.
    """
    line = " ".join(str(argument) for argument in arguments)
    try:
        result = subprocess.run(
            [str(argument) for argument in arguments],
            env={**inherited(), **(environment or {})},
            cwd=directory,
            # A program that asks a question gets an end of file, not a terminal to wait at.
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{line}: not done after {timeout_s:.0f} s") from error
    except OSError as error:
        raise CommandError(f"{line}: {error.strerror}") from error
    if check and result.returncode:
        raise CommandError(f"{line}: exit {result.returncode}\n{tail(result.stdout)}\n{tail(result.stderr)}")
    return result


def tail(text: str, lines: int = 40) -> str:
    """Returns the last lines, where programs say what went wrong."""
    return "\n".join(text.splitlines()[-lines:])
