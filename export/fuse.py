"""Does with a model file what ONNX Runtime would do whenever it opens it: `python -m export.fuse MODEL [MODEL ...]`.

Half of the time that opening a model takes goes into folding constants and joining operators. The build of the image
does that once for the recogniser, with the very ONNX Runtime that is in the image, as far as it is the same for every
processor; the layout of convolutions, which is not, remains for the start. The file is then one for ONNX Runtime alone,
whose own operators are in it; those in `models/` are for everything that reads ONNX.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort

from hark.command import command
from hark.recognizer import Recognizer, open_session

# Of the windows, alone and side by side, that the model must answer as before, to the last bit.
_FRAMES = ((1, 7, 100, 1700), (50, 850))


def fuse(path: Path) -> bool:
    """Rewrites an ONNX file in place; returns whether the new file answers as the old one does, which else is left.

    Raises:
        ModelError: the file is missing or is no model of Hark's.
    """
    before = Recognizer(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fuse-") as folder:
        fused = Path(folder) / path.name
        open_session(path, ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED, fused)
        after = Recognizer(fused)
        rng = np.random.default_rng(0)
        for lengths in _FRAMES:
            windows = [rng.standard_normal((frames, before.spec.feature_size)).astype(np.float32) for frames in lengths]
            if not all(map(np.array_equal, before.run(windows), after.run(windows))):
                return False
        fused.chmod(path.stat().st_mode)
        fused.replace(path)
    return True


@command
def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="+")
    for path in parser.parse_args(arguments).model:
        done = fuse(path)
        print(f"fused {path}" if done else f"left {path} as it is: fused, it answers differently in the last bits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
