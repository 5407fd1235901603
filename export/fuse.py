"""Does in advance what ONNX Runtime does whenever it opens a model file: `python -m export.fuse MODEL [MODEL ...]`.

Opening a model spends half of its time on folding constants and joining operators. The build of the image does that
once for the recogniser and its attention decoder, with the ONNX Runtime of the image, as far as it is the same for
every processor. The layout of convolutions is not, and remains for the start. The resulting file has operators of ONNX
Runtime's own and can only be read by it; the files in `models/` can be read by any program for ONNX.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from hark.attention import AttentionDecoder
from hark.attention_spec import METADATA_KEY as ATTENTION
from hark.command import command
from hark.recognizer import Recognizer, metadata_of, open_session

# Lengths of the windows, alone and in a batch, for which the model's output must be the same to the last bit.
_FRAMES = ((1, 7, 100, 1700), (50, 850))
# Likewise pairs of frames, and subwords of each text, for an attention decoder.
_READ = ((3, (1,)), (250, (40, 7, 22)))


def fuse(path: Path) -> bool:
    """Rewrites an ONNX file in place if the output stays the same; returns whether it did.

    Raises:
        ModelError: the file is missing or is no model of Hark's.
    """
    answers: Callable[[Path], Iterator[NDArray[Any]]] = _of_attention if _is_attention(path) else _of_recognizer
    before = list(answers(path))
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fuse-") as folder:
        fused = Path(folder) / path.name
        open_session(path, ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED, fused)
        if not all(np.array_equal(*pair) for pair in zip(before, answers(fused), strict=True)):
            return False
        fused.chmod(path.stat().st_mode)
        fused.replace(path)
    return True


def _is_attention(path: Path) -> bool:
    """Says whether a file is an attention decoder, without optimising it."""
    if not path.is_file():
        return False  # which the recogniser says in words
    return ATTENTION in metadata_of(open_session(path, ort.GraphOptimizationLevel.ORT_DISABLE_ALL), path)


def _of_recognizer(path: Path) -> Iterator[NDArray[np.float32]]:
    """Yields what a recogniser answers to drawn features."""
    recognizer, rng = Recognizer(path), np.random.default_rng(0)
    for lengths in _FRAMES:
        yield from recognizer.run(
            [rng.standard_normal((frames, recognizer.spec.feature_size)).astype(np.float32) for frames in lengths]
        )


def _of_attention(path: Path) -> Iterator[NDArray[np.float64]]:
    """Yields what an attention decoder says of drawn texts, and what it writes itself."""
    decoder, rng = AttentionDecoder(path), np.random.default_rng(0)
    subwords = decoder.spec.subwords
    for frames, counts in _READ:
        heard = decoder.hear(rng.standard_normal((frames, 2 * decoder.spec.size)).astype(np.float32))
        texts = [subwords.text(rng.integers(len(subwords), size=count).tolist()) for count in counts]
        yield from (opinion.log_probs for opinion in decoder.opinions(heard, texts) if opinion)
        yield decoder.write(heard, 1.0).log_probs


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
