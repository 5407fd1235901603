"""What the cold start is compared with, and that a process that fails is no fast one."""

import os

import pytest

from benchmarks import cold_start
from benchmarks.fresh import WorkFailed
from hark.decoding import DECODERS
from tests.conftest import ROOT


def test_every_kind_of_process_is_measured_and_the_handler_takes_more_than_the_floor() -> None:
    found = cold_start.measure(ROOT / "models" / "asr.onnx", runs=1)
    assert len(found.floor_s) == 1
    assert set(found.handler_s) == set(DECODERS)
    assert 1 < found.ratio("greedy") < 10
    assert "| the floor |" in cold_start.table(found)


def test_a_program_that_fails_is_an_error_that_says_what_it_said() -> None:
    with pytest.raises(WorkFailed, match=r"ended with 1: .*no such thing"):
        cold_start.cpu_s("raise SystemExit('no such thing')", [], dict(os.environ))
