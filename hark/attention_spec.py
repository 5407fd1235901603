"""What an attention decoder's file says of it: its vocabulary, its shape, and whose features it reads."""

import base64
import dataclasses
import json
import zlib
from dataclasses import dataclass
from functools import cached_property

from hark import languages
from hark.errors import ModelError
from hark.spec import ModelSpec
from hark.subwords import Subwords

METADATA_KEY = "hark.attention"
_WRONG_VALUES = "The attention decoder's spec has values that cannot be right; export it again."


@dataclass(frozen=True)
class AttentionSpec:
    """How to feed one decoder, and how to read what it answers.

    Attributes:
        name: what it is called.
        version: changes whenever the weights do.
        encoder: digest of the encoder whose features it reads, `ModelSpec.encoder`.
        joined: see `hark.subwords.Subwords`.
        kept: likewise; their ids are the first ones.
        starts: how many ids, after those of the subwords, begin a text; the one after them ends it.
        layers, heads, size, positions: its shape; `positions` is the most ids that it reads.
        language: BCP 47 tag of the language that it writes.
        training_data: what it learned from, in words.
    """

    name: str
    version: str
    encoder: str
    joined: tuple[str, ...]
    kept: tuple[str, ...]
    starts: int
    layers: int
    heads: int
    size: int
    positions: int
    language: str = "en"
    training_data: str = ""

    def __post_init__(self) -> None:
        """Raises ModelError where the values cannot belong together."""
        try:
            numbers = (self.starts, self.layers, self.heads, self.size, self.positions)
            right = all(type(number) is int for number in numbers) and min(numbers) > 0
            right = right and self.size % self.heads == 0 and self.starts < self.positions
            right = right and all(isinstance(text, str) for text in (self.name, self.version, self.encoder))
            # Their order is that in which they were learnt, which is all that `to_json` keeps of it.
            kept = set(self.kept)
            right = right and self.subwords.tokens == tuple(token for token in self.joined if token in kept)
        except (TypeError, ValueError) as error:
            raise ModelError(_WRONG_VALUES) from error
        if not right:
            raise ModelError(_WRONG_VALUES)

    @cached_property
    def subwords(self) -> Subwords:
        """Its vocabulary."""
        return Subwords(self.joined, self.kept)

    @property
    def start(self) -> list[int]:
        """The ids that begin a text."""
        return list(range(len(self.kept), self.end))

    @property
    def end(self) -> int:
        """The id that ends a text."""
        return len(self.kept) + self.starts

    def check(self, recognizer: ModelSpec, path: str) -> None:
        """Looks at whether it reads the features of this recogniser, and writes its language.

        Raises:
            ModelError: it reads those of another, or writes another language.
        """
        if not recognizer.encoder or recognizer.encoder != self.encoder:
            raise ModelError(
                f"The attention decoder {self.name} {self.version} reads the features of another encoder than {path} "
                "has; train one for this recogniser (docs/training.md), or do without it by removing its file, or by "
                "searching alone (HARK_DECODER=beam for the endpoint)."
            )
        if not languages.answers(self.language, recognizer.language):
            raise ModelError(
                f"The attention decoder {self.name} {self.version} writes {languages.name(self.language).title()}, and "
                f"{path} {languages.name(recognizer.language).title()}; train one for this language, or remove its "
                "file."
            )

    def to_json(self) -> str:
        """Writes the spec as JSON; the vocabulary is compressed."""
        content = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        kept = set(content.pop("kept"))
        marked = "\n".join(f"{'+' if token in kept else '-'}{token}" for token in content["joined"])
        content["joined"] = base64.b64encode(zlib.compress(marked.encode(), 9)).decode()
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "AttentionSpec":
        """Reads what `to_json` wrote.

        Raises:
            ModelError: it is none.
        """
        try:
            content = json.loads(text)
            marked = zlib.decompress(base64.b64decode(content.pop("joined"))).decode().split("\n")
            joined = tuple(each[1:] for each in marked)
            kept = tuple(each[1:] for each in marked if each[0] == "+")
            return cls(joined=joined, kept=kept, **content)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError, zlib.error) as error:
            raise ModelError("The attention decoder has no readable spec; export it again.") from error
