"""What a caller writes costs as much time as it has characters: nothing in a form or a query is worth more than that.

Times are of the CPU, and bounds are several times what is measured, so that a busy machine fails nothing: what is kept
out is what grew with the square of its length, or its cube.
"""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from handler import form
from hark import hotwords
from hark.errors import RequestError

BOUND_S = 0.05
LABELS = ("", " ", "'", *"abcdefghijklmnopqrstuvwxyz")
PROMPTS = {
    "full stops and capitals": (". " * 1400 + "A " * 1300)[:4000],
    "full stops before a capital": ". " * 1999 + "AB",
    "punctuation before a capital": "." * 3999 + "A",
    "letters without a capital": "a" * 4000,
    "capitals": "A" * 4000,
    "letters and capitals": "aA" * 2000,
    "digits": "1" * 4000,
    "apostrophes": "A'" * 2000,
    "quotation marks": '"' * 4000,
    "one quotation mark": '"' + "a" * 3999,
    "commas": "," * 4000,
    "line breaks": "\n" * 4000,
    "marks over letters": "\u0316\u0301" * 2000,
    "characters that stand for many": "\ufdfa" * 4000,
    "colons": "x! A: b_ " * 444,
    "spaces": " " * 3999 + "A",
}


def seconds(work: Callable[[], object]) -> float:
    """Returns the least CPU time of three tries."""

    def once() -> float:
        since = time.process_time()
        with suppress(RequestError):
            work()
        return time.process_time() - since

    return min(once() for _ in range(3))


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_costs_next_to_nothing(name: str) -> None:
    assert seconds(lambda: hotwords.of_prompt(PROMPTS[name])) < BOUND_S


@pytest.mark.parametrize("name", PROMPTS)
def test_ten_times_the_prompt_costs_some_ten_times_as_much(name: str) -> None:
    prompt = PROMPTS[name]
    assert seconds(lambda: hotwords.of_prompt(prompt * 10)) < 10 * BOUND_S


def test_hot_words_of_single_letters_make_a_table_at_once() -> None:
    words = [" ".join(chr(97 + (i + j * (1 + i % 7)) % 26) for j in range(25)) for i in range(hotwords.MOST)]
    assert seconds(lambda: hotwords.table(words, LABELS)) < BOUND_S


def test_hot_words_that_are_all_alike_make_a_table_at_once() -> None:
    words = ["a " * length + "b" for length in range(24)] + ["a" * length for length in range(1, 50)]
    assert seconds(lambda: hotwords.table(words, LABELS)) < BOUND_S


FIELDS = {
    "commas as hot words": ("hotwords[]", "," * 3_000_000),
    "spaces as hot words": ("hotwords[]", " " * 3_000_000),
    "hot words of one letter": ("hotwords[]", ",".join("abcdefghij" * 749)),
    "a long prompt": ("prompt", "A. " * 1_000_000),
    "digits as a temperature": ("temperature", "1" * 3_000_000),
    "a language of many parts": ("language", "en" + "-a" * 1_500_000),
    "granularities": ("timestamp_granularities", "word," * 600_000),
    "an object of objects": ("chunking_strategy", "{" * 3_000_000),
    "digits without effect": ("beam_size", "1" * 3_000_000),
    "text without effect": ("user", "x" * 3_000_000),
    "digits as a number of lines": ("max_lines", "1" * 3_000_000),
    "an unknown field": ("colour", "x" * 3_000_000),
}


@pytest.mark.parametrize("name", FIELDS)
def test_three_megabytes_in_a_field_cost_no_more_than_in_the_file(name: str) -> None:
    field, value = FIELDS[name]

    def sent(text: bytes) -> bytes:
        return (
            b'--edge\r\nContent-Disposition: form-data; name="' + text + b"\r\n--edge\r\n"
            b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--edge--\r\n'
        )

    whole = sent(field.encode() + b'"\r\n\r\n' + value.encode())
    plain = sent(b'user"; filename="a"\r\n\r\n' + b"x" * len(value))
    kind = "multipart/form-data; boundary=edge"
    assert seconds(lambda: form.parse(whole, kind)) < BOUND_S + 5 * seconds(lambda: form.parse(plain, kind))


@pytest.mark.parametrize("filling", [b"\r\n--", b"\r\n", b"\r\n--edg", b"\r", b"-"])
def test_a_file_that_looks_like_the_end_of_a_part_costs_no_more(filling: bytes) -> None:
    def sent(content: bytes) -> bytes:
        head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        return head + content + b"\r\n--edge--\r\n"

    kind, size = "multipart/form-data; boundary=edge", 4_000_000
    plain = seconds(lambda: form.parse(sent(bytes(size)), kind))
    assert seconds(lambda: form.parse(sent(filling * (size // len(filling))), kind)) < BOUND_S + 5 * plain
