"""The beam search of `beam.c`: the same hypotheses as in NumPy, in a fifteenth of the time. See `hark.compiled`."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hark.compiled import address, fields
from hark.hotwords import Table
from hark.language_model import LanguageModel

# A hypothesis has this many integers of 64 bits, then floating-point numbers that are of use here, and one that is not.
_INTS, _FLOATS = 9, 5
_NUMBERS = _INTS + _FLOATS + 1


class _Model(ctypes.Structure):
    _fields_ = fields(
        "masks node_letters first_children node_words node_log_probs spelling log_probs signed_log_probs unigrams "
        "unigram_backoffs bigram_keys bigram_log_probs bigram_backoffs trigram_bounds trigram_words trigram_log_probs",
        "bigrams symbols contexts",
    )


class _HotWords(ctypes.Structure):
    _fields_ = fields("next gains within ends")


class _Search(ctypes.Structure):
    _fields_ = fields(
        "model hot first_letters letters spelt_as",
        "labels blank space beam",
        "alpha beta unknown_log_prob hotword_log_prob hotword_letter beam_width label_width most_gain",
    )


class _Results(ctypes.Structure):
    _fields_ = fields("hypotheses chain_labels chain_links", "count chained")


class CompiledSearch:
    """A search for one model's labels. Safe to use from several threads.

    Args:
        library: of `hark.compiled`.
        numbers: the fields of `beam.c`'s `Search` that are no arrays.
        first_letters: [labels + 1] where the letters of each label begin, and where the last ones end.
        letters: of all labels, as the trie knows them, the number of its letters for others; below 0 for a space.
        symbols: what the model of letters knows them as.
        language_model: or None.
        hot: the table of hot words, or None.
    """

    def __init__(
        self,
        library: ctypes.CDLL,
        numbers: dict[str, float],
        first_letters: NDArray[np.int64],
        letters: NDArray[np.int64],
        symbols: NDArray[np.int64],
        language_model: LanguageModel | None,
        hot: Table | None,
    ) -> None:
        self._library = library
        # The library reads these arrays where they lie, so they have to live as long as this does.
        self._arrays: list[NDArray[Any]] = []
        self._structs: list[ctypes.Structure] = []
        search = _Search(
            first_letters=self._address(first_letters),
            letters=self._address(letters),
            spelt_as=self._address(symbols),
            **numbers,
        )
        if language_model:
            search.model = self._struct(
                _Model(
                    **{name: self._address(array) for name, array in language_model.tables().items()},
                    bigrams=language_model.bigrams,
                    symbols=language_model.symbols,
                    contexts=language_model.symbols ** (language_model.spelling_context - 1),
                )
            )
        if hot:
            search.hot = self._struct(
                _HotWords(
                    next=self._address(hot.next),
                    gains=self._address(hot.gains),
                    within=self._address(hot.within),
                    ends=self._address(hot.ends),
                )
            )
        self._search = self._struct(search)

    def _address(self, array: NDArray[Any]) -> int:
        self._arrays.append(array)
        return address(array)

    def _struct(self, struct: ctypes.Structure) -> int:
        self._structs.append(struct)
        return ctypes.addressof(struct)

    def __call__(
        self, log_probs: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Searches a window.

        Args:
            log_probs: [frames, labels].

        Returns:
            what `hark.beam` has after the last frame: [9, hypotheses] and [5, hypotheses] states, and the chain's
            labels and links.

        Raises:
            MemoryError: there is not enough.
        """
        log_probs = np.ascontiguousarray(log_probs, np.float64)
        results = _Results()
        at = ctypes.addressof(results)
        if not self._library.hark_beam_search(self._search, address(log_probs), len(log_probs), at):
            raise MemoryError("not enough memory for the beam search")
        try:
            states = _copied(results.hypotheses, results.count * _NUMBERS).reshape(results.count, _NUMBERS)
            labels, links = (_copied(each, results.chained) for each in (results.chain_labels, results.chain_links))
        finally:
            self._library.hark_beam_free(at)
        return states[:, :_INTS].T, states.view(np.float64)[:, _INTS : _INTS + _FLOATS].T, labels, links

    def text_score(self, labels: NDArray[np.int64]) -> float:
        """What language model and hot words add to a text of [labels], but for what hot words earn at its end."""
        return float(self._library.hark_text_score(self._search, address(labels), len(labels)))


def _copied(address: int, count: int) -> NDArray[np.int64]:
    return np.frombuffer(ctypes.string_at(address, 8 * count), np.int64)
