"""AdamW, or Muon for the matrices within the network and AdamW for the rest."""

from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn

from training.config import OptimConfig
from training.errors import ConfigError

# Matrices by name that Muon is not meant for: what goes in, what comes out.
_NOT_HIDDEN = ("projection", "head", "feedback")


class Muon(torch.optim.Optimizer):
    """Muon for some parameters and AdamW for others, as one optimiser with one schedule.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), in PyTorch's version, whose
    steps are scaled to be as long as AdamW's (Liu et al., "Muon is Scalable for LLM Training", 2025), so that one
    learning rate serves both.
    """

    def __init__(self, hidden: list[nn.Parameter], others: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        self.parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(hidden, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=lr, weight_decay=weight_decay),
        )
        super().__init__([{"params": [*hidden, *others]}], {"lr": lr, "weight_decay": weight_decay})
        # The very dictionaries of the parts, so that a schedule that sets a learning rate here sets it there.
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def step(self, closure: Any = None) -> Any:
        """Takes one step of each part."""
        loss = closure() if closure else None
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of both parts."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Reads what `state_dict` returned."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def configure(task: nn.Module, config: OptimConfig, steps: int) -> OptimizerLRScheduler:
    """Makes the optimiser a config names, under OneCycleLR over all `steps` of a run.

    Raises:
        ConfigError: there is no such optimiser.
    """
    optimiser = make_optimiser(task, config)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        config.max_lr,
        total_steps=steps,
        pct_start=config.warmup_share,
        anneal_strategy=config.anneal,  # type: ignore[arg-type]
        cycle_momentum=config.name == "adamw",
    )
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def make_optimiser(task: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """Makes the optimiser a config names.

    Raises:
        ConfigError: there is no such optimiser.
    """
    if config.name == "adamw":
        return torch.optim.AdamW(task.parameters(), lr=config.max_lr, weight_decay=config.weight_decay)
    if config.name != "muon":
        raise ConfigError(f"optim.name must be adamw or muon, not {config.name!r}.")
    hidden: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in task.named_parameters():
        matrix = parameter.ndim == 2 and not any(part in name for part in _NOT_HIDDEN)
        (hidden if matrix else others).append(parameter)
    return Muon(hidden, others, config.max_lr, config.weight_decay)
