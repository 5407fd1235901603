"""Word vectors that others learned become rows of the table."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hark.errors import HarkError
from hark.punctuation import UNKNOWN_ROW, PunctuationSpec, packed
from training.punctuation.fit import _begin_with, read_names
from training.punctuation.network import PunctuationNetwork, Shape
from training.punctuation.vectors import choose_vocabulary, read_vectors, reduced


@pytest.fixture(params=["txt", "json"])
def file(request, tmp_path: Path) -> Path:
    vectors = {"the": [1.0, 0.5, 0.0], "dog": [0.0, 1.0, 2.0], "3rd": [0.0, 0.0, 1.0], "anna's": [1.0, 1.0, 1.0]}
    path = tmp_path / f"vectors.{request.param}"
    if request.param == "txt":
        lines = (f"{word} {' '.join(map(str, vector))}\n" for word, vector in vectors.items())
        path.write_text("".join(lines), encoding="utf-8")
    else:
        longer = {word: [*vector, 9.0, 7] for word, vector in vectors.items()}
        content = {"dimensions": 3, "words": list(vectors), "vectors": longer}
        path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_both_formats_are_read_in_order(file: Path) -> None:
    read = read_vectors(file)
    assert list(read) == ["the", "dog", "3rd", "anna's"]
    assert read["dog"].tolist() == [0.0, 1.0, 2.0]


def test_what_has_no_vectors_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    (tmp_path / "x.txt").write_text("the 1 2\ndog 1\n", encoding="utf-8")
    for name in ("x.json", "x.txt", "missing.txt"):
        with pytest.raises(HarkError, match=r"GloVe's format"):
            read_vectors(tmp_path / name)


def test_a_vocabulary_is_what_is_common_and_then_what_has_vectors(file: Path) -> None:
    vectors = read_vectors(file)
    words = [["the"] * 30 + ["whale"] * 25 + ["rare"] * 2]
    assert choose_vocabulary(words, vectors, 3) == ["the", "whale", "dog"]
    assert choose_vocabulary(words, vectors, 99) == ["the", "whale", "dog", "anna's"]
    assert choose_vocabulary(words, {}, 99) == ["the", "whale", "rare"]


def test_the_table_begins_with_their_principal_components() -> None:
    rng = np.random.default_rng(0)
    vectors = {f"word{i}": rng.normal(size=8).astype(np.float32) for i in range(30)}
    components = reduced(vectors, list(vectors), 5)
    assert set(components) == set(vectors)
    assert np.stack(list(components.values())).std() == pytest.approx(1, rel=1e-5)
    assert reduced({}, ["a"], 5) == {}
    spec = PunctuationSpec("toy", "1", packed(vectors), 7, (0.1,))
    network = PunctuationNetwork(Shape(embedding=5, rnn_size=4), spec.table_rows, 3)
    _begin_with(network, {**components, "unknown": np.ones(5, np.float32)}, spec)
    row = int(spec.rows(["word7"])[0, 0])
    assert torch.equal(network.table.weight[row], torch.from_numpy(components["word7"]))
    assert not network.table.weight[UNKNOWN_ROW].any()


def test_names_are_single_words_as_they_are_spoken(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("Zo\u00eb\nNew York\nAl\nAaron\n3M\n", encoding="utf-8")
    assert read_names([tmp_path / "names.txt"]) == ["aaron", "zoe"]
