"""What is wrong with the lines of a manifest, given what their audio files contain."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from pathlib import Path

import torch

from hark import languages
from training.audio_facts import AudioFacts, AudioFault
from training.config import Config
from training.lengths import output_lengths
from training.manifest import Utterance, numbered_utterances
from training.normaliser import figures_hint, normaliser
from training.text import encode, unknown_characters

# Manifests made by other programs round to tenths, or take lengths from headers that lossy encoders pad by up to 50 ms.
DURATION_TOLERANCE_S = 0.1
# The fastest speakers on record reach about 11 words a second for moments; in corpora the fastest sentences have 20 to
# 25 characters a second. A text above that belongs to other audio, or to audio that was cut.
MAX_CHARACTERS_PER_S = 30.0
# A word of three letters in a recording of three seconds is possible; below that, words are probably missing.
MIN_CHARACTERS_PER_S = 1.0
# A peak of -60 dB of full scale: in 16 bits, speech that quiet would have five bits left.
SILENT_PEAK = 1e-3
# Speech that just reaches full scale does so for a few samples in a million.
CLIPPED_SHARE = 1e-3


class Kind(Enum):
    """What can be wrong: its name, and whether the line must be removed."""

    MISSING_FILE = ("missing file", True)
    UNREADABLE_AUDIO = ("unreadable audio", True)
    WRONG_DURATION = ("wrong duration", True)
    SILENT_AUDIO = ("silent audio", True)
    EMPTY_TEXT = ("empty text", True)
    OTHER_LANGUAGE = ("another language", True)
    UNKNOWN_CHARACTERS = ("unknown characters", True)
    IMPOSSIBLE_RATE = ("impossible speaking rate", True)
    TOO_SHORT_FOR_CTC = ("too short for CTC", True)
    DUPLICATE_LINE = ("duplicate line", True)
    DUPLICATE_AUDIO = ("duplicate audio", True)
    CONTRADICTION = ("same audio, other text", True)
    LEAKED_AUDIO = ("audio of another split", True)
    LEAKED_SPEAKER = ("speaker of another split", True)
    LEAKED_TEXT = ("text of another split", False)
    CLIPPED_AUDIO = ("clipped audio", False)
    SLOW_SPEECH = ("slow speech", False)
    NO_SPEAKER = ("no speaker to compare", False)

    def __init__(self, title: str, is_error: bool) -> None:
        self.title = title
        self.is_error = is_error


@dataclass(frozen=True)
class Line:
    """One line of a manifest.

    Attributes:
        manifest: the file.
        number: counted from 1, blank lines too.
        utterance: what the line says.
        text: its transcript, normalised.
    """

    manifest: Path
    number: int
    utterance: Utterance
    text: str

    def __str__(self) -> str:
        return f"{self.manifest}:{self.number}"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one line, or with several of which this is the first; `message` is a sentence."""

    kind: Kind
    line: Line
    message: str


Facts = Mapping[Path, AudioFacts | AudioFault]


def manifest_lines(path: Path, config: Config) -> list[Line]:
    """Reads a manifest with the numbers of its lines; texts are written as the model of the config writes them.

    Raises:
        ManifestError: as `read_manifest`.
    """
    normalised = normaliser(config.language, tuple(config.labels))
    return [Line(path, number, each, normalised(each.text)) for number, each in numbered_utterances(path)]


