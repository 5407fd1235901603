"""What a table's head says of the machine."""

import os

import pytest

from benchmarks.conditions import machine


@pytest.mark.parametrize(("cores", "named"), [({0}, ", 1 core, "), ({0, 3}, ", 2 cores, ")])
def test_cores_are_counted_in_plain_english(cores: set[int], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: cores)
    assert named in machine()
