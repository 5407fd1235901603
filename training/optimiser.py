"""AdamW, or Muon for the matrices within the network and AdamW for the rest."""

from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn

from training.config import OptimConfig
from training.errors import ConfigError

# Matrices, by name, that Muon is not meant for: at the input and at the output.
_NOT_HIDDEN = ("projection", "head.weight", "head.0.weight", "head.3.weight", "heads", "head.output", "feedback")


class MuonWithAdamW(torch.optim.Optimizer):
    """PyTorch's Muon for the hidden matrices and its AdamW for all other parameters, as one optimiser.

    Both follow one schedule.

    Making the updates orthogonal takes a quarter of a training step on a CPU, and every process of a run would do the
    same. So each process does it for a share of the matrices, keeps only their momentum, and sends the result to the
    others.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), in PyTorch's version, whose
    steps are scaled to be as long as AdamW's (Liu et al., "Muon is Scalable for LLM Training", 2025), so that one
    learning rate serves both.
    """

    def __init__(
        self, hidden: list[dict[str, Any]], others: list[dict[str, Any]], lr: float, weight_decay: float
    ) -> None:
        self.parts: tuple[torch.optim.Optimizer, ...] = (
            torch.optim.Muon(hidden, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(others, lr=lr, weight_decay=weight_decay),
        )
        every = [parameter for group in (*hidden, *others) for parameter in group["params"]]
        super().__init__([{"params": every}], {"lr": lr, "weight_decay": weight_decay})
        # The dictionaries of the parts themselves, so that a learning rate that a schedule sets here is set there.
        self.param_groups = [group for part in self.parts for group in part.param_groups]
        self._hidden = [parameter for group in hidden for parameter in group["params"]]
        self._gathered: dict[int, Any] | None = None

    def step(self, closure: Any = None) -> Any:
        """Takes one step of each part; in a run of several processes all must call it."""
        loss = closure() if closure else None
        shares, rank = self._shares()
        for share in shares[:rank] + shares[rank + 1 :]:
            for i in share:
                self._hidden[i].grad = None  # PyTorch's optimisers skip it
        for part in self.parts:
            part.step()
        self._gathered = None
        if len(shares) > 1:
            self._exchange(shares, rank)
        return loss

    def consolidate_state_dict(self) -> None:
        """Gathers the momentum of all matrices for `state_dict`; all processes must call it.

        Lightning does so before it saves, as for PyTorch's ZeroRedundancyOptimizer.
        """
        shares, rank = self._shares()
        if len(shares) > 1:
            own = self.parts[0].state_dict()["state"]
            states: list[Any] = [None] * len(shares)
            torch.distributed.all_gather_object(states, {i: own[i] for i in shares[rank] if i in own})
            self._gathered = {i: state for part in states for i, state in part.items()}

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of both parts.

        Raises:
            RuntimeError: other processes have a part of it, and `consolidate_state_dict` was not called since a step.
        """
        parts = [part.state_dict() for part in self.parts]
        if len(self._shares()[0]) > 1:
            if self._gathered is None:
                raise RuntimeError("call consolidate_state_dict in all processes first: each has a part of the state.")
            parts[0]["state"] = self._gathered
        return {"parts": parts}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Reads what `state_dict` returned, in any number of processes."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    def _shares(self) -> tuple[list[list[int]], int]:
        """Returns the indices of each process's matrices, of about equal size in all, and which process this is."""
        if not torch.distributed.is_initialized():
            return [list(range(len(self._hidden)))], 0
        shares: list[list[int]] = [[] for _ in range(torch.distributed.get_world_size())]
        loads = [0] * len(shares)
        for i in sorted(range(len(self._hidden)), key=lambda i: -self._hidden[i].numel()):
            least = loads.index(min(loads))
            shares[least].append(i)
            loads[least] += self._hidden[i].numel()
        return shares, torch.distributed.get_rank()

    @torch.no_grad()
    def _exchange(self, shares: list[list[int]], rank: int) -> None:
        """Receives the other processes' matrices, in one message from each."""
        longest = max(sum(self._hidden[i].numel() for i in share) for share in shares)
        message = self._hidden[0].new_zeros(longest)
        own = [self._hidden[i].flatten() for i in shares[rank]]
        if own:
            message[: sum(map(len, own))] = torch.cat(own)
        messages = [torch.empty_like(message) for _ in shares]
        torch.distributed.all_gather(messages, message)
        for share, theirs in zip(shares, messages, strict=True):
            sizes = [self._hidden[i].numel() for i in share]
            for i, values in zip(share, torch.split(theirs[: sum(sizes)], sizes), strict=True):
                self._hidden[i].copy_(values.view_as(self._hidden[i]))


def configure(task: nn.Module, config: OptimConfig, steps: int) -> OptimizerLRScheduler:
    """Makes the optimiser a config names, under OneCycleLR over all `steps` of a run.

    Raises:
        ConfigError: there is no such optimiser.
    """
    optimiser = make_optimiser(task, config)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        [group["lr"] for group in optimiser.param_groups],
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
    if config.name not in ("adamw", "muon"):
        raise ConfigError(f"optim.name must be adamw or muon, not {config.name!r}.")
    rates = _rates(task, config)
    hidden: dict[float, list[nn.Parameter]] = {}
    others: dict[float, list[nn.Parameter]] = {}
    for name, parameter in task.named_parameters():
        if not parameter.requires_grad:
            continue
        matrix = parameter.ndim == 2 and not any(part in name for part in _NOT_HIDDEN)
        groups = hidden if matrix and config.name == "muon" else others
        groups.setdefault(config.max_lr * rates.get(parameter, 1.0), []).append(parameter)
    if not hidden:  # nor with Muon, where only input and output are trained
        return torch.optim.AdamW(_as_groups(others), lr=config.max_lr, weight_decay=config.weight_decay)
    return MuonWithAdamW(_as_groups(hidden), _as_groups(others), config.max_lr, config.weight_decay)


def _as_groups(by_rate: dict[float, list[nn.Parameter]]) -> list[dict[str, Any]]:
    """Returns PyTorch's parameter groups, fastest first."""
    return [{"params": by_rate[lr], "lr": lr} for lr in sorted(by_rate, reverse=True)]


def _rates(task: nn.Module, config: OptimConfig) -> dict[nn.Parameter, float]:
    """Returns which share of the learning rate each weight of a pretrained encoder gets.

    Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification" (ACL 2018).
    """
    encoder = getattr(getattr(task, "model", None), "encoder", None)
    if encoder is None:
        return {}
    stages = encoder.stages
    return {
        parameter: config.encoder_lr_share * config.layer_decay ** (len(stages) - 1 - i)
        for i, stage in enumerate(stages)
        for module in stage
        for parameter in module.parameters()
    }
