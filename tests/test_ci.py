"""The workflow on GitHub runs what `.ci/run` runs."""

import re

import yaml

from tests.conftest import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
JOB = WORKFLOW["jobs"]["make"]


def test_the_workflow_has_the_steps_of_the_script() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    loop = re.search(r"^for step in (.+); do$", script, re.MULTILINE)
    assert loop
    assert JOB["strategy"]["matrix"]["step"] == loop[1].split()
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(loop[1].split()) <= targets


def test_actions_are_pinned_by_their_major_version() -> None:
    for step in JOB["steps"]:
        assert "run" in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


def test_it_runs_on_the_oldest_python_that_is_supported() -> None:
    (python,) = (step["with"]["python-version"] for step in JOB["steps"] if "setup-python" in step.get("uses", ""))
    assert f'requires-python = ">={python}"' in (ROOT / "pyproject.toml").read_text()