def findings(
    lines: Sequence[Line],
    facts: Facts,
    config: Config,
    against: Sequence[Line] = (),
    duration_tolerance_s: float = DURATION_TOLERANCE_S,
) -> list[Finding]:
    """Finds everything that is wrong.

    Args:
        lines: what is to be trained or tested on together.
        facts: of the audio of `lines` and `against`.
        config: the run whose labels, features and strides the lines have to fit.
        against: lines of the other splits.
        duration_tolerance_s: by how much a line's duration may differ from its file's.

    Returns:
        Findings, ordered by kind, then as the lines are.
    """
    everything = [
        *_audio_findings(lines, facts, duration_tolerance_s),
        *_text_findings(lines, config),
        *_rate_findings(lines, facts, config),
        *_duplicates(lines, facts),
    ]
    if against:
        unread = _audio_findings(against, facts, None)
        everything += [finding for finding in unread if finding.kind in _NOTHING_TO_COMPARE]
        everything += _leaks(lines, against, facts)
    order = {kind: i for i, kind in enumerate(Kind)}
    return sorted(everything, key=lambda finding: order[finding.kind])


# What hides a leak when it is wrong with another split.
_NOTHING_TO_COMPARE = (Kind.MISSING_FILE, Kind.UNREADABLE_AUDIO)


def _audio_findings(lines: Iterable[Line], facts: Facts, tolerance_s: float | None) -> Iterator[Finding]:
    for line in lines:
        path = line.utterance.audio_path
        audio = facts[path]
        if isinstance(audio, AudioFault):
            yield Finding(
                Kind.MISSING_FILE if audio.missing else Kind.UNREADABLE_AUDIO, line, f"{path}: {audio.reason}"
            )
            continue
        claimed_s = line.utterance.duration_s
        if tolerance_s is not None and abs(claimed_s - audio.duration_s) > tolerance_s:
            message = f"The manifest says {claimed_s:.3f} s, the file has {audio.duration_s:.3f} s."
            yield Finding(Kind.WRONG_DURATION, line, message)
        if audio.peak < SILENT_PEAK:
            yield Finding(Kind.SILENT_AUDIO, line, f"The loudest sample is {audio.peak:.6f} of full scale.")
        if audio.full_scale_share > CLIPPED_SHARE:
            yield Finding(Kind.CLIPPED_AUDIO, line, f"{audio.full_scale_share:.2%} of the samples are at full scale.")


def _text_findings(lines: Iterable[Line], config: Config) -> Iterator[Finding]:
    labels = tuple(config.labels)
    for line in lines:
        if not languages.answers(config.language, spoken := str(line.utterance.extra.get("language", ""))):
            message = f"Its language is {spoken}, and the config's {config.language} (--labels names another config)."
            yield Finding(Kind.OTHER_LANGUAGE, line, message)
        if not line.text:
            yield Finding(Kind.EMPTY_TEXT, line, f"No words are left of {line.utterance.text!r}.")
        if unknown := unknown_characters(line.text, labels):
            hint = figures_hint(unknown, config.language, labels)
            message = f"The model has no label for {' '.join(sorted(unknown))} in {line.utterance.text!r}{hint}."
            yield Finding(Kind.UNKNOWN_CHARACTERS, line, message)


def _rate_findings(lines: Iterable[Line], facts: Facts, config: Config) -> Iterator[Finding]:
    spoken = [
        (line, audio.duration_s)
        for line in lines
        if line.text and isinstance(audio := facts[line.utterance.audio_path], AudioFacts)
    ]
    frames = output_frames([duration_s for _, duration_s in spoken], config)
    for (line, duration_s), available in zip(spoken, frames, strict=True):
        per_s = len(line.text) / duration_s
        message = f"{len(line.text)} characters in {duration_s:.2f} s are {per_s:.1f} a second"
        if per_s > MAX_CHARACTERS_PER_S:
            yield Finding(Kind.IMPOSSIBLE_RATE, line, f"{message}; nobody speaks faster than {MAX_CHARACTERS_PER_S:g}.")
        if per_s < MIN_CHARACTERS_PER_S:
            yield Finding(Kind.SLOW_SPEECH, line, f"{message}; words may be missing.")
        needed = _frames_needed(line.text, config.labels)
        if needed > available:
            message = f"The model has {available} output frames for it, the text needs {needed}."
            yield Finding(Kind.TOO_SHORT_FOR_CTC, line, message)


