"""A real Chromium that speaks to a real `make serve`, and a page in it that nothing may go wrong on unseen."""

import base64
import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser, FilePayload, JSHandle, Page, Playwright, expect, sync_playwright

from handler.bundle import modules
from tests.conftest import EVENTS, ROOT
from tests.patience import PATIENCE_S

from . import chromium, server

SAMPLE = EVENTS / "sample.wav"
STATIC = ROOT / "handler" / "static"
KEY = "a-key-of-the-tests"
# Less than for a process to start: one page that never gets there shall not hold all the others up.
WAIT_MS = 1000 * PATIENCE_S // 4

Open = Callable[..., Page]


def ask(url: str, audio: bytes | None = None) -> tuple[int, dict[str, str], str]:
    """Asks the server without a browser; returns status, headers and text."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
    target = f"{parts.path}?{parts.query}"
    connection.request("POST" if audio else "GET", target, audio, {"Content-Type": "audio/wav"} if audio else {})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, text


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """What drives browsers; there can be one at a time."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="session")
def browser(driver: Playwright) -> Iterator[Browser]:
    """Chromium with a microphone that hears the sample; that none can run is an error, never a reason to skip."""
    program = driver.chromium.launch(executable_path=chromium.path(), args=chromium.flags(SAMPLE))
    yield program
    program.close()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The server under test."""
    # Ten minutes, so that a recording over the limit is small enough to be given to a page; jobs would take it.
    with server.serving("--no-jobs", HARK_MAX_AUDIO_S="600") as found:
        yield found


@pytest.fixture(scope="session")
def guarded_address() -> Iterator[str]:
    """The same, but that it wants `KEY`."""
    with server.serving(HARK_LOCAL_KEY=KEY) as found:
        yield found


@pytest.fixture(scope="session")
def reply(address: str) -> dict[str, Any]:
    """What the API replies to the sample."""
    found: dict[str, Any] = json.loads(ask(f"{address}/transcribe", SAMPLE.read_bytes())[2])
    return found


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page: open_page(address, **settings of the browser context); `ready` waits until it is.

    When the test is done, it fails if a script failed, the policy was violated, or anything went to another origin.
    """
    contexts = []
    faults: list[str] = []
    requests: list[tuple[str, str]] = []

    def open_(at: str = address, microphone: bool = True, ready: bool = True, **settings: Any) -> Page:
        permissions = ["microphone", "clipboard-read", "clipboard-write"] if microphone else []
        context = browser.new_context(permissions=permissions, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
        page.on("request", lambda request: requests.append((at, request.url)))
        page.goto(f"{at}/", wait_until="load" if ready else "commit")
        if ready:
            until_ready(page)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not faults
    origins = tuple("/".join(at.split("/")[:3]) for at, _ in requests)
    strangers = [url for (_, url), origin in zip(requests, origins, strict=True) if not _is_own(url, origin)]
    assert not strangers


def _is_own(url: str, origin: str) -> bool:
    return url.startswith((f"{origin}/", f"blob:{origin}/", "data:image/svg+xml,"))


@pytest.fixture
def page(open_page: Open) -> Page:
    """The page as a visitor finds it."""
    return open_page()


def alone(browser: Browser, module: str, *names: str) -> Page:
    """Returns a page with nothing but a module of the page's, what it exports under these names as global ones."""
    page = browser.new_page()
    given = "".join(f'window.{name} = $modules["{module}"].{name};' for name in names)
    page.set_content(f'<script type="module">{modules(STATIC / module)}{given}</script>')
    return page


def until(page: Page, condition: str) -> None:
    """Waits until a JavaScript expression is true.

    Playwright's own `wait_for_function` needs `eval` at every look, which the page's policy forbids.
    """
    for _ in range(WAIT_MS // 20):
        if page.evaluate(f"Boolean({condition})"):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"not true within {WAIT_MS} ms: {condition}")


def until_ready(page: Page) -> None:
    """Waits until the page has heard from the health check, which is the last thing it does at its start."""
    expect(page.locator("#model")).not_to_be_empty()


def give(page: Page, file: Path | bytes, name: str = "clip.wav", media_type: str = "audio/wav") -> None:
    """Chooses a file."""
    if isinstance(file, Path):
        page.set_input_files("#file", file)
    else:
        page.set_input_files("#file", files=[FilePayload(name=name, mimeType=media_type, buffer=file)])


def drop(page: Page, content: bytes, name: str, media_type: str) -> None:
    """Drops a file somewhere on the page, as a browser does."""
    transfer = carried(page, content, name, media_type)
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("main", event, {"dataTransfer": transfer})


def carried(page: Page, content: bytes, name: str, media_type: str) -> JSHandle:
    """Returns the DataTransfer object in which a browser hands a file over."""
    return page.evaluate_handle(
        """([base64, name, type]) => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type }));
            return transfer;
        }""",
        [base64.b64encode(content).decode(), name, media_type],
    )


def wait_for(page: Page, section: str) -> None:
    """Waits until a section is shown, and no other state."""
    page.wait_for_selector(f"#{section}:not([hidden])")


def shown_words(page: Page) -> list[str]:
    """Returns the words of the transcript."""
    wait_for(page, "result")
    return page.locator("#transcript .word").all_text_contents()


def paragraphs(page: Page) -> list[str]:
    """Returns the transcript's paragraphs, without times and speakers.

    They are read as they are in the document. Chromium lays a new paragraph out (`content-visibility: auto`) only once
    it has found it in sight, and until then its `innerText` is empty.
    """
    return [text.strip() for text in page.locator("#transcript p").all_text_contents()]


def repeated(speech: np.ndarray, seconds: float) -> np.ndarray:
    """Returns the speech over and over, for so long."""
    length = int(seconds * 16000)
    return np.tile(speech, length // len(speech) + 1)[:length]
