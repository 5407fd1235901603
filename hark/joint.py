"""Joint CTC/attention decoding: what the CTC search finds, what the attention decoder writes, and the best of both.

The search's best texts and the decoder's own are candidates. From the best of them it goes on to better ones: what
other texts of the search have in one place, and words that the attention decoder finds likely there, are tried as long
as something gets better. All are scored by everything there is: how likely the frames are for the text (CTC), how
likely it is by the language model and hot words, and how likely for the attention decoder. Where a decoder runs away,
stops early or repeats itself, its text is far from what the frames say, and loses.

Sources: Watanabe et al., "Hybrid CTC/Attention Architecture for End-to-End Speech Recognition" (IEEE JSTSP, 2017), for
the sum of scores; Zhang et al., "WeNet" (Interspeech 2021), for rescoring what CTC finds.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hark import ctc, word_alternatives
from hark.attention import AttentionDecoder, Reading
from hark.beam import BeamSearch
from hark.ctc import Tokens
from hark.joint_scores import JointWeights, Parts, Scored, Scores, spelt
from hark.spec import ModelSpec
from hark.transcript import Alternative
from hark.word_alternatives import Change, WordAlternative, differences, together

# How many subwords that are words alone are tried in the place of each word, for who asks what else it may be.
_LIKELY = 12
# Of these and those of the search, so many times as many are read as are wanted, the best by CTC and language model;
# and none that is further behind than this, which the attention decoder hardly ever makes up for.
_READ = 2
_HOPELESS = 30.0
# A word that the attention decoder finds so much less likely than what is there, in natural logarithms of its first
# subword, is none that it would propose.
_UNLIKELY = 5.0


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
        labels = spelt(scored[0].text, spec)
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

        Args:
            log_probs: [frames, labels] of the window.
            spec: of the model.
            features: [frames, size] of the window, by the encoder.
            thorough: whether texts are wanted beside the best one; then all variants that are looked at are scored.
        """
        weights = self._weights
        wanted = max(weights.candidates, self.alternatives)
        hypotheses = self._search(log_probs, max(wanted, weights.searched))
        found = ["".join(spec.labels[label] for label in each.labels) for each in hypotheses]
        found = list(dict.fromkeys(" ".join(text.split()) for text in found))
        texts = found[:wanted]
        if not len(log_probs):
            return [Scored(text, 0.0, Parts(0.0, 0.0, 0.0, 0)) for text in texts]
        heard = self._attention.hear(features)
        seconds = len(log_probs) / spec.output_frames_per_second
        opinion = self._attention.write(heard, seconds, texts[0])
        own = self._attention.spec.subwords.text(opinion.ids)
        scores = Scores(self._search, self._attention, weights, self._hot, log_probs, spec, heard)
        if own == texts[0] and not thorough:
            # It may have spelt a word with other subwords than those that the word is joined from.
            as_joined = list(opinion.ids) == self._attention.spec.subwords.ids(own)
            [of_own] = [opinion] if as_joined else self._attention.opinions(heard, [own])
            said = scores.of_words(own.split(), of_own.log_probs)[:-1] if of_own else []
            return [Scored(own, 0.0, Parts(0.0, 0.0, 0.0, 0), tuple(said))]
        if own and spelt(own, spec) is not None:
            texts.append(own)
            found.append(own)
        read = [each for each in map(scores.read, dict.fromkeys(texts)) if each]
        if not read:  # the decoder can read none of them, such as letters spelt one by one for half a minute
            return [
                Scored(text, each.score, Parts(each.score, 0.0, 0.0, 0))
                for text, each in zip(texts, hypotheses, strict=False)
            ]
        scored = {each.text: each for each, _ in read}
        tried = set(texts)
        better_one: tuple[Scored, Reading] | None = max(read, key=lambda each: each[0].score)
        while better_one:
            best, reading = better_one
            scored[best.text] = best
            words = best.text.split()
            others = [each for each in [*scored, *found] if each != best.text]
            changes = self._changes(words, others, reading, scores, tried)
            by_score = scores.of_changes(words, reading, changes)
            variants = [each.of(words) for each in by_score]
            if thorough:
                scored |= {each.text: each for each in scores.of_texts(variants)}
            tried.update(variants)
            better = sorted((each for each in by_score if by_score[each] > 0), key=lambda each: -by_score[each])
            # All that are better alone may be better still together; if not, the best of them is.
            merged = [together(words, better), better[0].of(words)] if better else []
            read_now = (scores.read(each) for each in dict.fromkeys(merged))
            better_one = next((each for each in read_now if each and each[0].score > best.score), None)
        return sorted(scored.values(), key=lambda each: -each.score)

    def _changes(
        self,
        words: Sequence[str],
        others: Sequence[str],
        reading: Reading,
        scores: Scores,
        tried: set[str],
    ) -> dict[Change, float]:
        """Returns the most promising changes of a text, and what is known of them but for the attention decoder.

        Args:
            words: of the text.
            others: texts whose differences from it are tried.
            reading: of the text.
            scores: of the window.
            tried: texts that need not be tried again.
        """
        whole = dict.fromkeys(each for other in others for each in differences(words, other.split()))
        found = whole | dict.fromkeys(word_alternatives.changes(words, others))
        found |= dict.fromkeys(part for each in whole for part in word_alternatives.parts(each))
        likely = self._likely(words, reading, scores, self._weights.likely, _UNLIKELY)
        seen = scores.at_first_sight(words, reading, dict.fromkeys([*found, *likely]))
        untried = [each for each in seen if each.of(words) not in tried]
        known = scores.known(words, untried)
        promise = {each: known[each] + self._weights.attention * seen[each] for each in known}
        best = sorted(known, key=lambda each: -promise[each])[: self._weights.variants]
        return {each: known[each] for each in best if promise[each] > -_HOPELESS}

    def _likely(
        self, words: Sequence[str], reading: Reading, scores: Scores, most: int, within: float = math.inf
    ) -> list[Change]:
        """Returns the changes of one word to another that the attention decoder finds likely in its place."""
        found = list[Change]()
        for i, (word, place) in enumerate(zip(words, scores.places(words), strict=False)):
            likely = self._attention.likely(reading, place, most, within)
            found += [Change(i, i + 1, (each,)) for each in likely if each != word and self._search.knows(each)]
        return found

    def _instead(
        self, texts: Sequence[str], log_probs: NDArray[np.float32], spec: ModelSpec, features: NDArray[np.float32]
    ) -> tuple[tuple[WordAlternative, ...], ...]:
        """Says what each word of the first of these texts may be instead.

        Changes of a word are tried that the other texts have, or those of the search, and words that the attention
        decoder finds likely in its place.
        """
        words, most = texts[0].split(), self._word_alternatives
        heard = self._attention.hear(features)
        scores = Scores(self._search, self._attention, self._weights, self._hot, log_probs, spec, heard)
        changes = dict.fromkeys(word_alternatives.changes(words, [*texts[1:], *self._search.texts(log_probs)]))
        reading = self._attention.read(heard, texts[0])
        if reading is None:
            return word_alternatives.best(words, scores.known(words, changes), most)
        known = scores.known(words, dict.fromkeys([*changes, *self._likely(words, reading, scores, _LIKELY)]))
        read = {
            change: known[change]
            for place in range(len(words))
            for change in sorted((each for each in known if each.start == place), key=lambda each: -known[each])[
                : _READ * most
            ]
            if known[change] > -_HOPELESS
        }
        return word_alternatives.best(words, scores.of_changes(words, reading, read), most)
