"""Half precision on processors: bfloat16 where they have instructions for it."""

import torch


def has_bfloat16() -> bool:
    """Says whether this processor has instructions for bfloat16; others emulate it, or cannot run an LSTM in it."""
    return torch.cpu._is_avx512_bf16_supported()


def autocast() -> torch.autocast:
    """Returns the context in which a network runs in bfloat16, if this processor has it, and else as it is."""
    return torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16())
