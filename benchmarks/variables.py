"""Writes the table of environment variables into docs/operations.md: `python -m benchmarks.variables [--write]`.

Defaults are those of `handler.settings`. A test looks through the whole tree for variables, so that none is missing
here and none is listed that nothing reads.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.documents import write_block
from handler.settings import Settings
from hark.command import command

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "operations.md"


@dataclass(frozen=True)
class Variable:
    """An environment variable.

    Attributes:
        name: such as HARK_MODEL.
        meaning: what it sets.
        default: what holds where it is not set.
        read_by: the file that reads it.
        parameter: of template.yaml that sets it on AWS; "" where none does.
    """

    name: str
    meaning: str
    default: str
    read_by: str
    parameter: str = ""


def variables() -> list[Variable]:
    """Returns all of them; the functions' settings first."""
    default = Settings.from_environment({})
    settings, fuzz = "handler/settings.py", "tests/handler/test_fuzz.py"
    return [
        Variable("HARK_MODEL", "the recogniser, an exported model", _file(default.model_path), settings, "Model"),
        Variable(
            "HARK_MODELS",
            "recognisers side by side, as `en=models/asr.onnx,it=models/it.onnx`; the first by default",
            *("none: `HARK_MODEL` alone", settings, "Models"),
        ),
        Variable(
            *("HARK_MODELS_MB", "memory for those that are loaded, in MB"),
            *(f"{default.models_mb:g}; on Lambda 40 % of the function's", settings),
        ),
        Variable("HARK_LM", "the language model; it need not be there", _file(default.language_model_path), settings),
        Variable(
            "HARK_DECODER",
            "`joint`, `beam` or `greedy`, for requests that name none",
            f"`{default.decoder}`",
            settings,
            "Decoder",
        ),
        Variable(
            *("HARK_PUNCTUATION", "the punctuation model; it need not be there", _file(default.punctuation_path)),
            settings,
        ),
        Variable("HARK_KEYWORDS_MODEL", "the keyword model", _file(default.keywords_path), settings),
        Variable(
            *("HARK_MAX_AUDIO_S", "the longest recording in a request, in seconds", f"{default.max_audio_s:g}"),
            *(settings, "MaxAudioSeconds"),
        ),
        Variable(
            *("HARK_MAX_BODY_BYTES", "the largest request, in bytes, as `/health` tells; `make serve` sets it"),
            *(f"{default.max_body_bytes}", settings),
        ),
        Variable("HARK_BUCKET", "the bucket for jobs", "none: there are no jobs", settings),
        Variable(
            *("HARK_JOB_MAX_AUDIO_S", "the longest recording of a job, in seconds", f"{default.job_max_audio_s:g}"),
            *(settings, "JobMaxAudioSeconds"),
        ),
        Variable(
            *("HARK_JOB_MAX_BYTES", "the largest file of a job, in bytes", f"{default.job_max_bytes}"),
            *(settings, "JobMaxBytes"),
        ),
        Variable("HARK_WEBHOOK_SECRET_ARN", "the secret that signs webhooks", "none: webhooks are refused", settings),
        Variable(
            "HARK_USAGE_TABLE", "the table with what keys were used for", "none: nothing is kept", "handler/usage.py"
        ),
        Variable(
            *("HARK_AUTH_MODE", "who may call a Function URL: `key`, `iam` or `none`", "must be set"),
            *("handler/function_url.py", "AuthMode"),
        ),
        Variable("HARK_KEYS_SECRET_ARN", "the secret with the keys of callers", "must be set", "handler/authorizer.py"),
        Variable(
            *("HARK_ANSWERS", "the file with what was answered to `make deploy`", "`samconfig.local.toml`"),
            "operate/answers.py",
        ),
        Variable("HARK_LOCAL_KEY", "the key that callers of `make serve` must send", "none needed", "local/serve.py"),
        Variable(
            "HARK_LOCAL_WEBHOOK_SECRET",
            "the secret that signs the webhooks of `make serve`",
            "made up, in the jobs' folder",
            "local/jobs.py",
        ),
        Variable("HARK_KEY", "the key that `make smoke` sends, and the examples", "must be set", "operate/smoke.py"),
        Variable(
            "HARK_FUZZ_INPUTS",
            "how many inputs the fuzz test makes up",
            "2000; `make fuzz`: 10000",
            "tests/handler/test_fuzz.py",
        ),
        Variable("HARK_FUZZ_SEED", "the seed of these inputs", "1", fuzz),
        Variable(
            "HARK_FUZZ_STRUCTURE_INPUTS",
            "how many files of changed structure the test of containers makes",
            "400",
            "tests/handler/test_fuzz_structure.py",
        ),
        Variable(
            "HARK_URL", "the endpoint that `make test-clients` tries", "must be set", "tests/clients/openai.test.js"
        ),
    ]


def table() -> str:
    """Lays the table out as Markdown."""
    lines = ["| variable | what it sets | default | read by | parameter on AWS |", "|---|---|---|---|---|"]
    for each in variables():
        parameter = f"`{each.parameter}`" if each.parameter else ""
        lines.append(f"| `{each.name}` | {each.meaning} | {each.default} | `{each.read_by}` | {parameter} |")
    return "\n".join(lines)


def _file(path: Path) -> str:
    return f"`models/{path.name}`"


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/operations.md")
    options = parser.parse_args(arguments)
    if options.write:
        write_block(DOCUMENT, "benchmarks.variables", table())
    print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
