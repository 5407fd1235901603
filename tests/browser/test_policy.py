"""What the page may load and where it works; that nothing leaves its origin, every test here holds at its end."""

from typing import Any

from playwright.sync_api import Browser, Page, expect

from . import server
from .conftest import SAMPLE, Open, ask, give, shown_words, until, until_ready

PAINTED = "performance.getEntriesByName('first-contentful-paint').length"


def test_the_policy_is_enforced_by_the_browser(browser: Browser, address: str) -> None:
    page = browser.new_page()  # one on which violations are no fault
    page.goto(f"{address}/")
    blocked = page.evaluate(
        """async () => {
            const blocked = [];
            document.addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
            const script = document.createElement("script");
            try { script.textContent = "window.injected = 1"; } catch { blocked.push("trusted types"); }
            // Though the page's own script may make one for the thread that hears the microphone.
            const made = URL.createObjectURL(new Blob(["window.injected = 1"], { type: "text/javascript" }));
            try { script.src = made; } catch { blocked.push("script of a blob"); }
            try { new Worker(made); } catch { blocked.push("worker of a blob"); }
            try { document.body.innerHTML = "<b>x</b>"; } catch { blocked.push("markup"); }
            const image = document.createElement("img");
            image.src = new URL("/", "http://127.0.0.2:9/").href;
            await fetch("http://127.0.0.2:9/").catch(() => {});
            await new Promise((resolve) => setTimeout(resolve, 200));
            return blocked;
        }"""
    )
    page.close()
    expected = {"trusted types", "markup", "script of a blob", "worker of a blob", "img-src", "connect-src"}
    assert expected <= set(blocked)


def test_a_visit_is_two_requests_and_the_first_paints(page: Page) -> None:
    entries = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name.split('/').pop())")
    assert entries == ["health"]
    until(page, PAINTED)  # a busy machine may have the answer before it shows a frame
    painted_ms, asked_ms, answered_ms = page.evaluate(
        """() => [
            performance.getEntriesByName("first-contentful-paint")[0].startTime,
            performance.getEntriesByType("navigation")[0].responseEnd,
            performance.getEntriesByType("resource")[0].responseEnd,
        ]"""
    )
    assert painted_ms - asked_ms < 1000
    assert answered_ms > asked_ms


def test_the_first_paint_waits_for_no_second_request(address: str, browser: Browser) -> None:
    page = browser.new_page()
    page.route("**/health", lambda route: None)  # never answered
    page.goto(f"{address}/", wait_until="commit")
    expect(page.locator("#record")).to_be_visible()
    until(page, PAINTED)
    page.close()


def test_two_visitors_at_once_stay_below_the_throttle(open_page: Open, reply: dict[str, Any]) -> None:
    with server.throttled() as (address, requests):
        pages = [open_page(address, ready=False) for _ in range(2)]  # the second comes while the first one loads
        for page in pages:
            until_ready(page)
            give(page, SAMPLE)
        for page in pages:
            assert shown_words(page) == reply["text"].split()
        for page in pages:
            page.context.close()
    assert {status for _, status in requests} == {200}
    assert sorted(path for path, _ in requests) == ["/", "/", *["/health"] * 2, *["/transcribe"] * 2]


def test_a_burst_of_visitors_gets_a_page_that_works_all_the_same(open_page: Open, reply: dict[str, Any]) -> None:
    with server.throttled() as (address, requests):
        for _ in range(8):
            ask(address)
        page = open_page(address, ready=False)  # whose health check may come too late
        page.wait_for_load_state("networkidle")
        give(page, SAMPLE)
        assert shown_words(page) == reply["text"].split()
        page.context.close()
    assert len(requests) == 11


def test_a_second_visit_is_told_that_nothing_has_changed(page: Page) -> None:
    with page.expect_response(lambda response: response.url.endswith("/")) as answer:
        page.reload()
    until_ready(page)
    size = page.evaluate("performance.getEntriesByType('navigation')[0].transferSize")
    assert answer.value.status in (200, 304)  # Chromium tells scripts of the 200 that it had kept
    assert size < 1000


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
