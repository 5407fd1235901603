"""The results of an evaluation as text and as JSON: kinds of error, groups of utterances, the worst utterances."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jiwer

from training.counts import counted
from training.manifest import Utterance
from training.metrics import RESAMPLES, SEED, ErrorCounts, Interval, add_up, bootstrap_wer

# Edges, in seconds, of the groups by length: single words, commands, sentences, long sentences.
_LENGTH_EDGES_S = (2.0, 5.0, 10.0, 15.0)
# Speakers a printed table shows; the JSON has all.
_SPEAKERS_SHOWN = 10
# With fewer speakers than this the interval is mostly about these speakers.
_FEW_SPEAKERS = 20
_LINE_WIDTH = 110
# Name of the group of utterances whose manifest lines lack the field.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Result:
    """One utterance and what was recognised.

    Attributes:
        utterance: the manifest's line.
        reference: its normalised transcript.
        hypothesis: what the model wrote.
        duration_s: length of the decoded audio.
        errors: of the hypothesis against the reference.
    """

    utterance: Utterance
    reference: str
    hypothesis: str
    duration_s: float
    errors: ErrorCounts

    def field(self, name: str) -> str:
        """A further field of the manifest's line, such as the speaker."""
        return str(self.utterance.extra.get(name) or UNKNOWN)


@dataclass(frozen=True)
class Group:
    """Utterances that have something in common.

    Attributes:
        name: what they have in common.
        utterances: their number.
        hours: of audio.
        errors: of all of them.
        interval: 95 % interval of their WER, if there is one.
    """

    name: str
    utterances: int
    hours: float
    errors: ErrorCounts
    interval: Interval | None

    def as_json(self) -> dict[str, Any]:
        """The group as plain values; rates are None where it has no words."""
        return {
            "name": self.name,
            "utterances": self.utterances,
            "hours": round(self.hours, 6),
            **dataclasses.asdict(self.errors),
            "wer": _rounded(self.errors.wer),
            "wer_low": _rounded(self.interval.low if self.interval else None),
            "wer_high": _rounded(self.interval.high if self.interval else None),
            "cer": _rounded(self.errors.cer),
        }


@dataclass(frozen=True)
class Report:
    """All groups of an evaluation's utterances, computed once.

    Attributes:
        results: one for each utterance, in the manifest's order.
        total: all utterances.
        by_corpus, by_speaker: groups with the most words first.
        by_length: short utterances first; lengths that do not occur are left out.
    """

    results: Sequence[Result]
    total: Group
    by_corpus: list[Group]
    by_speaker: list[Group]
    by_length: list[Group]


def make_report(results: Sequence[Result]) -> Report:
    """Groups an evaluation's results by the `corpus` and `speaker` of their manifest lines, and by length."""
    return Report(
        results,
        _group("all", results),
        _by_field(results, "corpus"),
        _by_field(results, "speaker"),
        _by_length(results),
    )


def _by_field(results: Iterable[Result], name: str) -> list[Group]:
    groups = _grouped(results, lambda result: result.field(name))
    return sorted(groups, key=lambda group: (-group.errors.words, group.name))


def _by_length(results: Iterable[Result]) -> list[Group]:
    names = {_length(edge): place for place, edge in enumerate((0.0, *_LENGTH_EDGES_S))}
    return sorted(_grouped(results, lambda result: _length(result.duration_s)), key=lambda group: names[group.name])


def _length(duration_s: float) -> str:
    lower = max((edge for edge in _LENGTH_EDGES_S if edge <= duration_s), default=None)
    upper = min((edge for edge in _LENGTH_EDGES_S if edge > duration_s), default=None)
    if lower is None:
        return f"under {upper:g} s"
    return f"{lower:g} to {upper:g} s" if upper else f"{lower:g} s or more"


def _grouped(results: Iterable[Result], key: Callable[[Result], str]) -> list[Group]:
    members: dict[str, list[Result]] = {}
    for result in results:
        members.setdefault(key(result), []).append(result)
    return [_group(name, grouped) for name, grouped in members.items()]


def _group(name: str, results: Sequence[Result]) -> Group:
    errors = [result.errors for result in results]
    hours = sum(result.duration_s for result in results) / 3600
    return Group(name, len(results), hours, add_up(errors), bootstrap_wer(errors))


