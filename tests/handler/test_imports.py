"""What the serving code may load, checked in a fresh interpreter."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.patience import PATIENCE_S

# av is for recordings that libsndfile cannot read, multipart for forms; most never need them.
FORBIDDEN = {
    "av",
    "multipart",
    "torch",
    "torchaudio",
    "onnx",
    "boto3",
    "lightning",
    "training",
    "export",
    "local",
    "scipy",
}
PROGRAM = """
import json, sys
import handler.app
from hark.pipeline import Timings, transcribe
from pathlib import Path
for name in ("sample.wav", "sample.ogg"):
    transcribe(Path("events", name).read_bytes(), handler.app.recognizer, 60, Timings())
print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))
"""


def loaded(environment: dict[str, str]) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_S,
        cwd=ROOT,
    )
    return set(json.loads(done.stdout))


def test_the_handler_loads_no_training_code_no_boto3_and_for_common_recordings_no_av() -> None:
    import os

    modules = loaded(dict(os.environ))
    assert "onnxruntime" in modules
    assert not modules & FORBIDDEN


def test_a_bucket_for_jobs_makes_no_other_request_load_boto3() -> None:
    import os

    assert not loaded({**os.environ, "HARK_BUCKET": "bucket", "AWS_DEFAULT_REGION": "eu-central-1"}) & FORBIDDEN


def test_nor_does_it_as_lambda_runs_it_with_tracing_and_without() -> None:
    import os

    as_lambda = {name: value for name, value in os.environ.items() if not name.startswith("POWERTOOLS_")}
    as_lambda |= {"LAMBDA_TASK_ROOT": "/var/task", "AWS_LAMBDA_FUNCTION_NAME": "hark", "AWS_REGION": "eu-central-1"}
    assert not loaded(as_lambda) & {*FORBIDDEN, "aws_xray_sdk"}
    traced = loaded({**as_lambda, "POWERTOOLS_TRACE_DISABLED": "false"})
    assert "aws_xray_sdk" in traced
    assert not traced & FORBIDDEN


@pytest.mark.parametrize("module", ["authorizer", "runtime"])
def test_what_is_to_be_there_at_once_loads_the_standard_library_alone(module: str) -> None:
    program = f"import json, sys, handler.{module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-S", "-c", program], check=True, capture_output=True, text=True, cwd=ROOT)
    modules = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert modules <= {*sys.stdlib_module_names, "__main__", "handler", "hark"}
