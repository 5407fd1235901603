"""Everything that a model and the code that feeds it must agree on.

A `ModelSpec` is made from the training config, kept in the checkpoint, and written as JSON into the ONNX file's
metadata under `METADATA_KEY`. The handler reads it there, so none of its numbers stands anywhere else.
"""

import dataclasses
import json
import math
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from hark import languages
from hark.errors import ModelError

METADATA_KEY = "hark.spec"
SPEC_FORMAT = 1
NORMALISATIONS = ("utterance", "peak", "whisper", "none")
MEL_SCALES = ("htk", "slaney")
MEL_NORMS = ("none", "slaney")
TASKS = ("transcription", "keywords")
FEATURE_KINDS = ("log_mel", "mfcc", "samples")
# A keyword model has no blank, and these two labels beside its words.
NO_BLANK = -1
UNKNOWN, SILENCE = "unknown", "silence"
# What word confidences are computed from; see `hark.confidence`.
CONFIDENCE_FEATURES = (
    "bias",
    "mean_log_prob",
    "min_log_prob",
    "min_log_odds",
    "space_log_prob",
    "log_letters",
    "said_log_prob",
    "said_log_odds",
)

# Beyond these nothing that hears speech is, and the first recording would take all the memory there is.
_HIGHEST_RATE_HZ, _MOST_SAMPLES, _LONGEST_WINDOW_S = 192_000, 1 << 16, 600.0
# Alphabets and the syllables of Hangul and Ge'ez are some hundreds, as are sets of subwords for CTC. Every frame has a
# number for each.
_MOST_LABELS, _LONGEST_LABEL = 4096, 32
# In labels, beside letters: what joins and parts them in the scripts of Persian and of India.
_JOINERS = "\u200c\u200d"

# What the fields of a spec are; those that are compared with numbers fail by themselves where they are none.
_KINDS: dict[str, type] = {
    **dict.fromkeys(
        ("name", "version", "normalisation", "task", "feature_kind", "training_data", "encoder", "language"), str
    ),
    **dict.fromkeys(("mel_scale", "mel_norm"), str),
    **dict.fromkeys(("sample_rate_hz", "n_fft", "window_samples", "hop_samples", "n_mels", "n_mfcc"), int),
    **dict.fromkeys(("blank", "time_subsampling"), int),
    **dict.fromkeys(("word_confidence", "measured"), dict),
}


