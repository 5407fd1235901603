"""Which labels can be trusted.

Whisper writes fluent text for any input: for noise, music and silence phrases from subtitles, or one phrase many times,
and it may leave out half of what is said. Its own figures show much of that; comparing the length of the text with that
of the speech shows more. Text on which two recognisers agree is right more often than that of either.

Sources: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), for the limits of
compression and silence; Kahn et al., "Self-Training for End-to-End Speech Recognition" (ICASSP 2020), for filters by
repetition and confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hark.audio import peak
from training.audio_facts import AudioFacts
from training.config import Config
from training.findings import Line, findings
from training.labelling.ledger import NO_SPEECH
from training.labelling.recordings import Piece
from training.labelling.transcribers import Heard, Transcriber
from training.manifest import Utterance
from training.metrics import count_errors
from training.normaliser import normaliser

# Whisper's own limits. Compression shows repetition; a good text of a few sentences reaches 2 at most.
_MOST_COMPRESSION = 2.4
_MOST_NO_SPEECH = 0.6
# Characters a second of speech, pauses not counted.
_LEAST_RATE, _MOST_RATE = 4.0, 35.0
# Longest phrase in words, and how often in a row nobody says a single word ("no, no, no") or a longer phrase.
_LONGEST_PHRASE = 8
_MOST_WORD_REPEATS, _MOST_PHRASE_REPEATS = 3, 2


@dataclass(frozen=True)
class Limits:
    """What a label must reach.

    Attributes:
        confidence: the least geometric mean of its tokens' probabilities.
        disagreement: the highest WER of the second recogniser's text against the first's.
        config: of the training run whose lengths and labels it has to fit.
    """

    confidence: float
    disagreement: float
    config: Config = field(default_factory=Config)


@dataclass(frozen=True)
class Label:
    """The label of a piece; with a `reason` if it must not be used.

    Attributes:
        text: as the first recogniser wrote it.
        extra: figures of both recognisers, for the manifest.
        reason: a few words, the same for all pieces of their kind; "" where there is none.
    """

    text: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


def label(piece: Piece, first: Transcriber, second: Transcriber | None, limits: Limits) -> Label:
    """Labels a piece and judges the label; a piece that is already rejected is not recognised."""
    if piece.duration_s < limits.config.data.min_duration_s:
        return Label(reason="too short")
    speech_s = piece.speech_s
    if not speech_s:
        return Label(reason=NO_SPEECH)
    recognised = first.transcribe(piece.samples)
    normalised = normaliser(limits.config.language, tuple(limits.config.labels))
    text = normalised(recognised.text)
    extra: dict[str, Any] = {"language": limits.config.language}
    extra |= {"confidence": round(recognised.confidence, 4), "labelled_by": first.name}
    reason = fault(recognised, text, speech_s, limits) or check_fault(recognised.text, text, piece, limits.config)
    if not reason and second:
        other = normalised(second.transcribe(piece.samples).text)
        disagreement = count_errors([text], [other])[0].wer or 0.0
        extra |= {"agreed_by": second.name, "disagreement": round(disagreement, 4)}
        if disagreement > limits.disagreement:
            reason = "disagreement"
            extra["other_text"] = other
    return Label(recognised.text, extra, reason)


def fault(recognised: Heard, text: str, speech_s: float, limits: Limits) -> str:
    """Returns why a text is probably not what was said, or "".

    Args:
        recognised: what the recogniser returned.
        text: the same, normalised.
        speech_s: seconds of speech in which it was said.
        limits: what a label must reach.
    """
    if not text:
        return "empty text"
    if recognised.no_speech > _MOST_NO_SPEECH:
        return "no speech, by Whisper"
    if recognised.compression > _MOST_COMPRESSION or is_repetitive(text.split()):
        return "repetition"
    rate = len(text) / speech_s
    if rate > _MOST_RATE:
        return "too much text"
    if rate < _LEAST_RATE:
        return "too little text"
    return "low confidence" if recognised.confidence < limits.confidence else ""


def is_repetitive(words: Sequence[str]) -> bool:
    """Returns whether a word or phrase is repeated more often in a row than people do."""
    for length in range(1, _LONGEST_PHRASE + 1):
        most = _MOST_WORD_REPEATS if length == 1 else _MOST_PHRASE_REPEATS
        same = 0  # words in a row that equal those `length` words before
        for before, word in zip(words, words[length:], strict=False):
            same = same + 1 if word == before else 0
            if same >= most * length:
                return True
    return False


def check_fault(text: str, normalised: str, piece: Piece, config: Config) -> str:
    """Returns the first error that `training.check` would find in a piece, or ""."""
    path = Path("piece")
    line = Line(path, 1, Utterance(path, piece.duration_s, text), normalised)
    full_scale_share = 0.0  # is none of the errors
    facts = AudioFacts(piece.duration_s, peak(piece.samples), full_scale_share, piece.digest)
    errors = [finding for finding in findings([line], {path: facts}, config) if finding.kind.is_error]
    return errors[0].kind.title if errors else ""
