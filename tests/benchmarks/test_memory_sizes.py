"""The advice on memory sizes, from what was measured."""

from benchmarks.memory_sizes import Size, advice, table
from benchmarks.speech import request, speech
from handler.app import lambda_handler
from local.event import LocalContext

# Half the time on twice the processors, up to one: beyond it one thread gains nothing.
SIZES = [Size(0.25, [8.0], [0.8]), Size(0.5, [4.0], [0.39]), Size(1.0, [2.0], [0.2]), Size(2.0, [1.9], [0.19])]


def test_it_names_the_cheapest_size_and_the_fastest_that_costs_about_as_much() -> None:
    said = advice(SIZES)
    assert said.startswith("Cheapest: 884 MB.")
    assert "the fastest is 1769 MB, 1.9 times as fast" in said


def test_one_size_may_be_both() -> None:
    assert advice(SIZES[2:]) == "Cheapest, and the fastest of those that cost about as much: 1769 MB."


def test_an_hour_costs_memory_times_time() -> None:
    assert SIZES[2].warm_hour_usd == 0.2 * 240 * 1769 / 1024 * 0.0000166667
    assert "| 1769 | 1 | 2.00 s | 200 ms | $0.00138 |" in table(SIZES)


def test_what_it_sends_is_a_request_that_is_answered() -> None:
    assert lambda_handler(request(speech(2)), LocalContext("1"))["statusCode"] == 200
