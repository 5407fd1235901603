"""Writes what README.md shows of the model, from what was measured and what is printed: `python -m benchmarks.readme`.

The table of figures is taken from models/results.json, where `benchmarks.error_rates` put them, and from
`benchmarks.cost`; what `make run` and the endpoint answer is asked of them. Run it after every new model.
"""

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import cost
from benchmarks.documents import write_block
from hark import model_files
from hark.command import command
from local import environment
from local.event import context_for, http_event, reply_body

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SAMPLE = ROOT / "events" / "sample.wav"
# Sets that chose nothing, and what they are.
SETS = {
    "test": "read aloud: a chapter of LibriSpeech test-clean",
    "test_mic": "ordinary microphones and accents: Common Voice, AN4",
}
_SHOWN_WORDS = 2
_SHOWN_DECODERS = ("joint", "beam", "greedy")
# What belongs to the default model beside its own file.
FILES = {
    "language model": model_files.LANGUAGE_MODEL,
    "attention decoder": model_files.attention_beside(model_files.RECOGNISER),
    "punctuation": model_files.PUNCTUATION,
}


def figures(results: dict[str, Any], sizes: Mapping[str, int]) -> str:
    """Lays the default model's figures out as Markdown.

    Args:
        results: of models/results.json.
        sizes: bytes of the files of the language model, the attention decoder and the punctuation model.
    """
    model = results["models"]["asr"]
    rows = []
    for name, described in SETS.items():
        best, *others = (model["sets"][name][decoder]["wer"] for decoder in _SHOWN_DECODERS)
        rows.append(_row(f"WER, {described}", f"**{best:.3f}**", *(f"{other:.3f}" for other in others)))
    rtfs = [model["sets"]["dev"][decoder]["real_time_factor"] for decoder in _SHOWN_DECODERS]
    rows.append(_row("seconds of work per second of audio, one thread", *(f"{rtf:.4f}" for rtf in rtfs)))
    greedy = model["bytes"] + sizes["punctuation"]
    beam = greedy + sizes["language model"]
    megabytes = [f"{size / 1e6:.1f}" for size in (beam + sizes["attention decoder"], beam, greedy)]
    rows.append(_row("size, punctuation model included, MB", *megabytes))
    speed, memory_mb = cost.Speed.read(), cost.memory_mb()
    prices = sorted([cost.as_job(speed, memory_mb), cost.as_requests(speed, memory_mb)])
    return "\n".join([
        _row(f"{model['model']}, the default model", "joint, the default", "beam search", "greedy"),
        "|---|---|---|---|",
        *rows,
        "",
        "No recording of these two sets was used to train the model or to choose its settings. Measured on: "
        f"{results['machine'].split(',')[0]}.",
        f"An hour of audio costs ${prices[0]:.4f} to ${prices[1]:.4f} on AWS "
        "([computed](docs/operations.md#what-it-costs)). More: [the model's card](models/MODEL_CARD.md).",
    ])  # fmt: skip


def first_run() -> str:
    """Returns what `make run` prints, without most of its words and without its times, as a block of Markdown."""
    from local import run

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run.main([])
    lines = printed.getvalue().rstrip().splitlines()
    head = next(number for number, line in enumerate(lines) if line.split()[:2] == ["start", "end"])
    return _console("make run", [*lines[: head + 1 + _SHOWN_WORDS], "      ..."])


def first_reply(reply: dict[str, Any]) -> str:
    """Returns a reply of `POST /transcribe`, without most of its words and segments, as a block of Markdown."""
    words = [json.dumps(word) for word in reply["words"][:_SHOWN_WORDS]]
    lines = [
        f'{{"text": {json.dumps(reply["text"])},',
        f' "language": {json.dumps(reply["language"])}, "duration": {reply["duration"]}, '
        f'"model": {json.dumps(reply["model"])},',
        f' "words": [{words[0]},',
        *(f"           {word}," for word in words[1:]),
        "           ...],",
        f' "segments": [{json.dumps(reply["segments"][0])}, ...]}}',
    ]
    return _console(
        "curl --data-binary @events/sample.wav -H 'Content-Type: audio/wav' http://127.0.0.1:8000/transcribe", lines
    )


def reply_to_sample() -> dict[str, Any]:
    """Returns what the endpoint answers to the sample recording."""
    environment.prepare()
    from handler.app import lambda_handler  # after the environment is set

    event = http_event("POST", "/transcribe", {"content-type": "audio/wav"}, SAMPLE.read_bytes())
    reply: dict[str, Any] = json.loads(reply_body(lambda_handler(event, context_for(event))))
    return reply


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _console(command_line: str, lines: list[str]) -> str:
    return "\n".join(["```console", f"$ {command_line}", *lines, "```"])


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    environment.prepare()
    results = json.loads((ROOT / "models" / "results.json").read_text(encoding="utf-8"))
    blocks = {
        "benchmarks.readme": figures(results, {name: path.stat().st_size for name, path in FILES.items()}),
        "local.run": first_run(),
        "local.serve": first_reply(reply_to_sample()),
    }
    for name, block in blocks.items():
        write_block(README, name, block)
        print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
