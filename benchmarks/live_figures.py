"""What `benchmarks.live` measured of text that is read while it is spoken, as JSON and in words."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from hark.errors import HarkError

FIGURES = Path(__file__).resolve().with_name("live.json")


@dataclass(frozen=True)
class LiveFigures:
    """The figures of one recording that was spoken into the page.

    Attributes:
        conditions: model, machine and libraries.
        meanwhile: what else the machine did.
        minutes: how long somebody spoke.
        words: of the transcript at the end.
        shown: the share of them that was read before the end, as it is in the end.
        median_s: from the end of a word to the moment it is read, of those.
        q95_s: what 95 % of these delays are below.
        q99_s: what 99 % of them are below.
        settled_q95_s: the same as `q95_s`, to the moment from which on it does not change.
        requests: for a minute of speech.
        audio_minutes: that were sent for a minute of speech.
    """

    conditions: str
    meanwhile: str
    minutes: float
    words: int
    shown: float
    median_s: float
    q95_s: float
    q99_s: float
    settled_q95_s: float
    requests: float
    audio_minutes: float

    @classmethod
    def read(cls, path: Path = FIGURES) -> "LiveFigures":
        """Reads what `write` wrote.

        Raises:
            HarkError: it is not there, or is something else.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise HarkError(
                f"{path.name} does not say how soon words are read while they are spoken; measure it: "
                "python -m benchmarks.live --write"
            ) from error

    def write(self, path: Path = FIGURES) -> None:
        """Writes the figures."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")
