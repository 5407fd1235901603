"""Corpus -> checkpoint."""

from hark.command import explain_missing_packages

explain_missing_packages()
