"""Measures the page with an hour's recording and 10,000 words: `python -m tests.browser.long_recording`.

The recording is the sample again and again; the words are made up, since only their number counts. What is measured is
the work of the page's thread, in CPU time, which other programs of the machine hardly change, for a step and the two
frames after it: a step that takes less than their 33 ms drops none of them, on a core of its own. Writes the table into
docs/page.md, between its two marks.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile as sf
from playwright.sync_api import Page, ViewportSize, sync_playwright

from benchmarks.documents import write_block
from tests.conftest import EVENTS, ROOT, encode

from . import chromium, server

DOCUMENT = ROOT / "docs" / "page.md"
SAMPLE = EVENTS / "sample.wav"
HOUR_S = 3600
WORDS = 10_000
WORDS_PER_SEGMENT = 8
STEPS = 60
SIZE: ViewportSize = {"width": 1280, "height": 900}
_PATIENCE_MS = 300_000


def reply() -> dict[str, Any]:
    """A reply of POST transcribe: an hour of sentences, a tenth of the words doubtful."""
    random = np.random.default_rng(1)
    vocabulary = [
        "the",
        "train",
        "coast",
        "leaves",
        "at",
        "nine",
        "in",
        "morning",
        "and",
        "old",
        "man",
        "will",
        "wait",
        "you",
    ]
    each_s = HOUR_S / WORDS
    words: list[dict[str, Any]] = []
    segments: list[dict[str, Any]] = []
    for first in range(0, WORDS, WORDS_PER_SEGMENT):
        own = [vocabulary[i] for i in random.integers(len(vocabulary), size=WORDS_PER_SEGMENT)]
        for n, word in enumerate(own):
            start = round((first + n) * each_s, 3)
            words.append({
                "word": word,
                "written": word.capitalize() if n == 0 else word,
                "punctuation": "." if n == WORDS_PER_SEGMENT - 1 else "",
                "start": start,
                "end": round(start + 0.8 * each_s, 3),
                "confidence": 0.5 if random.random() < 0.1 else 0.97,
            })  # fmt: skip
        text = " ".join(each["written"] + each["punctuation"] for each in words[-WORDS_PER_SEGMENT:])
        segments.append({
            "id": len(segments),
            "start": words[first]["start"],
            "end": words[-1]["end"],
            "text": text,
            "confidence": 0.9,
        })  # fmt: skip
    text = " ".join(each["text"] for each in segments)
    model = {"name": "made-up", "version": "1"}
    return {
        "text": text, "language": "en", "duration": HOUR_S, "words": words, "segments": segments, "model": model
    }  # fmt: skip


def recording() -> bytes:
    """An hour of speech as 16 kHz FLAC, which a browser decodes."""
    samples, rate_hz = sf.read(SAMPLE, dtype="float32")
    return encode(np.tile(samples, HOUR_S * rate_hz // len(samples) + 1)[: HOUR_S * rate_hz], rate_hz, "FLAC", "PCM_16")


class Work:
    """The CPU time of the page's thread.

    Args:
        page: to look at.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def _now_ms(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return 1000 * float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    def of(self, act: str | Callable[[], object]) -> float:
        """Returns the milliseconds of something, and of the two frames after it."""
        before_ms = self._now_ms()
        if callable(act):
            act()
        else:
            self._page.evaluate(f"() => {{ {act} }}")
        self._page.evaluate(_TWO_FRAMES)
        return self._now_ms() - before_ms

    def of_frames(self, act: str) -> list[float]:
        """Returns the milliseconds of a step, taken so many times."""
        return [self.of(act) for _ in range(STEPS)]


_TWO_FRAMES = "() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"


def memory_mb() -> float:
    """Returns the memory of the process that draws the page, the largest of its kind; what it shares by its share."""
    sizes = [0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                rollup = (process / "smaps_rollup").read_text().splitlines()
                sizes += [int(line.split()[1]) for line in rollup if line.startswith("Pss:")]
        except OSError:  # it has ended
            continue
    return max(sizes) / 1024


def measure(page: Page, address: str, file: Path) -> tuple[dict[str, list[float]], float]:
    """Opens the page, gives it the recording and works with it; returns what took how long, and the memory."""
    page.set_default_timeout(_PATIENCE_MS)
    page.route("**/transcribe*", lambda route: route.fulfill(json=reply()))
    page.goto(f"{address}/")
    page.wait_for_selector("#model:not(:empty)")
    work = Work(page)
    page.set_input_files("#file", file)

    def shown() -> None:
        page.wait_for_selector("#result:not([hidden])")

    found = {"to decode it, draw all of it and show the words, once": [work.of(shown)]}
    found["to scroll through the transcript"] = work.of_frames("scrollBy(0, 700)")
    page.evaluate("scrollTo(0, 0)")
    for _ in range(7):
        page.click("#zoom-in")
    found["to scroll through the spectrogram, zoomed in 128 times"] = work.of_frames(
        "document.getElementById('position').scrollLeft += 300"
    )
    page.locator("#transcript .word").first.focus()
    out = [work.of(lambda: page.keyboard.press("-")) for _ in range(6)]
    found["to zoom in or out"] = out + [work.of(lambda: page.keyboard.press("+")) for _ in range(6)]
    found["to follow what is heard"] = work.of_frames("document.getElementById('audio').currentTime += 3")
    page.evaluate("scrollTo(0, 0)")
    page.locator("#transcript .word").nth(WORDS // 2).focus()
    found["to go to the next doubtful word"] = [work.of(lambda: page.keyboard.press("d")) for _ in range(20)]
    changes = []
    for _ in range(10):
        page.keyboard.press("F2")
        page.keyboard.type("tram")
        changes.append(work.of(lambda: page.keyboard.press("Enter")))
        changes.append(work.of(lambda: page.keyboard.press("Control+z")))
    found["to correct a word, or undo that"] = changes
    page.keyboard.press("f")
    found["to find a word that is there 700 times"] = [work.of(lambda: page.fill("#query", "train"))]
    page.fill("#replacement", "tram")
    found["to replace it everywhere"] = [work.of(lambda: page.click("#replace-all"))]
    return found, memory_mb()


def table(found: dict[str, list[float]], mb: float) -> str:
    """Says in Markdown how much work each thing is."""
    lines = [
        f"An hour of sound and {WORDS:,} words in Chromium, {SIZE['width']} by {SIZE['height']} px: {mb:.0f} MB in the "
        "tab's process. The work of the page's thread for a step and the two frames after it, in ms of CPU time (above "
        "33, a frame is dropped):",
        "",
        "| | times | median | 95 % are below | most |",
        "|---|---|---|---|---|",
    ]
    for name, ms in found.items():
        middle, high = np.percentile(ms, [50, 95])
        lines.append(f"| {name} | {len(ms)} | {middle:.1f} | {high:.1f} | {max(ms):.1f} |")
    return "\n".join(lines)


def main() -> int:
    """Serves, opens, measures and writes."""
    # No server of AWS takes so much at once; what it would say is made up.
    serving = server.serving("--no-jobs", HARK_MAX_BODY_BYTES="1000000000")
    with serving as address, sync_playwright() as playwright, TemporaryDirectory() as folder:
        file = Path(folder) / "hour.flac"
        file.write_bytes(recording())
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=chromium.flags(SAMPLE))
        found, mb = measure(browser.new_page(viewport=SIZE), address, file)
        browser.close()
    block = table(found, mb)
    write_block(DOCUMENT, "tests.browser.long_recording", block)
    print(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
