"""What serving costs: `python -m benchmarks.serving [--output docs/benchmarks.md] [--save FILE | --check FILE]`.

Measures cold start, warm overhead, speed, how cost grows with length, memory and features, each in fresh processes on
one core with one thread, on the speech of events/sample.wav repeated, and prints a table. `--save` keeps the figures.
`--check` compares those that are ratios with figures that were kept, and fails where one is worse by more than 15 %:
ratios are of two things measured side by side, so that another machine, or a busy one, changes them little.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import soundfile as sf

from benchmarks import cold_start, fresh
from benchmarks.conditions import conditions, model_name
from benchmarks.documents import write_block
from benchmarks.speech import RATE_HZ, speech
from hark import model_files
from hark.command import command
from hark.decoding import DECODERS, DEFAULT_DECODER
from hark.errors import HarkError
from hark.recognizer import Recognizer

ROOT = Path(__file__).resolve().parent.parent
SAVED = ROOT / "benchmarks" / "serving.json"
_ALLOWED = 1.15
_HOUR_S = 3600


@dataclass(frozen=True)
class Figure:
    """Something measured.

    Attributes:
        name: what it is, for the table.
        value: how much.
        unit: of what; "" for a ratio.
        most: what it shall not exceed; None where nothing was set.
        compared: whether `--check` holds it: it is a ratio, or memory.
    """

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    compared: bool = True

    @property
    def row(self) -> str:
        """A row of the table."""
        most = "" if self.most is None else f"{self.most:g}{self.unit and ' ' + self.unit}"
        held = "" if self.most is None else "yes" if self.value <= self.most else "**no**"
        return f"| {self.name} | {_rounded(self.value)}{self.unit and ' ' + self.unit} | {most} | {held} |"


def _rounded(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def measure(hour_s: int = _HOUR_S, runs: int = 10) -> list[Figure]:
    """Measures everything; `hour_s` and `runs`, of cold starts, may be less to try it."""
    model = model_files.RECOGNISER
    cold = cold_start.measure(model, runs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seconds, format_ in ((5, "wav"), (15, "wav"), (30, "wav"), (60, "flac"), (hour_s, "flac")):
            sf.write(folder / f"{seconds}.{format_}", speech(seconds), RATE_HZ, subtype="PCM_16")

        def work(kind: str, seconds: int, decoder: str = DEFAULT_DECODER) -> dict[str, float]:
            found: dict[str, float] = fresh.run(
                "benchmarks.serving_work", [kind, name, decoder, str(seconds)], {"POWERTOOLS_METRICS_DISABLED": "true"}
            )
            return found

        warm = {decoder: work("requests", 5, decoder) for decoder in DECODERS}
        clips = {decoder: work("requests", 15, decoder) for decoder in DECODERS}
        growths = {decoder: work("growth", hour_s, decoder) for decoder in DECODERS}
        thirty, mel = work("memory", 30), work("log_mel", 15)
    figures = [figure for decoder in DECODERS for figure in _of(decoder, cold, warm, clips, growths, hour_s / 60)]
    return [
        *figures,
        Figure("peak memory, clips of 30 s", thirty["peak_mb"], "MB", 160),
        Figure("log-mel, a second of audio", mel["log_mel_ms"], "ms", 0.15, compared=False),
        Figure("log-mel over NumPy's Fourier transforms of its frames", mel["log_mel_ms"] / mel["transforms_ms"]),
    ]


def _of(
    decoder: str,
    cold: cold_start.ColdStart,
    warm: dict[str, dict[str, float]],
    clips: dict[str, dict[str, float]],
    growths: dict[str, dict[str, float]],
    minutes: float,
) -> list[Figure]:
    """The figures of one decoder."""
    five, fifteen, growth = warm[decoder], clips[decoder], growths[decoder]
    grown = growth["long_s"] / growth["minute_s"]
    return [
        Figure(f"{decoder}: cold start with 5 s of speech, over the floor", cold.ratio(decoder), "", 1.6),
        Figure(f"{decoder}: cold start with 5 s of speech, CPU time", cold.median_s(decoder), "s", compared=False),
        Figure(f"{decoder}: 5 s, warm, outside the model", five["outside_ms"], "ms", 5, compared=False),
        Figure(f"{decoder}: 5 s, warm, outside the model over the model", five["outside_ms"] / five["model_ms"]),
        Figure(f"{decoder}: 15 s, a second of audio", fifteen["whole_ms"] / 15, "ms", compared=False),
        Figure(f"{decoder}: 15 s, whole handler over the model", fifteen["whole_ms"] / fifteen["model_ms"]),
        Figure(f"{decoder}: {minutes:g} minutes over 1 minute", grown, "", 62),
        Figure(f"{decoder}: {minutes:g} minutes", growth["long_s"], "s", compared=False),
        Figure(f"{decoder}: {minutes:g} minutes, peak memory", growth["peak_mb"], "MB", 400),
    ]


def table(figures: list[Figure]) -> str:
    """Says it in Markdown."""
    return "\n".join(["| what | measured | at most | held |", "|---|---|---|---|", *(each.row for each in figures)])


def worse(figures: list[Figure], kept: list[Figure]) -> list[str]:
    """Says what has become worse than what was kept, by more than is allowed."""
    before = {each.name: each for each in kept if each.compared}
    return [
        f"{each.name}: {_rounded(each.value)} {each.unit}, kept {_rounded(before[each.name].value)}: "
        f"{each.value / before[each.name].value - 1:+.0%}"
        for each in figures
        if each.name in before and each.value > _ALLOWED * before[each.name].value
    ]


def load(path: Path) -> tuple[str, list[Figure]]:
    """Reads figures that were kept, and the conditions they were measured under.

    Raises:
        HarkError: the file is not there, or is no such file.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content["conditions"], [Figure(**each) for each in content["figures"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HarkError(f"{path} holds no figures to compare with; make it with `make bench`.") from error


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="a document with two marks to put the table between")
    parser.add_argument("--save", type=Path, help="a file to keep the figures in")
    parser.add_argument("--check", type=Path, help="a file of figures that were kept")
    parser.add_argument("--runs", type=int, default=10, help="of cold starts (default: %(default)s)")
    parser.add_argument("--hour-s", type=int, default=_HOUR_S, help="less, to try it (default: %(default)s)")
    options = parser.parse_args(arguments)
    kept = load(options.check)[1] if options.check else []
    figures = measure(options.hour_s, options.runs)
    head = f"{model_name(Recognizer(model_files.RECOGNISER))}; {conditions()}"
    print(f"{head}\n\n{table(figures)}")
    if options.output:
        write_block(options.output, "benchmarks.serving", f"{head}\n\n{table(figures)}")
    if options.save:
        saved = {"conditions": head, "figures": [asdict(each) for each in figures]}
        options.save.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    if found := worse(figures, kept):
        print("\nworse by more than 15 %:", *found, sep="\n  ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
