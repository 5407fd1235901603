"""A microphone that hears a recording once, and what the page shows of it meanwhile, moment by moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from . import chromium

# Notes every change of the text, in milliseconds of performance.now(), when the recording began, and what was sent.
_WATCH = """
    () => {
        window.seen = [];
        const text = document.getElementById("live-text");
        const read = (node) => [...node.querySelectorAll("p")].map((each) => each.textContent).join(" ");
        const note = () => {
            const settled = text.cloneNode(true);
            for (const node of settled.querySelectorAll(".open")) node.remove();
            window.seen.push({ at_ms: performance.now(), settled: read(settled).trim(), whole: read(text).trim() });
        };
        new MutationObserver(note).observe(text, { childList: true, subtree: true, characterData: true });
        const start = MediaRecorder.prototype.start;
        MediaRecorder.prototype.start = function (...given) {
            window.began_ms = performance.now();
            return start.apply(this, given);
        };
        window.passes_bytes = [];
        const ask = window.fetch;
        window.fetch = (path, options) => {
            if (options?.body) window.passes_bytes.push(options.body.size);
            return ask(path, options);
        };
        const send = XMLHttpRequest.prototype.send;
        XMLHttpRequest.prototype.send = function (body) {
            window.sent = body;
            return send.call(this, body);
        };
    }
"""


@dataclass(frozen=True)
class Seen:
    """What was seen of the text from one change to the next.

    Attributes:
        at_s: when, in seconds since the recording began.
        settled: what stays.
        whole: that, and what may still change.
    """

    at_s: float
    settled: str
    whole: str


@contextmanager
def hearing(browser: Browser, recording: Path) -> Iterator[Browser]:
    """Starts another browser of a kind, whose microphone hears a WAV file once, and then nothing."""
    arguments = chromium.flags(Path(f"{recording}%noloop"))
    program = browser.browser_type.launch(executable_path=chromium.path(), args=arguments)
    yield program
    program.close()


def watch(page: Page) -> None:
    """Notes what is seen from now on; before the recording begins."""
    page.evaluate(_WATCH)


def seen(page: Page) -> list[Seen]:
    """Returns what was seen."""
    notes: list[dict[str, Any]]
    notes, began_ms = page.evaluate("[seen, began_ms]")
    return [Seen((note["at_ms"] - began_ms) / 1000, note["settled"], note["whole"]) for note in notes]


def passes_bytes(page: Page) -> list[int]:
    """Returns the size of each pass over the last seconds, which browsers do not tell those who watch their network."""
    found: list[int] = page.evaluate("passes_bytes")
    return found


def sent(page: Page) -> bytes:
    """Returns the recording that was sent when it was stopped."""
    return bytes(page.evaluate("sent.arrayBuffer().then((bytes) => [...new Uint8Array(bytes)])"))
