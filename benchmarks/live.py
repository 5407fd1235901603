"""How soon words are read on the page while they are spoken: `python -m benchmarks.live [--write] [AUDIO]`.

In a real Chromium, against `make serve` on the same machine; its microphone hears a recording once, by default one that
a synthetic voice reads. A word's delay is from its end, in the recording that the page made, to the change of the page
that shows it. Needs `make test-browser`'s packages. `--write` puts the figures into benchmarks/live.json and, with the
most that a minute costs, into docs/page.md.
"""

import argparse
import json
import re
import sys
import tempfile
import textwrap
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks import cost
from benchmarks.conditions import conditions, model_name
from benchmarks.documents import write_block
from benchmarks.live_figures import FIGURES, LiveFigures
from events.synthesise import SAMPLE_RATE_HZ, synthesise
from hark import model_files
from hark.command import command
from hark.errors import HarkError
from hark.recognizer import Recognizer

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "page.md"

# As somebody may dictate: sentences of different lengths, with pauses between them, in seconds.
TEXTS = (
    ("Good morning, and thank you all for coming.", 0.5),
    ("I would like to begin with the results of the last three months, and then say a few words about the year.", 0.8),
    ("We opened two new offices in the north, and one of them is larger than we had planned.", 0.4),
    ("Is that a problem?", 0.9),
    ("I do not think so.", 0.3),
    ("The rent is low, the trains are good, and the people who work there asked us for more room.", 1.5),
    ("Let me turn to the costs.", 0.4),
    ("They rose by five per cent in the first month, fell a little in the second, and have not moved since.", 0.7),
    ("What we pay for power is the larger part of it, and nobody can say what it will be next winter.", 2.5),
    ("There were some questions about the garden behind the old house.", 0.5),
    ("The wall will be mended before the summer, and the children of the school may use the path by the river.", 0.6),
    ("If you have other questions, write them down and give them to me at the end of the meeting.", 0.8),
    ("I will answer all of them, though perhaps not today.", 3.5),
    ("One more thing before we have some coffee.", 0.4),
    ("The library has asked for volunteers who read to people that can no longer see well.", 0.5),
    ("It takes one hour a week, and those who have done it say that it is the best hour they have.", 0.7),
    ("Please speak with me, or with the woman at the front desk.", 0.4),
    ("Thank you very much.", 1.0),
)


def recording() -> np.ndarray:
    """Returns [samples] float32 of the texts as a synthetic voice reads them."""
    parts = [np.zeros(SAMPLE_RATE_HZ, np.float32)]
    for text, pause_s in TEXTS:
        parts += [synthesise(text), np.zeros(round(pause_s * SAMPLE_RATE_HZ), np.float32)]
    return np.concatenate(parts)


def measure(audio: Path, meanwhile: str) -> LiveFigures:
    """Speaks a WAV file into the page, once.

    Args:
        audio: what the microphone hears.
        meanwhile: what else the machine did.

    Raises:
        HarkError: nothing was read while it was spoken.
    """
    # Playwright comes with the tests of the page alone.
    from playwright.sync_api import sync_playwright

    from tests.browser import chromium, live, server
    from tests.browser.conftest import ask, until_ready

    seconds = sf.info(audio).duration
    with server.serving() as address, sync_playwright() as playwright:
        first = playwright.chromium.launch(executable_path=chromium.path(), args=chromium.flags(audio))
        with live.hearing(first, audio) as browser:
            page = browser.new_context(permissions=["microphone"]).new_page()
            page.goto(f"{address}/")
            until_ready(page)
            live.watch(page)
            page.click("#record")
            page.wait_for_timeout(1000 * seconds)
            seen = live.seen(page)
            requests = live.passes_bytes(page)
            page.click("#stop")
            page.wait_for_selector("#result:not([hidden])")
            reply = json.loads(ask(f"{address}/transcribe?text_style=spoken", live.sent(page))[2])
        first.close()
    words = [(spelt(word["word"]), word["start"], word["end"]) for word in reply["words"]]
    delays = delays_of(words, [(each.at_s, each.whole) for each in seen])
    settled = delays_of(words, [(each.at_s, each.settled) for each in seen])
    if not delays or not settled:
        raise HarkError("Nothing was read while it was spoken; does the page have its text while you speak?")
    minutes = seconds / 60
    return LiveFigures(
        conditions=f"{model_name(Recognizer(model_files.RECOGNISER))}; {conditions()}",
        meanwhile=meanwhile,
        minutes=round(minutes, 2),
        words=len(words),
        shown=round(len(delays) / len(words), 3),
        median_s=_quantile(delays, 0.5),
        q95_s=_quantile(delays, 0.95),
        q99_s=_quantile(delays, 0.99),
        settled_q95_s=_quantile(settled, 0.95),
        requests=round(len(requests) / minutes, 1),
        # WAV of 16 bits; where the machine was too slow, Opus, which is too small to count.
        audio_minutes=round(sum(requests) / 2 / SAMPLE_RATE_HZ / 60 / minutes, 2),
    )


