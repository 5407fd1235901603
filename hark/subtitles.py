"""Transcript -> subtitle files: SubRip and WebVTT.

Sources: W3C, "WebVTT: The Web Video Text Tracks Format"; SubRip has no specification but the files its players read.
"""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hark import cues
from hark.cues import DEFAULT, Layout
from hark.transcript import Transcript, Word


@dataclass(frozen=True)
class Cue:
    """What stands on the screen from `start_ms` to `end_ms`; said by `speaker`, where that is known."""

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str = ""


def lay_out(transcript: Transcript, layout: Layout = DEFAULT, named: bool = False) -> list[Cue]:
    """Makes a transcript's cues: they follow each other without overlap, each of so many lines, for 1 to 7 seconds.

    The last cue may stay past the end of a short recording, and one that follows a very short one begins late. Where
    channels were kept apart, that is so of each channel, and cues of two who speak at once are shown at once.

    Args:
        transcript: of whatever recording.
        layout: how much a cue holds.
        named: whether the name of who speaks stands in the text of each cue, as far as channels tell.
    """
    laid_out: list[Cue] = []
    for channel, words in transcript.words_by_channel().items():
        speaker = transcript.speakers.get(channel, "")
        lead = f"{speaker}:" if speaker and named else ""
        laid_out += [replace(cue, speaker=speaker) for cue in _cues(words, replace(layout, lead=lead))]
    return sorted(laid_out, key=lambda cue: cue.start_ms)


def _cues(words: Sequence[Word], layout: Layout) -> list[Cue]:
    """Makes the cues of one channel."""
    laid_out: list[Cue] = []
    first = 0
    for count in cues.spans(words, layout):
        for start_s, end_s, lines in _screens(words[first : first + count], layout):
            start_ms = max(round(start_s * 1000), laid_out[-1].end_ms if laid_out else 0)
            shown_s = min(max(end_s - start_ms / 1000, cues.MIN_S), cues.MAX_S)
            laid_out.append(Cue(start_ms, start_ms + round(shown_s * 1000), lines))
        first += count
    return laid_out


def _screens(words: Sequence[Word], layout: Layout) -> Iterator[tuple[float, float, tuple[str, ...]]]:
    """Parts the lines of what one cue says; only a word of more lines than it has makes more than one part."""
    lines = layout.lines(" ".join(word.text for word in words if word.text))
    lead = [layout.lead] if layout.has_lead_line else []
    if layout.lead and not lead and len(lines) > layout.max_lines:
        lead, lines = [layout.lead], replace(layout, lead="").lines(" ".join(word.text for word in words if word.text))
    start_s, end_s = words[0].start_s, words[-1].end_s
    line_s = (end_s - start_s) / max(len(lines), 1)
    for first in range(0, len(lines), layout.max_lines):
        last = min(first + layout.max_lines, len(lines))
        yield start_s + first * line_s, start_s + last * line_s, (*lead, *lines[first:last])


def srt(transcript: Transcript, layout: Layout = DEFAULT) -> str:
    """The transcript as a SubRip file; empty if nothing was said. Who speaks stands before the text."""
    return "\n".join(
        f"{number}\n{_time(cue.start_ms, ',')} --> {_time(cue.end_ms, ',')}\n" + "\n".join(cue.lines) + "\n"
        for number, cue in enumerate(lay_out(transcript, layout, named=True), 1)
    )


def vtt(transcript: Transcript, layout: Layout = DEFAULT) -> str:
    """The transcript as a WebVTT file; only its header if nothing was said. Who speaks is its voice: `<v Name>`."""
    return "WEBVTT\n" + "".join(
        f"\n{_time(cue.start_ms, '.')} --> {_time(cue.end_ms, '.')}\n{_voiced(cue)}\n"
        for cue in lay_out(transcript, layout)
    )


def _voiced(cue: Cue) -> str:
    text = "\n".join(html.escape(line, quote=False) for line in cue.lines)
    return f"<v {html.escape(cue.speaker, quote=False)}>{text}</v>" if cue.speaker else text


def _time(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"
