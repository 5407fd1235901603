"""One of a thing is written as one."""

from training.counts import counted


def test_one_is_singular_and_all_else_plural() -> None:
    assert [counted(number, "speaker") for number in (0, 1, 1200)] == ["0 speakers", "1 speaker", "1,200 speakers"]
