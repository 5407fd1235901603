"""CTC prefix beam search with a language model and hot words: log-probabilities of a few frames -> the best texts.

Written here since no library would do (November 2026): flashlight-text and kenlm have no wheels for Python 3.13;
pyctcdecode 0.5.0 pins NumPy below 2 and walks its beams in Python; fast-ctc-decode 0.3.7 knows neither a language model
nor hot words.

Here all hypotheses of a frame are one array, and a frame costs NumPy a hundred or so calls however wide the beam is.
`beam.c` takes the same steps hypothesis by hypothesis, finds the same and is the one that runs where it was compiled
(`hark.compiled`): what is written here says what it does.

Sources: Graves, "Sequence Transduction with Recurrent Neural Networks" (2012) and Hannun et al., "First-Pass Large
Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs" (2014) for the search.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from ctypes import CDLL
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hark import alphabet, compiled, ctc, hotwords
from hark.beam_compiled import CompiledSearch
from hark.language_model import EDGE, LanguageModel, WordContext
from hark.word_alternatives import SEARCHED, Change

# The least score; infinities would give NaN where they meet.
_NEVER = -1e30
# Prefixes are told apart by a polynomial hash of 64 bits, which overflows on purpose.
_HASH_BASE = np.array(0x9E3779B97F4A7C15, np.uint64).view(np.int64)

# What a space is among the letters of a label, and what is behind the last of them.
_SPACE, _NO_LETTER = -1, -2

# The end of a word, for any number of words.
_EDGES = np.array(EDGE)

# Rows of the states of hypotheses, a column each. All integers lie in one array and all floats in another, since a call
# of NumPy takes longer than what it does here: choosing columns is one call for all rows. The first of either, as far
# as `_KNOWN_INTS` and `_KNOWN_FLOATS`, are what `_Knowledge` knows; see there.
_NODE, _CONTEXT, _WORD, _BIGRAM, _HOT = range(5)
_KNOWN_INTS = 5
_SPELT, _BEGUN = range(2)
_KNOWN_FLOATS = 2
# The last label, the chain's last link, and the hashes of the text and of the text without its last label.
_LAST, _LINK, _TEXT, _PARENT = range(_KNOWN_INTS, _KNOWN_INTS + 4)
# Log-probability of what was heard with a blank in the last frame, and with none; what is known of the text.
_IN_BLANK, _IN_LABEL, _KNOWN = range(_KNOWN_FLOATS, _KNOWN_FLOATS + 3)


@dataclass(frozen=True)
class Weights:
    """How a search weighs what it knows; `benchmarks.decoding` finds them.

    Attributes:
        alpha: factor of the language model's log-probabilities.
        beta: what each word earns.
        unknown_log_prob: the language model's log-probability of a word out of its vocabulary, before its letters.
        hotword_log_prob: the least log-probability of a hot word by the language model, in any context.
        hotword_letter: what each letter of a hot word earns besides.
        beam: how many hypotheses are kept after a frame.
        hotword_beam: the same where there are hot words, whose beginnings take the room of others.
        beam_width: those whose score is lower than the best one's by more than this are not.
        label_width: labels of a frame that are less likely than the best one by more than this, in logarithms, are
            not tried.
    """

    alpha: float = 1.0
    beta: float = -0.25
    unknown_log_prob: float = -6.0
    hotword_log_prob: float = -8.0
    hotword_letter: float = 0.5
    beam: int = 50
    hotword_beam: int = 100
    beam_width: float = 14.0
    label_width: float = 7.0

    def __post_init__(self) -> None:
        """Raises ValueError where no search could go by them."""
        if min(self.beam, self.hotword_beam) < 1 or not all(map(math.isfinite, dataclasses.astuple(self))):
            raise ValueError("beams have a hypothesis at least, and weights are finite numbers")


@dataclass(frozen=True)
class Hypothesis:
    """A text the search found.

    Attributes:
        labels: indices into the model's labels, without blanks; merged repeats.
        score: natural logarithm of its probability, with what language model and hot words added to it.
    """

    labels: tuple[int, ...]
    score: float


class _Knowledge:
    """What is known of texts beside what was heard: a language model and hot words, either of which may be absent.

    Its state of a hypothesis is a column of integers and one of floats:

    - the trie node of the word that has been begun, 0 between words and -1 for a word out of the vocabulary;
    - the last letters, for the model of letters;
    - the last word and the bigram it ends, as `WordContext` has them;
    - the state in the table of hot words;
    - the log-probability of the begun word's letters by the model of letters;
    - the log-probability of the begun word as it has been counted so far.

    A label of several letters does what they do one after the other, beginning with the space before them.

    Args:
        labels: what each label spells.
        weights: see `Weights`.
        language_model: or None.
        hot: hot words, as `hark.hotwords.spelt` writes them.
    """

    def __init__(
        self, labels: Sequence[str], weights: Weights, language_model: LanguageModel | None, hot: Sequence[str]
    ) -> None:
        self._weights = weights
        self._lm = language_model
        self._hot = hotwords.table(hot, labels) if hot else None
        self.space = labels.index(" ") if " " in labels else -1
        self._labels = len(labels)
        # [labels, letters of the longest one]: what each of them is to the trie, and to the model of letters. A letter
        # that the language model lacks leads out of the trie, and is spelt like the end of a word.
        numbers = {letter: number for number, letter in enumerate(language_model.letters)} if language_model else {}
        self._letters = np.full((len(labels), max(map(len, labels))), _NO_LETTER)
        for row, label in zip(self._letters, labels, strict=True):
            row[: len(label)] = [_SPACE if letter == " " else numbers.get(letter, len(numbers)) for letter in label]
        self._symbols = np.where((self._letters >= 0) & (self._letters < len(numbers)), self._letters + 1, EDGE)
        self._spells_by_letter = self._letters.shape[1] == 1
        bonus = max(weights.beta, 0.0) if language_model else 0.0
        # What one more label may add to a score. The language model mostly takes away; where a word ends it may give
        # some back, which whoever is further behind than the beam is wide hardly needs.
        self.most_gain = bonus + (weights.hotword_letter * float(self._hot.gains.max()) if self._hot else 0.0)

    def compiled(self, library: CDLL, weights: Weights, blank: int) -> CompiledSearch:
        """Returns a search that knows the same, in `beam.c`; `weights` are the search's own."""
        numbers = dataclasses.asdict(weights) | {
            "labels": self._labels,
            "blank": blank,
            "space": self.space,
            "most_gain": self.most_gain,
        }
        del numbers["hotword_beam"]
        there = self._letters != _NO_LETTER
        first = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        return CompiledSearch(library, numbers, first, self._letters[there], self._symbols[there], self._lm, self._hot)

    def start(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The state of the empty text, [5, 1] and [2, 1]."""
        return np.array([[0], [0], [-1], [-1], [0]]), np.zeros((2, 1))

    def extend(
        self,
        ints: NDArray[np.int64],
        floats: NDArray[np.float64],
        labels: NDArray[np.int64],
        new_ints: NDArray[np.int64],
        new_floats: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Puts a label behind each text.

        Args:
            ints: [5 or more, texts] states.
            floats: [2 or more, texts] states.
            labels: [texts].
            new_ints: [5 or more, texts] where the new states go; what lies beyond them is left alone.
            new_floats: [2 or more, texts] likewise.

        Returns:
            [texts] what it adds to the scores.
        """
        new_ints[_NODE:_KNOWN_INTS] = ints[_NODE:_KNOWN_INTS]
        if self._hot:
            new_ints[_HOT] = self._hot.next[ints[_HOT], labels]
        if not self._lm:
            new_floats[:_KNOWN_FLOATS] = floats[:_KNOWN_FLOATS]
            return self._hot_gains(ints, labels)
        within = self._hot.within[new_ints[_HOT]] if self._hot else None
        if self._spells_by_letter:
            gains = self._spell(ints, floats, labels, 0, within, new_ints, new_floats)
        else:
            gains = np.zeros(len(labels))
            # Hot words end by the state before the label, which has its only space in front.
            state, heard = ints[:_KNOWN_INTS].copy(), floats[:_KNOWN_FLOATS].copy()
            for place in range(self._letters.shape[1]):
                (rows,) = (self._letters[labels, place] != _NO_LETTER).nonzero()
                next_state, next_heard = state[:, rows], heard[:, rows]
                gains[rows] += self._spell(
                    *(state[:, rows], heard[:, rows], labels[rows], place),
                    *(None if within is None else within[rows], next_state, next_heard),
                )
                state[:, rows], heard[:, rows] = next_state, next_heard
            state[_HOT] = new_ints[_HOT]
            new_ints[:_KNOWN_INTS], new_floats[:_KNOWN_FLOATS] = state, heard
        return gains + self._hot_gains(ints, labels) if self._hot else gains

    def _spell(
        self,
        ints: NDArray[np.int64],
        floats: NDArray[np.float64],
        labels: NDArray[np.int64],
        place: int,
        within: NDArray[np.bool_] | None,
        new_ints: NDArray[np.int64],
        new_floats: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Puts one letter of a label behind each text: that at `place`, which each of the labels has.

        `within` says of which texts what is begun with the label may become a hot word; None where there are none. The
        rest is as for `extend`.
        """
        assert self._lm
        letters, symbols = self._letters[labels, place], self._symbols[labels, place]
        nodes = self._lm.children(ints[_NODE], np.maximum(letters, 0))
        spelt = floats[_SPELT] + self._lm.spelling(ints[_CONTEXT], symbols)
        begun = np.where(nodes >= 0, self._lm.node_log_probs[nodes], self._weights.unknown_log_prob + spelt)
        if within is not None:
            begun = self._at_least(begun, within)
        gains: NDArray[np.float64] = self._weights.alpha * (begun - floats[_BEGUN])
        new_ints[_NODE] = nodes
        new_ints[_CONTEXT] = self._lm.next_context(ints[_CONTEXT], symbols)
        new_floats[_SPELT] = spelt
        new_floats[_BEGUN] = begun
        (ended,) = (letters == _SPACE).nonzero()
        if len(ended):
            gains[ended], new_ints[_WORD, ended], new_ints[_BIGRAM, ended] = self._end_words(
                ints.take(ended, 1), floats.take(ended, 1)
            )
            new_ints[: _CONTEXT + 1, ended] = 0
            new_floats[:_KNOWN_FLOATS, ended] = 0
        return gains

    def _hot_gains(self, ints: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        if not self._hot:
            return np.zeros(len(labels))
        gains: NDArray[np.float64] = self._weights.hotword_letter * self._hot.gains[ints[_HOT], labels]
        return gains

    def _at_least(self, log_probs: NDArray[np.float64], hot: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Raises log-probabilities of hot words."""
        return np.where(hot, np.maximum(log_probs, self._weights.hotword_log_prob), log_probs)

    def finish(self, ints: NDArray[np.int64], floats: NDArray[np.float64]) -> NDArray[np.float64]:
        """[texts] what the end of the window adds to the scores."""
        gains = self._end_words(ints, floats)[0] if self._lm else np.zeros(ints.shape[1])
        return gains + (self._weights.hotword_letter * self._hot.end_gains[ints[_HOT]] if self._hot else 0.0)

    def of_text(self, labels: Sequence[int]) -> float:
        """Returns what is added to the score of a whole text."""
        ints, floats = self.start()
        score = 0.0
        for label in labels:
            new_ints, new_floats = np.empty_like(ints), np.empty_like(floats)
            score += float(self.extend(ints, floats, np.array([label]), new_ints, new_floats)[0])
            ints, floats = new_ints, new_floats
        return score + float(self.finish(ints, floats)[0])

    def has(self, word: str) -> bool:
        """Says whether a word is in the vocabulary; without one, every word is."""
        return self._lm is None or self._lm.number(word) >= 0

    def hot_end(self, labels: Sequence[int]) -> float:
        """Returns what hot words earn at the end of a text; a part of `of_text`."""
        if not self._hot:
            return 0.0
        state = 0
        for label in labels:
            state = int(self._hot.next[state, label])
        return float(self._weights.hotword_letter * self._hot.end_gains[state])

    def _end_words(
        self, ints: NDArray[np.int64], floats: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """Counts the words that have been begun as whole; returns what that adds, and [texts] words and bigrams."""
        assert self._lm
        nodes, contexts, words, bigrams = ints[: _BIGRAM + 1]
        numbers = self._lm.node_words[nodes]
        known = (nodes >= 0) & (numbers >= 0)
        log_probs, after = self._lm.after(WordContext(words, bigrams), np.where(known, numbers, 0))
        unknown = self._weights.unknown_log_prob + floats[_SPELT] + self._lm.spelling(contexts, _EDGES)
        whole = np.where(known, log_probs, unknown)
        if self._hot:
            whole = self._at_least(whole, self._hot.ends[ints[_HOT]])
        gains = self._weights.alpha * (whole - floats[_BEGUN]) + self._weights.beta
        # Between words no word ends.
        between = (nodes == 0) & (contexts == 0)
        return (
            np.where(between, 0.0, gains),
            np.where(between, words, np.where(known, after.words, -1)),
            np.where(between, bigrams, np.where(known, after.bigrams, -1)),
        )


class BeamSearch:
    """A search for one model's labels. Safe to use from several threads.

    Args:
        labels: what each label spells, "" for the blank; see `hark.spec.ModelSpec`.
        blank: the index of the blank.
        weights: see `Weights`.
        language_model: None to go by the acoustic model alone.
        hot: hot words, as `hark.hotwords.spelt` writes them.
    """

    def __init__(
        self,
        labels: Sequence[str],
        blank: int,
        weights: Weights,
        language_model: LanguageModel | None = None,
        hot: Sequence[str] = (),
    ) -> None:
        self._labels = labels
        self._alphabet = alphabet.of(tuple(labels))
        self._blank = blank
        self._weights = dataclasses.replace(weights, beam=max(weights.beam, weights.hotword_beam)) if hot else weights
        self._knowledge = _Knowledge(labels, weights, language_model, hot)
        library = compiled.library()
        self._compiled = self._knowledge.compiled(library, self._weights, blank) if library else None

    def __call__(self, log_probs: NDArray[np.float32], best: int = 1) -> list[Hypothesis]:
        """Searches a window.

        Args:
            log_probs: [frames, labels] natural log-probabilities; frames may be 0.
            best: how many texts to return.

        Returns:
            the best texts, the best first, no two with the same words; fewer where the search found no more.

        Raises:
            ValueError: these are not log-probabilities of the model's labels.
        """
        if log_probs.shape[1:] != (len(self._labels),) or np.isnan(log_probs).any():
            raise ValueError(f"log-probabilities of {len(self._labels)} labels are searched, not {log_probs.shape}")
        hypotheses = _Hypotheses(self._knowledge, self._weights, self._blank)
        if self._compiled:
            hypotheses.take(*self._compiled(log_probs.astype(np.float64)))
        else:
            hypotheses.hear(log_probs.astype(np.float64))
        scores = hypotheses.final_scores()
        distinct: dict[str, Hypothesis] = {}
        for row in np.argsort(-scores, kind="stable").tolist():
            labels = hypotheses.labels_of(row)
            text = " ".join("".join(self._labels[label] for label in labels).split())
            distinct.setdefault(text, Hypothesis(labels, float(scores[row])))
            if len(distinct) == best:
                break
        return list(distinct.values())

    def knows(self, word: str) -> bool:
        """Says whether a word can be spelt, and is in the language model, if there is one."""
        return self._alphabet.spell(word) is not None and self._knowledge.has(word)

    def texts(self, log_probs: NDArray[np.float32], best: int = SEARCHED) -> list[str]:
        """Returns the best texts of a window, the best first, words apart by single spaces."""
        return [alphabet.joined(self._labels[label] for label in each.labels) for each in self(log_probs, best)]

    def change_scores(
        self, words: Sequence[str], changes: Iterable[Change], log_probs: NDArray[np.float32], language: float = 1.0
    ) -> dict[Change, float]:
        """Returns by how much changes of a text are likelier than the text, by CTC and what the search knows.

        Args:
            words: of the text.
            changes: to score; those that cannot be spelt in the frames there are, are left out.
            log_probs: [frames, labels] natural log-probabilities of the window.
            language: factor of what language model and hot words add.
        """
        base = self._alphabet.spell(" ".join(words))
        if base is None:
            return {}
        spelt = {change: self._alphabet.spell(change.of(words)) for change in changes}
        texts = {change: labels for change, labels in spelt.items() if labels is not None}
        own, *frames = ctc.log_probs_near(log_probs, base, [base, *texts.values()], self._blank)
        own += language * self.text_score(base)
        scores = {
            change: heard + language * self.text_score(labels) - own
            for (change, labels), heard in zip(texts.items(), frames, strict=True)
        }
        return {change: each for change, each in scores.items() if math.isfinite(each)}

    def text_score(self, labels: Sequence[int]) -> float:
        """Returns what language model and hot words add to the score of a whole text, by its labels without blanks.

        Raises:
            ValueError: a label is the blank, or none of the model's.
        """
        if not all(0 <= label < len(self._labels) and label != self._blank for label in labels):
            raise ValueError(f"{list(labels)} are not all labels of the model that are no blank")
        if not self._compiled:
            return self._knowledge.of_text(labels)
        return self._compiled.text_score(np.array(labels, np.int64)) + self._knowledge.hot_end(labels)


class _Hypotheses:
    """The hypotheses after some frames, one a row. Those of a frame are texts that all differ.

    What was heard is kept apart by whether the last frame was a blank, as CTC needs; what is known of the text is added
    to both parts.

    Args:
        knowledge: of texts.
        weights: see `Weights`.
        blank: the index of the blank.
    """

    def __init__(self, knowledge: _Knowledge, weights: Weights, blank: int) -> None:
        self._knowledge = knowledge
        self._weights = weights
        self._blank = blank
        # One hypothesis, the empty text.
        ints, floats = knowledge.start()
        self._ints = np.concatenate([ints, [[-1], [0], [1], [0]]])
        self._floats = np.concatenate([floats, [[0.0], [_NEVER], [0.0]]])
        # Texts are chains: the label that each link adds, and the link before. Link 0 is the empty text.
        self._chain_labels, self._chain_links = [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
        self._chained = 1

    def take(
        self,
        ints: NDArray[np.int64],
        floats: NDArray[np.float64],
        chain_labels: NDArray[np.int64],
        chain_links: NDArray[np.int64],
    ) -> None:
        """Takes over what `hark.beam_compiled` found, instead of `hear`."""
        self._ints, self._floats = ints, floats
        self._chain_labels, self._chain_links = [chain_labels], [chain_links]

    def hear(self, log_probs: NDArray[np.float64]) -> None:
        """Takes in [frames, labels] log-probabilities."""
        if not len(log_probs):
            return
        tried = log_probs >= log_probs.max(axis=1, keepdims=True) - self._weights.label_width
        alone = np.where(tried.sum(axis=1) == 1, tried.argmax(axis=1), -1)
        # Where one label is all that is likely for several frames, hypotheses got it with the first of them.
        stays = (alone == self._blank) | ((alone >= 0) & (alone == np.concatenate([[-1], alone[:-1]])))
        tried[:, self._blank] = False
        frames, labels = np.nonzero(tried)
        bounds = np.searchsorted(frames, np.arange(len(log_probs) + 1)).tolist()
        for number, (frame, stay) in enumerate(zip(log_probs, stays.tolist(), strict=True)):
            if stay:
                self._stay(frame, self._acoustic())
            else:
                self._step(frame, labels[bounds[number] : bounds[number + 1]])

    def _acoustic(self) -> NDArray[np.float64]:
        """[hypotheses] log-probabilities of what was heard, with a blank at the end or without."""
        acoustic: NDArray[np.float64] = np.logaddexp(self._floats[_IN_BLANK], self._floats[_IN_LABEL])
        return acoustic

    def _stay(self, frame: NDArray[np.float64], acoustic: NDArray[np.float64]) -> None:
        """Counts the frame as one more of what hypotheses end with; `acoustic` is what they were before it."""
        np.add(acoustic, frame[self._blank], out=self._floats[_IN_BLANK])
        self._floats[_IN_LABEL] += frame[self._ints[_LAST]]

    def _step(self, frame: NDArray[np.float64], tried: NDArray[np.int64]) -> None:
        ints, floats = self._ints, self._floats
        last, texts = ints[_LAST], ints[_TEXT]
        # [hypotheses, labels tried]: without a blank between, a label repeated is still the same one.
        acoustic = self._acoustic()
        repeated = last[:, None] == tried
        more = np.where(repeated, floats[_IN_BLANK][:, None], acoustic[:, None])
        more += frame[tried]
        if self._knowledge.space >= 0:
            more[repeated & (tried == self._knowledge.space)] = _NEVER
        self._stay(frame, acoustic)
        # Where the text with the label is a hypothesis already, what was heard is added up.
        rows, before = _where(ints[_PARENT][:, None] == texts)
        columns = np.minimum(tried.searchsorted(last[rows]), len(tried) - 1)
        there = tried[columns] == last[rows]
        rows, before, columns = rows[there], before[there], columns[there]
        floats[_IN_LABEL, rows] = np.logaddexp(floats[_IN_LABEL, rows], more[before, columns])
        more[before, columns] = _NEVER

        staying = self._acoustic() + floats[_KNOWN]
        # What is lost in any case need not be looked up.
        least = staying.max() - self._weights.beam_width - self._knowledge.most_gain
        rows, columns = _where(more + floats[_KNOWN][:, None] > least)
        labels = tried[columns]
        old_ints, old_floats = ints.take(rows, 1), floats.take(rows, 1)
        new_ints, new_floats = np.empty_like(old_ints), np.empty_like(old_floats)
        gains = self._knowledge.extend(old_ints, old_floats, labels, new_ints, new_floats)
        new_floats[_IN_BLANK] = _NEVER
        new_floats[_IN_LABEL] = more[rows, columns]
        np.add(old_floats[_KNOWN], gains, out=new_floats[_KNOWN])

        kept = self._best(np.concatenate([staying, new_floats[_IN_LABEL] + new_floats[_KNOWN]]))
        is_new = kept >= len(staying)
        old, new = kept[~is_new], kept[is_new] - len(staying)
        labels, parents = labels[new], old_ints[_TEXT, new]
        added = new_ints.take(new, 1)
        added[_LAST] = labels
        added[_LINK] = np.arange(self._chained, self._chained + len(new))
        added[_TEXT] = parents * _HASH_BASE + (labels + 1)
        added[_PARENT] = parents
        self._chain_labels.append(labels)
        self._chain_links.append(old_ints[_LINK, new])
        self._chained += len(new)
        self._ints = np.concatenate([ints.take(old, 1), added], axis=1)
        self._floats = np.concatenate([floats.take(old, 1), new_floats.take(new, 1)], axis=1)

    def _best(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        kept: NDArray[np.int64] = (scores >= scores.max() - self._weights.beam_width).nonzero()[0]
        if len(kept) <= self._weights.beam:
            return kept
        # Of those that are as good as the last one for whom there is room, the first ones.
        chosen = scores[kept]
        least = np.partition(chosen, -self._weights.beam)[-self._weights.beam]
        above = chosen > least
        above[(chosen == least).nonzero()[0][: self._weights.beam - np.count_nonzero(above)]] = True
        best: NDArray[np.int64] = kept[above]
        return best

    def final_scores(self) -> NDArray[np.float64]:
        """[hypotheses] scores, with the window at its end."""
        scores: NDArray[np.float64] = (
            self._acoustic() + self._floats[_KNOWN] + self._knowledge.finish(self._ints, self._floats)
        )
        return scores

    def labels_of(self, row: int) -> tuple[int, ...]:
        """The labels of a hypothesis."""
        if len(self._chain_labels) > 1:
            self._chain_labels = [np.concatenate(self._chain_labels)]
            self._chain_links = [np.concatenate(self._chain_links)]
        added, before = self._chain_labels[0], self._chain_links[0]
        labels, link = [], self._ints[_LINK, row]
        while link:
            labels.append(int(added[link]))
            link = before[link]
        return tuple(reversed(labels))


def _where(there: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `there.nonzero()` of a matrix, in a fifth of its time."""
    rows, columns = divmod(there.ravel().nonzero()[0], there.shape[1])
    return rows, columns
