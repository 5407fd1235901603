"""Several processes that train one network, each on batches of its own, started by torchrun."""

import os

import torch
import torch.distributed as dist
from torch import nn


def join() -> tuple[int, int]:
    """Joins the processes that torchrun started; returns what `numbered` does."""
    if "WORLD_SIZE" in os.environ and not dist.is_initialized():
        dist.init_process_group("gloo")
    return numbered()


def numbered() -> tuple[int, int]:
    """Returns the number of this process, and how many have joined; 0 and 1 where none have."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def wait() -> None:
    """Waits until all processes are here."""
    if dist.is_initialized():
        dist.barrier()


def average_gradients(network: nn.Module, processes: int) -> None:
    """Gives every process the mean of all processes' gradients."""
    if processes == 1:
        return
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    together = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(together)
    together /= processes
    for gradient, averaged in zip(gradients, torch.split(together, [each.numel() for each in gradients]), strict=True):
        gradient.copy_(averaged.view_as(gradient))
