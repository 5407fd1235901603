"""The attention decoder of a recogniser: how likely a text is for what was heard, and a text of its own.

The CTC search spells what it hears, letter by letter, and knows which words often follow each other. An attention
decoder reads the encoder's features and what was said so far, and knows far more of both. It can also run away or stop
early, which CTC cannot, so neither is believed alone; see `hark.joint`.

The graph does two things, and computes both each time. It prepares what was heard: `features` to `heard_keys` and
`heard_values`. And it reads tokens: `log_probs` of the token after each of `tokens`, given `keys` and `values` of what
was heard and those of the tokens before. Whoever wants one gives the other the smallest input there is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hark.attention_spec import METADATA_KEY, AttentionSpec
from hark.errors import ModelError
from hark.recognizer import metadata_of, open_session
from hark.subwords import Subwords

INPUT_NAMES = ("features", "tokens", "past_keys", "past_values", "keys", "values", "lengths")
OUTPUT_NAMES = ("heard_keys", "heard_values", "log_probs", "all_keys", "all_values")
# Features come in pairs of the frames that are attended to.
_JOINED = 2
# Nobody says more subwords in a second: fast speakers say five words, of 1.2 subwords each. A text that goes on beyond
# is a decoder that has run away.
_MOST_PER_S = 9.0
_LEAST = 8
# How far from its place in a draft a subword is looked for, and how much is guessed where none is found.
_BACK, _AHEAD = 3, 6
_UNSURE = 3


@dataclass(frozen=True)
class Heard:
    """What was heard in a window, ready to be attended to.

    Attributes:
        keys, values: [layers, 1, heads, double frames, size / heads].
        frames: [1] pairs of frames.
    """

    keys: NDArray[np.float32]
    values: NDArray[np.float32]
    frames: NDArray[np.int64]


@dataclass(frozen=True)
class Opinion:
    """How likely a text is.

    Attributes:
        ids: its subwords, without the marks.
        log_probs: [subwords + 1] natural log-probability of each, and of the text's end.
    """

    ids: tuple[int, ...]
    log_probs: NDArray[np.float64] = field(compare=False)


@dataclass(frozen=True)
class Reading:
    """A text that was read, so that others which begin like it can be read from where they differ.

    Attributes:
        opinion: of the text.
        following: [subwords + 1, all ids] natural log-probability of each id in the place of each subword, and after
            the last one.
        keys, values: [layers, 1, heads, ids read, size / heads] of the ids that begin a text, and of the subwords.
    """

    opinion: Opinion
    following: NDArray[np.float32]
    keys: NDArray[np.float32] = field(repr=False)
    values: NDArray[np.float32] = field(repr=False)


class _Draft:
    """Guesses how a text goes on, by another text that is much like it.

    Args:
        subwords: the vocabulary.
        text: the other text.
    """

    def __init__(self, subwords: Subwords, text: str) -> None:
        self._ids = subwords.ids(text) or []
        self._begins = [subwords.tokens[each].startswith(" ") for each in self._ids]
        self._place = 0
        self._sure = True

    def next(self) -> list[int]:
        """The subwords that are likely to follow."""
        return self._ids[self._place :] if self._sure else self._ids[self._place : self._place + _UNSURE]

    def took(self, taken: int, written: int) -> None:
        """Hears how many of them did, and what was written then."""
        place = self._place + taken
        near = range(max(place - _BACK, 0), min(place + _AHEAD, len(self._ids)))
        found = [each for each in near if self._ids[each] == written]
        self._sure = bool(found)
        if found:
            self._place = min(found, key=lambda each: abs(each - place)) + 1
        else:  # another word instead: the draft may go on with its next one
            later = (each for each in range(place + 1, len(self._ids)) if self._begins[each])
            self._place = next(later, len(self._ids))


class AttentionDecoder:
    """An ONNX Runtime session and the spec that came with it. Safe to use from several threads.

    Args:
        path: a file that `export.attention` wrote.

    Raises:
        ModelError: the file is missing, is no attention decoder, or carries no readable spec or that of another one.
    """

    def __init__(self, path: str | Path) -> None:
        if not Path(path).is_file():
            raise ModelError(f"There is no attention decoder at {path}.")
        self._session = open_session(Path(path))
        metadata = metadata_of(self._session, path)
        names = tuple(
            tuple(each.name for each in side) for side in (self._session.get_inputs(), self._session.get_outputs())
        )
        if METADATA_KEY not in metadata or names != (INPUT_NAMES, OUTPUT_NAMES):
            raise ModelError(f"{path} is no attention decoder; make one with `python -m export.attention`.")
        self.spec = AttentionSpec.from_json(metadata[METADATA_KEY])
        try:
            fits = self._fits()
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise ModelError(f"The spec in {path} does not fit its network; export it again.") from error
        if not fits:
            raise ModelError(f"The spec in {path} does not fit its network; export it again.")

    def hear(self, features: NDArray[np.float32]) -> Heard:
        """Prepares a window's features, [frames, 2 * size] as `Recognizer.run_with_features` gives them."""
        spec = self.spec
        none = self._past(1)
        one = np.zeros((spec.layers, 1, spec.heads, _JOINED, spec.size // spec.heads), np.float32)
        keys, values = self.run(
            OUTPUT_NAMES[:2], features[None], np.array([[spec.end]]), none, none, one, one, np.array([1])
        )
        return Heard(keys, values, np.array([len(features)]))

    def opinions(self, heard: Heard, texts: Sequence[str]) -> list[Opinion | None]:
        """Says how likely texts are for what was heard.

        Returns:
            one for each; None for a text with characters that it cannot write, or that is longer than it reads.
        """
        spec = self.spec
        spelt = [spec.subwords.ids(text) for text in texts]
        fit = [ids is not None and len(ids) + spec.starts <= spec.positions for ids in spelt]
        rows = [[*spec.start, *(ids or ())] for ids, fits in zip(spelt, fit, strict=True) if fits]
        if not rows:
            return [None] * len(texts)
        tokens = np.full((len(rows), max(map(len, rows))), spec.end)
        for padded, row in zip(tokens, rows, strict=True):
            padded[: len(row)] = row
        none = self._past(len(rows))
        [log_probs] = self._read(OUTPUT_NAMES[2:3], heard, tokens, none, none)
        found = []
        for row, scores in zip(rows, log_probs, strict=True):
            said = (*row[spec.starts :], spec.end)
            at = np.arange(spec.starts - 1, len(row))
            found.append(Opinion(said[:-1], scores[at, said].astype(np.float64)))
        opinions = iter(found)
        return [next(opinions) if fits else None for fits in fit]

    def read(self, heard: Heard, text: str) -> Reading | None:
        """Reads a text; None where it has characters that it cannot write, or is longer than it reads."""
        spec, ids = self.spec, self.spec.subwords.ids(text)
        if ids is None or len(ids) + spec.starts > spec.positions:
            return None
        none = self._past(1)
        log_probs, keys, values = self._read(OUTPUT_NAMES[2:], heard, np.array([[*spec.start, *ids]]), none, none)
        following = log_probs[0, spec.starts - 1 :]
        said = following[np.arange(len(ids) + 1), [*ids, spec.end]].astype(np.float64)
        return Reading(Opinion(tuple(ids), said), following, keys, values)

    def instead(
        self, heard: Heard, reading: Reading, place: int, others: Sequence[Sequence[int]]
    ) -> list[NDArray[np.float64]]:
        """Says how likely it is that a text goes on otherwise from one place on.

        Args:
            heard: what was heard.
            reading: of the text.
            place: how many of its subwords stay.
            others: the ids that follow, at least one each; they need not go on to the text's end. There must be a
                position for each (`AttentionSpec.positions`).

        Returns:
            the log-probability of each of these ids.
        """
        # The first ids need no reading: what may follow what stays is known.
        found = [reading.following[place, row[:1]].astype(np.float64) for row in others]
        longest = max(map(len, others), default=0) - 1
        if longest < 1:
            return found
        tokens = np.full((len(others), longest), self.spec.end)
        for padded, row in zip(tokens, others, strict=True):
            padded[: len(row) - 1] = row[:-1]
        stays = self.spec.starts + place
        keys, values = (
            np.repeat(each[:, :, :, :stays], len(others), axis=1) for each in (reading.keys, reading.values)
        )
        [log_probs] = self._read(OUTPUT_NAMES[2:3], heard, tokens, keys, values)
        return [
            np.append(first, scores[np.arange(len(row) - 1), row[1:]].astype(np.float64))
            for first, scores, row in zip(found, log_probs, others, strict=True)
        ]

    def likely(self, reading: Reading, place: int, most: int, within: float = math.inf) -> list[str]:
        """Returns which subwords that begin a word are likely after the first `place` ones of a text.

        Args:
            reading: of the text.
            place: how many of its subwords stay.
            most: how many to return at most.
            within: how much less likely than what the text has there they may be, in natural logarithms.

        Returns:
            the likeliest first, without the space.
        """
        row, ids = reading.following[place, : len(self.spec.kept)], (*reading.opinion.ids, self.spec.end)
        (enough,) = (row >= reading.following[place, ids[place]] - within).nonzero()
        best = enough[np.argsort(-row[enough], kind="stable")[:most]]
        tokens = (self.spec.subwords.tokens[each] for each in best.tolist())
        return [token.strip() for token in tokens if token.startswith(" ") and token.strip()]

    def write(self, heard: Heard, seconds: float, draft: str = "") -> Opinion:
        """Writes a text of its own: the likeliest subword after those before it, until it ends.

        To read some subwords at once takes hardly longer than to read one. So a draft is read, and taken as far as each
        of its subwords is the likeliest; from there on what remains of it is the next draft. The text is the same
        without one, and takes longer (Leviathan et al., "Fast Inference from Transformers via Speculative Decoding",
        ICML 2023).

        Args:
            heard: what was heard.
            seconds: how long it is.
            draft: a text that may be much like it.
        """
        spec = self.spec
        most = min(spec.positions - spec.starts, round(_LEAST + _MOST_PER_S * seconds))
        past_keys, past_values = self._past(1), self._past(1)
        ids: list[int] = []
        log_probs: list[float] = []
        unread = spec.start
        guesses = _Draft(spec.subwords, draft)
        while True:
            guess = guesses.next()[: most - len(ids)]
            tokens = np.array([[*unread, *guess]])
            scores, past_keys, past_values = self._read(OUTPUT_NAMES[2:], heard, tokens, past_keys, past_values)
            after = scores[0, len(unread) - 1 :]
            # The marks that begin a text are nothing that can follow.
            after[:, spec.end - spec.starts : spec.end] = -np.inf
            likeliest = after.argmax(axis=1).tolist()
            taken = next((i for i, (a, b) in enumerate(zip(guess, likeliest, strict=False)) if a != b), len(guess))
            ids += guess[:taken]
            log_probs += after[np.arange(taken), guess[:taken]].tolist()
            best = spec.end if len(ids) == most else likeliest[taken]
            log_probs.append(float(after[taken, best]))
            if best == spec.end:
                return Opinion(tuple(ids), np.array(log_probs))
            ids.append(best)
            read = spec.starts + len(ids) - 1
            past_keys, past_values = past_keys[:, :, :, :read], past_values[:, :, :, :read]
            unread = [best]
            guesses.took(taken, best)

    def _fits(self) -> bool:
        """Reads the last token that there is a position for, after what could have been before it."""
        spec = self.spec
        heard = self.hear(np.zeros((1, _JOINED * spec.size), np.float32))
        before = np.zeros((spec.layers, 1, spec.heads, spec.positions - 1, spec.size // spec.heads), np.float32)
        log_probs, keys, _ = self._read(OUTPUT_NAMES[2:], heard, np.array([[spec.end]]), before, before)
        return log_probs.shape == (1, 1, spec.end + 1) and keys.shape[3] == spec.positions

    def _past(self, texts: int) -> NDArray[np.float32]:
        """The keys, or values, of no tokens."""
        spec = self.spec
        return np.zeros((spec.layers, texts, spec.heads, 0, spec.size // spec.heads), np.float32)

    def _read(
        self,
        outputs: Sequence[str],
        heard: Heard,
        tokens: NDArray[np.int64],
        past_keys: NDArray[np.float32],
        past_values: NDArray[np.float32],
    ) -> list[NDArray[np.float32]]:
        unheard = np.zeros((1, 1, _JOINED * self.spec.size), np.float32)
        return self.run(outputs, unheard, tokens, past_keys, past_values, heard.keys, heard.values, heard.frames)

    def run(self, outputs: Sequence[str], *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Runs the network: `INPUT_NAMES` in, some of `OUTPUT_NAMES` out."""
        found: list[NDArray[np.float32]] = self._session.run(outputs, dict(zip(INPUT_NAMES, inputs, strict=True)))
        return found
