"""When the endpoint is asked again, and when somebody speaks."""

from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, Page

from .conftest import alone, until


@pytest.fixture(scope="module")
def pace(browser: Browser) -> Iterator[Page]:
    """A page that has `Pace`; `next_` is when a request may begin that follows others: [began, ended, refused]."""
    page = alone(browser, "pace.js", "Pace")
    until(page, "window.Pace")
    page.evaluate(
        """() => {
            window.gaps = (requests) => {
                const pace = new Pace();
                return requests.map(([began, ended, wanted]) => {
                    pace.begin(began);
                    if (wanted === undefined) pace.answered(ended);
                    else pace.refused(ended, wanted);
                    return began + pace.wait_ms(began) - began;
                });
            };
        }"""
    )
    yield page
    page.close()


def gaps(page: Page, *requests: tuple[float, ...]) -> list[float]:
    """Returns the milliseconds from the beginning of each request to that of the next one.

    Args:
        page: has `Pace`.
        requests: (began, ended) of one that was answered, (began, ended, Retry-After) of one that was refused; in ms.
    """
    found: list[float] = page.evaluate("(requests) => gaps(requests)", list(requests))
    return found


def test_the_first_request_need_not_wait(pace: Page) -> None:
    assert pace.evaluate("new Pace().wait_ms(0)") == 0


def test_quick_answers_are_asked_for_at_a_steady_pace(pace: Page) -> None:
    first, second = gaps(pace, (0, 100), (700, 750))
    assert first == second
    assert 500 <= first <= 800


def test_a_slow_endpoint_is_left_idle_for_a_part_of_the_time(pace: Page) -> None:
    assert gaps(pace, (0, 2000)) == [2500]


def test_a_refusal_doubles_the_wait_up_to_a_limit_and_answers_shorten_it_again(pace: Page) -> None:
    refused = [(20_000.0 * i, 20_000.0 * i, 0.0) for i in range(6)]
    answered = [(20_000.0 * i, 20_000.0 * i + 50) for i in range(6, 20)]
    found = gaps(pace, *refused, *answered)
    assert found[:6] == [2000, 4000, 8000, 16000, 16000, 16000]
    assert found[6:] == sorted(found[6:], reverse=True)
    assert found[6] > 8000
    assert found[-1] == gaps(pace, (0, 50))[0]


def test_what_the_endpoint_asks_for_is_respected(pace: Page) -> None:
    assert gaps(pace, (0, 100, 30_000)) == [30_100]
    assert gaps(pace, (0, 100, 500)) == [2100]


@pytest.fixture(scope="module")
def voice(browser: Browser) -> Iterator[Page]:
    """A page that has `Voice`."""
    page = alone(browser, "voice.js", "Voice")
    until(page, "window.Voice")
    yield page
    page.close()


def spoken(page: Page, levels_db: Sequence[float]) -> list[bool]:
    """Returns in which moments of 0.1 s somebody speaks."""
    found: list[bool] = page.evaluate(
        "(levels) => { const voice = new Voice(); return levels.map((level) => voice.hear(level, 0.1)); }",
        list(levels_db),
    )
    return found


@pytest.mark.parametrize("room_db", [-120, -70, -40])
def test_what_is_louder_than_the_room_is_speech(voice: Page, room_db: float) -> None:
    found = spoken(voice, [*[room_db] * 20, *[-25] * 20, *[room_db + 3] * 20])
    assert found == [False] * 20 + [True] * 20 + [False] * 20


def test_speech_from_the_start_is_heard_as_soon_as_there_is_a_gap_in_it(voice: Page) -> None:
    assert any(spoken(voice, [-20, -21, -20, -22, -35, -20]))


def test_a_room_that_grows_loud_is_no_speech_for_long(voice: Page) -> None:
    found = spoken(voice, [*[-80] * 50, *[-40] * 200])
    assert not any(found[-90:])


def test_silence_is_no_speech(voice: Page) -> None:
    assert not any(spoken(voice, [-120] * 30 + [-60] * 30))
