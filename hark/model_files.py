"""Where the models are that come with Hark, and what lies beside a recogniser.

A recogniser `it.onnx` has its language model beside it as `it.lm.bin`, what punctuates as `it.punctuation.onnx`, its
attention decoder as `it.attention.onnx` and the weights of its search as `it.json`; none of them need be there.
"""

from pathlib import Path

from hark.languages import ENGLISH, answers

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


def beside(
    recognizer: Path, language: str, language_model: Path | None = None, punctuation: Path | None = None
) -> tuple[Path, Path]:
    """Returns which language model and which punctuation model belong to a recogniser; they need not be there.

    Those are named, or lie beside it; English recognisers have those that come with Hark otherwise.

    Args:
        recognizer: its file.
        language: its language.
        language_model: one that somebody named; None where nobody did.
        punctuation: likewise.
    """
    found = []
    for given, common, suffix in (
        (language_model, LANGUAGE_MODEL, ".lm.bin"),
        (punctuation, PUNCTUATION, ".punctuation.onnx"),
    ):
        own = recognizer.with_suffix(suffix)
        if given is not None:
            found.append(given)
        else:
            found.append(common if answers(ENGLISH, language) and not own.is_file() else own)
    return found[0], found[1]


def companions(recognizer: Path, language: str) -> tuple[Path, ...]:
    """Returns the models that are loaded with a recogniser where they are there."""
    return (*beside(recognizer, language), attention_beside(recognizer))
