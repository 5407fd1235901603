"""Measures what the README and the model card say; each module is a command that prints its figures."""

from hark.command import explain_missing_packages

explain_missing_packages()
