"""What an operator sets through environment variables; read once, checked at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from handler.errors import HarkError

# A body of 6 MB, Lambda's limit, holds an hour of compressed speech, which takes half of an HTTP API's 30 s.
_DEFAULT_MAX_AUDIO_S = 3900.0
_DEFAULT_MODEL = Path(__file__).resolve().parent.parent / "models" / "asr.onnx"


class SettingsError(HarkError):
    """An environment variable has a value that cannot work."""


@dataclass(frozen=True)
class Settings:
    """The settings of the HTTP function.

    Attributes:
        model_path: `HARK_MODEL`, an exported model; by default the one that comes with Hark.
        max_audio_s: `HARK_MAX_AUDIO_S`, the longest recording accepted over HTTP, in seconds.
    """

    model_path: Path
    max_audio_s: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the settings.

        Raises:
            SettingsError: a value cannot work; the message names the variable.
        """
        text = environment.get("HARK_MAX_AUDIO_S") or str(_DEFAULT_MAX_AUDIO_S)
        try:
            max_audio_s = float(text)
        except ValueError:
            max_audio_s = float("nan")
        if not max_audio_s > 0:
            raise SettingsError(f"HARK_MAX_AUDIO_S must be a number of seconds above 0, not {text!r}.")
        return cls(Path(environment.get("HARK_MODEL") or _DEFAULT_MODEL), max_audio_s)
