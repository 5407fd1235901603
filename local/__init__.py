"""The Lambda handler on your own machine, without AWS and without Docker."""

from hark.command import explain_missing_packages

explain_missing_packages()
