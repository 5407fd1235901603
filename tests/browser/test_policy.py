"""What the page may load and where it works; that nothing leaves its origin, every test here holds at its end."""

from typing import Any

from playwright.sync_api import Browser, Page

from . import server
from .conftest import SAMPLE, Open, ask, give, shown_words, until_ready


def test_the_policy_is_enforced_by_the_browser(browser: Browser, address: str) -> None:
    page = browser.new_page()  # one on which violations are no fault
    page.goto(f"{address}/")
    blocked = page.evaluate(
        """async () => {
            const blocked = [];
            document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
            const script = document.createElement("script");
            try { script.textContent = "window.injected = 1"; } catch { blocked.push("trusted types"); }
            try { document.body.innerHTML = "<b>x</b>"; } catch { blocked.push("markup"); }
            const image = document.createElement("img");
            image.src = new URL("/", "http://127.0.0.2:9/").href;
            await fetch("http://127.0.0.2:9/").catch(() => {});
            await new Promise((resolve) => setTimeout(resolve, 200));
            return blocked;
        }"""
    )
    page.close()
    assert {"trusted types", "markup", "img-src", "connect-src"} <= set(blocked)


def test_the_whole_page_fits_the_burst_that_a_route_lets_through(page: Page) -> None:
    entries = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    burst = 10  # ThrottlingBurst in template.yaml
    assert len(entries) + 1 <= burst


def test_a_second_visit_loads_only_the_page_itself_anew(page: Page) -> None:
    page.reload()
    until_ready(page)
    sizes = page.evaluate(
        """() => performance.getEntriesByType("resource")
            .map(({ name, transferSize }) => [name.split("/").pop(), transferSize])"""
    )
    assert [name for name, transferred in sizes if transferred] == ["health"]


def test_it_works_below_the_stage_of_an_api_gateway(open_page: Open, reply: dict[str, Any]) -> None:
    with server.staged("prod") as address:
        page = open_page(address)
        give(page, SAMPLE)
        assert shown_words(page) == reply["text"].split()
        status, headers, _ = ask(address)
        assert (status, headers["location"]) == (308, "prod/")
        page.goto(address)
        until_ready(page)
        assert page.url == f"{address}/"
        page.context.close()


def test_a_page_whose_health_check_fails_still_transcribes(page: Page, reply: dict[str, Any]) -> None:
    page.route("**/health", lambda route: route.fulfill(status=500))
    page.reload()
    page.wait_for_load_state("networkidle")
    give(page, SAMPLE)
    assert shown_words(page) == reply["text"].split()
