"""What an attention decoder alone would write, word after word: for measuring it while it learns."""

import torch
from torch import Tensor

from training.attention.checkpoint import Vocabulary
from training.attention.network import AttentionDecoder


@torch.inference_mode()
def generate(
    network: AttentionDecoder, features: Tensor, lengths: Tensor, vocabulary: Vocabulary, most: int
) -> list[str]:
    """Takes the likeliest token again and again, for each utterance of a batch.

    Args:
        network: in evaluation mode.
        features: [batch, frames, 2 * size] the encoder's, in pairs.
        lengths: [batch] frames.
        vocabulary: of the network.
        most: tokens of a text.

    Returns:
        the texts.
    """
    keys, values = network.attended(features)
    shape = network.shape
    past_keys = features.new_zeros(shape.layers, len(features), shape.heads, 0, shape.size // shape.heads)
    past_values = past_keys
    tokens = torch.tensor([vocabulary.start] * len(features))
    written: list[list[int]] = [[] for _ in features]
    ended = [False] * len(features)
    for _ in range(most):
        log_probs, past_keys, past_values = network.step(tokens, past_keys, past_values, keys, values, lengths)
        best = log_probs[:, -1].argmax(-1)
        for row, token in enumerate(best.tolist()):
            ended[row] = ended[row] or token >= len(vocabulary.subwords)
            if not ended[row]:
                written[row].append(token)
        if all(ended):
            break
        tokens = best[:, None]
    return [vocabulary.subwords.text(ids) for ids in written]
