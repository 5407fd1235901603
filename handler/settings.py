"""What an operator sets through environment variables; read once, checked at once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hark import model_choice, model_files
from hark.decoding import DECODERS, DEFAULT_DECODER
from hark.errors import HarkError

# A body of 6 MB, Lambda's limit, holds an hour of compressed speech, which takes two thirds of an HTTP API's 30 s on a
# whole vCPU.
_DEFAULT_MAX_AUDIO_S = 3900.0
# What a job may bring: an afternoon's meeting, in a file that fits into the 512 MB of /tmp every function has.
_DEFAULT_JOB_MAX_AUDIO_S = 14_400.0
_DEFAULT_JOB_MAX_BYTES = 500_000_000.0
# Of a function, the rest is for recordings. Elsewhere, three or four models.
_MODELS_SHARE_OF_MEMORY = 0.4
_DEFAULT_MODELS_MB = 1000.0
# A synchronous Lambda takes events of 6 MB, in which the body is base64, 4/3 as long; the headers need a little too.
_DEFAULT_MAX_BODY_BYTES = 4_500_000.0

# Of the library that writes logs and metrics, which otherwise says nothing of the setting that it fails at.
_CHOICES = {
    "POWERTOOLS_LOG_LEVEL": ("debug", "info", "warning", "error", "critical"),
    **dict.fromkeys(("POWERTOOLS_METRICS_DISABLED", "POWERTOOLS_TRACE_DISABLED"), ("true", "1", "false", "0")),
}


class SettingsError(HarkError):
    """An environment variable has a value that cannot work."""


@dataclass(frozen=True)
class Settings:
    """The settings of the functions.

    Attributes:
        model_path: `HARK_MODEL`, an exported model; by default the one that comes with Hark. Where `HARK_MODELS` lists
            several, the first of them.
        language_model_path: `HARK_LM`, the first model's language model; by default one that lies beside it or, for
            English, the one that comes with Hark. It need not be there.
        decoder: `HARK_DECODER`, which of `DECODERS` answers who names none, or the last one before it for which
            there are files.
        keywords_path: `HARK_KEYWORDS_MODEL`, an exported keyword model; by default the one that comes with Hark.
        punctuation_path: `HARK_PUNCTUATION`, the first model's punctuation model; by default one that lies beside it
            or, for English, the one that comes with Hark. It need not be there.
        max_audio_s: `HARK_MAX_AUDIO_S`, the longest recording accepted over HTTP, in seconds.
        max_body_bytes: `HARK_MAX_BODY_BYTES`, the largest body that reaches the endpoint, which `/health` tells; what
            is before the endpoint sees to it.
        bucket: `HARK_BUCKET`, the name of the bucket for jobs; "" where there are none.
        job_max_audio_s: `HARK_JOB_MAX_AUDIO_S`, the longest recording of a job, in seconds.
        job_max_bytes: `HARK_JOB_MAX_BYTES`, the largest file of a job.
        several: `HARK_MODELS`, models that are deployed side by side, with the tags of their languages; see
            `hark.model_choice.listed`. None without it.
        models_mb: `HARK_MODELS_MB`, how much memory the loaded ones may take, in MB.
        webhook_secret_arn: `HARK_WEBHOOK_SECRET_ARN`, the secret that webhooks are signed with; "" turns them off.
    """

    model_path: Path
    max_audio_s: float
    keywords_path: Path = model_files.KEYWORDS
    bucket: str = ""
    job_max_audio_s: float = _DEFAULT_JOB_MAX_AUDIO_S
    job_max_bytes: int = int(_DEFAULT_JOB_MAX_BYTES)
    webhook_secret_arn: str = ""
    language_model_path: Path = model_files.LANGUAGE_MODEL
    decoder: str = DEFAULT_DECODER
    punctuation_path: Path = model_files.PUNCTUATION
    max_body_bytes: int = int(_DEFAULT_MAX_BODY_BYTES)
    several: tuple[tuple[str, Path], ...] = ()
    models_mb: float = _DEFAULT_MODELS_MB

    @property
    def models(self) -> tuple[tuple[str, Path], ...]:
        """Tags, or "", and files of the models there are."""
        return self.several or (("", self.model_path),)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the settings.

        Raises:
            SettingsError: a value cannot work; the message names the variable.
        """
        for name, values in _CHOICES.items():
            if (value := environment.get(name)) and value.lower() not in values:
                raise SettingsError(f"{name} must be {', '.join(values[:-1])} or {values[-1]}, not {value!r}.")
        decoder = environment.get("HARK_DECODER") or DEFAULT_DECODER
        if decoder not in DECODERS:
            raise SettingsError(f"HARK_DECODER must be {' or '.join(DECODERS)}, not {decoder!r}.")
        several = _models(environment.get("HARK_MODELS", ""))
        of_function = float(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 0) * _MODELS_SHARE_OF_MEMORY
        return cls(
            model_path=several[0][1] if several else Path(environment.get("HARK_MODEL") or model_files.RECOGNISER),
            several=several,
            models_mb=_positive(environment, "HARK_MODELS_MB", "megabytes", of_function or _DEFAULT_MODELS_MB),
            max_audio_s=_positive(environment, "HARK_MAX_AUDIO_S", "seconds", _DEFAULT_MAX_AUDIO_S),
            keywords_path=Path(environment.get("HARK_KEYWORDS_MODEL") or model_files.KEYWORDS),
            bucket=environment.get("HARK_BUCKET", ""),
            job_max_audio_s=_positive(environment, "HARK_JOB_MAX_AUDIO_S", "seconds", _DEFAULT_JOB_MAX_AUDIO_S),
            job_max_bytes=_bytes(environment, "HARK_JOB_MAX_BYTES", _DEFAULT_JOB_MAX_BYTES),
            webhook_secret_arn=environment.get("HARK_WEBHOOK_SECRET_ARN", ""),
            language_model_path=Path(environment.get("HARK_LM") or model_files.LANGUAGE_MODEL),
            decoder=decoder,
            punctuation_path=Path(environment.get("HARK_PUNCTUATION") or model_files.PUNCTUATION),
            max_body_bytes=_bytes(environment, "HARK_MAX_BODY_BYTES", _DEFAULT_MAX_BODY_BYTES),
        )


def _models(text: str) -> tuple[tuple[str, Path], ...]:
    try:
        return tuple(model_choice.listed(text)) if text.strip() else ()
    except ValueError as error:
        raise SettingsError(f"HARK_MODELS {error}.") from error


def _bytes(environment: Mapping[str, str], name: str, default: float) -> int:
    value = int(_positive(environment, name, "bytes", default))
    if not value:
        raise SettingsError(f"{name} must be a number of bytes above 0, not {environment[name]!r}.")
    return value


def _positive(environment: Mapping[str, str], name: str, unit: str, default: float) -> float:
    text = environment.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise SettingsError(f"{name} must be a number of {unit} above 0, not {text!r}.")
    return value
