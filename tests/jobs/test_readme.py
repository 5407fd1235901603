"""The commands of the README's section on long recordings, against the local server and S3's API."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import EVENTS, ROOT
from tests.patience import PATIENCE_S
from tests.server import serve

from .aws import BUCKET, Aws
from .conftest import work_until_empty

SECTION = (ROOT / "README.md").read_text().split("## Long recordings")[1].split("\n## ")[0]


@pytest.mark.skipif(not shutil.which("jq"), reason="the commands need jq")
def test_the_commands_upload_a_recording_and_get_its_subtitles(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = re.search(r"```sh\n(.*?)```", SECTION, re.DOTALL)
    assert found
    shutil.copy(EVENTS / "sample.wav", tmp_path / "meeting.mp3")  # what it is is found from its bytes
    monkeypatch.setenv("HARK_BUCKET", BUCKET)
    with serve(key="secret") as server:
        commands = found[1].replace("https://YOUR-API", server.url).replace("\\\n", "")
        *upload, status, subtitles = commands.strip().splitlines()

        def run(*lines: str) -> str:
            script = "\n".join(["set -eu", "KEY=secret", *lines])
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
    assert f"up to {settings.job_max_bytes / 1e6:.0f} MB" in SECTION
    assert settings.job_max_audio_s == 4 * 3600
    assert "four hours" in SECTION
