"""What `benchmarks.long_recording` measured of one long recording, as JSON and in words."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from hark.errors import HarkError

FIGURES = Path(__file__).resolve().with_name("long_recording.json")


@dataclass(frozen=True)
class LongFigures:
    """The figures of one long recording.

    Attributes:
        model: name and version.
        manifest: the file's name, whose utterances the recording was made of.
        format: of the audio file.
        decoder: see `hark.decoding.DECODERS`.
        hours: how long it is.
        utterances: how many it was made of.
        words: how many they have.
        utterances_wer: of the utterances, one by one.
        whole_wer: of the whole.
        median_time_difference_ms: between the times of equal words in the whole and in the utterances.
        q95_time_difference_ms: what 95 % of these differences are below.
        windows: how many the network got.
        median_window_s: how long they are.
        longest_window_s: how long the longest is.
        missed_speech: the share of the utterances that voice activity detection left out.
        kept_pauses: the share of the pauses that it took for speech.
        seconds: of work on one thread of a whole core.
        real_time_factor: seconds of work for a second of audio.
        peak_mb: the most memory that the process had, in MB of a million bytes.
    """

    model: str
    manifest: str
    format: str
    decoder: str
    hours: float
    utterances: int
    words: int
    utterances_wer: float
    whole_wer: float
    median_time_difference_ms: float
    q95_time_difference_ms: float
    windows: int
    median_window_s: float
    longest_window_s: float
    missed_speech: float
    kept_pauses: float
    seconds: float
    real_time_factor: float
    peak_mb: float

    @classmethod
    def read(cls, path: Path = FIGURES) -> "LongFigures":
        """Reads what `write` wrote.

        Raises:
            HarkError: it is not there, or is something else.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise HarkError(
                f"{path.name} does not say how fast an hour is transcribed; measure it: "
                f"python -m benchmarks.long_recording --output docs/long-recordings.md --save benchmarks/{FIGURES.name}"
            ) from error

    def write(self, path: Path) -> None:
        """Writes the figures."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")

    def as_text(self) -> str:
        """Says them in words, a line for each matter."""
        difference = self.whole_wer - self.utterances_wer
        return "\n".join(
            [
                f"{self.hours:.2f} h, {self.utterances} utterances, {self.words} words",
                f"WER  utterances {self.utterances_wer:.4f}  whole {self.whole_wer:.4f}  difference {difference:+.4f}",
                "times of equal words, whole against utterances: median "
                f"{self.median_time_difference_ms:.0f} ms, 95 % within {self.q95_time_difference_ms:.0f} ms",
                f"windows  {self.windows}, median {self.median_window_s:.1f} s, longest {self.longest_window_s:.1f} s",
                f"voice activity  {self.missed_speech:.1%} of the utterances outside, {self.kept_pauses:.1%} of the "
                "pauses inside",
                f"took {self.seconds:.1f} s, {self.real_time_factor:.4f} s per second; "
                f"peak memory {self.peak_mb:.0f} MB",
            ]
        )

    def as_block(self) -> str:
        """Returns them as the document has them, under what was measured."""
        heading = f"{self.model} on {self.manifest}, {self.format}, decoder={self.decoder}:"
        return f"{heading}\n\n```\n{self.as_text()}\n```"
