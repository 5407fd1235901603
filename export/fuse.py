"""Does in advance what ONNX Runtime does whenever it opens a model file: `python -m export.fuse MODEL [MODEL ...]`.

Opening a model spends half of its time on folding constants and joining operators. The build of the image does that
once for the recogniser, with the ONNX Runtime of the image, as far as it is the same for every processor. The layout of
convolutions is not, and remains for the start. The resulting file has operators of ONNX Runtime's own and can only be
read by it; the files in `models/` can be read by any program for ONNX.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort

from hark.command import command
from hark.recognizer import Recognizer, open_session

# Lengths of the windows, alone and in a batch, for which the model's output must be the same to the last bit.
_FRAMES = ((1, 7, 100, 1700), (50, 850))


def fuse(path: Path) -> bool:
    """Rewrites an ONNX file in place if the output stays the same; returns whether it did.

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
