"""A recording that is mapped from a file is the same recording as its bytes in memory."""

import mmap
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from hark import audio, containers, unsaid_lengths
from hark.errors import InvalidAudio
from hark.mapped import opened
from tests.handler import fuzz

GOOD = fuzz.recordings()


@contextmanager
def mapped(data: bytes) -> Iterator[mmap.mmap]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as found:
            yield found


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_every_format_gives_the_same_samples(number: int) -> None:
    data = GOOD[number]
    with mapped(data) as found:
        assert containers.kind(found) == containers.kind(data)
        assert unsaid_lengths.says_no_length(found) is unsaid_lengths.says_no_length(data)
        np.testing.assert_array_equal(audio.decode(found, 16_000, 60), audio.decode(data, 16_000, 60))


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_what_is_cut_short_is_refused_in_the_same_words(number: int) -> None:
    data = GOOD[number][: len(GOOD[number]) // 2]
    said = []
    with mapped(data) as found:
        for each in (data, found):
            try:
                audio.decode(each, 16_000, 60)
                said.append("")
            except InvalidAudio as error:
                said.append(str(error))
    assert said[0] == said[1]


def test_a_mapping_reads_as_a_file_does() -> None:
    data = bytes(range(200))
    with mapped(data) as found:
        file, other = opened(found), opened(found)
        assert (file.read(3), file.tell(), other.tell()) == (data[:3], 3, 0)
        assert (file.seek(-5, 2), file.read()) == (195, data[195:])
        assert (file.read(1), file.seek(-2, 1), file.read(9)) == (b"", 198, data[198:])
        assert (file.seek(500), file.read(1), file.seek(-9, 0)) == (500, b"", 0)
