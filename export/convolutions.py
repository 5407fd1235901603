"""A Whisper encoder's convolutions as matrix products, which ONNX Runtime can compute in int8 for any input.

Its int8 convolutions need to know the range of the input beforehand, and in fp32 the two take a tenth of the network's
time. A convolution is a matrix product with the frames that its kernel sees, side by side; arranging them costs little.
"""

import copy

import torch
from torch import Tensor, nn

from training.whisper import WhisperCtc


def unfold_convolutions(model: nn.Module) -> nn.Module:
    """Returns a copy of a Whisper network that computes the same without convolutions; others come back as they are."""
    if not isinstance(model, WhisperCtc):
        return model
    unfolded = copy.deepcopy(model)
    for name in ("conv1", "conv2"):
        setattr(unfolded.encoder, name, _Unfolded(getattr(unfolded.encoder, name)))
    return unfolded.eval()


class _Unfolded(nn.Module):
    """A convolution over time of kernel 3, padding 1 and stride 1 or 2."""

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        (self.stride,) = convolution.stride
        outputs, inputs, kernel = convolution.weight.shape
        self.product = nn.Linear(kernel * inputs, outputs)
        with torch.no_grad():
            self.product.weight.copy_(convolution.weight.transpose(1, 2).flatten(1))
            if convolution.bias is not None:
                self.product.bias.copy_(convolution.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """[batch, inputs, frames] -> [batch, outputs, ceil(frames / stride)]."""
        frames = hidden.transpose(1, 2)
        # One more zero than the convolution pads, so that all three slices have a last frame for odd lengths too.
        padded = nn.functional.pad(frames, (0, 0, 1, self.stride))
        seen = [padded[:, start : start + frames.shape[1] : self.stride] for start in range(3)]
        product: Tensor = self.product(torch.cat(seen, 2))
        return product.transpose(1, 2)
