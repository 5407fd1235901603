"""The commands of docs/jobs.md, against the local server and S3's API."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import EVENTS
from tests.documents.blocks import blocks, prose
from tests.patience import PATIENCE_S
from tests.server import serve

from .aws import BUCKET, Aws
from .conftest import work_until_empty

DOCUMENT = "docs/jobs.md"


@pytest.mark.skipif(not shutil.which("jq"), reason="the commands need jq")
def test_the_commands_upload_a_recording_and_get_its_subtitles(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (block,) = (each for each in blocks(DOCUMENT) if each.mark == "jobs")
    shutil.copy(EVENTS / "sample.wav", tmp_path / "meeting.mp3")  # what it is is found from its bytes
    monkeypatch.setenv("HARK_BUCKET", BUCKET)
    with serve(key="secret") as server:
        *upload, status, subtitles = block.commands()

        def run(*lines: str) -> str:
            script = "\n".join(["set -eu", "KEY=secret", f"API={server.url}", *lines])
            return subprocess.run(
                ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE_S
            ).stdout

        run(*upload)
        assert json.loads(run(status))["status"] == "queued"
        work_until_empty(aws)
        assert json.loads(run(status))["status"] == "completed"
        assert run(subtitles).startswith("1\n00:00:00,")


def test_it_names_the_default_limits() -> None:
    from handler.settings import Settings

    settings = Settings.from_environment({})
    text = prose(DOCUMENT)
    assert f"up to {settings.job_max_bytes / 1e6:.0f} MB" in text
    assert settings.job_max_audio_s == 4 * 3600
    assert "four hours" in text
