"""Joint CTC/attention decoding: what the CTC search finds, what the attention decoder writes, and the best of both.

The search's best texts and the decoder's own are candidates, and so is every text that has one difference from the
best of them. All are scored by everything there is: how likely the frames are for the text (CTC), how likely it is by
the language model and hot words, and how likely for the attention decoder. Where a decoder runs away, stops early or
repeats itself, its text is far from what the frames say, and loses.

Sources: Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (IEEE JSTSP, 2017), for
the sum of scores; Zhang et al., "WeNet" (Interspeech 2021), for rescoring what CTC finds.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hark import alphabet, ctc, word_alternatives
from hark.attention import AttentionDecoder, Heard
from hark.beam import BeamSearch
from hark.ctc import Tokens
from hark.spec import ModelSpec
from hark.transcript import Alternative
from hark.word_alternatives import Change, WordAlternative, differences

# The attention decoder reads each text that is looked at; it would never end with a billion.
_MOST = 1000
# How many subwords that are words alone are tried in the place of each word, for who asks what else it may be.
_LIKELY = 12
# Of these and those of the search, so many times as many are read as are wanted, the best by CTC and language model;
# and none that is further behind than this, which the attention decoder hardly ever makes up for.
_READ = 2
_HOPELESS = 30.0
# Texts that are read at once: more take more memory and no less time.
_AT_ONCE = 16


@dataclass(frozen=True)
class JointWeights:
    """How the scores of a text are weighed; that of CTC counts 1. `benchmarks.decoding` finds them.

    Attributes:
        attention: factor of the attention decoder's log-probability.
        language: factor of what the search's language model and hot words add.
        word: what each word earns.
        candidates: how many of the search's texts are looked at.
        variants: how many texts with a difference from the best one are.
        hotword_log_prob: the least log-probability of a hot word by the attention decoder.
    """

    attention: float = 1.0
    language: float = 0.5
    word: float = 0.0
    candidates: int = 3
    variants: int = 4
    hotword_log_prob: float = -4.0

    def __post_init__(self) -> None:
        """Raises ValueError where nothing could be decoded by them."""
        numbers = (self.attention, self.language, self.word, self.hotword_log_prob)
        counts = (self.candidates, self.variants)
        if not all(map(math.isfinite, numbers)) or not all(type(each) is int and 0 < each <= _MOST for each in counts):
            raise ValueError(f"joint weights are finite numbers, with 1 to {_MOST} candidates and variants")

    def total(self, parts: "Parts") -> float:
        """Returns the score of a text with these parts."""
        known = self.language * parts.language + self.attention * parts.attention
        return parts.frames + known + self.word * parts.words


class Parts(NamedTuple):
    """What is known of a text: natural logarithms of probabilities, but for `words`.

    Attributes:
        frames: of the frames, by CTC.
        language: of the text, by what the search knows: its language model and hot words.
        attention: of the text, by the attention decoder.
        words: how many it has.
    """

    frames: float
    language: float
    attention: float
    words: int


@dataclass(frozen=True)
class Scored:
    """A candidate.

    Attributes:
        text: words apart by single spaces.
        score: of all that knows of it.
        parts: of the score.
        said: [words] log-probability of each word by the attention decoder; empty where it could not read the text.
    """

    text: str
    score: float
    parts: Parts
    said: tuple[float, ...] = ()


class Joint:
    """The decoder: a beam search, and an attention decoder that reads the encoder's features.

    Args:
        search: for the model's labels.
        attention: for the model's features.
        weights: see `JointWeights`.
        hot: hot words, as `hark.hotwords.spelt` writes them.
        alternatives: how many texts to return beside the tokens.
        word_confidence: see `hark.decoding.Decoder`.
        word_alternatives: how many to list of what each word may be instead.
    """

    reads_features = True

    def __init__(
        self,
        search: BeamSearch,
        attention: AttentionDecoder,
        weights: JointWeights,
        hot: Iterable[str] = (),
        alternatives: int = 0,
        word_confidence: Mapping[str, float] | None = None,
        word_alternatives: int = 0,
    ) -> None:
        self._search, self._attention, self._weights = search, attention, weights
        self._word_alternatives = word_alternatives
        self._hot = frozenset(word for phrase in hot for word in phrase.split())
        self.alternatives = alternatives
        self.word_confidence = word_confidence or {}

    def __call__(
        self, log_probs: NDArray[np.float32], spec: ModelSpec, features: NDArray[np.float32] | None = None
    ) -> tuple[Tokens, tuple[Alternative, ...]]:
        """Decodes a window, as `hark.decoding.Decoder`."""
        assert features is not None
        scored = self.candidates(log_probs, spec, features, thorough=bool(self.alternatives))
        labels = _labels(scored[0].text, spec)
        assert labels is not None  # what cannot be spelt has no score
        tokens = ctc.align(log_probs, labels, spec.blank)
        if scored[0].said:
            said = np.zeros(len(labels))
            for word, log_prob in zip(ctc.words(tokens, spec.labels), scored[0].said, strict=True):
                said[word] = log_prob
            tokens = dataclasses.replace(tokens, said=said)
        if self._word_alternatives and scored[0].text:
            instead = self._instead([each.text for each in scored], log_probs, spec, features)
            tokens = dataclasses.replace(tokens, instead=instead)
        best = scored[: self.alternatives]
        return tokens, tuple(Alternative(each.text, each.score) for each in best)

    def candidates(
        self, log_probs: NDArray[np.float32], spec: ModelSpec, features: NDArray[np.float32], thorough: bool = True
    ) -> list[Scored]:
        """Returns the texts that were looked at, the best first; at least one.

        Where search and attention decoder find the same text, hardly ever another one is better: unless this is to be
        thorough, it is the only one then, without a score.
        """
        weights = self._weights
        found = self._search(log_probs, max(weights.candidates, self.alternatives))
        texts = ["".join(spec.labels[label] for label in each.labels) for each in found]
        texts = list(dict.fromkeys(" ".join(text.split()) for text in texts))
        if not len(log_probs):
            return [Scored(text, 0.0, Parts(0.0, 0.0, 0.0, 0)) for text in texts]
        heard = self._attention.hear(features)
        seconds = len(log_probs) / spec.output_frames_per_second
        opinion = self._attention.write(heard, seconds, texts[0])
        own = self._attention.spec.subwords.text(opinion.ids)
        if own == texts[0] and not thorough:
            # It may have spelt a word with other subwords than those that the word is joined from.
            as_joined = list(opinion.ids) == self._attention.spec.subwords.ids(own)
            [read] = [opinion] if as_joined else self._attention.opinions(heard, [own])
            said = self._of_words(own, read.log_probs)[:-1] if read else []
            return [Scored(own, 0.0, Parts(0.0, 0.0, 0.0, 0), tuple(said))]
        if own and _labels(own, spec) is not None:
            texts.append(own)
        scored = {each.text: each for each in self._scored(dict.fromkeys(texts), log_probs, spec, heard)}
        if not scored:  # the decoder can read none of them, such as letters spelt one by one for half a minute
            return [
                Scored(text, each.score, Parts(each.score, 0.0, 0.0, 0))
                for text, each in zip(texts, found, strict=False)
            ]
        tried = set(texts)
        best = max(scored.values(), key=lambda each: each.score)
        others = [each.text for each in sorted(scored.values(), key=lambda each: -each.score) if each is not best]
        while variants := [each for each in _variants(best.text, others, weights.variants) if each not in tried]:
            tried.update(variants)
            found_now = list(self._scored(variants, log_probs, spec, heard))
            scored |= {each.text: each for each in found_now}
            better = sorted((each for each in found_now if each.score > best.score), key=lambda each: -each.score)
            if not better:
                break
            # All that are better alone may be better still together.
            together = _merged(best.text, [each.text for each in better])
            if together not in tried:
                tried.add(together)
                scored |= {each.text: each for each in self._scored([together], log_probs, spec, heard)}
            best = max(scored.values(), key=lambda each: each.score)
        return sorted(scored.values(), key=lambda each: -each.score)

    def _instead(
        self, texts: Sequence[str], log_probs: NDArray[np.float32], spec: ModelSpec, features: NDArray[np.float32]
    ) -> tuple[tuple[WordAlternative, ...], ...]:
        """Says what each word of the first of these texts may be instead.

        Changes of a word are tried that the other texts have, or those of the search, and words that the attention
        decoder finds likely in its place.
        """
        words, weights = texts[0].split(), self._weights
        heard = self._attention.hear(features)
        changes = dict.fromkeys(word_alternatives.changes(words, [*texts[1:], *self._search.texts(log_probs)]))
        for place, likely in enumerate(self._attention.likely(heard, texts[0], _LIKELY)):
            spelt = (each for each in likely if each != words[place] and self._search.knows(each))
            changes |= dict.fromkeys(Change(place, place + 1, (each,)) for each in spelt)
        known = self._search.change_scores(words, changes, log_probs, weights.language)
        read = [
            change
            for place in range(len(words))
            for change in sorted((each for each in known if each.start == place), key=lambda each: -known[each])[
                : _READ * self._word_alternatives
            ]
            if known[change] > -_HOPELESS
        ]
        own = next(self._scored(texts[:1], log_probs, spec, heard), None)
        if own is None:  # the attention decoder cannot read it
            return word_alternatives.best(words, known, self._word_alternatives)
        scores: dict[Change, float] = {}
        for first in range(0, len(read), _AT_ONCE):
            batch = {change.of(words): change for change in read[first : first + _AT_ONCE]}
            scores |= {batch[each.text]: each.score - own.score for each in self._scored(batch, log_probs, spec, heard)}
        return word_alternatives.best(words, scores, self._word_alternatives)

    def _scored(
        self, texts: Iterable[str], log_probs: NDArray[np.float32], spec: ModelSpec, heard: Heard
    ) -> Iterator[Scored]:
        """Scores texts, but for those that cannot be spelt in the frames there are, or that the decoder cannot read."""
        texts = list(texts)
        for text, opinion in zip(texts, self._attention.opinions(heard, texts), strict=True):
            labels = _labels(text, spec)
            frames = -math.inf if labels is None else ctc.log_prob(log_probs, labels, spec.blank)
            if opinion is None or labels is None or frames == -math.inf:
                continue
            language = self._search.text_score(labels)
            *said, end = self._of_words(text, opinion.log_probs)
            parts = Parts(frames, language, self._said(text, said) + end, len(said))
            scored = Scored(text, self._weights.total(parts), parts, tuple(said))
            if math.isfinite(scored.score):  # else a sum has overflowed in the network
                yield scored

    def _of_words(self, text: str, log_probs: NDArray[np.float64]) -> list[float]:
        """Returns the log-probability of each word of a text, and of its end, from those of its subwords."""
        subwords = self._attention.spec.subwords
        ends = np.cumsum([len(subwords.ids(word) or ()) for word in text.split()], dtype=np.int64)
        return [float(part.sum()) for part in np.split(log_probs, ends)]

    def _said(self, text: str, of_words: Sequence[float]) -> float:
        """The attention decoder's log-probability of a text's words, of which hot ones are not unlikely."""
        least = self._weights.hotword_log_prob
        return sum(
            max(log_prob, least) if word in self._hot else log_prob
            for word, log_prob in zip(text.split(), of_words, strict=True)
        )


def _labels(text: str, spec: ModelSpec) -> list[int] | None:
    return alphabet.of(spec.labels, spec.language).spell(text)


def _variants(best: str, others: Iterable[str], most: int) -> list[str]:
    """Returns texts that differ from the best one in one place, as the others do there."""
    words = best.split()
    found: dict[str, None] = {}
    for other in others:
        for start, end, instead in differences(words, other.split()):
            found[" ".join([*words[:start], *instead, *words[end:]])] = None
            if len(found) == most:
                return list(found)
    return list(found)


def _merged(best: str, variants: Iterable[str]) -> str:
    """Puts the differences of several variants into the best text; of those that overlap, the first."""
    words = best.split()
    taken: list[tuple[int, int, tuple[str, ...]]] = []
    for variant in variants:
        for difference in differences(words, variant.split()):
            if all(difference[1] < start or end < difference[0] for start, end, _ in taken):
                taken.append(difference)
    for start, end, instead in sorted(taken, reverse=True):
        words[start:end] = instead
    return " ".join(words)
