"""Checks manifests before they are trained or tested on: `python -m training.check MANIFEST [MANIFEST ...]`.

    python -m training.check data/train.jsonl --against data/dev.jsonl data/test.jsonl
    python -m training.check data/train.jsonl --labels training/configs/small.yaml --write-clean data/clean.jsonl

Every recording is decoded once. The check looks for missing and unreadable files, wrong durations, silent and clipped
audio, empty texts, characters the model has no label for, impossible speaking rates, texts that do not fit into the
model's output frames, duplicates, and, with --against, for audio, speakers and texts that splits share. The exit status
is 1 if there are errors, and 0 if there are only warnings.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from hark.command import command
from training.audio_facts import audio_facts
from training.config_files import config_for
from training.errors import ManifestError
from training.findings import DURATION_TOLERANCE_S, Finding, Kind, Line, findings, manifest_lines
from training.manifest import write_manifest

_EXAMPLES = 3


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write_clean and len(options.manifests) > 1:
        parser.error("--write-clean takes the lines of one manifest; name one.")
    config = config_for(options.labels, options.language)
    lines = [line for manifest in options.manifests for line in manifest_lines(manifest, config)]
    against = [line for manifest in options.against for line in manifest_lines(manifest, config)]
    facts = audio_facts(line.utterance.audio_path for line in [*lines, *against])
    problems = findings(lines, facts, config, against, options.duration_tolerance)
    print(table(problems))
    print(_summary(lines, problems))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report(lines, problems), indent=1, ensure_ascii=False) + "\n", "utf-8")
    if options.write_clean:
        kept = clean(lines, problems)
        write_manifest(options.write_clean, [line.utterance for line in kept])
        print(f"{options.write_clean}: {len(kept):,} of {len(lines):,} lines")
    return 1 if any(finding.kind.is_error for finding in problems) else 0


def table(problems: Sequence[Finding]) -> str:
    """Returns a row for each kind of finding, with the first lines that have it."""
    rows = []
    for kind in Kind:
        of_kind = [finding for finding in problems if finding.kind is kind]
        if not of_kind:
            continue
        rows.append(f"{_severity(kind):<9}{kind.title:<26}{len(of_kind):>9,}")
        rows += [f"    {finding.line}: {finding.message}" for finding in of_kind[:_EXAMPLES]]
        if len(of_kind) > _EXAMPLES:
            rows.append(f"    and {len(of_kind) - _EXAMPLES:,} more")
    return "\n".join([f"{'':<9}{'finding':<26}{'lines':>9}", *rows]) if rows else "Nothing is wrong."


def report(lines: Sequence[Line], problems: Sequence[Finding]) -> dict[str, object]:
    """Returns all findings as plain values."""
    return {
        "lines": len(lines),
        "errors": sum(finding.kind.is_error for finding in problems),
        "warnings": sum(not finding.kind.is_error for finding in problems),
        "findings": [
            {
                "severity": _severity(finding.kind),
                "kind": finding.kind.title,
                "manifest": str(finding.line.manifest),
                "line": finding.line.number,
                "audio_filepath": str(finding.line.utterance.audio_path),
                "message": finding.message,
            }
            for finding in problems
        ],
    }


def clean(lines: Sequence[Line], problems: Sequence[Finding]) -> list[Line]:
    """Returns the lines without errors; the first of several duplicates stays.

    Raises:
        ManifestError: every line has an error.
    """
    wrong = {_key(finding.line) for finding in problems if finding.kind.is_error}
    kept = [line for line in lines if _key(line) not in wrong]
    if not kept:
        raise ManifestError("Every line has an error, so no clean manifest is written.")
    return kept


def _key(line: Line) -> tuple[Path, int]:
    return line.manifest, line.number


def _severity(kind: Kind) -> str:
    return "error" if kind.is_error else "warning"


def _summary(lines: Sequence[Line], problems: Sequence[Finding]) -> str:
    hours = sum(line.utterance.duration_s for line in lines) / 3600
    errors = sum(finding.kind.is_error for finding in problems)
    return f"{len(lines):,} lines, {hours:.2f} h: {errors:,} errors, {len(problems) - errors:,} warnings"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifests", metavar="MANIFEST", type=Path, nargs="+", help="checked together, as one set")
    parser.add_argument(
        "--against", metavar="MANIFEST", type=Path, nargs="+", default=[], help="other splits, which must share nothing"
    )
    parser.add_argument(
        "--labels", metavar="CONFIG", type=Path, help="training config with the labels and frame rate (Hark's defaults)"
    )
    parser.add_argument("--language", help="BCP 47 tag, such as it, in place of the config's")
    parser.add_argument(
        "--duration-tolerance",
        metavar="SECONDS",
        type=float,
        default=DURATION_TOLERANCE_S,
        help=f"how far a duration may be from its file's ({DURATION_TOLERANCE_S:g})",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all findings here")
    parser.add_argument("--write-clean", metavar="FILE", type=Path, help="write the lines without errors here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
