"""Checkpoints of punctuation models: the weights, the shape of the network, and the spec."""

from pathlib import Path

import torch

from hark.punctuation import PunctuationSpec
from training.errors import CheckpointError
from training.punctuation.network import PunctuationNetwork, Shape


def load_checkpoint(path: Path) -> tuple[PunctuationNetwork, PunctuationSpec]:
    """Reads what `training.punctuation.fit` wrote.

    Raises:
        CheckpointError: it is no such checkpoint.
    """
    try:
        saved = torch.load(path, weights_only=True)
        spec = PunctuationSpec.from_json(saved["spec"])
        network = PunctuationNetwork(Shape(**saved["shape"]), spec.table_rows, len(spec.gap_edges_s) + 2)
        network.load_state_dict(saved["network"])
    except Exception as error:  # torch raises many kinds for files that are none
        raise CheckpointError(
            f"{path} is no checkpoint of a punctuation model; name one that the training wrote."
        ) from error
    return network.eval(), spec
