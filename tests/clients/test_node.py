"""OpenAI's client for Node.js, which nobody here wrote, against `make serve`. Run by `make test-clients`."""

import os
import re
import subprocess
from pathlib import Path

from tests.patience import PATIENCE_S
from tests.server import serve

CLIENTS = Path(__file__).parent


def test_openais_client_for_node_is_answered() -> None:
    with serve(key="key-123") as server:
        done = subprocess.run(
            ["node", "--test", "--test-reporter=spec", "openai.test.js"],
            cwd=CLIENTS,
            env={**os.environ, "HARK_URL": server.url, "HARK_KEY": "key-123"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"pass (\d+)", done.stdout)
    assert passed
    # As many as there are: a file that registered none would pass as well.
    assert int(passed[1]) == (CLIENTS / "openai.test.js").read_text().count("\ntest(")