def output_frames(durations_s: Sequence[float], config: Config) -> list[int]:
    """Returns how many output frames the model of a config has for recordings of so many seconds."""
    features = config.features
    samples = (torch.tensor(durations_s, dtype=torch.float64) * features.sample_rate_hz).round().long()
    # As many as `training.features.LogMel` makes; a test holds the two together.
    frames = 1 + samples.clamp_min(features.n_fft) // features.hop_samples
    lengths: list[int] = output_lengths(frames, config.model).tolist()
    return lengths


def _frames_needed(text: str, labels: Sequence[str]) -> int:
    return frames_needed(text if unknown_characters(text, labels) else encode(text, labels))


def frames_needed(text: Sequence[int] | str) -> int:
    """Returns the fewest output frames CTC can put labels in: one for each, and a blank between equal neighbours.

    Source: Graves et al., "Connectionist Temporal Classification" (ICML 2006), section 3.1.
    """
    return len(text) + sum(a == b for a, b in pairwise(text))


def _duplicates(lines: Sequence[Line], facts: Facts) -> Iterator[Finding]:
    same_audio: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        same_audio[_content(line, facts)].append(line)
    for group in same_audio.values():
        first = group[0]
        if len({line.text for line in group}) > 1:
            # Nobody can tell which text is right, so none of these lines can stay.
            for line in group:
                other = next(other for other in group if other.text != line.text)
                message = f"{other} has the same audio with another text: {other.utterance.text!r}."
                yield Finding(Kind.CONTRADICTION, line, message)
            continue
        places = {_place(first): first}
        for line in group[1:]:
            twin = places.setdefault(_place(line), line)
            if twin is line:
                yield Finding(Kind.DUPLICATE_AUDIO, line, f"{first} has the same audio.")
            else:
                yield Finding(Kind.DUPLICATE_LINE, line, f"{twin} says the same.")


def _content(line: Line, facts: Facts) -> str:
    """Returns what is equal for equal audio: a digest, or the path of a file that cannot be read."""
    audio = facts[line.utterance.audio_path]
    return audio.digest if isinstance(audio, AudioFacts) else str(line.utterance.audio_path.resolve())


def _place(line: Line) -> tuple[Path, Path]:
    return line.manifest, line.utterance.audio_path.resolve()


def _leaks(lines: Sequence[Line], against: Sequence[Line], facts: Facts) -> Iterator[Finding]:
    def content(line: Line) -> str | None:
        return _content(line, facts)

    def text(line: Line) -> str | None:
        return line.text or None

    yield from _shared(Kind.LEAKED_AUDIO, lines, against, content, "{other} has the same audio.")
    yield from _shared(Kind.LEAKED_SPEAKER, lines, against, _speaker, "{key} speaks in {other} too.")
    yield from _shared(Kind.LEAKED_TEXT, lines, against, text, "{other} has the same text: {key!r}.")
    for manifest in dict.fromkeys(line.manifest for line in [*lines, *against]):
        of_manifest = [line for line in [*lines, *against] if line.manifest == manifest]
        without = [line for line in of_manifest if _speaker(line) is None]
        if without:
            counted = f"{len(without):,} of {len(of_manifest):,} lines have no speaker"
            yield Finding(Kind.NO_SPEAKER, without[0], f"{counted}, so nobody can tell whether splits share one.")


def _shared(
    kind: Kind, lines: Sequence[Line], against: Sequence[Line], key: Callable[[Line], str | None], message: str
) -> Iterator[Finding]:
    """Finds lines whose key also belongs to a line of another split."""
    others: dict[str | None, Line] = {}
    for other in against:
        others.setdefault(key(other), other)
    for line in lines:
        own = key(line)
        if own is not None and own in others:
            yield Finding(kind, line, message.format(key=own, other=others[own]))


def _speaker(line: Line) -> str | None:
    speaker = line.utterance.extra.get("speaker")
    return None if speaker is None or speaker == "" else str(speaker)
