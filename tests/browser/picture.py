"""Takes the picture of the page for the README: `python -m tests.browser.picture` writes docs/page.png."""

import sys

from playwright.sync_api import ViewportSize, sync_playwright

from tests.conftest import EVENTS, ROOT

from . import chromium, server

OUTPUT = ROOT / "docs" / "page.png"
SAMPLE = EVENTS / "sample.wav"
SIZE: ViewportSize = {"width": 880, "height": 545}
# Where in the sample: about the middle, in a word.
MOMENT_S = 2.8
# Free fonts like those most visitors' systems have (packages fonts-inter and fonts-sil-charis); bare Debian has DejaVu.
FONTS = {"--sans": "Inter, system-ui", "--serif": "'Charis SIL', serif"}


def main() -> int:
    """Serves, opens, transcribes, and takes the picture."""
    with server.serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=chromium.flags(SAMPLE))
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.4, color_scheme="light")
        page.goto(f"{address}/")
        page.evaluate(f"Object.entries({FONTS}).forEach((font) => document.documentElement.style.setProperty(...font))")
        page.set_input_files("#file", SAMPLE)
        page.wait_for_selector("#result:not([hidden])")
        page.evaluate(f"document.getElementById('audio').currentTime = {MOMENT_S}")
        page.wait_for_selector('.word[aria-current="true"]')
        OUTPUT.parent.mkdir(exist_ok=True)
        page.screenshot(path=OUTPUT)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
