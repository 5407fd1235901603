"""The one place that imports torchaudio: `from training.torchaudio_guard import torchaudio`.

torchaudio loads a compiled extension when it is imported. The wheel links that extension against CUDA's libraries, so
with a torch built for the CPU only the import fails, although everything Hark uses (MelSpectrogram, the SpecAugment
masks, resampling, dataset layouts) is plain Python. Only if the import has failed in that way, it is tried again
with the extension declared absent, a state that torchaudio itself provides for. An extension that loads is used.
"""

import importlib
import sys
from types import ModuleType


def _import_torchaudio() -> ModuleType:
    try:
        return importlib.import_module("torchaudio")
    except OSError:  # what torch.ops.load_library raises; a missing torchaudio is an ImportError and passes through
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        absent = ModuleType("torchaudio._extension")
        absent._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
        absent._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
        absent.fail_if_no_align = _fail_if_no_align  # type: ignore[attr-defined]
        sys.modules["torchaudio._extension"] = absent
        return importlib.import_module("torchaudio")


def _fail_if_no_align(_function: object) -> object:
    def fail(*_args: object, **_kwargs: object) -> object:
        raise RuntimeError("forced_align needs torchaudio's compiled extension, which could not be loaded here.")

    return fail


torchaudio = _import_torchaudio()