def worst(results: Iterable[Result], number: int) -> list[Result]:
    """Returns the utterances with the most word errors, the worst first; none without errors."""
    ranked = sorted(results, key=lambda result: -result.errors.word_errors)
    return [result for result in ranked[: max(number, 0)] if result.errors.word_errors]


def aligned(result: Result) -> str:
    """Writes the reference over the hypothesis, word over word, with S, D and I below the differences."""
    words = jiwer.process_words([result.reference], [result.hypothesis])
    text = jiwer.visualize_alignment(words, show_measures=False, skip_correct=False, line_width=_LINE_WIDTH)
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not line.startswith("==="))


def table(title: str, groups: Sequence[Group]) -> str:
    """Lays groups out in columns."""
    rows = [
        (group.name, f"{group.utterances}", f"{group.hours:.3f}", f"{group.errors.words}", *_rates(group.errors))
        for group in groups
    ]
    head = (title, "utterances", "hours", "words", "WER", "CER")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in (head, *rows)
    )


def _rates(errors: ErrorCounts) -> list[str]:
    return ["-" if rate is None else f"{rate:.4f}" for rate in (errors.wer, errors.cer)]


def as_text(report: Report, number: int) -> str:
    """Returns the text of an evaluation without its corpus-level rates.

    Args:
        report: of all utterances.
        number: how many of the worst utterances to show.
    """
    parts = [
        f"{result.utterance.audio_path.name} ({result.field('speaker')}, {result.duration_s:.1f} s): "
        f"{counted(result.errors.word_errors, 'error')} in {counted(result.errors.words, 'word')}\n{aligned(result)}"
        for result in worst(report.results, number)
    ]
    speakers = report.by_speaker
    hardest = sorted(speakers, key=lambda group: -(group.errors.wer or 0.0))[:_SPEAKERS_SHOWN]
    left_out = len(speakers) - len(hardest)
    parts += [
        table("corpus", report.by_corpus),
        table("speaker", hardest) + (f"\n... and {counted(left_out, 'speaker')} with a lower WER" if left_out else ""),
        table("length", report.by_length),
    ]
    total = report.total
    kinds = ("substitution", "deletion", "insertion")
    numbers = (total.errors.substitutions, total.errors.deletions, total.errors.insertions)
    parts.append(
        f"{counted(total.utterances, 'utterance')}, {total.hours:.3f} h\n"
        f"{', '.join(map(counted, numbers, kinds))}\n"
        f"{_interval_in_words(total.interval, speakers)}"
    )
    return "\n\n".join(parts)


def _interval_in_words(interval: Interval | None, speakers: Sequence[Group]) -> str:
    if not interval:
        return "no interval of the WER: it needs two utterances with words"
    text = (
        f"{interval.level * 100:.0f} % interval of the WER: {interval.low:.4f} to {interval.high:.4f} "
        "(percentile bootstrap over utterances)"
    )
    if any(group.name == UNKNOWN for group in speakers):
        return f"{text};\n  the manifest does not name all speakers: if they are few, it is too narrow for others"
    if len(speakers) < _FEW_SPEAKERS:
        return f"{text};\n  the manifest has {counted(len(speakers), 'speaker')}: for others it is too narrow"
    return text


def as_json(report: Report) -> dict[str, Any]:
    """Returns kinds of error, the interval, the groups and every utterance as plain values.

    An utterance has the fields of its manifest line, with the normalised transcript as `text`, and `pred_text` as in
    NVIDIA NeMo.
    """
    interval = report.total.interval
    return {
        **dataclasses.asdict(report.total.errors),
        "wer_interval": interval
        and {
            "low": _rounded(interval.low),
            "high": _rounded(interval.high),
            "level": interval.level,
            "method": "percentile bootstrap over utterances",
            "resamples": RESAMPLES,
            "seed": SEED,
        },
        "by_corpus": [group.as_json() for group in report.by_corpus],
        "by_speaker": [group.as_json() for group in report.by_speaker],
        "by_length": [group.as_json() for group in report.by_length],
        "results": [
            {
                **result.utterance.extra,
                "audio_filepath": str(result.utterance.audio_path),
                "duration": round(result.duration_s, 3),
                "text": result.reference,
                "pred_text": result.hypothesis,
                **dataclasses.asdict(result.errors),
            }
            for result in report.results
        ],
    }


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 5)
