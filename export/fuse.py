"""Does with a model file what ONNX Runtime would do whenever it opens it: `python -m export.fuse MODEL [MODEL ...]`.

Half of the time that opening a model takes goes into folding constants and joining operators. The build of the image
does that once for the recogniser, with the very ONNX Runtime that is in the image, as far as it is the same for every
processor; the layout of convolutions, which is not, remains for the start. The file is then one for ONNX Runtime alone,
whose own operators are in it; those in `models/` are for everything that reads ONNX.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime as ort

from export.errors import ProofError
from handler.errors import HarkError
from handler.recognizer import Recognizer, open_session

# Of the windows, alone and side by side, that the model must answer as before.
_FRAMES = ((1, 7, 100, 1700), (50, 850))


def fuse(path: Path) -> None:
    """Rewrites an ONNX file in place.

    Raises:
        ProofError: the new file would not answer as the old one does, to the last bit; the old one is left.
        ModelError: the file is missing or is no model of Hark's.
    """
    before = Recognizer(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fuse-") as folder:
        fused = Path(folder) / path.name
        open_session(path, ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED, fused)
        after = Recognizer(fused)
        if after.spec != before.spec:
            raise ProofError(f"{path}: ONNX Runtime did not keep the spec; nothing was written.")
        rng = np.random.default_rng(0)
        for lengths in _FRAMES:
            windows = [rng.standard_normal((frames, before.spec.feature_size)).astype(np.float32) for frames in lengths]
            if not all(map(np.array_equal, before.run(windows), after.run(windows))):
                raise ProofError(f"{path} does not answer as before when it is fused; nothing was written.")
        fused.chmod(path.stat().st_mode)
        os.replace(fused, path)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="+")
    try:
        for path in parser.parse_args(arguments).model:
            fuse(path)
            print(f"fused {path}")
    except HarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
