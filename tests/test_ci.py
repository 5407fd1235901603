"""The workflow on GitHub runs what `.ci/run` runs; that of the night runs what takes longer."""

import re

import yaml

from tests.conftest import ROOT

WORKFLOW, NIGHTLY = (
    yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text()) for name in ("ci.yml", "nightly.yml")
)
JOB, JOB_OF_THE_NIGHT = (workflow["jobs"]["make"] for workflow in (WORKFLOW, NIGHTLY))
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_workflow_has_the_steps_of_the_script() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    loop = re.search(r"^for step in (.+); do$", script, re.MULTILINE)
    assert loop
    assert JOB["strategy"]["matrix"]["step"] == loop[1].split()
    assert set(loop[1].split()) <= TARGETS


def test_the_night_has_commands_that_no_commit_waits_for() -> None:
    steps = set(JOB_OF_THE_NIGHT["strategy"]["matrix"]["step"])
    assert steps <= TARGETS
    assert not steps & set(JOB["strategy"]["matrix"]["step"])
    assert {"lint-regions", "fuzz", "fuzz-structure"} <= steps
    assert "schedule" in NIGHTLY[True]  # as YAML reads `on`


def test_actions_are_pinned_by_their_major_version() -> None:
    for step in [*JOB["steps"], *JOB_OF_THE_NIGHT["steps"]]:
        assert "run" in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


def test_it_runs_on_the_oldest_python_that_is_supported() -> None:
    for job in (JOB, JOB_OF_THE_NIGHT):
        (python,) = (step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", ""))
        assert f'requires-python = ">={python}"' in (ROOT / "pyproject.toml").read_text()
