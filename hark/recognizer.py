"""Loads a model once and runs it: log-mel windows -> log-probabilities."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from hark.ctc import LEAST_PROBABILITY
from hark.errors import ModelError
from hark.spec import METADATA_KEY, NO_BLANK, SILENCE, ModelSpec

# Names of the graph's inputs and outputs, in order; `export` gives them.
INPUT_NAMES = ("log_mel", "lengths")
OUTPUT_NAMES = ("log_probs", "output_lengths")
# A further output of networks with a Whisper encoder, [batch, output frames, size]: what the head reads.
FEATURES_NAME = "features"

# Seconds of padded audio that run through the network together: short windows share a call, long ones go alone. On one
# thread more at once is no faster (4x LSTM: 68 s take 7 % longer and 55 MB more), and a Lambda is paid for its memory.
_BATCH_S = 17.0


def open_session(
    path: Path,
    level: ort.GraphOptimizationLevel = ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    optimised: Path | None = None,
) -> ort.InferenceSession:
    """Opens an ONNX file as everything here runs it, on one thread.

    Args:
        path: the file.
        level: how far ONNX Runtime optimises the graph.
        optimised: where to write it as it is then.

    Raises:
        ModelError: ONNX Runtime cannot open it.
    """
    options = ort.SessionOptions()
    # A Lambda of 1769 MB has one vCPU: further threads, and threads that spin, take time from each other. Larger ones
    # have more; two threads are no faster there, or by a fifth if they spin, for twice the price (docs/operations.md).
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors only; they reach the caller as exceptions
    options.graph_optimization_level = level
    if optimised:
        options.optimized_model_filepath = str(optimised)
    try:
        return ort.InferenceSession(
            str(path),
            options,
            providers=["CPUExecutionProvider"],
            # The fused kernel takes five times as long as the addition and the normalisation one by one.
            disabled_optimizers=["SkipLayerNormFusion"],
        )
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise ModelError(
            f"{path} is not a usable model exported by Hark; name one that `make export` wrote."
        ) from error


def metadata_of(session: ort.InferenceSession, path: str | Path) -> dict[str, str]:
    """Returns what the file says of itself.

    Raises:
        ModelError: it is no text.
    """
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is damaged: what it says of itself is no text; copy or export it again.") from error


class Recognizer:
    """An ONNX Runtime session and the spec that came with it. Safe to use from several threads.

    Args:
        path: an ONNX file made by `export`.
        task: what the model must be for; by default it may be for any of `hark.spec.TASKS`.

    Raises:
        ModelError: the file is missing, is no model, carries no readable spec or that of another network, or is for
            another task.
    """

    def __init__(self, path: str | Path, task: str | None = None) -> None:
        if not Path(path).is_file():
            raise ModelError(f"There is no model file at {path}; name one that `make export` wrote.")
        self._session = open_session(Path(path))
        metadata = metadata_of(self._session, path)
        if METADATA_KEY not in metadata:
            raise ModelError(f"{path} does not say how to feed it; export it with `make export`.")
        self.spec = ModelSpec.from_json(metadata[METADATA_KEY])
        if task and self.spec.task != task:
            raise ModelError(f"{path} is a model for {self.spec.task}, not for {task}; name another one.")
        if wrong := _misfit(self._session, self.spec):
            raise ModelError(f"The spec in {path} does not fit its network: {wrong}; export the model again.")

    def run(self, log_mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Runs windows through the network; neighbours and padding do not change a window's result.

        Args:
            log_mels: windows of [frames, n_mels], of any lengths above 0.

        Returns:
            [output frames, labels] log-probabilities of each window, none of them infinite or NaN.
        """
        return self._run(log_mels, OUTPUT_NAMES)[0]

    def run_with_features(
        self, log_mels: Sequence[NDArray[np.float32]]
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """As `run`, of a model whose spec names its `encoder`.

        Returns:
            [output frames, labels] log-probabilities of each window, and [output frames, size] the encoder's features.
        """
        log_probs, features = self._run(log_mels, (*OUTPUT_NAMES, FEATURES_NAME))
        return log_probs, features

    def _run(self, log_mels: Sequence[NDArray[np.float32]], outputs: Sequence[str]) -> list[list[NDArray[np.float32]]]:
        """Returns the outputs that belong to frames, each for every window."""
        nothing = np.zeros((0, len(self.spec.labels)), np.float32)
        results = [[nothing] * len(log_mels) for name in outputs if name != OUTPUT_NAMES[1]]
        for batch in self._batches([len(log_mel) for log_mel in log_mels]):
            lengths = np.array([len(log_mels[i]) for i in batch], np.int64)
            padded = np.zeros((len(batch), lengths.max(), self.spec.feature_size), np.float32)
            for row, i in zip(padded, batch, strict=True):
                row[: len(log_mels[i])] = log_mels[i]
            log_probs, output_lengths, *more = self._session.run(
                outputs, dict(zip(INPUT_NAMES, (padded, lengths), strict=True))
            )
            for row, (i, length) in enumerate(zip(batch, output_lengths.tolist(), strict=True)):
                results[0][i] = _finite(log_probs[row, :length], self.spec)
                for of_windows, output in zip(results[1:], more, strict=True):
                    of_windows[i] = output[row, :length]
        return results

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Puts windows of similar lengths together, so that little is padded; yields their indices."""
        most = _BATCH_S * self.spec.sample_rate_hz / self.spec.hop_samples
        batch: list[int] = []
        for i in sorted(range(len(lengths)), key=lengths.__getitem__):
            # In this order the window that would be added is the longest.
            if batch and lengths[i] * (len(batch) + 1) > most:
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch


def _misfit(session: ort.InferenceSession, spec: ModelSpec) -> str:
    """Returns in what a network is not as its spec says; "" where it is. Open dimensions are not looked at."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    names = tuple(each.name for each in inputs), tuple(each.name for each in outputs)
    gives = (*OUTPUT_NAMES, FEATURES_NAME) if spec.encoder else OUTPUT_NAMES
    if names != (INPUT_NAMES, gives):
        return f"its inputs and outputs are {', '.join([*names[0], *names[1]])}"
    for what, shape, size in (
        ("features", inputs[0].shape, spec.feature_size),
        ("labels", outputs[0].shape, len(spec.labels)),
    ):
        if len(shape) != 3 or (isinstance(shape[2], int) and shape[2] != size):
            return f"it has {what} of the shape {shape}, and the spec {size} of them"
    return ""


def _finite(log_probs: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float32]:
    """Returns [frames, labels] log-probabilities; where a network gave no such thing, nothing was heard in the frame.

    A sum that overflows in a network ends as NaN in all that depends on it, and whoever searches by NaN finds anything
    or nothing.
    """
    if np.isfinite(log_probs).all():
        return log_probs
    # Not so of NaN, which is above nothing; one label at least must be possible.
    best = log_probs.max(axis=1, keepdims=True)
    usable = (best > -np.inf) & (best < np.inf)
    nothing = np.full(log_probs.shape[1], np.log(LEAST_PROBABILITY), np.float32)
    nothing[spec.labels.index(SILENCE) if spec.blank == NO_BLANK else spec.blank] = 0.0
    return np.where(usable, np.maximum(log_probs, np.float32(np.log(LEAST_PROBABILITY))), nothing)
