"""What an operator does to a deployed stack: keys, smoke test, logs, redrive, cleaning up before it is deleted."""

from hark.command import explain_missing_packages

explain_missing_packages()
