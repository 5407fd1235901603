"""Recordings whose structure was changed (`make fuzz-structure` for an hour): answered in time, never with a fault."""

import json
import os
import random
from pathlib import Path

import pytest

from hark import containers
from hark.audio import decode
from tests.handler import fuzz_structure
from tests.handler.structure import parsed, written
from tests.hark.recordings import RECORDINGS

INPUTS = int(os.environ.get("HARK_FUZZ_STRUCTURE_INPUTS", "400"))
SEED = int(os.environ.get("HARK_FUZZ_SEED", "1"))


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_file_that_is_taken_apart_and_put_together_is_the_same(name: str) -> None:
    data, file = fuzz_structure._whole(name)
    again = written(file)
    assert again[: len(data) - 1] == data[: len(again)][: len(data) - 1]  # a last odd byte may be padding
    assert len(file.parts) > 1 or file.parts[0].parts
    assert len(decode(data, 16_000, 30)) > 1.9 * 16_000
    assert written(file.copy()) == again


def test_the_same_number_makes_the_same_input() -> None:
    one, other = fuzz_structure.made(7, 1), fuzz_structure.made(7, 1)
    assert one == other
    assert one.data != fuzz_structure.made(7, 2).data


def test_what_ends_the_process_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter([{"status": 200, "wrong": [], "expected": "any", "took": {"s": 0.1, "mb": 1.0}}])
    ended = {"status": 0, "wrong": ["ended the process with -11"], "expected": "any"}
    monkeypatch.setattr(fuzz_structure.Worker, "__init__", lambda self, seed: None)
    monkeypatch.setattr(fuzz_structure.Worker, "give", lambda self, number: next(given, ended))
    monkeypatch.setattr(fuzz_structure.Worker, "end", lambda self: None)
    seen = fuzz_structure.run(5, 0, 2, 1.0, tmp_path)
    assert [each["number"] for each in seen["failed"]] == [1]
    assert (tmp_path / "5-1").read_bytes() == fuzz_structure.made(1, 5).data


def test_changes_change_what_files_say() -> None:
    name = "m4a, index in front"
    data = RECORDINGS[name](fuzz_structure.sf.read(fuzz_structure.EVENTS / "sample.wav", dtype="float32")[0])
    file = parsed(data, containers.kind(data))
    for change in set(fuzz_structure._CHANGES):
        changed = {written(_changed(file, change, seed)) for seed in range(20)}
        assert len(changed - {data}) > 3, change.__name__


def _changed(file, change, seed: int):
    twin = file.copy()
    change(twin, random.Random(seed))
    return twin


def test_no_structure_makes_the_handler_fail_hang_or_grow(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    seen = fuzz_structure.run(SEED, 0, INPUTS, 60.0, tmp_path)
    with capsys.disabled():
        print(f"\n{json.dumps({**seen, 'failed': len(seen['failed'])})}", end=" ")
    assert seen["failed"] == []
    assert seen["inputs"] == INPUTS
    assert seen["statuses"]["200"] > INPUTS / 4
