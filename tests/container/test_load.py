"""Steady requests to instances of the image, one of which is killed again and again; `make load` is the long one."""

import pytest

from benchmarks.image import Image
from benchmarks.load import load
from benchmarks.load_figures import Run

from .conftest import Built
from .engine import Engine
from .sam import Sam


@pytest.fixture(scope="module")
def run(docker: Engine, built: Built, sam_alone: Sam, show: dict[str, str]) -> Run:
    """Twenty seconds of two requests a second, by clients who have the patience that a busy machine asks for."""
    image = Image(docker, built.image, sam_alone.emulator())
    seen = load(image, Run(20, 2, 2), kill_every_s=4, seed=1, variables={}, waits_s=(1.0,) * 200)
    show["load"] = f"{len(seen.outcomes)} requests, {seen.counts['killed']} killed, {seen.lost} lost"
    return seen


def test_every_request_gets_the_transcript_of_its_own_recording(run: Run) -> None:
    assert len(run.outcomes) == 40
    assert (run.lost, run.crossed, run.faults) == (0, 0, [])


def test_instances_died_in_mid_request_and_others_took_their_place(run: Run) -> None:
    assert run.counts["killed"] >= 1
    assert run.counts["started"] == 2 + run.counts["killed"] + run.counts["killed late"]


def test_memory_is_the_same_at_the_end(run: Run) -> None:
    memory_mb = [look.memory_mb for look in run.looks if look.answered > 5]
    assert memory_mb
    assert max(memory_mb) - min(memory_mb) < 20
