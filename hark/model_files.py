"""Where the models are that come with Hark."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
# In the package, where it was installed from a wheel; beside it in a checkout and in the image.
FOLDER = _HERE / "models" if (_HERE / "models").is_dir() else _HERE.parent / "models"
RECOGNISER = FOLDER / "asr.onnx"
LANGUAGE_MODEL = FOLDER / "lm.bin"
KEYWORDS = FOLDER / "keywords.onnx"
PUNCTUATION = FOLDER / "punctuation.onnx"


def attention_beside(recognizer: Path) -> Path:
    """Returns where the attention decoder of a recogniser lies, if it has one."""
    return recognizer.with_suffix(".attention.onnx")