@dataclass(frozen=True)
class ModelSpec:
    """How to feed one model and how to read what it answers.

    Attributes:
        name: what `GET /health` calls the model.
        version: changes whenever the weights do.
        sample_rate_hz: rate of the mono audio the features are computed from.
        n_fft: DFT length in samples.
        window_samples: length of the periodic Hann window, at most `n_fft`.
        hop_samples: distance between the centres of neighbouring frames.
        n_mels: number of mel bands.
        f_min_hz, f_max_hz: edges of the mel filter bank.
        log_floor: mel power below this is raised to it before the natural logarithm.
        normalisation: one of `NORMALISATIONS`, see `hark.features.normalise`.
        labels: what each output spells, "" for the blank: letters of any script, in NFC and in the order in which they
            are read, " " between words; or subwords of several letters, of which those that begin a word begin with
            the space before it: " the", "ing". Joined, labels are the text. Of a keyword model its words, `UNKNOWN`
            and `SILENCE`.
        blank: index of the CTC blank in `labels`, `NO_BLANK` for a keyword model.
        time_subsampling: input frames per output frame; a keyword model has one output frame, whatever its input.
        max_window_s: the longest stretch of audio to feed at once; longer audio is cut at pauses. A keyword model hears
            stretches of just this length.
        task: "transcription" or "keywords".
        feature_kind: "log_mel"; for keywords also "mfcc", its discrete cosine transform over the bands, or "samples",
            `hop_samples` of the recording itself in each frame.
        n_mfcc: number of cepstral coefficients, of "mfcc" alone.
        mel_scale: one of `MEL_SCALES`, see `hark.features.mel_filters`.
        mel_norm: "none" for filters whose peaks are 1, "slaney" for filters of equal area.
        word_start_shift_s, word_end_shift_s: what is added to the times of a word's first and last frame to get where
            the word begins and ends; see `hark.word_times`.
        word_start_gap_share, word_end_gap_share: how much later still a word begins, as a share of the gap from the
            last frame of the word before, and ends, as a share of the gap to the first frame of the word after.
        word_confidence: weight of each of `CONFIDENCE_FEATURES`; none where the model was not calibrated.
        least_log_prob: a window whose best path has a lower `Tokens.mean_log_prob` is taken for noise; None where
            none is.
        unknown_excess: of a keyword model, how much likelier `unknown` is in running speech than where somebody says a
            word for it to be known, as a logarithm; the model's scores are for the latter.
        language: BCP 47 tag of the language that it writes, such as "en" or "pt-BR"; see `hark.languages`.
        encoder: digest of the encoder whose features the graph gives beside the log-probabilities, for an attention
            decoder (`hark.attention`); "" where it gives none.
        training_data: what the model learned from, in words.
        measured: figures of the evaluation that came with the model, for example {"wer": 0.25, "cer": 0.1}.
    """

    name: str
    version: str
    sample_rate_hz: int
    n_fft: int
    window_samples: int
    hop_samples: int
    n_mels: int
    f_min_hz: float
    f_max_hz: float
    log_floor: float
    normalisation: str
    labels: tuple[str, ...]
    blank: int
    time_subsampling: int
    max_window_s: float
    task: str = "transcription"
    feature_kind: str = "log_mel"
    n_mfcc: int = 0
    mel_scale: str = "htk"
    mel_norm: str = "none"
    word_start_shift_s: float = 0.0
    word_end_shift_s: float = 0.0
    word_start_gap_share: float = 0.0
    word_end_gap_share: float = 0.0
    word_confidence: dict[str, float] = field(default_factory=dict)
    least_log_prob: float | None = None
    unknown_excess: float = 0.0
    encoder: str = ""
    language: str = languages.ENGLISH
    training_data: str = ""
    measured: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        is_keywords = self.task == "keywords"
        if wrong := [name for name, kind in _KINDS.items() if not isinstance(getattr(self, name), kind)]:
            raise ModelError(f"The model spec has values of the wrong type: {', '.join(wrong)}.")
        wrong = [
            name
            for name, ok in {
                "sample_rate_hz": 0 < self.sample_rate_hz <= _HIGHEST_RATE_HZ,
                "n_fft": self.n_fft <= _MOST_SAMPLES,
                "window_samples": 0 < self.window_samples <= self.n_fft,
                "hop_samples": 0 < self.hop_samples <= _MOST_SAMPLES,
                "n_mels": 0 < self.n_mels <= max(self.n_fft, 1),
                "f_max_hz": 0 <= self.f_min_hz < self.f_max_hz <= self.sample_rate_hz / 2,
                "log_floor": 0 < self.log_floor < math.inf,
                "normalisation": self.normalisation in NORMALISATIONS,
                "mel_scale": self.mel_scale in MEL_SCALES,
                "mel_norm": self.mel_norm in MEL_NORMS,
                "labels": len(set(self.labels)) == len(self.labels) > 1
                and len(self.labels) <= _MOST_LABELS
                and all(isinstance(label, str) for label in self.labels)
                and (is_keywords or all(map(_is_label, self.labels))),
                "language": languages.is_tag(self.language),
                "blank": {UNKNOWN, SILENCE} <= set(self.labels) and self.blank == NO_BLANK
                if is_keywords
                else 0 <= self.blank < len(self.labels) and self.labels[self.blank] == "",
                "time_subsampling": self.time_subsampling > 0,
                "max_window_s": 0 < self.max_window_s <= _LONGEST_WINDOW_S,
                "task": self.task in TASKS,
                "feature_kind": self.feature_kind in (FEATURE_KINDS if is_keywords else FEATURE_KINDS[:1]),
                "n_mfcc": 0 < self.n_mfcc <= self.n_mels if self.feature_kind == "mfcc" else self.n_mfcc == 0,
                "word_start_shift_s": abs(self.word_start_shift_s) < self.max_window_s,
                "word_end_shift_s": abs(self.word_end_shift_s) < self.max_window_s,
                "word_start_gap_share": math.isfinite(self.word_start_gap_share),
                "word_end_gap_share": math.isfinite(self.word_end_gap_share),
                "least_log_prob": self.least_log_prob is None or -math.inf < self.least_log_prob <= 0,
                "unknown_excess": math.isfinite(self.unknown_excess),
                "word_confidence": set(self.word_confidence) <= set(CONFIDENCE_FEATURES)
                and all(math.isfinite(weight) for weight in self.word_confidence.values()),
            }.items()
            if not ok
        ]
        if wrong:
            raise ModelError(f"The model spec has values that cannot be right: {', '.join(wrong)}.")

    @property
    def output_frames_per_second(self) -> float:
        """Output frames per second of audio."""
        return self.sample_rate_hz / self.hop_samples / self.time_subsampling

    @property
    def feature_size(self) -> int:
        """Numbers in a frame of the network's input."""
        return {"log_mel": self.n_mels, "mfcc": self.n_mfcc, "samples": self.hop_samples}[self.feature_kind]

    def to_json(self) -> str:
        """Returns the spec as the JSON text that goes into the model file."""
        return json.dumps({"format": SPEC_FORMAT, **dataclasses.asdict(self)}, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelSpec":
        """Reads what `to_json` wrote.

        Raises:
            ModelError: the text is no spec, lacks a field, or was written by a newer Hark.
        """
        try:
            fields = json.loads(text)
            written_by = fields.pop("format")
            if written_by != SPEC_FORMAT:
                raise ModelError(f"The model's spec has format {written_by}; this Hark reads format {SPEC_FORMAT}.")
            unknown = set(fields) - {each.name for each in dataclasses.fields(cls)}
            if unknown:
                raise ModelError(f"The model was exported by a newer Hark, which knows {', '.join(sorted(unknown))}.")
            return cls(**{**fields, "labels": tuple(fields["labels"])})
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise ModelError(f"The model's spec cannot be read ({error}); export the model again.") from error


def _is_label(label: str) -> bool:
    """Says whether a network can spell with it: a space, or what people read, perhaps with a space before it."""
    spelt = label[1:] if label.startswith(" ") else label
    return (
        len(spelt) <= _LONGEST_LABEL
        and unicodedata.is_normalized("NFC", label)
        # Neither separators nor what controls, such as marks that turn the direction of a line round.
        and all(unicodedata.category(letter)[0] not in "ZC" or letter in _JOINERS for letter in spelt)
    )