def spelt(word: str) -> str:
    """Returns the letters of a word as it is written."""
    return re.sub(r"[^\w']", "", word.lower())


def delays_of(words: list[tuple[str, float, float]], seen: list[tuple[float, str]]) -> list[float]:
    """Returns the seconds from the end of each word to the first text that has it in its place.

    Args:
        words: (word, start, end) of what was said, in seconds since the recording began.
        seen: (seconds, text) of each text that was seen.
    """
    first: dict[int, float] = {}
    for at_s, text in seen:
        shown = [spelt(word) for word in text.split()]
        # What had not begun cannot be what is shown, though it may be the same word.
        begun = [word for word, start, _ in words if start < at_s]
        for block in SequenceMatcher(None, begun, shown, autojunk=False).get_matching_blocks():
            for i in range(block.a, block.a + block.size):
                first.setdefault(i, at_s - words[i][2])
    return list(first.values())


def _quantile(values: list[float], share: float) -> float:
    return round(float(np.quantile(values, share)), 2)


def block(figures: LiveFigures, dollars: float) -> str:
    """Says it in Markdown, with the dollars that a minute costs at most."""
    rows = [
        ("from the end of a word until it is read: median", f"{figures.median_s:.2f} s"),
        ("95 % of the words", f"{figures.q95_s:.2f} s"),
        ("99 % of the words", f"{figures.q99_s:.2f} s"),
        ("until it stays as it is, 95 % of the words", f"{figures.settled_q95_s:.2f} s"),
        ("words of the end that were read before it, as they are in the end", f"{100 * figures.shown:.0f} %"),
        ("requests in a minute", f"{figures.requests:.0f}"),
        ("audio sent in a minute", f"{figures.audio_minutes:.1f} minutes"),
        ("a minute of it on AWS at most, beside the transcript at the end", f"${dollars:.5f}"),
    ]
    note = (
        f"A synthetic voice read {figures.words} words in {figures.minutes:.1f} minutes to the page. Chromium and the "
        f"endpoint ran on one machine; {figures.meanwhile}. A network adds its own delay. {figures.conditions}. The "
        "cost is [computed](operations.md#what-it-costs), for somebody who never pauses."
    )
    table = [
        "| text while somebody speaks | measured |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
    ]
    return "\n".join([*table, "", *textwrap.wrap(note, 118)])


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", nargs="?", type=Path, help="a WAV file for the microphone; default: a synthetic voice")
    parser.add_argument(
        "--meanwhile", default="nothing else ran on it", help="what else the machine does, for the guide"
    )
    parser.add_argument("--write", action="store_true", help=f"write {FIGURES.name} and docs/page.md")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        audio = options.audio
        if audio is None:
            audio = Path(folder) / "speech.wav"
            sf.write(audio, recording(), SAMPLE_RATE_HZ, subtype="PCM_16")
        figures = measure(audio, options.meanwhile)
    said = block(figures, cost.as_live(cost.Speed.read(), cost.Passes.read(), cost.memory_mb()))
    if options.write:
        figures.write()
        write_block(DOCUMENT, "benchmarks.live", said)
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
