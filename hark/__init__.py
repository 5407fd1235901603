"""Speech to text: a recording in, a transcript out, on a CPU.

    import hark

    model = hark.load()
    print(model.transcribe("meeting.m4a").text)

Nothing is imported before it is used: Lambda's authorizer needs `hark.errors` alone, and `hark --help` no model.
"""

import os
from typing import TYPE_CHECKING

# From 1.29 on, ONNX Runtime's builds for Linux tell Microsoft which models are opened, unless this is set before they
# are imported. Whoever wants that can set it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from hark.errors import HarkError
    from hark.keywords import Detection
    from hark.model import KeywordModel, Model, load, load_keywords
    from hark.transcript import Alternative, Channel, Segment, Transcript, Word

# The one place that says it; pyproject.toml reads it from here, without running anything.
__version__ = "1.1.0"

__all__ = [
    "Alternative",
    "Channel",
    "Detection",
    "HarkError",
    "KeywordModel",
    "Model",
    "Segment",
    "Transcript",
    "Word",
    "__version__",
    "load",
    "load_keywords",
]

_MODULES = {
    "hark.errors": ("HarkError",),
    "hark.keywords": ("Detection",),
    "hark.model": ("KeywordModel", "Model", "load", "load_keywords"),
    "hark.transcript": ("Alternative", "Channel", "Segment", "Transcript", "Word"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # to a type checker any name would be there

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_MODULE_OF[name]), name)
        return value
